//! Types whose values sit in one slot: enums, functions, user-defined value types.

use super::{Way, kinds::Answer};
use cutover_types::TypeInfo;

/// Sorts of types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Struct,
    Mapping,
    Array,
    Enum,
    Address,
    UserValue,
    Function,
    Elementary,
}

/// What sort of type an id names.
pub(super) fn head(id: &str) -> Head {
    let heads = [
        ("t_struct(", Head::Struct),
        ("t_mapping(", Head::Mapping),
        ("t_array(", Head::Array),
        ("t_enum(", Head::Enum),
        ("t_contract(", Head::Address),
        ("t_address", Head::Address),
        ("t_userDefinedValueType(", Head::UserValue),
        ("t_function_", Head::Function),
    ];
    heads
        .iter()
        .find(|(prefix, _)| id.starts_with(prefix))
        .map_or(Head::Elementary, |(_, head)| *head)
}

/// An enum is stored as the number of its member.
pub(super) fn enums(old: &TypeInfo, new: &TypeInfo, way: Way) -> Answer {
    if old.number_of_bytes != new.number_of_bytes {
        return Answer::Changed(format!(
            "`{}` takes {} bytes instead of {}",
            new.label, new.number_of_bytes, old.number_of_bytes
        ));
    }
    let (Some(before), Some(after)) = (&old.enum_values, &new.enum_values) else {
        return Answer::Unknown(format!(
            "the members of `{}` are not known without its syntax tree",
            old.label
        ));
    };
    if after.starts_with(before) {
        return Answer::Same;
    }
    let place = before.iter().zip(after).position(|(a, b)| a != b);
    match place {
        Some(i) => Answer::Changed(format!(
            "value {i} of `{}` is `{}` in {} and `{}` in {}",
            old.label,
            before[i],
            way.writer(),
            after[i],
            way.reader()
        )),
        None => Answer::Lossy(format!(
            "`{}` has no `{}` in {}: reading a stored one reverts",
            old.label,
            before[after.len()..].join("`, `"),
            way.reader()
        )),
    }
}

/// A stored function's type, without what changes neither its bytes nor what they mean.
pub(super) fn signature(info: &TypeInfo) -> Vec<&str> {
    let words = info.label.split_whitespace();
    words
        .filter(|word| !matches!(*word, "view" | "pure" | "payable"))
        .collect()
}

/// A user-defined value type is stored as what it is made of.
pub(super) fn user_values(
    (blue, old): (&str, &TypeInfo),
    (green, new): (&str, &TypeInfo),
) -> Answer {
    let resized = old.number_of_bytes != new.number_of_bytes;
    let stored = |id: &str, info: &TypeInfo| match (head(id), &info.underlying) {
        (Head::UserValue, Some(name)) => Some(name.trim_start_matches("t_").to_owned()),
        (Head::UserValue, None) => None,
        (Head::Elementary | Head::Address, _) => Some(id.trim_start_matches("t_").to_owned()),
        _ => Some(String::new()),
    };
    match (stored(blue, old), stored(green, new)) {
        (Some(before), Some(after)) if before == after && !before.is_empty() && !resized => {
            Answer::Same
        }
        (Some(before), Some(after))
            if !resized
                && head(&format!("t_{before}")) == Head::Address
                && head(&format!("t_{after}")) == Head::Address =>
        {
            Answer::Same
        }
        (Some(before), Some(after)) if !before.is_empty() && !after.is_empty() => {
            Answer::Changed(format!("stored as `{before}` before, as `{after}` now"))
        }
        (Some(_), Some(_)) => changed(old, new),
        _ if resized => changed(old, new),
        _ => Answer::Unknown(format!(
            "what `{}` is made of is not known without its syntax tree",
            if old.underlying.is_none() {
                &old.label
            } else {
                &new.label
            }
        )),
    }
}

/// Two types that have nothing to do with each other.
pub(super) fn changed(old: &TypeInfo, new: &TypeInfo) -> Answer {
    Answer::Changed(format!("`{}` becomes `{}`", old.label, new.label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A user-defined value type called `T`.
    fn made_of(underlying: &str, bytes: u64) -> TypeInfo {
        let mut info: TypeInfo = serde_json::from_value(json!({
            "encoding": "inplace", "label": "T", "numberOfBytes": bytes.to_string(),
        }))
        .unwrap();
        info.underlying = Some(underlying.to_owned());
        info
    }

    #[test]
    fn a_user_type_of_another_size_is_told_by_what_it_is_made_of() {
        let (old, new) = (made_of("t_uint128", 16), made_of("t_uint120", 15));
        let id = "t_userDefinedValueType(T)1";
        let Answer::Changed(why) = user_values((id, &old), (id, &new)) else {
            panic!("not a change");
        };
        assert_eq!(why, "stored as `uint128` before, as `uint120` now");
        assert!(matches!(user_values((id, &old), (id, &old)), Answer::Same));
    }
}

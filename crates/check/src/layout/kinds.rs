//! Types: is what blue stored as one type read back unchanged as the other?

use super::{align, gaps::Gaps, place};
use alloy_primitives::U512;
use cutover_types::{StorageLayout, TypeInfo};
use std::cell::RefCell;
use std::collections::HashSet;

/// The answer for two types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Every value reads back the same.
    Same,
    /// It does not: why.
    Changed(String),
    /// Nobody can tell: why.
    Unknown(String),
}

/// Types nested deeper than this are not followed.
const MAX_DEPTH: usize = 64;

/// A pair of types under comparison, with the room it has.
type Open = (String, String, U512);

/// Compares types of two layouts.
pub(super) struct Kinds<'a> {
    pub(super) blue: &'a StorageLayout,
    pub(super) green: &'a StorageLayout,
    pub(super) blue_gaps: &'a Gaps<'a>,
    pub(super) green_gaps: &'a Gaps<'a>,
    open: RefCell<HashSet<Open>>,
}

impl<'a> Kinds<'a> {
    pub(super) fn new(
        blue: &'a StorageLayout,
        green: &'a StorageLayout,
        blue_gaps: &'a Gaps<'a>,
        green_gaps: &'a Gaps<'a>,
    ) -> Self {
        Self {
            blue,
            green,
            blue_gaps,
            green_gaps,
            open: RefCell::new(HashSet::new()),
        }
    }

    /// Compares two types; green's may take up to `room` bytes.
    pub(super) fn compare(&self, blue: &str, green: &str, room: U512) -> Answer {
        let (Some(old), Some(new)) = (self.blue.types.get(blue), self.green.types.get(green))
        else {
            return Answer::Unknown(format!(
                "the layout does not describe `{blue}` or `{green}`"
            ));
        };
        let key = (blue.to_owned(), green.to_owned(), room);
        if self.open.borrow().len() > MAX_DEPTH {
            return Answer::Unknown(format!("`{}` is nested too deep", old.label));
        }
        if !self.open.borrow_mut().insert(key.clone()) {
            // A type inside itself: the outer comparison answers for it.
            return Answer::Same;
        }
        let answer = self.inside((blue, old), (green, new), room);
        self.open.borrow_mut().remove(&key);
        answer
    }

    fn inside(
        &self,
        (blue, old): (&str, &TypeInfo),
        (green, new): (&str, &TypeInfo),
        room: U512,
    ) -> Answer {
        match (head(blue), head(green)) {
            (Head::Struct, Head::Struct) => self.structs(old, new, room),
            (Head::Mapping, Head::Mapping) => self.mappings(old, new),
            (Head::Array, Head::Array) => self.arrays((blue, old), (green, new), room),
            (Head::Enum, Head::Enum) => enums(old, new),
            (Head::Address, Head::Address) => Answer::Same,
            (Head::UserValue, _) | (_, Head::UserValue) => user_values((blue, old), (green, new)),
            (Head::Enum, Head::Elementary) if green == "t_uint8" && old.number_of_bytes == "1" => {
                Answer::Same
            }
            (Head::Function, Head::Function) if old.label == new.label => Answer::Same,
            (Head::Elementary, Head::Elementary)
                if blue == green && old.number_of_bytes == new.number_of_bytes =>
            {
                Answer::Same
            }
            _ => changed(old, new),
        }
    }

    fn structs(&self, old: &TypeInfo, new: &TypeInfo, room: U512) -> Answer {
        let (Some(before), Some(after)) = (&old.members, &new.members) else {
            return Answer::Unknown(format!("the members of `{}` are not known", old.label));
        };
        match place::size(new) {
            Some(size) if size <= room => {}
            Some(_) => {
                return Answer::Changed(format!(
                    "`{}` grows from {} to {} bytes and runs into what follows",
                    old.label, old.number_of_bytes, new.number_of_bytes
                ));
            }
            None => return Answer::Unknown(format!("the size of `{}` is no number", new.label)),
        }
        align::members(self, before, after, &old.label)
    }

    fn mappings(&self, old: &TypeInfo, new: &TypeInfo) -> Answer {
        let (Some(old_key), Some(new_key), Some(old_value), Some(new_value)) =
            (&old.key, &new.key, &old.value, &new.value)
        else {
            return Answer::Unknown(format!("`{}` is not described in full", old.label));
        };
        match self.compare(old_key, new_key, U512::from(32)) {
            Answer::Same => self
                .compare(old_value, new_value, U512::MAX)
                .within("mapping value"),
            other => other.within("mapping key"),
        }
    }

    fn arrays(
        &self,
        (blue, old): (&str, &TypeInfo),
        (green, new): (&str, &TypeInfo),
        room: U512,
    ) -> Answer {
        let (Some(old_base), Some(new_base)) = (&old.base, &new.base) else {
            return Answer::Unknown(format!("`{}` is not described in full", old.label));
        };
        match (length(blue), length(green)) {
            (None, None) => {}
            (Some(before), Some(after)) if before <= after => {
                if place::size(new).is_none_or(|size| size > room) {
                    return Answer::Changed(format!(
                        "`{}` grows to `{}` and runs into what follows",
                        old.label, new.label
                    ));
                }
            }
            (Some(_), Some(_)) => {
                return Answer::Changed(format!(
                    "`{}` shrinks to `{}`: its last elements are lost",
                    old.label, new.label
                ));
            }
            _ => return changed(old, new),
        }
        let (Some(before), Some(after)) = (
            self.blue.types.get(old_base),
            self.green.types.get(new_base),
        ) else {
            return Answer::Unknown(format!("the elements of `{}` are not described", old.label));
        };
        // Elements keep their place only when they keep their size.
        let Some(size) = place::size(before) else {
            return Answer::Unknown(format!("the size of `{}` is no number", before.label));
        };
        if before.number_of_bytes != after.number_of_bytes {
            return Answer::Changed(format!(
                "array element changes size: `{}` has {} bytes, `{}` has {}",
                before.label, before.number_of_bytes, after.label, after.number_of_bytes
            ));
        }
        self.compare(old_base, new_base, size)
            .within("array element")
    }
}

impl Answer {
    fn within(self, place: &str) -> Self {
        match self {
            Self::Changed(why) => Self::Changed(format!("{place}: {why}")),
            Self::Unknown(why) => Self::Unknown(format!("{place}: {why}")),
            Self::Same => Self::Same,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Struct,
    Mapping,
    Array,
    Enum,
    Address,
    UserValue,
    Function,
    Elementary,
}

fn head(id: &str) -> Head {
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

/// The length of a fixed array, from `t_array(…)29_storage`; `None` for a dynamic one.
fn length(id: &str) -> Option<U512> {
    let tail = &id[id.rfind(')')? + 1..];
    tail.strip_suffix("_storage").unwrap_or(tail).parse().ok()
}

fn enums(old: &TypeInfo, new: &TypeInfo) -> Answer {
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
    Answer::Changed(match place {
        Some(i) => format!(
            "value {i} of `{}` was `{}` and is `{}` now",
            old.label, before[i], after[i]
        ),
        None => format!(
            "`{}` loses `{}`: stored values stop decoding",
            old.label,
            before[after.len()..].join("`, `")
        ),
    })
}

/// A user-defined value type is stored as what it is made of.
fn user_values((blue, old): (&str, &TypeInfo), (green, new): (&str, &TypeInfo)) -> Answer {
    if old.number_of_bytes != new.number_of_bytes {
        return changed(old, new);
    }
    let stored = |id: &str, info: &TypeInfo| match (head(id), &info.underlying) {
        (Head::UserValue, Some(name)) => Some(name.trim_start_matches("t_").to_owned()),
        (Head::UserValue, None) => None,
        (Head::Elementary | Head::Address, _) => Some(id.trim_start_matches("t_").to_owned()),
        _ => Some(String::new()),
    };
    match (stored(blue, old), stored(green, new)) {
        (Some(before), Some(after)) if before == after && !before.is_empty() => Answer::Same,
        (Some(before), Some(after))
            if head(&format!("t_{before}")) == Head::Address
                && head(&format!("t_{after}")) == Head::Address =>
        {
            Answer::Same
        }
        (Some(before), Some(after)) if !before.is_empty() && !after.is_empty() => {
            Answer::Changed(format!("stored as `{before}` before, as `{after}` now"))
        }
        (Some(_), Some(_)) => changed(old, new),
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

fn changed(old: &TypeInfo, new: &TypeInfo) -> Answer {
    Answer::Changed(format!("`{}` becomes `{}`", old.label, new.label))
}

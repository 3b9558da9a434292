//! OpenZeppelin's record of deployments, `.openzeppelin/NETWORK.json`: layouts without source.

use super::File;
use crate::{ArtifactError, Code, project::bounded};
use alloy_primitives::Address;
use cutover_types::{StorageItem, StorageLayout, TypeInfo, layout::erc7201, text::terminal};
use serde_json::Value;
use std::collections::BTreeMap;

/// Types nested deeper than this are left undescribed.
const MAX_DEPTH: usize = 64;
/// Variables, members and types of one layout.
const MAX_ITEMS: usize = 65_536;

/// The layout of one recorded implementation.
pub(super) fn read(file: &File<'_>, json: &Value) -> Result<Code, ArtifactError> {
    let entry = chosen(file, json)?;
    let mut code = Code {
        compiler: entry["layout"]["solcVersion"]
            .as_str()
            .map(|version| terminal(version, 80)),
        ..Code::default()
    };
    if file.options.need.layout {
        match layout(&entry["layout"]) {
            Ok(layout) => {
                code.missing.extend(unseen(&entry["layout"]));
                code.layout = Some(layout);
                code.layout_is_whole = true;
            }
            Err(why) => code.missing.push(why),
        }
    }
    if file.options.need.bytecode {
        let address = entry["address"].as_str().unwrap_or_default();
        code.missing.push(format!(
            "a manifest holds no code: that of {} is on the chain",
            terminal(address, 60)
        ));
    }
    Ok(code)
}

/// The implementation named by address or hash; the only one when none is named.
fn chosen<'a>(file: &File<'_>, json: &'a Value) -> Result<&'a Value, ArtifactError> {
    let impls = json["impls"].as_object().into_iter().flatten();
    let all: Vec<_> = impls.filter(|(_, entry)| entry.is_object()).collect();
    let shown = || {
        bounded(
            all.iter()
                .map(|(_, one)| one["address"].as_str().unwrap_or("?").to_owned()),
        )
    };
    let Some(wanted) = file.wanted else {
        return match all.as_slice() {
            [(_, one)] => Ok(one),
            [] => Err(file.malformed("the manifest records no implementation")),
            _ => Err(ArtifactError::Ambiguous {
                contract: "the implementation".to_owned(),
                place: file.place(),
                candidates: format!("write `#ADDRESS` after the file, one of {}", shown()),
            }),
        };
    };
    let address: Option<Address> = wanted.parse().ok();
    let is = |value: &Value| {
        let text = value.as_str();
        address.is_some() && text.and_then(|text| text.parse().ok()) == address
    };
    let listed = |entry: &Value| {
        let more = entry["allAddresses"].as_array().into_iter().flatten();
        is(&entry["address"]) || more.into_iter().any(is)
    };
    let bare = wanted.trim_start_matches("0x");
    let mut fitting = all
        .iter()
        .filter(|(hash, entry)| hash.trim_start_matches("0x") == bare || listed(entry));
    if let Some((_, one)) = fitting.next() {
        return Ok(one);
    }
    let mut proxies = json["proxies"].as_array().into_iter().flatten();
    if proxies.any(|proxy| is(&proxy["address"])) {
        return Err(file.malformed(format!(
            "{} is a proxy in it: name the implementation, one of {}",
            terminal(wanted, 80),
            shown()
        )));
    }
    Err(ArtifactError::NotFound {
        contract: terminal(wanted, 120),
        place: file.place(),
        near: format!("; there are {}", shown()),
    })
}

/// What a recorded layout cannot show.
fn unseen(layout: &Value) -> Vec<String> {
    let mut unseen = vec![
        "a manifest holds no source: storage at slots that only the code names was not seen, gaps are known by name alone".to_owned(),
    ];
    if layout["namespaces"]
        .as_object()
        .is_some_and(|map| !map.is_empty())
    {
        unseen.push(
            "the roots of its namespaces were taken from their ids: a manifest does not say which slots the code uses"
                .to_owned(),
        );
    }
    unseen
}

fn layout(json: &Value) -> Result<StorageLayout, String> {
    let listed = json["storage"]
        .as_array()
        .ok_or("the manifest has no layout of this implementation")?;
    if listed.len() > MAX_ITEMS
        || json["types"]
            .as_object()
            .is_some_and(|map| map.len() > MAX_ITEMS)
    {
        return Err("the manifest's layout is larger than any contract's".to_owned());
    }
    may_be_empty(json, listed)?;
    let mut types = BTreeMap::new();
    for (id, info) in json["types"].as_object().into_iter().flatten() {
        types.insert(id.clone(), described(id, info)?);
    }
    let mut layout = StorageLayout {
        storage: listed.iter().map(item).collect::<Result<_, _>>()?,
        ..StorageLayout::default()
    };
    for (id, members) in json["namespaces"].as_object().into_iter().flatten() {
        let members = members
            .as_array()
            .ok_or_else(|| "its members are no list".to_owned());
        match members.and_then(|members| members.iter().map(item).collect()) {
            Ok(members) => layout.namespaces.insert(id.clone(), members),
            Err(why) => {
                layout
                    .unplaced
                    .push(format!("namespace `{}`: {why}", terminal(id, 120)));
                continue;
            }
        };
        match id.strip_prefix("erc7201:") {
            Some(name) => {
                layout
                    .namespace_roots
                    .insert(id.clone(), erc7201(name.as_bytes()));
            }
            None => layout.unplaced.push(format!(
                "the root of namespace `{}` is not known: only ids that begin with `erc7201:` say it",
                terminal(id, 120)
            )),
        }
    }
    match &json["namespaces"] {
        Value::Object(_) => {}
        Value::Null => namespaces_possible(json, &mut layout),
        _ => return Err("the manifest's namespaces are no object".to_owned()),
    }
    for item in layout
        .storage
        .iter()
        .chain(layout.namespaces.values().flatten())
    {
        if !types.contains_key(&item.type_id) {
            return Err(format!(
                "the manifest does not describe the type of `{}`",
                terminal(&item.label, 120)
            ));
        }
    }
    layout.types = types;
    Ok(layout)
}

/// A list without variables is that of a contract without any only when nothing speaks against it: versions
/// before layouts had one left out what they did not understand.
fn may_be_empty(json: &Value, listed: &[Value]) -> Result<(), String> {
    let filled = |name: &str| json[name].as_object().map_or(0, serde_json::Map::len);
    if !listed.is_empty() || filled("namespaces") > 0 {
        return Ok(());
    }
    let types = filled("types");
    if types > 0 {
        return Err(format!(
            "the manifest lists no variable of this implementation, but describes {types} types: which variables it has is not known"
        ));
    }
    if json["layoutVersion"].is_null() {
        return Err(
            "the manifest lists no variable of this implementation, and was written before layouts had a version: whether it has none is not known"
                .to_owned(),
        );
    }
    Ok(())
}

/// Namespaces are recorded since upgrades-core 1.29; a layout without the list may have had some.
fn namespaces_possible(json: &Value, layout: &mut StorageLayout) {
    let version = json["solcVersion"].as_str().and_then(|text| {
        let mut parts = text.split(['.', '+']).map(|part| part.parse::<u64>().ok());
        Some((parts.next()??, parts.next()??, parts.next()??))
    });
    // The annotation is only allowed from 0.8.20 on.
    if version.is_none_or(|version| version >= (0, 8, 20)) {
        layout.unplaced.push(
            "the manifest was written by a version that did not record namespaces".to_owned(),
        );
    }
}

fn item(json: &Value) -> Result<StorageItem, String> {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let label = text("label").ok_or("a variable of the manifest has no name")?;
    let (Some(slot), Some(offset)) = (text("slot"), json["offset"].as_u64()) else {
        return Err(format!(
            "the manifest has no slot for `{}`: it was written without the compiler's layout",
            terminal(&label, 120)
        ));
    };
    Ok(StorageItem {
        ast_id: 0,
        contract: text("contract").unwrap_or_default(),
        label,
        offset,
        slot,
        type_id: text("type").ok_or("a variable of the manifest has no type")?,
        renamed_from: text("renamedFrom"),
        retyped_from: text("retypedFrom"),
        source: None,
    })
}

/// A type as solc describes it; manifests leave out what its id says.
fn described(id: &str, json: &Value) -> Result<TypeInfo, String> {
    let mut info = TypeInfo {
        encoding: "inplace".to_owned(),
        label: json["label"].as_str().unwrap_or(id).to_owned(),
        number_of_bytes: json["numberOfBytes"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        key: None,
        value: None,
        base: None,
        members: None,
        enum_values: None,
        underlying: json["underlying"]
            .as_str()
            .map(|id| id.trim_start_matches("t_").to_owned()),
    };
    if let Some(inner) = id.strip_prefix("t_mapping(") {
        info.encoding = "mapping".to_owned();
        if let [key, value] = arguments(inner).as_slice() {
            info.key = Some((*key).to_owned());
            info.value = Some((*value).to_owned());
        }
    } else if let Some(inner) = id.strip_prefix("t_array(") {
        if id.ends_with(")dyn_storage") {
            info.encoding = "dynamic_array".to_owned();
        }
        info.base = arguments(inner).first().map(|base| (*base).to_owned());
    } else if matches!(id, "t_string_storage" | "t_bytes_storage") {
        info.encoding = "bytes".to_owned();
    }
    let members = json["members"].as_array().map(Vec::as_slice);
    match members {
        Some(members) if id.starts_with("t_enum(") => {
            let names = members.iter().filter_map(Value::as_str);
            info.enum_values = Some(names.map(str::to_owned).collect());
        }
        Some(members) if members.len() <= MAX_ITEMS => {
            info.members = Some(members.iter().map(item).collect::<Result<_, _>>()?);
        }
        _ => {}
    }
    Ok(info)
}

/// The arguments of a type id, up to the bracket that closes it.
fn arguments(inner: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '(' if depth == MAX_DEPTH => return Vec::new(),
            '(' => depth += 1,
            ')' if depth == 0 => {
                found.push(&inner[start..at]);
                return found;
            }
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_a_type_are_split_at_its_own_commas() {
        let cases: [(&str, &[&str]); 4] = [
            ("t_address,t_uint256)", &["t_address", "t_uint256"]),
            (
                "t_address,t_mapping(t_bytes32,t_struct(A)5_storage))",
                &["t_address", "t_mapping(t_bytes32,t_struct(A)5_storage)"],
            ),
            (
                "t_struct(Q)12_storage)dyn_storage",
                &["t_struct(Q)12_storage"],
            ),
            ("t_address", &[]),
        ];
        for (inner, expected) in cases {
            assert_eq!(arguments(inner), expected, "{inner}");
        }
    }
}

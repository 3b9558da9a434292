//! Whether a layout can be one at all. Layouts come from files: one that contradicts itself says
//! nothing about storage, so nothing is concluded from it.

use super::place::{self, Placed};
use alloy_primitives::{U256, U512};
use cutover_types::{StorageItem, StorageLayout, TypeInfo};
use std::collections::{BTreeSet, HashMap};

/// More variables and members than any contract has.
const MAX_ITEMS: usize = 20_000;
/// Doubts that are told one by one.
const MAX_TOLD: usize = 8;

/// What is wrong with a layout, each in half a sentence.
pub(super) fn doubts(layout: &StorageLayout) -> Vec<String> {
    let lists = layout.namespaces.values().chain([&layout.storage]);
    let members = layout
        .types
        .values()
        .filter_map(|info| info.members.as_ref());
    let count: usize = lists.clone().chain(members).map(Vec::len).sum();
    if count > MAX_ITEMS {
        return vec![format!("{count} variables are too many to be compared")];
    }
    let mut doubts = Vec::new();
    for list in lists.clone() {
        doubts.extend(places(layout, list, None));
    }
    let reached = reached(layout, lists.flatten());
    for id in &reached {
        match layout.types.get(*id) {
            Some(info) => doubts.extend(kind(layout, id, info)),
            None => doubts.push(format!("the type `{id}` is not described")),
        }
    }
    doubts.extend(inside_itself(layout, &reached));
    if doubts.len() > MAX_TOLD {
        let more = doubts.split_off(MAX_TOLD).len();
        doubts.push(format!("and {more} more of the kind"));
    }
    doubts
}

/// Every type that some variable is made of.
fn reached<'a>(
    layout: &'a StorageLayout,
    items: impl Iterator<Item = &'a StorageItem>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut queue: Vec<&str> = items.map(|item| item.type_id.as_str()).collect();
    while let Some(id) = queue.pop() {
        if !reached.insert(id) {
            continue;
        }
        let Some(info) = layout.types.get(id) else {
            continue;
        };
        let parts = [&info.key, &info.value, &info.base];
        queue.extend(parts.into_iter().flatten().map(String::as_str));
        let members = info.members.iter().flatten();
        queue.extend(members.map(|member| member.type_id.as_str()));
    }
    reached
}

/// Whether the items of a list have places of their own, all before `end`.
fn places(layout: &StorageLayout, items: &[StorageItem], end: Option<U512>) -> Vec<String> {
    let Some(placed) = place::placed(items, layout) else {
        let bad = items
            .iter()
            .filter(|item| layout.types.contains_key(&item.type_id))
            .find(|item| place::Range::of(item, layout.types.get(&item.type_id)).is_none());
        // An unknown type is told once, where the types are looked at.
        return bad
            .map(|item| {
                format!(
                    "`{}` is at slot `{}`, offset {}, which is no place",
                    item.label, item.slot, item.offset
                )
            })
            .into_iter()
            .collect();
    };
    let word = U512::from(32);
    let end = end.unwrap_or((U512::from(U256::MAX) + U512::from(1)) * word);
    let mut doubts = Vec::new();
    for pair in placed.windows(2) {
        if pair[0].range.overlaps(&pair[1].range) {
            doubts.push(format!(
                "`{}` and `{}` overlap at {}",
                pair[0].item.label,
                pair[1].item.label,
                place::shown(pair[1].item)
            ));
        }
    }
    for Placed { item, range } in placed {
        let offset = U512::from(item.offset);
        if range.end > end {
            doubts.push(format!(
                "`{}` at {} reaches past the end",
                item.label,
                place::shown(item)
            ));
        } else if !offset.is_zero() && offset + (range.end - range.start) > word {
            doubts.push(format!(
                "`{}` at {} does not fit into its slot",
                item.label,
                place::shown(item)
            ));
        }
    }
    doubts
}

/// Whether a type is described as solc describes types.
fn kind(layout: &StorageLayout, id: &str, info: &TypeInfo) -> Option<String> {
    let Some(size) = place::size(info).filter(|size| !size.is_zero()) else {
        return Some(format!("the size of `{}` is no size", info.label));
    };
    let word = U512::from(32);
    let wanted = if id.starts_with("t_struct(") {
        let Some(members) = info.members.as_ref().filter(|members| !members.is_empty()) else {
            return Some(format!("the members of `{}` are missing", info.label));
        };
        let inside = places(layout, members, Some(size)).into_iter().next();
        if let Some(why) = inside {
            return Some(format!("in `{}`, {why}", info.label));
        }
        ("inplace", size.div_ceil(word) * word)
    } else if id.starts_with("t_mapping(") {
        if info.key.is_none() || info.value.is_none() {
            return Some(format!("`{}` has no key or no value", info.label));
        }
        ("mapping", word)
    } else if id.starts_with("t_array(") {
        let Some(base) = info.base.as_ref().and_then(|base| layout.types.get(base)) else {
            return Some(format!(
                "the elements of `{}` are not described",
                info.label
            ));
        };
        match place::length(id) {
            None => ("dynamic_array", word),
            Some(length) => match place::size(base).and_then(|base| extent(length, base)) {
                Some(extent) => ("inplace", extent),
                None => return Some(format!("the size of `{}` is no size", info.label)),
            },
        }
    } else if id.starts_with("t_string_") || id.starts_with("t_bytes_") {
        // `_storage` as a value, `_memory_ptr` as a mapping's key.
        ("bytes", word)
    } else {
        match elementary(id) {
            // Vyper gives every value a word of its own.
            Some(_) if size == word => ("inplace", word),
            Some(bytes) => ("inplace", U512::from(bytes)),
            // An enum of an old compiler may take two bytes, a user-defined type any number.
            None if id.starts_with("t_enum(") || id.starts_with("t_userDefinedValueType(") => {
                ("inplace", size.min(word))
            }
            None => return Some(format!("`{id}` is no type of a storage layout known here")),
        }
    };
    (wanted != (info.encoding.as_str(), size)).then(|| {
        format!(
            "`{}` is said to take {} bytes {}, which `{id}` cannot",
            info.label, info.number_of_bytes, info.encoding
        )
    })
}

/// The bytes of a fixed array: small elements share a slot, none crosses one.
fn extent(length: U256, element: U512) -> Option<U512> {
    let word = U512::from(32);
    let length = U512::from(length);
    if length.is_zero() || element.is_zero() {
        return None;
    }
    let slots = if element <= word {
        length.div_ceil(word / element)
    } else {
        length.checked_mul(element.div_ceil(word))?
    };
    slots.checked_mul(word)
}

/// The size of a type that has always the same.
fn elementary(id: &str) -> Option<u64> {
    let number = |prefix: &str| id.strip_prefix(prefix)?.parse::<u64>().ok();
    let bits = number("t_uint").or_else(|| number("t_int"));
    if let Some(bits) = bits {
        return (bits % 8 == 0 && (8..=256).contains(&bits)).then_some(bits / 8);
    }
    if let Some(bytes) = number("t_bytes") {
        return (1..=32).contains(&bytes).then_some(bytes);
    }
    match id {
        "t_bool" => Some(1),
        "t_decimal" => Some(32),
        "t_address" | "t_address_payable" => Some(20),
        _ if id.starts_with("t_contract(") => Some(20),
        _ if id.starts_with("t_function_external") => Some(24),
        _ if id.starts_with("t_function_internal") => Some(8),
        _ => None,
    }
}

/// A type that would have to hold itself in place, and so be endless.
fn inside_itself(layout: &StorageLayout, reached: &BTreeSet<&str>) -> Option<String> {
    let parts = |id: &str| -> Vec<&str> {
        let Some(info) = layout
            .types
            .get(id)
            .filter(|info| info.encoding == "inplace")
        else {
            return Vec::new();
        };
        let members = info.members.iter().flatten();
        let members = members.map(|member| member.type_id.as_str());
        members.chain(info.base.as_deref()).collect()
    };
    // Takes away what holds nothing that is left; what remains goes round in a circle.
    let mut holders: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut left: HashMap<&str, usize> = HashMap::new();
    for id in reached {
        let parts = parts(id);
        left.insert(id, parts.len());
        for part in parts {
            holders.entry(part).or_default().push(id);
        }
    }
    let mut queue: Vec<&str> = left
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(id, _)| *id)
        .collect();
    while let Some(id) = queue.pop() {
        left.remove(id);
        for holder in holders.remove(id).into_iter().flatten() {
            if let Some(count) = left.get_mut(holder) {
                *count -= 1;
                if *count == 0 {
                    queue.push(holder);
                }
            }
        }
    }
    let id = left.into_keys().min()?;
    Some(format!("`{id}` contains itself"))
}

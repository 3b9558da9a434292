//! What `@custom:oz-retyped-from` can vouch for: that the same bytes mean the same, not that what lies elsewhere is found
//! again.

use super::{
    kinds::Kinds,
    place::length,
    values::{Head, head},
};
use cutover_types::{StorageLayout, TypeInfo};
use std::collections::HashSet;

/// Types nested deeper than this are taken for different.
const MAX_DEPTH: usize = 64;

/// Whether the second type looks for every byte where the first has it, elements and entries included.
pub(super) fn keeps_the_bytes(kinds: &Kinds<'_>, types: [&str; 2]) -> bool {
    let mut retype = Retype {
        layouts: [kinds.blue, kinds.green],
        seen: HashSet::new(),
    };
    retype.keeps(types, 0)
}

struct Retype<'a> {
    layouts: [&'a StorageLayout; 2],
    seen: HashSet<[String; 2]>,
}

impl Retype<'_> {
    fn keeps(&mut self, types: [&str; 2], depth: usize) -> bool {
        // A struct can hold itself in a mapping: that is being asked already.
        if !self.seen.insert(types.map(str::to_owned)) {
            return true;
        }
        let [blue, green] = self.layouts;
        let (Some(old), Some(new)) = (blue.types.get(types[0]), green.types.get(types[1])) else {
            return false;
        };
        if depth > MAX_DEPTH || old.number_of_bytes != new.number_of_bytes {
            return false;
        }
        match types.map(head) {
            [Head::Mapping, Head::Mapping] => {
                self.hash_alike([&old.key, &new.key]) && self.parts([&old.value, &new.value], depth)
            }
            [Head::Array, Head::Array] => {
                length(types[0]) == length(types[1]) && self.parts([&old.base, &new.base], depth)
            }
            [Head::Struct, Head::Struct] if self.members([old, new], depth) => true,
            _ if old.encoding == "bytes" => new.encoding == "bytes",
            _ => is_flat(blue, types[0], 0) && is_flat(green, types[1], 0),
        }
    }

    fn parts(&mut self, parts: [&Option<String>; 2], depth: usize) -> bool {
        match parts {
            [Some(old), Some(new)] => self.keeps([old, new], depth + 1),
            _ => false,
        }
    }

    fn members(&mut self, [old, new]: [&TypeInfo; 2], depth: usize) -> bool {
        let (Some(before), Some(after)) = (&old.members, &new.members) else {
            return false;
        };
        before.len() == after.len()
            && before.iter().zip(after).all(|(old, new)| {
                (&old.slot, old.offset) == (&new.slot, new.offset)
                    && self.keeps([&old.type_id, &new.type_id], depth + 1)
            })
    }

    /// Whether equal keys lead to equal slots: each is filled up to a word, some on the left and some on the right.
    fn hash_alike(&self, keys: [&Option<String>; 2]) -> bool {
        let [Some(old), Some(new)] = keys else {
            return false;
        };
        let filled = |layout: &StorageLayout, id: &str| {
            let info = layout.types.get(id)?;
            let made_of = info.underlying.as_deref();
            let name = made_of.unwrap_or(id).trim_start_matches("t_");
            let filled = match info.number_of_bytes.as_str() {
                "32" => 'n',
                _ if name.starts_with("bytes") => 'r',
                _ if name.starts_with("int") => 's',
                _ => 'l',
            };
            Some((filled, info.number_of_bytes.clone(), info.encoding.clone()))
        };
        let [blue, green] = self.layouts;
        let old = filled(blue, old);
        old.is_some() && old == filled(green, new)
    }
}

/// Whether all of a type lies where the type does.
fn is_flat(layout: &StorageLayout, id: &str, depth: usize) -> bool {
    let Some(info) = layout.types.get(id) else {
        return false;
    };
    let members = info.members.iter().flatten();
    let mut parts = members.map(|member| &member.type_id).chain(&info.base);
    depth <= MAX_DEPTH
        && info.encoding == "inplace"
        && parts.all(|part| is_flat(layout, part, depth + 1))
}

//! Where in storage the variables of the source lie.

use crate::safety::{Subject, name};
use alloy_primitives::U256;
use cutover_types::{StorageItem, StorageLayout, storage::namespace_root};
use std::collections::HashMap;

/// Most variables that are looked at, and how deep structs may lie in each other.
const MAX_PLACES: usize = 20_000;
const MAX_DEPTH: usize = 8;

/// Some bytes of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: U256,
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Place {
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.slot == other.slot
            && self.offset < other.offset.saturating_add(other.size)
            && other.offset < self.offset.saturating_add(self.size)
    }

    /// These bytes of a word.
    pub(super) fn of(&self, word: U256) -> U256 {
        let bits = |bytes: u64| usize::try_from(bytes.min(32) * 8).unwrap_or(256);
        let high = word >> bits(self.offset);
        match bits(self.size) {
            256 => high,
            size => high & ((U256::from(1) << size) - U256::from(1)),
        }
    }
}

/// The places of variables and of members of structs, by id.
pub(super) struct Places<'a> {
    layout: &'a StorageLayout,
    found: HashMap<i64, (&'a str, Vec<Place>)>,
    mappings: HashMap<i64, (&'a str, Vec<U256>)>,
    left: usize,
}

impl<'a> Places<'a> {
    pub(super) fn new(layout: &'a StorageLayout) -> Self {
        let mut places = Self {
            layout,
            found: HashMap::new(),
            mappings: HashMap::new(),
            left: MAX_PLACES,
        };
        places.add(&layout.storage, U256::ZERO, MAX_DEPTH);
        for (id, members) in &layout.namespaces {
            let root = layout.namespace_roots.get(id).copied();
            let root = root.or_else(|| (!id.starts_with("0x")).then(|| namespace_root(id)));
            if let Some(root) = root {
                places.add(members, root.into(), MAX_DEPTH);
            }
        }
        places
    }

    /// Where something lies; nowhere, when that is not known.
    pub(super) fn of(&self, subject: &Subject<'_>, id: i64) -> &[Place] {
        let declared = subject.index.get(id);
        let known = self.found.get(&id).zip(declared);
        let known = known.filter(|((label, _), declared)| *label == name(declared.tree));
        known.map_or(&[], |((_, places), _)| places)
    }

    /// The slots of a mapping, from which those of its entries are hashed.
    pub(super) fn of_mapping(&self, subject: &Subject<'_>, id: i64) -> &[U256] {
        let declared = subject.index.get(id);
        let known = self.mappings.get(&id).zip(declared);
        let known = known.filter(|((label, _), declared)| *label == name(declared.tree));
        known.map_or(&[], |((_, slots), _)| slots)
    }

    fn add(&mut self, items: &'a [StorageItem], base: U256, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        for item in items {
            let Some(left) = self.left.checked_sub(1) else {
                return;
            };
            self.left = left;
            let info = self.layout.types.get(&item.type_id);
            let (Some(info), Ok(slot)) = (info, item.slot.parse::<U256>()) else {
                continue;
            };
            let slot = base.wrapping_add(slot);
            if let Some(members) = &info.members {
                self.add(members, slot, depth);
            }
            let size = info.number_of_bytes.parse().unwrap_or(u64::MAX);
            if info.encoding == "inplace" && size <= 32 {
                let place = Place {
                    slot,
                    offset: item.offset,
                    size,
                };
                let entry = self.found.entry(item.ast_id);
                let (_, places) = entry.or_insert_with(|| (&item.label, Vec::new()));
                places.push(place);
            } else if info.encoding == "mapping" {
                let entry = self.mappings.entry(item.ast_id);
                let (_, slots) = entry.or_insert_with(|| (&item.label, Vec::new()));
                slots.push(slot);
            }
        }
    }
}

//! Which variables slots belong to.

use super::{
    Path, Words,
    path::{At, Root, roots},
    value::{Hidden, MAX_NESTED, Packing, Shape, size, slots},
};
use crate::layout::StorageLayout;
use alloy_primitives::{B256, U256, keccak256};
use std::collections::{BTreeMap, BTreeSet};

/// Values, members and mapping entries looked at in all.
const MAX_LOOKS: usize = 1 << 20;
/// Slots looked for behind the start of a dynamic array or a long string.
const REACH: u64 = 1 << 32;

/// A value, or a part of one, that lies in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Which value.
    pub path: Path,
    /// The path as a person writes it.
    pub label: String,
    /// Its type.
    pub type_id: String,
    /// Byte offset in the slot.
    pub offset: u64,
}

/// What lies in each of `wanted`, as far as `layout` and the keys can tell; slots without an answer are
/// left out.
pub fn explain(
    layout: &StorageLayout,
    words: &(impl Words + ?Sized),
    wanted: &BTreeSet<B256>,
) -> BTreeMap<B256, Vec<Explained>> {
    let mut search = Search {
        layout,
        words,
        wanted: wanted
            .iter()
            .map(|slot| U256::from_be_bytes(slot.0))
            .collect(),
        hidden: Hidden::of(layout),
        looks: 0,
        found: BTreeMap::new(),
    };
    let (roots, _) = roots(layout, &|item| item.label.as_str(), true);
    for Root { at, item, slot } in &roots {
        search.value(at, &item.type_id, *slot, item.offset, 0);
    }
    search.found
}

struct Search<'a, W: ?Sized> {
    layout: &'a StorageLayout,
    words: &'a W,
    wanted: BTreeSet<U256>,
    hidden: Hidden<'a>,
    looks: usize,
    found: BTreeMap<B256, Vec<Explained>>,
}

impl<'a, W: Words + ?Sized> Search<'a, W> {
    fn value(&mut self, at: &At, type_id: &'a str, slot: U256, offset: u64, depth: usize) {
        let layout = self.layout;
        self.looks += 1;
        if depth > MAX_NESTED || self.looks > MAX_LOOKS {
            return;
        }
        if !self.hidden.has(type_id) && !self.any(slot, slots(layout, type_id)) {
            return;
        }
        let info = layout.types.get(type_id);
        let shape = Shape::of(layout, type_id);
        match shape {
            Shape::Struct => {
                for member in info
                    .and_then(|info| info.members.as_ref())
                    .into_iter()
                    .flatten()
                {
                    if let Ok(place) = member.slot.parse::<U256>() {
                        let at = at.member(&member.label, &member.label);
                        let slot = slot.wrapping_add(place);
                        self.value(&at, &member.type_id, slot, member.offset, depth + 1);
                    }
                }
            }
            Shape::FixedArray(length) => {
                if let Some(element) = info.and_then(|info| info.base.as_deref()) {
                    self.elements(
                        at,
                        element,
                        slot,
                        slots(layout, type_id),
                        Some(length),
                        depth,
                    );
                }
            }
            Shape::DynamicArray => {
                self.note(at, type_id, slot, 0);
                if let Some(element) = info.and_then(|info| info.base.as_deref()) {
                    self.elements(at, element, behind(slot), U256::from(REACH), None, depth);
                }
            }
            Shape::Bytes { .. } => {
                self.note(at, type_id, slot, 0);
                for hit in self.between(behind(slot), U256::from(REACH)) {
                    self.note(at, type_id, hit, 0);
                }
            }
            Shape::Mapping => self.entries(at, type_id, slot, depth),
            _ => self.note(at, type_id, slot, offset),
        }
    }

    fn elements(
        &mut self,
        at: &At,
        element: &'a str,
        start: U256,
        reach: U256,
        length: Option<u64>,
        depth: usize,
    ) {
        let packing = Packing::of(self.layout, element);
        let inside = self.hidden.has(element);
        let mut done = BTreeSet::new();
        // Entries behind elements have slots of their own far away: the first elements are looked into.
        let first = if inside {
            length.unwrap_or(0).min(16)
        } else {
            0
        };
        let mut indices: Vec<u64> = (0..first).collect();
        for hit in self.between(start, reach) {
            if let Some((at, count)) = packing.at(hit.wrapping_sub(start)) {
                indices.extend(
                    (at..at.saturating_add(count)).filter(|i| length.is_none_or(|l| *i < l)),
                );
            }
        }
        for index in indices {
            if done.insert(index) {
                let (slot, offset) = packing.place(start, index);
                self.value(&at.index(index), element, slot, offset, depth + 1);
            }
        }
    }

    fn entries(&mut self, at: &At, type_id: &'a str, base: U256, depth: usize) {
        let layout = self.layout;
        let Some(info) = layout.types.get(type_id) else {
            return;
        };
        let (Some(key), Some(value)) = (&info.key, &info.value) else {
            return;
        };
        let shape = Shape::of(layout, key);
        let reach = slots(layout, value);
        let inside = self.hidden.has(value);
        for (key, slot) in self.words.keys(base, &|word| shape.takes_key(word)) {
            self.looks += 1;
            if self.looks > MAX_LOOKS {
                return;
            }
            if inside || self.any(slot, reach) {
                self.value(&at.key(key, &shape), value, slot, 0, depth + 1);
            }
        }
    }

    fn note(&mut self, at: &At, type_id: &str, slot: U256, offset: u64) {
        if !self.any(slot, U256::from(1)) {
            return;
        }
        let places = self.found.entry(slot.into()).or_default();
        places.push(Explained {
            path: at.path.clone(),
            label: at.label.clone(),
            type_id: type_id.to_owned(),
            offset,
        });
    }

    fn any(&self, start: U256, reach: U256) -> bool {
        let last = start.saturating_add(reach.saturating_sub(U256::from(1)));
        self.wanted.range(start..=last).next().is_some()
    }

    fn between(&self, start: U256, reach: U256) -> Vec<U256> {
        let last = start.saturating_add(reach.saturating_sub(U256::from(1)));
        self.wanted.range(start..=last).copied().collect()
    }
}

/// Where the elements of a dynamic array or the bytes of a long string begin.
pub(super) fn behind(slot: U256) -> U256 {
    U256::from_be_bytes(keccak256(slot.to_be_bytes::<32>()).0)
}

impl Explained {
    /// The part of a word that belongs to it, as a person writes it.
    pub fn value(&self, layout: &StorageLayout, word: U256) -> String {
        let bytes = size(layout, &self.type_id).try_into().unwrap_or(32);
        match Shape::of(layout, &self.type_id) {
            Shape::DynamicArray => format!("length {word}"),
            shape => shape.read(word, self.offset, bytes),
        }
    }
}

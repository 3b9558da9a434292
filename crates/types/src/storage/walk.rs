//! Every value of a contract, one by one.

use super::{
    Keys, Path, Step,
    explain::behind,
    path::{At, Names, Root, roots},
    value::{MAX_NESTED, Packing, Shape, part, size},
};
use crate::{
    layout::{StorageItem, StorageLayout},
    text,
};
use alloy_primitives::{B256, U256, hex};
use std::collections::{BTreeMap, BTreeSet};

/// A length in storage above this is no length: nothing can have written so much.
const MAX_LENGTH: u64 = 1 << 32;

/// How much is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Values in all.
    pub values: usize,
    /// Elements from the start of each array, besides the known ones.
    pub elements: u64,
    /// Bytes of each string.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values: 4096,
            elements: 8,
            bytes: 128,
        }
    }
}

/// What was read of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// As a person writes it.
    pub text: String,
    /// Whether its bytes are all zero.
    pub zero: bool,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub path: Path,
    /// The path as a person writes it.
    pub label: String,
    /// Its type.
    pub type_label: String,
    /// Where it is; for strings and arrays the slot that holds the length.
    pub slot: B256,
    /// Byte offset in the slot.
    pub offset: u64,
    /// Bytes in the slot.
    pub size: u64,
    /// The value; `None` when a slot of it is not known.
    pub reading: Option<Reading>,
    /// The slot without which the value cannot be told.
    pub lacks: Option<B256>,
}

/// The values of a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// In the order of the layout.
    pub entries: Vec<Entry>,
    /// Slots that have to be known to say more.
    pub missing: BTreeSet<B256>,
    /// What was left out.
    pub notes: Vec<String>,
}

/// Reads the values of a contract. `names` says what a variable or member is called in the paths, `keys`
/// are the entries known of its mappings.
pub fn walk<'a>(
    layout: &'a StorageLayout,
    names: &dyn Fn(&'a StorageItem) -> &'a str,
    keys: &Keys,
    known: &BTreeMap<B256, U256>,
    limits: Limits,
) -> Walk {
    let (roots, unplaced) = roots(layout, names, false);
    let mut walker = Walker {
        layout,
        names,
        keys,
        known,
        limits,
        visits: 0,
        keyless: Vec::new(),
        lacks: None,
        walk: Walk {
            notes: unplaced,
            ..Walk::default()
        },
    };
    for Root { at, item, slot } in &roots {
        if is_gap(layout, item) {
            continue;
        }
        walker.value(at, &item.type_id, *slot, item.offset, 0);
    }
    let Walker {
        mut walk,
        keyless,
        visits,
        ..
    } = walker;
    if visits > limits.values {
        let limit = limits.values;
        walk.notes
            .push(format!("only the first {limit} values were read"));
    }
    if !keyless.is_empty() {
        let shown: Vec<_> = keyless
            .iter()
            .take(8)
            .map(|one| format!("`{one}`"))
            .collect();
        let more = match keyless.len().saturating_sub(8) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        walk.notes.push(format!(
            "no key is known of {}{more}: what they hold was not read",
            shown.join(", ")
        ));
    }
    walk
}

struct Walker<'w, 'a> {
    layout: &'a StorageLayout,
    names: Names<'w, 'a>,
    keys: &'w Keys,
    known: &'w BTreeMap<B256, U256>,
    limits: Limits,
    visits: usize,
    keyless: Vec<String>,
    /// The last slot that was asked for and is not known.
    lacks: Option<B256>,
    walk: Walk,
}

impl<'a> Walker<'_, 'a> {
    fn value(&mut self, at: &At, type_id: &'a str, slot: U256, offset: u64, depth: usize) {
        self.visits += 1;
        if depth > MAX_NESTED || self.visits > self.limits.values {
            return;
        }
        let layout = self.layout;
        let info = layout.types.get(type_id);
        match Shape::of(layout, type_id) {
            Shape::Struct => {
                let members = info.and_then(|info| info.members.as_ref());
                for member in members.into_iter().flatten() {
                    if let Ok(place) = member.slot.parse::<U256>()
                        && !is_gap(layout, member)
                    {
                        let at = at.member((self.names)(member), &member.label);
                        let slot = slot.wrapping_add(place);
                        self.value(&at, &member.type_id, slot, member.offset, depth + 1);
                    }
                }
            }
            Shape::FixedArray(length) => {
                if let Some(element) = info.and_then(|info| info.base.as_deref()) {
                    self.elements(at, element, slot, length, depth);
                }
            }
            Shape::DynamicArray => self.array(at, type_id, slot, depth),
            Shape::Bytes { text } => {
                let reading = self.bytes(slot, text);
                self.push(at, type_id, slot, 0, 32, reading);
            }
            Shape::Mapping => self.entries(at, type_id, slot, depth),
            shape => {
                let size = size(layout, type_id).try_into().unwrap_or(32).min(32);
                let reading = self.word(slot).map(|word| Reading {
                    text: shape.read(word, offset, size),
                    zero: part(word, offset, size).is_zero(),
                });
                self.push(at, type_id, slot, offset, size, reading);
            }
        }
    }

    fn array(&mut self, at: &At, type_id: &'a str, slot: U256, depth: usize) {
        let length = self.word(slot);
        let reading = length.map(|length| Reading {
            text: match u64::try_from(length) {
                Ok(1) => "1 element".to_owned(),
                Ok(length) if length < MAX_LENGTH => format!("{length} elements"),
                _ => format!("length {length:#x}, which no array has"),
            },
            zero: length.is_zero(),
        });
        self.push(at, type_id, slot, 0, 32, reading);
        let element = self.layout.types.get(type_id);
        let element = element.and_then(|info| info.base.as_deref());
        let length = length.and_then(|length| u64::try_from(length).ok());
        if let (Some(element), Some(length)) = (element, length)
            && length < MAX_LENGTH
        {
            self.elements(at, element, behind(slot), length, depth);
        }
    }

    fn elements(&mut self, at: &At, element: &'a str, start: U256, length: u64, depth: usize) {
        let packing = Packing::of(self.layout, element);
        let first = length.min(self.limits.elements);
        let mut indices: BTreeSet<u64> = (0..first).collect();
        indices.extend(self.keys.under(&at.path).filter_map(|step| match step {
            Step::Index(index) if *index < length => Some(*index),
            _ => None,
        }));
        let read = indices.len() as u64;
        if read < length {
            let note = format!("`{}`: {read} of {length} elements were read", at.label);
            self.walk.notes.push(note);
        }
        for index in indices {
            let (slot, offset) = packing.place(start, index);
            self.value(&at.index(index), element, slot, offset, depth + 1);
        }
    }

    fn entries(&mut self, at: &At, type_id: &'a str, base: U256, depth: usize) {
        let info = self.layout.types.get(type_id);
        let (Some(key), Some(value)) = (
            info.and_then(|info| info.key.as_deref()),
            info.and_then(|info| info.value.as_deref()),
        ) else {
            return;
        };
        let shape = Shape::of(self.layout, key);
        let keys = self.keys;
        let mut any = false;
        for step in keys.under(&at.path) {
            if let Step::Key(key) = step {
                any = true;
                let slot = alloy_primitives::keccak256(
                    [key.as_slice(), &base.to_be_bytes::<32>()].concat(),
                );
                let slot = U256::from_be_bytes(slot.0);
                self.value(&at.key(key.clone(), &shape), value, slot, 0, depth + 1);
            }
        }
        if !any {
            self.keyless.push(at.label.clone());
        }
    }

    fn bytes(&mut self, slot: U256, is_text: bool) -> Option<Reading> {
        let word = self.word(slot)?;
        let zero = word.is_zero();
        let raw = word.to_be_bytes::<32>();
        let no_string = |why: &str| Reading {
            text: format!("{}, which is no {why}", B256::from(word)),
            zero,
        };
        if !word.bit(0) {
            let length = usize::from(raw[31] / 2);
            // The compiler's own code panics here.
            let Some(bytes) = raw[..31].get(..length) else {
                return Some(no_string("string"));
            };
            return Some(Reading {
                text: shown(bytes, is_text, length as u64),
                zero,
            });
        }
        let length = match u64::try_from(word >> 1) {
            Ok(length) if (32..MAX_LENGTH).contains(&length) => length,
            _ => return Some(no_string("string")),
        };
        let wanted = length.min(self.limits.bytes);
        let start = behind(slot);
        let mut bytes = Vec::new();
        let mut complete = true;
        for index in 0..wanted.div_ceil(32) {
            match self.word(start.wrapping_add(U256::from(index))) {
                Some(word) => bytes.extend(word.to_be_bytes::<32>()),
                None => complete = false,
            }
        }
        bytes.truncate(usize::try_from(wanted).unwrap_or(0));
        complete.then(|| Reading {
            text: shown(&bytes, is_text, length),
            zero: false,
        })
    }

    fn word(&mut self, slot: U256) -> Option<U256> {
        let slot = B256::from(slot);
        let known = self.known.get(&slot).copied();
        if known.is_none() {
            self.walk.missing.insert(slot);
            self.lacks = Some(slot);
        }
        known
    }

    fn push(
        &mut self,
        at: &At,
        type_id: &str,
        slot: U256,
        offset: u64,
        size: u64,
        reading: Option<Reading>,
    ) {
        let info = self.layout.types.get(type_id);
        self.walk.entries.push(Entry {
            path: at.path.clone(),
            label: at.label.clone(),
            type_label: info.map_or(type_id, |info| info.label.as_str()).to_owned(),
            slot: slot.into(),
            offset,
            size,
            lacks: self.lacks.filter(|_| reading.is_none()),
            reading,
        });
    }
}

/// Bytes of a string, of which `length` are stored.
fn shown(bytes: &[u8], is_text: bool, length: u64) -> String {
    let rest = length.saturating_sub(bytes.len() as u64);
    let more = match rest {
        0 => String::new(),
        _ => format!("… ({length} bytes)"),
    };
    // A cut may go through a character.
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if rest > 0 && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    match valid.filter(|_| is_text) {
        Some(text) => format!("\"{}\"{more}", text::terminal(text, bytes.len())),
        None => format!("{}{more}", hex::encode_prefixed(bytes)),
    }
}

/// A storage gap holds nothing to read.
fn is_gap(layout: &StorageLayout, item: &StorageItem) -> bool {
    let name = item.label.trim_start_matches('_').to_ascii_lowercase();
    (name == "gap" || name.starts_with("gap_"))
        && matches!(Shape::of(layout, &item.type_id), Shape::FixedArray(_))
}

#[cfg(test)]
mod tests;

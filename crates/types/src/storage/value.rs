//! What the bytes of one value say, by its type.

use crate::layout::{StorageLayout, TypeInfo};
use alloy_primitives::{Address, B256, I256, U256, hex};
use std::collections::BTreeSet;

/// Types nested deeper than this are not followed.
pub(super) const MAX_NESTED: usize = 12;

/// The kind of a type, as far as reading it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// `bool`.
    Bool,
    /// `uintN`.
    Uint,
    /// `intN`.
    Int,
    /// An address or a contract.
    Address,
    /// An enum, with the names of its values where they are known.
    Enum(Option<Vec<String>>),
    /// `bytesN`.
    FixedBytes,
    /// `string` or `bytes`.
    Bytes {
        /// Whether it is a `string`.
        text: bool,
    },
    /// A struct.
    Struct,
    /// A mapping.
    Mapping,
    /// An array of fixed length.
    FixedArray(u64),
    /// An array with its length in storage.
    DynamicArray,
    /// A function pointer, or a type nobody described: shown as bytes.
    Raw,
}

impl Shape {
    /// The kind of a type of `layout`.
    pub fn of(layout: &StorageLayout, type_id: &str) -> Self {
        let Some(info) = layout.types.get(type_id) else {
            return by_name(type_id.trim_start_matches("t_"));
        };
        match info.encoding.as_str() {
            "mapping" => return Self::Mapping,
            "dynamic_array" => return Self::DynamicArray,
            "bytes" => {
                return Self::Bytes {
                    text: info.label.starts_with("string"),
                };
            }
            _ => {}
        }
        if info.members.is_some() {
            return Self::Struct;
        }
        if info.base.is_some() {
            return length(type_id, info).map_or(Self::Raw, Self::FixedArray);
        }
        if let Some(under) = &info.underlying {
            // A user-defined value type is made of an elementary one, never of another of its kind.
            return by_name(under.trim_start_matches("t_"));
        }
        match by_name(&info.label) {
            Self::Enum(_) => Self::Enum(info.enum_values.clone()),
            shape => shape,
        }
    }

    /// Whether a value of it lies inside one slot.
    pub fn is_leaf(&self) -> bool {
        matches!(
            self,
            Self::Bool
                | Self::Uint
                | Self::Int
                | Self::Address
                | Self::Enum(_)
                | Self::FixedBytes
                | Self::Raw
        )
    }

    /// The value of `size` bytes at `offset` of a word, from its low end.
    pub fn read(&self, word: U256, offset: u64, size: u64) -> String {
        let part = part(word, offset, size);
        match self {
            Self::Bool if part == U256::from(1) => "true".to_owned(),
            Self::Bool if part.is_zero() => "false".to_owned(),
            Self::Uint => part.to_string(),
            Self::Int => signed(part, size).to_string(),
            Self::Address if size <= 20 => Address::from_word(part.into()).to_string(),
            Self::Enum(names) => member(names.as_deref(), part),
            // Anything else is bytes: also a bool that is neither, which reads differently everywhere.
            _ => hex_of(part, size),
        }
    }

    /// A mapping key of this type.
    pub fn key(&self, word: B256) -> String {
        let number = U256::from_be_bytes(word.0);
        match self {
            Self::Bool => (!number.is_zero()).to_string(),
            Self::Uint => number.to_string(),
            Self::Int => I256::from_raw(number).to_string(),
            Self::Address if word[..12] == [0; 12] => Address::from_word(word).to_string(),
            Self::Enum(names) => member(names.as_deref(), number),
            _ => word.to_string(),
        }
    }

    /// Whether a word can be a key of this type.
    pub fn takes_key(&self, word: &B256) -> bool {
        match self {
            Self::Address => word[..12] == [0; 12],
            Self::Bool => word[..31] == [0; 31] && word[31] < 2,
            Self::Enum(_) => word[..31] == [0; 31],
            Self::Uint | Self::Int | Self::FixedBytes | Self::Raw => true,
            _ => false,
        }
    }
}

/// The size of a type in bytes; 32 where it is not described.
pub(super) fn size(layout: &StorageLayout, type_id: &str) -> U256 {
    layout
        .types
        .get(type_id)
        .and_then(|info| info.number_of_bytes.parse::<U256>().ok())
        .unwrap_or(U256::from(32))
}

/// The slots a type takes, at least one.
pub(super) fn slots(layout: &StorageLayout, type_id: &str) -> U256 {
    size(layout, type_id)
        .div_ceil(U256::from(32))
        .max(U256::from(1))
}

/// Types with parts at slots that are hashes: mappings, dynamic arrays, strings, and what holds them.
pub(super) struct Hidden<'a>(BTreeSet<&'a str>);

impl<'a> Hidden<'a> {
    pub(super) fn of(layout: &'a StorageLayout) -> Self {
        let mut hidden = BTreeSet::new();
        // Each round goes one level up; types nested deeper are not followed anyway.
        for _ in 0..MAX_NESTED {
            let before = hidden.len();
            for (id, info) in &layout.types {
                let holds = |id: &Option<String>| {
                    id.as_ref().is_some_and(|id| hidden.contains(id.as_str()))
                };
                let mut members = info.members.iter().flatten();
                if info.encoding != "inplace"
                    || holds(&info.base)
                    || members.any(|member| hidden.contains(member.type_id.as_str()))
                {
                    hidden.insert(id.as_str());
                }
            }
            if hidden.len() == before {
                break;
            }
        }
        Self(hidden)
    }

    pub(super) fn has(&self, type_id: &str) -> bool {
        self.0.contains(type_id)
    }
}

/// How elements of an array are packed: values in a slot, or slots of a value.
pub(super) enum Packing {
    /// This many in a slot, each of so many bytes.
    Many { count: u64, size: u64 },
    /// One takes whole slots.
    Whole(U256),
}

impl Packing {
    pub(super) fn of(layout: &StorageLayout, element: &str) -> Self {
        let size: u64 = size(layout, element).try_into().unwrap_or(u64::MAX);
        // Structs and arrays begin a slot of their own, however small.
        if (1..=16).contains(&size) && Shape::of(layout, element).is_leaf() {
            Self::Many {
                count: 32 / size,
                size,
            }
        } else {
            Self::Whole(slots(layout, element))
        }
    }

    /// Slot and byte offset of an element.
    pub(super) fn place(&self, start: U256, index: u64) -> (U256, u64) {
        match self {
            Self::Many { count, size } => (
                start.wrapping_add(U256::from(index / count)),
                (index % count) * size,
            ),
            Self::Whole(slots) => (start.wrapping_add(slots.wrapping_mul(U256::from(index))), 0),
        }
    }

    /// The elements that lie in the slot `distance` slots behind the first: first index and count.
    pub(super) fn at(&self, distance: U256) -> Option<(u64, u64)> {
        let (first, count) = match self {
            Self::Many { count, .. } => (distance.checked_mul(U256::from(*count))?, *count),
            Self::Whole(slots) => (distance / slots, 1),
        };
        Some((first.try_into().ok()?, count))
    }
}

/// `part` of a word.
pub(super) fn part(word: U256, offset: u64, size: u64) -> U256 {
    let Ok(shift) = usize::try_from(offset.saturating_mul(8)) else {
        return U256::ZERO;
    };
    if shift >= 256 {
        return U256::ZERO;
    }
    match size {
        0..32 => (word >> shift) & ((U256::from(1) << (size * 8)) - U256::from(1)),
        _ => word >> shift,
    }
}

fn signed(part: U256, size: u64) -> I256 {
    let bits = usize::try_from(size.clamp(1, 32) * 8).unwrap_or(256);
    if part.bit(bits - 1) && bits < 256 {
        return I256::from_raw(part | (U256::MAX << bits));
    }
    I256::from_raw(part)
}

fn member(names: Option<&[String]>, part: U256) -> String {
    let name = usize::try_from(part)
        .ok()
        .and_then(|index| names?.get(index));
    match (name, names) {
        (Some(name), _) => name.clone(),
        (None, Some(_)) => format!("{part} (no member)"),
        (None, None) => part.to_string(),
    }
}

fn hex_of(part: U256, size: u64) -> String {
    let bytes = part.to_be_bytes::<32>();
    let start = 32 - usize::try_from(size.clamp(1, 32)).unwrap_or(32);
    hex::encode_prefixed(&bytes[start..])
}

fn by_name(name: &str) -> Shape {
    let number = |rest: &str| rest.is_empty() || rest.bytes().all(|byte| byte.is_ascii_digit());
    let begins = |prefix: &str| name.strip_prefix(prefix);
    if name == "bool" {
        Shape::Bool
    } else if begins("address").is_some() || begins("contract").is_some() {
        Shape::Address
    } else if begins("enum").is_some() {
        Shape::Enum(None)
    } else if begins("uint").is_some_and(number) {
        Shape::Uint
    } else if begins("int").is_some_and(number) {
        Shape::Int
    } else if name == "bytes" || name.starts_with("bytes_") || name.starts_with("string") {
        Shape::Bytes {
            text: name.starts_with("string"),
        }
    } else if begins("bytes").is_some_and(number) {
        Shape::FixedBytes
    } else {
        Shape::Raw
    }
}

/// The length of a fixed array, from `t_array(…)29_storage` or else `uint256[29]`.
fn length(type_id: &str, info: &TypeInfo) -> Option<u64> {
    let tail = type_id.rsplit_once(')').map(|(_, tail)| tail);
    let by_id = tail.and_then(|tail| tail.strip_suffix("_storage").unwrap_or(tail).parse().ok());
    by_id.or_else(|| {
        let (_, tail) = info.label.rsplit_once('[')?;
        tail.strip_suffix(']')?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_word_read_as_their_types() {
        let address = Address::repeat_byte(0x7a);
        let low = U256::from_be_bytes(address.into_word().0);
        let word = low | (U256::from(1) << 160) | (U256::from(0xfe) << 168);
        let names = Some(vec!["Open".to_owned(), "Closed".to_owned()]);
        let cases = [
            (Shape::Address, 0, 20, address.to_string()),
            (Shape::Bool, 20, 1, "true".into()),
            (Shape::Bool, 21, 1, "0xfe".into()),
            (Shape::Int, 21, 1, "-2".into()),
            (Shape::Uint, 21, 1, "254".into()),
            (Shape::Enum(names.clone()), 20, 1, "Closed".into()),
            (Shape::Enum(names), 21, 1, "254 (no member)".into()),
            (Shape::Enum(None), 20, 1, "1".into()),
            (Shape::FixedBytes, 18, 2, "0x7a7a".into()),
            (Shape::Uint, 40, 2, "0".into()),
        ];
        for (shape, offset, size, expected) in cases {
            assert_eq!(shape.read(word, offset, size), expected, "{shape:?}");
        }
        assert_eq!(Shape::Int.read(U256::MAX, 0, 32), "-1");
        assert_eq!(Shape::Uint.read(U256::MAX, 0, 32), U256::MAX.to_string());
    }
}

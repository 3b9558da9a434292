//! Byte ranges in storage.

use alloy_primitives::{U256, U512};
use cutover_types::{StorageItem, TypeInfo};

/// Bytes from the start of the frame: `slot * 32 + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) start: U512,
    pub(crate) end: U512,
}

impl Range {
    /// The range of an item. `None` when its numbers are no numbers.
    pub(crate) fn of(item: &StorageItem, info: Option<&TypeInfo>) -> Option<Self> {
        let slot: U256 = item.slot.parse().ok()?;
        if item.offset > 31 {
            return None;
        }
        let start = U512::from(slot) * U512::from(32) + U512::from(item.offset);
        let size = size(info?)?;
        Some(Self {
            start,
            end: start + size,
        })
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The size of a type in bytes.
pub(super) fn size(info: &TypeInfo) -> Option<U512> {
    let size: U256 = info.number_of_bytes.parse().ok()?;
    Some(U512::from(size))
}

/// `slot 3` or `slot 3, offset 20`.
pub(crate) fn shown(item: &StorageItem) -> String {
    if item.offset == 0 {
        format!("slot {}", item.slot)
    } else {
        format!("slot {}, offset {}", item.slot, item.offset)
    }
}

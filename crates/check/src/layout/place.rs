//! Byte ranges in storage.

use alloy_primitives::{U256, U512};
use cutover_types::{StorageItem, StorageLayout, TypeInfo};

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

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// An item with its range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) item: &'a StorageItem,
    pub(super) range: Range,
}

/// Items with their ranges, in the order of their places. `None` when one has none.
pub(super) fn placed<'a>(
    items: &'a [StorageItem],
    layout: &StorageLayout,
) -> Option<Vec<Placed<'a>>> {
    let mut placed: Vec<_> = items
        .iter()
        .map(|item| {
            let range = Range::of(item, layout.types.get(&item.type_id))?;
            Some(Placed { item, range })
        })
        .collect::<Option<_>>()?;
    placed.sort_by_key(|one| one.range);
    Some(placed)
}

/// The first of `items`, which are in order and apart, that shares bytes with `range`.
pub(super) fn hit<'p, 'a>(items: &'p [Placed<'a>], range: &Range) -> Option<&'p Placed<'a>> {
    let first = items.partition_point(|one| one.range.end <= range.start);
    items.get(first).filter(|one| one.range.overlaps(range))
}

/// The size of a type in bytes.
pub(super) fn size(info: &TypeInfo) -> Option<U512> {
    let size: U256 = info.number_of_bytes.parse().ok()?;
    Some(U512::from(size))
}

/// The length of a fixed array, from `t_array(…)29_storage`; `None` for a dynamic one.
pub(super) fn length(id: &str) -> Option<U256> {
    let tail = &id[id.rfind(')')? + 1..];
    tail.strip_suffix("_storage").unwrap_or(tail).parse().ok()
}

/// `slot 3` or `slot 3, offset 20`.
pub(crate) fn shown(item: &StorageItem) -> String {
    if item.offset == 0 {
        format!("slot {}", item.slot)
    } else {
        format!("slot {}, offset {}", item.slot, item.offset)
    }
}

/// The contract's own name, without the file.
pub(super) fn short(contract: &str) -> &str {
    contract.rsplit(':').next().unwrap_or(contract)
}

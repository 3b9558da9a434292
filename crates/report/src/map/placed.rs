//! Where variables lie, structs by their members.

use alloy_primitives::U256;
use cutover_types::{StorageItem, StorageLayout};

/// Members shown of the structs of one side; structs behind them stay whole.
const MAX_MEMBERS: usize = 600;
/// Structs in structs, opened.
const MAX_NESTED: usize = 6;

/// A variable, or a member of one, with its slots: `first..end`.
#[derive(Clone, Debug)]
pub(super) struct Placed<'a> {
    pub(super) item: &'a StorageItem,
    /// The variable it is a member of, or itself.
    pub(super) root: &'a StorageItem,
    /// With the names of what it is in, `pair.left.amount`.
    pub(super) label: String,
    pub(super) kind: &'a str,
    pub(super) first: U256,
    pub(super) end: U256,
    pub(super) bytes: std::ops::Range<u64>,
}

/// Items with numbers that are numbers, in order, structs by their members.
pub(super) fn placed<'a>(items: &'a [StorageItem], layout: &'a StorageLayout) -> Vec<Placed<'a>> {
    let mut all = Vec::new();
    let mut left = MAX_MEMBERS;
    for item in items {
        if let Some(whole) = place(item, item, String::new(), U256::ZERO, layout) {
            open(whole, layout, 0, &mut left, &mut all);
        }
    }
    all.sort_by_key(|placed| (placed.first, placed.bytes.start));
    all
}

/// The members of a struct, or what is none as it is.
fn open<'a>(
    whole: Placed<'a>,
    layout: &'a StorageLayout,
    depth: usize,
    left: &mut usize,
    all: &mut Vec<Placed<'a>>,
) {
    let info = layout.types.get(&whole.item.type_id);
    let members = info.and_then(|info| info.members.as_deref());
    let members = members.filter(|members| !members.is_empty() && members.len() <= *left);
    let Some(members) = members.filter(|_| depth < MAX_NESTED) else {
        all.push(whole);
        return;
    };
    *left -= members.len();
    let prefix = format!("{}.", whole.label);
    let inside: Vec<_> = members
        .iter()
        .filter_map(|member| place(member, whole.root, prefix.clone(), whole.first, layout))
        .collect();
    // A member that is nowhere, or outside, is the layout's own mistake.
    if inside.len() < members.len() || inside.iter().any(|one| one.end > whole.end) {
        all.push(whole);
        return;
    }
    for member in inside {
        open(member, layout, depth + 1, left, all);
    }
}

fn place<'a>(
    item: &'a StorageItem,
    root: &'a StorageItem,
    prefix: String,
    base: U256,
    layout: &'a StorageLayout,
) -> Option<Placed<'a>> {
    let info = layout.types.get(&item.type_id)?;
    let first = base.checked_add(item.slot.parse().ok()?)?;
    let size: U256 = info.number_of_bytes.parse().ok()?;
    let start = item.offset.min(31);
    let slots = size.div_ceil(U256::from(32)).max(U256::ONE);
    let last = size
        .saturating_add(U256::from(start))
        .min(U256::from(32))
        .to::<u64>();
    Some(Placed {
        item,
        root,
        label: prefix + &item.label,
        kind: &info.label,
        first,
        end: first.saturating_add(slots),
        bytes: start..last.max(start + 1),
    })
}

/// Whether it only keeps room.
pub(super) fn is_gap(item: &StorageItem) -> bool {
    item.label.starts_with("__gap")
}

//! What became of the bytes of a line.

use super::{
    Cell, Mark, Row, cell,
    placed::{Placed, is_gap},
};
use alloy_primitives::U256;
use cutover_types::{Finding, StorageItem, check::Category};
use std::collections::BTreeSet;

/// What became of a line's bytes; with a variable that blocks and whose part here looks as it was.
pub(super) fn mark(
    old: Option<&Placed<'_>>,
    new: Option<&Placed<'_>>,
    blue: &[&Placed<'_>],
    slot: U256,
    findings: &[Finding],
) -> (Mark, Option<String>) {
    let blocked = |item: &StorageItem, is_blue: bool| {
        findings.iter().any(|finding| {
            let named = finding.label.as_ref() == Some(&item.label);
            let here = finding.slot.as_ref() == Some(&item.slot)
                && finding.offset == Some(item.offset)
                && finding.contract == item.contract;
            finding.category == Category::Layout
                && finding.blocks()
                && named
                && (here || is_blue && !is_gap(item))
        })
    };
    let plain = compared(old, new, blue, slot);
    if !new.is_some_and(|new| blocked(new.root, false))
        && !old.is_some_and(|old| blocked(old.root, true))
    {
        return (plain, None);
    }
    match (old, new) {
        // Of a struct that is where it was, only some members are the matter.
        (Some(old), Some(new))
            if plain == Mark::Same
                && !std::ptr::eq(new.item, new.root)
                && (&old.root.label, &old.root.slot) == (&new.root.label, &new.root.slot) =>
        {
            (plain, Some(new.root.label.clone()))
        }
        _ => (Mark::Wrong, None),
    }
}

/// [`mark`] as far as the two declarations show it.
fn compared(
    old: Option<&Placed<'_>>,
    new: Option<&Placed<'_>>,
    blue: &[&Placed<'_>],
    slot: U256,
) -> Mark {
    match (old, new) {
        (Some(old), Some(new)) if is_gap(old.item) && is_gap(new.item) => Mark::Same,
        (Some(old), Some(new)) if is_gap(old.item) && !is_gap(new.item) => Mark::Added,
        (Some(old), Some(new))
            if (&old.label, bare(old.kind), &old.bytes)
                == (&new.label, bare(new.kind), &new.bytes) =>
        {
            Mark::Same
        }
        (Some(_), Some(_)) => Mark::Changed,
        (Some(_), None) => Mark::Gone,
        (None, Some(new)) => {
            let bytes = cell(new, slot).bytes;
            let over = blue.iter().any(|old| {
                let used = cell(old, slot).bytes;
                !is_gap(old.item) && used.start < bytes.end && bytes.start < used.end
            });
            if over { Mark::Changed } else { Mark::Added }
        }
        (None, None) => Mark::Same,
    }
}

/// Where no member of a variable that blocks looks changed, all of them are what blocks.
pub(super) fn settle(rows: &mut [Row]) {
    let mut lines = Vec::new();
    for row in rows {
        if let Row::Slots { lines: some, .. } = row {
            lines.extend(some.iter_mut());
        }
    }
    let root = |cell: &Option<Cell>| {
        let label = cell.as_ref()?.label.split('.').next();
        label.map(str::to_owned)
    };
    let wrong = lines.iter().filter(|line| line.mark == Mark::Wrong);
    let told: BTreeSet<String> = wrong
        .flat_map(|line| [root(&line.blue), root(&line.green)])
        .flatten()
        .collect();
    for line in lines {
        if line
            .suspect
            .take()
            .is_some_and(|name| !told.contains(&name))
        {
            line.mark = Mark::Wrong;
        }
    }
}

/// A type without the contracts its parts are declared in.
pub(super) fn bare(kind: &str) -> String {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut out = String::new();
    for c in kind.chars() {
        if c == '.' {
            out.truncate(out.trim_end_matches(is_name).len());
        } else {
            out.push(c);
        }
    }
    out
}

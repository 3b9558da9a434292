//! Storage that lies over other storage: variables, namespaces, the proxy's own slots.

use super::{Outcome, Pair, place::Range};
use crate::rules;
use alloy_primitives::{B256, U256, U512};
use cutover_types::{Finding, StorageItem, StorageLayout, abi::PROXY_SLOTS, layout::SourceLine};
use std::collections::HashSet;

/// Something with bytes of its own.
struct Region<'a> {
    range: Range,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Variable(&'a StorageItem),
    Namespace(&'a str, &'a [StorageItem]),
    Proxy(&'static str),
}

pub(super) fn inspect(pair: Pair<'_>, outcome: &mut Outcome) {
    let known: HashSet<_> = overlaps(&regions(pair.blue))
        .into_iter()
        .map(|(a, b)| (a.name(pair.blue), b.name(pair.blue)))
        .collect();
    for (a, b) in overlaps(&regions(pair.green)) {
        let names = (a.name(pair.green), b.name(pair.green));
        let mut finding = Finding {
            label: Some(b.label().to_owned()),
            source: b.source().or(a.source()).cloned(),
            ..rules::STORAGE_OVERLAP.finding(
                b.contract().or(a.contract()).unwrap_or_default(),
                format!("{} lies over {}", names.1, names.0),
            )
        };
        if known.contains(&names) {
            finding.severity = cutover_types::Severity::Warning;
            finding.message += ", as in blue";
        }
        outcome.findings.push(finding);
    }
}

/// The bytes of one slot.
pub(crate) fn word(slot: B256) -> Range {
    let start = U512::from(U256::from_be_bytes(slot.0)) * U512::from(32);
    Range {
        start,
        end: start + U512::from(32),
    }
}

/// Everything in a layout that has a place, in order.
fn regions(layout: &StorageLayout) -> Vec<Region<'_>> {
    let mut all = Vec::new();
    for item in &layout.storage {
        if let Some(range) = Range::of(item, layout.types.get(&item.type_id)) {
            all.push(Region {
                range,
                what: What::Variable(item),
            });
        }
    }
    for (id, members) in &layout.namespaces {
        if let Some(range) = namespace(layout, id, members) {
            all.push(Region {
                range,
                what: What::Namespace(id, members),
            });
        }
    }
    for (slot, holds) in PROXY_SLOTS {
        all.push(Region {
            range: word(slot),
            what: What::Proxy(holds),
        });
    }
    all.sort_by_key(|region| region.range);
    all
}

/// The bytes of a namespace; `None` when its root or a member's size is not known.
pub(super) fn namespace(
    layout: &StorageLayout,
    id: &str,
    members: &[StorageItem],
) -> Option<Range> {
    let start = word(*layout.namespace_roots.get(id)?).start;
    let mut end = start;
    for item in members {
        let range = Range::of(item, layout.types.get(&item.type_id))?;
        end = end.max(start + range.end);
    }
    Some(Range { start, end })
}

/// Pairs that share bytes: each region with the one before it that reaches farthest.
fn overlaps<'r, 'a>(regions: &'r [Region<'a>]) -> Vec<(&'r What<'a>, &'r What<'a>)> {
    let mut found = Vec::new();
    let mut farthest: Option<&Region<'a>> = None;
    for region in regions {
        if let Some(before) = farthest {
            let both_declared = matches!(
                (before.what, region.what),
                (What::Variable(_), What::Variable(_))
            );
            if region.range.overlaps(&before.range) && !both_declared {
                found.push((&before.what, &region.what));
            }
        }
        if farthest.is_none_or(|before| before.range.end < region.range.end) {
            farthest = Some(region);
        }
    }
    found
}

impl What<'_> {
    fn name(&self, layout: &StorageLayout) -> String {
        match self {
            Self::Variable(item) => format!("`{}`", item.label),
            Self::Namespace(id, _) => super::namespaces::called(layout, id),
            Self::Proxy(holds) => format!("{holds}, which the proxy keeps"),
        }
    }

    fn label(&self) -> &str {
        match self {
            Self::Variable(item) => &item.label,
            Self::Namespace(id, _) => id,
            Self::Proxy(holds) => holds,
        }
    }

    fn first(&self) -> Option<&StorageItem> {
        match self {
            Self::Variable(item) => Some(item),
            Self::Namespace(_, members) => members.first(),
            Self::Proxy(_) => None,
        }
    }

    fn source(&self) -> Option<&SourceLine> {
        self.first()?.source.as_ref()
    }

    fn contract(&self) -> Option<&str> {
        Some(&self.first()?.contract)
    }
}

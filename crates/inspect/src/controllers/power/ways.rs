//! Keys that suffice to make one controller act, and how those of several combine.

use alloy_primitives::Address;
use cutover_types::inspection::{Controller, Presses};
use std::collections::BTreeSet;

/// Sets of keys that are kept for one contract: among more than these the fewest could be missed.
const SETS: usize = 48;
/// Keys that suffice, and how long it takes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    /// Whether they are not known, all or some.
    pub(super) unknown: bool,
    pub(super) signers: BTreeSet<Address>,
    pub(super) delay: u64,
}

/// Whether nobody stands behind it who would be listed.
pub(super) fn is_leaf(controller: &Controller) -> bool {
    !controller
        .members
        .iter()
        .any(|m| !matches!(m.presses, Presses::No | Presses::Finishes))
        && !is_passage(&controller.kind)
}

/// Contracts that act only when somebody makes them: without members nobody does.
pub(super) fn is_passage(kind: &str) -> bool {
    matches!(
        kind,
        "safe"
            | "timelock"
            | "proxy-admin"
            | "beacon"
            | "upgrade-executor"
            | "access-manager"
            | "aragon-kernel"
            | "aragon-agent"
    )
}

pub(super) fn leaf(controller: &Controller) -> Vec<Way> {
    let way = |unknown, signers| {
        vec![Way {
            unknown,
            signers,
            delay: 0,
        }]
    };
    match controller.kind.as_str() {
        "renounced" => Vec::new(),
        "anyone" => way(false, BTreeSet::new()),
        "eoa" | "eip7702" if !controller.facts.contains_key("may be alias of") => {
            way(false, BTreeSet::from([controller.address]))
        }
        _ => way(true, BTreeSet::new()),
    }
}

/// Every pair of a way of `some` and one of `others`.
pub(super) fn both(some: &[Way], others: &[Way]) -> Vec<Way> {
    let mut pairs = Vec::new();
    for one in some {
        for other in others {
            pairs.push(Way {
                unknown: one.unknown || other.unknown,
                signers: one.signers.union(&other.signers).copied().collect(),
                delay: one.delay.max(other.delay),
            });
        }
    }
    best(pairs)
}

/// Ways that take `needed` of these members, each by one of its ways.
pub(super) fn some_of(members: &[Vec<Way>], needed: usize) -> Vec<Way> {
    let start = Way {
        unknown: false,
        signers: BTreeSet::new(),
        delay: 0,
    };
    if needed > members.len() {
        return Vec::new();
    }
    let mut with: Vec<Vec<Way>> = vec![Vec::new(); needed + 1];
    with[0] = vec![start];
    for member in members {
        for count in (0..needed).rev() {
            let more = both(&with[count], member);
            let kept = &mut with[count + 1];
            kept.extend(more);
            *kept = best(std::mem::take(kept));
        }
    }
    with.pop().unwrap_or_default()
}

/// The quickest and the smallest, none twice.
pub(super) fn best(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by(|a, b| {
        (a.unknown, a.signers.len(), a.delay, &a.signers).cmp(&(
            b.unknown,
            b.signers.len(),
            b.delay,
            &b.signers,
        ))
    });
    ways.dedup();
    if ways.len() > SETS {
        let quickest = ways.iter().min_by_key(|way| way.delay).cloned();
        ways.truncate(SETS - 1);
        ways.extend(quickest);
    }
    ways
}

//! How many are alike.

use alloy_primitives::Address;
use cutover_types::{
    ProxyKind,
    fleet::{FleetAnswer, FleetGroup, FleetMember, FleetSummary, Upgrader},
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Groups that are told apart; what comes later is counted, not listed.
const GROUPS: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    answer: FleetAnswer,
    kind: Option<ProxyKind>,
    implementation: Option<Address>,
    controller: Option<Address>,
    upgrader: Option<Upgrader>,
    why: Option<String>,
}

#[derive(Default)]
pub(super) struct Tally {
    counts: BTreeMap<FleetAnswer, u64>,
    groups: BTreeMap<Alike, (u64, Address)>,
    unlisted: u64,
    pub(super) dismissed: u64,
}

impl Tally {
    pub(super) fn add(&mut self, member: &FleetMember) {
        *self.counts.entry(member.answer).or_default() += 1;
        let alike = Alike {
            answer: member.answer,
            kind: member.kind,
            implementation: member.implementation.as_ref().map(|at| at.address),
            controller: member.controller,
            upgrader: member.upgrader,
            why: member.group.clone(),
        };
        let full = self.groups.len() >= GROUPS;
        match self.groups.get_mut(&alike) {
            Some((count, _)) => *count += 1,
            None if full => self.unlisted += 1,
            None => drop(self.groups.insert(alike, (1, member.address))),
        }
    }

    pub(super) fn into_summary(self) -> FleetSummary {
        let count = |answer| self.counts.get(&answer).copied().unwrap_or_default();
        let mut groups: Vec<_> = self
            .groups
            .into_iter()
            .map(|(alike, (count, example))| FleetGroup {
                count,
                answer: alike.answer,
                kind: alike.kind,
                implementation: alike.implementation,
                controller: alike.controller,
                upgrader: alike.upgrader,
                why: alike.why,
                example,
            })
            .collect();
        // Proxies, then the others; stable, so that equal counts keep the order of their keys.
        groups.sort_by_key(|group| (group.answer, Reverse(group.count)));
        FleetSummary {
            addresses: self.counts.values().sum(),
            proxies: count(FleetAnswer::Proxy),
            not_proxies: count(FleetAnswer::NotAProxy),
            could_not_tell: count(FleetAnswer::CouldNotTell),
            dismissed: self.dismissed,
            groups,
            unlisted: self.unlisted,
        }
    }
}

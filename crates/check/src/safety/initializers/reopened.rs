//! Initializers that ran under blue and that green opens again: what shuts them is kept in another
//! place, which reads zero on every proxy.

use super::{
    begins, changes, modified,
    places::{Place, Places},
    versions::{is_chosen, signature},
};
use crate::{
    rules,
    safety::{
        Outcome, Subject,
        guard::{Guard, guard, locks, never_ends, sets},
        name,
        slots::{Slot, slots_of},
    },
};
use alloy_primitives::{B256, U256};
use cutover_types::{
    Finding, Severity, StorageLayout,
    source::{Node, entry_points},
};
use std::collections::{BTreeSet, HashSet};

/// A contract and its layout.
pub(super) struct Laid<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    pub(super) layout: &'s StorageLayout,
}

pub(super) fn inspect(blue: &Laid<'_, '_>, green: &Laid<'_, '_>, outcome: &mut Outcome) {
    let rule = rules::INITIALIZER_CALLABLE_BY_ANYONE;
    let subject = green.subject;
    let before: Vec<_> = entry_points(blue.subject.linearized)
        .into_iter()
        .filter(changes)
        .collect();
    let begun: Vec<_> = before.iter().copied().filter(begins).collect();
    if begun.is_empty() {
        return;
    }
    let ran: HashSet<_> = begun.iter().map(signature).collect();
    let known: HashSet<_> = before.iter().map(signature).collect();
    let places = Places::new(green.layout);
    let mut written = None;
    for entry in entry_points(subject.linearized).into_iter().filter(changes) {
        let first = modified(&entry, &["initializer"]);
        if !(first || ran.contains(&signature(&entry)))
            || is_chosen(subject, &entry)
            || subject.allowed(rule, &entry)
            || never_ends(subject, entry)
            || !matches!(guard(subject, entry), Guard::State | Guard::Block)
        {
            continue;
        }
        let what = name(entry.tree);
        let told = |found: &Finding| found.rule == rule.id && found.label.as_deref() == Some(what);
        if outcome.findings.iter().any(told) {
            continue;
        }
        let locks = locks(subject, entry);
        let all: Vec<_> = locks.iter().map(|id| places.of(subject, *id)).collect();
        // What lies nowhere in particular may be an entry of a mapping.
        if all.is_empty() || all.iter().any(|places| places.is_empty()) {
            continue;
        }
        let written = written.get_or_insert_with(|| written_by(blue, &begun));
        let mut all = all.into_iter().flatten();
        if all.any(|place| written.iter().any(|one| one.meets(place)) || is_set(subject, place)) {
            continue;
        }
        let names: Vec<_> = locks
            .iter()
            .filter_map(|id| subject.index.get(*id))
            .map(|one| format!("`{}`", name(one.tree)))
            .collect();
        let mut message = format!(
            "anybody can call `{what}` again on every proxy that blue initialized: it asks {}, which blue never wrote and which reads zero there",
            names.join(", ")
        );
        let shut = closer(subject, &known, &locks);
        let severity = match shut {
            None => Severity::Error,
            Some(shut) => {
                message.push_str(&format!(
                    ", until `{shut}` sets it: the upgrade has to call `{shut}` in the same transaction"
                ));
                Severity::Warning
            }
        };
        let finding = subject.finding(rule, &entry, entry.tree, message);
        outcome.findings.push(Finding {
            severity,
            ..finding
        });
    }
}

/// Where blue puts anything but zero.
fn written_by<'b>(blue: &Laid<'_, 'b>, begun: &[Node<'b>]) -> Vec<Place> {
    let subject = blue.subject;
    let places = Places::new(blue.layout);
    let sets = begun.first().map(|first| sets(subject, *first));
    let ids = sets.into_iter().flatten().flatten();
    let ids: BTreeSet<_> = ids.collect();
    let mut written: Vec<_> = ids
        .iter()
        .flat_map(|id| places.of(subject, *id))
        .copied()
        .collect();
    let roots: HashSet<_> = blue.layout.namespace_roots.values().collect();
    for entry in entry_points(subject.linearized) {
        for slot in &slots_of(subject, entry).written {
            // A pointer to a namespace is not its first slot.
            if let Slot::Known(slot) = *slot
                && !roots.contains(&slot)
            {
                written.push(Place {
                    slot: slot.into(),
                    offset: 0,
                    size: 32,
                });
            }
        }
    }
    written
}

/// Whether the proxy that was looked at has something there.
fn is_set(subject: &Subject<'_>, place: &Place) -> bool {
    let live = subject.options.live.as_ref();
    let word = live.and_then(|live| live.words.get(&B256::from(place.slot)));
    word.is_some_and(|word| place.of(*word) != U256::ZERO)
}

/// The function that came with green and sets what shuts the others.
fn closer<'a>(
    subject: &Subject<'a>,
    known: &HashSet<String>,
    locks: &BTreeSet<i64>,
) -> Option<&'a str> {
    let entries = entry_points(subject.linearized).into_iter().filter(changes);
    let mut new = entries.filter(|entry| !known.contains(&signature(entry)));
    let found = new.find(|entry| {
        let [own, _] = sets(subject, *entry);
        !own.is_disjoint(locks)
    });
    found.map(|entry| name(entry.tree))
}

//! What sets back the word that shuts an initializer, by its slot.

use super::{begins, changes, is_once, places::Places};
use crate::{
    rules,
    safety::{
        Outcome, Subject,
        guard::{Guard, guard, locks, never_ends, runs},
        name,
        slots::{Slot, erased, slots},
    },
};
use alloy_primitives::B256;
use cutover_types::{
    Finding, Severity, StorageLayout,
    source::{Node, entry_points, kind},
};
use std::collections::BTreeMap;

pub(super) fn inspect(
    subject: &Subject<'_>,
    layout: Option<&StorageLayout>,
    outcome: &mut Outcome,
) {
    let rule = rules::INITIALIZER_CALLABLE_BY_ANYONE;
    let entries = entry_points(subject.linearized);
    let all = || entries.iter().filter(|entry| changes(entry));
    let resets: Vec<_> = all()
        .filter(|entry| !is_once(entry))
        .filter_map(|entry| {
            let slots = erased(subject, *entry, &runs(subject, *entry));
            (!slots.is_empty()).then_some((*entry, slots))
        })
        .collect();
    if resets.is_empty() {
        return;
    }
    let places = layout.map(Places::new);
    // The slots that shut initializers.
    let mut shut = BTreeMap::new();
    for one in all().filter(|entry| begins(entry)) {
        let locks = locks(subject, *one).into_iter();
        let found = places.iter().zip(Some(locks));
        let found = found.flat_map(|(places, locks)| {
            locks
                .flat_map(|id| places.of(subject, id))
                .map(|place| place.slot.into())
        });
        for slot in found.chain(by_number(subject, *one)) {
            shut.entry(slot).or_insert(name(one.tree));
        }
    }
    for (entry, slots) in resets {
        let Some(opened) = slots.iter().find_map(|slot| shut.get(slot)) else {
            continue;
        };
        let what = name(entry.tree);
        if *opened == what || never_ends(subject, entry) || subject.allowed(rule, &entry) {
            continue;
        }
        let does =
            format!("`{what}` sets back the word that shuts `{opened}`, which then runs again");
        let (severity, message) = match guard(subject, entry) {
            Guard::Caller | Guard::Origin => continue,
            Guard::Unknown(_) | Guard::Caught => {
                outcome
                    .unknown
                    .push(format!("{does}: who may call it is not known"));
                continue;
            }
            Guard::State => (
                Severity::Warning,
                format!("{does}: anybody can call it while its conditions hold"),
            ),
            Guard::Open | Guard::Anybody | Guard::Block => {
                (Severity::Error, format!("{does}: anybody can call it"))
            }
        };
        let finding = subject.finding(rule, &entry, entry.tree, message);
        outcome.findings.push(Finding {
            severity,
            ..finding
        });
    }
}

/// The slots that the modifiers of a function write by number.
pub(super) fn by_number<'a>(subject: &Subject<'a>, entry: Node<'a>) -> Vec<B256> {
    let mut inside = runs(subject, entry).to_vec();
    inside.retain(|one| kind(one.node.tree) == "ModifierDefinition");
    let written = slots(subject, entry, &inside).written.into_iter();
    let known = written.filter_map(|slot| match slot {
        Slot::Known(slot) => Some(slot),
        Slot::Chosen(_) => None,
    });
    known.collect()
}

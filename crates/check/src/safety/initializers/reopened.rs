//! Initializers that ran under blue and that green opens again: what shuts them is kept in another
//! place, which reads zero on every proxy.

mod before;
mod entries;

use super::{
    begins, changes, modified,
    places::{Place, Places},
    versions::{is_chosen, signature},
};
use crate::{
    rules,
    safety::{
        Outcome, Subject,
        guard::{Guard, guard, locks, locks_surely, never_ends, sets},
        name,
        slots::{Slot, asked, slots_of},
    },
};
use alloy_primitives::{B256, U256};
use before::Before;
use cutover_types::{
    Finding, Severity, StorageLayout,
    source::{Node, entry_points, kind},
};
use entries::Keyed;
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
    let mut wrote = None;
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
        let lock = Lock::of(subject, &places, entry);
        let wrote = wrote.get_or_insert_with(|| Before::of(blue, &begun));
        match lock.shut(subject, wrote) {
            Some(true) => continue,
            None if wrote.has_same(subject, entry) => continue,
            None => {
                outcome.unknown.push(format!(
                    "whether anybody can call `{what}` again on every proxy that blue initialized is not known: where blue and green keep what shuts it cannot be followed"
                ));
                continue;
            }
            Some(false) => {}
        }
        let mut message = format!(
            "anybody can call `{what}` again on every proxy that blue initialized: it asks {}, which blue never wrote and which reads zero there",
            lock.told(subject)
        );
        let shut = closer(subject, &known, &lock);
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

/// What shuts an initializer of green behind its caller.
#[derive(Default)]
struct Lock {
    /// Variables and members of structs.
    states: BTreeSet<i64>,
    places: Vec<Place>,
    /// Words whose slots are written out in the source.
    slots: BTreeSet<B256>,
    /// Words of that kind that it may be just as well.
    perhaps: BTreeSet<B256>,
    entries: Vec<Keyed>,
    /// Whether there is something that cannot be followed.
    unknown: bool,
}

impl Lock {
    fn of<'a>(subject: &Subject<'a>, places: &Places<'_>, entry: Node<'a>) -> Self {
        let mut lock = Self::default();
        let states = locks(subject, entry);
        let asked = asked(subject, entry);
        lock.slots = asked.stop;
        lock.perhaps = asked.all;
        let surely = locks_surely(subject, entry);
        lock.unknown = lock.slots.is_empty() && asked.by_assembly && !surely;
        if !surely && !lock.slots.is_empty() {
            // A variable that is set back in the end, while a word is not.
            return lock;
        }
        for state in states {
            let Some(variable) = subject.index.get(state) else {
                continue;
            };
            let lies = places.of(subject, state);
            let slots = places.of_mapping(subject, state);
            lock.places.extend(lies);
            lock.states.insert(state);
            if kind(&variable.tree["typeName"]) == "Mapping" {
                lock.entries
                    .extend(entries::written(subject, &[entry], &|id| {
                        if id == state {
                            slots.to_vec()
                        } else {
                            Vec::new()
                        }
                    }));
            }
            let members = asked.members.iter().filter(|(member, _)| *member == state);
            let before = lock.slots.len();
            lock.slots.extend(members.map(|(_, slot)| *slot));
            lock.unknown |= lies.is_empty() && slots.is_empty() && lock.slots.len() == before;
        }
        lock
    }

    /// Whether it is shut on proxies that blue initialized; `None` where that is not known.
    fn shut(&self, subject: &Subject<'_>, blue: &Before) -> Option<bool> {
        let words = self.slots.iter().map(|slot| Place {
            slot: (*slot).into(),
            offset: 0,
            size: 32,
        });
        let mut places = self.places.iter().copied();
        if places.any(|place| blue.wrote(&place) || is_set(subject, &place))
            || words.clone().any(|word| is_set(subject, &word))
            || self.slots.iter().any(|slot| blue.wrote_word(slot))
        {
            return Some(true);
        }
        let entries: Vec<_> = self.entries.iter().map(|one| blue.has(one)).collect();
        if entries.contains(&Some(true)) {
            return Some(true);
        }
        let any = !(self.places.is_empty() && self.slots.is_empty() && self.entries.is_empty());
        if entries.contains(&None) || self.unknown || !any {
            // Where it is not all known, a word that both write may be what shuts it.
            let mut perhaps = self.perhaps.iter();
            let perhaps = perhaps.any(|slot| blue.wrote_word(slot));
            let nothing = !any && !self.unknown && self.perhaps.is_empty();
            return (perhaps || nothing).then_some(true);
        }
        Some(false)
    }

    /// What it is, by name.
    fn told(&self, subject: &Subject<'_>) -> String {
        let states = self.states.iter().filter_map(|id| subject.index.get(*id));
        let states = states.map(|one| format!("`{}`", name(one.tree)));
        let slots = self.slots.iter().map(|slot| format!("the word at {slot}"));
        let all: Vec<_> = states.chain(slots).collect();
        all.join(", ")
    }
}

/// Whether the proxy that was looked at has something there.
fn is_set(subject: &Subject<'_>, place: &Place) -> bool {
    let live = subject.options.live.as_ref();
    let word = live.and_then(|live| live.words.get(&B256::from(place.slot)));
    word.is_some_and(|word| place.of(*word) != U256::ZERO)
}

/// The function that came with green and sets what shuts the others.
fn closer<'a>(subject: &Subject<'a>, known: &HashSet<String>, lock: &Lock) -> Option<&'a str> {
    let entries = entry_points(subject.linearized).into_iter().filter(changes);
    let mut new = entries.filter(|entry| !known.contains(&signature(entry)));
    let found = new.find(|entry| {
        let own = sets(subject, *entry);
        let words = slots_of(subject, *entry);
        let mut words = words.written.iter();
        !own.is_disjoint(&lock.states)
            || words.any(|word| matches!(word, Slot::Known(word) if lock.slots.contains(word)))
    });
    found.map(|entry| name(entry.tree))
}

//! Who may change what a guard goes by: to compare the caller with the owner is worth no more than
//! what it takes to become the owner.

mod gate;

use super::{Guard, Subject, conditions::Weight, writes::writes};
use cutover_types::source::{Node, entry_points, id};
use gate::{Gate, Opened};
use std::collections::{BTreeSet, HashMap};

/// Most times that all is weighed again because something else turned out to be open.
const MAX_ROUNDS: usize = 8;

/// A function that lets in who may not: it changes what a guard compares the caller with.
pub(in crate::safety) struct Opening<'a> {
    pub(in crate::safety) entry: Node<'a>,
    /// What it changes, by name.
    pub(in crate::safety) states: BTreeSet<String>,
    pub(in crate::safety) guard: Guard,
}

/// What lets others past functions that look at their caller, each of which would keep them out:
/// nothing where one of them still does.
pub(in crate::safety) fn opened<'a>(
    subject: &Subject<'a>,
    functions: &[Node<'a>],
) -> Vec<Opening<'a>> {
    let mut guards: Vec<_> = functions
        .iter()
        .map(|one| Gate::new(subject, *one))
        .collect();
    let mut keys: BTreeSet<i64> = guards.iter_mut().flat_map(|one| one.keys()).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let mut gates = openable(subject, &guards, &mut keys);
    let mut open: Vec<Opened> = Vec::new();
    let mut first: Vec<Opened> = Vec::new();
    for round in 0..MAX_ROUNDS {
        let next: Vec<_> = gates
            .iter_mut()
            .flat_map(|gate| gate.opens(&keys, &open))
            .collect();
        if round == 0 {
            first.clone_from(&next);
        }
        if next.len() == open.len() {
            break;
        }
        open = next;
    }
    if open.is_empty()
        || guards
            .iter_mut()
            .any(|one| one.weight(&open) == Weight::Caller)
    {
        return Vec::new();
    }
    let mut found: Vec<Opening<'a>> = Vec::new();
    for gate in &gates {
        let entry = gate.function;
        let own = first.iter().filter(|one| one.entry == id(entry.tree));
        let lightest = own.clone().map(|one| one.weight).min();
        let states = own.filter_map(|one| subject.index.get(one.place.state));
        let states = states.map(|one| crate::safety::name(one.tree).to_owned());
        if let Some(lightest) = lightest {
            found.push(Opening {
                entry,
                states: states.collect(),
                guard: lightest.into(),
            });
        }
    }
    found
}

/// The functions that change what guards go by, and what their own guards go by, and so on.
fn openable<'s, 'a>(
    subject: &'s Subject<'a>,
    guards: &[Gate<'s, 'a>],
    keys: &mut BTreeSet<i64>,
) -> Vec<Gate<'s, 'a>> {
    let Some(any) = guards.first() else {
        return Vec::new();
    };
    // What each function writes by itself.
    let all = subject.graph.all().iter();
    let written: HashMap<i64, BTreeSet<i64>> = all
        .map(|one| {
            let writes = writes(subject, any.flow(), one.node);
            (id(one.node.tree), writes.iter().map(|one| one.to).collect())
        })
        .collect();
    let mut left: Vec<_> = entry_points(subject.linearized)
        .into_iter()
        .filter(|entry| {
            !matches!(
                entry.tree["stateMutability"].as_str(),
                Some("view" | "pure")
            )
        })
        .map(|entry| {
            let runs = super::runs(subject, entry);
            let written = runs
                .iter()
                .filter_map(|one| written.get(&id(one.node.tree)));
            let written: BTreeSet<i64> = written.flatten().copied().collect();
            (entry, written)
        })
        .collect();
    let mut found: Vec<Gate<'s, 'a>> = Vec::new();
    loop {
        let (now, later): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(_, written)| !written.is_disjoint(keys));
        left = later;
        if now.is_empty() {
            return found;
        }
        for (entry, _) in now {
            let mut gate = Gate::new(subject, entry);
            keys.extend(gate.keys());
            found.push(gate);
        }
        for gate in &found {
            let sources = gate.sources(keys);
            keys.extend(sources);
        }
    }
}

//! Names of root slots that stand for others' values: a constant or a struct that has another root than it had, where
//! one of the two roots is still somebody's.

use super::{Outcome, Pair, place::short};
use crate::rules;
use alloy_primitives::B256;
use cutover_types::{Finding, StorageLayout, abi::PROXY_SLOTS, layout::SourceLine};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn compare(pair: Pair<'_>, outcome: &mut Outcome) {
    let (blue, green) = (Names::of(pair.blue), Names::of(pair.green));
    let mut told = BTreeSet::new();
    for (name, before) in &blue.all {
        let (Some(from), Some(to)) = (before.only(), green.all.get(name).and_then(Named::only))
        else {
            continue;
        };
        let somebodys = green.roots.contains(&from) || blue.roots.contains(&to);
        if from == to || !somebodys || !told.insert(from) {
            continue;
        }
        let words = match name {
            Name::Constant(name) | Name::Struct(name) => name,
        };
        outcome.findings.push(Finding {
            label: Some(words.clone()),
            source: green.all.get(name).and_then(|named| named.source.clone()),
            ..rules::NAMESPACE_MOVED.finding(
                &before.contract,
                format!("`{words}` stood for {from} and stands for {to} now, where other values are or were"),
            )
        });
    }
    taken_over(pair, &mut told, outcome);
}

/// Functions that name their slot without a constant and take over what was another's, which takes a third.
fn taken_over(pair: Pair<'_>, told: &mut BTreeSet<B256>, outcome: &mut Outcome) {
    let only = |layout: &StorageLayout, name: &str| {
        let slots = &layout.slot_users.get(name)?.slots;
        slots.first().copied().filter(|_| slots.len() == 1)
    };
    let moves: Vec<_> = pair
        .blue
        .slot_users
        .keys()
        .filter_map(|name| Some((name, only(pair.blue, name)?, only(pair.green, name)?)))
        .filter(|(_, from, to)| from != to)
        .collect();
    for (name, from, to) in &moves {
        let Some((other, ..)) = moves.iter().find(|(_, before, _)| before == to) else {
            continue;
        };
        let Some(user) = pair
            .green
            .slot_users
            .get(*name)
            .filter(|_| told.insert(*from))
        else {
            continue;
        };
        outcome.findings.push(Finding {
            label: Some((*name).clone()),
            source: user.source.clone(),
            ..rules::NAMESPACE_MOVED.finding(
                &user.contract,
                format!("`{name}` named {from} and names {to} now, where the values of `{other}` are or were"),
            )
        });
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Constant(String),
    /// With the contract it is declared in.
    Struct(String),
}

/// The roots that a name is used for.
#[derive(Debug, Default)]
struct Named {
    roots: BTreeSet<B256>,
    contract: String,
    source: Option<SourceLine>,
}

impl Named {
    /// The root, where the name has one alone: of several nobody can tell which is which.
    fn only(&self) -> Option<B256> {
        let mut roots = self.roots.iter();
        roots.next().copied().filter(|_| roots.next().is_none())
    }
}

/// Whatever a layout calls its root slots, annotated namespaces apart: their ids are compared.
#[derive(Debug, Default)]
struct Names {
    all: BTreeMap<Name, Named>,
    roots: BTreeSet<B256>,
}

impl Names {
    fn of(layout: &StorageLayout) -> Self {
        let mut names = Self::default();
        for (id, root) in &layout.namespace_roots {
            names.roots.insert(*root);
            let Some(one) = layout
                .namespace_structs
                .get(id)
                .filter(|one| !one.annotated)
            else {
                continue;
            };
            let declared = Name::Struct(format!("{}.{}", short(&one.contract), one.name));
            let constant = one.constant.clone().map(Name::Constant);
            for name in constant.into_iter().chain([declared]) {
                names.add(name, *root, &one.contract, one.source.as_ref());
            }
        }
        for (slot, word) in &layout.slots {
            if PROXY_SLOTS.iter().any(|(known, _)| known == slot) {
                continue;
            }
            names.roots.insert(*slot);
            if let Some(constant) = &word.constant {
                let name = Name::Constant(constant.clone());
                names.add(name, *slot, &word.contract, word.source.as_ref());
            }
        }
        names
    }

    fn add(&mut self, name: Name, root: B256, contract: &str, source: Option<&SourceLine>) {
        let named = self.all.entry(name).or_default();
        named.roots.insert(root);
        named.contract = contract.to_owned();
        named.source = source.cloned();
    }
}

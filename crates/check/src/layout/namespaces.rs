//! Namespaces: structs at slots of their own, ERC-7201 or not.

use super::{Outcome, Pair, align::Frame, kinds::Kinds, place::short};
use crate::rules;
use alloy_primitives::B256;
use cutover_types::{Finding, StorageItem, StorageLayout, layout::NamespaceStruct};

pub(super) fn compare(pair: Pair<'_>, kinds: &Kinds<'_>, outcome: &mut Outcome) {
    for (id, members) in &pair.blue.namespaces {
        let root = pair.blue.namespace_roots.get(id).copied();
        let Some((green_id, after)) = counterpart(pair, id, root) else {
            let finding = match relocated(pair, id, members) {
                Some(to) => moved(id, root, to, members),
                // What could not be seen is not gone; that it could not is said for the whole side.
                None if !pair.green_side.shows_namespaces() => continue,
                None => gone(pair, id, members),
            };
            outcome.findings.push(finding);
            continue;
        };
        match (root, pair.green.namespace_roots.get(green_id).copied()) {
            (Some(from), Some(to)) if from != to => {
                outcome.findings.push(moved(id, root, to, after));
            }
            (Some(_), Some(_)) => {}
            _ if computed(pair.blue, id) && computed(pair.green, green_id) => {}
            _ => outcome.unknown.push(format!(
                "the root slot of namespace `{id}` could not be read from the code"
            )),
        }
        let frame = Frame {
            kinds,
            options: pair.options,
            contract: pair.green_side.contract.unwrap_or_default(),
            scope: Some(id),
        };
        frame.compare(members, after, outcome);
    }
}

/// Whether its slots are worked out at run time.
pub(super) fn computed(layout: &StorageLayout, id: &str) -> bool {
    layout
        .namespace_structs
        .get(id)
        .is_some_and(|one| one.computed)
}

/// The namespace with this id, or else one at the same root, the one of the same struct first.
fn counterpart<'a>(
    pair: Pair<'a>,
    id: &str,
    root: Option<B256>,
) -> Option<(&'a str, &'a [StorageItem])> {
    if let Some((id, members)) = pair.green.namespaces.get_key_value(id) {
        return Some((id, members));
    }
    let name = pair.blue.namespace_structs.get(id).map(|one| &one.name);
    let there = || {
        let all = pair.green.namespaces.iter();
        all.filter(|(id, _)| root.is_some() && pair.green.namespace_roots.get(*id) == root.as_ref())
    };
    let same = |id: &str| pair.green.namespace_structs.get(id).map(|one| &one.name) == name;
    there()
        .find(|(id, _)| same(id))
        .or_else(|| there().next())
        .map(|(id, members)| (id.as_str(), members.as_slice()))
}

/// Where a namespace without an id of its own went: the same struct, the same slot constant, or
/// the same members, at a root blue does not use.
fn relocated(pair: Pair<'_>, id: &str, members: &[StorageItem]) -> Option<B256> {
    let before = pair.blue.namespace_structs.get(id);
    if before.map_or(!id.starts_with("0x"), |one| one.annotated) {
        return None;
    }
    let candidates: Vec<_> = pair
        .green
        .namespaces
        .iter()
        .filter_map(|(other, after)| {
            let root = *pair.green.namespace_roots.get(other)?;
            let fresh = !pair.blue.namespaces.contains_key(other)
                && !pair
                    .blue
                    .namespace_roots
                    .values()
                    .any(|known| *known == root);
            fresh.then_some((root, pair.green.namespace_structs.get(other), after))
        })
        .collect();
    let declared = |one: &NamespaceStruct| (short(&one.contract).to_owned(), one.name.clone());
    let by = |sign: &dyn Fn(Option<&NamespaceStruct>, &[StorageItem]) -> bool| {
        let mut found = candidates
            .iter()
            .filter(|(_, one, after)| sign(*one, after));
        // Two that fit are none: nobody can tell which.
        match (found.next(), found.next()) {
            (Some((root, ..)), None) => Some(*root),
            _ => None,
        }
    };
    by(&|one, _| before.map(declared).is_some() && one.map(declared) == before.map(declared))
        .or_else(|| {
            by(&|one, _| {
                let constant = before.and_then(|one| one.constant.as_ref());
                constant.is_some() && one.and_then(|one| one.constant.as_ref()) == constant
            })
        })
        .or_else(|| by(&|_, after| labels(members).eq(labels(after))))
}

fn gone(pair: Pair<'_>, id: &str, members: &[StorageItem]) -> Finding {
    let mut finding = finding(
        rules::DELETE_NAMESPACE,
        id,
        members,
        format!("namespace `{id}` is gone, with {} variables", members.len()),
    );
    if let Some((to, name)) = renamed(pair, id, members) {
        finding.message += &format!("; `{name}` is in namespace `{to}` now, at another root");
        finding.help = format!("write `{id}` above `{name}` again, and take its root slot");
    }
    finding
}

/// The id that the struct of a namespace has now, with the struct's name.
fn renamed<'a>(pair: Pair<'a>, id: &str, members: &[StorageItem]) -> Option<(&'a str, &'a str)> {
    let before = pair.blue.namespace_structs.get(id)?;
    let mut fresh = pair
        .green
        .namespace_structs
        .iter()
        .filter(|(other, _)| !pair.blue.namespaces.contains_key(*other));
    let same = |other: &str, one: &NamespaceStruct| {
        let after = pair
            .green
            .namespaces
            .get(other)
            .map_or(&[][..], Vec::as_slice);
        one.name == before.name && short(&one.contract) == short(&before.contract)
            || labels(members).eq(labels(after))
    };
    fresh
        .find(|(other, one)| same(other, one))
        .map(|(other, one)| (other.as_str(), one.name.as_str()))
}

fn moved(id: &str, from: Option<B256>, to: B256, members: &[StorageItem]) -> Finding {
    let from = from.map_or("an unknown slot".to_owned(), |root| root.to_string());
    finding(
        rules::NAMESPACE_MOVED,
        id,
        members,
        format!("namespace `{id}` moves from {from} to {to}"),
    )
}

/// A finding about a namespace.
pub(super) fn finding(
    rule: &'static rules::Rule,
    id: &str,
    members: &[StorageItem],
    message: String,
) -> Finding {
    let contract = members.first().map_or("", |m| m.contract.as_str());
    Finding {
        label: Some(id.to_owned()),
        source: members.first().and_then(|m| m.source.clone()),
        ..rule.finding(contract, message)
    }
}

/// What a namespace is called in messages: its id, or its struct when the id is a bare slot.
pub(super) fn called(layout: &StorageLayout, id: &str) -> String {
    match layout.namespace_structs.get(id) {
        Some(one) if !one.annotated && !one.computed => format!("`{}` at {id}", one.name),
        _ => format!("namespace `{id}`"),
    }
}

fn labels(members: &[StorageItem]) -> impl Iterator<Item = &str> {
    members.iter().map(|member| member.label.as_str())
}

//! Namespaces: structs at slots of their own, ERC-7201 or not.

use super::{Outcome, Pair, align::Frame, kinds::Kinds};
use crate::rules;
use alloy_primitives::B256;
use cutover_types::{Finding, StorageItem, StorageLayout};

pub(super) fn compare(pair: Pair<'_>, kinds: &Kinds<'_>, outcome: &mut Outcome) {
    for (id, members) in &pair.blue.namespaces {
        let root = pair.blue.namespace_roots.get(id).copied();
        let Some((green_id, after)) = counterpart(pair.green, id, root) else {
            match relocated(pair, id, members) {
                Some(to) => outcome.findings.push(moved(id, root, Some(to), members)),
                None => outcome.findings.push(finding(
                    rules::DELETE_NAMESPACE,
                    id,
                    members,
                    format!("namespace `{id}` is gone, with {} variables", members.len()),
                )),
            }
            continue;
        };
        match (root, pair.green.namespace_roots.get(green_id).copied()) {
            (Some(from), Some(to)) if from != to => {
                outcome
                    .findings
                    .push(moved(id, Some(from), Some(to), after));
            }
            (Some(_), Some(_)) => {}
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

/// The namespace with this id, or else one at the same root.
fn counterpart<'a>(
    green: &'a StorageLayout,
    id: &str,
    root: Option<B256>,
) -> Option<(&'a str, &'a [StorageItem])> {
    if let Some((id, members)) = green.namespaces.get_key_value(id) {
        return Some((id, members));
    }
    let root = root?;
    green
        .namespaces
        .iter()
        .find(|(id, _)| green.namespace_roots.get(*id) == Some(&root))
        .map(|(id, members)| (id.as_str(), members.as_slice()))
}

/// Where a namespace that has no id of its own went: same members at a root blue does not use.
fn relocated(pair: Pair<'_>, id: &str, members: &[StorageItem]) -> Option<B256> {
    if !id.starts_with("0x") {
        return None;
    }
    pair.green.namespaces.iter().find_map(|(other, after)| {
        let root = pair.green.namespace_roots.get(other)?;
        let fresh = !pair
            .blue
            .namespace_roots
            .values()
            .any(|known| known == root);
        let same = members
            .iter()
            .map(|m| &m.label)
            .eq(after.iter().map(|m| &m.label));
        (fresh && same).then_some(*root)
    })
}

fn moved(id: &str, from: Option<B256>, to: Option<B256>, members: &[StorageItem]) -> Finding {
    let shown = |root: Option<B256>| root.map_or("an unknown slot".to_owned(), |r| r.to_string());
    finding(
        rules::NAMESPACE_MOVED,
        id,
        members,
        format!(
            "namespace `{id}` moves from {} to {}",
            shown(from),
            shown(to)
        ),
    )
}

fn finding(
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

//! Whether an upgrade function puts anything where the proxy looks for its implementation.

use super::{is_upgrade, proxiable, writes_slot};
use crate::safety::{
    Subject,
    guard::runs,
    slots::{Slot, is_told, slots_of},
};
use alloy_primitives::{B256, keccak256};
use cutover_types::{
    abi,
    source::{Node, entry_points, is_own, kind, unresolved, visit},
};
use std::collections::BTreeSet;

/// What becomes of the new implementation's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lands {
    /// In no slot of a proxy.
    Nowhere,
    /// In a variable.
    Variable,
    /// Code that is not at hand, or a slot that cannot be told, decides.
    Perhaps,
    /// Where the proxy looks.
    Slot,
}

/// The slots that hold the implementation of a proxy which blue upgrades.
pub(super) fn wanted(subject: &Subject<'_>, blue: Option<&Subject<'_>>) -> BTreeSet<B256> {
    let mut all = BTreeSet::from([
        abi::IMPLEMENTATION_SLOT,
        abi::ZOS_IMPLEMENTATION_SLOT,
        keccak256("PROXIABLE"),
    ]);
    let said = |subject: &Subject<'_>| proxiable::slot(subject);
    match blue {
        Some(blue) => {
            all.extend(said(blue));
            for entry in entry_points(blue.linearized).into_iter().filter(is_upgrade) {
                let slots = slots_of(blue, entry);
                all.extend(slots.written.iter().copied().filter_map(known));
            }
        }
        None => all.extend(said(subject)),
    }
    all
}

pub(super) fn lands<'a>(subject: &Subject<'a>, entry: Node<'a>, wanted: &BTreeSet<B256>) -> Lands {
    let inside = runs(subject, entry);
    let slots = slots_of(subject, entry);
    let written = &slots.written;
    let there = |slot: &Slot| known(*slot).is_none_or(|slot| wanted.contains(&slot));
    if written.iter().any(there) || inside.iter().any(|one| writes_slot(subject, one)) {
        return Lands::Slot;
    }
    let mut found = match is_told(subject, entry, &inside) {
        true => Lands::Nowhere,
        false => Lands::Perhaps,
    };
    for one in inside.iter() {
        if !unresolved(subject.index, &one.node).is_empty() {
            found = Lands::Perhaps;
        }
        visit(one.node.tree, &mut |tree| {
            let callee = tree["functionName"]["name"].as_str();
            let base = &tree["expression"];
            let runs_other = match kind(tree) {
                "YulFunctionCall" => matches!(callee, Some("delegatecall" | "callcode")),
                "InlineAssembly" => tree["operations"].is_string(),
                "MemberAccess" if tree["memberName"] == "delegatecall" => true,
                "MemberAccess" if tree["memberName"] == "callcode" => true,
                // The proxy itself may be asked to upgrade.
                "MemberAccess" => {
                    let function = tree["typeDescriptions"]["typeIdentifier"].as_str();
                    let function = function.unwrap_or_default();
                    (function.starts_with("t_function_external")
                        || function.starts_with("t_function_barecall_"))
                        && is_own(base)
                        && subject.graph.target(&one.node, tree).is_none()
                }
                _ => false,
            };
            if runs_other {
                found = Lands::Perhaps;
            }
            let left = &tree["leftHandSide"];
            let address = left["typeDescriptions"]["typeString"].as_str();
            if kind(tree) == "Assignment"
                && address.is_some_and(|name| name.starts_with("address"))
                && left["referencedDeclaration"]
                    .as_i64()
                    .and_then(|id| subject.index.get(id))
                    .is_some_and(|one| one.tree["stateVariable"] == true)
            {
                found = found.max(Lands::Variable);
            }
        });
    }
    found
}

/// Whether a contract keeps the implementation in a variable, as a proxy with the same variable reads it.
pub(super) fn is_in_a_variable(subject: &Subject<'_>, wanted: &BTreeSet<B256>) -> bool {
    let mut upgrades = entry_points(subject.linearized)
        .into_iter()
        .filter(is_upgrade);
    upgrades.any(|entry| lands(subject, entry, wanted) == Lands::Variable)
}

fn known(slot: Slot) -> Option<B256> {
    match slot {
        Slot::Known(slot) => Some(slot),
        Slot::Chosen(_) => None,
    }
}

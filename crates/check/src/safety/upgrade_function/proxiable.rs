//! ERC-1822: what an upgradeable implementation says of itself before it is put in place.

use crate::{
    rules,
    safety::{Outcome, Subject, constant, name},
};
use alloy_primitives::B256;
use cutover_types::{
    abi,
    source::{Node, Tree, entry_points, kind, visit},
};

pub(super) fn inspect(
    subject: &Subject<'_>,
    blue: Option<&Subject<'_>>,
    contract: &Node<'_>,
    outcome: &mut Outcome,
) {
    let rule = rules::PROXIABLE_UUID;
    let Some(blue) = blue.filter(|blue| asks(blue)) else {
        return;
    };
    if subject.allowed(rule, contract) {
        return;
    }
    let wanted = slot(blue).unwrap_or(abi::IMPLEMENTATION_SLOT);
    let Some(ours) = function(subject) else {
        let message = format!(
            "`{}` has no `proxiableUUID()`, which blue's upgrade function asks for: the upgrade reverts",
            name(contract.tree)
        );
        let finding = subject.finding(rule, contract, contract.tree, message);
        outcome.findings.push(finding);
        return;
    };
    if let Some(slot) = returned(subject, ours)
        && slot != wanted
        && !subject.allowed(rule, &ours)
    {
        let message = format!(
            "`proxiableUUID` returns {slot}, blue's upgrade function expects {wanted}: the upgrade reverts"
        );
        let finding = subject.finding(rule, &ours, ours.tree, message);
        outcome.findings.push(finding);
    }
}

fn is_uuid(tree: &Tree) -> bool {
    let parameters = tree["parameters"]["parameters"].as_array();
    name(tree) == "proxiableUUID" && parameters.is_none_or(<[_]>::is_empty)
}

pub(super) fn function<'a>(subject: &Subject<'a>) -> Option<Node<'a>> {
    entry_points(subject.linearized)
        .into_iter()
        .find(|one| is_uuid(one.tree) && one.tree["body"].is_object())
}

/// The slot a contract says its proxy's implementation is in.
pub(super) fn slot(subject: &Subject<'_>) -> Option<B256> {
    returned(subject, function(subject)?)
}

/// Whether a contract calls another's `proxiableUUID`.
fn asks(subject: &Subject<'_>) -> bool {
    let mut found = false;
    for function in subject.graph.all() {
        visit(function.node.tree, &mut |tree| {
            found |= kind(tree) == "MemberAccess" && tree["memberName"] == "proxiableUUID";
        });
    }
    found
}

/// The value a function returns, when it is a constant.
fn returned<'a>(subject: &Subject<'a>, function: Node<'a>) -> Option<B256> {
    constant::returned(subject, function).map(B256::from)
}

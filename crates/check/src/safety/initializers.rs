//! What stands in for constructors: functions that may run once behind the proxy.

mod calls;
mod events;
mod locked;
mod open;
mod parents;
mod places;
mod reopened;
mod reset;
mod versions;

use super::{Outcome, Subject, name};
use cutover_types::{
    StorageLayout,
    source::{Node, documentation, is_interface},
};
pub(super) use open::once;
use reopened::Laid;

/// `layouts` are blue's and green's.
pub(super) fn inspect(
    subject: &Subject<'_>,
    blue: Option<&Subject<'_>>,
    layouts: [Option<&StorageLayout>; 2],
    outcome: &mut Outcome,
) {
    let Some(contract) = subject.linearized.first() else {
        return;
    };
    if contract.tree["abstract"] == true || is_interface(contract.tree) {
        return;
    }
    calls::inspect(subject, blue, contract, outcome);
    open::inspect(subject, blue, outcome);
    reset::inspect(subject, layouts[1], outcome);
    if let (Some(blue), [Some(before), Some(layout)]) = (blue, layouts) {
        let blue = Laid {
            subject: blue,
            layout: before,
        };
        reopened::inspect(&blue, &Laid { subject, layout }, outcome);
    }
    versions::inspect(subject, blue, contract, outcome);
    locked::inspect(subject, contract, outcome);
}

/// Whether a function initializes, by its modifier, its name or its annotation.
fn initializes(function: &Node<'_>) -> bool {
    modified(function, &["initializer", "onlyInitializing"])
        || matches!(name(function.tree), "initialize" | "initializer")
        || documentation(function.tree).lines().any(|line| {
            line.split_whitespace().next() == Some("@custom:oz-upgrades-validate-as-initializer")
        })
}

/// Whether a proxy begins with a function, or with what follows an upgrade.
fn begins(function: &Node<'_>) -> bool {
    initializes(function)
        || modified(function, &["reinitializer"])
        || open::sounds_like_one(name(function.tree))
}

/// Whether a modifier says that a function runs once.
fn is_once(function: &Node<'_>) -> bool {
    modified(
        function,
        &["initializer", "reinitializer", "onlyInitializing"],
    )
}

/// Whether a function may change state.
fn changes(function: &Node<'_>) -> bool {
    !matches!(
        function.tree["stateMutability"].as_str(),
        Some("view" | "pure")
    )
}

fn is_open(function: &Node<'_>) -> bool {
    matches!(
        function.tree["visibility"].as_str(),
        Some("public" | "external")
    )
}

fn modified(function: &Node<'_>, names: &[&str]) -> bool {
    function.tree["modifiers"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|invocation| names.contains(&name(&invocation["modifierName"])))
}

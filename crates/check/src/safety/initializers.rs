//! Bases that want to be initialized, and nothing that does it.

use super::{Outcome, Subject, members, name};
use crate::rules;
use cutover_types::source::{Node, is_interface};

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    let Some((contract, bases)) = subject.linearized.split_first() else {
        return;
    };
    let rule = rules::MISSING_INITIALIZER;
    if contract.tree["abstract"] == true
        || is_interface(contract.tree)
        || subject.allowed(rule, contract)
    {
        return;
    }
    let has_entry = subject.linearized.iter().any(|one| {
        members(one, "FunctionDefinition").iter().any(|function| {
            let open = matches!(
                function.tree["visibility"].as_str(),
                Some("public" | "external")
            );
            open && (modified(function, &["initializer", "reinitializer"])
                || matches!(name(function.tree), "initialize" | "initializer"))
        })
    });
    if has_entry {
        return;
    }
    let wanting: Vec<_> = bases
        .iter()
        .filter(|base| members(base, "FunctionDefinition").iter().any(wants_call))
        .map(|base| format!("`{}`", name(base.tree)))
        .collect();
    if !wanting.is_empty() {
        outcome.findings.push(subject.finding(
            rule,
            contract,
            contract.tree,
            format!(
                "`{}` has no initializer, and nothing calls those of {}",
                name(contract.tree),
                wanting.join(", ")
            ),
        ));
    }
}

/// An internal initializer that does something.
fn wants_call(function: &Node<'_>) -> bool {
    let statements = function.tree["body"]["statements"].as_array();
    function.tree["visibility"] == "internal"
        && statements.is_some_and(|list| !list.is_empty())
        && modified(function, &["initializer", "onlyInitializing"])
        && !name(function.tree).ends_with("_unchained")
}

fn modified(function: &Node<'_>, names: &[&str]) -> bool {
    function.tree["modifiers"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|invocation| names.contains(&name(&invocation["modifierName"])))
}

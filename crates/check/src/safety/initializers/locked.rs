//! Whether a stranger can initialize the implementation itself, and destroy it then.

use super::modified;
use crate::{
    input::Kind,
    rules,
    safety::{
        Outcome, Subject,
        fixed_target::Targets,
        guard::{locks, runs, sets},
        name,
        opcodes::operations,
    },
};
use cutover_types::source::{Node, Reached, constructors, entry_points, kind, visit};

pub(super) fn inspect(subject: &Subject<'_>, contract: &Node<'_>, outcome: &mut Outcome) {
    let entries = entry_points(subject.linearized);
    let open = entries
        .iter()
        .find(|entry| modified(entry, &["initializer", "reinitializer"]));
    let Some(open) = open.filter(|open| !is_locked(subject, **open)) else {
        return;
    };
    let rule = rules::IMPLEMENTATION_NOT_LOCKED;
    if !subject.allowed(rule, contract) {
        let message = format!(
            "anybody can call `{}` on the implementation itself and own it: no constructor locks it",
            name(open.tree)
        );
        outcome
            .findings
            .push(subject.finding(rule, contract, contract.tree, message));
    }
    let rule = rules::DESTROYABLE_IMPLEMENTATION;
    if subject.options.kind != Some(Kind::Uups) || subject.allowed(rule, contract) {
        return;
    }
    let everything = subject.graph.all();
    let targets = Targets::new(subject, everything);
    let acts = |one: &Reached<'_>| operations(one.node.tree, None).is_empty();
    if everything.iter().all(acts) {
        return;
    }
    for entry in entries {
        let inside = runs(subject, entry);
        if inside.iter().any(|one| only_behind_proxy(subject, one)) {
            continue;
        }
        for function in inside.iter() {
            let mut all = operations(function.node.tree, None).into_iter();
            let Some(operation) = all.find(|one| targets.fixed(function, one).is_none()) else {
                continue;
            };
            let message = format!(
                "whoever initializes the implementation can reach `{}` on it through {}: every proxy that runs it would be dead",
                operation.name,
                function.path.join(" → ")
            );
            let finding = subject.finding(rule, &function.node, operation.tree, message);
            outcome.findings.push(finding);
            return;
        }
    }
}

/// Whether a constructor leaves nothing to initialize: as far as names tell, or because it sets what
/// shuts the initializer.
fn is_locked<'a>(subject: &Subject<'a>, open: Node<'a>) -> bool {
    let mut found = false;
    for constructor in constructors(subject.linearized) {
        found |= modified(&constructor, &["initializer", "reinitializer"]);
        for function in runs(subject, constructor).iter() {
            visit(function.node.tree, &mut |tree| {
                let what = tree["name"].as_str().or(tree["memberName"].as_str());
                let what = what.unwrap_or_default().to_lowercase();
                found |= matches!(kind(tree), "Identifier" | "MemberAccess")
                    && (what.contains("initializ") || what.contains("lock"));
            });
        }
    }
    let mut constructors = constructors(subject.linearized).into_iter();
    found || {
        let locks = locks(subject, open);
        constructors.any(|one| !sets(subject, one).is_disjoint(&locks))
    }
}

/// Whether a function compares its own address with one that its code remembers.
fn only_behind_proxy(subject: &Subject<'_>, function: &Reached<'_>) -> bool {
    let mut found = false;
    visit(function.node.tree, &mut |tree| {
        if kind(tree) != "BinaryOperation" {
            return;
        }
        let (mut own, mut remembered) = (false, false);
        visit(tree, &mut |part| {
            own |= part["name"] == "this";
            remembered |= part["referencedDeclaration"]
                .as_i64()
                .and_then(|id| subject.index.get(id))
                .is_some_and(|what| {
                    what.tree["mutability"] == "immutable" || what.tree["stateVariable"] == true
                });
        });
        found |= own && remembered;
    });
    found
}

//! Code that destroys the contract or runs foreign code on its storage, assembly included.

use super::{Outcome, Subject, fixed_target::Targets};
use crate::{
    rules::{self, Rule},
    spans,
};
use cutover_types::{
    Severity,
    check::Role,
    source::{Node, Reached, Tree, allows, constructors, id, kind, unresolved, visit, visit_while},
};
use std::collections::HashSet;

/// An operation in the source.
pub(super) struct Operation<'a> {
    /// Its name.
    pub(super) name: &'static str,
    /// The node.
    pub(super) tree: &'a Tree,
    /// The contract whose code it runs, as an expression; `None` when it has none.
    pub(super) to: Option<&'a Tree>,
    /// The assembly block it is in.
    pub(super) assembly: Option<&'a Tree>,
}

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    let mut told = HashSet::new();
    let everything = subject.graph.all();
    for function in everything {
        for name in unresolved(subject.index, &function.node) {
            outcome.unknown.push(format!(
                "the source of `{name}`, which runs through {}, is not there: whether it makes delegate calls or destroys the contract was not looked at",
                function.path.join(" → ")
            ));
        }
    }
    let targets = Targets::new(subject, everything);
    for rule in [rules::SELFDESTRUCT, rules::DELEGATECALL] {
        if subject.options.unsafe_allow.contains(rule.id) {
            continue;
        }
        let inherited = bases_looked_at(subject, rule);
        let enter = |node: &Node<'_>| {
            let owner = subject.owner(node);
            let excused = owner.is_some_and(|owner| {
                allows(owner.tree, rule.id, true) || inherited_quietly(subject, &inherited, &owner)
            });
            !allows(node.tree, rule.id, true) && !excused
        };
        for function in subject.graph.reachable(enter) {
            report(
                subject, rule, &targets, &function, false, &mut told, outcome,
            );
        }
        let during = constructors(subject.linearized);
        for function in subject.graph.reachable_from(during, enter) {
            report(subject, rule, &targets, &function, true, &mut told, outcome);
        }
    }
}

/// Contracts of the chain that are not behind one that allows whatever its bases do.
fn bases_looked_at(subject: &Subject<'_>, rule: &Rule) -> HashSet<i64> {
    let mut seen = HashSet::new();
    let mut queue: Vec<_> = subject.linearized.first().copied().into_iter().collect();
    while let Some(contract) = queue.pop() {
        if !seen.insert(id(contract.tree)) || allows(contract.tree, rule.id, true) {
            continue;
        }
        let bases = contract.tree["baseContracts"].as_array();
        queue.extend(
            bases
                .into_iter()
                .flatten()
                .filter_map(|base| base["baseName"]["referencedDeclaration"].as_i64())
                .filter_map(|id| subject.index.get(id)),
        );
    }
    seen
}

fn inherited_quietly(subject: &Subject<'_>, looked_at: &HashSet<i64>, owner: &Node<'_>) -> bool {
    let owner = id(owner.tree);
    !looked_at.contains(&owner) && subject.linearized.iter().any(|base| id(base.tree) == owner)
}

fn report<'a>(
    subject: &Subject<'a>,
    rule: &Rule,
    targets: &Targets<'_, 'a>,
    function: &Reached<'a>,
    during_construction: bool,
    told: &mut HashSet<*const Tree>,
    outcome: &mut Outcome,
) {
    if subject.allowed(rule, &function.node) {
        return;
    }
    for operation in operations(function.node.tree, Some(rule)) {
        if !told.insert(operation.tree) {
            continue;
        }
        let path = function.path.join(" → ");
        let mut message = format!("`{}` can run through {path}", operation.name);
        let mut severity = rule.severity;
        if let Some(fixed) = targets.fixed(function, &operation) {
            severity = Severity::Note;
            message = format!("{message}, but only the code of {fixed}");
        } else if during_construction {
            message = format!("`{}` runs at construction through {path}", operation.name);
            if rule.id == rules::DELEGATECALL.id {
                // It runs on the implementation's own storage, once.
                severity = Severity::Warning;
            }
        }
        let mut finding = subject.finding(rule, &function.node, operation.tree, message);
        finding.severity = severity;
        let entry = function.entry;
        let begins = subject.index.span(entry.unit, entry.tree);
        if let (Some(begins), true) = (begins, function.path.len() > 1) {
            let note = format!("the way there begins in `{}`", function.path[0]);
            finding.spans.push(spans::at(Role::Green, begins, note));
        }
        outcome.findings.push(finding);
    }
}

/// Unsafe operations of one rule, or all of them, whatever annotations say; with a rule, those
/// that no annotation inside the tree allows.
pub(super) fn operations<'a>(tree: &'a Tree, rule: Option<&Rule>) -> Vec<Operation<'a>> {
    let mut found = Vec::new();
    visit_while(tree, &mut |node| {
        if rule.is_some_and(|rule| allows(node, rule.id, false)) {
            return false;
        }
        if kind(node) == "InlineAssembly" {
            assembly(node, &mut found);
            return false;
        }
        if let Some(name) = opcode(node) {
            found.push(Operation {
                name,
                tree: node,
                to: (kind(node) == "MemberAccess").then(|| &node["expression"]),
                assembly: None,
            });
        }
        true
    });
    if let Some(rule) = rule {
        found.retain(|operation| words(rule).contains(&operation.name));
    }
    found
}

const ALL: [&str; 4] = ["selfdestruct", "suicide", "delegatecall", "callcode"];

fn words(rule: &Rule) -> &'static [&'static str] {
    if rule.id == rules::SELFDESTRUCT.id {
        &["selfdestruct", "suicide"]
    } else {
        &["delegatecall", "callcode"]
    }
}

fn assembly<'a>(block: &'a Tree, found: &mut Vec<Operation<'a>>) {
    // Before solc 0.6 assembly is text.
    if let Some(text) = block["operations"].as_str() {
        let mut tokens: Vec<_> = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .collect();
        tokens.sort_unstable();
        tokens.dedup();
        for name in ALL {
            if tokens.binary_search(&name).is_ok() {
                found.push(Operation {
                    name,
                    tree: block,
                    to: None,
                    assembly: Some(block),
                });
            }
        }
    }
    visit(block, &mut |node| {
        let name = (kind(node) == "YulFunctionCall")
            .then(|| node["functionName"]["name"].as_str())
            .flatten();
        if let Some(name) = ALL.into_iter().find(|word| Some(*word) == name) {
            found.push(Operation {
                name,
                tree: node,
                to: words(rules::DELEGATECALL)
                    .contains(&name)
                    .then(|| &node["arguments"][1]),
                assembly: Some(block),
            });
        }
    });
}

/// The unsafe operation a node names, if it is one.
fn opcode(tree: &Tree) -> Option<&'static str> {
    let id = tree["typeDescriptions"]["typeIdentifier"].as_str();
    let is = |start: &str| id.is_none_or(|id| id.starts_with(start));
    match (
        kind(tree),
        tree["name"].as_str(),
        tree["memberName"].as_str(),
    ) {
        ("Identifier", Some("selfdestruct"), _) if is("t_function_selfdestruct") => {
            Some("selfdestruct")
        }
        // It has the type of a call to `selfdestruct`.
        ("Identifier", Some("suicide"), _) if is("t_function_selfdestruct") => Some("suicide"),
        ("MemberAccess", _, Some("delegatecall")) if is("t_function_baredelegatecall") => {
            Some("delegatecall")
        }
        ("MemberAccess", _, Some("callcode")) if is("t_function_barecallcode") => Some("callcode"),
        _ => None,
    }
}

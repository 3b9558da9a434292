//! Bases that want to be initialized.

use super::initializes;
use crate::safety::{Subject, guard::runs, members};
use cutover_types::source::{Node, id, kind};
use std::collections::HashSet;

/// A base with initializers that do something.
pub(super) struct Parent<'a> {
    pub(super) contract: Node<'a>,
    pub(super) initializers: Vec<Node<'a>>,
    /// What does the work in each: itself, an `_unchained` one, a setter.
    work: Vec<HashSet<i64>>,
}

impl Parent<'_> {
    /// Whether one of its initializers, or all that one of them does, is among these functions.
    pub(super) fn is_in(&self, functions: &HashSet<i64>) -> bool {
        let mut pairs = self.initializers.iter().zip(&self.work);
        pairs.any(|(one, work)| functions.contains(&id(one.tree)) || work.is_subset(functions))
    }
}

/// The bases with initializers, the most basic first.
pub(super) fn parents<'a>(subject: &Subject<'a>) -> Vec<Parent<'a>> {
    let mut found = Vec::new();
    for contract in subject.linearized.iter().skip(1).rev() {
        let (initializers, work): (Vec<_>, Vec<_>) = members(contract, "FunctionDefinition")
            .into_iter()
            .filter(|one| {
                initializes(one)
                    && matches!(one.tree["visibility"].as_str(), Some("internal" | "public"))
            })
            .map(|one| (one, work(subject, one)))
            .filter(|(_, work)| !work.is_empty())
            .unzip();
        if !initializers.is_empty() {
            found.push(Parent {
                contract: *contract,
                initializers,
                work,
            });
        }
    }
    found
}

/// Functions that run in an initializer and do more than to call others.
fn work<'a>(subject: &Subject<'a>, initializer: Node<'a>) -> HashSet<i64> {
    let inside = runs(subject, initializer);
    let ids: HashSet<_> = inside.iter().map(|one| id(one.node.tree)).collect();
    let works = |node: &Node<'_>| {
        let statements = node.tree["body"]["statements"].as_array();
        let reads = matches!(node.tree["stateMutability"].as_str(), Some("view" | "pure"));
        kind(node.tree) == "FunctionDefinition"
            && !reads
            && statements.into_iter().flatten().any(|statement| {
                let callee = &statement["expression"]["expression"];
                kind(&statement["expression"]) != "FunctionCall"
                    || subject
                        .graph
                        .target(node, callee)
                        .is_none_or(|called| !ids.contains(&id(called.tree)))
            })
    };
    let working = inside.iter().filter(|one| works(&one.node));
    working.map(|one| id(one.node.tree)).collect()
}

/// Positions of those that no later base initializes.
pub(super) fn left_over<'a>(subject: &Subject<'a>, parents: &[Parent<'a>]) -> Vec<usize> {
    let mut covered = HashSet::new();
    for (place, parent) in parents.iter().enumerate() {
        for initializer in &parent.initializers {
            let inside = ids(subject, *initializer);
            let earlier = parents.iter().take(place).enumerate();
            covered.extend(
                earlier
                    .filter(|(_, one)| one.is_in(&inside))
                    .map(|(i, _)| i),
            );
        }
    }
    (0..parents.len())
        .filter(|place| !covered.contains(place))
        .collect()
}

/// Ids of all that runs in a function, its own too.
pub(super) fn ids<'a>(subject: &Subject<'a>, function: Node<'a>) -> HashSet<i64> {
    let inside = runs(subject, function);
    inside.iter().map(|one| id(one.node.tree)).collect()
}

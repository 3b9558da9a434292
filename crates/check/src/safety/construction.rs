//! What only happens at construction: the proxy never sees it.

use super::{Outcome, Subject, members, name};
use crate::rules;
use cutover_types::source::{Node, Tree, is_constructor, kind};

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    for contract in subject.linearized {
        for function in members(contract, "FunctionDefinition") {
            constructor(subject, &function, outcome);
        }
        for variable in members(contract, "VariableDeclaration") {
            state_variable(subject, &variable, outcome);
        }
    }
}

fn constructor(subject: &Subject<'_>, function: &Node<'_>, outcome: &mut Outcome) {
    let tree = function.tree;
    let statements = tree["body"]["statements"].as_array().map_or(0, <[_]>::len);
    let modified = tree["modifiers"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|invocation| is_modifier(subject, invocation));
    if is_constructor(tree)
        && (statements > 0 || modified)
        && !subject.allowed(rules::CONSTRUCTOR, function)
    {
        let owner = subject.owner(function).map_or("", |owner| name(owner.tree));
        outcome.findings.push(subject.finding(
            rules::CONSTRUCTOR,
            function,
            tree,
            format!("`{owner}` has a constructor that does something: its effects are not in the proxy's storage"),
        ));
    }
}

/// A modifier, not the arguments of a base constructor.
fn is_modifier(subject: &Subject<'_>, invocation: &Tree) -> bool {
    match invocation["kind"].as_str() {
        Some(kind) => kind == "modifierInvocation",
        None => invocation["modifierName"]["referencedDeclaration"]
            .as_i64()
            .and_then(|id| subject.index.get(id))
            .is_none_or(|node| kind(node.tree) != "ContractDefinition"),
    }
}

fn state_variable(subject: &Subject<'_>, variable: &Node<'_>, outcome: &mut Outcome) {
    let tree = variable.tree;
    if tree["constant"] == true || tree["mutability"] == "constant" {
        return;
    }
    let (rule, message) = if tree["mutability"] == "immutable" {
        (
            rules::STATE_VARIABLE_IMMUTABLE,
            format!(
                "`{}` is immutable: its value is in the implementation, the same for every proxy",
                name(tree)
            ),
        )
    } else if tree["value"].is_object() {
        (
            rules::STATE_VARIABLE_ASSIGNMENT,
            format!(
                "`{}` has an initial value: behind the proxy it starts at zero",
                name(tree)
            ),
        )
    } else {
        return;
    };
    if !subject.allowed(rule, variable) {
        outcome
            .findings
            .push(subject.finding(rule, variable, tree, message));
    }
}

//! What only happens at construction: the proxy never sees it.

use super::{Outcome, Subject, members, name};
use crate::rules;
use cutover_types::source::{Node, Tree, id, is_constructor, kind, visit};

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    for contract in subject.linearized {
        base_arguments(subject, contract, outcome);
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
        .any(|invocation| {
            is_modifier(subject, invocation) || changes_state(subject, function, invocation)
        });
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

/// `contract T is Base(x = 5)`: worked out at construction as well.
fn base_arguments(subject: &Subject<'_>, contract: &Node<'_>, outcome: &mut Outcome) {
    let inside = Node {
        contract: Some(id(contract.tree)),
        ..*contract
    };
    for base in contract.tree["baseContracts"]
        .as_array()
        .into_iter()
        .flatten()
    {
        if changes_state(subject, &inside, &base["arguments"]) {
            at_construction(subject, &inside, base, outcome);
        }
    }
}

fn at_construction(subject: &Subject<'_>, node: &Node<'_>, tree: &Tree, outcome: &mut Outcome) {
    if subject.allowed(rules::CONSTRUCTOR, node) {
        return;
    }
    let owner = subject.owner(node).map_or("", |owner| name(owner.tree));
    let message = format!(
        "a value that `{owner}` works out at construction sets state on the way: its effects are not in the proxy's storage"
    );
    let finding = subject.finding(rules::CONSTRUCTOR, node, tree, message);
    outcome.findings.push(finding);
}

/// Whether an expression, or what it calls, writes state.
fn changes_state(subject: &Subject<'_>, inside: &Node<'_>, tree: &Tree) -> bool {
    let mut called = Vec::new();
    visit(tree, &mut |part| {
        called.extend(subject.graph.target(inside, part));
    });
    called.retain(|one| kind(one.tree) == "FunctionDefinition");
    writes_state(subject, tree)
        || subject
            .graph
            .reachable_from(called, |_| true)
            .iter()
            .any(|one| writes_state(subject, one.node.tree))
}

fn writes_state(subject: &Subject<'_>, tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |part| {
        found |= match kind(part) {
            "Assignment" => is_state(subject, &part["leftHandSide"]),
            "UnaryOperation" => {
                matches!(part["operator"].as_str(), Some("++" | "--" | "delete"))
                    && is_state(subject, &part["subExpression"])
            }
            "FunctionCall" => {
                matches!(
                    part["expression"]["memberName"].as_str(),
                    Some("push" | "pop")
                ) && is_state(subject, &part["expression"]["expression"])
            }
            "YulFunctionCall" => part["functionName"]["name"] == "sstore",
            _ => false,
        };
    });
    found
}

/// Whether an expression, or one of several, is a state variable or a part of one.
fn is_state(subject: &Subject<'_>, tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |part| {
        let named = part["referencedDeclaration"].as_i64();
        found |= named
            .and_then(|id| subject.index.get(id))
            .is_some_and(|what| {
                (what.tree["stateVariable"] == true && what.tree["mutability"] != "immutable")
                    || what.tree["storageLocation"] == "storage"
            });
    });
    found
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
    if tree["mutability"] == "immutable" && changes_state(subject, variable, &tree["value"]) {
        at_construction(subject, variable, tree, outcome);
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

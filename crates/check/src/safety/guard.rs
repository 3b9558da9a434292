//! Whether a function looks at who calls it, as far as its source shows.

use super::Subject;
use cutover_types::source::{
    Node, Reached, Tree, id, kind, reachable_from, target, unresolved, visit, visit_while,
};
use std::collections::HashSet;

/// What stands between a stranger and the end of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing but its own arguments is looked at.
    Open,
    /// Something else than the caller is looked at: a state variable, another contract, a block.
    State,
    /// The caller is looked at.
    Caller,
    /// Functions of these names run in it and are not at hand.
    Unknown(Vec<String>),
}

/// Most functions a condition is followed into.
const MAX_FOLLOWED: usize = 256;

/// All that runs inside a function, itself first.
pub(super) fn runs<'a>(subject: &Subject<'a>, function: Node<'a>) -> Vec<Reached<'a>> {
    reachable_from(subject.index, subject.linearized, vec![function], |_| true)
}

pub(super) fn guard<'a>(subject: &Subject<'a>, function: Node<'a>) -> Guard {
    let inside = runs(subject, function);
    let caller = inside.iter().any(|one| names_caller(one.node.tree));
    let looks = inside
        .iter()
        .any(|one| looks(subject, &one.node, id(function.tree)));
    let unknown: Vec<_> = inside
        .iter()
        .flat_map(|one| unresolved(subject.index, &one.node))
        .collect();
    match (looks, caller) {
        (true, true) => Guard::Caller,
        _ if !unknown.is_empty() => Guard::Unknown(unknown),
        (true, false) => Guard::State,
        (false, _) => Guard::Open,
    }
}

/// Whether a function cannot come to an end: one of its statements, or of what it always calls,
/// reverts. Functions are followed a few levels deep.
pub(super) fn never_ends<'a>(subject: &Subject<'a>, function: Node<'a>) -> bool {
    stuck(subject, function, 6)
}

fn stuck<'a>(subject: &Subject<'a>, function: Node<'a>, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else {
        return false;
    };
    let modifiers = function.tree["modifiers"].as_array();
    let modifiers = modifiers.into_iter().flatten().filter_map(|invocation| {
        target(
            subject.index,
            subject.linearized,
            &function,
            &invocation["modifierName"],
        )
    });
    if modifiers
        .filter(|modifier| kind(modifier.tree) == "ModifierDefinition")
        .any(|modifier| stuck(subject, modifier, levels))
    {
        return true;
    }
    let mut open = true;
    let statements = function.tree["body"]["statements"].as_array();
    statements.into_iter().flatten().any(|statement| {
        open &= !leaves(statement);
        let call = &statement["expression"];
        let callee = &call["expression"];
        open && match kind(statement) {
            "RevertStatement" | "Throw" => true,
            "ExpressionStatement" if kind(call) == "FunctionCall" => {
                let builtin = callee["referencedDeclaration"]
                    .as_i64()
                    .is_none_or(|id| subject.index.get(id).is_none());
                match callee["name"].as_str() {
                    Some("revert") if builtin => true,
                    Some("require" | "assert") if builtin => {
                        call["arguments"][0]["value"] == "false"
                    }
                    _ => target(subject.index, subject.linearized, &function, callee)
                        .is_some_and(|next| stuck(subject, next, levels)),
                }
            }
            _ => false,
        }
    })
}

/// Whether a statement may leave the function before its end.
fn leaves(statement: &Tree) -> bool {
    let mut found = false;
    visit(statement, &mut |tree| {
        found |= kind(tree) == "Return"
            || tree["functionName"]["name"] == "return"
            || has_token(tree["operations"].as_str().unwrap_or_default(), "return");
    });
    found
}

/// Whether the caller is named anywhere but in events.
fn names_caller(tree: &Tree) -> bool {
    let mut found = false;
    visit_while(tree, &mut |node| {
        let assembly = |word: &str| {
            node["functionName"]["name"] == word
                || has_token(node["operations"].as_str().unwrap_or_default(), word)
        };
        found |= match kind(node) {
            "MemberAccess" => {
                let of = node["expression"]["name"].as_str();
                match node["memberName"].as_str() {
                    Some("sender") => of == Some("msg"),
                    Some("origin") => of == Some("tx"),
                    _ => false,
                }
            }
            "YulFunctionCall" | "InlineAssembly" => assembly("caller") || assembly("origin"),
            _ => false,
        };
        kind(node) != "EmitStatement"
    });
    found
}

/// Whether a function decides by anything but the arguments of `root`.
fn looks<'a>(subject: &Subject<'a>, function: &Node<'a>, root: i64) -> bool {
    let mut conditions = Vec::new();
    let mut assembly = false;
    visit(function.tree, &mut |tree| match kind(tree) {
        "IfStatement" | "Conditional" | "WhileStatement" | "DoWhileStatement" | "ForStatement" => {
            conditions.push(&tree["condition"]);
        }
        "FunctionCall" => {
            let called = tree["expression"]["name"].as_str();
            let type_id = tree["expression"]["typeDescriptions"]["typeIdentifier"].as_str();
            if matches!(called, Some("require" | "assert")) {
                conditions.push(&tree["arguments"][0]);
            } else if type_id.is_some_and(|id| {
                // A call to another contract may fail there.
                id.starts_with("t_function_external") || id.starts_with("t_function_bare")
            }) {
                conditions.push(tree);
            }
        }
        "InlineAssembly" => assembly |= decides(tree),
        _ => {}
    });
    assembly
        || conditions
            .into_iter()
            .any(|tree| depends(subject, function, tree, root, &mut HashSet::new()))
}

/// Assembly that can stop and reads something that is no argument.
fn decides(block: &Tree) -> bool {
    let text = block["operations"].as_str().unwrap_or_default();
    let mut stops = has_token(text, "revert") || has_token(text, "jumpi");
    let mut reads = ["caller", "origin", "sload"]
        .iter()
        .any(|word| has_token(text, word));
    visit(
        block,
        &mut |tree| match tree["functionName"]["name"].as_str() {
            Some("revert" | "invalid" | "stop") => stops = true,
            Some("caller" | "origin" | "sload" | "call" | "staticcall") => reads = true,
            _ => {}
        },
    );
    stops && reads
}

/// Whether an expression depends on anything but the arguments of `root`.
fn depends<'a>(
    subject: &Subject<'a>,
    inside: &Node<'a>,
    tree: &'a Tree,
    root: i64,
    seen: &mut HashSet<i64>,
) -> bool {
    let mut found = false;
    let mut own_address = false;
    let mut caller = false;
    let mut calls = Vec::new();
    visit(tree, &mut |node| {
        if let Some(next) = target(subject.index, subject.linearized, inside, node) {
            calls.push(next);
        }
        match (kind(node), node["name"].as_str()) {
            ("Identifier", Some("this")) => own_address = true,
            ("Identifier", Some("msg" | "tx")) => caller = true,
            ("Identifier", Some("block" | "now" | "ecrecover")) => found = true,
            ("InlineAssembly", _) => found |= decides(node),
            ("YulFunctionCall", _) => {
                found |= node["functionName"]["name"] == "sload";
            }
            ("Literal", _) => {
                // An address written out: what it is compared with has been chosen.
                let type_id = node["typeDescriptions"]["typeIdentifier"].as_str();
                found |= type_id.is_some_and(|id| id.starts_with("t_address"));
            }
            _ => {}
        }
        let variable = node["referencedDeclaration"]
            .as_i64()
            .and_then(|id| subject.index.get(id))
            .filter(|what| kind(what.tree) == "VariableDeclaration");
        if let Some(variable) = variable {
            let argument = id(inside.tree) == root
                && inside.tree["parameters"]["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|one| id(one) == id(variable.tree));
            found |= !argument;
        }
    });
    // `address(this) == SELF` asks whether a proxy is in front, not who calls.
    if own_address && !caller && kind(tree) != "FunctionCall" {
        return false;
    }
    let follow = |next: Node<'a>, seen: &mut HashSet<i64>| {
        // Too long a way to be certain that nothing is looked at.
        seen.len() > MAX_FOLLOWED
            || (seen.insert(id(next.tree))
                && depends(subject, &next, &next.tree["body"], root, seen))
    };
    found || caller || calls.into_iter().any(|next| follow(next, seen))
}

fn has_token(text: &str, wanted: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|token| token == wanted)
}

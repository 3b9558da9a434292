//! Whether a function looks at who calls it, as far as its source shows.

mod answers;
mod assembly;
mod conditions;
mod door;
mod evaluate;
mod flow;
mod itself;
mod keys;
mod marks;
mod paths;
mod sure;
mod truth;
mod versions;
mod ways;
mod weigh;
mod writes;

use super::Subject;
pub(in crate::safety) use conditions::Weight;
use cutover_types::source::{Node, Reached, Tree, id, kind, unresolved, visit};
pub(super) use door::{Door, Seen, all_sets, door, locks, locks_surely, sets};
use flow::Flow;
pub(super) use keys::{Opening, opened};
use std::rc::Rc;
use ways::Inside;

/// What stands between a stranger and the end of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Nothing but its own arguments is looked at.
    Open,
    /// The caller is looked at, and what is asked of it can be true of anybody.
    Anybody,
    /// Nothing but the time is looked at.
    Block,
    /// Something else than the caller is looked at: a state variable, another contract.
    State,
    /// Who signed the transaction is looked at, not who calls.
    Origin,
    /// The caller is looked at where a failure is caught and may be forgotten.
    Caught,
    /// The caller is looked at.
    Caller,
    /// Functions of these names run in it and are not at hand.
    Unknown(Vec<String>),
}

/// Longest way that is followed to see whether a function comes to an end.
const MAX_LEVELS: usize = 6;

/// All that runs inside a function, itself first.
pub(super) fn runs<'a>(subject: &Subject<'a>, function: Node<'a>) -> Rc<[Reached<'a>]> {
    let key = id(function.tree);
    let known = subject.runs.borrow().get(&key).cloned();
    known.unwrap_or_else(|| {
        let found: Rc<[_]> = subject
            .graph
            .reachable_from(vec![function], |_| true)
            .into();
        let left = subject.room.get().checked_sub(found.len());
        if let Some(left) = left {
            subject.room.set(left);
            subject.runs.borrow_mut().insert(key, Rc::clone(&found));
        }
        found
    })
}

pub(super) fn guard<'a>(subject: &Subject<'a>, function: Node<'a>) -> Guard {
    let inside = Inside::new(subject, function);
    let weight = weigh::heaviest(subject, &inside, &Flow::new(subject, &inside));
    if weight == Weight::Caller {
        return Guard::Caller;
    }
    let unknown: Vec<_> = inside
        .all
        .iter()
        .flat_map(|one| unresolved(subject.index, &one.node))
        .collect();
    match weight {
        _ if !unknown.is_empty() => Guard::Unknown(unknown),
        weight => weight.into(),
    }
}

impl From<Weight> for Guard {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Caller => Self::Caller,
            Weight::Perhaps => Self::Caught,
            Weight::Origin => Self::Origin,
            Weight::State => Self::State,
            Weight::Block => Self::Block,
            Weight::Anybody => Self::Anybody,
            Weight::Nothing => Self::Open,
        }
    }
}

/// Whether a function cannot come to an end: one of its statements, or of what it always calls,
/// reverts. Functions are followed a few levels deep.
pub(super) fn never_ends<'a>(subject: &Subject<'a>, function: Node<'a>) -> bool {
    stuck(subject, function, MAX_LEVELS)
}

fn stuck<'a>(subject: &Subject<'a>, function: Node<'a>, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else {
        return false;
    };
    let key = (id(function.tree), levels);
    let known = subject.stuck.borrow().get(&key).copied();
    known.unwrap_or_else(|| {
        let found = stops(subject, function, levels);
        subject.stuck.borrow_mut().insert(key, found);
        found
    })
}

fn stops<'a>(subject: &Subject<'a>, function: Node<'a>, levels: usize) -> bool {
    let modifiers = function.tree["modifiers"].as_array();
    let modifiers = modifiers
        .into_iter()
        .flatten()
        .filter_map(|invocation| subject.graph.target(&function, &invocation["modifierName"]));
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
        open && reverts(subject, &function, statement, levels)
    })
}

/// Whether a statement always reverts.
fn reverts<'a>(
    subject: &Subject<'a>,
    function: &Node<'a>,
    statement: &'a Tree,
    levels: usize,
) -> bool {
    let call = &statement["expression"];
    let callee = &call["expression"];
    let part = |part: &'a Tree| reverts(subject, function, part, levels);
    let last = |all: &'a Tree| all.as_array().and_then(|all| all.last());
    match kind(statement) {
        "RevertStatement" | "Throw" => true,
        "Block" | "UncheckedBlock" => last(&statement["statements"]).is_some_and(part),
        "IfStatement" => part(&statement["trueBody"]) && part(&statement["falseBody"]),
        "InlineAssembly" => last(&statement["AST"]["statements"])
            .is_some_and(|last| last["expression"]["functionName"]["name"] == "revert"),
        "ExpressionStatement" if kind(call) == "FunctionCall" => {
            let builtin = is_builtin(subject, callee);
            match callee["name"].as_str() {
                Some("revert") if builtin => true,
                Some("require" | "assert") if builtin => call["arguments"][0]["value"] == "false",
                _ => subject
                    .graph
                    .target(function, callee)
                    .is_some_and(|next| stuck(subject, next, levels)),
            }
        }
        _ => false,
    }
}

/// Whether a name is the language's and no definition's.
fn is_builtin(subject: &Subject<'_>, callee: &Tree) -> bool {
    callee["referencedDeclaration"]
        .as_i64()
        .is_none_or(|id| subject.index.get(id).is_none())
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

fn has_token(text: &str, wanted: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|token| token == wanted)
}

//! Functions that look like initializers and that anybody can call at any time.

use super::versions::is_chosen;
use crate::{
    rules,
    safety::{
        Outcome, Subject,
        guard::{Door, Guard, door, guard, never_ends, runs},
        name,
    },
};
use cutover_types::{
    Finding, Severity,
    source::{Node, Tree, entry_points, kind, visit},
};
use std::collections::BTreeSet;

pub(super) fn inspect(subject: &Subject<'_>, blue: Option<&Subject<'_>>, outcome: &mut Outcome) {
    let rule = rules::INITIALIZER_CALLABLE_BY_ANYONE;
    for entry in entry_points(subject.linearized) {
        let what = name(entry.tree);
        let reads = matches!(
            entry.tree["stateMutability"].as_str(),
            Some("view" | "pure")
        );
        let Some(sure) = sounds_like(what) else {
            continue;
        };
        if reads
            || is_chosen(subject, &entry)
            || once(subject, &entry)
            || subject.allowed(rule, &entry)
        {
            continue;
        }
        let written = writes(subject, entry, sure);
        if written.is_none() || never_ends(subject, entry) {
            continue;
        }
        let (names, why, firm) = match guard(subject, entry) {
            Guard::Open | Guard::Anybody => (BTreeSet::new(), "", true),
            Guard::Block | Guard::State => match door(subject, entry) {
                Door::Unset(names) if blue.is_some_and(|blue| sets(blue, &names)) => {
                    (names, "blue sets and green does not", false)
                }
                Door::Unset(names) => (names, "nothing sets", true),
                Door::Open(names) => (names, "lets the next one through as well", true),
                Door::Back(names) => (names, "anybody can set back", true),
                Door::Elsewhere(names) => (names, "it does not change itself", false),
                Door::Unknown(names) => {
                    outcome.unknown.push(format!(
                        "whether anybody can call `{what}` again is not known: it asks {}, and what changes that cannot be told",
                        listed(&names)
                    ));
                    continue;
                }
                Door::Shut => continue,
            },
            Guard::Unknown(names) => {
                outcome.unknown.push(format!(
                    "the source of `{}`, which runs in `{what}`, is not there: whether anybody can call it is not known",
                    names.join("`, `")
                ));
                continue;
            }
            Guard::Caught => {
                outcome.unknown.push(format!(
                    "whether anybody can call `{what}` is not known: it asks for the caller where a failure may be caught and forgotten, or where an answer is not looked at"
                ));
                continue;
            }
            Guard::Origin | Guard::Caller => continue,
        };
        let mut message =
            format!("anybody can call `{what}`, again and again, and it sets state variables");
        if !names.is_empty() {
            message.push_str(&format!(": it asks {}, which {why}", listed(&names)));
        }
        let chosen = written == Some(Written::Chosen) && sure != Name::Perhaps && firm;
        let severity = if chosen {
            Severity::Error
        } else {
            Severity::Warning
        };
        let finding = subject.finding(rule, &entry, entry.tree, message);
        outcome.findings.push(Finding {
            severity,
            ..finding
        });
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    let all: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match all.as_slice() {
        [] => "state".to_owned(),
        _ => all.join(", "),
    }
}

/// How sure a name is to be an initializer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// `initialize`, `initializeV2`, `initV3`, `reinitialize`.
    Initializer,
    /// `initializeOwner`, `setup`, `__Token_init`.
    Like,
    /// `initRound`: it may as well start something.
    Perhaps,
}

fn sounds_like(name: &str) -> Option<Name> {
    let version = |rest: &str| {
        rest.strip_prefix('V')
            .unwrap_or(rest)
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let word = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_lowercase());
    let starts = |words: &[&str], rest: &dyn Fn(&str) -> bool| {
        let mut all = words.iter().filter_map(|start| name.strip_prefix(start));
        all.any(rest)
    };
    if starts(
        &["reinitialize", "initializer", "initialize", "init"],
        &version,
    ) {
        Some(Name::Initializer)
    } else if starts(&["reinitialize", "initialize", "setup", "setUp"], &word)
        || (name.starts_with("__") && name.contains("_init"))
    {
        Some(Name::Like)
    } else {
        starts(&["init"], &word).then_some(Name::Perhaps)
    }
}

/// Whether a name is an initializer's, or as good as one's.
pub(super) fn sounds_like_one(name: &str) -> bool {
    sounds_like(name).is_some_and(|sure| sure != Name::Perhaps)
}

/// Whether the code that ran before sets a variable of one of these names.
fn sets(blue: &Subject<'_>, names: &BTreeSet<String>) -> bool {
    let mut found = false;
    for function in blue.graph.all() {
        visit(function.node.tree, &mut |tree| {
            let left = &tree["leftHandSide"];
            let label = left["name"].as_str().or(left["memberName"].as_str());
            found |= kind(tree) == "Assignment"
                && tree["rightHandSide"]["value"] != "false"
                && label.is_some_and(|label| names.contains(label));
        });
    }
    found
}

/// Whether a modifier's name says that it runs once, and it looks at something.
pub(in crate::safety) fn once<'a>(subject: &Subject<'a>, function: &Node<'a>) -> bool {
    let modifiers = function.tree["modifiers"].as_array();
    modifiers.into_iter().flatten().any(|invocation| {
        let named = &invocation["modifierName"];
        let what = name(named).to_lowercase();
        let says = what.contains("initializ") || what.contains("once");
        let modifier = subject.graph.target(function, named);
        says && modifier.is_none_or(|modifier| match guard(subject, modifier) {
            Guard::Open | Guard::Anybody | Guard::Caught => false,
            Guard::Block | Guard::State => door(subject, *function) == Door::Shut,
            _ => true,
        })
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Written {
    /// The same value whoever calls, or an entry of a mapping or an array.
    Same,
    /// A value that the caller has a say in.
    Chosen,
}

/// What a call does to state.
fn writes<'a>(subject: &Subject<'a>, entry: Node<'a>, sure: Name) -> Option<Written> {
    // Everybody may be given entries of their own, but not by what initializes all.
    let entries = sure == Name::Initializer;
    let mut found = None;
    for function in runs(subject, entry).iter() {
        visit(function.node.tree, &mut |tree| {
            found = found.max(written(subject, tree, entries));
        });
    }
    found
}

fn written(subject: &Subject<'_>, tree: &Tree, entries: bool) -> Option<Written> {
    let is_state = |tree: &Tree| (entries || !has_entry(tree)) && is_state(subject, tree);
    let left = &tree["leftHandSide"];
    match kind(tree) {
        "Assignment" if kind(left) == "TupleExpression" => {
            let mut parts = left["components"].as_array().into_iter().flatten();
            parts.any(is_state).then_some(Written::Chosen)
        }
        "Assignment" => is_state(left).then(|| {
            if kind(&tree["rightHandSide"]) == "Literal" || has_entry(left) {
                Written::Same
            } else {
                Written::Chosen
            }
        }),
        "FunctionCall" if tree["expression"]["memberName"] == "push" => {
            (entries && is_state(&tree["expression"]["expression"])).then_some(Written::Same)
        }
        "YulFunctionCall" if tree["functionName"]["name"] == "sstore" => Some(Written::Chosen),
        _ => None,
    }
}

/// Whether an expression is an entry of a mapping or an array.
fn has_entry(mut tree: &Tree) -> bool {
    while kind(tree) == "MemberAccess" {
        tree = &tree["expression"];
    }
    kind(tree) == "IndexAccess"
}

/// Whether an expression is a state variable or a part of one.
fn is_state(subject: &Subject<'_>, mut tree: &Tree) -> bool {
    loop {
        tree = match kind(tree) {
            "MemberAccess" => &tree["expression"],
            "IndexAccess" => &tree["baseExpression"],
            _ => break,
        };
    }
    kind(tree) == "Identifier"
        && tree["referencedDeclaration"]
            .as_i64()
            .and_then(|id| subject.index.get(id))
            .is_some_and(|what| {
                what.tree["stateVariable"] == true || what.tree["storageLocation"] == "storage"
            })
}

//! Functions that look like initializers and that anybody can call at any time.

use crate::{
    rules,
    safety::{
        Outcome, Subject,
        guard::{Guard, guard, never_ends, runs},
        name,
    },
};
use cutover_types::{
    Finding, Severity,
    source::{Node, Tree, entry_points, kind, visit},
};

pub(super) fn inspect(subject: &Subject<'_>, outcome: &mut Outcome) {
    let rule = rules::INITIALIZER_CALLABLE_BY_ANYONE;
    for entry in entry_points(subject.linearized) {
        let what = name(entry.tree);
        let reads = matches!(
            entry.tree["stateMutability"].as_str(),
            Some("view" | "pure")
        );
        if reads || !sounds_like_initializer(what) || once(&entry) || subject.allowed(rule, &entry)
        {
            continue;
        }
        let written = writes(subject, entry);
        if written.is_none() || never_ends(subject, entry) {
            continue;
        }
        match guard(subject, entry) {
            Guard::Open => {
                let chosen = written == Some(Written::Chosen);
                let finding = subject.finding(
                    rule,
                    &entry,
                    entry.tree,
                    format!("anybody can call `{what}`, again and again, and it sets state variables"),
                );
                let severity = if chosen { Severity::Error } else { Severity::Warning };
                outcome.findings.push(Finding { severity, ..finding });
            }
            Guard::Unknown(names) => outcome.unknown.push(format!(
                "the source of `{}`, which runs in `{what}`, is not there: whether anybody can call it is not known",
                names.join("`, `")
            )),
            Guard::State | Guard::Caller => {}
        }
    }
}

/// `initialize`, `initializeV2`, `reinitialize`, `initializer`, `init`, `initV3`.
fn sounds_like_initializer(name: &str) -> bool {
    let version = |rest: &str| {
        rest.strip_prefix('V')
            .unwrap_or(rest)
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    ["reinitialize", "initializer", "initialize", "init"]
        .iter()
        .any(|start| name.strip_prefix(start).is_some_and(version))
}

/// Whether a modifier's name says that it runs once.
fn once(function: &Node<'_>) -> bool {
    let modifiers = function.tree["modifiers"].as_array();
    modifiers.into_iter().flatten().any(|invocation| {
        let name = name(&invocation["modifierName"]).to_lowercase();
        name.contains("initializ") || name.contains("once")
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// The same value whoever calls.
    Same,
    /// A value that the caller has a say in.
    Chosen,
}

/// What a call does to variables that are no entry of a mapping or an array.
fn writes<'a>(subject: &Subject<'a>, entry: Node<'a>) -> Option<Written> {
    let mut found = None;
    for function in runs(subject, entry) {
        visit(function.node.tree, &mut |tree| {
            if kind(tree) == "Assignment" && is_state(subject, &tree["leftHandSide"]) {
                let literal = kind(&tree["rightHandSide"]) == "Literal";
                if found != Some(Written::Chosen) {
                    found = Some(if literal {
                        Written::Same
                    } else {
                        Written::Chosen
                    });
                }
            }
        });
    }
    found
}

/// Whether an expression is a state variable or a member of one in a storage struct.
fn is_state(subject: &Subject<'_>, mut tree: &Tree) -> bool {
    while kind(tree) == "MemberAccess" {
        tree = &tree["expression"];
    }
    kind(tree) == "Identifier"
        && tree["referencedDeclaration"]
            .as_i64()
            .and_then(|id| subject.index.get(id))
            .is_some_and(|what| {
                what.tree["stateVariable"] == true || what.tree["storageLocation"] == "storage"
            })
}

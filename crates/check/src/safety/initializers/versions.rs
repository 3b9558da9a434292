//! Versions of initializers: what blue has run cannot run again.

use super::{
    modified,
    parents::{ids, left_over, parents},
};
use crate::{
    rules,
    safety::{
        Outcome, Subject, constant,
        guard::{Guard, guard, never_ends, runs},
        name,
    },
};
use cutover_types::{
    Finding, Severity,
    source::{Node, Tree, entry_points, kind, visit},
};
use std::collections::BTreeSet;

/// An entry point with a version.
struct Initializer<'a> {
    node: Node<'a>,
    version: u64,
}

pub(super) fn inspect(
    subject: &Subject<'_>,
    blue: Option<&Subject<'_>>,
    contract: &Node<'_>,
    outcome: &mut Outcome,
) {
    for entry in entry_points(subject.linearized) {
        match not_written_out(subject, &entry) {
            Some(Computed::Immutable) if blue.is_some() => outcome.unknown.push(format!(
                "the version of `{}` is in an immutable: whether it is above blue's is not known",
                name(entry.tree)
            )),
            Some(Computed::Chosen) => chosen(subject, &entry, outcome),
            _ => {}
        }
    }
    let Some(blue) = blue else { return };
    let (before, after) = (initializers(blue), initializers(subject));
    let Some(reached) = before.iter().map(|one| one.version).max() else {
        return;
    };
    for one in &after {
        let same = before
            .iter()
            .find(|other| signature(&other.node) == signature(&one.node));
        if let Some((severity, message)) = too_late(one, same, reached) {
            let rule = rules::REINITIALIZER_NOT_BUMPED;
            if !subject.allowed(rule, &one.node) {
                let finding = subject.finding(rule, &one.node, one.node.tree, message);
                outcome.findings.push(Finding {
                    severity,
                    ..finding
                });
            }
        }
    }
    let new: Vec<_> = after.iter().filter(|one| one.version > reached).collect();
    if let [_, last, ..] = new.as_slice() {
        let rule = rules::SEVERAL_NEW_REINITIALIZERS;
        let names: Vec<_> = new
            .iter()
            .map(|one| format!("`{}` ({})", name(one.node.tree), one.version))
            .collect();
        if !subject.allowed(rule, contract) {
            let message = format!(
                "{} can all still run, an upgrade calls one: after the highest the others never run, until then anybody may call them",
                names.join(", ")
            );
            let finding = subject.finding(rule, &last.node, last.node.tree, message);
            outcome.findings.push(finding);
        }
    }
    for one in &new {
        let before = before
            .iter()
            .find(|other| signature(&other.node) == signature(&one.node));
        waits(subject, one, before, outcome);
    }
    new_bases(subject, blue, contract, &new, outcome);
}

/// Tells of an initializer that can still run on blue's proxies, and that anybody can call until it has.
fn waits<'a>(
    subject: &Subject<'a>,
    one: &Initializer<'a>,
    before: Option<&Initializer<'_>>,
    outcome: &mut Outcome,
) {
    let rule = rules::INITIALIZER_CALLABLE_BY_ANYONE;
    let what = name(one.node.tree);
    let told = |found: &Finding| found.rule == rule.id && found.label.as_deref() == Some(what);
    if outcome.findings.iter().any(told)
        || subject.allowed(rule, &one.node)
        || never_ends(subject, one.node)
        || !has_say(subject, one.node)
        || matches!(
            guard(subject, one.node),
            Guard::Caller | Guard::Origin | Guard::Caught | Guard::Unknown(_)
        )
    {
        return;
    }
    let version = one.version;
    let last = format!(
        "anybody can call `{what}` until then: the upgrade has to call it in the same transaction"
    );
    let (severity, message) = match before {
        Some(before) => (
            Severity::Warning,
            format!(
                "blue's proxies ran `{what}` as version {} and can run it once more as version {version}; {last}",
                before.version
            ),
        ),
        None => (
            Severity::Note,
            format!("blue's proxies can run `{what}` once, as version {version}; {last}"),
        ),
    };
    let finding = subject.finding(rule, &one.node, one.node.tree, message);
    outcome.findings.push(Finding {
        severity,
        ..finding
    });
}

/// Whether a caller decides anything of what a function sets.
fn has_say<'a>(subject: &Subject<'a>, function: Node<'a>) -> bool {
    let parameters = function.tree["parameters"]["parameters"].as_array();
    let given = parameters.is_some_and(|all| !all.is_empty());
    given
        || runs(subject, function).iter().any(|one| {
            let mut found = false;
            visit(one.node.tree, &mut |tree| {
                found |= tree["memberName"] == "sender" && tree["expression"]["name"] == "msg"
                    || tree["functionName"]["name"] == "caller";
            });
            found
        })
}

/// What is wrong with an initializer of green when blue has run version `reached`.
fn too_late(
    one: &Initializer<'_>,
    same: Option<&Initializer<'_>>,
    reached: u64,
) -> Option<(Severity, String)> {
    let what = name(one.node.tree);
    let version = one.version;
    if version > reached {
        return None;
    }
    let again = modified(&one.node, &["reinitializer"]);
    match same {
        None if again => Some((
            Severity::Error,
            format!(
                "`{what}` is new and has version {version}, but blue's initializers go up to {reached}: it reverts on a proxy that ran them"
            ),
        )),
        None => Some((
            Severity::Warning,
            format!("`{what}` is new and runs on new proxies only: blue's proxies are initialized"),
        )),
        Some(old) if old.version > version => Some((
            Severity::Warning,
            format!(
                "`{what}` went down from version {} to {version}",
                old.version
            ),
        )),
        Some(old) if shape(&old.node.tree["body"]) != shape(&one.node.tree["body"]) => {
            let severity = if again {
                Severity::Warning
            } else {
                Severity::Note
            };
            let message = format!(
                "`{what}` does something else than in blue, under the same version {version}: proxies that ran it will not see the change"
            );
            Some((severity, message))
        }
        Some(_) => None,
    }
}

/// Bases that came with green and that no new initializer reaches.
fn new_bases<'a>(
    subject: &Subject<'a>,
    blue: &Subject<'_>,
    contract: &Node<'_>,
    new: &[&Initializer<'a>],
    outcome: &mut Outcome,
) {
    let rule = rules::NEW_BASE_NOT_INITIALIZED;
    let all = parents(subject);
    let reached: Vec<_> = new.iter().map(|one| ids(subject, one.node)).collect();
    let missed: Vec<_> = left_over(subject, &all)
        .into_iter()
        .filter_map(|place| all.get(place))
        .filter(|parent| {
            let had = |base: &Node<'_>| name(base.tree) == name(parent.contract.tree);
            !blue.linearized.iter().any(had) && !reached.iter().any(|ids| parent.is_in(ids))
        })
        .map(|parent| format!("`{}`", name(parent.contract.tree)))
        .collect();
    if missed.is_empty() || subject.allowed(rule, contract) {
        return;
    }
    let message = format!(
        "{} came with green, and no initializer that can still run on blue's proxies initializes it",
        missed.join(", ")
    );
    outcome
        .findings
        .push(subject.finding(rule, contract, contract.tree, message));
}

/// Where a version comes from that is not written in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Computed {
    /// From the code, where nobody can change it.
    Immutable,
    /// From arguments or from state.
    Chosen,
}

fn not_written_out<'a>(subject: &Subject<'a>, function: &Node<'a>) -> Option<Computed> {
    let invocations = function.tree["modifiers"].as_array();
    let mut invocations = invocations.into_iter().flatten();
    let reinitializer = |one: &&Tree| name(&one["modifierName"]) == "reinitializer";
    let written = invocations.find(reinitializer)?["arguments"].get(0)?;
    if constant::value(subject, *function, written).is_some() {
        return None;
    }
    let mut fixed = true;
    visit(written, &mut |tree| {
        let named = tree["referencedDeclaration"].as_i64();
        let named = named.and_then(|id| subject.index.get(id));
        fixed &= match kind(tree) {
            "Identifier" => named.is_none_or(|named| {
                named.tree["mutability"] == "immutable" || named.tree["constant"] == true
            }),
            "FunctionCall" => tree["kind"] == "typeConversion",
            "MemberAccess" | "Assignment" | "UnaryOperation" => false,
            _ => true,
        };
    });
    Some(if fixed {
        Computed::Immutable
    } else {
        Computed::Chosen
    })
}

/// Whether a caller, or what is stored, says which version a function is.
pub(super) fn is_chosen<'a>(subject: &Subject<'a>, function: &Node<'a>) -> bool {
    not_written_out(subject, function) == Some(Computed::Chosen)
}

fn chosen<'a>(subject: &Subject<'a>, function: &Node<'a>, outcome: &mut Outcome) {
    let rule = rules::REINITIALIZER_VERSION_CHOSEN;
    if subject.allowed(rule, function) || never_ends(subject, *function) {
        return;
    }
    let what = name(function.tree);
    let (severity, who) = match guard(subject, *function) {
        Guard::Caller | Guard::Origin => (Severity::Warning, "whoever may call"),
        _ => (Severity::Error, "anybody can call"),
    };
    let message = format!(
        "{who} `{what}` again and again, each time as a higher version; after the highest no initializer runs any more"
    );
    let finding = subject.finding(rule, function, function.tree, message);
    outcome.findings.push(Finding {
        severity,
        ..finding
    });
}

/// Initializers with their versions, where these are written out.
fn initializers<'a>(subject: &Subject<'a>) -> Vec<Initializer<'a>> {
    let mut found = Vec::new();
    for node in entry_points(subject.linearized) {
        for invocation in node.tree["modifiers"].as_array().into_iter().flatten() {
            let version = match name(&invocation["modifierName"]) {
                "initializer" => revision(subject, &node, &invocation["modifierName"]).unwrap_or(1),
                "reinitializer" => {
                    let written = invocation["arguments"].get(0);
                    let version = written.and_then(|tree| constant::value(subject, node, tree));
                    match version.and_then(|version| version.try_into().ok()) {
                        Some(version) => version,
                        None => continue,
                    }
                }
                _ => continue,
            };
            found.push(Initializer { node, version });
        }
    }
    found
}

/// The version that a modifier compares with the last one, where a function of the contract tells it,
/// as in Aave's `VersionedInitializable`.
fn revision<'a>(subject: &Subject<'a>, function: &Node<'a>, modifier: &Tree) -> Option<u64> {
    let modifier = subject.graph.target(function, modifier)?;
    let mut found = BTreeSet::new();
    visit(modifier.tree, &mut |tree| {
        let number = tree["typeDescriptions"]["typeString"].as_str();
        if kind(tree) == "FunctionCall"
            && number.is_some_and(|name| name.starts_with("uint"))
            && let Some(called) = subject.graph.target(&modifier, &tree["expression"])
            && let Some(version) = constant::returned(subject, called)
        {
            found.extend(u64::try_from(version));
        }
    });
    match found.len() {
        1 => found.first().copied(),
        _ => None,
    }
}

/// Name and parameter types.
pub(super) fn signature(function: &Node<'_>) -> String {
    let mut text = name(function.tree).to_owned();
    let parameters = function.tree["parameters"]["parameters"].as_array();
    for one in parameters.into_iter().flatten() {
        text.push(' ');
        text.push_str(
            one["typeDescriptions"]["typeString"]
                .as_str()
                .unwrap_or_default(),
        );
    }
    text
}

/// A body without ids and places.
pub(super) fn shape(tree: &Tree) -> String {
    let mut text = String::new();
    visit(tree, &mut |node| {
        text.push_str(kind(node));
        for field in ["name", "memberName", "value", "operator", "operations"] {
            text.push(' ');
            text.push_str(node[field].as_str().unwrap_or_default());
        }
        text.push('\n');
    });
    text
}

//! Whether the bases' initializers are called, each once, and in the order of inheritance.

use super::{
    events::{Event, events},
    initializes, is_open, modified,
    parents::{Parent, ids, left_over, parents},
};
use crate::{
    rules,
    safety::{Outcome, Subject, members, name},
};
use cutover_types::{
    Finding, Severity,
    source::{Node, Tree, entry_points, id},
};
use std::collections::HashSet;

pub(super) fn inspect<'a>(
    subject: &Subject<'a>,
    blue: Option<&Subject<'_>>,
    contract: &Node<'a>,
    outcome: &mut Outcome,
) {
    let parents = parents(subject);
    let wanting: Vec<_> = left_over(subject, &parents)
        .into_iter()
        .filter_map(|place| parents.get(place))
        .collect();
    if wanting.is_empty() {
        return;
    }
    let own: Vec<_> = members(contract, "FunctionDefinition")
        .into_iter()
        .filter(|one| one.tree["body"].is_object() && is_open(one) && initializes(one))
        .collect();
    if own.is_empty() {
        missing_initializer(subject, blue, contract, &wanting, outcome);
    }
    for initializer in &own {
        let helper = own.iter().any(|other| {
            id(other.tree) != id(initializer.tree)
                && ids(subject, *other).contains(&id(initializer.tree))
        });
        if !helper {
            missing_calls(subject, blue, initializer, &wanting, outcome);
        }
        order_and_repetition(subject, contract, initializer, &parents, outcome);
    }
}

/// What has no initializer of its own although its bases want one.
fn missing_initializer(
    subject: &Subject<'_>,
    blue: Option<&Subject<'_>>,
    contract: &Node<'_>,
    wanting: &[&Parent<'_>],
    outcome: &mut Outcome,
) {
    let rule = rules::MISSING_INITIALIZER;
    if subject.allowed(rule, contract) || is_initialized(subject, wanting) {
        return;
    }
    let list = named(wanting);
    let message = format!(
        "`{}` has no initializer, and nothing calls those of {list}",
        name(contract.tree)
    );
    let mut finding = subject.finding(rule, contract, contract.tree, message);
    let inner = members(contract, "FunctionDefinition");
    if inner
        .iter()
        .any(|one| one.tree["visibility"] == "internal" && initializes(one))
    {
        finding.severity = Severity::Warning;
        finding.message.push_str(
            ": its own initializer is internal, only a contract that inherits from it can be initialized",
        );
    } else if blue.is_some_and(|blue| ran_before(blue, wanting)) {
        finding.severity = Severity::Warning;
        finding.message.push_str(
            ": blue has initialized them, but a new proxy of green cannot be initialized",
        );
    }
    outcome.findings.push(finding);
}

/// Whether something that can be called initializes these bases, in one transaction.
fn is_initialized(subject: &Subject<'_>, wanting: &[&Parent<'_>]) -> bool {
    if let [only] = wanting
        && only.initializers.iter().any(is_open)
    {
        return true;
    }
    entry_points(subject.linearized).into_iter().any(|entry| {
        modified(&entry, &["reinitializer"]) || {
            let inside = ids(subject, entry);
            wanting.iter().all(|parent| parent.is_in(&inside))
        }
    })
}

/// Whether blue has all these bases and an initializer that reaches them.
fn ran_before(blue: &Subject<'_>, wanting: &[&Parent<'_>]) -> bool {
    let theirs = parents(blue);
    let reached: HashSet<_> = entry_points(blue.linearized)
        .into_iter()
        .filter(|entry| initializes(entry) || modified(entry, &["reinitializer"]))
        .flat_map(|entry| ids(blue, entry))
        .collect();
    wanting.iter().all(|wanted| {
        theirs.iter().any(|parent| {
            name(parent.contract.tree) == name(wanted.contract.tree) && parent.is_in(&reached)
        })
    })
}

fn missing_calls<'a>(
    subject: &Subject<'a>,
    blue: Option<&Subject<'_>>,
    initializer: &Node<'a>,
    wanting: &[&Parent<'_>],
    outcome: &mut Outcome,
) {
    let rule = rules::MISSING_INITIALIZER_CALL;
    let inside = ids(subject, *initializer);
    let left: Vec<_> = wanting
        .iter()
        .copied()
        .filter(|parent| !parent.is_in(&inside))
        .collect();
    let what = name(initializer.tree);
    if left.is_empty() || what.ends_with("_unchained") || subject.allowed(rule, initializer) {
        return;
    }
    let message = format!(
        "`{what}` does not call the initializers of {}",
        named(&left)
    );
    let mut finding = subject.finding(rule, initializer, initializer.tree, message);
    if let Some(later) = blue.and_then(|blue| made_up_for(subject, blue, what, &left)) {
        finding.severity = Severity::Warning;
        finding.message.push_str(&format!(
            ": `{later}` does for proxies that blue has initialized, one made fresh with green needs both"
        ));
    }
    outcome.findings.push(finding);
}

/// The reinitializer that calls what an initializer leaves out, where blue's proxies have run that
/// initializer and can only run the other.
fn made_up_for<'a>(
    subject: &Subject<'a>,
    blue: &Subject<'_>,
    initializer: &str,
    left: &[&Parent<'_>],
) -> Option<&'a str> {
    let mut before = entry_points(blue.linearized).into_iter();
    if !before.any(|one| name(one.tree) == initializer && initializes(&one)) {
        return None;
    }
    let mut entries = entry_points(subject.linearized).into_iter();
    let later = entries.find(|entry| {
        modified(entry, &["reinitializer"]) && {
            let inside = ids(subject, *entry);
            left.iter().all(|parent| parent.is_in(&inside))
        }
    })?;
    Some(name(later.tree))
}

fn order_and_repetition<'a>(
    subject: &Subject<'a>,
    contract: &Node<'_>,
    initializer: &Node<'a>,
    parents: &[Parent<'a>],
    outcome: &mut Outcome,
) {
    let all = parents.iter().flat_map(|parent| &parent.initializers);
    let all: HashSet<_> = all.map(|one| id(one.tree)).collect();
    let Some(events) = events(subject, *initializer, &all) else {
        return;
    };
    let allowed = |rule| subject.allowed(rule, initializer) || subject.allowed(rule, contract);
    let rule = rules::DUPLICATE_INITIALIZER_CALL;
    if !allowed(rule) {
        for (place, event) in events.iter().enumerate() {
            let repeated = events
                .iter()
                .take(place)
                .filter(|earlier| earlier.meets(event))
                .find_map(|earlier| earlier.runs.intersection(&event.runs).min());
            let Some(again) = repeated.and_then(|id| subject.index.get(*id)) else {
                continue;
            };
            if !event.again_allowed {
                let message = format!(
                    "`{}` runs `{}` of `{}` a second time",
                    name(initializer.tree),
                    name(again.tree),
                    subject.owner(&again).map_or("", |owner| name(owner.tree)),
                );
                let finding = subject.finding(rule, &event.inside, event.tree, message);
                outcome.findings.push(finding);
            }
        }
    }
    let rule = rules::INCORRECT_INITIALIZER_ORDER;
    if !allowed(rule) {
        outcome
            .findings
            .extend(out_of_order(subject, parents, &events));
    }
}

/// The first base that is initialized after one that inherits from it. Bases that do not know each
/// other may come in any order.
fn out_of_order(
    subject: &Subject<'_>,
    parents: &[Parent<'_>],
    events: &[Event<'_>],
) -> Option<Finding> {
    for (place, later) in events.iter().enumerate() {
        let base = parent(parents, later)?;
        let before = || events.iter().take(place).filter(|one| one.meets(later));
        if before().any(|event| base.is_in(&event.runs)) {
            continue;
        }
        for earlier in before() {
            let derived = parent(parents, earlier)?;
            let bases = derived.contract.tree["linearizedBaseContracts"].as_array();
            let mut bases = bases.into_iter().flatten().filter_map(Tree::as_i64);
            let (own, other) = (id(derived.contract.tree), id(base.contract.tree));
            if own != other && bases.any(|number| number == other) {
                let message = format!(
                    "`{}` is initialized before `{}`, which it inherits from",
                    name(derived.contract.tree),
                    name(base.contract.tree)
                );
                let rule = rules::INCORRECT_INITIALIZER_ORDER;
                return Some(subject.finding(rule, &later.inside, later.tree, message));
            }
        }
    }
    None
}

fn parent<'s, 'a>(parents: &'s [Parent<'a>], event: &Event<'_>) -> Option<&'s Parent<'a>> {
    let called = id(event.called.tree);
    parents
        .iter()
        .find(|parent| parent.initializers.iter().any(|one| id(one.tree) == called))
}

fn named(parents: &[&Parent<'_>]) -> String {
    let names: Vec<_> = parents
        .iter()
        .map(|parent| format!("`{}`", name(parent.contract.tree)))
        .collect();
    names.join(", ")
}

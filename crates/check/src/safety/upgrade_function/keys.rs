//! Who may change what the guard of an upgrade compares its caller with.

use super::{Deed, judge};
use crate::{
    rules,
    safety::{
        Outcome, Subject,
        guard::{Guard, Opening, guard, opened},
        name,
    },
};
use cutover_types::{
    Finding, Severity,
    source::{Node, entry_points},
};
use std::collections::BTreeSet;

pub(super) fn inspect(subject: &Subject<'_>, blue: Option<&Subject<'_>>, outcome: &mut Outcome) {
    let rule = rules::UNPROTECTED_UPGRADE;
    let mut told = BTreeSet::new();
    let found = openings(subject);
    if found.is_empty() {
        return;
    }
    let before: BTreeSet<_> = blue
        .into_iter()
        .flat_map(openings)
        .map(|(_, _, one)| signature(&one.entry))
        .collect();
    for (judge, deed, opening) in found {
        let Opening { entry, guard, .. } = &opening;
        if subject.allowed(rule, entry)
            || subject.allowed(rule, &judge)
            || !told.insert(signature(entry))
        {
            continue;
        }
        let states: Vec<_> = opening
            .states
            .iter()
            .map(|one| format!("`{one}`"))
            .collect();
        let changes = format!(
            "`{}` changes {}, by which `{}` knows who may {}",
            name(entry.tree),
            states.join(", "),
            name(judge.tree),
            deed.told()
        );
        let (severity, why) = match guard {
            Guard::Caught | Guard::Unknown(_) | Guard::Caller => {
                let reason = format!("{changes}, and who may call it is not known");
                outcome.unknown.push(reason);
                continue;
            }
            Guard::Open => (Severity::Error, "anybody can call it"),
            Guard::Anybody => (
                Severity::Error,
                "what it asks of its caller can be true of everybody",
            ),
            Guard::Block => (Severity::Error, "it looks at nothing but the block"),
            Guard::State => (
                Severity::Warning,
                "it does not look at who calls it: anybody can while its other conditions hold",
            ),
            Guard::Origin => (
                Severity::Warning,
                "it looks at `tx.origin`: any contract that the right account calls can",
            ),
        };
        let known = before.contains(&signature(entry));
        let as_before = if known { "; so it was in blue" } else { "" };
        let message = format!("{changes}, and {why}{as_before}");
        let finding = subject.finding(rule, entry, entry.tree, message);
        outcome.findings.push(Finding {
            severity: if known { Severity::Warning } else { severity },
            ..finding
        });
    }
}

/// What lets others past the guards of a contract's upgrades, with the guard.
fn openings<'a>(subject: &Subject<'a>) -> Vec<(Node<'a>, Deed, Opening<'a>)> {
    let mut looked: Vec<Node<'a>> = Vec::new();
    let mut found = Vec::new();
    for entry in entry_points(subject.linearized) {
        let Some((judge, deed)) = judge(subject, entry) else {
            continue;
        };
        if looked.iter().any(|one| std::ptr::eq(one.tree, judge.tree)) {
            continue;
        }
        looked.push(judge);
        let guards: Vec<_> = [judge, entry]
            .into_iter()
            .filter(|one| guard(subject, *one) == Guard::Caller)
            .collect();
        let all = opened(subject, &guards).into_iter();
        found.extend(all.map(|one| (judge, deed, one)));
    }
    found
}

fn signature(function: &Node<'_>) -> String {
    let parameters = function.tree["parameters"]["parameters"].as_array();
    let types = parameters.into_iter().flatten();
    let types = types.filter_map(|one| one["typeDescriptions"]["typeString"].as_str());
    let types: Vec<_> = types.collect();
    format!("{}({})", name(function.tree), types.join(","))
}

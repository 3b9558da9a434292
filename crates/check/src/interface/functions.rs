//! Functions that are gone, answer differently, or gave their selector to another.

use super::{
    Contract, MAX_TEXT, Outcome,
    surface::{Function, Surface},
};
use crate::rules;
use alloy_json_abi::StateMutability;
use alloy_primitives::Selector;
use cutover_types::{Severity, source::Node, text::terminal};

pub(super) fn compare(
    blue: &Surface,
    green: &Surface,
    contract: &Contract<'_>,
    outcome: &mut Outcome,
) {
    for (selector, before) in &blue.functions {
        let Some(after) = green.functions.get(selector) else {
            outcome
                .findings
                .push(removed(*selector, before, green, contract));
            continue;
        };
        if !blue.declared || !green.declared {
            continue;
        }
        let at = declared(contract, *selector);
        if before.signature != after.signature {
            outcome.findings.push(contract.finding(
                rules::SELECTOR_REUSED,
                &after.signature,
                at.as_ref(),
                format!(
                    "{} is `{}` now: calls meant for `{}` run it",
                    selector,
                    terminal(&after.signature, MAX_TEXT),
                    terminal(&before.signature, MAX_TEXT),
                ),
            ));
            continue;
        }
        let (reasons, severity) = changes(before, after);
        if !reasons.is_empty() {
            let mut finding = contract.finding(
                rules::FUNCTION_CHANGED,
                &after.signature,
                at.as_ref(),
                format!(
                    "`{}` {}",
                    terminal(&after.signature, MAX_TEXT),
                    reasons.join("; ")
                ),
            );
            finding.severity = severity;
            outcome.findings.push(finding);
        }
    }
}

fn removed(
    selector: Selector,
    before: &Function,
    green: &Surface,
    contract: &Contract<'_>,
) -> cutover_types::Finding {
    let what = if before.signature.is_empty() {
        format!("the function behind {selector}")
    } else {
        format!("`{}` ({selector})", terminal(&before.signature, MAX_TEXT))
    };
    let fate = match (green.declared, green.fallback) {
        (false, _) => "green's code shows no entry for it",
        (true, Some(_)) => "calls of it run green's fallback",
        (true, None) => "calls of it revert",
    };
    let others: Vec<_> = green
        .functions
        .values()
        .filter(|other| !before.name.is_empty() && other.name == before.name)
        .map(|other| format!("`{}`", terminal(&other.signature, MAX_TEXT)))
        .take(3)
        .collect();
    let mut message = format!("{what} is gone: {fate}");
    if !others.is_empty() {
        message.push_str(&format!(
            "; green has {}, which has another selector",
            others.join(", ")
        ));
    }
    let label = if before.signature.is_empty() {
        selector.to_string()
    } else {
        before.signature.clone()
    };
    contract.finding(rules::FUNCTION_REMOVED, &label, None, message)
}

/// How a function differs for its callers.
fn changes(before: &Function, after: &Function) -> (Vec<String>, Severity) {
    let mut reasons = Vec::new();
    let mut severity = Severity::Note;
    if before.outputs != after.outputs {
        // Decoders of the old form read the head they know and stop.
        if after.outputs.starts_with(&before.outputs) {
            reasons.push(format!(
                "returns {} now, {} before: more than callers read",
                listed(&after.outputs),
                listed(&before.outputs)
            ));
        } else {
            severity = Severity::Warning;
            reasons.push(format!(
                "returns {} now, {} before: callers decode the old form",
                listed(&after.outputs),
                listed(&before.outputs)
            ));
        }
    }
    let reads = |one: &Function| {
        matches!(
            one.mutability,
            Some(StateMutability::View | StateMutability::Pure)
        )
    };
    let pays = |one: &Function| one.mutability == Some(StateMutability::Payable);
    if reads(before) && !reads(after) {
        severity = Severity::Warning;
        reasons.push(
            "is no longer `view`: contracts call it with STATICCALL, in which a write reverts"
                .to_owned(),
        );
    }
    if pays(before) && !pays(after) {
        severity = Severity::Warning;
        reasons.push("is no longer `payable`: calls that send ether revert".to_owned());
    }
    (reasons, severity)
}

fn listed(types: &[String]) -> String {
    if types.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`({})`", terminal(&types.join(","), MAX_TEXT))
    }
}

/// The declaration behind a selector.
pub(super) fn declared<'a>(contract: &Contract<'a>, selector: Selector) -> Option<Node<'a>> {
    let wanted = alloy_primitives::hex::encode(selector);
    let named = |node: &Node<'_>| node.tree["functionSelector"] == wanted.as_str();
    contract
        .members("FunctionDefinition")
        .find(named)
        .or_else(|| contract.members("VariableDeclaration").find(named))
}

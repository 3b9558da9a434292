//! What the code alone shows: libraries it is linked with, and its size.

use super::{Outcome, Subject};
use crate::{Options, Side, rules};
use cutover_types::{Finding, source::allows};

/// EIP-170.
const MAX_CODE: usize = 24_576;

pub(super) fn inspect(green: &Side<'_>, options: &Options, outcome: &mut Outcome) {
    let finding = |rule: &rules::Rule, label: Option<String>, message: String| Finding {
        label,
        ..rule.finding(green.contract.unwrap_or(green.reference), message)
    };
    let linking = rules::EXTERNAL_LIBRARY_LINKING;
    if !options.unsafe_allow.contains(linking.id) && !annotated(green, linking.id) {
        for library in green.libraries {
            outcome.findings.push(finding(
                linking,
                Some(library.clone()),
                format!("the code calls the external library `{library}`"),
            ));
        }
    }
    let Some(runtime) = green.runtime else {
        outcome.unknown.push(
            "green has no runtime code: its size and its libraries were not looked at".to_owned(),
        );
        return;
    };
    if runtime.len() > MAX_CODE {
        outcome.findings.push(finding(
            rules::CODE_TOO_LARGE,
            None,
            format!(
                "the runtime code has {} bytes, {MAX_CODE} are allowed",
                runtime.len()
            ),
        ));
    }
}

/// Libraries whose public functions the source calls, which linked code no longer shows.
pub(super) fn called(subject: &Subject<'_>, known: &[String], outcome: &mut Outcome) {
    let rule = rules::EXTERNAL_LIBRARY_LINKING;
    let Some(contract) = subject.linearized.first() else {
        return;
    };
    if subject.allowed(rule, contract) {
        return;
    }
    let mut told: Vec<String> = known.to_vec();
    for function in subject.graph.all() {
        let open = matches!(
            function.node.tree["visibility"].as_str(),
            Some("public" | "external")
        );
        let Some(owner) = subject.owner(&function.node).filter(|_| open) else {
            continue;
        };
        let library = format!("{}:{}", owner.unit, super::name(owner.tree));
        if owner.tree["contractKind"] == "library" && !told.contains(&library) {
            let message = format!(
                "`{library}` runs by delegate call through {}",
                function.path.join(" → ")
            );
            outcome
                .findings
                .push(subject.finding(rule, contract, contract.tree, message));
            told.push(library);
        }
    }
}

/// Whether the contract's own documentation allows a rule.
fn annotated(green: &Side<'_>, rule: &str) -> bool {
    let Some(index) = green.index() else {
        return false;
    };
    index
        .contract(green.contract.unwrap_or_default())
        .is_some_and(|contract| allows(contract.tree, rule, false))
}

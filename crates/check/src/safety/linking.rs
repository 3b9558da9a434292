//! What the code alone shows: libraries it is linked with, and its size.

use super::Outcome;
use crate::{Options, Side, rules};
use cutover_types::{Finding, source::allows};

/// EIP-170.
const MAX_CODE: usize = 24_576;

pub(super) fn inspect(green: &Side<'_>, options: &Options, outcome: &mut Outcome) {
    let finding = |rule: &rules::Rule, label: Option<String>, message: String| Finding {
        rule: rule.id.to_owned(),
        category: rule.category,
        severity: rule.severity,
        contract: green.contract.unwrap_or(green.reference).to_owned(),
        label,
        slot: None,
        offset: None,
        source: None,
        message,
        help: rule.help.to_owned(),
        waived: None,
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

/// Whether the contract's own documentation allows a rule.
fn annotated(green: &Side<'_>, rule: &str) -> bool {
    let Some(sources) = green.sources else {
        return false;
    };
    sources
        .index()
        .contract(green.contract.unwrap_or_default())
        .is_some_and(|contract| allows(contract.tree, rule, false))
}

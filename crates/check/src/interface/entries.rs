//! Calls without a function: plain ether and the fallback.

use super::{Contract, Outcome, surface::Surface};
use crate::rules;
use cutover_types::{Finding, Severity};

pub(super) fn compare(
    blue: &Surface,
    green: &Surface,
    contract: &Contract<'_>,
    outcome: &mut Outcome,
) {
    if !blue.declared || !green.declared {
        return;
    }
    if blue.takes_ether() && !green.takes_ether() {
        outcome.findings.push(contract.finding(
            rules::ETHER_REFUSED,
            "receive",
            None,
            "plain ether sent to the proxy reverts: green has no `receive` and no payable `fallback`"
                .to_owned(),
        ));
    }
    let (message, severity) = match (blue.fallback, green.fallback) {
        (Some(_), None) => (
            "the fallback is gone: calls of functions that only it served revert",
            Severity::Warning,
        ),
        (Some(before), Some(after)) if before.payable && !after.payable => (
            "the fallback is no longer `payable`: calls with data and ether revert",
            Severity::Warning,
        ),
        (None, Some(_)) => (
            "green has a fallback: calls of functions that do not exist no longer revert",
            Severity::Note,
        ),
        _ => return,
    };
    outcome.findings.push(Finding {
        severity,
        ..contract.finding(
            rules::FALLBACK_CHANGED,
            "fallback",
            None,
            message.to_owned(),
        )
    });
}

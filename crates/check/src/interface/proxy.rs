//! Functions the proxy answers itself, so that the implementation's are never asked.
//!
//! A transparent proxy keeps its own functions for its admin: everybody else reaches the
//! implementation. There only a second way to upgrade is an error: it passes the admin by.

use super::{
    Contract, MAX_TEXT, Outcome,
    functions::declared,
    surface::{Surface, dispatched},
};
use crate::{Kind, Options, rules};
use alloy_primitives::{Selector, hex};
use cutover_types::{Finding, Severity, text::terminal};

const UPGRADE_TO: Selector = Selector::new(hex!("3659cfe6"));
const UPGRADE_TO_AND_CALL: Selector = Selector::new(hex!("4f1ef286"));
const CHANGE_ADMIN: Selector = Selector::new(hex!("8f283970"));
const ADMIN: Selector = Selector::new(hex!("f851a440"));
const IMPLEMENTATION: Selector = Selector::new(hex!("5c60da1b"));

/// What transparent proxies of zos and OpenZeppelin up to 4.x answer to their admin alone; those of
/// 5.x have only the second.
const ADMIN_ONLY: [Selector; 5] = [
    UPGRADE_TO,
    UPGRADE_TO_AND_CALL,
    CHANGE_ADMIN,
    ADMIN,
    IMPLEMENTATION,
];

pub(super) fn clashes(
    blue: Option<&Surface>,
    green: &Contract<'_>,
    options: &Options,
    outcome: &mut Outcome,
) {
    let Some(surface) = &green.surface else {
        return;
    };
    let seen = match &options.proxy_code {
        Some(code) => dispatched(code, true),
        None => Vec::new(),
    };
    let mut own = seen.clone();
    // From OpenZeppelin 4.9 on the proxy compares inside its fallback, for its admin alone: nothing is
    // seen there. Proxies of the other kinds have no functions of their own.
    let shown = ADMIN_ONLY.iter().any(|selector| seen.contains(selector));
    if options.kind == Some(Kind::Transparent) && !shown {
        own.extend(ADMIN_ONLY);
    }
    let transparent = options.kind == Some(Kind::Transparent)
        || (options.kind.is_none() && own.contains(&CHANGE_ADMIN));
    for selector in &own {
        let Some(function) = surface.functions.get(selector) else {
            continue;
        };
        let before = blue.is_some_and(|blue| blue.functions.contains_key(selector));
        // What the proxy's code does not show is a guess, which blue that runs has refuted.
        if before && !seen.contains(selector) {
            continue;
        }
        let name = if function.signature.is_empty() {
            selector.to_string()
        } else {
            terminal(&function.signature, MAX_TEXT)
        };
        let admins = transparent && ADMIN_ONLY.contains(selector);
        let upgrades = matches!(*selector, UPGRADE_TO | UPGRADE_TO_AND_CALL);
        let (severity, message) = match (admins, upgrades) {
            (true, true) => (
                Severity::Error,
                format!(
                    "`{name}` is a second way to upgrade: behind a transparent proxy everybody but its admin reaches it"
                ),
            ),
            (true, false) => (
                Severity::Warning,
                format!("`{name}` is the proxy's own function when its admin calls"),
            ),
            (false, _) => (
                Severity::Error,
                format!("`{name}` ({selector}) cannot be reached: the proxy answers it itself"),
            ),
        };
        outcome.findings.push(Finding {
            severity: if before { Severity::Note } else { severity },
            ..green.finding(
                rules::SELECTOR_CLASH,
                &name,
                declared(green, *selector).as_ref(),
                message,
            )
        });
    }
}

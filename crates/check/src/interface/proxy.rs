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
use cutover_types::{Finding, ProxyKind, Severity, text::terminal};

const UPGRADE_TO: Selector = Selector::new(hex!("3659cfe6"));
const UPGRADE_TO_AND_CALL: Selector = Selector::new(hex!("4f1ef286"));
const CHANGE_ADMIN: Selector = Selector::new(hex!("8f283970"));
const ADMIN: Selector = Selector::new(hex!("f851a440"));
const IMPLEMENTATION: Selector = Selector::new(hex!("5c60da1b"));

/// What transparent proxies of zos and OpenZeppelin up to 4.x answer to their admin alone.
const UP_TO_V4: &[Selector] = &[
    UPGRADE_TO,
    UPGRADE_TO_AND_CALL,
    CHANGE_ADMIN,
    ADMIN,
    IMPLEMENTATION,
];
/// What those of 5.x do.
const FROM_V5: &[Selector] = &[UPGRADE_TO_AND_CALL];

/// The functions a proxy keeps for its admin, and whose proxy that is.
fn admins(options: &Options, seen: &[Selector]) -> (&'static [Selector], &'static str) {
    let found = options.live.as_ref().and_then(|live| live.kind);
    match (found, options.kind) {
        (Some(ProxyKind::TransparentV5), _) => (
            FROM_V5,
            "the proxy is OpenZeppelin's transparent one of 5.x",
        ),
        (Some(ProxyKind::Transparent), _) => (
            UP_TO_V4,
            "the proxy is OpenZeppelin's transparent one of 3.x or 4.x",
        ),
        (Some(ProxyKind::ZosAdmin), _) => (UP_TO_V4, "the proxy is zos's AdminUpgradeabilityProxy"),
        (None | Some(ProxyKind::Unknown), Some(Kind::Transparent)) => (
            UP_TO_V4,
            "taken for OpenZeppelin's transparent proxy of 3.x or 4.x; that of 5.x has `upgradeToAndCall` alone",
        ),
        (None | Some(ProxyKind::Unknown), None) if seen.contains(&CHANGE_ADMIN) => {
            (UP_TO_V4, "the proxy's code looks like a transparent one's")
        }
        _ => (&[], ""),
    }
}

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
    let (admins, whose) = admins(options, &seen);
    if !admins.iter().any(|selector| seen.contains(selector)) {
        own.extend(admins);
    }
    let kind = options.live.as_ref().and_then(|live| live.kind);
    let is_known = kind.is_some_and(|kind| kind != ProxyKind::Unknown);
    for selector in &own {
        let Some(function) = surface.functions.get(selector) else {
            continue;
        };
        let before = blue.is_some_and(|blue| blue.functions.contains_key(selector));
        // What the proxy's code does not show is a guess, which blue that runs has refuted.
        if before && !seen.contains(selector) && !is_known {
            continue;
        }
        let name = if function.signature.is_empty() {
            selector.to_string()
        } else {
            terminal(&function.signature, MAX_TEXT)
        };
        let is_admins = admins.contains(selector);
        let upgrades = matches!(*selector, UPGRADE_TO | UPGRADE_TO_AND_CALL);
        let (severity, message) = match (is_admins, upgrades) {
            (true, true) => (
                Severity::Error,
                format!(
                    "`{name}` is a second way to upgrade: behind a transparent proxy everybody but its admin reaches it ({whose})"
                ),
            ),
            (true, false) => (
                Severity::Warning,
                format!("`{name}` is the proxy's own function when its admin calls ({whose})"),
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

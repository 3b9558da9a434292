//! Paths in words.

use super::Trail;
use alloy_primitives::Address;
use cutover_types::inspection::{Controller, PowerPath, Presses};
use std::collections::BTreeMap;

pub(super) fn words(last: &Controller, trail: &Trail<'_>) -> String {
    let mut text = String::new();
    let together = last
        .members
        .iter()
        .filter(|m| m.presses == Presses::Together)
        .count();
    if together > 0 {
        let needed = last.threshold.unwrap_or(1);
        text = format!("{needed} of {together} owners of ");
    }
    for (index, (step, role)) in trail.steps.iter().enumerate().rev() {
        // `anyone` is what he is, too.
        let role = if *role == step.kind { "" } else { role };
        text.push_str(&name(step));
        if !role.is_empty() {
            text.push_str(&format!(" as {role}"));
        }
        if index > 0 {
            text.push_str(if role.is_empty() {
                ", through "
            } else {
                " of "
            });
        }
    }
    text
}

pub(super) fn name(controller: &Controller) -> String {
    match controller.kind.as_str() {
        "anyone" => "anyone".into(),
        "eoa" => format!("account {}", controller.address),
        kind => format!("{kind} {}", controller.address),
    }
}

pub(super) fn bypass(path: &PowerPath, timelocks: &BTreeMap<Address, u64>) -> String {
    let skipped: Vec<_> = path
        .skips
        .iter()
        .map(|at| {
            let wait = timelocks.get(at).copied().unwrap_or_default();
            format!("{} ({wait} s)", *at)
        })
        .collect();
    let waits = match path.delay_seconds {
        0 => "without any wait".to_owned(),
        wait => format!("after {wait} s"),
    };
    let sure = if path.proven { "" } else { " (claimed)" };
    format!(
        "{}: {waits}{sure}, past the timelock {}",
        path.words,
        skipped.join(" and ")
    )
}

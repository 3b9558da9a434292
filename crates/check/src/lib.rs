//! Storage-layout and upgrade-safety rules: values in, a report out.
//!
//! What cannot be told is `inconclusive`, never a pass: a missing layout, a missing syntax tree, an
//! enum whose members nobody knows.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod build;
mod input;
mod interface;
mod layout;
mod live;
mod rules;
mod safety;
mod spans;
mod waivers;

pub use input::{Kind, Options, Side, WaiverRule};
pub use live::{Live, Seen, wanted};
pub use rules::{RULES, Rule, rule};

use cutover_types::{
    Category, CheckReport, Finding, LayoutVerdict, SafetyVerdict, StorageItem, StorageLayout,
    Verdict, check::Layouts,
};

/// Compares blue and green and looks for unsafe constructs in green.
pub fn check(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> CheckReport {
    let layout = compare(blue, green, options);
    let safety = safety::inspect(green, options);
    let mut findings = layout.findings;
    findings.extend(safety.findings);
    let live = live::inspect(blue, green, options, &mut findings);
    findings.extend(live.findings);
    findings.extend(build::compare(blue, green, options));
    let interface = interface::compare(blue, green, options);
    findings.extend(interface.findings);
    waivers::apply(&mut findings, [blue, green], options);
    spans::fill(&mut findings, blue, green);
    findings.sort_by_key(order);

    let blocks = |category| {
        findings
            .iter()
            .any(|f| f.category == category && f.blocks())
    };
    let layout_verdict = if blocks(Category::Layout) {
        LayoutVerdict::Incompatible
    } else if layout.unknown.is_empty() {
        LayoutVerdict::Compatible
    } else {
        LayoutVerdict::Inconclusive
    };
    let safety_verdict = if blocks(Category::Safety) {
        SafetyVerdict::Unsafe
    } else if safety.unknown.is_empty() {
        SafetyVerdict::Safe
    } else {
        SafetyVerdict::Inconclusive
    };
    let verdict = if findings.iter().any(Finding::blocks) {
        Verdict::Blocked
    } else if layout_verdict == LayoutVerdict::Inconclusive
        || safety_verdict == SafetyVerdict::Inconclusive
        || !live.unknown.is_empty()
    {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    };
    let mut not_checked = layout.unknown;
    for rule in &options.unsafe_allow {
        not_checked.push(format!(
            "rule `{rule}` was switched off on the command line"
        ));
    }
    let rest = missing(blue, green).into_iter().chain(interface.unchecked);
    let rest = live.unknown.into_iter().chain(rest);
    for why in safety.unknown.into_iter().chain(rest) {
        if !not_checked.contains(&why) {
            not_checked.push(why);
        }
    }
    CheckReport {
        verdict,
        layout_verdict,
        safety_verdict,
        blue: blue.checked(),
        green: green.checked(),
        findings,
        rollback: None,
        mixed: None,
        live: live.contract,
        layouts: Layouts {
            blue: items(blue.layout),
            green: items(green.layout),
        },
        not_checked,
    }
}

fn compare(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> layout::Outcome {
    if let (Some(before), Some(after)) = (blue.layout, green.layout) {
        return layout::compare(layout::Pair {
            blue: before,
            green: after,
            blue_side: blue,
            green_side: green,
            options,
        });
    }
    let mut outcome = layout::Outcome::default();
    for (side, name) in [(blue, "blue"), (green, "green")] {
        if side.layout.is_none() {
            outcome.unknown.push(format!(
                "{name} has no storage layout: nothing was compared"
            ));
        }
    }
    outcome
}

fn missing(blue: &Side<'_>, green: &Side<'_>) -> Vec<String> {
    let named = |side: &Side<'_>, name: &str| -> Vec<String> {
        side.missing
            .iter()
            .map(|why| format!("{name}: {why}"))
            .collect()
    };
    let mut all = named(blue, "blue");
    all.extend(named(green, "green"));
    all
}

fn items(layout: Option<&StorageLayout>) -> Vec<StorageItem> {
    layout
        .map(|layout| layout.storage.clone())
        .unwrap_or_default()
}

/// Layout first, by slot, then the rules' own order.
fn order(finding: &Finding) -> (Category, Option<alloy_primitives::U256>, Option<u64>) {
    let slot = finding.slot.as_ref().and_then(|slot| slot.parse().ok());
    (finding.category, slot, finding.offset)
}

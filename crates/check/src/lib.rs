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
pub use rules::{RULES, Rule, allowable, rule};

use cutover_types::{
    Category, CheckReport, Finding, LayoutVerdict, SafetyVerdict, StorageItem, StorageLayout,
    Verdict,
    check::{Direction, Layouts},
};
use layout::Way;

/// Compares blue and green and looks for unsafe constructs in green.
pub fn check(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> CheckReport {
    // Most rules ask for definitions.
    let indexes = [blue, green].map(Side::index);
    let [blue, green] = &[(blue, &indexes[0]), (green, &indexes[1])].map(|(side, index)| Side {
        index: index.as_deref(),
        ..*side
    });
    let layout = compare(blue, green, options, Way::Forward);
    let safety = safety::inspect(blue, green, options);
    let mut findings = layout.findings;
    findings.extend(safety.findings);
    let live = live::inspect(blue, green, options, &mut findings);
    findings.extend(live.findings);
    findings.extend(build::compare(blue, green, options));
    let interface = interface::compare(blue, green, options);
    findings.extend(interface.findings);
    findings.retain(|found| !options.unsafe_allow.contains(&found.rule));
    waivers::apply(&mut findings, [blue, green], options);
    spans::fill(&mut findings, blue, green);
    findings.sort_by_key(order);

    let forward = {
        let of_layout = findings.iter().filter(|f| f.category == Category::Layout);
        let findings: Vec<_> = of_layout.cloned().collect();
        Direction {
            verdict: layout::verdict(&findings, &layout.unknown),
            findings,
            unknown: layout.unknown,
        }
    };
    let rollback = back(blue, green, options, &forward);
    let mut mixed = layout::mixed(blue, green, &forward, &layout.fresh, &rollback);
    spans::fill(&mut mixed.findings, blue, green);
    let layout_verdict = forward.verdict;
    let is_unsafe = findings
        .iter()
        .any(|f| f.category == Category::Safety && f.blocks());
    let safety_verdict = if is_unsafe {
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
    let mut not_checked = forward.unknown;
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
        rollback: Some(rollback),
        mixed: Some(mixed),
        live: live.contract,
        layouts: Layouts {
            blue: items(blue.layout),
            green: items(green.layout),
        },
        not_checked,
    }
}

/// Whether blue can read what green wrote.
fn back(blue: &Side<'_>, green: &Side<'_>, options: &Options, forward: &Direction) -> Direction {
    let outcome = compare(green, blue, options, Way::Back);
    let mut findings = outcome.findings;
    // What green adds, blue leaves alone.
    findings.retain(|found| found.rule != rules::DELETE_NAMESPACE.id);
    for found in &mut findings {
        // Who accepted that two names are one variable accepted it both ways.
        let accepted = forward.findings.iter().find(|other| {
            found.rule == rules::RENAME.id
                && other.rule == found.rule
                && (&other.slot, other.offset) == (&found.slot, found.offset)
        });
        found.waived = accepted.and_then(|other| other.waived.clone());
    }
    spans::fill(&mut findings, blue, green);
    findings.sort_by_key(order);
    Direction {
        verdict: layout::verdict(&findings, &outcome.unknown),
        findings,
        unknown: outcome.unknown,
    }
}

/// Compares what `writer` stores with what `reader` reads.
fn compare(writer: &Side<'_>, reader: &Side<'_>, options: &Options, way: Way) -> layout::Outcome {
    let vyper = |side: &Side<'_>| side.compiler.is_some_and(|name| name.starts_with("vyper"));
    if vyper(writer) != vyper(reader) {
        // Their mappings hash key and slot in different orders: equal slots hold other values.
        let mut outcome = layout::Outcome::default();
        outcome
            .unknown
            .push("one side is Vyper and the other is not: nothing was compared".to_owned());
        return outcome;
    }
    if let (Some(before), Some(after)) = (writer.layout, reader.layout) {
        return layout::compare(layout::Pair {
            blue: before,
            green: after,
            blue_side: writer,
            green_side: reader,
            options,
            way,
        });
    }
    let mut outcome = layout::Outcome::default();
    for (side, name) in [(writer, way.writer()), (reader, way.reader())] {
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

//! SARIF 2.1.0, with what GitHub's code scanning asks for.
//!
//! GitHub shows a result only when it has a place, so one without source is put at its contract's
//! file; it does not read `suppressions`, so a waived result is also only a note; and it takes a run
//! without results for "all is well", so not being able to tell is a result of its own.

mod log;

use crate::{
    check,
    ci::{Ci, RuleText, family, worst_first},
};
use alloy_primitives::{hex, keccak256};
use cutover_types::{
    CheckReport, Finding, LayoutVerdict, SafetyVerdict, Verdict,
    check::{Category, Role, Severity, Span},
    text,
};
use log::{
    Artifact, Descriptor, Driver, Help, Invocation, Location, Log, Message, Notification, Physical,
    Properties, Region, SarifResult, Suppression, Tool,
};
use std::collections::{BTreeMap, HashMap};

/// GitHub shows as many results of a run and refuses files with more than five times of it.
const MAX_RESULTS: usize = 5_000;
/// Longest text of one message.
const LIMIT: usize = 1_000;
/// The rule of results that say that nobody can tell.
const INCONCLUSIVE: &str = "inconclusive";

/// The report as a SARIF log.
///
/// # Errors
/// When the report cannot be represented as JSON.
pub fn sarif(report: &CheckReport, ci: &Ci<'_>) -> serde_json::Result<String> {
    let mut seen = HashMap::new();
    let sorted = worst_first(report);
    let mut results: Vec<_> = undecided(report, ci).into_iter().collect();
    for finding in sorted.iter().take(MAX_RESULTS - results.len()) {
        results.push(result(finding, report, ci, &mut seen));
    }
    let mut notifications: Vec<_> = report.not_checked.iter().map(|why| note(why)).collect();
    if sorted.len() > results.len() {
        let more = sorted.len() - results.len();
        notifications.push(note(&format!("{more} more findings are not in this file")));
    }
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [log::Run {
            tool: Tool {
                driver: Driver {
                    name: "cutover",
                    semantic_version: ci.version.to_owned(),
                    information_uri: env!("CARGO_PKG_REPOSITORY"),
                    rules: descriptors(ci),
                },
            },
            automation_details: log::Automation {
                id: format!("cutover/{}/", short(&report.green.contract)),
            },
            column_kind: "unicodeCodePoints",
            original_uri_base_ids: BTreeMap::from([(
                "%SRCROOT%",
                log::Base {
                    description: message("the root of the repository"),
                },
            )]),
            invocations: [Invocation {
                execution_successful: report.verdict != Verdict::Inconclusive,
                exit_code: ci.exit,
                tool_execution_notifications: notifications,
            }],
            results,
        }],
    };
    let mut text = serde_json::to_string_pretty(&log)?;
    text.push('\n');
    Ok(text)
}

fn descriptors(ci: &Ci<'_>) -> Vec<Descriptor> {
    let undecided = RuleText {
        id: INCONCLUSIVE,
        category: Category::Layout,
        severity: Severity::Error,
        summary: "something could not be told, which is never a pass",
        help: "give what the message asks for, such as sources or a build with storage layouts",
        markdown: String::new(),
        page: env!("CARGO_PKG_REPOSITORY").to_owned(),
        skipped: None,
    };
    ci.rules
        .iter()
        .chain([&undecided])
        .map(descriptor)
        .collect()
}

fn descriptor(rule: &RuleText<'_>) -> Descriptor {
    let help = format!("What to do: {}.", rule.help);
    let is_error = rule.severity == Severity::Error;
    let markdown = if rule.markdown.is_empty() {
        help.clone()
    } else {
        rule.markdown.clone()
    };
    Descriptor {
        id: rule.id.to_owned(),
        short_description: message(&sentence(rule.summary)),
        full_description: message(&sentence(rule.summary)),
        help: Help {
            text: help,
            markdown,
        },
        help_uri: rule.page.clone(),
        default_configuration: log::Configuration {
            level: level(rule.severity),
        },
        properties: Properties {
            tags: vec!["security", "upgrades", family(rule.category)],
            precision: if is_error { "high" } else { "medium" },
            problem_severity: match rule.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "recommendation",
            },
            security_severity: match rule.severity {
                Severity::Error => "8.0",
                Severity::Warning => "5.0",
                Severity::Note => "1.0",
            },
        },
    }
}

fn result(
    finding: &Finding,
    report: &CheckReport,
    ci: &Ci<'_>,
    seen: &mut HashMap<String, u64>,
) -> SarifResult {
    // GitHub shows the first place, on the branch it is about: green's.
    let first = finding
        .spans
        .iter()
        .find(|span| span.role == Role::Green)
        .or_else(|| finding.spans.first());
    let place = match (first, &finding.source) {
        (Some(span), _) => location(span, ci),
        (None, Some(line)) => at(
            &(ci.locate)(Role::Green, &line.file),
            Region::line(line.line),
        ),
        (None, None) => whole(&finding.contract, report, ci),
    };
    let others = finding
        .spans
        .iter()
        .filter(|span| Some(*span) != first)
        .take(10);
    let related: Vec<_> = others
        .enumerate()
        .map(|(id, span)| Location {
            id: Some(id as u64 + 1),
            ..location(span, ci)
        })
        .collect();
    let mut said = sentence(&finding.message);
    for location in &related {
        if let (Some(id), Some(note)) = (location.id, &location.message) {
            said.push_str(&format!(" [{}]({id}).", note.text));
        }
    }
    for damage in finding.damage.iter().take(check::MAX_DAMAGE) {
        said.push(' ');
        said.push_str(&sentence(&check::lost(damage)));
    }
    if !finding.help.is_empty() {
        said.push_str(&format!(" What to do: {}", sentence(&finding.help)));
    }
    SarifResult {
        rule_index: ci.rules.iter().position(|rule| rule.id == finding.rule),
        rule_id: finding.rule.clone(),
        level: match finding.waived {
            Some(_) => "note",
            None => level(finding.severity),
        },
        message: Message { text: said },
        locations: vec![place],
        related_locations: related,
        partial_fingerprints: fingerprint(finding, seen),
        suppressions: finding.waived.as_ref().map(|waiver| {
            let until = match &waiver.expires {
                Some(date) => format!(", until {date}"),
                None => String::new(),
            };
            vec![Suppression {
                kind: "external",
                status: "accepted",
                justification: plain(&format!("{} — {}{until}", waiver.reason, waiver.by)),
            }]
        }),
    }
}

/// A result of its own when something could not be told: a file without results reads as a pass.
fn undecided(report: &CheckReport, ci: &Ci<'_>) -> Option<SarifResult> {
    let unclear = report.verdict == Verdict::Inconclusive
        || report.layout_verdict == LayoutVerdict::Inconclusive
        || report.safety_verdict == SafetyVerdict::Inconclusive;
    unclear.then(|| {
        let mut said = "Could not tell whether the upgrade is safe.".to_owned();
        for why in report.not_checked.iter().take(8) {
            said.push(' ');
            said.push_str(&sentence(why));
        }
        let key = format!("{INCONCLUSIVE}:{}", report.green.contract);
        SarifResult {
            rule_index: Some(ci.rules.len()),
            rule_id: INCONCLUSIVE.to_owned(),
            level: "error",
            message: Message { text: said },
            locations: vec![whole(&report.green.contract, report, ci)],
            related_locations: Vec::new(),
            partial_fingerprints: hashed(&key, 1),
            suppressions: None,
        }
    })
}

/// What stays the same when lines above it come and go.
fn fingerprint(
    finding: &Finding,
    seen: &mut HashMap<String, u64>,
) -> BTreeMap<&'static str, String> {
    let label = finding.label.as_deref().unwrap_or_default();
    let key = format!("{}\0{}\0{label}", finding.rule, finding.contract);
    let count = seen.entry(key.clone()).or_default();
    *count += 1;
    hashed(&key, *count)
}

fn hashed(key: &str, count: u64) -> BTreeMap<&'static str, String> {
    let hash = hex::encode(&keccak256(key)[..8]);
    BTreeMap::from([("primaryLocationLineHash", format!("{hash}:{count}"))])
}

fn location(span: &Span, ci: &Ci<'_>) -> Location {
    let start_column = span.column.max(1);
    let region = Region {
        start_line: span.line.max(1),
        start_column,
        end_line: span.line.max(1),
        end_column: start_column.saturating_add(span.length.max(1)),
    };
    let mut location = at(&(ci.locate)(span.role, &span.file), region);
    location.message = (!span.note.is_empty()).then(|| message(&span.note));
    location
}

/// The file a contract is in, or what stands for it.
fn whole(contract: &str, report: &CheckReport, ci: &Ci<'_>) -> Location {
    let green = [contract, &report.green.contract, &report.green.reference];
    let file = green
        .iter()
        .filter(|name| !name.starts_with("code:"))
        .find_map(|name| Some(name.rsplit_once(':')?.0))
        .or_else(|| report.green.reference.strip_prefix("code:"))
        .filter(|file| !file.is_empty());
    match file {
        Some(file) => at(&(ci.locate)(Role::Green, file), Region::line(1)),
        // An address: the configuration that names it.
        None => at("cutover.toml", Region::line(1)),
    }
}

fn at(file: &str, region: Region) -> Location {
    Location {
        id: None,
        message: None,
        physical_location: Physical {
            artifact_location: Artifact::of(file),
            region,
        },
    }
}

fn note(why: &str) -> Notification {
    Notification {
        level: "warning",
        message: message(&sentence(why)),
    }
}

fn message(text: &str) -> Message {
    Message { text: plain(text) }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Text that holds no link.
fn plain(shown: &str) -> String {
    text::terminal(shown, LIMIT).replace("](", "] (")
}

/// With a capital and a full stop.
fn sentence(shown: &str) -> String {
    let shown = plain(shown);
    let mut chars = shown.trim().chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let mut all = format!("{first}{}", chars.as_str());
    if !all.ends_with(['.', '!', '?']) {
        all.push('.');
    }
    all
}

fn short(contract: &str) -> String {
    let name = contract.rsplit(':').next().unwrap_or_default();
    let tame = |c: &char| c.is_ascii_alphanumeric() || "_$.-".contains(*c);
    let name: String = name.chars().filter(tame).take(100).collect();
    if name.is_empty() {
        "check".to_owned()
    } else {
        name
    }
}

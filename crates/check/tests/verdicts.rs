//! Pairs of small contracts with the verdicts they must get, compiled by a real solc in one go.

#![allow(clippy::unwrap_used)]

use cutover_artifacts::{Code, LoadOptions, Need, Reference, load};
use cutover_check::{Kind, Options, check};
use cutover_types::{Category, CheckReport, Finding, LayoutVerdict, SafetyVerdict, check::Role};
use serde_json::{Map, Value, json};
use support::view;

#[path = "support/solc.rs"]
mod solc;
mod support;

/// `id layout safety rules…`, then the old and the new source after `old:` and `new:`. The rules are
/// those that block; one that only warns is written `+rule` and has to be among the others.
const CASES: &str = include_str!("verdicts.txt");

struct Case<'a> {
    id: &'a str,
    layout: &'a str,
    safety: &'a str,
    rules: Vec<&'a str>,
    /// What is expected of the way back and of both at once, where it is said.
    ways: Vec<(&'a str, Vec<&'a str>)>,
    old: &'a str,
    new: &'a str,
}

#[test]
fn every_pair_gets_its_verdict() {
    let cases: Vec<_> = CASES.split("\n# ").skip(1).map(parse).collect();
    let folder = tempfile::tempdir().unwrap();
    let build = compile(&cases);
    let mut wrong = Vec::new();
    for case in &cases {
        let file = folder.path().join(format!("{}.json", case.id));
        std::fs::write(&file, part(&build, case.id).to_string()).unwrap();
        let side = |which: &str| {
            let reference = format!("{}#{which}/{}.sol:T", file.display(), case.id);
            load(
                &Reference::parse(&reference).unwrap(),
                &options(folder.path()),
            )
            .unwrap()
        };
        let report = run(&side("old"), &side("new"), case.id);
        let layout = layout_name(report.layout_verdict);
        let safety = match report.safety_verdict {
            SafetyVerdict::Safe => "safe",
            SafetyVerdict::Unsafe => "unsafe",
            SafetyVerdict::Inconclusive => "inconclusive",
        };
        let mut rules: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.blocks())
            .map(|finding| finding.rule.as_str())
            .collect();
        rules.dedup();
        let warned = |rule: &str| {
            let mut all = report.findings.iter().filter(|finding| !finding.blocks());
            all.any(|finding| finding.rule == rule)
        };
        rules.extend(
            case.rules
                .iter()
                .filter(|rule| rule.strip_prefix('+').is_some_and(warned)),
        );
        wrong.extend(report.findings.iter().filter_map(pointless));
        if (layout, safety) != (case.layout, case.safety) || rules != case.rules {
            wrong.push(format!(
                "{}: {layout} {safety} {rules:?}, expected {} {} {:?}\n{:#?}\n{:#?}",
                case.id, case.layout, case.safety, case.rules, report.findings, report.not_checked
            ));
        }
        for (way, expected) in &case.ways {
            let direction = match *way {
                "back" => report.rollback.as_ref().unwrap(),
                _ => report.mixed.as_ref().unwrap(),
            };
            let mut found = vec![layout_name(direction.verdict)];
            found.extend(
                direction
                    .findings
                    .iter()
                    .map(|finding| finding.rule.as_str()),
            );
            found.dedup();
            if found != *expected {
                wrong.push(format!(
                    "{} {way}: {found:?}, expected {expected:?}\n{direction:#?}",
                    case.id
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

fn layout_name(verdict: LayoutVerdict) -> &'static str {
    match verdict {
        LayoutVerdict::Compatible => "compatible",
        LayoutVerdict::Incompatible => "incompatible",
        LayoutVerdict::Inconclusive => "inconclusive",
    }
}

fn parse(text: &str) -> Case<'_> {
    let (head, body) = text.split_once('\n').unwrap();
    let (old, new) = body
        .strip_prefix("old:")
        .unwrap()
        .split_once("\nnew:")
        .unwrap();
    let mut words = head.split_whitespace();
    let (id, layout, safety) = (words.next(), words.next(), words.next());
    let (ways, rules): (Vec<_>, Vec<_>) = words.partition(|word| word.contains('='));
    Case {
        id: id.unwrap(),
        layout: layout.unwrap(),
        safety: safety.unwrap(),
        rules,
        ways: ways
            .into_iter()
            .map(|way| way.split_once('=').unwrap())
            .map(|(way, expected)| (way, expected.split(',').collect()))
            .collect(),
        old,
        new,
    }
}

fn compile(cases: &[Case<'_>]) -> Value {
    let base = CASES.split("@uups:\n").nth(1).unwrap();
    let base = base.split("\n\n# ").next().unwrap();
    let mut sources = Map::new();
    for case in cases {
        for (which, text) in [("old", case.old), ("new", case.new)] {
            let text = text.replace("@uups", base);
            let text =
                format!("// SPDX-License-Identifier: MIT\npragma solidity ^0.8.28;\n{text}\n");
            sources.insert(
                format!("{which}/{}.sol", case.id),
                json!({ "content": text }),
            );
        }
    }
    let input = json!({
        "language": "Solidity",
        "sources": sources,
        "settings": { "outputSelection": { "*": { "": ["ast"], "*": [
            "abi", "storageLayout", "evm.bytecode", "evm.deployedBytecode"
        ] } } },
    });
    let (output, version) = solc::compile(&input);
    json!({ "input": input, "output": output, "solcVersion": version })
}

/// The part of the build that one case needs.
fn part(build: &Value, id: &str) -> Value {
    let units = ["old", "new"].map(|which| format!("{which}/{id}.sol"));
    let of = |all: &Value| -> Map<String, Value> {
        units
            .iter()
            .map(|unit| (unit.clone(), all[unit].clone()))
            .collect()
    };
    json!({
        "input": {
            "language": "Solidity",
            "sources": of(&build["input"]["sources"]),
            "settings": build["input"]["settings"],
        },
        "output": { "sources": of(&build["output"]["sources"]), "contracts": of(&build["output"]["contracts"]) },
        "solcVersion": build["solcVersion"],
    })
}

fn run(blue: &Code, green: &Code, id: &str) -> CheckReport {
    let options = Options {
        kind: match id.split('_').next() {
            Some("untold") => None,
            Some("uups") => Some(Kind::Uups),
            _ => Some(Kind::Transparent),
        },
        ..Options::default()
    };
    check(&view(blue), &view(green), &options)
}

fn options(root: &std::path::Path) -> LoadOptions {
    LoadOptions {
        root: root.to_owned(),
        solc: None,
        need: Need::ALL,
    }
}

/// What is wrong with the places a finding points at, if anything is.
fn pointless(finding: &Finding) -> Option<String> {
    for span in &finding.spans {
        let (column, length) = (span.column as usize, span.length as usize);
        let marked: String = span.text.chars().skip(column - 1).take(length).collect();
        let named = span.note.split('`').nth(1);
        let here = named.is_none_or(|name| marked.contains(name) || span.note.contains("has no"));
        if marked.chars().count() != length || !here {
            return Some(format!("{}: {span:?} marks `{marked}`", finding.rule));
        }
    }
    let about_a_variable =
        finding.category == Category::Layout && finding.slot.is_some() && finding.source.is_none();
    let first = finding.spans.first().map(|span| span.role);
    let wrong = match first {
        None => about_a_variable || finding.category == Category::Safety,
        Some(role) => role != Role::Green,
    };
    wrong.then(|| format!("{}: points at {first:?} first: {finding:?}", finding.rule))
}

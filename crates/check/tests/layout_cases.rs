//! Scores the rules on a set of contract pairs whose right answers are known: old and new sources
//! with the verdicts a checker should reach, in the file `CUTOVER_LAYOUT_CASES` names.
//! `CUTOVER_LAYOUT_SOLCS` may name a folder of compilers, `solc-0.8.28` and so on.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use cutover_artifacts::{Code, LoadOptions, Need, Reference, load};
use cutover_check::{Kind, Options, check};
use cutover_types::{CheckReport, LayoutVerdict, SafetyVerdict};
use serde_json::Value;
use std::{env, fs, path::Path};
use support::view;

mod support;

#[test]
fn verdicts_are_the_right_ones() {
    let Some(file) = env::var_os("CUTOVER_LAYOUT_CASES") else {
        eprintln!("skipped: CUTOVER_LAYOUT_CASES is not set");
        return;
    };
    let cases: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut right = 0;
    let mut falsely_compatible = Vec::new();
    for case in cases["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        if env::var("CUTOVER_LAYOUT_ONLY").is_ok_and(|only| !id.contains(&only)) {
            continue;
        }
        let truth = &case["truth"];
        let (layout, safety, detail) = match run(case) {
            Ok(report) => {
                let rules: Vec<_> = report
                    .findings
                    .iter()
                    .map(|finding| format!("{}: {}", finding.rule, finding.message))
                    .chain(report.not_checked.iter().map(|why| format!("? {why}")))
                    .collect();
                (
                    layout_name(report.layout_verdict),
                    safety_name(report.safety_verdict),
                    rules.join("\n      "),
                )
            }
            Err(error) => ("error", "n/a", error),
        };
        let safety_counts = truth["safety"] != "n/a";
        if layout == "compatible" && truth["layout"] == "incompatible" {
            falsely_compatible.push(id.to_owned());
        }
        let mark = if truth["layout"] == layout && (!safety_counts || truth["safety"] == safety) {
            right += 1;
            "ok  "
        } else {
            wrong.push(format!("{id}: {layout}/{safety}"));
            "FAIL"
        };
        eprintln!(
            "{mark} {id}: {layout}/{safety} (truth {}/{})\n      {detail}",
            truth["layout"], truth["safety"]
        );
    }
    eprintln!("{right} right, {} wrong: {wrong:#?}", wrong.len());
    assert!(
        falsely_compatible.is_empty(),
        "called compatible: {falsely_compatible:?}"
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn run(case: &Value) -> Result<CheckReport, String> {
    let blue = side(case, "old")?;
    let green = side(case, "new")?;
    let kind = match case["options"]["kind"].as_str() {
        Some("uups") => Some(Kind::Uups),
        Some("beacon") => Some(Kind::Beacon),
        _ => Some(Kind::Transparent),
    };
    let allowed = case["options"]["unsafeAllow"].as_array();
    let options = Options {
        kind,
        unsafe_allow: allowed
            .into_iter()
            .flatten()
            .filter_map(|rule| rule.as_str().map(str::to_owned))
            .collect(),
        allow_renames: case["options"]["unsafeAllowRenames"] == true,
        ..Options::default()
    };
    Ok(check(&view(&blue), &view(&green), &options))
}

fn side(case: &Value, name: &str) -> Result<Code, String> {
    let folder = tempfile::tempdir().unwrap();
    for (unit, text) in case[name]["sources"].as_object().unwrap() {
        let path = folder.path().join(unit);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.as_str().unwrap()).unwrap();
    }
    let version = case[name]["solc"]
        .as_str()
        .or(case["solc"].as_str())
        .unwrap();
    let solc = env::var_os("CUTOVER_LAYOUT_SOLCS")
        .map(|shelf| Path::new(&shelf).join(format!("solc-{version}")));
    let reference = Reference::parse(case[name]["contract"].as_str().unwrap()).unwrap();
    let options = LoadOptions {
        root: folder.path().to_owned(),
        solc,
        need: Need::ALL,
    };
    load(&reference, &options).map_err(|error| error.to_string())
}

fn layout_name(verdict: LayoutVerdict) -> &'static str {
    match verdict {
        LayoutVerdict::Compatible => "compatible",
        LayoutVerdict::Incompatible => "incompatible",
        LayoutVerdict::Inconclusive => "inconclusive",
    }
}

fn safety_name(verdict: SafetyVerdict) -> &'static str {
    match verdict {
        SafetyVerdict::Safe => "safe",
        SafetyVerdict::Unsafe => "unsafe",
        SafetyVerdict::Inconclusive => "inconclusive",
    }
}

//! What CI systems are given: never green where the exit code is not 0.

use crate::{
    Ci, RuleText,
    check_tests::{finding, report},
    junit, sarif,
};
use cutover_types::{
    CheckReport, LayoutVerdict, SafetyVerdict, Verdict,
    check::{Category, Role, Severity},
};
use serde_json::Value;

fn rules() -> Vec<RuleText<'static>> {
    let rule = |id, category| RuleText {
        id,
        category,
        severity: Severity::Error,
        summary: "a new variable lies over bytes that blue uses",
        help: "declare it after all others",
        markdown: "Error. **A new variable**.".into(),
        page: format!("https://example.org/rules.md#{id}"),
        skipped: None,
    };
    let mut live = rule("not-live", Category::Chain);
    live.skipped = Some("the proxy was not looked at".into());
    vec![
        rule("insert", Category::Layout),
        rule("rename", Category::Layout),
        rule("layoutchange", Category::Layout),
        rule("delete", Category::Layout),
        rule("constructor", Category::Safety),
        rule("selector-clash", Category::Interface),
        live,
    ]
}

fn ci(locate: &dyn Fn(Role, &str) -> String) -> Ci<'_> {
    Ci {
        rules: rules(),
        version: "1.2.3",
        exit: 10,
        locate,
    }
}

fn placed(_: Role, file: &str) -> String {
    format!("contracts/{file}")
}

fn passed() -> CheckReport {
    CheckReport {
        verdict: Verdict::Pass,
        layout_verdict: LayoutVerdict::Compatible,
        safety_verdict: SafetyVerdict::Safe,
        findings: Vec::new(),
        not_checked: Vec::new(),
        ..report()
    }
}

fn unclear() -> CheckReport {
    CheckReport {
        verdict: Verdict::Inconclusive,
        layout_verdict: LayoutVerdict::Inconclusive,
        not_checked: vec!["green has no storage layout: nothing was compared".into()],
        ..passed()
    }
}

fn run(report: &CheckReport) -> Value {
    let text = sarif(report, &ci(&placed)).unwrap();
    let mut log: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .unwrap()
            .ends_with("sarif-2.1.0.json")
    );
    let run = log["runs"][0].take();
    accepted_by_github(&run);
    run
}

/// What GitHub's documentation calls required, for every rule and result.
fn accepted_by_github(run: &Value) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let driver = &run["tool"]["driver"];
    assert!(text(&driver["name"]));
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        assert!(text(&rule["id"]) && text(&rule["help"]["text"]), "{rule}");
        for description in ["shortDescription", "fullDescription"] {
            let shown = rule[description]["text"].as_str().unwrap();
            assert!((1..=1024).contains(&shown.len()), "{rule}");
        }
        let score: f64 = rule["properties"]["security-severity"]
            .as_str()
            .and_then(|score| score.parse().ok())
            .unwrap();
        assert!(score > 0.0 && score <= 10.0);
    }
    let results = run["results"].as_array().unwrap();
    assert!(results.len() <= 25_000);
    for result in results {
        assert!(text(&result["message"]["text"]), "{result}");
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let hash = &result["partialFingerprints"]["primaryLocationLineHash"];
        assert!(text(hash), "{result}");
        let locations = result["locations"].as_array().unwrap();
        assert_eq!(locations.len(), 1);
        for location in locations {
            let place = &location["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(
                !uri.is_empty() && !uri.starts_with('/') && !uri.contains([' ', '<']),
                "{uri}"
            );
            for field in ["startLine", "startColumn", "endLine", "endColumn"] {
                assert!(place["region"][field].as_u64() >= Some(1), "{place}");
            }
        }
    }
}

fn hashes(run: &Value) -> Vec<String> {
    let results = run["results"].as_array().unwrap().iter();
    results
        .map(|r| r["partialFingerprints"].to_string())
        .collect()
}

#[test]
fn sarif_puts_a_finding_at_greens_declaration() {
    let run = run(&report());
    // As text: with another crate's features, numbers are snapshots of a private type.
    let results = serde_json::to_string_pretty(&run["results"]).unwrap();
    insta::assert_snapshot!("sarif", results);
    let insert = &run["results"][1];
    assert_eq!(
        (&insert["ruleId"], &insert["level"]),
        (&"insert".into(), &"error".into())
    );
    let place = &insert["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"]["uri"],
        "contracts/src/VaultV2.sol"
    );
    assert_eq!(place["region"]["startLine"], 19);
    assert_eq!(run["invocations"][0]["exitCode"], 10);
}

#[test]
fn sarif_is_empty_only_for_a_pass() {
    let clean = run(&passed());
    assert_eq!(clean["results"].as_array().unwrap().len(), 0);
    assert_eq!(clean["invocations"][0]["executionSuccessful"], true);
    let unclear = run(&unclear());
    assert_eq!(unclear["results"][0]["ruleId"], "inconclusive");
    assert_eq!(unclear["results"][0]["level"], "error");
    assert_eq!(unclear["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn a_waived_result_is_suppressed_and_only_a_note() {
    let run = run(&report());
    let waived: Vec<_> = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result.get("suppressions").is_some())
        .collect();
    assert_eq!(waived.len(), 1);
    assert_eq!(waived[0]["level"], "note");
    let why = waived[0]["suppressions"][0]["justification"]
        .as_str()
        .unwrap();
    assert!(why.contains("Ada") && why.contains("2027-01-31"), "{why}");
}

#[test]
fn a_fingerprint_outlives_lines_that_move_and_tells_twins_apart() {
    let mut report = report();
    let before = hashes(&run(&report));
    for finding in &mut report.findings {
        for span in &mut finding.spans {
            span.line += 40;
        }
    }
    assert_eq!(hashes(&run(&report)), before);
    report.findings.push(finding("insert", Severity::Error));
    let mut all = hashes(&run(&report));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), before.len() + 1);
}

#[test]
fn a_finding_without_source_and_hostile_names_still_have_a_place() {
    let mut report = report();
    for (reference, contract) in [
        ("0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0", ""),
        ("code:green.hex", ""),
        ("a b<c>.sol:X\"", "a b<c>.sol:X\""),
        ("", ""),
    ] {
        (report.green.reference, report.green.contract) = (reference.into(), contract.into());
        for finding in &mut report.findings {
            finding.spans.clear();
            finding.contract = contract.into();
            finding.message = "see [x](1) \u{1b}[2J".into();
        }
        let run = run(&report);
        assert!(!run.to_string().contains("](1)"));
    }
}

#[test]
fn junit_fails_only_for_what_blocks() {
    let text = junit(&report(), &ci(&placed)).unwrap();
    insta::assert_snapshot!("junit", text);
    assert!(
        text.contains("skipped=\"3\" failures=\"1\" errors=\"1\""),
        "{text}"
    );
}

#[test]
fn junit_says_nothing_good_of_what_was_not_decided() {
    let clean = junit(&passed(), &ci(&placed)).unwrap();
    assert!(clean.contains("failures=\"0\" errors=\"0\""), "{clean}");
    assert!(clean.contains("<skipped message=\"the proxy was not looked at\""));
    let unclear = junit(&unclear(), &ci(&placed)).unwrap();
    assert!(unclear.contains("failures=\"0\" errors=\"1\""), "{unclear}");
    // All four layout rules and the one of the chain.
    assert_eq!(unclear.matches("<skipped").count(), 5, "{unclear}");
}

#[test]
fn junit_is_xml_whatever_the_names() {
    let mut report = report();
    for finding in &mut report.findings {
        finding.label = Some("<x>&\"\u{1b}[2J\u{0}\u{ffff}".into());
        finding.message = "]]><script>\u{8}".into();
    }
    let text = junit(&report, &ci(&placed)).unwrap();
    let is_xml = |c: char| matches!(c, '\n' | ' '..='\u{fffd}');
    assert!(text.chars().all(is_xml), "{text}");
    assert!(!text.contains("<script>") && !text.contains("<x>"));
}

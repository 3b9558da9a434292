//! JUnit XML: a test suite for each family, a test case for each rule.
//!
//! Only what blocks is a failure, so that the colour is the exit code's. A rule that was not applied,
//! or whose family could not be decided, is skipped: silence must not read as a pass.

use crate::{
    Style, check,
    ci::{Ci, RuleText, family, worst_first},
};
use cutover_types::{
    CheckReport, Finding, LayoutVerdict, SafetyVerdict, Verdict, check::Category, text,
};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// Longest text of one message.
const LIMIT: usize = 2_000;

/// The report as JUnit XML.
///
/// # Errors
/// When the XML cannot be written.
pub fn junit(report: &CheckReport, ci: &Ci<'_>) -> Result<String, SerializeError> {
    let mut all = Report::new("cutover check");
    for category in [
        Category::Layout,
        Category::Safety,
        Category::Interface,
        Category::Chain,
    ] {
        all.add_test_suite(suite(category, report, ci));
    }
    let mut text = all.to_string()?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn suite(category: Category, report: &CheckReport, ci: &Ci<'_>) -> TestSuite {
    let mut suite = TestSuite::new(family(category));
    let undecided = undecided(category, report);
    if let Some(what) = undecided {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("inconclusive");
        status.set_message(what);
        status.set_description(tame(&report.not_checked.join("\n")));
        suite.add_test_case(case(category, "verdict", status));
    }
    for rule in ci.rules.iter().filter(|rule| rule.category == category) {
        let found: Vec<_> = worst_first(report)
            .into_iter()
            .filter(|f| f.rule == rule.id && f.category == category)
            .collect();
        if found.is_empty() {
            suite.add_test_case(case(category, rule.id, nothing(rule, undecided)));
        }
        for finding in found {
            suite.add_test_case(found_case(category, finding));
        }
    }
    // A rule nobody listed, or one that speaks for another family.
    let listed = |finding: &Finding| {
        let mut rules = ci.rules.iter();
        rules.any(|rule| rule.category == category && rule.id == finding.rule)
    };
    for finding in worst_first(report) {
        if finding.category == category && !listed(finding) {
            suite.add_test_case(found_case(category, finding));
        }
    }
    suite
}

/// Why a family's silence says nothing.
fn undecided(category: Category, report: &CheckReport) -> Option<&'static str> {
    match category {
        Category::Layout if report.layout_verdict == LayoutVerdict::Inconclusive => {
            Some("could not tell whether the storage layouts fit")
        }
        Category::Safety if report.safety_verdict == SafetyVerdict::Inconclusive => {
            Some("could not tell whether the code is safe behind a proxy")
        }
        // Whatever else it was that could not be told has to be said somewhere.
        Category::Chain
            if report.verdict == Verdict::Inconclusive
                && report.layout_verdict != LayoutVerdict::Inconclusive
                && report.safety_verdict != SafetyVerdict::Inconclusive =>
        {
            Some("could not tell")
        }
        _ => None,
    }
}

fn nothing(rule: &RuleText<'_>, undecided: Option<&str>) -> TestCaseStatus {
    let why = match (&rule.skipped, undecided) {
        (Some(why), _) => why,
        (None, Some(why)) => why,
        (None, None) => return TestCaseStatus::success(),
    };
    let mut status = TestCaseStatus::skipped();
    status.set_message(tame(why));
    status
}

fn found_case(category: Category, finding: &Finding) -> TestCase {
    let name = match &finding.label {
        Some(label) => format!("{}: {}", finding.rule, tame(label)),
        None => finding.rule.clone(),
    };
    let drawn = tame(&check::drawn(finding, Style::default()));
    let mut status = if finding.waived.is_some() {
        TestCaseStatus::skipped()
    } else if finding.blocks() {
        TestCaseStatus::non_success(NonSuccessKind::Failure)
    } else {
        TestCaseStatus::success()
    };
    if finding.blocks() {
        status.set_type(finding.rule.as_str());
        status.set_message(tame(&finding.message));
        status.set_description(drawn.as_str());
    } else if let Some(waiver) = check::accepted(finding) {
        let said: String = waiver.0.iter().map(|span| span.text.as_str()).collect();
        status.set_message(tame(&said));
    }
    let mut case = case(category, &name, status);
    if finding.waived.is_none() && !finding.blocks() {
        case.set_system_out(drawn);
    }
    if let Some(source) = finding.spans.first() {
        case.extra.insert("file".into(), tame(&source.file).into());
        case.extra
            .insert("line".into(), source.line.to_string().into());
    }
    case
}

fn case(category: Category, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(tame(name), status);
    case.set_classname(format!("cutover.{}", family(category)));
    case
}

/// Text without the characters XML has no form for.
fn tame(shown: &str) -> String {
    let lines = shown
        .lines()
        .map(|line| text::terminal(line, LIMIT).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"));
    lines.collect::<Vec<_>>().join("\n")
}

//! What callers see, and how the code was built: pairs with every finding they must get.

#![allow(clippy::unwrap_used)]

use cutover_check::{Kind, Options, Side, check};
use cutover_types::{Category, CheckReport, Severity};
use serde_json::json;
use support::{pairs, view};

mod support {
    pub(crate) mod pairs;
    #[path = "mod.rs"]
    mod view;
    pub(crate) use view::view;
}

/// `# id findings…`: a finding is its rule, with `!` for an error and `?` for a note, and after a
/// colon its label.
const CASES: &str = include_str!("interface.txt");

#[test]
fn every_pair_gets_its_findings_and_none_else() {
    let cases = pairs::parse(CASES);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    pairs::build(&cases, &json!({}), &file);
    let mut wrong = Vec::new();
    for case in &cases {
        let (old, new) = (
            pairs::contract(&file, "old", case.id),
            pairs::contract(&file, "new", case.id),
        );
        let report = check(&view(&old), &view(&new), &options(case.id));
        let found = told(&report);
        if found != case.words {
            wrong.push(format!(
                "{}: {found:?}, expected {:?}\n{:#?}\n{:#?}",
                case.id, case.words, report.findings, report.not_checked
            ));
        }
        for code in [&old, &new] {
            let report = check(&view(code), &view(code), &options(case.id));
            if !told(&report).is_empty() {
                wrong.push(format!("{} against itself: {:?}", case.id, told(&report)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn selectors_come_from_the_code_when_there_is_no_abi() {
    let cases = pairs::parse(CASES);
    let case = cases
        .iter()
        .find(|case| case.id == "function_gone")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    pairs::build(std::slice::from_ref(case), &json!({}), &file);
    let (old, new) = (
        pairs::contract(&file, "old", case.id),
        pairs::contract(&file, "new", case.id),
    );
    let bare = |code| -> Side<'_> {
        Side {
            abi: None,
            sources: None,
            ..view(code)
        }
    };
    let gone = |blue: &Side<'_>, green: &Side<'_>| -> Vec<String> {
        let report = check(blue, green, &Options::default());
        report
            .findings
            .iter()
            .filter(|f| f.rule == "function-removed")
            .filter_map(|f| f.label.clone())
            .collect()
    };
    assert_eq!(gone(&bare(&old), &view(&new)), ["0x42966c68"]);
    assert_eq!(gone(&view(&old), &bare(&new)), ["burn(uint256)"]);
    assert_eq!(gone(&bare(&new), &bare(&old)), Vec::<String>::new());
}

fn options(id: &str) -> Options {
    Options {
        kind: id.starts_with("transparent").then_some(Kind::Transparent),
        ..Options::default()
    }
}

/// Findings of the interface, of the compiler and of the chain.
fn told(report: &CheckReport) -> Vec<String> {
    report
        .findings
        .iter()
        .filter(|f| {
            matches!(f.category, Category::Interface | Category::Chain)
                || f.rule.starts_with("compiler")
        })
        .map(|f| {
            let mark = match f.severity {
                Severity::Error => "!",
                Severity::Warning => "",
                Severity::Note => "?",
            };
            let label = f.label.as_ref().map(|label| format!(":{label}"));
            format!("{}{mark}{}", f.rule, label.unwrap_or_default())
        })
        .collect()
}

//! What `check` prints, with the source it points at.

use crate::{Report, Style};
use alloy_primitives::B256;
use cutover_types::{
    CheckReport, LayoutVerdict, SafetyVerdict, Verdict,
    check::{
        Category, CheckedCode, Damage, Direction, Finding, Layouts, Role, Severity, Span, Waiver,
    },
    code::Fingerprint,
};

pub(crate) fn span(role: Role, file: &str, line: u64, text: &str, mark: &str) -> Span {
    let at = text.find(mark).unwrap();
    Span {
        role,
        file: file.into(),
        line,
        column: text[..at].chars().count() as u64 + 1,
        length: mark.chars().count() as u64,
        text: text.into(),
        note: String::new(),
    }
}

pub(crate) fn finding(rule: &str, severity: Severity) -> Finding {
    let green = Span {
        note: "green has `guardian` in slot 2".into(),
        ..span(
            Role::Green,
            "src/VaultV2.sol",
            19,
            "\taddress /* ü */ public guardian;",
            "address /* ü */ public guardian",
        )
    };
    let blue = Span {
        note: "blue has `totalShares` in slot 2".into(),
        ..span(
            Role::Blue,
            "src/Vault.sol",
            108,
            "    uint256 public totalShares;",
            "uint256 public totalShares",
        )
    };
    Finding {
        rule: rule.into(),
        category: Category::Layout,
        severity,
        contract: "src/VaultV2.sol:VaultV2".into(),
        label: Some("guardian".into()),
        slot: Some("2".into()),
        offset: Some(0),
        source: None,
        message: "`guardian` is new and takes slot 2, where blue keeps `totalShares`".into(),
        help: "declare it after all others, or take it from a storage gap and shrink the gap by \
               as much"
            .into(),
        spans: vec![green, blue],
        damage: vec![Damage {
            variable: "guardian".into(),
            slot: B256::with_last_byte(2),
            blue: "7000000000000000000".into(),
            green: "0x0000000000000000000000006124fEe993bc0000".into(),
        }],
        waived: None,
    }
}

pub(crate) fn report() -> CheckReport {
    let mut waived = finding("rename", Severity::Error);
    waived.waived = Some(Waiver {
        by: "Ada".into(),
        reason: "the same variable under a better name".into(),
        expires: Some("2027-01-31".into()),
    });
    let mut bare = finding("layoutchange", Severity::Warning);
    (bare.damage, bare.help) = (vec![], String::new());
    for span in &mut bare.spans {
        span.text.clear();
    }
    let checked = |contract: &str| CheckedCode {
        reference: contract.into(),
        contract: contract.into(),
        build: Fingerprint::default(),
    };
    CheckReport {
        verdict: Verdict::Blocked,
        layout_verdict: LayoutVerdict::Incompatible,
        safety_verdict: SafetyVerdict::Inconclusive,
        blue: checked("src/Vault.sol:Vault"),
        green: checked("src/VaultV2.sol:VaultV2"),
        findings: vec![waived, bare, finding("insert", Severity::Error)],
        rollback: Some(Direction {
            verdict: LayoutVerdict::Incompatible,
            findings: vec![finding("delete", Severity::Error)],
            unknown: vec!["blue has no syntax tree".into()],
        }),
        mixed: None,
        live: None,
        layouts: Layouts::default(),
        not_checked: vec!["green has no syntax tree: no safety rule that reads it ran".into()],
    }
}

#[test]
fn findings_point_at_both_declarations() {
    insta::assert_snapshot!("check_source", report().document().text(&Style::default()));
    insta::assert_snapshot!("check_source_narrow", {
        report().document().text(&Style::new(60, true))
    });
    insta::assert_snapshot!("check_source_markdown", report().document().markdown());
}

#[test]
fn source_is_only_text() {
    let mut report = report();
    let hostile = "uint a; // \u{1b}[2J\u{202e}```</pre><script>\u{200b}\u{7}";
    for finding in &mut report.findings {
        finding.spans = vec![span(Role::Green, "\u{1b}]0;x\u{7}", 1, hostile, "uint a")];
        finding.spans[0].note = hostile.into();
        finding.spans.push(Span {
            line: u64::MAX,
            column: u64::MAX,
            length: u64::MAX,
            ..finding.spans[0].clone()
        });
    }
    let document = report.document();
    let text = document.text(&Style::default());
    assert!(
        !text.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\u{7}']),
        "{text}"
    );
    assert!(!document.html().contains("</pre><script>"));
    let markdown = document.markdown();
    assert!(markdown.contains("````text"), "{markdown}");
}

#[test]
fn wide_characters_and_tabs_keep_the_mark_under_the_name() {
    let text = "\t/* 漢字 */ uint256 total;";
    let mut report = report();
    report.findings.truncate(1);
    report.findings[0].waived = None;
    report.findings[0].spans = vec![span(Role::Green, "A.sol", 7, text, "uint256 total")];
    let shown = report.document().text(&Style::default());
    // A tab is four columns wide, each of the two characters two.
    let mark = shown.lines().find(|line| line.contains("^^^")).unwrap();
    assert_eq!(mark.find('^'), Some("7 |     /* xxxx */ ".len()), "{shown}");
    assert!(shown.contains("--> A.sol:7:11"), "{shown}");
}

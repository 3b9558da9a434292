//! Snapshots of every report in the forms people read, and hostile text in all of them.

mod examples;

use crate::{Document, Report, Style, doctor, signers_document, signers_page, verify};
use alloy_primitives::{B256, Bytes, U256};
use cutover_types::{
    Call, CheckReport, Proposal, ReplayReport, Verdict, check::Severity, replay::Summary,
};
use examples::{
    ADMIN, check, code, finding, inspection, items, proposal, receipt, recording, replay, standing,
};
use serde_json::json;

const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\u{202e}`|*[x](http://x)\n# no";

fn text(report: &impl Report) -> String {
    report.document().text(&Style::default())
}

#[test]
fn every_report_on_a_terminal() {
    let clean = {
        let mut replay = replay();
        replay.summary.identical += replay.summary.regressed + replay.summary.inconclusive;
        (replay.summary.regressed, replay.summary.inconclusive) = (0, 0);
        replay
    };
    let passed = CheckReport {
        verdict: Verdict::Pass,
        findings: vec![],
        ..check()
    };
    let verification = json!({
        "verified": false,
        "checks": {
            "header-hash": {"checked": 101, "failed": 0, "absent": 0},
            "slot-proof": {"checked": 30_454, "failed": 1, "absent": 12}
        },
        "failures": ["block 21000000: slot 0x2 of 0xa1a1… does not lead to the state root"]
    });
    insta::assert_snapshot!("inspection", text(&inspection()));
    insta::assert_snapshot!("recording", text(&recording()));
    insta::assert_snapshot!(
        "verification",
        verify(&verification).text(&Style::default())
    );
    insta::assert_snapshot!("check", text(&check()));
    insta::assert_snapshot!("replay", text(&replay()));
    insta::assert_snapshot!("proposal", text(&proposal()));
    insta::assert_snapshot!("status", text(&standing()));
    insta::assert_snapshot!("receipt", text(&receipt()));
    insta::assert_snapshot!("doctor", doctor(&items()).text(&Style::default()));
    let sign = signers_document(&proposal(), &passed, &clean, B256::repeat_byte(0xaa));
    insta::assert_snapshot!("signers_page", sign.text(&Style::default()));
}

#[test]
fn reports_in_markdown() {
    insta::assert_snapshot!("markdown_check", check().document().markdown());
    insta::assert_snapshot!("markdown_replay", replay().document().markdown());
    insta::assert_snapshot!("markdown_inspection", inspection().document().markdown());
}

#[test]
fn the_signers_page_in_html() {
    let page = signers_page(&proposal(), &check(), &replay(), B256::repeat_byte(0xaa));
    let body = page.split_once("</head>").unwrap().1;
    insta::assert_snapshot!("html_signers_page", body);
    assert!(body.contains("DO NOT SIGN"));
    for loading in ["<script", "src=", "href=", "url(", "@import", "http:"] {
        assert!(!page.contains(loading), "{loading}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_page_says_sign_only_when_nothing_speaks_against_it() {
    let (mut check, mut replay, proposal) = (check(), replay(), proposal());
    (check.verdict, check.findings) = (Verdict::Pass, vec![]);
    (replay.summary.regressed, replay.summary.identical) = (0, 1_201);
    let unclear = replay.clone();
    (replay.summary.inconclusive, replay.summary.identical) = (0, 1_202);
    let says = |proposal: &Proposal, check: &CheckReport, replay: &ReplayReport| {
        let page = signers_document(proposal, check, replay, B256::ZERO);
        page.text(&Style::default())
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(says(&proposal, &check, &replay).starts_with("✓ SIGN — if"));
    assert!(says(&proposal, &check, &unclear).starts_with("! SIGN ONLY IF you accept"));
    type Spoil = fn(&mut Proposal, &mut CheckReport, &mut ReplayReport);
    let spoils: [Spoil; 7] = [
        |_, check, _| check.verdict = Verdict::Inconclusive,
        |_, check, _| check.findings = vec![finding("insert", Severity::Error)],
        |_, _, replay| replay.summary.changed = 1,
        |_, _, replay| replay.rollback.status = None,
        |_, _, replay| replay.summary = Summary::default(),
        |_, _, replay| replay.green = code(0xb3),
        |proposal, _, _| proposal.back.operation = 1,
    ];
    for (index, spoil) in spoils.into_iter().enumerate() {
        let (mut p, mut c, mut r) = (proposal.clone(), check.clone(), replay.clone());
        spoil(&mut p, &mut c, &mut r);
        assert!(says(&p, &c, &r).starts_with("✗ DO NOT SIGN"), "{index}");
    }
}

#[test]
fn an_abnormal_call_is_loud() {
    let mut proposal = proposal();
    proposal.forward = Call {
        to: ADMIN,
        value: U256::from(7),
        data: Bytes::from_static(&[0xde, 0xad]),
        operation: 1,
    };
    let shown = text(&proposal);
    for loud in ["unknown calldata", "DELEGATECALL", "7 wei"] {
        assert!(shown.contains(loud), "{loud}");
    }
}

/// Every report with hostile text wherever a chain, a node or a file may put it.
fn hostile() -> Vec<Document> {
    let mut inspection = inspection();
    inspection.notes = vec![HOSTILE.into()];
    inspection.controllers[0].kind = HOSTILE.into();
    let upgrade = inspection.upgrade.as_mut().unwrap();
    (upgrade.proven, upgrade.why) = (false, Some(HOSTILE.into()));
    let mut check = check();
    for finding in &mut check.findings {
        finding.message = HOSTILE.into();
        finding.rule = HOSTILE.into();
        finding.label = Some(HOSTILE.into());
        finding.source.as_mut().unwrap().file = HOSTILE.into();
    }
    let mut replay = replay();
    replay.selectors[0].signature = Some(HOSTILE.into());
    for difference in &mut replay.transactions[2].differences {
        difference.place = HOSTILE.into();
        difference.green = HOSTILE.into();
    }
    replay.rollback.lossy = vec![HOSTILE.into()];
    let mut proposal = proposal();
    proposal.steps = vec![HOSTILE.into()];
    proposal.authority.kind = HOSTILE.into();
    let mut recording = recording();
    recording.incomplete[0].why = HOSTILE.into();
    let mut standing = standing();
    standing.disagreements = vec![HOSTILE.into()];
    let mut items = items();
    items[0].found = Some(HOSTILE.into());
    let verification = json!({"checks": {HOSTILE: {}}, "failures": [HOSTILE, {HOSTILE: 1}]});
    vec![
        inspection.document(),
        check.document(),
        signers_document(&proposal, &check, &replay, B256::ZERO),
        replay.document(),
        proposal.document(),
        recording.document(),
        standing.document(),
        doctor(&items),
        verify(&verification),
    ]
}

#[test]
fn hostile_text_stays_text_in_every_form() {
    for document in hostile() {
        for width in [0, 40, 80, 400] {
            for colour in [false, true] {
                let shown = document.text(&Style { colour, width });
                let plain = shown
                    .replace("\u{1b}[0m", "")
                    .replace("\u{1b}[1m", "")
                    .replace("\u{1b}[2m", "")
                    .replace("\u{1b}[32m", "")
                    .replace("\u{1b}[33m", "")
                    .replace("\u{1b}[31;1m", "");
                assert!(!plain.contains('\u{1b}') && !plain.contains('\u{202e}'));
                assert!(colour || plain == shown);
            }
        }
        let html = document.html();
        assert!(
            !html.contains("<script") && !html.contains('\u{202e}'),
            "{html}"
        );
        let markdown = document.markdown();
        assert!(!markdown.contains("<script") && !markdown.contains("[x](http"));
        assert!(!markdown.contains("\n# no"));
    }
}

#[test]
fn text_is_wrapped_to_the_terminal() {
    let mut document = Document::new("x");
    document.paragraph("word ".repeat(60));
    document.facts(vec![("name", "word ".repeat(60).into())]);
    document.list(vec!["word ".repeat(60).into()]);
    for line in document.text(&Style::new(60, false)).lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

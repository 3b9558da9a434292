//! The signer's page: everything needed to decide, on one page that loads nothing.

use crate::{Document, Line, Tone, check, hex, inspection::words, proposal, replay};
use alloy_primitives::B256;
use cutover_types::{CheckReport, Outflow, Proposal, ReplayReport, Verdict};

/// The page as HTML. `digest` is the proposal's own.
pub fn signers_page(
    proposal: &Proposal,
    check: &CheckReport,
    replay: &ReplayReport,
    digest: B256,
) -> String {
    signers_document(proposal, check, replay, digest).html()
}

/// The page as a document: its plain twin for terminals is [`Document::text`].
pub fn signers_document(
    proposal: &Proposal,
    check: &CheckReport,
    replay: &ReplayReport,
    digest: B256,
) -> Document {
    let mut page = Document::new("Upgrade proposal");
    let (tone, line) = decision(proposal, check, replay);
    page.verdict(tone, line);
    page.heading("What changes");
    proposal::change(&mut page, proposal);
    page.facts(vec![(
        "proposal digest",
        Line::default().code(digest.to_string()),
    )]);
    proposal::hashes(&mut page, proposal);
    proposal::calls(&mut page, proposal);
    replay::takes(&mut page, replay);
    page.heading("Replay of real traffic");
    page.blocks.push(replay::verdict(replay));
    page.blocks.push(replay::summary(&replay.summary));
    page.heading("Storage layout and upgrade safety");
    page.blocks.push(check::verdict(check));
    let waived = check.findings.iter().filter_map(check::accepted);
    page.section("Waived findings", waived.collect());
    page.heading("Rollback");
    page.paragraph(replay::rollback(&replay.rollback));
    page.section("Does not come back", words(&replay.rollback.lossy));
    page.heading("Steps");
    page.steps(words(&proposal.steps));
    proposal::conditions(&mut page, proposal);
    proposal::evidence(&mut page, proposal);
    page.section("Not checked", not_checked(check, replay));
    page
}

/// Sign or do not sign, with the first reason against.
fn decision(proposal: &Proposal, check: &CheckReport, replay: &ReplayReport) -> (Tone, Line) {
    let sum = &replay.summary;
    let delegate = [&proposal.forward, &proposal.back, &proposal.forward_again]
        .iter()
        .any(|call| call.operation != 0);
    let reason = if check.verdict != Verdict::Pass || check.findings.iter().any(|f| f.blocks()) {
        Some("the check did not pass".to_owned())
    } else if sum.regressed + sum.changed > 0 {
        let differing = sum.regressed + sum.changed;
        Some(format!(
            "{} behave differently",
            hex::plural(differing, "transaction")
        ))
    } else if let Some(taken) = replay.upgrade.unexpected().first() {
        Some(format!("the upgrade takes {taken} from the proxy"))
    } else if !replay.rollback.rehearsed
        || !replay
            .rollback
            .status
            .is_some_and(|status| status.is_success())
    {
        Some("the rollback was not rehearsed".to_owned())
    } else if (replay.proxy, replay.chain_id) != (proposal.proxy, proposal.chain_id)
        || replay.green != proposal.green
    {
        Some("the replay is about other contracts".to_owned())
    } else if delegate {
        Some("it is a delegate call".to_owned())
    } else if sum.transactions == sum.inconclusive {
        Some("no traffic was compared".to_owned())
    } else if sum.ran_green == 0 {
        Some("no transaction ran green's code".to_owned())
    } else {
        None
    };
    if let Some(reason) = reason {
        let line = Line::of(Tone::Bad, "DO NOT SIGN").text(format!(" — {reason}"));
        return (Tone::Bad, line);
    }
    if !replay.upgrade.outflows.is_empty() {
        let flows = replay.upgrade.outflows.iter();
        let taken: Vec<String> = flows.map(Outflow::words).collect();
        let line = Line::of(Tone::Warn, "SIGN ONLY IF").text(format!(
            " you want the upgrade to take {} from the proxy, \
             your device shows the hashes below and the preconditions still hold",
            taken.join("; ")
        ));
        return (Tone::Warn, line);
    }
    if sum.inconclusive > 0 {
        let unclear = hex::plural(sum.inconclusive, "transaction");
        let line = Line::of(Tone::Warn, "SIGN ONLY IF").text(format!(
            " you accept that nobody can tell what {unclear} would do, \
             your device shows the hashes below and the preconditions still hold"
        ));
        return (Tone::Warn, line);
    }
    let line = Line::of(Tone::Good, "SIGN")
        .text(" — if your device shows the hashes below and the preconditions still hold");
    (Tone::Good, line)
}

/// What nobody looked at: its own section, because silence would read as approval.
fn not_checked(check: &CheckReport, replay: &ReplayReport) -> Vec<Line> {
    let mut items = words(&check.not_checked);
    let sum = &replay.summary;
    if sum.inconclusive > 0 {
        let inconclusive = hex::plural(sum.inconclusive, "replayed transaction");
        items.push(format!("{inconclusive}: inconclusive").into());
    }
    let compared = sum.transactions.saturating_sub(sum.inconclusive);
    if sum.ran_green < compared {
        let others = hex::plural(compared - sum.ran_green, "replayed transaction");
        items.push(format!("{others}: green's code did not run").into());
    }
    items.extend(replay.assumptions.iter().map(|assumption| {
        let mut line = Line::from("taken for granted: ");
        line.0.extend(replay::assumption(assumption).0);
        line
    }));
    items.push(
        format!(
            "traffic outside blocks {} to {}",
            hex::count(replay.window.from),
            hex::count(replay.window.to)
        )
        .into(),
    );
    items.push("what the signing device itself shows: compare it with this page".into());
    items
}

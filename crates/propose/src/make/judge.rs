//! Why what the reports say is not enough.

use super::{Options, Reports};
use crate::{Refusal, code::is_same_code};
use cutover_types::{CheckReport, ReplayReport, Verdict, execution::Status, replay::Summary};

/// What `check` found.
pub(super) fn check(check: &CheckReport, refusals: &mut Vec<Refusal>) {
    let errors = check.findings.iter().filter(|f| f.blocks()).count();
    // The findings count even if the verdict was edited.
    if check.verdict != Verdict::Pass || errors > 0 {
        refusals.push(Refusal::CheckNotPassed {
            verdict: check.verdict,
            errors,
        });
    }
}

/// What `replay` executed.
pub(super) fn replay(replay: &ReplayReport, options: &Options<'_>, refusals: &mut Vec<Refusal>) {
    let sum = &replay.summary;
    // Counted again: the totals are what decides, and they come from a file.
    if Summary::of(&replay.transactions) != *sum {
        refusals.push(Refusal::SummaryBroken {
            listed: replay.transactions.len() as u64,
            transactions: sum.transactions,
        });
    }
    if sum.changed > 0 || sum.regressed > 0 {
        refusals.push(Refusal::ReplayDiverged {
            changed: sum.changed,
            regressed: sum.regressed,
        });
    }
    if let Some((part, parts)) = replay.partition.filter(|(_, parts)| *parts != 1) {
        refusals.push(Refusal::OnlyAPart { part, parts });
    }
    let inconclusive = sum.inconclusive.saturating_add(options.unrecorded);
    if inconclusive > options.allow_inconclusive {
        refusals.push(Refusal::ReplayInconclusive {
            inconclusive,
            transactions: sum.transactions.saturating_add(options.unrecorded),
            allowed: options.allow_inconclusive,
        });
    }
    if sum.transactions == sum.inconclusive {
        refusals.push(Refusal::NothingReplayed);
    } else if sum.ran_green == 0 {
        refusals.push(Refusal::GreenNeverRan {
            transactions: sum.transactions,
        });
    }
    if !replay.upgrade.status.is_success() {
        refusals.push(Refusal::UpgradeFailed {
            status: replay.upgrade.status,
            why: replay.upgrade.why.clone(),
        });
    }
    let taken = replay.upgrade.unexpected();
    if !taken.is_empty() {
        refusals.push(Refusal::UpgradeTakes {
            taken: taken.join("; "),
        });
    }
    let rollback = &replay.rollback;
    let why = rollback.why.clone();
    match (rollback.rehearsed, rollback.status) {
        (true, Some(Status::Success)) => {
            if rollback.forward_again_status != Some(Status::Success) {
                refusals.push(Refusal::ForwardAgainFailed);
            }
        }
        (true, _) => refusals.push(Refusal::RollbackFailed {
            why: why.unwrap_or_else(|| "it reverted".into()),
        }),
        (false, _) => refusals.push(Refusal::RollbackNotRehearsed {
            why: why.unwrap_or_else(|| "the replay does not say why".into()),
        }),
    }
}

/// Whether the reports are about one proxy, one blue and one green.
pub(super) fn agreement(reports: &Reports<'_>, options: &Options<'_>, refusals: &mut Vec<Refusal>) {
    let (replay, inspection) = (reports.replay, reports.inspection);
    let mut compare = |what, replay: String, inspect: String| {
        if replay != inspect {
            refusals.push(Refusal::ReportsDisagree {
                what,
                replay,
                inspect,
            });
        }
    };
    compare(
        "the chain",
        replay.chain_id.to_string(),
        inspection.chain_id.to_string(),
    );
    compare(
        "the proxy",
        replay.proxy.to_string(),
        inspection.address.to_string(),
    );
    if let Some(proxy) = &inspection.proxy {
        let live = &proxy.implementation;
        compare(
            "blue",
            replay.blue.address.to_string(),
            live.address.to_string(),
        );
        compare(
            "blue's code",
            replay.blue.code_hash.to_string(),
            live.code_hash.to_string(),
        );
        if replay.green.address == live.address {
            refusals.push(Refusal::AlreadyGreen {
                address: live.address,
            });
        }
    }
    let (check, live) = (reports.check, options.runtimes);
    let live_blue = live.map(|codes| codes.blue);
    if !options.trust_blue && !is_same_code(&check.blue.build, replay.blue.code_hash, live_blue) {
        refusals.push(Refusal::BlueDiffers {
            reference: check.blue.reference.clone(),
            address: replay.blue.address,
        });
    }
    let live_green = live.map(|codes| codes.green);
    if !is_same_code(&check.green.build, replay.green.code_hash, live_green) {
        refusals.push(Refusal::GreenDiffers {
            address: replay.green.address,
            replayed: replay.green.code_hash,
            checked: check.green.build.code_hash,
        });
    }
}

//! What must hold before anything is sent. Everything is looked at, so that every refusal is shown.

mod arrival;
mod chain;
mod error;
mod executed;

pub use error::PreflightError;
pub use executed::Executed;

pub(crate) use arrival::judge_way_back;
pub(crate) use chain::{judge_chain, judge_chain_id, judge_code, judge_place, judge_preconditions};

pub(crate) use executed::judge_executed;

use crate::{reads, run::Options};
use alloy_primitives::{Address, B256};
use chain::unreadable;
use cutover_chain::Node;
use cutover_types::{
    Call, CheckReport, Proposal, ReplayReport, StepCall, Verdict,
    execution::Status,
    inspection::CodeAt,
    proposal::Evidence,
    replay::Summary,
    rollout::{Direction, RollbackPointer},
};

/// The reports as they are now, to be held against the proposal.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// Digests of the reports and the recording, computed now.
    pub digests: &'a Evidence,
    /// `check.json`.
    pub check: &'a CheckReport,
    /// `replay.json` and `inspect.json`.
    pub executed: Executed<'a>,
    /// Hash of the proxy's own code in the recording, where that has it.
    pub proxy_code: Option<B256>,
    /// Inconclusive transactions that are accepted.
    pub allow_inconclusive: u64,
}

/// One way, with everything needed to go it.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) direction: Direction,
    pub(crate) proxy: Address,
    pub(crate) chain_id: u64,
    pub(crate) holder: Address,
    pub(crate) slot: B256,
    pub(crate) offset: u8,
    pub(crate) authority: Address,
    pub(crate) kind: Option<String>,
    pub(crate) leave: CodeAt,
    pub(crate) arrive: CodeAt,
    pub(crate) call: Call,
    /// All calls of this way; `call` is one of them.
    pub(crate) calls: Vec<StepCall>,
    /// How many of them have to follow `call`.
    pub(crate) more: u64,
}

impl Move {
    /// `again`: the proxy ran green before, so the initializer must not run.
    pub(crate) fn forward(proposal: &Proposal, again: bool) -> Self {
        Self {
            direction: Direction::Forward,
            proxy: proposal.proxy,
            chain_id: proposal.chain_id,
            holder: proposal.holder,
            slot: proposal.slot,
            offset: proposal.offset,
            authority: proposal.authority.address,
            kind: Some(proposal.authority.kind.clone()),
            leave: proposal.blue.clone(),
            arrive: proposal.green.clone(),
            call: Call::default(),
            calls: if again {
                all(&proposal.forward_again, &proposal.forward_again_then)
            } else {
                all(&proposal.forward, &proposal.forward_then)
            },
            more: 0,
        }
        .first()
    }

    pub(crate) fn back(pointer: &RollbackPointer) -> Self {
        Self {
            direction: Direction::Back,
            proxy: pointer.proxy,
            chain_id: pointer.chain_id,
            holder: pointer.holder,
            slot: pointer.slot,
            offset: pointer.offset,
            authority: pointer.from,
            kind: None,
            leave: pointer.green.clone(),
            arrive: pointer.blue.clone(),
            call: Call::default(),
            calls: all(&pointer.back, &pointer.back_then),
            more: 0,
        }
        .first()
    }

    fn first(self) -> Self {
        let more = (self.calls.len() as u64).saturating_sub(1);
        self.clone().with(more).unwrap_or(self)
    }

    /// The same way at the call after which `more` have to follow; `None` when there is no such call.
    pub(crate) fn with(mut self, more: u64) -> Option<Self> {
        let behind = usize::try_from(more).ok()?;
        let index = self.calls.len().checked_sub(behind.checked_add(1)?)?;
        self.call = self.calls.get(index)?.call.clone();
        self.more = more;
        Some(self)
    }

    /// Where the implementation is in the holder's storage.
    pub(crate) fn place(&self) -> (B256, u8) {
        (self.slot, self.offset)
    }

    /// Seconds that must have passed since the call before.
    pub(crate) fn wait_seconds(&self) -> u64 {
        let behind = usize::try_from(self.more).unwrap_or(usize::MAX);
        let index = self.calls.len().checked_sub(behind.saturating_add(1));
        let step = index.and_then(|index| self.calls.get(index));
        step.map_or(0, |step| step.wait_seconds)
    }
}

fn all(first: &Call, then: &[StepCall]) -> Vec<StepCall> {
    let first = StepCall {
        from: Address::ZERO,
        call: first.clone(),
        wait_seconds: 0,
    };
    std::iter::once(first).chain(then.iter().cloned()).collect()
}

/// What a transaction is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    pub(crate) max_fee: u128,
    pub(crate) priority_fee: u128,
}

/// Looks at everything an upgrade needs and gives every refusal; none means it may be sent.
pub async fn preflight_upgrade(
    node: &Node,
    proposal: &Proposal,
    current: &Current<'_>,
    signer: Address,
    options: &Options,
) -> Vec<PreflightError> {
    let going = Move::forward(proposal, false);
    let mut refusals = Vec::new();
    judge_executed(proposal, &current.executed, &mut refusals);
    judge_reports(proposal, current, &mut refusals);
    judge_expiry(node, proposal, &mut refusals).await;
    judge_standing(node, proposal, current, &mut refusals).await;
    judge_chain(node, &going, signer, options, None, &mut refusals).await;
    refusals
}

/// Looks at everything a rollback needs and gives every refusal; none means it may be sent.
pub async fn preflight_rollback(
    node: &Node,
    pointer: &RollbackPointer,
    replay: Option<&ReplayReport>,
    signer: Address,
    options: &Options,
) -> Vec<PreflightError> {
    let mut refusals = Vec::new();
    let going = Move::back(pointer);
    judge_way_back(node, &going, pointer, replay, &mut refusals).await;
    judge_chain(node, &going, signer, options, None, &mut refusals).await;
    refusals
}

/// Whether the node is on this chain, and does not only say so; none means it is.
pub async fn preflight_chain(node: &Node, expected: u64) -> Vec<PreflightError> {
    let mut refusals = Vec::new();
    judge_chain_id(node, expected, &mut refusals).await;
    refusals
}

/// What the proposal and the reports say by themselves.
pub(crate) fn judge_reports(
    proposal: &Proposal,
    current: &Current<'_>,
    refusals: &mut Vec<PreflightError>,
) {
    let (then, now) = (&proposal.evidence, current.digests);
    for (report, expected, found) in [
        ("check", then.check, now.check),
        ("replay", then.replay, now.replay),
        ("recording", then.recording, now.recording),
    ] {
        if expected != found {
            refusals.push(PreflightError::Stale {
                report,
                expected,
                found,
            });
        }
    }
    let mut failing = |report, why: String| {
        refusals.push(PreflightError::Failing { report, why });
    };
    let blocking = current.check.findings.iter().filter(|f| f.blocks()).count();
    if current.check.verdict != Verdict::Pass || blocking > 0 {
        failing("check", format!("{blocking} findings block"));
    }
    let replay = current.executed.replay;
    let sum = &replay.summary;
    if Summary::of(&replay.transactions) != *sum {
        failing(
            "replay",
            "its totals are not those of its transactions".into(),
        );
    }
    if replay.partition.is_some_and(|(_, parts)| parts != 1) {
        failing("replay", "only a part was replayed".into());
    }
    if !replay.upgrade.status.is_success() {
        failing("replay", "the upgrade did not succeed".into());
    }
    if sum.changed > 0 || sum.regressed > 0 {
        failing(
            "replay",
            format!("{} changed, {} regressed", sum.changed, sum.regressed),
        );
    }
    if sum.inconclusive > current.allow_inconclusive {
        failing("replay", format!("{} inconclusive", sum.inconclusive));
    }
    let rollback = &replay.rollback;
    if !rollback.rehearsed || rollback.status != Some(Status::Success) {
        let why = rollback.why.clone();
        refusals.push(PreflightError::RollbackNotRehearsed {
            why: why.unwrap_or_else(|| "the replay does not say it succeeded".into()),
        });
    } else if rollback.forward_again_status != Some(Status::Success) {
        refusals.push(PreflightError::Failing {
            report: "replay",
            why: "going forward again did not succeed".into(),
        });
    }
}

pub(crate) async fn judge_expiry(
    node: &Node,
    proposal: &Proposal,
    refusals: &mut Vec<PreflightError>,
) {
    match reads::head(node).await {
        Ok(head) if head.id.number > proposal.expires => refusals.push(PreflightError::Expired {
            expires: proposal.expires,
            latest: head.id.number,
        }),
        Ok(head) if proposal.expires.saturating_sub(head.id.number) > Proposal::MOST_BLOCKS => {
            refusals.push(PreflightError::ExpiresTooLate {
                expires: proposal.expires,
                latest: head.id.number,
                most: Proposal::MOST_BLOCKS,
            });
        }
        Ok(_) => {}
        Err(source) => refusals.push(unreadable("the newest block", source)),
    }
}

/// What the proposal lists beyond what always holds, and the proxy's own code.
pub(crate) async fn judge_standing(
    node: &Node,
    proposal: &Proposal,
    current: &Current<'_>,
    refusals: &mut Vec<PreflightError>,
) {
    judge_preconditions(node, proposal, refusals).await;
    if let Some(expected) = current.proxy_code {
        judge_code(node, proposal.proxy, expected, refusals).await;
    }
}

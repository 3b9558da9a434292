//! A run in either direction.

use crate::{
    Checkpoints, Current, Journal, PreflightError, RolloutError, Signer, Step,
    attempts::{Attempt, Attempts},
    error::Reading as _,
    follow,
    preflight::{self, Move, Ready},
    reads::{self, At},
    send::{self, Answer},
};
use alloy_primitives::{B256, U256, utils::format_ether};
use cutover_chain::{ChainError, Node};
use cutover_types::{
    Call, Proposal, ReplayReport,
    inspection::BlockId,
    progress::Progress,
    rollout::{Direction, Event, Progression, Receipt, RollbackPointer},
};
use std::time::{Duration, Instant};

/// When a block counts as settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finality {
    /// When the chain says so.
    #[default]
    Finalized,
    /// When so many blocks lie over it: for chains without finality.
    Confirmations(u64),
}

/// What the user decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// When a block counts as settled.
    pub finality: Finality,
    /// How long between two looks at the chain.
    pub poll: Duration,
    /// How long to follow a transaction; `None` for as long as it takes.
    pub patience: Option<Duration>,
    /// Highest fee per gas in wei.
    pub max_fee: Option<u128>,
    /// The call that carries the proposal's call, when a contract controls the proxy: a Safe's
    /// `execTransaction` with its signatures.
    pub through: Option<Call>,
    /// Sign a transaction that is in no block anew, at the same nonce for a higher fee.
    pub replace: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            finality: Finality::Finalized,
            poll: Duration::from_secs(4),
            patience: None,
            max_fee: None,
            through: None,
            replace: false,
        }
    }
}

/// What a run works with.
pub struct Rollout<'a> {
    /// The node.
    pub node: &'a Node,
    /// Who signs.
    pub signer: &'a Signer,
    /// The journal, open for writing.
    pub journal: &'a mut Journal,
    /// Told what happens.
    pub progress: &'a dyn Progress,
    /// Told about every step; [`crate::Uninterrupted`] outside tests.
    pub checkpoints: &'a dyn Checkpoints,
    /// What the user decides.
    pub options: &'a Options,
}

impl Rollout<'_> {
    pub(crate) fn at(&self, step: Step) -> Result<(), RolloutError> {
        if self.checkpoints.reached(step) {
            Ok(())
        } else {
            Err(RolloutError::Stopped(step))
        }
    }
}

/// Points the proxy at green and follows the transaction until its block is final.
///
/// An upgrade that was interrupted is resumed: what was signed is sent again, nothing is signed twice.
/// After a rollback the proposal's `forward_again` is sent, because initializers must not run twice.
///
/// # Errors
/// Every refusal of the preflight, or why the transaction did not do what it should.
pub async fn upgrade(
    mut run: Rollout<'_>,
    proposal: &Proposal,
    proposal_digest: B256,
    current: &Current<'_>,
) -> Result<Receipt, RolloutError> {
    let mut refusals = Vec::new();
    preflight::judge_executed(proposal, &current.executed, &mut refusals);
    if !refusals.is_empty() {
        // Looked at before anything is followed or sent; with every other reason there is.
        let (signer, options) = (run.signer.address(), run.options);
        let refusals =
            preflight::preflight_upgrade(run.node, proposal, current, signer, options).await;
        return Err(RolloutError::Refused(refusals));
    }
    let attempts = Attempts::of(run.journal.entries());
    let way = Move::forward(proposal, attempts.last_move().is_some());
    let pointer = pointer(proposal);
    loop {
        let (going, attempt) = match start(&mut run, &way).await? {
            Begun::Open(going, attempt) => (going, *attempt),
            Begun::Next(going, waits) => {
                if waits.is_none()
                    && let Some(receipt) = nothing_to_do(&run, &going).await?
                {
                    return Ok(receipt);
                }
                let mut refusals = Vec::new();
                preflight::judge_reports(proposal, current, &mut refusals);
                // Half an upgrade is worse than a late one.
                if going.more + 1 == going.calls.len() as u64 {
                    preflight::judge_expiry(run.node, proposal, &mut refusals).await;
                }
                preflight::judge_standing(run.node, proposal, current, &mut refusals).await;
                let pointer = Some((pointer.clone(), proposal_digest));
                let waits = waits.as_deref();
                let attempt = send_new(&mut run, &going, waits, pointer, refusals).await?;
                (going, attempt)
            }
        };
        let receipt = follow::follow(&mut run, &going, attempt).await?;
        if going.more == 0 {
            return Ok(receipt);
        }
    }
}

/// Points the proxy back at blue by the pointer in the journal, the same way. The pointer is held against
/// `replay`, where that is there and about the same change; else its calls must lead back when they are
/// executed on the newest state.
///
/// # Errors
/// As [`upgrade`]; also when the journal holds no pointer.
pub async fn rollback(
    mut run: Rollout<'_>,
    replay: Option<&ReplayReport>,
) -> Result<Receipt, RolloutError> {
    let attempts = Attempts::of(run.journal.entries());
    let pointer = attempts.pointer.ok_or(RolloutError::NoPointer)?;
    let way = Move::back(&pointer);
    loop {
        let (going, attempt) = match start(&mut run, &way).await? {
            Begun::Open(going, attempt) => (going, *attempt),
            Begun::Next(going, waits) => {
                if waits.is_none()
                    && let Some(receipt) = nothing_to_do(&run, &going).await?
                {
                    return Ok(receipt);
                }
                let waits = waits.as_deref();
                let mut refusals = Vec::new();
                preflight::judge_way_back(run.node, &going, &pointer, replay, &mut refusals).await;
                let attempt = send_new(&mut run, &going, waits, None, refusals).await?;
                (going, attempt)
            }
        };
        let receipt = follow::follow(&mut run, &going, attempt).await?;
        if going.more == 0 {
            return Ok(receipt);
        }
    }
}

/// Where a way stands.
enum Begun {
    /// A transaction that was signed before, to be followed.
    Open(Move, Box<Attempt>),
    /// The call to send next, and the transaction whose place it takes.
    Next(Move, Option<Box<Attempt>>),
}

/// Everything needed to return, from the proposal.
pub(crate) fn pointer(proposal: &Proposal) -> RollbackPointer {
    RollbackPointer {
        proxy: proposal.proxy,
        chain_id: proposal.chain_id,
        holder: proposal.holder,
        slot: proposal.slot,
        offset: proposal.offset,
        blue: proposal.blue.clone(),
        green: proposal.green.clone(),
        from: proposal.authority.address,
        back: proposal.back.clone(),
        forward_again: proposal.forward_again.clone(),
        back_then: proposal.back_then.clone(),
        forward_again_then: proposal.forward_again_then.clone(),
    }
}

/// Checks that node and journal are about this proxy; gives the transaction to resume, or the next call.
async fn start(run: &mut Rollout<'_>, going: &Move) -> Result<Begun, RolloutError> {
    run.at(Step::Opened)?;
    let mut refusals = Vec::new();
    preflight::judge_chain_id(run.node, going.chain_id, &mut refusals).await;
    if !refusals.is_empty() {
        return Err(RolloutError::Refused(refusals));
    }
    follow::revive(run).await?;
    let attempts = Attempts::of(run.journal.entries());
    if let Some(pointer) = &attempts.pointer
        && (pointer.proxy, pointer.chain_id) != (going.proxy, going.chain_id)
    {
        return Err(RolloutError::OtherJournal {
            journal: pointer.proxy,
            journal_chain: pointer.chain_id,
            asked: going.proxy,
            asked_chain: going.chain_id,
        });
    }
    let open = attempts.open();
    // Whatever goes the other way must at least be in a block: otherwise it could undo this run.
    for other in open.iter().filter(|a| a.direction != going.direction) {
        let (other, _) = follow::observe_all(run, other).await?;
        if other.is_open() && other.state != Progression::Included {
            return Err(RolloutError::Unsettled {
                hash: other.hash,
                direction: other.direction,
            });
        }
    }
    let at = |more: u64| {
        let other = RolloutError::OtherCalls { more };
        going.clone().with(more).ok_or(other)
    };
    if let Some(attempt) = open.into_iter().rfind(|a| a.direction == going.direction) {
        let going = at(attempt.more)?;
        return resume(run, going, attempt).await;
    }
    let Some((more, block)) = attempts.begun(going.direction) else {
        return Ok(Begun::Next(going.clone(), None));
    };
    let going = at(more.saturating_sub(1))?;
    if let Some(block) = block {
        wait(run, &going, block).await?;
    }
    Ok(Begun::Next(going, None))
}

/// Waits until the chain's clock is far enough past the call before.
async fn wait(run: &Rollout<'_>, going: &Move, before: BlockId) -> Result<(), RolloutError> {
    let needed = going.wait_seconds();
    if needed == 0 {
        return Ok(());
    }
    let then = reads::timestamp_at(run.node, before.number)
        .await
        .reading("the block of the call before")?;
    // A node that lost the block cannot say; the simulation before sending will.
    let Some(then) = then else {
        return Ok(());
    };
    let began = Instant::now();
    loop {
        let head = reads::head(run.node).await.reading("the newest block")?;
        let due = then.saturating_add(needed);
        let seconds = due.saturating_sub(head.timestamp);
        if seconds == 0 {
            return Ok(());
        }
        let patience = run.options.patience;
        if patience.is_some_and(|patience| began.elapsed() >= patience) {
            let direction = going.direction;
            return Err(RolloutError::NotYet { direction, seconds });
        }
        let text = format!("the proxy takes the next call in {seconds} s");
        run.progress.start(&text, None);
        tokio::time::sleep(run.options.poll).await;
    }
}

/// Takes up a transaction that was signed before.
async fn resume(
    run: &mut Rollout<'_>,
    going: Move,
    attempt: Attempt,
) -> Result<Begun, RolloutError> {
    run.progress.warn(&format!(
        "resuming transaction {}, signed before with nonce {}",
        attempt.hash, attempt.nonce
    ));
    let (attempt, untold) = follow::observe_all(run, &attempt).await?;
    if !attempt.is_open() {
        return Err(RolloutError::Replaced {
            hash: attempt.hash,
            from: attempt.from,
            nonce: attempt.nonce,
        });
    }
    let mut attempt = Box::new(attempt);
    if attempt.state == Progression::Included || untold.is_some() {
        return Ok(Begun::Open(going, attempt));
    }
    // Its nonce is used, maybe by itself: the same bytes can do nothing more, and following tells.
    let next = reads::nonce(run.node, attempt.from, At::Latest)
        .await
        .reading("the sender's nonce")?;
    if next > attempt.nonce {
        return Ok(Begun::Open(going, attempt));
    }
    if run.options.replace {
        return Ok(Begun::Next(going, Some(attempt)));
    }
    // Time passed since it was signed: it is only sent again if it still does what was agreed.
    let mut refusals = Vec::new();
    preflight::judge_place(run.node, &going, &mut refusals).await;
    if !refusals.is_empty() {
        // It may have been included between the two looks.
        let (attempt, _) = follow::observe_all(run, &attempt).await?;
        if attempt.state == Progression::Included {
            return Ok(Begun::Open(going, Box::new(attempt)));
        }
        return Err(RolloutError::NotResent {
            hash: attempt.hash,
            refusals,
        });
    }
    broadcast(run, &mut attempt).await?;
    Ok(Begun::Open(going, attempt))
}

/// A receipt when the slot holds the goal already and for good, with the transaction of the journal
/// that did it.
async fn nothing_to_do(run: &Rollout<'_>, going: &Move) -> Result<Option<Receipt>, RolloutError> {
    let found = going.arrive.address;
    let began = Instant::now();
    loop {
        let now = reads::implementation(run.node, going.holder, going.place(), At::Latest)
            .await
            .reading("the implementation slot")?;
        if now != found {
            return Ok(None);
        }
        if is_settled(run, going).await? {
            break;
        }
        if let Some(patience) = run.options.patience
            && began.elapsed() >= patience
        {
            return Err(RolloutError::NotFinal {
                proxy: going.proxy,
                implementation: found,
                seconds: began.elapsed().as_secs(),
            });
        }
        let text = format!("the proxy runs {found} already, waiting until that is final");
        run.progress.start(&text, None);
        tokio::time::sleep(run.options.poll).await;
    }
    run.progress.finish();
    let mut notes = vec![format!("the proxy runs {found} already: nothing was sent")];
    let attempts = Attempts::of(run.journal.entries());
    let done = attempts
        .last_effect()
        .filter(|attempt| attempt.direction == going.direction);
    let mut gas_used = None;
    match done {
        None => notes.push("no transaction of this journal did that".into()),
        Some(attempt) => {
            // The journal knows the rest; only the gas is the node's to say.
            let seen = reads::receipt(run.node, attempt.hash).await.ok().flatten();
            gas_used = seen.map(|seen| seen.gas_used());
        }
    }
    Ok(Some(Receipt {
        direction: going.direction,
        proxy: going.proxy,
        chain_id: going.chain_id,
        transaction: done.map(|attempt| attempt.hash),
        block: done.and_then(|attempt| attempt.block),
        gas_used,
        implementation: found,
        is_final: true,
        notes,
    }))
}

async fn is_settled(run: &Rollout<'_>, going: &Move) -> Result<bool, RolloutError> {
    let Some(settled) = follow::settled(run).await? else {
        return Ok(false);
    };
    let at = At::Number(settled);
    match reads::implementation(run.node, going.holder, going.place(), at).await {
        // A node that dropped the state of that block has the next one's.
        Err(ChainError::Pruned { .. }) => Ok(false),
        read => {
            let found = read.reading("the implementation slot")?;
            Ok(found == going.arrive.address)
        }
    }
}

/// Preflight, pointer, signature, broadcast: each on disk before the next. What is signed takes the place of
/// `waits`, or the next nonce.
async fn send_new(
    run: &mut Rollout<'_>,
    going: &Move,
    waits: Option<&Attempt>,
    pointer: Option<(RollbackPointer, B256)>,
    mut refusals: Vec<PreflightError>,
) -> Result<Attempt, RolloutError> {
    let signer = run.signer.address();
    let ready: Ready =
        preflight::judge_chain(run.node, going, signer, run.options, waits, &mut refusals).await;
    if !refusals.is_empty() {
        return Err(match waits.map(|waits| waits.hash) {
            Some(hash) => RolloutError::NotReplaced { hash, refusals },
            None => RolloutError::Refused(refusals),
        });
    }
    run.at(Step::PreflightPassed)?;
    if let Some((pointer, proposal)) = pointer
        && Attempts::of(run.journal.entries()).pointer.as_ref() != Some(&pointer)
    {
        let pointer = Box::new(pointer);
        run.journal.append(Event::Pointer { pointer, proposal })?;
    }
    run.at(Step::PointerWritten)?;
    let call = run.options.through.as_ref().unwrap_or(&going.call);
    let most = U256::from(ready.gas).saturating_mul(U256::from(ready.max_fee));
    run.progress.note(&format!(
        "gas for transaction {} of {signer} costs at most {} ETH",
        ready.nonce,
        format_ether(most)
    ));
    let signed = send::sign(run.signer, going.chain_id, call, &ready).await?;
    if let Some(waits) = waits {
        run.progress.note(&format!(
            "transaction {} takes the place of {}; whichever is included counts",
            signed.hash, waits.hash
        ));
    }
    run.at(Step::Signed)?;
    run.journal.append(Event::Signed {
        direction: going.direction,
        hash: signed.hash,
        from: signer,
        nonce: ready.nonce,
        raw: signed.raw.clone(),
        more: going.more,
    })?;
    run.at(Step::SignedWritten)?;
    let mut attempt = Attempt {
        direction: going.direction,
        hash: signed.hash,
        from: signer,
        nonce: ready.nonce,
        raw: signed.raw,
        state: Progression::Signed,
        block: None,
        success: false,
        more: going.more,
    };
    broadcast(run, &mut attempt).await?;
    Ok(attempt)
}

/// Hands a written-down transaction to the node.
async fn broadcast(run: &mut Rollout<'_>, attempt: &mut Attempt) -> Result<(), RolloutError> {
    let answer = send::broadcast(run.node, attempt.hash, &attempt.raw).await;
    if let Answer::Unclear(detail) = answer
        && !follow::is_known(run, attempt).await
    {
        return Err(RolloutError::NotAccepted {
            hash: attempt.hash,
            detail,
        });
    }
    run.at(Step::Sent)?;
    if attempt.state == Progression::Signed {
        run.journal
            .append(Event::Broadcast { hash: attempt.hash })?;
        attempt.state = Progression::Broadcast;
    }
    run.at(Step::BroadcastWritten)?;
    let way = match attempt.direction {
        Direction::Forward => "upgrade",
        Direction::Back => "rollback",
    };
    run.progress.start(
        &format!("{way} {}: waiting for a block", attempt.hash),
        None,
    );
    Ok(())
}

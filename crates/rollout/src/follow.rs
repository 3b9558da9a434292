//! From broadcast to finality, through reorgs.

use crate::{
    Finality, RolloutError, Step,
    attempts::{Attempt, Attempts},
    error::Reading as _,
    fate::{self, Fate},
    preflight::Move,
    reads::{self, At},
    run::Rollout,
    send,
};
use alloy_primitives::{Address, B256};
use cutover_chain::ChainError;
use cutover_types::{
    inspection::BlockId,
    rollout::{Event, Progression, Receipt},
    text,
};
use std::time::Instant;

/// How many looks between two sends of a transaction that does not show up.
const RESEND_EVERY: u32 = 8;
/// How many looks in a row a node may be unable to tell what became of a transaction.
const CATCH_UP: u32 = 15;
/// How many looks for a transaction after an answer that did not confirm it.
const KNOWN_WITHIN: u32 = 4;

/// Follows `attempt`, and whatever went before it, until its block is settled.
pub(crate) async fn follow(
    run: &mut Rollout<'_>,
    going: &Move,
    attempt: Attempt,
) -> Result<Receipt, RolloutError> {
    let began = Instant::now();
    let mut attempt = attempt;
    let mut looks = 0_u32;
    let mut told = None;
    let mut untold = 0_u32;
    let result = loop {
        match look(run, going, &mut attempt, looks).await? {
            None => untold = 0,
            Some((hash, why)) if untold >= CATCH_UP => {
                return Err(RolloutError::Untold { hash, why });
            }
            Some(_) => untold += 1,
        }
        if attempt.block != told {
            told = attempt.block;
            tell(run, &attempt);
        }
        if let Some(block) = attempt.block
            && settled(run).await?.is_some_and(|at| at >= block.number)
            && let Some(receipt) = settle(run, going, &mut attempt, block).await?
        {
            break receipt;
        }
        if let Some(patience) = run.options.patience
            && began.elapsed() >= patience
        {
            return Err(RolloutError::StillPending {
                hash: attempt.hash,
                block: attempt.block.map(|block| block.number),
                seconds: began.elapsed().as_secs(),
            });
        }
        tokio::time::sleep(run.options.poll).await;
        looks = looks.wrapping_add(1);
    };
    run.progress.finish();
    Ok(result)
}

/// One look at every open transaction, in the order they must be included; gives the one whose fate
/// the node cannot tell.
async fn look(
    run: &mut Rollout<'_>,
    going: &Move,
    goal: &mut Attempt,
    looks: u32,
) -> Result<Option<(B256, String)>, RolloutError> {
    let mut untold = None;
    for mut open in Attempts::of(run.journal.entries()).open() {
        let was = open.state;
        let why = observe(run, &mut open).await?;
        let counts = leader(run, &open);
        let is_lost = open.is_open() && open.block.is_none() && why.is_none();
        if counts.block.is_none() {
            untold = untold.or(why.map(|why| (open.hash, why)));
        }
        let is_due = looks % RESEND_EVERY == RESEND_EVERY - 1;
        if is_lost && counts.hash == open.hash && (was == Progression::Included || is_due) {
            resend(run, &open).await;
        }
    }
    let counts = leader(run, goal);
    if counts.state == Progression::Abandoned {
        return Err(RolloutError::Replaced {
            hash: counts.hash,
            from: counts.from,
            nonce: counts.nonce,
        });
    }
    let is_new = counts.block != goal.block;
    *goal = counts;
    if let (true, true, Some(block)) = (is_new, goal.success, goal.block) {
        must_have_moved(run, going, goal, block).await?;
    }
    Ok(untold)
}

/// Which of the transactions with this nonce counts, as the journal says.
fn leader(run: &Rollout<'_>, attempt: &Attempt) -> Attempt {
    let attempts = Attempts::of(run.journal.entries());
    let last = attempts.at_nonce_of(attempt).last();
    attempts.leader(attempt).or(last).unwrap_or(attempt).clone()
}

/// Brings every transaction with this nonce up to date; gives the one that counts, and what keeps the node
/// from telling.
pub(crate) async fn observe_all(
    run: &mut Rollout<'_>,
    attempt: &Attempt,
) -> Result<(Attempt, Option<String>), RolloutError> {
    let mut untold = None;
    let attempts = Attempts::of(run.journal.entries());
    for mut one in attempts.at_nonce_of(attempt).cloned() {
        if one.is_open() {
            untold = untold.or(observe(run, &mut one).await?);
        }
    }
    let counts = leader(run, attempt);
    let untold = untold.filter(|_| counts.block.is_none());
    Ok((counts, untold))
}

fn tell(run: &Rollout<'_>, attempt: &Attempt) {
    match attempt.block {
        Some(block) if attempt.success => run.progress.start(
            &format!("in block {}, waiting until it is final", block.number),
            None,
        ),
        Some(block) => run.progress.warn(&format!(
            "transaction {} failed in block {}; waiting until that is final",
            attempt.hash, block.number
        )),
        None => run.progress.warn(&format!(
            "the block of transaction {} is gone: the same bytes were sent again",
            attempt.hash
        )),
    }
}

/// Brings one transaction up to date with the chain, and the journal with it. Gives what keeps the
/// node from telling, when its nonce is used and it is not seen.
pub(crate) async fn observe(
    run: &mut Rollout<'_>,
    attempt: &mut Attempt,
) -> Result<Option<String>, RolloutError> {
    let seen = reads::receipt(run.node, attempt.hash)
        .await
        .reading("the receipt")?;
    // A receipt only counts if its block is the one the chain has at that height.
    let seen = match seen {
        Some(seen) if is_canonical(run, seen.block()).await? => Some(seen),
        _ => None,
    };
    if let Some(old) = attempt.block {
        match &seen {
            Some(seen) if seen.block() == old => return Ok(None),
            // The node has the block and not the receipt, or not even the block: it is catching up.
            None if !is_gone(run, old).await? => return Ok(None),
            _ => {}
        }
        run.journal.append(Event::Reorged {
            hash: attempt.hash,
            block: old.number,
            block_hash: old.hash,
        })?;
        attempt.state = Progression::Broadcast;
        attempt.block = None;
        attempt.success = false;
    }
    let Some(seen) = seen else {
        return abandon_if_replaced(run, attempt).await;
    };
    run.at(Step::InclusionSeen)?;
    let block = seen.block();
    run.journal.append(seen.included())?;
    attempt.state = Progression::Included;
    attempt.block = Some(block);
    attempt.success = seen.success();
    run.at(Step::IncludedWritten)?;
    Ok(None)
}

/// Whether the node shows the transaction, after an answer that did not confirm it.
pub(crate) async fn is_known(run: &Rollout<'_>, attempt: &Attempt) -> bool {
    for look in 0..KNOWN_WITHIN {
        if look > 0 {
            tokio::time::sleep(run.options.poll).await;
        }
        let known = reads::knows(run.node, attempt.hash).await;
        let receipt = reads::receipt(run.node, attempt.hash).await;
        if known.is_ok_and(|known| known) || receipt.is_ok_and(|seen| seen.is_some()) {
            return true;
        }
    }
    false
}

/// Takes transactions up again that were given up as replaced and have a receipt after all.
pub(crate) async fn revive(run: &mut Rollout<'_>) -> Result<(), RolloutError> {
    let attempts = Attempts::of(run.journal.entries());
    let never_seen = |a: &&Attempt| a.state == Progression::Abandoned && a.block.is_none();
    for attempt in attempts.all.iter().filter(never_seen) {
        let seen = reads::receipt(run.node, attempt.hash)
            .await
            .reading("the receipt")?;
        let Some(seen) = seen else { continue };
        let block = seen.block();
        if !is_canonical(run, block).await? {
            continue;
        }
        run.progress.warn(&format!(
            "transaction {} was given up, but it is in block {}",
            attempt.hash, block.number
        ));
        run.journal.append(seen.included())?;
    }
    Ok(())
}

/// Whether the chain has another block at that height; a node that is behind has none.
async fn is_gone(run: &Rollout<'_>, block: BlockId) -> Result<bool, RolloutError> {
    let hash = reads::hash_at(run.node, block.number)
        .await
        .reading("the block of the transaction")?;
    Ok(hash.is_some_and(|hash| hash != block.hash))
}

async fn is_canonical(run: &Rollout<'_>, block: BlockId) -> Result<bool, RolloutError> {
    let hash = reads::hash_at(run.node, block.number)
        .await
        .reading("the block of the transaction")?;
    Ok(hash == Some(block.hash))
}

/// Gives a transaction up only when a settled block holds another one with its nonce.
async fn abandon_if_replaced(
    run: &mut Rollout<'_>,
    attempt: &mut Attempt,
) -> Result<Option<String>, RolloutError> {
    let Some(at) = settled(run).await? else {
        return Ok(None);
    };
    let fate = fate::of(run.node, attempt, at)
        .await
        .reading("the sender's nonce")?;
    let (by, block) = match fate {
        Fate::Open => return Ok(None),
        Fate::Unknown(why) => return Ok(Some(why)),
        Fate::Replaced { by, block } => (by, block),
    };
    // Asked again after the nonce: the transaction may have used it itself in the meantime.
    let receipt = reads::receipt(run.node, attempt.hash)
        .await
        .reading("the receipt")?;
    if receipt.is_some() {
        return Ok(None);
    }
    run.journal.append(Event::Abandoned {
        hash: attempt.hash,
        why: format!(
            "nonce {} was used by transaction {by} in block {block}",
            attempt.nonce
        ),
    })?;
    attempt.state = Progression::Abandoned;
    Ok(None)
}

/// The same bytes again. What the node says to it is only told: the next look says where things stand.
async fn resend(run: &Rollout<'_>, attempt: &Attempt) {
    if let send::Answer::Unclear(detail) =
        send::broadcast(run.node, attempt.hash, &attempt.raw).await
    {
        run.progress.warn(&format!(
            "sent transaction {} again; the node answers: {}",
            attempt.hash,
            text::terminal(&detail, 200)
        ));
    }
}

/// What the slot must hold after the call: the goal once no other has to follow.
fn goal(going: &Move) -> Address {
    match going.more {
        0 => going.arrive.address,
        _ => going.leave.address,
    }
}

/// Status 1 is not success: the slot must hold the goal in the block the transaction is in.
async fn must_have_moved(
    run: &Rollout<'_>,
    going: &Move,
    attempt: &Attempt,
    block: BlockId,
) -> Result<(), RolloutError> {
    let Some(found) = implementation_in(run, going, block.number).await? else {
        return Ok(());
    };
    // A reorg between the two reads answers for another block: the next look will tell.
    if found == goal(going) || !is_canonical(run, block).await? {
        return Ok(());
    }
    Err(RolloutError::SlotNotMoved {
        hash: attempt.hash,
        block: block.number,
        holder: going.holder,
        expected: goal(going),
        found,
    })
}

/// What the slot held after a block; `None` when the node no longer has that state.
async fn implementation_in(
    run: &Rollout<'_>,
    going: &Move,
    block: u64,
) -> Result<Option<Address>, RolloutError> {
    let at = At::Number(block);
    match reads::implementation(run.node, going.holder, going.place(), at).await {
        Err(ChainError::Pruned { .. }) => Ok(None),
        read => read.reading("the implementation slot").map(Some),
    }
}

/// The newest settled block, if there is one.
pub(crate) async fn settled(run: &Rollout<'_>) -> Result<Option<u64>, RolloutError> {
    match run.options.finality {
        Finality::Finalized => reads::finalized(run.node)
            .await
            .reading("the newest final block"),
        Finality::Confirmations(depth) => {
            let head = reads::head(run.node).await.reading("the newest block")?;
            Ok(head.id.number.checked_sub(depth))
        }
    }
}

/// Closes the transaction; `None` when its block turned out to be gone.
async fn settle(
    run: &mut Rollout<'_>,
    going: &Move,
    attempt: &mut Attempt,
    block: BlockId,
) -> Result<Option<Receipt>, RolloutError> {
    let seen = reads::receipt(run.node, attempt.hash)
        .await
        .reading("the receipt")?;
    let Some(seen) = seen.filter(|seen| seen.block() == block) else {
        return Ok(None);
    };
    if !is_canonical(run, block).await? {
        return Ok(None);
    }
    run.at(Step::FinalitySeen)?;
    give_up_others(run, attempt, block)?;
    if !seen.success() {
        run.journal.append(Event::Abandoned {
            hash: attempt.hash,
            why: format!("it failed in final block {}", block.number),
        })?;
        return Err(RolloutError::Failed {
            hash: attempt.hash,
            block: block.number,
        });
    }
    close_earlier(run, going, attempt).await?;
    let holder = going.holder;
    let now = reads::implementation(run.node, holder, going.place(), At::Latest)
        .await
        .reading("the implementation slot")?;
    let then = implementation_in(run, going, block.number).await?;
    let then = then.unwrap_or(now);
    if then != goal(going) {
        run.journal.append(Event::Abandoned {
            hash: attempt.hash,
            why: format!(
                "it succeeded in final block {} and did nothing",
                block.number
            ),
        })?;
        return Err(RolloutError::SlotNotMoved {
            hash: attempt.hash,
            block: block.number,
            holder,
            expected: goal(going),
            found: then,
        });
    }
    run.journal.append(Event::Finalized {
        hash: attempt.hash,
        block: block.number,
        direction: going.direction,
        implementation: now,
    })?;
    run.at(Step::FinalizedWritten)?;
    let mut notes = Vec::new();
    if now != then && going.more == 0 {
        return Err(RolloutError::MovedSince {
            hash: attempt.hash,
            holder,
            expected: then,
            found: now,
            undone: now == going.leave.address,
        });
    }
    if now != then {
        notes.push(format!("the slot moved again since: it holds {now}"));
    }
    Ok(Some(Receipt {
        direction: going.direction,
        proxy: going.proxy,
        chain_id: going.chain_id,
        transaction: Some(attempt.hash),
        block: Some(block),
        gas_used: Some(seen.gas_used()),
        implementation: now,
        is_final: true,
        notes,
    }))
}

/// The others with the nonce of a transaction in a final block can never be included.
fn give_up_others(
    run: &mut Rollout<'_>,
    included: &Attempt,
    block: BlockId,
) -> Result<(), RolloutError> {
    let attempts = Attempts::of(run.journal.entries());
    let others = attempts.at_nonce_of(included);
    for other in others.filter(|other| other.hash != included.hash && other.is_open()) {
        run.journal.append(Event::Abandoned {
            hash: other.hash,
            why: format!(
                "nonce {} was used by transaction {} in final block {}",
                included.nonce, included.hash, block.number
            ),
        })?;
    }
    Ok(())
}

/// What went before is at least as deep: it is settled too.
async fn close_earlier(
    run: &mut Rollout<'_>,
    going: &Move,
    goal: &Attempt,
) -> Result<(), RolloutError> {
    for earlier in Attempts::of(run.journal.entries()).open() {
        let Some(block) = earlier.block.filter(|_| earlier.hash != goal.hash) else {
            continue;
        };
        if goal.block.is_none_or(|goal| goal.number < block.number) {
            continue;
        }
        give_up_others(run, &earlier, block)?;
        if !earlier.success {
            run.journal.append(Event::Abandoned {
                hash: earlier.hash,
                why: format!("it failed in final block {}", block.number),
            })?;
            continue;
        }
        let then = implementation_in(run, going, block.number).await?;
        let same = earlier.direction == going.direction && earlier.more == 0;
        let implementation = then.unwrap_or(match same {
            true => going.arrive.address,
            false => going.leave.address,
        });
        run.journal.append(Event::Finalized {
            hash: earlier.hash,
            block: block.number,
            direction: earlier.direction,
            implementation,
        })?;
    }
    Ok(())
}

//! The rollback pointer again, when the journal is lost: the chain is the truth, the proposal the key.

use crate::{
    Executed, Journal, PreflightError, RolloutError,
    attempts::Attempts,
    error::Reading as _,
    preflight,
    reads::{self, At},
    run,
};
use alloy_primitives::B256;
use cutover_chain::Node;
use cutover_types::{
    Proposal,
    rollout::{Event, RollbackPointer},
};

/// Writes the pointer into a journal that has none, after holding the proposal against what was
/// executed and against the chain: same chain, a slot that holds blue or green, and both codes unchanged. A journal that has a pointer
/// keeps it.
///
/// # Errors
/// When chain and proposal disagree, or cannot be read.
pub async fn rebuild(
    node: &Node,
    proposal: &Proposal,
    proposal_digest: B256,
    executed: &Executed<'_>,
    journal: &mut Journal,
) -> Result<RollbackPointer, RolloutError> {
    if let Some(pointer) = Attempts::of(journal.entries()).pointer {
        return Ok(pointer);
    }
    let mut refusals = Vec::new();
    preflight::judge_executed(proposal, executed, &mut refusals);
    preflight::judge_chain_id(node, proposal.chain_id, &mut refusals).await;
    for code in [&proposal.blue, &proposal.green] {
        preflight::judge_code(node, code.address, code.code_hash, &mut refusals).await;
    }
    let found = reads::implementation(
        node,
        proposal.holder,
        (proposal.slot, proposal.offset),
        At::Latest,
    )
    .await
    .reading("the implementation slot")?;
    if ![proposal.blue.address, proposal.green.address].contains(&found) {
        refusals.push(PreflightError::NotAsExpected {
            proxy: proposal.proxy,
            expected: proposal.green.address,
            found,
        });
    }
    if !refusals.is_empty() {
        return Err(RolloutError::Refused(refusals));
    }
    let pointer = run::pointer(proposal);
    journal.append(Event::Pointer {
        pointer: Box::new(pointer.clone()),
        proposal: proposal_digest,
    })?;
    Ok(pointer)
}

//! What became of a signed transaction that has no receipt.

use crate::{
    attempts::Attempt,
    reads::{self, At},
};
use alloy_primitives::{Address, B256};
use cutover_chain::{ChainError, Node};

/// What became of a signed transaction that has no receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its nonce is free at the settled block: it may still be included.
    Open,
    /// A settled block holds another transaction of its sender with its nonce.
    Replaced {
        /// That transaction.
        by: B256,
        /// Its block.
        block: u64,
    },
    /// Its nonce is used, and nothing shows by which transaction: it may be included itself.
    Unknown(String),
}

/// Looks for the transaction that used the nonce. A missing receipt proves nothing: nodes make their
/// index of receipts after the state they answer from.
pub(crate) async fn of(node: &Node, attempt: &Attempt, settled: u64) -> Result<Fate, ChainError> {
    let next = reads::nonce(node, attempt.from, At::Number(settled)).await?;
    if next <= attempt.nonce {
        return Ok(Fate::Open);
    }
    let unknown = |why: String| Ok(Fate::Unknown(why));
    let block = match used_in(node, attempt.from, attempt.nonce, settled).await {
        Ok(Some(block)) => block,
        Ok(None) => return unknown("its nonce was used from the first block on".into()),
        Err(error) => {
            return unknown(format!(
                "its nonce is used, and the node does not say since which block: {error}"
            ));
        }
    };
    let transactions = match reads::transactions(node, block).await {
        Ok(Some(transactions)) => transactions,
        Ok(None) => return unknown(format!("the node does not have block {block}")),
        Err(error) => {
            return unknown(format!(
                "the node does not show the transactions of block {block}: {error}"
            ));
        }
    };
    if transactions.iter().any(|found| found.hash == attempt.hash) {
        return unknown(format!(
            "it is in block {block}, and the node has no receipt of it"
        ));
    }
    let other = transactions
        .into_iter()
        .find(|found| found.is(attempt.from, attempt.nonce));
    match other {
        Some(other) => Ok(Fate::Replaced {
            by: other.hash,
            block,
        }),
        None => unknown(format!(
            "nonce {} was used in block {block}, and the node shows no transaction there that did",
            attempt.nonce
        )),
    }
}

/// The first block after which `nonce` is used, which it is after `settled`.
async fn used_in(
    node: &Node,
    from: Address,
    nonce: u64,
    settled: u64,
) -> Result<Option<u64>, ChainError> {
    let used = async |block| Ok(reads::nonce(node, from, At::Number(block)).await? > nonce);
    // Back in growing steps: nodes forget old states.
    let (mut high, mut step) = (settled, 1_u64);
    let mut low = loop {
        let block = high.saturating_sub(step);
        if !used(block).await? {
            break block;
        }
        if block == 0 {
            return Ok(None);
        }
        (high, step) = (block, step.saturating_mul(2));
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if used(middle).await? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

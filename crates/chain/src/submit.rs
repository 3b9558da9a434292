//! What sending a transaction needs of a node, and what following it needs.

use crate::{
    error::ChainError,
    fees::{self, FeeError, Fees, GasError},
    node::Node,
    rpc,
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use cutover_types::Call;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use thiserror::Error;

type Read<T> = Result<T, ChainError>;

/// Tip when the node suggests none: one gwei.
const USUAL_TIP: u128 = 1_000_000_000;
/// Transactions of one sender that may wait before another one; nodes keep about so many.
const MOST_WAITING: u64 = 64;
/// Blocks after which a chain without the tags counts as final.
const FINAL_DEPTH: u64 = 64;
/// Blocks after which a chain without the tags counts as safe.
const SAFE_DEPTH: u64 = 32;
/// Transactions of [`wait`] are looked for this long.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// At which block something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest.
    Latest,
    /// By number.
    Number(u64),
    /// By hash: an error if that block is no longer part of the chain.
    Hash(B256),
}

impl At {
    fn json(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Number(number) => rpc::quantity(number),
            Self::Hash(hash) => json!({"blockHash": hash, "requireCanonical": true}),
        }
    }
}

/// An account's nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonces {
    /// As of the newest block.
    pub latest: u64,
    /// With what waits in the pool.
    pub pending: u64,
}

/// What a node says to signed bytes. None of these means that they are in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Broadcast {
    /// It took them.
    Accepted,
    /// It had them already.
    AlreadyKnown,
    /// Their nonce is used: by them, if they are in a block, or by another transaction.
    NonceTooLow,
}

/// A transaction in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Included {
    /// Its hash.
    pub hash: B256,
    /// Number of the block.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Receipt status 1.
    pub success: bool,
    /// Gas it used.
    pub gas_used: u64,
}

/// How far the chain is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Number of the newest block.
    pub latest: u64,
    /// Of the newest safe block, if there is one.
    pub safe: Option<u64>,
    /// Of the newest final block, if there is one.
    pub finalized: Option<u64>,
    /// The node does not know these tags: safe is taken to be 32 blocks back, final 64.
    pub assumed: bool,
}

/// Wei an account has.
pub async fn balance(node: &Node, address: Address) -> Read<U256> {
    node.call("eth_getBalance", json!([address, "latest"]))
        .await
}

/// Code at the newest block; empty when there is none.
pub async fn code_at(node: &Node, address: Address) -> Read<Bytes> {
    code(node, address, At::Latest).await
}

/// Code at a block; empty when there is none.
pub async fn code(node: &Node, address: Address, at: At) -> Read<Bytes> {
    node.call("eth_getCode", json!([address, at.json()])).await
}

/// A storage slot at a block.
pub async fn slot(node: &Node, address: Address, slot: B256, at: At) -> Read<B256> {
    let value: U256 = node
        .call("eth_getStorageAt", json!([address, slot, at.json()]))
        .await?;
    Ok(value.into())
}

/// An account's nonces.
pub async fn nonces(node: &Node, address: Address) -> Read<Nonces> {
    let at = |tag| node.call::<U64>("eth_getTransactionCount", json!([address, tag]));
    let (latest, pending) = futures::try_join!(at("latest"), at("pending"))?;
    let latest = latest.to();
    // A node without a pool may answer for an older block.
    Ok(Nonces {
        latest,
        pending: pending.to::<u64>().max(latest),
    })
}

/// An account's nonce as the node would prove it; `None` where it makes no proofs, or proves that there is no
/// such account: nodes of forks know only what changed since. It shows a wrong count.
pub async fn proof_nonce(node: &Node, address: Address) -> Option<u64> {
    #[derive(Deserialize)]
    struct Proof {
        nonce: U64,
        balance: U256,
    }
    let params = json!([address, [], "latest"]);
    let proof: Read<Proof> = node.call("eth_getProof", params).await;
    let proof = proof.ok()?;
    let is_there = !proof.nonce.is_zero() || !proof.balance.is_zero();
    is_there.then(|| proof.nonce.to())
}

/// What gas costs, from the fees of the last blocks; from the newest block where a node has no history.
pub async fn fees(node: &Node) -> Read<Fees> {
    let (base_fee, tip) = match history(node).await {
        Ok(both) => both,
        Err(
            ChainError::Rpc { .. } | ChainError::Unsupported { .. } | ChainError::Malformed { .. },
        ) => (newest_base_fee(node).await?, None),
        Err(error) => return Err(error),
    };
    let tip = match tip {
        Some(tip) => tip,
        None => {
            let suggested: Read<U256> = node.call("eth_maxPriorityFeePerGas", json!([])).await;
            suggested.map_or(USUAL_TIP, |tip| tip.saturating_to())
        }
    };
    Ok(Fees::of(base_fee, tip))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct History {
    base_fee_per_gas: Vec<U256>,
    #[serde(default)]
    reward: Option<Vec<Vec<U256>>>,
}

/// Base fee of the next block, and the middle of what half of the gas of recent blocks paid as a tip.
async fn history(node: &Node) -> Read<(u128, Option<u128>)> {
    let method = "eth_feeHistory";
    let history: History = node.call(method, json!(["0xa", "latest", [50]])).await?;
    let base_fee = history
        .base_fee_per_gas
        .last()
        .ok_or_else(|| ChainError::Malformed {
            method: method.into(),
            detail: "it has no base fee".into(),
        })?;
    let mut tips: Vec<u128> = history
        .reward
        .into_iter()
        .flatten()
        .filter_map(|block| block.first().map(|tip| tip.saturating_to()))
        // Empty blocks say zero.
        .filter(|tip| *tip > 0)
        .collect();
    tips.sort_unstable();
    Ok((base_fee.saturating_to(), tips.get(tips.len() / 2).copied()))
}

/// Gas a block holds.
async fn room(node: &Node) -> Read<u64> {
    let limit = newest(node).await?.and_then(|block| block.gas_limit);
    Ok(limit.map_or(u64::MAX, |limit| limit.to()))
}

async fn newest(node: &Node) -> Read<Option<Block>> {
    node.call("eth_getBlockByNumber", json!(["latest", false]))
        .await
}

async fn newest_base_fee(node: &Node) -> Read<u128> {
    newest(node)
        .await?
        .and_then(|block| block.base_fee_per_gas)
        .map(|fee| fee.saturating_to())
        .ok_or_else(|| ChainError::Unsupported {
            method: "EIP-1559 base fees".into(),
        })
}

/// Gas the call needs on the newest block. What waits in the pool does not count, as it does for nodes that are
/// not told a block: the call itself may wait there, and a second time it may cost less or fail.
///
/// # Errors
/// Also when the call would fail, with what the node says.
pub async fn estimate(node: &Node, from: Address, call: &Call) -> Read<u64> {
    let request = json!({"from": from, "to": call.to, "value": call.value, "data": call.data});
    let gas: U64 = node
        .call("eth_estimateGas", json!([request, "latest"]))
        .await?;
    Ok(gas.to())
}

/// Why no transaction is made of a call.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The node was not read, or says that the call would fail.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Gas is dearer than allowed.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// It could not be mined.
    #[error(transparent)]
    Gas(#[from] GasError),
    /// The node would prove another nonce than it counts.
    #[error(
        "by the node {from} sent {latest} transactions, but its proof of that account says {proven}"
    )]
    Contradicted {
        /// Who sends.
        from: Address,
        /// Its nonce by the newest block.
        latest: u64,
        /// The nonce in the proof.
        proven: u64,
    },
    /// Too much waits before it.
    #[error(
        "{from} has transactions under way: nonce {latest} is next, {pending} with those that wait"
    )]
    FarAhead {
        /// Who sends.
        from: Address,
        /// Its nonce by the newest block.
        latest: u64,
        /// With what waits in the pool.
        pending: u64,
    },
}

/// Builds the transaction of a call, with the next nonce that nothing waits for and at most `max_fee` per
/// gas, and says what the sender must have for it.
///
/// # Errors
/// Also when the call would fail, is a delegate call, or could not be mined at that price.
pub async fn prepare(
    node: &Node,
    from: Address,
    call: &Call,
    max_fee: Option<u128>,
) -> Result<(TxEip1559, U256), PrepareError> {
    if call.operation != 0 {
        return Err(PrepareError::Chain(ChainError::Local {
            what: "the call cannot be sent".into(),
            detail: "an account cannot make a delegate call".into(),
        }));
    }
    let (chain_id, nonces, fees, gas, room) = futures::try_join!(
        node.chain_id(),
        nonces(node, from),
        fees(node),
        estimate(node, from, call),
        room(node)
    )?;
    if nonces.pending - nonces.latest > MOST_WAITING {
        return Err(PrepareError::FarAhead {
            from,
            latest: nonces.latest,
            pending: nonces.pending,
        });
    }
    let proven = proof_nonce(node, from).await;
    if let Some(proven) = proven.filter(|proven| *proven != nonces.latest) {
        return Err(PrepareError::Contradicted {
            from,
            latest: nonces.latest,
            proven,
        });
    }
    let fees = fees.within(max_fee)?;
    let gas_limit = fees::gas_limit(&call.data, gas, room)?;
    let transaction = TxEip1559 {
        chain_id,
        nonce: nonces.pending,
        gas_limit,
        max_fee_per_gas: fees.max_fee,
        max_priority_fee_per_gas: fees.tip,
        to: call.to.into(),
        value: call.value,
        access_list: Default::default(),
        input: call.data.clone(),
    };
    let gas = U256::from(gas_limit).saturating_mul(U256::from(fees.max_fee));
    Ok((transaction, gas.saturating_add(call.value)))
}

/// Hands signed bytes to a node. Twice is harmless: they are one transaction.
///
/// # Errors
/// When the node refuses them, or answers with another hash.
pub async fn broadcast(node: &Node, raw: &Bytes) -> Read<Broadcast> {
    let computed = keccak256(raw);
    let answer: Read<B256> = node.call("eth_sendRawTransaction", json!([raw])).await;
    match answer {
        Ok(claimed) if claimed == computed => Ok(Broadcast::Accepted),
        Ok(claimed) => {
            let what = "the hash of the transaction it was sent".into();
            Err(ChainError::Lie {
                what,
                claimed,
                computed,
            })
        }
        Err(ChainError::Rpc {
            method,
            code,
            message,
            data,
        }) => answered(&message).ok_or(ChainError::Rpc {
            method,
            code,
            message,
            data,
        }),
        Err(error) => Err(error),
    }
}

/// What clients say when the bytes are not new.
fn answered(message: &str) -> Option<Broadcast> {
    let text = message.to_lowercase();
    let known = [
        "already known",
        "already imported",
        "known transaction",
        "alreadyknown",
        "already exists",
    ];
    if known.iter().any(|known| text.contains(known)) {
        Some(Broadcast::AlreadyKnown)
    } else if text.contains("nonce too low")
        || text.contains("nonce is too low")
        || text.contains("oldnonce")
    {
        Some(Broadcast::NonceTooLow)
    } else {
        None
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    transaction_hash: B256,
    block_number: U64,
    block_hash: B256,
    status: U64,
    gas_used: U64,
}

/// Where a transaction is, if it is in a block. Whether that block is part of the chain is another
/// question: [`block_hash`] answers it.
pub async fn included(node: &Node, hash: B256) -> Read<Option<Included>> {
    let method = "eth_getTransactionReceipt";
    let receipt: Option<Receipt> = node.call(method, json!([hash])).await?;
    match receipt {
        Some(receipt) if receipt.transaction_hash != hash => Err(ChainError::Malformed {
            method: method.into(),
            detail: format!("asked for {hash}, got {}", receipt.transaction_hash),
        }),
        receipt => Ok(receipt.map(|receipt| Included {
            hash,
            block: receipt.block_number.to(),
            block_hash: receipt.block_hash,
            success: receipt.status == U64::from(1),
            gas_used: receipt.gas_used.to(),
        })),
    }
}

/// Waits until a transaction is in a block.
///
/// # Errors
/// Also when it is in none after half an hour.
pub async fn wait(node: &Node, hash: B256) -> Read<Included> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        if let Some(found) = included(node, hash).await? {
            return Ok(found);
        }
        if began.elapsed() > PATIENCE {
            return Err(ChainError::Local {
                what: format!("waiting for transaction {hash}"),
                detail: format!(
                    "it is in no block after {} minutes",
                    PATIENCE.as_secs() / 60
                ),
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(4));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    number: U64,
    hash: B256,
    #[serde(default)]
    base_fee_per_gas: Option<U256>,
    #[serde(default)]
    gas_limit: Option<U64>,
}

/// Hash of the block the node has at this height, if it has one.
pub async fn block_hash(node: &Node, number: u64) -> Read<Option<B256>> {
    let method = "eth_getBlockByNumber";
    let block: Option<Block> = node
        .call(method, json!([rpc::quantity(number), false]))
        .await?;
    match block {
        Some(block) if block.number.to::<u64>() != number => Err(ChainError::Malformed {
            method: method.into(),
            detail: format!("asked for block {number}, got {}", block.number),
        }),
        block => Ok(block.map(|block| block.hash)),
    }
}

/// How far the chain is settled.
pub async fn settled(node: &Node) -> Read<Settled> {
    let latest = node.latest().await?;
    let (safe, finalized) = futures::join!(tagged(node, "safe"), tagged(node, "finalized"));
    match (safe, finalized) {
        (Ok(safe), Ok(finalized)) => Ok(Settled {
            latest,
            safe,
            finalized,
            assumed: false,
        }),
        (Err(error), _) | (_, Err(error)) if !is_unknown_tag(&error) => Err(error),
        _ => Ok(Settled {
            latest,
            safe: latest.checked_sub(SAFE_DEPTH),
            finalized: latest.checked_sub(FINAL_DEPTH),
            assumed: true,
        }),
    }
}

async fn tagged(node: &Node, tag: &str) -> Read<Option<u64>> {
    let block: Read<Option<Block>> = node.call("eth_getBlockByNumber", json!([tag, false])).await;
    match block {
        Ok(block) => Ok(block.map(|block| block.number.to())),
        // How geth says that there is none yet.
        Err(ChainError::Rpc { message, .. } | ChainError::Pruned { message, .. })
            if message.contains("block not found") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether the node does not know what `safe` means, rather than being unable to answer now.
fn is_unknown_tag(error: &ChainError) -> bool {
    matches!(
        error,
        ChainError::Rpc {
            code: -32602 | -32600 | -32000,
            ..
        } | ChainError::Unsupported { .. }
    )
}

#[cfg(test)]
mod tests;

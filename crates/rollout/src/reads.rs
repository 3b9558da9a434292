//! What a run asks of a node.

use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use cutover_chain::{ChainError, Node};
use cutover_types::{inspection::BlockId, rollout::Event};
use serde::Deserialize;
use serde_json::{Value, json};

/// At which block something is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Latest,
    Pending,
    Number(u64),
}

impl At {
    fn json(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Pending => json!("pending"),
            Self::Number(number) => json!(format!("{number:#x}")),
        }
    }
}

/// A receipt as far as a run needs it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeenReceipt {
    pub(crate) transaction_hash: B256,
    block_number: U64,
    pub(crate) block_hash: B256,
    status: U64,
    #[serde(default)]
    gas_used: U64,
}

impl SeenReceipt {
    pub(crate) fn block(&self) -> BlockId {
        BlockId {
            number: self.block_number.to(),
            hash: self.block_hash,
        }
    }

    pub(crate) fn success(&self) -> bool {
        self.status == U64::from(1)
    }

    pub(crate) fn gas_used(&self) -> u64 {
        self.gas_used.to()
    }

    /// What the journal says of it.
    pub(crate) fn included(&self) -> Event {
        Event::Included {
            hash: self.transaction_hash,
            block: self.block_number.to(),
            block_hash: self.block_hash,
            success: self.success(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenBlock {
    number: U64,
    hash: B256,
    #[serde(default)]
    base_fee_per_gas: Option<U256>,
    #[serde(default)]
    gas_limit: Option<U64>,
    #[serde(default)]
    timestamp: U64,
}

/// The newest block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) id: BlockId,
    pub(crate) base_fee: Option<u128>,
    pub(crate) gas_limit: u64,
    /// Unix seconds.
    pub(crate) timestamp: u64,
}

type Read<T> = Result<T, ChainError>;

pub(crate) async fn head(node: &Node) -> Read<Head> {
    let block: SeenBlock = node
        .call("eth_getBlockByNumber", json!(["latest", false]))
        .await?;
    Ok(Head {
        id: BlockId {
            number: block.number.to(),
            hash: block.hash,
        },
        base_fee: block.base_fee_per_gas.map(|fee| fee.saturating_to()),
        gas_limit: block.gas_limit.map_or(u64::MAX, |limit| limit.to()),
        timestamp: block.timestamp.to(),
    })
}

/// When a block was made, in Unix seconds; `None` when the node does not hold it.
pub(crate) async fn timestamp_at(node: &Node, number: u64) -> Read<Option<u64>> {
    let params = json!([U64::from(number), false]);
    let block: Option<SeenBlock> = node.call("eth_getBlockByNumber", params).await?;
    Ok(block.map(|block| block.timestamp.to()))
}

/// The newest final block; `None` while the chain has none.
pub(crate) async fn finalized(node: &Node) -> Read<Option<u64>> {
    let block: Option<SeenBlock> = node
        .call("eth_getBlockByNumber", json!(["finalized", false]))
        .await?;
    Ok(block.map(|block| block.number.to()))
}

/// Hash of the block the node holds at `number`, if it holds one.
pub(crate) async fn hash_at(node: &Node, number: u64) -> Read<Option<B256>> {
    let params = json!([At::Number(number).json(), false]);
    let block: Option<SeenBlock> = node.call("eth_getBlockByNumber", params).await?;
    match block {
        Some(block) if block.number.to::<u64>() != number => Err(ChainError::Malformed {
            method: "eth_getBlockByNumber".into(),
            detail: format!("asked for block {number}, got {}", block.number),
        }),
        block => Ok(block.map(|block| block.hash)),
    }
}

/// A transaction as a block shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SeenTransaction {
    pub(crate) hash: B256,
    from: Address,
    #[serde(default)]
    nonce: Option<U64>,
}

impl SeenTransaction {
    /// Whether it used this nonce of this account.
    pub(crate) fn is(&self, from: Address, nonce: u64) -> bool {
        self.from == from && self.nonce == Some(U64::from(nonce))
    }
}

#[derive(Deserialize)]
struct FullBlock {
    number: U64,
    transactions: Vec<SeenTransaction>,
}

/// The transactions of a block; `None` when the node does not hold it.
pub(crate) async fn transactions(node: &Node, number: u64) -> Read<Option<Vec<SeenTransaction>>> {
    let params = json!([At::Number(number).json(), true]);
    let block: Option<FullBlock> = node.call("eth_getBlockByNumber", params).await?;
    match block {
        Some(block) if block.number.to::<u64>() != number => Err(ChainError::Malformed {
            method: "eth_getBlockByNumber".into(),
            detail: format!("asked for block {number}, got {}", block.number),
        }),
        block => Ok(block.map(|block| block.transactions)),
    }
}

/// Whether the node has a transaction, in a block or waiting for one.
pub(crate) async fn knows(node: &Node, hash: B256) -> Read<bool> {
    #[derive(Deserialize)]
    struct Known {
        hash: B256,
    }
    let known: Option<Known> = node.call("eth_getTransactionByHash", json!([hash])).await?;
    Ok(known.is_some_and(|known| known.hash == hash))
}

/// The address in a slot.
pub(crate) async fn implementation(
    node: &Node,
    holder: Address,
    (slot, offset): (B256, u8),
    at: At,
) -> Read<Address> {
    let params = json!([holder, slot, at.json()]);
    let word: B256 = node.call("eth_getStorageAt", params).await?;
    Ok(cutover_types::address::in_word(word, offset))
}

/// Keccak-256 of the code at an address; `None` when there is none.
pub(crate) async fn code_hash(node: &Node, address: Address) -> Read<Option<B256>> {
    let params = json!([address, At::Latest.json()]);
    let code: Bytes = node.call("eth_getCode", params).await?;
    Ok((!code.is_empty()).then(|| keccak256(&code)))
}

pub(crate) async fn nonce(node: &Node, address: Address, at: At) -> Read<u64> {
    let params = json!([address, at.json()]);
    let nonce: U64 = node.call("eth_getTransactionCount", params).await?;
    Ok(nonce.to())
}

pub(crate) async fn balance(node: &Node, address: Address) -> Read<U256> {
    let params = json!([address, At::Latest.json()]);
    node.call("eth_getBalance", params).await
}

/// What a priority fee is worth now; nodes that do not say get 1 gwei.
pub(crate) async fn priority_fee(node: &Node) -> u128 {
    let fee: Read<U256> = node.call("eth_maxPriorityFeePerGas", json!([])).await;
    fee.map_or(1_000_000_000, |fee| fee.saturating_to())
}

/// The receipt of a transaction, if it is in a block.
pub(crate) async fn receipt(node: &Node, hash: B256) -> Read<Option<SeenReceipt>> {
    let receipt: Option<SeenReceipt> = node
        .call("eth_getTransactionReceipt", json!([hash]))
        .await?;
    match receipt {
        Some(receipt) if receipt.transaction_hash != hash => Err(ChainError::Malformed {
            method: "eth_getTransactionReceipt".into(),
            detail: format!("asked for {hash}, got {}", receipt.transaction_hash),
        }),
        receipt => Ok(receipt),
    }
}

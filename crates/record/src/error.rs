//! Why there is no recording.

use alloy_primitives::{Address, B256};
use cutover_chain::{ChainError, FolderError};
use cutover_evm::EvmError;
use thiserror::Error;

/// Why there is no recording.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A block of the window could not be read.
    #[error("block {number} of the window could not be recorded")]
    Block {
        /// Block number.
        number: u64,
        /// Why.
        source: ChainError,
    },
    /// The recording could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The window has no block that can be recorded.
    #[error(
        "blocks {from} to {to} are no window: the first must be at least 1 and not after the last"
    )]
    Window {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
    },
    /// A transaction of the block is not what Ethereum allows.
    #[error("transaction {hash} in block {number}")]
    Transaction {
        /// Transaction hash.
        hash: B256,
        /// Block number.
        number: u64,
        /// What is wrong with it.
        source: EvmError,
    },
    /// The node does not know a transaction that was asked for.
    #[error("the node knows no mined transaction {hash}")]
    UnknownTransaction {
        /// Transaction hash.
        hash: B256,
    },
    /// A transaction that was asked for is in another block.
    #[error("transaction {hash} is in block {number}, outside blocks {from} to {to}")]
    OutsideWindow {
        /// Transaction hash.
        hash: B256,
        /// Its block.
        number: u64,
        /// First block of the window.
        from: u64,
        /// Last block of the window.
        to: u64,
    },
    /// A transaction that was asked for has nothing to do with the proxy.
    #[error("transaction {hash} does not reach {proxy}")]
    NotThrough {
        /// Transaction hash.
        hash: B256,
        /// The proxy.
        proxy: Address,
    },
    /// A Merkle proof does not prove what the node says.
    #[error(
        "the node's proof of {what} does not lead to the state root {root} of block {number}: {detail}"
    )]
    Proof {
        /// Of which account or slot.
        what: String,
        /// The block it was asked at.
        number: u64,
        /// That block's state root.
        root: B256,
        /// Where it fails.
        detail: String,
    },
    /// Two blocks do not follow each other.
    #[error(
        "block {number} follows {claimed}, but the node gave {computed} as the block before it: the chain was reorganised meanwhile, or the node mixes two chains"
    )]
    Reorganised {
        /// The later block.
        number: u64,
        /// Its parent hash.
        claimed: B256,
        /// Hash of the block before it.
        computed: B256,
    },
    /// The plan cannot be represented.
    #[error("the plan cannot be written down")]
    Plan(#[source] serde_json::Error),
    /// The program is shutting down.
    #[error("recording was interrupted")]
    Interrupted,
}

impl RecordError {
    /// What went wrong with one block.
    pub(crate) fn block(number: u64) -> impl Fn(ChainError) -> Self {
        move |source| Self::Block { number, source }
    }
}

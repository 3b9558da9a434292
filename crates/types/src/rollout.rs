//! The journal and the rollback pointer: what is written down before anything is sent.

use crate::{inspection::CodeAt, upgrade::Call};
use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// Which way a transaction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To green.
    Forward,
    /// To blue.
    Back,
}

/// Everything needed to return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackPointer {
    /// The proxy.
    pub proxy: Address,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Proxy or beacon whose slot holds the implementation.
    pub holder: Address,
    /// That slot.
    pub slot: B256,
    /// The implementation to return to.
    pub blue: CodeAt,
    /// The implementation left.
    pub green: CodeAt,
    /// Who sends.
    pub from: Address,
    /// The call back.
    pub back: Call,
    /// The call forward again.
    pub forward_again: Call,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The rollback pointer, before anything else.
    Pointer {
        /// The pointer.
        pointer: Box<RollbackPointer>,
        /// Digest of the proposal it belongs to.
        proposal: B256,
    },
    /// A transaction, signed, before it is broadcast.
    Signed {
        /// Which way.
        direction: Direction,
        /// Transaction hash.
        hash: B256,
        /// Sender.
        from: Address,
        /// Its nonce.
        nonce: u64,
        /// Signed bytes (EIP-2718): what a resume sends again.
        raw: Bytes,
    },
    /// It was handed to a node.
    Broadcast {
        /// Transaction hash.
        hash: B256,
    },
    /// It is in a block.
    Included {
        /// Transaction hash.
        hash: B256,
        /// Block number.
        block: u64,
        /// Block hash.
        block_hash: B256,
        /// Receipt status.
        success: bool,
    },
    /// The block it was in is no longer part of the chain.
    Reorged {
        /// Transaction hash.
        hash: B256,
        /// Block number.
        block: u64,
        /// Hash of the block that went.
        block_hash: B256,
    },
    /// Its block is final and the slot was read back.
    Finalized {
        /// Transaction hash.
        hash: B256,
        /// Block number.
        block: u64,
        /// Which way.
        direction: Direction,
        /// What the slot holds now.
        implementation: Address,
    },
    /// It can never be included: the nonce was used by another transaction.
    Abandoned {
        /// Transaction hash.
        hash: B256,
        /// Why.
        why: String,
    },
}

/// One line of `journal.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Position, from 0.
    pub sequence: u64,
    /// Keccak-256 of the line before; zero for the first.
    pub previous: B256,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The file name of the journal in the run folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

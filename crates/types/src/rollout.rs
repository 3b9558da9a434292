//! The journal and the rollback pointer: what is written down before anything is sent.

use crate::{
    file::Format,
    inspection::{BlockId, CodeAt},
    upgrade::{Call, StepCall},
};
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
    /// Bytes of it below the implementation.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u8,
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
    /// The calls after `back`, for proxies that need several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back_then: Vec<StepCall>,
    /// The calls after `forward_again`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_again_then: Vec<StepCall>,
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        /// How many calls of the same way still have to follow; 0: this one moves the proxy.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: u64,
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

/// Where a transaction of the journal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progression {
    /// Signed and written down; it may or may not have reached a node.
    Signed,
    /// A node took it.
    Broadcast,
    /// In a block that may still go.
    Included,
    /// In a final block.
    Finalized,
    /// It can never be included, or it failed in a final block.
    Abandoned,
}

/// A transaction of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentTransaction {
    /// Transaction hash.
    pub hash: B256,
    /// Which way.
    pub direction: Direction,
    /// Sender.
    pub from: Address,
    /// Its nonce.
    pub nonce: u64,
    /// How far it came, as the journal says.
    pub state: Progression,
    /// Its block, once it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<BlockId>,
    /// Whether its receipt there says success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
}

/// Which implementation a proxy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// The one before.
    Blue,
    /// The candidate.
    Green,
    /// Neither.
    Other,
}

/// What `status` says: where the proxy stands, and where record and chain disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The proxy.
    pub proxy: Address,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The block it was read at.
    pub block: BlockId,
    /// The newest final block, where the node knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalized: Option<u64>,
    /// What the slot holds, with the code there.
    pub implementation: CodeAt,
    /// Which of the two that is.
    pub colour: Colour,
    /// Which of the two the journal says it should be; `None` when nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Colour>,
    /// The implementation to return to.
    pub blue: CodeAt,
    /// The candidate.
    pub green: CodeAt,
    /// Every transaction of the journal, oldest first.
    pub transactions: Vec<SentTransaction>,
    /// Where record and chain disagree, in words; empty when they do not.
    pub disagreements: Vec<String>,
    /// What to do now, in words.
    pub next: String,
}

impl Format for Standing {
    const FORMAT: &'static str = "cutover/status";
    const VERSION: u32 = 1;
    const FILE: &'static str = "status.json";
}

/// What `upgrade` and `rollback` give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which way.
    pub direction: Direction,
    /// The proxy.
    pub proxy: Address,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The transaction; `None` when the proxy was moved by none of this journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// The block it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<BlockId>,
    /// Gas it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
    /// What the slot holds now.
    pub implementation: Address,
    /// Whether that block is final, or as deep as was asked.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// What the user should know, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Format for Receipt {
    const FORMAT: &'static str = "cutover/receipt";
    const VERSION: u32 = 1;
    const FILE: &'static str = "receipt.json";
}

//! A recording: transactions that reach a proxy, and the state they ran on, as evidence.
//!
//! A recording is a folder. `recording.json` is the manifest; `blocks/<number>.json.gz` holds each
//! block with at least one target: its header, every transaction as signed bytes, every receipt, and
//! the state at the parent block that the block's transactions read up to the last target;
//! `codes/<hash>.bin` holds the codes. The manifest names the digest of every file, and its own
//! digest covers all of them.

use crate::{file::Format, state::MemoryState, upgrade::UpgradePath};
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Blocks from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First block.
    pub from: u64,
    /// Last block.
    pub to: u64,
}

/// How a transaction gets to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Sent to it.
    Direct,
    /// By a call from another contract.
    Internal,
}

/// A transaction that reaches the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Transaction hash.
    pub hash: B256,
    /// Position in its block.
    pub index: u64,
    /// How it gets there.
    pub reach: Reach,
}

/// How internal calls were looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// `debug_traceBlock` with the call tracer: all of them.
    Traces,
    /// Recipients, logs and receipts only: a call that leaves no log may be missed.
    Logs,
}

/// A transaction that could not be recorded, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// Transaction hash.
    pub transaction: B256,
    /// Why.
    pub why: String,
}

/// A recorded block, as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEntry {
    /// Number.
    pub number: u64,
    /// Hash: the header hashes to it.
    pub hash: B256,
    /// Transactions in it that reach the proxy, in block order.
    pub targets: Vec<Target>,
}

/// What a recording counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Transactions that reach the proxy.
    pub transactions: u64,
    /// Of them, sent to it.
    pub direct: u64,
    /// Of them, by a call from another contract.
    pub internal: u64,
    /// Accounts in the recorded state, summed over blocks.
    pub accounts: u64,
    /// Slots in the recorded state, summed over blocks.
    pub slots: u64,
    /// Distinct codes.
    pub codes: u64,
    /// Accounts with a Merkle proof to the parent's state root.
    pub proven_accounts: u64,
    /// Slots with a Merkle proof.
    pub proven_slots: u64,
}

/// The manifest, `recording.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The proxy.
    pub proxy: Address,
    /// The blocks looked at.
    pub window: Window,
    /// How internal calls were looked for.
    pub discovery: Discovery,
    /// What the way of looking may have missed, in words; empty when nothing.
    #[serde(default)]
    pub may_have_missed: Vec<String>,
    /// The blocks recorded, ascending.
    pub blocks: Vec<BlockEntry>,
    /// How the proxy is upgraded, where `record` could find out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradePath>,
    /// Transactions that could not be recorded.
    pub incomplete: Vec<Incomplete>,
    /// Totals.
    pub counts: Counts,
    /// Keccak-256 of every other file, by path relative to the folder.
    pub files: BTreeMap<String, B256>,
    /// Keccak-256 of this manifest's canonical form with this field zero.
    pub digest: B256,
}

impl Recording {
    /// The digest the manifest should carry.
    ///
    /// # Errors
    /// When the manifest cannot be represented as JSON.
    pub fn compute_digest(&self) -> serde_json::Result<B256> {
        crate::json::digest(&Self {
            digest: B256::ZERO,
            ..self.clone()
        })
    }
}

impl Format for Recording {
    const FORMAT: &'static str = "cutover/recording";
    const VERSION: u32 = 1;
    const FILE: &'static str = "recording.json";
}

/// Merkle-Patricia proofs at the parent block: node lists that hash to the parent's state root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proofs {
    /// RLP trie nodes, stored once.
    pub nodes: Vec<Bytes>,
    /// Account proofs: indices into `nodes`, root first.
    pub accounts: BTreeMap<Address, Vec<u32>>,
    /// Storage proofs.
    pub slots: BTreeMap<Address, BTreeMap<B256, Vec<u32>>>,
    /// Storage root each account proof ends in.
    pub storage_roots: BTreeMap<Address, B256>,
}

/// A recorded block file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedBlock {
    /// Header; hashes to `hash`.
    pub header: Header,
    /// Block hash.
    pub hash: B256,
    /// The parent's header, whose state root the proofs lead to; some nodes cannot give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Header>,
    /// Every transaction of the block as signed bytes (EIP-2718), in order: they hash to the header's
    /// `transactionsRoot`.
    pub transactions: Vec<Bytes>,
    /// Every receipt: they hash to the header's `receiptsRoot`.
    pub receipts: Vec<ReceiptEnvelope>,
    /// Transactions that reach the proxy, in order.
    pub targets: Vec<Target>,
    /// State at the parent block, without codes.
    pub state: MemoryState,
    /// Proofs for that state, where the node gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proofs: Option<Proofs>,
}

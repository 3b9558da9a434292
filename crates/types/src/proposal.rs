//! A proposal: forward, back, forward again, and what must hold before.

use crate::{
    diamond::Cut,
    file::Format,
    inspection::CodeAt,
    upgrade::{Call, StepCall},
};
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Who is asked to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// `account` or `safe`; timelocks and governors come with their own plans.
    #[serde(rename = "type")]
    pub kind: String,
    /// The account the proxy obeys.
    pub address: Address,
}

/// One Safe's hashes, as the hardware wallet shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeHashes {
    /// The Safe.
    pub safe: Address,
    /// Its nonce.
    pub nonce: u64,
    /// EIP-712 domain separator.
    pub domain: B256,
    /// EIP-712 struct hash.
    pub message: B256,
    /// `keccak256(0x1901 ‖ domain ‖ message)`.
    pub safe_tx_hash: B256,
}

/// Something that must hold when the transaction is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Precondition {
    /// The chain id.
    ChainId {
        /// Expected.
        expected: u64,
    },
    /// The implementation slot still holds blue.
    Implementation {
        /// Proxy or beacon.
        holder: Address,
        /// Slot.
        slot: B256,
        /// Bytes of it below the implementation.
        #[serde(default, skip_serializing_if = "is_zero")]
        offset: u8,
        /// Expected.
        expected: Address,
    },
    /// The code at an address.
    CodeHash {
        /// Where.
        address: Address,
        /// Expected.
        expected: B256,
    },
}

fn is_zero(offset: &u8) -> bool {
    *offset == 0
}

/// The evidence a proposal rests on: digests of the reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Of `check.json`.
    pub check: B256,
    /// Of `replay.json`.
    pub replay: B256,
    /// The recording's own digest.
    pub recording: B256,
}

/// The proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The proxy.
    pub proxy: Address,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The implementation to leave, and to return to.
    pub blue: CodeAt,
    /// The implementation to install.
    pub green: CodeAt,
    /// Proxy or beacon whose slot holds the implementation.
    pub holder: Address,
    /// That slot.
    pub slot: B256,
    /// Bytes of it below the implementation.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u8,
    /// Who acts.
    pub authority: Authority,
    /// The upgrade.
    pub forward: Call,
    /// The way back.
    pub back: Call,
    /// The upgrade again after a way back (initializers must not run twice).
    pub forward_again: Call,
    /// The calls after `forward`, for proxies that need several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_then: Vec<StepCall>,
    /// The calls after `back`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back_then: Vec<StepCall>,
    /// The calls after `forward_again`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_again_then: Vec<StepCall>,
    /// What happens to a diamond's functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// What to do, in order, in words.
    pub steps: Vec<String>,
    /// For a Safe: the hashes of each call.
    pub hashes: Vec<SafeHashes>,
    /// What executing a Safe's three transactions with its owners' approvals showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executed: Option<String>,
    /// What must hold.
    pub preconditions: Vec<Precondition>,
    /// What it rests on.
    pub evidence: Evidence,
    /// Block number after which it must be made again.
    pub expires: u64,
}

impl Proposal {
    /// The most blocks a proposal may last: a month of the fastest chains.
    pub const MOST_BLOCKS: u64 = 10_000_000;
}

impl Format for Proposal {
    const FORMAT: &'static str = "cutover/proposal";
    const VERSION: u32 = 1;
    const FILE: &'static str = "proposal.json";
}

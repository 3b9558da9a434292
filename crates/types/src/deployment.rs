//! Where the candidate was deployed, and that its code is the one that was checked.

use crate::{code::Fingerprint, diamond::Functions, file::Format};
use alloy_json_abi::JsonAbi;
use alloy_primitives::{Address, B256, Bytes, address};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The deterministic deployer that is at this address on most chains: calldata is `salt ‖ init code`.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// The transaction that deploys, kept so that a resume sends the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployTransaction {
    /// Transaction hash.
    pub hash: B256,
    /// Sender.
    pub from: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Signed bytes.
    pub raw: Bytes,
}

/// The report of `cutover deploy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The reference that was deployed.
    pub reference: String,
    /// `Source.sol:Contract`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The CREATE2 address: it commits to the init code.
    pub address: Address,
    /// CREATE2 salt.
    pub salt: B256,
    /// Keccak-256 of the init code.
    pub init_code_hash: B256,
    /// Keccak-256 of the code on the chain; zero until it is there.
    pub code_hash: B256,
    /// What the compiler's build is recognised by.
    pub build: Fingerprint,
    /// Whether the code on the chain is the compiler's, immutables aside.
    pub verified: bool,
    /// The functions of its ABI.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: Functions,
    /// Its ABI: `replay` names functions, errors and events by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<JsonAbi>,
    /// The transaction; `None` when the code was already there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<DeployTransaction>,
}

impl Format for Deployment {
    const FORMAT: &'static str = "cutover/deploy";
    const VERSION: u32 = 1;
    const FILE: &'static str = "deploy.json";
}

//! What `inspect` finds: the kind, how to upgrade it, who can, and the way back.

use crate::{file::Format, upgrade::UpgradePath};
use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// The kinds of proxy Cutover can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ProxyKind {
    /// OpenZeppelin transparent proxy, 3.x and 4.x.
    #[serde(rename = "transparent")]
    Transparent,
    /// OpenZeppelin transparent proxy, 5.x: the admin is an immutable ProxyAdmin.
    #[serde(rename = "transparent-v5")]
    TransparentV5,
    /// UUPS, OpenZeppelin 4.5 to 4.9 (`proxiableUUID` and `upgradeTo`).
    #[serde(rename = "uups-v45-49")]
    UupsV45,
    /// UUPS, OpenZeppelin 5.x (only `upgradeToAndCall`).
    #[serde(rename = "uups-v5")]
    UupsV5,
    /// Beacon proxy: the implementation is the beacon's.
    #[serde(rename = "beacon-proxy")]
    BeaconProxy,
    /// zos `AdminUpgradeabilityProxy` (USDC, BUSD, PYUSD).
    #[serde(rename = "zos-admin")]
    ZosAdmin,
    /// Forwards by delegate call, but how it is upgraded is not known.
    #[serde(rename = "unknown")]
    Unknown,
}

/// Where the implementation address stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In a slot of the proxy (or of its beacon).
    Slot(B256),
    /// In the proxy's code.
    Code,
    /// Answered by a call to another contract.
    Call(Address),
}

/// A contract with its code hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeAt {
    /// Where.
    pub address: Address,
    /// Keccak-256 of its runtime code.
    pub code_hash: B256,
}

/// The proxy itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyFacts {
    /// Its kind.
    pub kind: ProxyKind,
    /// What it runs.
    pub implementation: CodeAt,
    /// Where that is written.
    #[serde(rename = "where")]
    pub location: Location,
    /// The admin, for kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Address>,
    /// The beacon, for beacon proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<Address>,
    /// Signs that point at another kind or implementation.
    pub conflicts: Vec<String>,
}

/// The call that upgrades it, and whether it was executed to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeFacts {
    /// The function's name.
    pub verb: String,
    /// Who sends it; the zero address, unproven, when that is not known.
    pub from: Address,
    /// To which contract.
    pub to: Address,
    /// Calldata that upgrades to the current implementation.
    pub data: Bytes,
    /// Whether executing it succeeded and left the slot right.
    pub proven: bool,
    /// Why it could not be proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The path, to make the call for any candidate.
    pub path: UpgradePath,
}

/// Someone in the controller tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// Address.
    pub address: Address,
    /// `eoa`, `proxy-admin`, `ownable`, `safe`, `beacon`, `contract`, `renounced`…
    #[serde(rename = "type")]
    pub kind: String,
    /// Signatures needed, for multisigs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u64>,
    /// Enforced delay in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u64>,
    /// Who controls it in turn.
    pub members: Vec<Controller>,
    /// Whether a simulated upgrade from here succeeded.
    pub proven: bool,
}

/// Whether the way back is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Possible {
    /// Executed and seen.
    Yes,
    /// Executed and refused.
    No,
    /// Not executed.
    Unknown,
}

/// The way back to today's implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackFacts {
    /// Whether it is open.
    pub possible: Possible,
    /// Calldata that returns to today's implementation.
    pub data: Bytes,
    /// Why not, or why unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An implementation the proxy ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The implementation.
    pub implementation: Address,
    /// Block it was installed in.
    pub block: u64,
    /// The transaction that did it.
    pub transaction: B256,
}

/// A block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockId {
    /// Number.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// The report of `cutover inspect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Who was asked about.
    pub address: Address,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// At which block.
    pub block: BlockId,
    /// `None`: it is not a proxy.
    pub proxy: Option<ProxyFacts>,
    /// `None` when it is no proxy or nobody can upgrade it.
    pub upgrade: Option<UpgradeFacts>,
    /// The tree of who can.
    pub controllers: Vec<Controller>,
    /// The way back.
    pub rollback: Option<RollbackFacts>,
    /// Former implementations, newest last.
    pub history: Vec<HistoryEntry>,
    /// Why it is no proxy, what could not be looked at, and what was assumed.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Format for Inspection {
    const FORMAT: &'static str = "cutover/inspect";
    const VERSION: u32 = 1;
    const FILE: &'static str = "inspect.json";
}

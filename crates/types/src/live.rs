//! What the proxy's own chain shows of an upgrade: the code that runs, the values that are stored.

use crate::inspection::{BlockId, ProxyKind};
use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// The live contract next to what is going to be done to it, at one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveContract {
    /// The proxy.
    pub proxy: Address,
    /// Its kind, as `inspect` found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProxyKind>,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Everything was read at this block.
    pub block: BlockId,
    /// The beacon that names the implementation, for beacon proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<Address>,
    /// The code the proxy runs, held against blue's build.
    pub code: LiveCode,
    /// The version the proxy's initializers have reached, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialized: Option<Initialized>,
    /// Values stored now, as blue and as green read them: changed ones first, then by place.
    pub values: Vec<LiveValue>,
    /// Values left out of `values` because there are too many.
    #[serde(default)]
    pub omitted: u64,
    /// The recording that mapping keys and writes come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<LiveRecording>,
    /// Slots the recorded transactions wrote and neither layout explains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexplained: Vec<UnexplainedWrite>,
    /// What was not read, and why; none of it is assumed to be zero.
    #[serde(default)]
    pub not_read: Vec<String>,
}

/// How much of the code that runs is blue's build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeMatch {
    /// Every byte, immutables and library addresses aside.
    Exact,
    /// Every byte but those and the metadata at its end.
    OtherMetadata,
    /// It is another code.
    Different,
    /// Blue has no code to compare with.
    NotCompared,
}

/// The code that runs, held against blue's build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCode {
    /// The implementation.
    pub address: Address,
    /// Keccak-256 of its code.
    pub code_hash: B256,
    /// Its length in bytes.
    pub size: u64,
    /// The length of blue's build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_size: Option<u64>,
    /// The answer.
    #[serde(rename = "match")]
    pub matched: CodeMatch,
    /// The first byte that differs, immutables, libraries and metadata aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<u64>,
    /// How many bytes differ so, those behind the end of the shorter one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differing_bytes: Option<u64>,
    /// The compiler its metadata names, `0.8.28`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// The compiler of blue's build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_compiler: Option<String>,
    /// What its immutables hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub immutables: Vec<LiveImmutable>,
    /// Libraries it is linked with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<LinkedLibrary>,
}

/// An immutable of the code that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveImmutable {
    /// Where in the code, first place.
    pub offset: u64,
    /// Its bytes.
    pub value: Bytes,
}

/// A library the code is linked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedLibrary {
    /// Where in the code, first place.
    pub offset: u64,
    /// Its address.
    pub address: Address,
}

/// How far the proxy's initializers have come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initialized {
    /// The variable that counts them for blue.
    pub variable: String,
    /// Where it is.
    pub slot: B256,
    /// The version stored; 0 is not initialised. `None` when the node did not give it.
    pub version: Option<u64>,
    /// The version green reads in its own place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<u64>,
}

/// One stored value, as both read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveValue {
    /// The variable, with keys and members: `accounts[0x…].balance`.
    pub variable: String,
    /// Its type, blue's unless only green has it.
    #[serde(rename = "type")]
    pub type_label: String,
    /// Where it is for blue, or for green when only green has it.
    pub slot: B256,
    /// Byte offset in the slot.
    pub offset: u64,
    /// What blue reads; absent when blue has no such variable or it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue: Option<String>,
    /// Why `blue` is absent although blue has the variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_not_read: Option<String>,
    /// What green reads in its place; absent when green reads nothing there or it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<String>,
    /// Why `green` is absent although green has something in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green_not_read: Option<String>,
    /// Green's variable, where it has another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green_variable: Option<String>,
    /// Whether green reads another value than blue, or a new variable begins with one.
    pub changed: bool,
}

/// The recording that keys and writes come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRecording {
    /// Its digest.
    pub digest: B256,
    /// Transactions executed again.
    pub transactions: u64,
    /// Mapping entries and array elements seen in them.
    pub entries: u64,
    /// Slots of the proxy they wrote.
    pub written: u64,
}

/// A slot of the proxy that was written and that neither layout explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnexplainedWrite {
    /// The slot.
    pub slot: B256,
    /// The first transaction that wrote it.
    pub transaction: B256,
    /// What it holds now, where that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<B256>,
    /// Whether the code of green names this slot too.
    pub in_green: bool,
}

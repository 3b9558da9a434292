//! What every file of a run folder says of itself.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// A file format of Cutover.
pub trait Format: Serialize + DeserializeOwned {
    /// Its name, such as `cutover/check`.
    const FORMAT: &'static str;
    /// Its version; a reader refuses others.
    const VERSION: u32;
    /// Its usual file name in the run folder.
    const FILE: &'static str;
}

/// A digest of something a file was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Keccak-256 of the input's canonical form or bytes.
    pub digest: B256,
    /// The file in the run folder it came from, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Inputs by name (`recording`, `check`, `green`…).
pub type Inputs = BTreeMap<String, Input>;

/// A value in its file: `{format, version, inputs, …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// [`Format::FORMAT`].
    pub format: String,
    /// [`Format::VERSION`].
    pub version: u32,
    /// The version of the tool that wrote it.
    pub tool_version: String,
    /// Digests of what it was computed from.
    #[serde(default)]
    pub inputs: Inputs,
    /// The value itself.
    #[serde(flatten)]
    pub content: T,
}

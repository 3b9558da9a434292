//! What to replay, and how.

use alloy_json_abi::JsonAbi;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, address, keccak256};
use cutover_chain::Node;
use cutover_types::{
    StorageLayout, UpgradePath,
    diamond::Cut,
    replay::{DifferenceKind, EngineName, Mode},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The factory most chains have (`arachnid/deterministic-deployment-proxy`): what a CREATE2
/// deployment of green will go through.
pub const DETERMINISTIC_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// The candidate's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GreenCode {
    /// Runtime code, placed as it is.
    Runtime(Bytes),
    /// Creation code with its constructor arguments, run at green's address.
    Creation(Bytes),
}

impl GreenCode {
    /// The address green gets when the user names none: for creation code the one CREATE2 with salt
    /// zero will give it, otherwise one derived from the code.
    pub fn default_address(&self) -> Address {
        match self {
            Self::Creation(code) => {
                DETERMINISTIC_DEPLOYER.create2_from_code(B256::ZERO, code.as_ref())
            }
            Self::Runtime(code) => {
                let mut seed = b"cutover green".to_vec();
                seed.extend_from_slice(keccak256(code).as_slice());
                Address::from_word(keccak256(seed))
            }
        }
    }
}

/// The candidate and what is known about it.
#[derive(Clone, Debug)]
pub struct Green {
    /// Where it is, or will be.
    pub address: Address,
    /// Its code.
    pub code: GreenCode,
    /// Calldata the upgrade runs on the proxy; empty for none.
    pub initializer: Bytes,
    /// Names functions, events and errors.
    pub abi: Option<JsonAbi>,
    /// Names green's storage.
    pub layout: Option<StorageLayout>,
    /// Names blue's storage.
    pub blue_layout: Option<StorageLayout>,
}

/// A difference somebody expects, from `cutover.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRule {
    /// Only in calls of this function of the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<FixedBytes<4>>,
    /// Only this kind of difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<DifferenceKind>,
    /// Only here; a `*` at the end stands for anything.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Why it is expected: shown to the signer.
    pub reason: String,
}

/// How to replay.
#[derive(Clone)]
pub struct Options {
    /// Which engine executes.
    pub engine: EngineName,
    /// How state carries over.
    pub mode: Mode,
    /// Blocks at a time; for anvil, forks at a time.
    pub jobs: usize,
    /// `(k, n)`: only the k-th of n parts of the transactions, from 1.
    pub partition: Option<(u64, u64)>,
    /// An archive node, for state only green reads.
    pub node: Option<Node>,
    /// The anvil program; found on its own when absent.
    pub anvil: Option<PathBuf>,
    /// How the proxy is upgraded, where the recording does not say or is wrong.
    pub upgrade: Option<UpgradePath>,
    /// What `upgrade` does to a diamond's functions: kept in the report.
    pub cut: Option<Cut>,
    /// Differences that are meant.
    pub expected: Vec<ExpectedRule>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: EngineName::Revm,
            mode: Mode::Isolated,
            jobs: 1,
            partition: None,
            node: None,
            anvil: None,
            upgrade: None,
            cut: None,
            expected: Vec::new(),
        }
    }
}

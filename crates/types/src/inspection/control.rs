//! Who stands behind an upgrade, and what it takes them.

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What someone in the controller tree can do to the one above.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Presses {
    /// Makes it act without anyone else.
    #[default]
    Alone,
    /// Counts towards the threshold of the one above.
    Together,
    /// Starts what another has to finish, such as a timelock's proposer.
    Starts,
    /// Finishes what another started, such as a timelock's executor.
    Finishes,
    /// Cannot: a canceller, a guard, a fallback handler.
    No,
    /// Whether it can is not known.
    Unknown,
}

/// Someone in the controller tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// Address.
    pub address: Address,
    /// `eoa`, `proxy-admin`, `ownable`, `safe`, `beacon`, `contract`, `renounced`…
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is to the one above: `owner`, `proposer`, `module`, `pending owner`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it can do to the one above.
    #[serde(default)]
    pub presses: Presses,
    /// Signatures needed, for multisigs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u64>,
    /// Enforced delay in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u64>,
    /// Seconds the one above makes this one wait; none when it acts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
    /// What else is known of it: version, voting period, guardian…
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// What could not be told, and what to mind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why there may be others who can make it act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// It stands elsewhere in the tree, with its members there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// Who controls it in turn.
    pub members: Vec<Controller>,
    /// Whether a simulated upgrade from here succeeded.
    pub proven: bool,
    /// Why it is only claimed: what was executed and how it failed, or why nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What an upgrade takes: the least wait, the fewest keys, and every path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// The least wait that is enforced on any path, in seconds; `None` when no path could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u64>,
    /// The fewest keys that can do it: zero is anyone, `None` when no path could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewest_signers: Option<u64>,
    /// Whether everything was told. Otherwise a path that is not known may wait less and take fewer.
    pub complete: bool,
    /// Every path, the quickest first.
    pub paths: Vec<PowerPath>,
    /// Every path that skips a timelock another path waits for, in words.
    pub bypasses: Vec<String>,
    /// What could not be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// One way to make the upgrade happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerPath {
    /// The path in words, from who acts to what is upgraded.
    pub words: String,
    /// Who it goes through, from who acts to what is upgraded.
    pub route: Vec<Address>,
    /// The fewest keys it takes; `None` when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signers: Option<u64>,
    /// Seconds it waits at least.
    pub delay_seconds: u64,
    /// Whether executing it upgraded the proxy.
    pub proven: bool,
    /// Timelocks that other paths wait for and this one does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skips: Vec<Address>,
}

impl PowerPath {
    /// Whether executing it upgraded the proxy, and it takes nobody's key.
    pub fn is_open(&self) -> bool {
        self.proven && self.signers == Some(0)
    }

    /// How anyone can, in words, where it is open.
    pub fn how_anyone_can(&self) -> Option<String> {
        let wait = match self.delay_seconds {
            0 => "at once".to_owned(),
            seconds => format!("after {seconds} s"),
        };
        let words = || format!("without any key, {wait}: {}", self.words);
        self.is_open().then(words)
    }
}

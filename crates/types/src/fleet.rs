//! Many proxies at once: what each of them is, and how many are alike.

use crate::inspection::{BlockId, CodeAt, Inspection, Location, ProxyKind};
use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

/// What could be said of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FleetAnswer {
    /// It is a proxy.
    Proxy,
    /// It is none.
    NotAProxy,
    /// Something that decides it could not be read.
    CouldNotTell,
}

/// Who can upgrade where no key of somebody's is needed, or none suffices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upgrader {
    /// Anyone.
    Anyone,
    /// Nobody: it is closed, which is not that nobody was found.
    Nobody,
}

/// One address of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetMember {
    /// Address.
    pub address: Address,
    /// The chain.
    pub chain_id: u64,
    /// At which block.
    pub block: BlockId,
    /// What could be said of it.
    pub answer: FleetAnswer,
    /// Its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProxyKind>,
    /// What it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<CodeAt>,
    /// Where that is written.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Whom it obeys: the beacon, the admin, or who may call its upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<Address>,
    /// Whether an upgrade was executed from there to find out.
    #[serde(default)]
    pub proven: bool,
    /// Whether anyone can upgrade it, or nobody, as far as that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrader: Option<Upgrader>,
    /// The admin, for kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Address>,
    /// The beacon, for beacon proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon: Option<Address>,
    /// Signs that point at another kind or implementation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// Why it is no proxy, or what could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What that amounts to for many addresses: `why` without the address itself.
    #[serde(skip)]
    pub group: Option<String>,
    /// Everything `inspect` says of it, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspection: Option<Box<Inspection>>,
}

/// Addresses that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetGroup {
    /// How many.
    pub count: u64,
    /// What could be said of them.
    pub answer: FleetAnswer,
    /// Their kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProxyKind>,
    /// What they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<Address>,
    /// Whom they obey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<Address>,
    /// Whether anyone can upgrade them, or nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrader: Option<Upgrader>,
    /// Why they are no proxies, or what could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The first of them.
    pub example: Address,
}

/// How many addresses of a fleet are alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetSummary {
    /// Addresses looked at.
    pub addresses: u64,
    /// Proxies among them.
    pub proxies: u64,
    /// Addresses that are none.
    pub not_proxies: u64,
    /// Addresses of which it could not be told.
    pub could_not_tell: u64,
    /// Addresses that were named by a log, and turned out to have nothing to do with it.
    pub dismissed: u64,
    /// The largest first.
    pub groups: Vec<FleetGroup>,
    /// Addresses in groups that are not listed.
    #[serde(default)]
    pub unlisted: u64,
}

//! What the rules are given.

use crate::live::Live;
use alloy_json_abi::JsonAbi;
use alloy_primitives::Bytes;
use cutover_types::{
    Hardfork, ProxyKind, StorageLayout,
    check::CheckedCode,
    code::Fingerprint,
    source::{Index, Sources},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeSet, ops::Range};

/// One of the two contracts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Side<'a> {
    /// The reference the user gave.
    pub reference: &'a str,
    /// `Source.sol:Contract`.
    pub contract: Option<&'a str>,
    /// Its layout.
    pub layout: Option<&'a StorageLayout>,
    /// Its syntax trees.
    pub sources: Option<&'a Sources>,
    /// The definitions in its syntax trees, when they were looked for already.
    pub index: Option<&'a Index<'a>>,
    /// Whether the layout shows namespaces and annotations without syntax trees.
    pub layout_is_whole: bool,
    /// Its interface.
    pub abi: Option<&'a JsonAbi>,
    /// Its runtime code.
    pub runtime: Option<&'a Bytes>,
    /// The compiler's version, `0.8.28+commit.7893614a`.
    pub compiler: Option<&'a str>,
    /// The EVM version it was compiled for, when the settings name one.
    pub evm_version: Option<&'a str>,
    /// Whether it was compiled through the intermediate representation, when known.
    pub via_ir: Option<bool>,
    /// Whether the optimizer ran, when known.
    pub optimizer: Option<bool>,
    /// Its creation code, without constructor arguments.
    pub creation: Option<&'a Bytes>,
    /// Where immutables sit in the runtime code.
    pub immutables: &'a [Range<usize>],
    /// Runtime code with zeros where libraries have to be linked in, when it cannot run as it is.
    pub template: Option<&'a Bytes>,
    /// Where those zeros are.
    pub links: &'a [Range<usize>],
    /// Libraries its code is linked with or has to be.
    pub libraries: &'a [String],
    /// What could not be loaded and how to get it.
    pub missing: &'a [String],
    /// Why this may not be what was asked for; nothing compared with it is sure then.
    pub doubts: &'a [String],
}

impl<'a> Side<'a> {
    /// Whether namespaces and annotations were seen, if there are any.
    pub(crate) fn shows_namespaces(&self) -> bool {
        self.sources.is_some() || self.layout_is_whole
    }

    /// The definitions in its syntax trees.
    pub(crate) fn index(&self) -> Option<Cow<'a, Index<'a>>> {
        let known = self.index.map(Cow::Borrowed);
        known.or_else(|| Some(Cow::Owned(self.sources?.index())))
    }

    /// Its runtime code, linked or not.
    pub(crate) fn build(&self) -> Option<&'a Bytes> {
        self.runtime.or(self.template)
    }

    /// Whether a byte of its runtime code is filled in later: an immutable or a library's address.
    pub(crate) fn is_masked(&self, at: usize) -> bool {
        let mut masked = self.immutables.iter().chain(self.links);
        masked.any(|range| range.contains(&at))
    }

    /// What the report says of it.
    pub(crate) fn checked(&self) -> CheckedCode {
        let masked = self.immutables.iter().chain(self.links);
        let masked = masked.map(|range| (range.start, range.end));
        CheckedCode {
            reference: self.reference.to_owned(),
            contract: self.contract.unwrap_or_default().to_owned(),
            // Without code there is nothing to recognise: zero, which no code hashes to.
            build: self
                .build()
                .map(|code| Fingerprint::of(code, masked))
                .unwrap_or_default(),
        }
    }
}

/// The kind of proxy green will run behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The admin upgrades.
    Transparent,
    /// The implementation upgrades itself.
    Uups,
    /// A beacon's owner upgrades.
    Beacon,
}

impl Kind {
    /// What a proxy of the chain counts as.
    pub fn of(proxy: ProxyKind) -> Option<Self> {
        match proxy {
            ProxyKind::Transparent | ProxyKind::TransparentV5 | ProxyKind::ZosAdmin => {
                Some(Self::Transparent)
            }
            ProxyKind::UupsV45 | ProxyKind::UupsV5 => Some(Self::Uups),
            ProxyKind::BeaconProxy => Some(Self::Beacon),
            _ => None,
        }
    }

    /// The name it has on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transparent => "transparent",
            Self::Uups => "uups",
            Self::Beacon => "beacon",
        }
    }
}

/// A finding someone accepts in advance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaiverRule {
    /// The rule id.
    pub rule: String,
    /// Only for this contract, `Source.sol:Contract` or `Contract`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Only for this variable or function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Who accepts it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The last day it counts, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// How to check.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The kind of proxy, when known.
    pub kind: Option<Kind>,
    /// Accepted findings.
    pub waivers: Vec<WaiverRule>,
    /// Today, `YYYY-MM-DD`: waivers expire, and the rules have no clock.
    pub today: String,
    /// Safety rules that are switched off, by id.
    pub unsafe_allow: BTreeSet<String>,
    /// What the proxy really runs, when it was looked at.
    pub live: Option<Live>,
    /// The proxy's own code, when it was looked at.
    pub proxy_code: Option<Bytes>,
    /// The rules of the chain the proxy is on, when known.
    pub hardfork: Option<Hardfork>,
    /// Whether a rename without annotation is only a note.
    pub allow_renames: bool,
}

//! What `inspect` finds: the kind, how to upgrade it, who can, and the way back.

mod candidate;
mod control;

pub use candidate::{CandidateFacts, LeftSlot, Obeys, RoundTrip, SentCall};
pub use control::{Controller, Power, PowerPath, Presses};

use crate::{
    diamond::Facet,
    file::Format,
    upgrade::{StepCall, UpgradePath},
};
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
    /// hardhat-deploy's OptimizedTransparentUpgradeableProxy: a transparent proxy whose admin is also in its code.
    #[serde(rename = "hardhat-deploy-transparent")]
    OptimizedTransparent,
    /// hardhat-deploy's EIP173Proxy: the admin slot holds an EIP-173 owner.
    #[serde(rename = "eip173-proxy")]
    Eip173,
    /// zos `OwnedUpgradeabilityProxy`.
    #[serde(rename = "zos-owned")]
    ZosOwned,
    /// TrueUSD's `OwnedUpgradeabilityProxy`, with a pending owner.
    #[serde(rename = "trueusd-style")]
    TrueUsd,
    /// Aave's `InitializableImmutableAdminUpgradeabilityProxy`: the admin is in the code.
    #[serde(rename = "aave-immutable-admin")]
    AaveImmutableAdmin,
    /// UUPS, OpenZeppelin 4.1 to 4.4 (rollback test instead of `proxiableUUID`).
    #[serde(rename = "uups-v41-44")]
    UupsV41,
    /// UUPS of Solady.
    #[serde(rename = "uups-solady")]
    UupsSolady,
    /// EIP-1822, the first UUPS.
    #[serde(rename = "eip1822")]
    Eip1822,
    /// Nomad's upgrade beacon: the beacon is in the code and answers empty calldata.
    #[serde(rename = "nomad-upgrade-beacon")]
    NomadUpgradeBeacon,
    /// ERC-7760 transparent proxy of Solady's ERC1967Factory.
    #[serde(rename = "erc7760-transparent")]
    Erc7760Transparent,
    /// ERC-7760 minimal proxy whose implementation upgrades it.
    #[serde(rename = "erc7760-uups")]
    Erc7760Uups,
    /// ERC-7760 minimal beacon proxy.
    #[serde(rename = "erc7760-beacon")]
    Erc7760Beacon,
    /// Optimism's `Proxy.sol`.
    #[serde(rename = "optimism-proxy")]
    OptimismProxy,
    /// Optimism's `L1ChugSplashProxy`.
    #[serde(rename = "l1-chugsplash")]
    L1ChugSplash,
    /// Optimism's `ResolvedDelegateProxy`: a name in an address manager.
    #[serde(rename = "resolved-delegate")]
    ResolvedDelegate,
    /// Arbitrum's admin fallback proxy with two implementations.
    #[serde(rename = "arbitrum-double-logic")]
    ArbitrumDoubleLogic,
    /// The Graph's two-step `GraphProxy`.
    #[serde(rename = "graph-proxy")]
    GraphProxy,
    /// Keep's delegate proxy with a delay of its own.
    #[serde(rename = "keep-timelock")]
    KeepTimelock,
    /// Celo's `Proxy`.
    #[serde(rename = "celo-proxy")]
    CeloProxy,
    /// Lido's `OssifiableProxy`.
    #[serde(rename = "ossifiable")]
    Ossifiable,
    /// Axelar's `Proxy` and `InitProxy`.
    #[serde(rename = "axelar-proxy")]
    AxelarProxy,
    /// Axelar's `FixedProxy`, immutable.
    #[serde(rename = "axelar-fixed")]
    AxelarFixed,
    /// Axelar's `FinalProxy`.
    #[serde(rename = "axelar-final")]
    AxelarFinal,
    /// Axelar's gateway proxy.
    #[serde(rename = "axelar-gateway")]
    AxelarGateway,
    /// Polygon's `UpgradableProxy`.
    #[serde(rename = "polygon-upgradable")]
    PolygonUpgradable,
    /// Polygon plasma's ERC-897 owned proxy.
    #[serde(rename = "eip897-owned")]
    Eip897Owned,
    /// StarkWare's proxy with a delay of its own.
    #[serde(rename = "starkware")]
    StarkWare,
    /// Compound's two-step `Unitroller`.
    #[serde(rename = "compound-unitroller")]
    CompoundUnitroller,
    /// Compound's `CErc20Delegator`.
    #[serde(rename = "compound-delegator")]
    CompoundDelegator,
    /// Compound's `GovernorBravoDelegator`.
    #[serde(rename = "compound-governor-delegator")]
    CompoundGovernorDelegator,
    /// Aragon's `AppProxyUpgradeable`: the kernel answers.
    #[serde(rename = "aragon-app")]
    AragonApp,
    /// Aragon's `AppProxyPinned`, immutable.
    #[serde(rename = "aragon-app-pinned")]
    AragonAppPinned,
    /// Aragon's `KernelProxy`.
    #[serde(rename = "aragon-kernel")]
    AragonKernel,
    /// A Safe's proxy: the singleton stands in slot 0.
    #[serde(rename = "safe-proxy")]
    SafeProxy,
    /// Sequence's wallet: the implementation stands in the slot of its own address.
    #[serde(rename = "sequence-wallet")]
    SequenceWallet,
    /// An EIP-2535 diamond: one facet for each selector.
    #[serde(rename = "diamond-2535")]
    Diamond,
    /// ZKsync's diamond.
    #[serde(rename = "diamond-zksync")]
    DiamondZkSync,
    /// 0x's exchange proxy, with a rollback of its own for each selector.
    #[serde(rename = "zeroex")]
    ZeroEx,
    /// ERC-1538, the diamond's forerunner.
    #[serde(rename = "erc1538")]
    Erc1538,
    /// Synthetix' `Proxy`: forwards by CALL.
    #[serde(rename = "synthetix-call-proxy")]
    SynthetixCallProxy,
    /// Chainlink's two-step aggregator proxy: forwards by CALL.
    #[serde(rename = "chainlink-aggregator")]
    ChainlinkAggregator,
    /// POA's eternal storage proxy: each upgrade has a higher version number.
    #[serde(rename = "eternal-storage")]
    EternalStorage,
    /// OpenSea's `OwnableDelegateProxy`.
    #[serde(rename = "opensea-owned")]
    OpenSeaOwned,
    /// Decentraland's `Proxy` over `DelegateProxy`.
    #[serde(rename = "decentraland-storage-delegate")]
    DecentralandStorage,
    /// ERC-7546: a dictionary answers for each selector.
    #[serde(rename = "erc7546")]
    Erc7546,
    /// ERC-7936 (draft): several versions, one the default.
    #[serde(rename = "erc7936")]
    Erc7936,
    /// An account whose key delegates it (EIP-7702).
    #[serde(rename = "eip7702")]
    Eip7702,
    /// EIP-7702 delegation to a proxy that keeps its implementation in the account.
    #[serde(rename = "eip7702-relay")]
    Eip7702Relay,
    /// Forwards to an address that shares its slot with other values; how it is upgraded is its own.
    #[serde(rename = "custom-packed-slot")]
    PackedSlot,
    /// Forwards to an address in its code that is no clone's; immutable.
    #[serde(rename = "library-constant")]
    LibraryConstant,
    /// ERC-1167 minimal proxy, immutable.
    #[serde(rename = "eip1167")]
    Eip1167,
    /// A minimal proxy with immutable arguments after its code (OpenZeppelin 5, Solady, wighawag).
    #[serde(rename = "clone-with-args")]
    CloneWithArgs,
    /// 0age's shorter minimal proxy.
    #[serde(rename = "clone-0age")]
    Clone0age,
    /// Minimal proxy with PUSH0.
    #[serde(rename = "clone-push0")]
    ClonePush0,
    /// Vyper's `create_minimal_proxy_to`, old and new.
    #[serde(rename = "clone-vyper")]
    CloneVyper,
    /// Clone with immutable arguments that are appended to the calldata.
    #[serde(rename = "clone-cwia")]
    CloneCwia,
    /// ERC-3448 metaproxy.
    #[serde(rename = "erc3448")]
    Erc3448,
    /// ERC-6551 token-bound account.
    #[serde(rename = "erc6551")]
    Erc6551,
    /// Forwards by delegate call, but how it is upgraded is not known.
    #[serde(rename = "unknown")]
    Unknown,
}

/// Where the implementation address stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Location {
    /// In a slot of the proxy (or of its beacon).
    Slot(B256),
    /// In a slot that it shares with other values, so many bytes from the lowest.
    Packed {
        /// The slot.
        slot: B256,
        /// Bytes below the address, as in a storage layout.
        offset: u8,
    },
    /// In the proxy's code.
    Code,
    /// Answered by a call to another contract.
    Call(Address),
}

impl Location {
    /// The slot, shared or not.
    pub fn slot(&self) -> Option<B256> {
        match self {
            Self::Slot(slot) | Self::Packed { slot, .. } => Some(*slot),
            Self::Code | Self::Call(_) => None,
        }
    }
}

/// A location as it stands in the file: a shared slot is a slot with an offset.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Slot {
        slot: B256,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<u8>,
    },
    Call {
        call: Address,
    },
    Word(Word),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Code,
}

impl From<Location> for Written {
    fn from(location: Location) -> Self {
        match location {
            Location::Slot(slot) => Self::Slot { slot, offset: None },
            Location::Packed { slot, offset } => Self::Slot {
                slot,
                offset: Some(offset),
            },
            Location::Code => Self::Word(Word::Code),
            Location::Call(call) => Self::Call { call },
        }
    }
}

impl From<Written> for Location {
    fn from(written: Written) -> Self {
        match written {
            Written::Slot { slot, offset: None } => Self::Slot(slot),
            Written::Slot {
                slot,
                offset: Some(offset),
            } => Self::Packed { slot, offset },
            Written::Call { call } => Self::Call(call),
            Written::Word(Word::Code) => Self::Code,
        }
    }
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
    /// Who answers what, for kinds that have one implementation for each selector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<Facet>,
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
    /// The calls that follow, for kinds that need several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<StepCall>,
    /// The path, to make the call for any candidate.
    pub path: UpgradePath,
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
    /// The transaction that did it; not known when it was found by looking at the state of blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// What tells.
    #[serde(default)]
    pub found: HistorySource,
}

/// What tells of a former implementation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HistorySource {
    /// An event.
    #[default]
    Event,
    /// A search of the state over blocks: what was installed and replaced between two blocks that were
    /// looked at is not in it.
    Search,
}

/// A block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockId {
    /// Number.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// Whether the state that decides was held against the block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HeaderProof {
    /// Merkle proofs of it lead to the header's state root.
    Checked,
    /// The node gives no proofs, or the chain has none of this kind.
    NotGiven,
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
    /// What an upgrade takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// The way back.
    pub rollback: Option<RollbackFacts>,
    /// Former implementations, newest last.
    pub history: Vec<HistoryEntry>,
    /// Whether the node's word on the proxy's code and its implementation was proven; `None` where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_proof: Option<HeaderProof>,
    /// Forward, back and forward again with the candidate that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateFacts>,
    /// Why it is no proxy, what could not be looked at, and what was assumed.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Inspection {
    /// What whoever upgrades has to know: that anyone else can, too.
    pub fn warnings(&self) -> Vec<String> {
        let paths = self.power.iter().flat_map(|power| &power.paths);
        paths
            .filter_map(PowerPath::how_anyone_can)
            .map(|how| format!("anyone can upgrade this proxy {how}"))
            .collect()
    }
}

impl Format for Inspection {
    const FORMAT: &'static str = "cutover/inspect";
    const VERSION: u32 = 1;
    const FILE: &'static str = "inspect.json";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_slot_is_written_as_a_slot_with_an_offset() {
        let slot = B256::with_last_byte(6);
        let cases = [
            (Location::Slot(slot), format!(r#"{{"slot":"{slot}"}}"#)),
            (
                Location::Packed { slot, offset: 1 },
                format!(r#"{{"slot":"{slot}","offset":1}}"#),
            ),
            (Location::Code, r#""code""#.into()),
            (
                Location::Call(Address::ZERO),
                format!(r#"{{"call":"{:?}"}}"#, Address::ZERO),
            ),
        ];
        for (location, text) in cases {
            assert_eq!(serde_json::to_string(&location).unwrap(), text);
            assert_eq!(serde_json::from_str::<Location>(&text).unwrap(), location);
        }
    }
}

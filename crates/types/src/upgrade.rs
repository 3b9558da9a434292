//! The upgrade call of each kind of proxy.

use crate::abi::{IBeacon, IProxy, IProxyAdmin};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use serde::{Deserialize, Serialize};

/// A call: what a proposal carries and a signer sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Target.
    pub to: Address,
    /// Wei.
    #[serde(with = "crate::json::quantity")]
    pub value: U256,
    /// Calldata.
    pub data: Bytes,
    /// 0 call, 1 delegate call (Safe's `Enum.Operation`).
    pub operation: u8,
}

impl Call {
    /// A plain call without value.
    pub fn new(to: Address, data: impl Into<Bytes>) -> Self {
        Self {
            to,
            value: U256::ZERO,
            data: data.into(),
            operation: 0,
        }
    }
}

/// The function that points a proxy at another implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Verb {
    /// `ProxyAdmin.upgrade(proxy, implementation)`, OpenZeppelin up to 4.x.
    #[serde(rename = "ProxyAdmin.upgrade")]
    AdminUpgrade,
    /// `ProxyAdmin.upgradeAndCall(proxy, implementation, data)`, the only form of 5.x.
    #[serde(rename = "ProxyAdmin.upgradeAndCall")]
    AdminUpgradeAndCall,
    /// `upgradeTo(implementation)` on the proxy.
    #[serde(rename = "upgradeTo")]
    UpgradeTo,
    /// `upgradeToAndCall(implementation, data)` on the proxy.
    #[serde(rename = "upgradeToAndCall")]
    UpgradeToAndCall,
    /// `upgradeTo(implementation)` on the beacon: moves every proxy of that beacon.
    #[serde(rename = "beacon.upgradeTo")]
    BeaconUpgradeTo,
}

impl Verb {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::AdminUpgrade => "ProxyAdmin.upgrade",
            Self::AdminUpgradeAndCall => "ProxyAdmin.upgradeAndCall",
            Self::UpgradeTo => "upgradeTo",
            Self::UpgradeToAndCall => "upgradeToAndCall",
            Self::BeaconUpgradeTo => "beacon.upgradeTo",
        }
    }
}

/// How a proxy is upgraded: which call, sent by whom, to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradePath {
    /// The proxy; for a beacon kind, the proxy that was asked about.
    pub proxy: Address,
    /// The function when no initializer data is sent.
    pub verb: Verb,
    /// The function when initializer data is sent, if the kind has one.
    pub verb_with_data: Option<Verb>,
    /// The account the proxy obeys: the sender of the call.
    pub from: Address,
    /// The contract that receives the call: proxy, ProxyAdmin or beacon.
    pub to: Address,
    /// The account whose slot holds the implementation: the proxy or its beacon.
    pub holder: Address,
    /// The slot in `holder` that must hold the new implementation afterwards.
    pub slot: alloy_primitives::B256,
}

impl UpgradePath {
    /// The call that installs `implementation` and then runs `data` on the proxy.
    /// `None` when `data` is not empty and the kind cannot carry it.
    pub fn call(&self, implementation: Address, data: &Bytes) -> Option<Call> {
        let verb = if data.is_empty() {
            self.verb
        } else {
            self.verb_with_data?
        };
        let calldata = match verb {
            Verb::AdminUpgrade => IProxyAdmin::upgradeCall {
                proxy: self.proxy,
                implementation,
            }
            .abi_encode(),
            Verb::AdminUpgradeAndCall => IProxyAdmin::upgradeAndCallCall {
                proxy: self.proxy,
                implementation,
                data: data.clone(),
            }
            .abi_encode(),
            Verb::UpgradeTo => IProxy::upgradeToCall {
                newImplementation: implementation,
            }
            .abi_encode(),
            Verb::UpgradeToAndCall => IProxy::upgradeToAndCallCall {
                newImplementation: implementation,
                data: data.clone(),
            }
            .abi_encode(),
            Verb::BeaconUpgradeTo => IBeacon::upgradeToCall {
                newImplementation: implementation,
            }
            .abi_encode(),
        };
        Some(Call::new(self.to, calldata))
    }
}

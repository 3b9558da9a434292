//! The upgrade call of each kind of proxy.

pub mod batch;
pub mod safe;
mod step;

pub use step::{Argument, Receiver, StepCall, UpgradeStep};

use crate::{
    abi::{IBeacon, IProxy, IProxyAdmin},
    inspection::CodeAt,
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use serde::{Deserialize, Serialize};

/// A call: what a proposal carries and a signer sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Described by [`UpgradePath::steps`].
    #[serde(rename = "steps")]
    Steps,
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
            Self::Steps => "steps",
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
    /// Bytes of that slot below the implementation, where it shares the slot with other values.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u8,
    /// The calls, in order, when the verb is [`Verb::Steps`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<UpgradeStep>,
    /// The calls that also run an initializer, when `verb_with_data` is [`Verb::Steps`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps_with_data: Vec<UpgradeStep>,
    /// The calls that return to the implementation that ran when the path was found, where those of
    /// `steps` do not: see [`Self::back`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps_back: Vec<UpgradeStep>,
    /// The calls that install the implementation once more after the way back, where those of `steps`
    /// do not: see [`Self::again`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps_again: Vec<UpgradeStep>,
}

fn is_zero(offset: &u8) -> bool {
    *offset == 0
}

impl UpgradePath {
    /// A path of one call to the proxy, which writes `slot` of the proxy; its sender is not known yet.
    pub fn one_call(
        proxy: Address,
        slot: alloy_primitives::B256,
        verb: Verb,
        verb_with_data: Option<Verb>,
    ) -> Self {
        Self {
            proxy,
            verb,
            verb_with_data,
            from: Address::ZERO,
            to: proxy,
            holder: proxy,
            slot,
            offset: 0,
            steps: Vec::new(),
            steps_with_data: Vec::new(),
            steps_back: Vec::new(),
            steps_again: Vec::new(),
        }
    }

    /// A path of `steps`; the first names sender and receiver.
    pub fn of(proxy: Address, slot: alloy_primitives::B256, steps: Vec<UpgradeStep>) -> Self {
        let first = steps.first();
        let to = first.map(|step| match step.to {
            Receiver::Contract(to) => to,
            Receiver::Implementation => proxy,
        });
        let with_data = steps.iter().any(UpgradeStep::carries_data);
        Self {
            from: first.map(|step| step.from).unwrap_or_default(),
            to: to.unwrap_or(proxy),
            steps,
            ..Self::one_call(proxy, slot, Verb::Steps, with_data.then_some(Verb::Steps))
        }
    }

    /// The path that returns to the implementation that ran when this one was found: the same one,
    /// unless the kind goes back by other calls.
    pub fn back(&self) -> Self {
        self.with(&self.steps_back)
    }

    /// The path that installs an implementation once more after [`Self::back`].
    pub fn again(&self) -> Self {
        self.with(&self.steps_again)
    }

    fn with(&self, steps: &[UpgradeStep]) -> Self {
        if steps.is_empty() {
            return self.clone();
        }
        Self {
            offset: self.offset,
            ..Self::of(self.proxy, self.slot, steps.to_vec()).held_by(self.holder)
        }
    }

    /// The same path for a kind that keeps its implementation in a slot of `holder`.
    pub fn held_by(mut self, holder: Address) -> Self {
        self.holder = holder;
        self
    }

    /// The same path, sent by `from`.
    pub fn sent_by(mut self, from: Address) -> Self {
        let others = self
            .steps_with_data
            .iter_mut()
            .chain(&mut self.steps_back)
            .chain(&mut self.steps_again);
        for step in self.steps.iter_mut().chain(others) {
            step.from = from;
        }
        self.from = from;
        self
    }

    /// The name of what is called, for reports: `upgradeTo`, `_setPendingImplementation, _become`.
    pub fn name(&self) -> String {
        if self.verb != Verb::Steps {
            return self.verb.name().into();
        }
        let names: Vec<_> = self.steps.iter().map(UpgradeStep::name).collect();
        names.join(", ")
    }

    /// The calls that install `implementation` and run `data` on the proxy, in order.
    /// `None` when `data` is not empty and the kind cannot carry it.
    pub fn calls(&self, implementation: &CodeAt, data: &Bytes) -> Option<Vec<StepCall>> {
        let verb = if data.is_empty() {
            self.verb
        } else {
            self.verb_with_data?
        };
        if verb != Verb::Steps {
            return Some(vec![StepCall {
                from: self.from,
                call: self.call(implementation.address, data)?,
                wait_seconds: 0,
            }]);
        }
        let steps = if data.is_empty() || self.steps_with_data.is_empty() {
            &self.steps
        } else {
            &self.steps_with_data
        };
        let carried = data.is_empty() || steps.iter().any(UpgradeStep::carries_data);
        if steps.is_empty() || !carried {
            return None;
        }
        steps
            .iter()
            .map(|step| step.call(self.proxy, implementation, data))
            .collect()
    }

    /// The call that installs `implementation` and then runs `data` on the proxy.
    /// `None` when `data` is not empty and the kind cannot carry it, when the upgrade takes more than
    /// one call, or when the call depends on the implementation's code: [`Self::calls`] gives those.
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
            Verb::Steps => {
                let steps = if data.is_empty() || self.steps_with_data.is_empty() {
                    &self.steps
                } else {
                    &self.steps_with_data
                };
                let [step] = steps.as_slice() else {
                    return None;
                };
                let wants = data.is_empty() || step.carries_data();
                let code = step.arguments.contains(&Argument::CodeHash);
                let at = CodeAt {
                    address: implementation,
                    code_hash: Default::default(),
                };
                return (wants && !code)
                    .then(|| step.call(self.proxy, &at, data))?
                    .map(|step| step.call);
            }
        };
        Some(Call::new(self.to, calldata))
    }
}

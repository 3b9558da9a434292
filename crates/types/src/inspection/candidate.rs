//! The way forward, back and forward again with one candidate, executed before anything is sent.

use super::PowerPath;
use crate::{Call, StepCall, diamond::Cut};
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Whether a proxy can go forward, back, and forward again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundTrip {
    /// Executed: after the way back nothing differs, and the same call goes forward again.
    Yes,
    /// Executed and refused.
    No,
    /// Executed, but the way back leaves something, or going forward again takes another call.
    Lossy,
    /// Not executed.
    Unknown,
}

/// A call with its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCall {
    /// The sender.
    pub from: Address,
    /// The call.
    #[serde(flatten)]
    pub call: Call,
    /// Seconds the chain must go on before it is accepted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_seconds: u64,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl From<StepCall> for SentCall {
    fn from(step: StepCall) -> Self {
        Self {
            from: step.from,
            call: step.call,
            wait_seconds: step.wait_seconds,
        }
    }
}

/// A slot the way back leaves changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftSlot {
    /// Whose storage.
    pub account: Address,
    /// The slot.
    pub slot: B256,
    /// What the layout calls it, or the standard that keeps something there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it held before the upgrade.
    pub before: B256,
    /// What it holds after the way back.
    pub after: B256,
}

/// How the power to upgrade moves: whom the proxy obeys once it runs the candidate, against today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obeys {
    /// Paths that upgrade it today and do not then.
    pub lost: Vec<PowerPath>,
    /// Paths that upgrade it then and do not today.
    pub gained: Vec<PowerPath>,
    /// Why it may obey others besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// What executing upgrade, rollback and upgrade in one state showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateFacts {
    /// The reference it was given as.
    pub reference: String,
    /// Where it is, or where it was put for the simulation.
    pub address: Address,
    /// Keccak-256 of its runtime code; zero when it could not be made.
    pub code_hash: B256,
    /// The calls of the upgrade.
    pub forward: Vec<SentCall>,
    /// The calls back; empty when none is known to work.
    pub back: Vec<SentCall>,
    /// The calls of the second upgrade; empty when none is known to work.
    pub forward_again: Vec<SentCall>,
    /// The answer.
    pub verdict: RoundTrip,
    /// Its reasons, and what was taken for granted.
    pub why: Vec<String>,
    /// What the way back leaves, the first of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftSlot>,
    /// Who gains and who loses the power to upgrade, where the upgrade moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obeys: Option<Obeys>,
    /// What happens to a diamond's functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sent_call_is_written_flat() {
        let sent = SentCall {
            from: Address::repeat_byte(1),
            call: Call::new(Address::repeat_byte(2), vec![3]),
            wait_seconds: 0,
        };
        let json = serde_json::to_value(&sent).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["data", "from", "operation", "to", "value"]);
        assert_eq!(serde_json::from_value::<SentCall>(json).unwrap(), sent);
    }
}

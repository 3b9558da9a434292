//! What one execution did: outcome, logs, calls and state changes.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Receipt status 1.
    Success,
    /// Receipt status 0, by `REVERT`.
    Revert,
    /// Receipt status 0, by an exceptional halt such as out of gas.
    Halt,
}

impl Status {
    /// Receipt status 1.
    pub fn is_success(self) -> bool {
        self == Self::Success
    }
}

/// A value before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    /// Before.
    pub before: T,
    /// After.
    pub after: T,
}

/// What changed in one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountDiff {
    /// Balance in wei.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<Change<U256>>,
    /// Nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Change<u64>>,
    /// Code (EIP-7702 delegations included).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Change<Bytes>>,
    /// Slots whose value changed.
    pub storage: BTreeMap<B256, Change<U256>>,
    /// Created by this execution: slots not listed are zero.
    pub created: bool,
    /// Removed by this execution (EIP-6780 or older `SELFDESTRUCT`).
    pub destroyed: bool,
}

impl AccountDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.balance.is_none()
            && self.nonce.is_none()
            && self.code.is_none()
            && self.storage.is_empty()
            && !self.created
            && !self.destroyed
    }
}

/// What changed, by account.
pub type StateDiff = BTreeMap<Address, AccountDiff>;

/// Lays `later` over `earlier`: the result leads from before `earlier` to after `later`.
pub fn merge_diff(earlier: &mut StateDiff, later: &StateDiff) {
    fn join<T: Clone>(into: &mut Option<Change<T>>, later: &Option<Change<T>>) {
        match (into.as_mut(), later) {
            (Some(change), Some(new)) => change.after = new.after.clone(),
            (None, Some(new)) => *into = Some(new.clone()),
            (_, None) => {}
        }
    }
    for (address, new) in later {
        let old = earlier.entry(*address).or_default();
        if new.destroyed {
            join(&mut old.balance, &new.balance);
            join(&mut old.nonce, &new.nonce);
            join(&mut old.code, &new.code);
            old.storage.clear();
            (old.created, old.destroyed) = (false, true);
            continue;
        }
        if old.destroyed {
            old.destroyed = false;
            old.created = true;
        }
        join(&mut old.balance, &new.balance);
        join(&mut old.nonce, &new.nonce);
        join(&mut old.code, &new.code);
        old.created |= new.created;
        for (slot, change) in &new.storage {
            old.storage
                .entry(*slot)
                .and_modify(|mine| mine.after = change.after)
                .or_insert_with(|| change.clone());
        }
    }
}

/// The instruction behind a call frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the instruction names are the documentation")]
pub enum CallKind {
    Call,
    CallCode,
    DelegateCall,
    StaticCall,
    Create,
    Create2,
    SelfDestruct,
}

/// One call in the order it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFrame {
    /// 0 for the transaction itself.
    pub depth: u32,
    /// The instruction.
    pub kind: CallKind,
    /// The account in whose context the instruction ran (its storage, its balance).
    pub from: Address,
    /// The account whose code runs; for creations the new address. In a delegate call this is the
    /// target, not the account whose storage it writes.
    pub to: Address,
    /// Wei moved.
    pub value: U256,
    /// Calldata, or init code.
    pub input: Bytes,
    /// Return or revert data.
    pub output: Bytes,
    /// How it ended.
    pub status: Status,
}

/// Something a fork cannot imitate in every engine, read during an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the instruction names are the documentation")]
pub enum EnvironmentRead {
    Prevrandao,
    Blockhash,
    Blobbasefee,
    Timestamp,
    Number,
    Gaslimit,
    Gas,
}

/// What one transaction did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// The exceptional halt's name, if it halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<String>,
    /// Gas used, refund subtracted: the receipt's `gasUsed`.
    pub gas_used: u64,
    /// Return or revert data of the top call.
    pub output: Bytes,
    /// The contract created by a creation transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Address>,
    /// Logs in order.
    pub logs: Vec<Log>,
    /// Everything that changed, gas payment included.
    pub diff: StateDiff,
    /// Every call, depth first.
    pub calls: Vec<CallFrame>,
    /// What it read of its environment; only the in-process engine knows.
    #[serde(default)]
    pub environment: BTreeSet<EnvironmentRead>,
}

/// Something a replay took for granted because the recording cannot show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "assumption", rename_all = "snake_case")]
pub enum Assumption {
    /// The account only pays for the upgrade: it is taken to have funds and no code.
    Funded {
        /// Who.
        address: Address,
    },
    /// The address is taken to be empty before green is put there.
    Empty {
        /// Where.
        address: Address,
    },
    /// Green was not constructed: its runtime code was placed as given.
    CodePlaced {
        /// Where.
        address: Address,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::repeat_byte(0xaa);

    fn balance(before: u64, after: u64, destroyed: bool) -> StateDiff {
        let account = AccountDiff {
            balance: Some(Change {
                before: U256::from(before),
                after: U256::from(after),
            }),
            destroyed,
            ..AccountDiff::default()
        };
        StateDiff::from([(A, account)])
    }

    #[test]
    fn merged_diff_leads_from_before_the_first_to_after_the_last() {
        let mut diff = balance(5, 7, false);
        merge_diff(&mut diff, &balance(7, 0, true));
        assert_eq!(diff, balance(5, 0, true));
    }

    #[test]
    fn account_funded_after_its_destruction_starts_afresh() {
        let mut diff = balance(5, 0, true);
        merge_diff(&mut diff, &balance(0, 9, false));
        let mut expected = balance(5, 9, false);
        expected.entry(A).or_default().created = true;
        assert_eq!(diff, expected);
    }
}

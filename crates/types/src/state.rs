//! Chain state as a value: what accounts hold, and what nobody recorded.
//!
//! Reading something that was never recorded is [`Missing`], never zero: a zero that nobody saw
//! would make an upgrade look safe.

use crate::execution::{AccountDiff, StateDiff};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// An account without its code and storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak-256 of the code; [`KECCAK256_EMPTY`] without code.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK256_EMPTY,
        }
    }
}

impl Account {
    /// Whether EIP-161 counts it as absent: no nonce, no balance, no code.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && !self.has_code()
    }

    /// Whether it has code.
    pub fn has_code(&self) -> bool {
        self.code_hash != KECCAK256_EMPTY && self.code_hash != B256::ZERO
    }
}

/// State that was asked for and is not there. It is unknown, not zero.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// An account's nonce, balance and code hash.
    #[error("account {address} is not in the recorded state")]
    Account {
        /// Whose.
        address: Address,
    },
    /// A storage slot.
    #[error("slot {slot} of {address} is not in the recorded state")]
    Slot {
        /// Whose storage.
        address: Address,
        /// Which slot.
        slot: B256,
    },
    /// The code behind a code hash.
    #[error("the code with hash {hash} is not in the recorded state")]
    Code {
        /// Keccak-256 of the code.
        hash: B256,
    },
    /// A block hash (`BLOCKHASH`).
    #[error("the hash of block {number} is not in the recorded state")]
    BlockHash {
        /// Block number.
        number: u64,
    },
}

/// Reads of state at one point of the chain.
pub trait State: Send + Sync {
    /// The account; an absent one is `Account::default()`.
    fn account(&self, address: Address) -> Result<Account, Missing>;
    /// The code with this hash.
    fn code(&self, hash: B256) -> Result<Bytes, Missing>;
    /// A storage slot.
    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing>;
    /// The hash of an ancestor block.
    fn block_hash(&self, number: u64) -> Result<B256, Missing>;
}

impl<T: State + ?Sized> State for &T {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        (**self).account(address)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        (**self).code(hash)
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        (**self).storage(address, slot)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        (**self).block_hash(number)
    }
}

impl<T: State + ?Sized> State for std::sync::Arc<T> {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        (**self).account(address)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        (**self).code(hash)
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        (**self).storage(address, slot)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        (**self).block_hash(number)
    }
}

/// State held in memory, as recordings store it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryState {
    /// Known accounts; absent ones are stored as empty accounts.
    pub accounts: BTreeMap<Address, Account>,
    /// Known slots of each account.
    pub storage: BTreeMap<Address, BTreeMap<B256, U256>>,
    /// Codes by hash. Recordings keep them beside the state, so they are not part of its file form.
    #[serde(skip)]
    pub codes: BTreeMap<B256, Bytes>,
    /// Block hashes by number.
    pub block_hashes: BTreeMap<u64, B256>,
}

impl MemoryState {
    /// Adds what `other` knows and this one does not.
    pub fn absorb(&mut self, other: Self) {
        for (address, account) in other.accounts {
            self.accounts.entry(address).or_insert(account);
        }
        for (address, slots) in other.storage {
            let mine = self.storage.entry(address).or_default();
            for (slot, value) in slots {
                mine.entry(slot).or_insert(value);
            }
        }
        for (hash, code) in other.codes {
            self.codes.entry(hash).or_insert(code);
        }
        for (number, hash) in other.block_hashes {
            self.block_hashes.entry(number).or_insert(hash);
        }
    }

    /// Number of known slots.
    pub fn slots(&self) -> usize {
        self.storage.values().map(BTreeMap::len).sum()
    }
}

impl State for MemoryState {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        self.accounts
            .get(&address)
            .cloned()
            .ok_or(Missing::Account { address })
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        if hash == KECCAK256_EMPTY || hash == B256::ZERO {
            return Ok(Bytes::new());
        }
        self.codes.get(&hash).cloned().ok_or(Missing::Code { hash })
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        if let Some(value) = self
            .storage
            .get(&address)
            .and_then(|slots| slots.get(&slot))
        {
            return Ok(*value);
        }
        // Without code nothing ever wrote storage there, unless the account was delegated once (EIP-7702),
        // which counts its nonce up.
        match self.accounts.get(&address) {
            Some(account) if !account.has_code() && account.nonce == 0 => Ok(U256::ZERO),
            _ => Err(Missing::Slot { address, slot }),
        }
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        self.block_hashes
            .get(&number)
            .copied()
            .ok_or(Missing::BlockHash { number })
    }
}

impl AccountDiff {
    /// The account after the change; `code_hash` is the hash of the changed code, where there is one.
    ///
    /// # Errors
    /// What `before` says, where the change alone does not tell all.
    pub fn account_after(
        &self,
        code_hash: Option<B256>,
        before: impl FnOnce() -> Result<Account, Missing>,
    ) -> Result<Account, Missing> {
        if self.destroyed {
            return Ok(Account::default());
        }
        let mut account = match before() {
            Ok(account) => account,
            // All three known from the change itself: the account was created by it.
            Err(missing) => match (&self.balance, &self.nonce, code_hash) {
                (Some(_), Some(_), Some(_)) => Account::default(),
                _ => return Err(missing),
            },
        };
        if let Some(balance) = &self.balance {
            account.balance = balance.after;
        }
        if let Some(nonce) = &self.nonce {
            account.nonce = nonce.after;
        }
        if let Some(hash) = code_hash {
            account.code_hash = hash;
        }
        Ok(account)
    }

    /// What a slot holds after the change, where the change tells it.
    pub fn slot_after(&self, slot: B256) -> Option<U256> {
        match self.storage.get(&slot) {
            Some(value) => Some(value.after),
            None => (self.created || self.destroyed).then_some(U256::ZERO),
        }
    }
}

/// A state with changes laid over it.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// What lies below.
    pub base: &'a dyn State,
    /// The changes on top; the `after` side counts.
    pub diff: &'a StateDiff,
}

impl State for Overlay<'_> {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        let Some(change) = self.diff.get(&address) else {
            return self.base.account(address);
        };
        let code = change.code.as_ref();
        let code_hash = code.map(|code| alloy_primitives::keccak256(&code.after));
        change.account_after(code_hash, || self.base.account(address))
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        for change in self.diff.values() {
            if let Some(code) = &change.code
                && alloy_primitives::keccak256(&code.after) == hash
            {
                return Ok(code.after.clone());
            }
        }
        self.base.code(hash)
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        let change = self.diff.get(&address);
        if let Some(value) = change.and_then(|change| change.slot_after(slot)) {
            return Ok(value);
        }
        self.base.storage(address, slot)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        self.base.block_hash(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Change;

    const A: Address = Address::repeat_byte(0xaa);

    #[test]
    fn unrecorded_slot_of_a_contract_is_missing_not_zero() {
        let mut state = MemoryState::default();
        state.accounts.insert(
            A,
            Account {
                code_hash: B256::repeat_byte(1),
                ..Account::default()
            },
        );
        assert_eq!(
            state.storage(A, B256::ZERO),
            Err(Missing::Slot {
                address: A,
                slot: B256::ZERO
            })
        );
    }

    #[test]
    fn account_without_code_has_empty_storage() {
        let mut state = MemoryState::default();
        state.accounts.insert(A, Account::default());
        assert_eq!(state.storage(A, B256::ZERO), Ok(U256::ZERO));
    }

    #[test]
    fn overlay_answers_changed_slots_and_passes_the_rest_through() {
        let mut base = MemoryState::default();
        base.accounts.insert(
            A,
            Account {
                code_hash: B256::repeat_byte(1),
                ..Account::default()
            },
        );
        base.storage
            .entry(A)
            .or_default()
            .insert(B256::ZERO, U256::from(7));
        let mut diff = StateDiff::new();
        let changed = AccountDiff {
            storage: [(
                B256::with_last_byte(1),
                Change {
                    before: U256::ZERO,
                    after: U256::from(9),
                },
            )]
            .into(),
            ..AccountDiff::default()
        };
        diff.insert(A, changed);
        let view = Overlay {
            base: &base,
            diff: &diff,
        };
        assert_eq!(view.storage(A, B256::ZERO), Ok(U256::from(7)));
        assert_eq!(view.storage(A, B256::with_last_byte(1)), Ok(U256::from(9)));
        assert!(view.storage(A, B256::with_last_byte(2)).is_err());
    }
}

//! State as an execution sees it, with every read noted: where an address came from, and which reads
//! met something the node refuses.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{Account, Missing, State};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

/// One read, in the order it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// An account.
    Account(Address),
    /// A slot and what it held.
    Slot(Address, B256, U256),
    /// The node refuses this: it was taken as empty.
    Guessed(Missing),
}

/// State that takes what the node refuses as empty and says so.
pub(crate) struct Watched<'a> {
    known: &'a dyn State,
    refused: &'a BTreeSet<Missing>,
    planted: &'a BTreeMap<Address, Bytes>,
    quiet: Address,
    reads: Mutex<Vec<Read>>,
}

impl<'a> Watched<'a> {
    /// `planted` contracts stand where nobody put them; a refused account of `quiet` (the block's
    /// beneficiary, which every execution loads) changes nothing and is not worth a word.
    pub(crate) fn new(
        known: &'a dyn State,
        refused: &'a BTreeSet<Missing>,
        planted: &'a BTreeMap<Address, Bytes>,
        quiet: Address,
    ) -> Self {
        Self {
            known,
            refused,
            planted,
            quiet,
            reads: Mutex::default(),
        }
    }

    /// What was read.
    pub(crate) fn into_reads(self) -> Vec<Read> {
        self.reads
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, read: Read) {
        self.reads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(read);
    }

    fn or_guess<T: Default>(&self, answer: Result<T, Missing>) -> Result<T, Missing> {
        answer.or_else(|missing| {
            if !self.refused.contains(&missing) {
                return Err(missing);
            }
            if missing
                != (Missing::Account {
                    address: self.quiet,
                })
            {
                self.note(Read::Guessed(missing));
            }
            Ok(T::default())
        })
    }
}

impl State for Watched<'_> {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        self.note(Read::Account(address));
        if let Some(code) = self.planted.get(&address) {
            return Ok(Account {
                nonce: 1,
                code_hash: keccak256(code),
                ..Account::default()
            });
        }
        self.or_guess(self.known.account(address))
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        for code in self.planted.values() {
            if keccak256(code) == hash {
                return Ok(code.clone());
            }
        }
        self.or_guess(self.known.code(hash))
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        if self.planted.contains_key(&address) {
            return Ok(U256::ZERO);
        }
        let value = self.or_guess(self.known.storage(address, slot))?;
        self.note(Read::Slot(address, slot, value));
        Ok(value)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        self.or_guess(self.known.block_hash(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_types::MemoryState;

    const A: Address = Address::repeat_byte(0xaa);

    #[test]
    fn refused_state_is_empty_and_noted_unknown_state_stays_missing() {
        let known = MemoryState::default();
        let missing = Missing::Account { address: A };
        let refused = BTreeSet::from([missing]);
        let planted = BTreeMap::new();
        let state = Watched::new(&known, &refused, &planted, Address::ZERO);
        assert_eq!(state.account(A), Ok(Account::default()));
        assert!(state.account(Address::repeat_byte(1)).is_err());
        assert!(state.into_reads().contains(&Read::Guessed(missing)));
    }

    #[test]
    fn planted_contract_has_code_and_empty_storage() {
        let known = MemoryState::default();
        let refused = BTreeSet::new();
        let planted = BTreeMap::from([(A, Bytes::from_static(&[0]))]);
        let state = Watched::new(&known, &refused, &planted, Address::ZERO);
        let account = state.account(A).unwrap();
        assert_eq!(state.code(account.code_hash).unwrap().as_ref(), [0]);
        assert_eq!(state.storage(A, B256::ZERO), Ok(U256::ZERO));
    }
}

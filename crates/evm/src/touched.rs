//! Which keys of a state a run read.

use alloy_primitives::{Address, B256};
use cutover_types::{MemoryState, Missing, State};
use std::collections::{BTreeMap, BTreeSet};

/// The keys a run read from the state under it: what must be recorded to run it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Accounts.
    pub accounts: BTreeSet<Address>,
    /// Slots by account.
    pub slots: BTreeMap<Address, BTreeSet<B256>>,
    /// Code hashes.
    pub codes: BTreeSet<B256>,
    /// Numbers of the blocks whose hash was read.
    pub block_hashes: BTreeSet<u64>,
}

impl Touched {
    /// Adds what `other` read.
    pub fn absorb(&mut self, other: Self) {
        self.accounts.extend(other.accounts);
        for (address, slots) in other.slots {
            self.slots.entry(address).or_default().extend(slots);
        }
        self.codes.extend(other.codes);
        self.block_hashes.extend(other.block_hashes);
    }

    /// Exactly these keys, with their values in `state`.
    ///
    /// # Errors
    /// The first key that `state` does not know; none when it is the state that was run on.
    pub fn extract(&self, state: &dyn State) -> Result<MemoryState, Missing> {
        let mut memory = MemoryState::default();
        for address in &self.accounts {
            memory.accounts.insert(*address, state.account(*address)?);
        }
        for (address, slots) in &self.slots {
            let known = memory.storage.entry(*address).or_default();
            for slot in slots {
                known.insert(*slot, state.storage(*address, *slot)?);
            }
        }
        for hash in &self.codes {
            memory.codes.insert(*hash, state.code(*hash)?);
        }
        for number in &self.block_hashes {
            memory
                .block_hashes
                .insert(*number, state.block_hash(*number)?);
        }
        Ok(memory)
    }
}

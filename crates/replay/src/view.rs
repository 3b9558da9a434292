//! A state with changes laid over it that owns both, so that it can cross threads.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{Account, Missing, State, StateDiff};
use std::{collections::BTreeMap, sync::Arc};

/// Like [`cutover_types::Overlay`], owned, with the codes of the changes hashed once.
pub(crate) struct Layered {
    base: Arc<dyn State>,
    diff: Arc<StateDiff>,
    hashes: BTreeMap<Address, B256>,
    codes: BTreeMap<B256, Bytes>,
}

impl Layered {
    /// Lays the `after` side of `diff` over `base`.
    pub(crate) fn new(base: Arc<dyn State>, diff: Arc<StateDiff>) -> Self {
        let mut hashes = BTreeMap::new();
        let mut codes = BTreeMap::new();
        for (address, change) in diff.iter() {
            if let Some(code) = &change.code {
                let hash = keccak256(&code.after);
                hashes.insert(*address, hash);
                codes.insert(hash, code.after.clone());
            }
        }
        Self {
            base,
            diff,
            hashes,
            codes,
        }
    }

    /// The same, ready to be shared.
    pub(crate) fn share(base: Arc<dyn State>, diff: StateDiff) -> Arc<dyn State> {
        if diff.is_empty() {
            return base;
        }
        Arc::new(Self::new(base, Arc::new(diff)))
    }
}

impl State for Layered {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        let Some(change) = self.diff.get(&address) else {
            return self.base.account(address);
        };
        let code_hash = self.hashes.get(&address).copied();
        change.account_after(code_hash, || self.base.account(address))
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        match self.codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => self.base.code(hash),
        }
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

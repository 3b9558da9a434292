//! What a run has changed so far, as a value that is cheap to keep at every transaction.
//!
//! A block with hundreds of targets needs the state before each of them. Changes are kept in
//! layers that never change once made; layers of similar size are joined, so there are few, and a
//! copy shares all of them.

use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressMap, B256Map},
};
use cutover_types::{Account, Missing, State};
use std::sync::Arc;

/// What one or more transactions left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    pub(crate) accounts: AddressMap<Changed>,
    pub(crate) codes: B256Map<Bytes>,
}

/// What they left in one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changed {
    /// `None` when only slots are known to have changed.
    pub(crate) account: Option<Account>,
    /// Created or destroyed: slots not listed are zero.
    pub(crate) fresh: bool,
    pub(crate) slots: B256Map<U256>,
}

impl Layer {
    fn weight(&self) -> usize {
        self.accounts
            .values()
            .map(|changed| 1 + changed.slots.len())
            .sum()
    }

    fn cover(&mut self, later: &Self) {
        for (address, new) in &later.accounts {
            let old = self.accounts.entry(*address).or_default();
            old.account = new.account.clone().or(old.account.take());
            if new.fresh {
                old.fresh = true;
                old.slots.clear();
            }
            old.slots.extend(new.slots.iter().map(|(k, v)| (*k, *v)));
        }
        self.codes
            .extend(later.codes.iter().map(|(k, v)| (*k, v.clone())));
    }
}

/// What a run has changed so far. Copies are cheap and keep what they saw.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Oldest first, with the weight of each; every layer is heavier than the next.
    layers: Vec<(usize, Arc<Layer>)>,
}

impl Changes {
    /// Lays these changes over a state: the one they were made on.
    pub fn over<B: State>(&self, base: B) -> View<B> {
        View {
            base,
            changes: self.clone(),
        }
    }

    pub(crate) fn push(&mut self, layer: Layer) {
        if layer.accounts.is_empty() {
            return;
        }
        let mut weight = layer.weight();
        let mut layer = Arc::new(layer);
        while let Some((below, mut old)) = self.layers.pop_if(|(below, _)| *below <= weight) {
            Arc::make_mut(&mut old).cover(&layer);
            weight += below;
            layer = old;
        }
        self.layers.push((weight, layer));
    }

    fn newest_first(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().rev().map(|(_, layer)| &**layer)
    }
}

/// A state with the changes of a run over it.
#[derive(Clone, Debug)]
pub struct View<B> {
    base: B,
    changes: Changes,
}

impl<B: State> State for View<B> {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        for layer in self.changes.newest_first() {
            let changed = layer.accounts.get(&address);
            if let Some(account) = changed.and_then(|changed| changed.account.clone()) {
                return Ok(account);
            }
        }
        self.base.account(address)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        for layer in self.changes.newest_first() {
            if let Some(code) = layer.codes.get(&hash) {
                return Ok(code.clone());
            }
        }
        self.base.code(hash)
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        for layer in self.changes.newest_first() {
            let Some(changed) = layer.accounts.get(&address) else {
                continue;
            };
            if let Some(value) = changed.slots.get(&slot) {
                return Ok(*value);
            }
            if changed.fresh {
                return Ok(U256::ZERO);
            }
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
    use cutover_types::MemoryState;

    const A: Address = Address::repeat_byte(0xaa);

    fn layer(slot: u8, value: u64, fresh: bool) -> Layer {
        let changed = Changed {
            account: Some(Account {
                nonce: value,
                ..Account::default()
            }),
            fresh,
            slots: [(B256::with_last_byte(slot), U256::from(value))]
                .into_iter()
                .collect(),
        };
        Layer {
            accounts: [(A, changed)].into_iter().collect(),
            codes: B256Map::default(),
        }
    }

    #[test]
    fn every_copy_keeps_what_it_saw() {
        let base = MemoryState::default();
        let mut changes = Changes::default();
        let mut copies = Vec::new();
        for n in 1..=100 {
            changes.push(layer(1, n, false));
            copies.push(changes.clone());
            assert!(changes.layers.len() <= 8);
        }
        for (n, copy) in (1..).zip(copies) {
            let view = copy.over(&base as &dyn State);
            assert_eq!(view.account(A).unwrap().nonce, n);
            assert_eq!(view.storage(A, B256::with_last_byte(1)), Ok(U256::from(n)));
        }
    }

    #[test]
    fn recreated_account_hides_the_slots_below() {
        let base = MemoryState::default();
        let mut changes = Changes::default();
        changes.push(layer(1, 7, false));
        changes.push(layer(2, 9, true));
        let view = changes.over(&base as &dyn State);
        assert_eq!(view.storage(A, B256::with_last_byte(1)), Ok(U256::ZERO));
        assert_eq!(view.storage(A, B256::with_last_byte(2)), Ok(U256::from(9)));
        assert_eq!(view.storage(A, B256::with_last_byte(3)), Ok(U256::ZERO));
    }
}

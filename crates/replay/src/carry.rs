//! What green left different, carried from one transaction to the next.
//!
//! A recording holds only the transactions that reach the proxy; everything else on the chain went
//! on between them. So green's state is not carried as a whole: it is the exact state of the chain
//! with the keys laid over it in which green's run ended differently from blue's.

use crate::fees::Fees;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{Account, AccountDiff, Missing, Outcome, State, StateDiff};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// A slot that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    /// What green left.
    pub(crate) green: U256,
    /// What blue left.
    pub(crate) blue: U256,
}

/// Every key that differs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carry {
    /// Slots.
    pub(crate) slots: BTreeMap<(Address, B256), Carried>,
    /// Green's balance less blue's, gas aside; wraps.
    balances: BTreeMap<Address, U256>,
    /// Green's nonce less blue's; wraps.
    nonces: BTreeMap<Address, u64>,
    /// Green's code.
    codes: BTreeMap<Address, Bytes>,
    /// Accounts only green created: slots not listed are zero.
    born: BTreeSet<Address>,
    /// Slots both sides left equal, which an earlier carry may hold.
    settled: BTreeSet<(Address, B256)>,
}

impl Carry {
    /// Takes in one transaction. `before` is the chain's state before it.
    pub(crate) fn absorb(
        &mut self,
        blue: &Outcome,
        green: &Outcome,
        before: &dyn State,
        fees: Option<&Fees>,
    ) {
        let mut addresses: BTreeSet<Address> = blue.diff.keys().copied().collect();
        addresses.extend(green.diff.keys().copied());
        let moved = |outcome: &Outcome, address: Address| match fees {
            Some(fees) => fees.moved(outcome, address),
            None => outcome
                .diff
                .get(&address)
                .and_then(|account| account.balance.as_ref())
                .map_or(U256::ZERO, |c| c.after.wrapping_sub(c.before)),
        };
        for address in addresses {
            let (b, g) = (blue.diff.get(&address), green.diff.get(&address));
            let drift = moved(green, address).wrapping_sub(moved(blue, address));
            add(&mut self.balances, address, |old| old.wrapping_add(drift));
            let steps = |side: Option<&AccountDiff>| {
                side.and_then(|a| a.nonce.as_ref())
                    .map_or(0, |c| c.after.wrapping_sub(c.before))
            };
            let drift = steps(g).wrapping_sub(steps(b));
            add(&mut self.nonces, address, |old: u64| {
                old.wrapping_add(drift)
            });
            self.absorb_code(address, b, g);
            let mut slots: BTreeSet<B256> = BTreeSet::new();
            slots.extend(b.into_iter().flat_map(|a| a.storage.keys().copied()));
            slots.extend(g.into_iter().flat_map(|a| a.storage.keys().copied()));
            for slot in slots {
                let b = b.and_then(|a| a.storage.get(&slot));
                let g = g.and_then(|a| a.storage.get(&slot));
                let old = self.slots.get(&(address, slot)).copied();
                let blue_left = match b {
                    Some(change) => change.after,
                    None => before
                        .storage(address, slot)
                        .ok()
                        .or(old.map(|old| old.blue))
                        .or(g.map(|change| change.before))
                        .unwrap_or_default(),
                };
                let green_left = match (g, old) {
                    (Some(change), _) => change.after,
                    (None, Some(old)) => old.green,
                    (None, None) => b.map(|change| change.before).unwrap_or_default(),
                };
                if blue_left == green_left {
                    self.forget(address, slot);
                } else {
                    let carried = Carried {
                        green: green_left,
                        blue: blue_left,
                    };
                    self.slots.insert((address, slot), carried);
                }
            }
        }
    }

    fn absorb_code(
        &mut self,
        address: Address,
        blue: Option<&AccountDiff>,
        green: Option<&AccountDiff>,
    ) {
        let after = |side: Option<&AccountDiff>| {
            side.and_then(|a| {
                if a.destroyed {
                    Some(Bytes::new())
                } else {
                    a.code.as_ref().map(|c| c.after.clone())
                }
            })
        };
        let (b, g) = (after(blue), after(green));
        if b == g {
            if b.is_some() {
                self.codes.remove(&address);
                self.born.remove(&address);
            }
            return;
        }
        let left = g
            .or_else(|| self.codes.get(&address).cloned())
            .or_else(|| blue.and_then(|a| a.code.as_ref()).map(|c| c.before.clone()));
        if let Some(left) = left {
            self.codes.insert(address, left);
        }
        if green.is_some_and(|a| a.created) && !blue.is_some_and(|a| a.created) {
            self.born.insert(address);
        }
    }

    /// Takes in what the upgrade did: only green has it.
    pub(crate) fn place(&mut self, diff: &StateDiff) {
        for (address, change) in diff {
            // An account that is only there to pay.
            if change.storage.is_empty()
                && !change.created
                && change
                    .code
                    .as_ref()
                    .is_some_and(|code| code.after.is_empty())
            {
                continue;
            }
            if let Some(balance) = &change.balance {
                let drift = balance.after.wrapping_sub(balance.before);
                add(&mut self.balances, *address, |old| old.wrapping_add(drift));
            }
            if let Some(nonce) = &change.nonce {
                let drift = nonce.after.wrapping_sub(nonce.before);
                add(&mut self.nonces, *address, |old: u64| {
                    old.wrapping_add(drift)
                });
            }
            self.absorb_code(*address, None, Some(change));
            for (slot, value) in &change.storage {
                let old = self.slots.get(&(*address, *slot));
                let carried = Carried {
                    green: value.after,
                    blue: old.map_or(value.before, |old| old.blue),
                };
                if carried.green == carried.blue {
                    self.forget(*address, *slot);
                } else {
                    self.slots.insert((*address, *slot), carried);
                }
            }
        }
    }

    /// Adds what came later.
    pub(crate) fn join(&mut self, later: Self) {
        for key in later.settled {
            self.slots.remove(&key);
        }
        self.slots.extend(later.slots);
        for (address, drift) in later.balances {
            add(&mut self.balances, address, |old| old.wrapping_add(drift));
        }
        for (address, drift) in later.nonces {
            add(&mut self.nonces, address, |old: u64| {
                old.wrapping_add(drift)
            });
        }
        self.codes.extend(later.codes);
        self.born.extend(later.born);
    }

    /// Forgets a slot.
    fn forget(&mut self, address: Address, slot: B256) {
        self.slots.remove(&(address, slot));
        self.settled.insert((address, slot));
    }
}

fn add<T: Copy + Default + PartialEq>(
    map: &mut BTreeMap<Address, T>,
    address: Address,
    step: impl Fn(T) -> T,
) {
    let new = step(map.get(&address).copied().unwrap_or_default());
    if new == T::default() {
        map.remove(&address);
    } else {
        map.insert(address, new);
    }
}

/// The chain's exact state with a [`Carry`] over it; notes slots that somebody else changed.
pub(crate) struct Drifted {
    base: Arc<dyn State>,
    carry: Arc<Carry>,
    codes: BTreeMap<B256, Bytes>,
    hashes: BTreeMap<Address, B256>,
    stale: Mutex<BTreeSet<(Address, B256)>>,
}

impl Drifted {
    /// Lays `carry` over `base`.
    pub(crate) fn new(base: Arc<dyn State>, carry: Arc<Carry>) -> Self {
        let mut codes = BTreeMap::new();
        let mut hashes = BTreeMap::new();
        for (address, code) in &carry.codes {
            let hash = keccak256(code);
            codes.insert(hash, code.clone());
            hashes.insert(*address, hash);
        }
        Self {
            base,
            carry,
            codes,
            hashes,
            stale: Mutex::default(),
        }
    }

    /// Carried slots that were read and that something outside the recording changed.
    pub(crate) fn stale(&self) -> BTreeSet<(Address, B256)> {
        self.stale
            .lock()
            .map(|stale| stale.clone())
            .unwrap_or_default()
    }
}

impl State for Drifted {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        let mut account = match self.base.account(address) {
            Err(_) if self.carry.born.contains(&address) => Account::default(),
            other => other?,
        };
        if let Some(drift) = self.carry.balances.get(&address) {
            // What blue spent since may exceed what green has: then green has nothing left.
            let moved = account.balance.wrapping_add(*drift);
            account.balance = match drift.bit(255) && moved > account.balance {
                true => U256::ZERO,
                false => moved,
            };
        }
        if let Some(drift) = self.carry.nonces.get(&address) {
            account.nonce = account.nonce.wrapping_add(*drift);
        }
        if let Some(hash) = self.hashes.get(&address) {
            account.code_hash = *hash;
        }
        Ok(account)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        match self.codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => self.base.code(hash),
        }
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        if let Some(carried) = self.carry.slots.get(&(address, slot)) {
            if let Ok(found) = self.base.storage(address, slot)
                && found != carried.blue
                && let Ok(mut stale) = self.stale.lock()
            {
                stale.insert((address, slot));
            }
            return Ok(carried.green);
        }
        if self.carry.born.contains(&address) {
            return Ok(U256::ZERO);
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
    use cutover_types::{Change, MemoryState, Status};

    const A: Address = Address::repeat_byte(0xaa);
    const SLOT: B256 = B256::ZERO;

    fn outcome(storage: Option<(u64, u64)>) -> Outcome {
        let mut diff = cutover_types::StateDiff::new();
        if let Some((before, after)) = storage {
            let change = Change {
                before: U256::from(before),
                after: U256::from(after),
            };
            let account = AccountDiff {
                storage: [(SLOT, change)].into(),
                ..AccountDiff::default()
            };
            diff.insert(A, account);
        }
        Outcome {
            status: Status::Success,
            halt: None,
            gas_used: 0,
            output: Bytes::new(),
            created: None,
            logs: Vec::new(),
            diff,
            calls: Vec::new(),
            environment: Default::default(),
        }
    }

    fn chain(value: u64) -> MemoryState {
        let mut state = MemoryState::default();
        state
            .storage
            .entry(A)
            .or_default()
            .insert(SLOT, U256::from(value));
        state
    }

    #[test]
    fn equal_ends_carry_nothing_and_unequal_ends_carry_greens() {
        // (blue's change, green's change, carried green/blue)
        let cases = [
            (Some((1, 2)), Some((1, 2)), None),
            (Some((1, 2)), Some((1, 3)), Some((3, 2))),
            (Some((1, 2)), None, Some((1, 2))),
            (None, Some((1, 4)), Some((4, 1))),
            (None, None, None),
        ];
        for (blue, green, expected) in cases {
            let mut carry = Carry::default();
            carry.absorb(&outcome(blue), &outcome(green), &chain(1), None);
            let found = carry.slots.get(&(A, SLOT)).copied();
            let expected = expected.map(|(green, blue): (u64, u64)| Carried {
                green: U256::from(green),
                blue: U256::from(blue),
            });
            assert_eq!(found, expected, "{blue:?} {green:?}");
        }
    }

    #[test]
    fn a_slot_that_converges_is_forgotten() {
        let mut carry = Carry::default();
        carry.absorb(&outcome(None), &outcome(Some((1, 4))), &chain(1), None);
        carry.absorb(&outcome(Some((1, 4))), &outcome(None), &chain(1), None);
        assert!(carry.slots.is_empty());
    }

    #[test]
    fn a_carried_slot_changed_by_somebody_else_is_noted() {
        let mut carry = Carry::default();
        carry.absorb(&outcome(None), &outcome(Some((1, 4))), &chain(1), None);
        let carry = Arc::new(carry);
        for (value, stale) in [(1, false), (9, true)] {
            let view = Drifted::new(Arc::new(chain(value)), carry.clone());
            assert_eq!(view.storage(A, SLOT), Ok(U256::from(4)));
            assert_eq!(!view.stale().is_empty(), stale, "{value}");
        }
    }
}

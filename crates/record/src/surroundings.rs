//! What is recorded beside the traffic: what an upgrade reads, and what says which proxy it is.

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use cutover_evm::{Environment, EvmError, Request, Touched, simulate, wanted_by_request};
use cutover_types::{
    Account, MemoryState, Missing, State,
    abi::{
        ADMIN_SLOT, BEACON_SLOT, IBeacon, IMPLEMENTATION_SLOT, ZOS_ADMIN_SLOT,
        ZOS_IMPLEMENTATION_SLOT,
    },
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

const SLOTS: [B256; 5] = [
    IMPLEMENTATION_SLOT,
    ADMIN_SLOT,
    BEACON_SLOT,
    ZOS_IMPLEMENTATION_SLOT,
    ZOS_ADMIN_SLOT,
];

/// A state that notes what is read of it.
pub(crate) struct Watched<'a> {
    state: &'a MemoryState,
    touched: Mutex<Touched>,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(state: &'a MemoryState) -> Self {
        Self {
            state,
            touched: Mutex::default(),
        }
    }

    pub(crate) fn into_touched(self) -> Touched {
        self.touched
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) -> MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State for Watched<'_> {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        let account = self.state.account(address)?;
        self.note().accounts.insert(address);
        Ok(account)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        let code = self.state.code(hash)?;
        if !code.is_empty() {
            self.note().codes.insert(hash);
        }
        Ok(code)
    }

    fn storage(&self, address: Address, slot: B256) -> Result<alloy_primitives::U256, Missing> {
        let value = self.state.storage(address, slot)?;
        self.note().slots.entry(address).or_default().insert(slot);
        Ok(value)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        let hash = self.state.block_hash(number)?;
        self.note().block_hashes.insert(number);
        Ok(hash)
    }
}

/// The keys to look at before anything is known.
pub(crate) fn first(proxy: Address) -> impl Iterator<Item = Missing> {
    let slots = SLOTS.map(|slot| Missing::Slot {
        address: proxy,
        slot,
    });
    std::iter::once(Missing::Account { address: proxy }).chain(slots)
}

/// Reads the proxy, what its well-known slots point at, and what `also` reads. Gives the keys it would
/// go on with and that nobody refused yet.
pub(crate) fn look(
    state: &Watched<'_>,
    environment: &Environment,
    proxy: Address,
    also: &[Request],
    refused: &BTreeSet<Missing>,
) -> BTreeSet<Missing> {
    let mut look = Look {
        state,
        environment,
        refused,
        unknown: BTreeSet::new(),
    };
    if look.has_code(proxy) {
        for slot in SLOTS {
            let value = state.storage(proxy, slot).map(B256::from);
            let Some(target) = value.ok().and_then(address) else {
                continue;
            };
            if look.has_code(target) && slot == BEACON_SLOT {
                let call = IBeacon::implementationCall {}.abi_encode();
                let answer = look.call(&Request::call(proxy, target, call));
                let word = answer.and_then(|answer| B256::try_from(&answer[..]).ok());
                if let Some(implementation) = word.and_then(address) {
                    look.has_code(implementation);
                }
            }
        }
    }
    for request in also {
        look.call(request);
    }
    look.unknown.retain(|missing| !refused.contains(missing));
    look.unknown
}

struct Look<'a> {
    state: &'a Watched<'a>,
    environment: &'a Environment,
    refused: &'a BTreeSet<Missing>,
    unknown: BTreeSet<Missing>,
}

impl Look<'_> {
    fn has_code(&mut self, address: Address) -> bool {
        match self.state.account(address) {
            Ok(account) => account.has_code(),
            Err(missing) => {
                self.unknown.insert(missing);
                false
            }
        }
    }

    fn call(&mut self, request: &Request) -> Option<Bytes> {
        match simulate(self.state, self.environment, request) {
            Ok(outcome) => return Some(outcome.output),
            Err(EvmError::Missing(keys)) if keys.difference(self.refused).next().is_some() => {
                self.unknown.extend(keys);
                self.unknown.extend(wanted_by_request(
                    self.state.state,
                    self.environment,
                    request,
                ));
            }
            // A call that cannot be made, or that the node has no state for, is left out.
            Err(_) => {}
        }
        None
    }
}

fn address(word: B256) -> Option<Address> {
    let address = Address::from_word(word);
    (!address.is_zero() && address.into_word() == word).then_some(address)
}

//! What a run will want to know, found out before any of it is known.
//!
//! Fetching one key at a time costs a round trip each. A run that goes on with placeholders asks
//! for many keys at once; its result means nothing and is thrown away. Running again with what was
//! fetched finds the next wave, until nothing is wanted.

use crate::{
    block::BlockRun,
    environment::Environment,
    error::EvmError,
    machine::{Machine, Ran},
    simulate::{self, Request},
    store::Store,
    transaction::SignedTransaction,
};
use alloy_primitives::U256;
use cutover_types::{Missing, State};
use revm::context::TxEnv;
use std::collections::BTreeSet;

/// What unknown slots are taken to hold, one run each. A contract that requires a zero, a flag or a
/// balance stops at a placeholder that is none, and would give one key a wave.
const WORDS: [U256; 3] = [U256::ZERO, U256::ONE, U256::from_limbs([0, 1, 0, 0])];

/// The keys that [`crate::execute`] would miss, as far as can be told now; empty when it would miss
/// none.
///
/// They are guesses, and some may be wanted in vain: a node that refuses one is no failure as long
/// as the real run does not miss it.
pub fn wanted(
    state: &dyn State,
    environment: &Environment,
    tx: &SignedTransaction,
) -> BTreeSet<Missing> {
    guess(|word| {
        let mut store = Store::new(state).guessing(word);
        store.want(tx.sender);
        store.want(environment.beneficiary);
        if let Ok(tx) = tx.to_env() {
            let _ = Speculation::new(environment).run(&mut store, tx);
        }
        store.into_guessed()
    })
}

/// The keys that [`crate::simulate()`] would miss, as far as can be told now; guesses, as those of
/// [`wanted`].
pub fn wanted_by_request(
    state: &dyn State,
    environment: &Environment,
    request: &Request,
) -> BTreeSet<Missing> {
    guess(|word| {
        let mut store = Store::new(state).guessing(word);
        store.want(request.from);
        let _ = simulate::call(&mut store, environment, request);
        store.into_guessed()
    })
}

/// The keys that a [`BlockRun`] of these transactions would miss, as far as can be told now; guesses,
/// as those of [`wanted`].
///
/// [`BlockRun::begin`] misses nothing; see [`wanted_by_begin`].
pub fn wanted_by_block<'t, I>(
    state: &dyn State,
    environment: &Environment,
    transactions: I,
) -> BTreeSet<Missing>
where
    I: IntoIterator<Item = &'t SignedTransaction, IntoIter: Clone>,
{
    let transactions = transactions.into_iter();
    guess(|word| BlockRun::guess(state, environment, transactions.clone(), word))
}

/// All that the runs want; nothing when the first wants nothing, since then it guessed nothing.
fn guess(run: impl Fn(U256) -> BTreeSet<Missing>) -> BTreeSet<Missing> {
    let mut keys = BTreeSet::new();
    for word in WORDS {
        keys.extend(run(word));
        if keys.is_empty() {
            break;
        }
    }
    keys
}

/// The keys that [`BlockRun::begin`] can do without, but that an engine which makes the system calls
/// itself, such as anvil, reads: worth fetching where a node gives them.
pub fn wanted_by_begin(state: &dyn State, environment: &Environment) -> BTreeSet<Missing> {
    BlockRun::guess_begin(state, environment)
}

/// Runs transactions whether or not they could be included.
pub(crate) struct Speculation {
    strict: Machine,
    lenient: Machine,
}

impl Speculation {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self {
            strict: Machine::strict(environment),
            lenient: Machine::lenient(environment),
        }
    }

    /// As in the block where that works; else, placeholders being in the way, without checks.
    pub(crate) fn run(&self, store: &mut Store<'_>, tx: TxEnv) -> Result<Ran, EvmError> {
        match self.strict.run(store, tx.clone()) {
            Err(EvmError::Invalid { .. }) => self.lenient.run(store, unpaid(tx)),
            ran => ran,
        }
    }
}

/// The same transaction for a sender who may have nothing.
fn unpaid(mut tx: TxEnv) -> TxEnv {
    tx.gas_price = 0;
    tx.gas_priority_fee = tx.gas_priority_fee.map(|_| 0);
    // Value and blob fee together must stay a number.
    tx.value = tx.value.min(U256::from(u128::MAX));
    tx
}

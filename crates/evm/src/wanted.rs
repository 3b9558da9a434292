//! What a run will want to know, found out before any of it is known.
//!
//! Fetching one key at a time costs a round trip each. A run that goes on with placeholders asks
//! for many keys at once; its result means nothing and is thrown away. Running again with what was
//! fetched finds the next wave, until nothing is wanted.

use crate::{
    block::BlockRun,
    environment::Environment,
    machine::Machine,
    simulate::{self, Request},
    store::Store,
    transaction::SignedTransaction,
};
use alloy_primitives::U256;
use cutover_types::{Missing, State};
use revm::context::TxEnv;
use std::collections::BTreeSet;

/// The keys that [`crate::execute`] would miss, as far as can be told now; empty when it would miss
/// none.
pub fn wanted(
    state: &dyn State,
    environment: &Environment,
    tx: &SignedTransaction,
) -> BTreeSet<Missing> {
    let mut store = Store::new(state).guessing();
    store.want(tx.sender);
    store.want(environment.beneficiary);
    if let Ok(tx) = tx.to_env() {
        let _ = Machine::lenient(environment).run(&mut store, unpaid(tx));
    }
    store.into_guessed()
}

/// The keys that [`crate::simulate()`] would miss, as far as can be told now.
pub fn wanted_by_request(
    state: &dyn State,
    environment: &Environment,
    request: &Request,
) -> BTreeSet<Missing> {
    let mut store = Store::new(state).guessing();
    store.want(request.from);
    let _ = simulate::call(&mut store, environment, request);
    store.into_guessed()
}

/// The keys that a [`BlockRun`] of these transactions would miss, as far as can be told now.
///
/// [`BlockRun::begin`] misses nothing; see [`wanted_by_begin`].
pub fn wanted_by_block<'t>(
    state: &dyn State,
    environment: &Environment,
    transactions: impl IntoIterator<Item = &'t SignedTransaction>,
) -> BTreeSet<Missing> {
    BlockRun::guess(state, environment, transactions)
}

/// The keys that [`BlockRun::begin`] can do without, but that an engine which makes the system calls
/// itself, such as anvil, reads: worth fetching where a node gives them.
pub fn wanted_by_begin(state: &dyn State, environment: &Environment) -> BTreeSet<Missing> {
    BlockRun::guess_begin(state, environment)
}

/// The same transaction for a sender who may have nothing.
pub(crate) fn unpaid(mut tx: TxEnv) -> TxEnv {
    tx.gas_price = 0;
    tx.gas_priority_fee = tx.gas_priority_fee.map(|_| 0);
    // Value and blob fee together must stay a number.
    tx.value = tx.value.min(U256::from(u128::MAX));
    tx
}

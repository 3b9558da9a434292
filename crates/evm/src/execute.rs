//! One signed transaction on one state.

use crate::{
    environment::Environment,
    error::EvmError,
    machine::{self, Machine},
    store::Store,
    transaction::SignedTransaction,
};
use cutover_types::{Outcome, State};

/// Runs a signed transaction on a state with every check a block makes: chain, nonce, balance,
/// fees, limits.
///
/// The diff holds real changes only, gas payment and tip included. Calls to precompiles are among
/// the calls. Of one execution the first 100,000 calls are kept, and calldata and return data in
/// full up to 64 MiB together, then their first 36 bytes.
///
/// # Errors
/// [`EvmError::Missing`] when the state does not know a key it needs, [`EvmError::Invalid`] when no
/// block could include it here.
pub fn execute(
    state: &dyn State,
    environment: &Environment,
    tx: &SignedTransaction,
) -> Result<Outcome, EvmError> {
    let mut store = Store::new(state);
    let (ran, recorder) = Machine::strict(environment).inspect(&mut store, tx.to_env()?)?;
    let (diff, _) = store.commit(ran.state);
    Ok(machine::outcome(ran.result, diff, recorder))
}

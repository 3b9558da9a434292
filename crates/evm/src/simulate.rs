//! A call nobody signed, as `eth_call` makes it, with everything it does.

use crate::{
    environment::Environment,
    error::{EvmError, Fault},
    machine::{self, Machine, Ran},
    recorder::Recorder,
    store::Store,
};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use cutover_types::{Outcome, State, StateDiff};
use revm::context::TxEnv;

/// The most gas a call gets that names no limit; bounds a hostile contract on a chain whose blocks
/// have no real limit.
pub const CALL_GAS: u64 = 100_000_000;

/// A call from anyone, a contract too, without signature, nonce or fees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Sender.
    pub from: Address,
    /// Receiver; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Calldata, or init code.
    pub data: Bytes,
    /// Gas; without it the block's limit, at most [`CALL_GAS`].
    pub gas_limit: Option<u64>,
}

impl Request {
    /// A plain call without value.
    pub fn call(from: Address, to: Address, data: impl Into<Bytes>) -> Self {
        Self {
            from,
            to: Some(to),
            data: data.into(),
            ..Self::default()
        }
    }

    /// The creation of a contract.
    pub fn create(from: Address, init_code: impl Into<Bytes>) -> Self {
        Self {
            from,
            data: init_code.into(),
            ..Self::default()
        }
    }

    pub(crate) fn to_env(&self, environment: &Environment) -> TxEnv {
        TxEnv {
            tx_type: 0,
            caller: self.from,
            gas_limit: self
                .gas_limit
                .unwrap_or(environment.gas_limit.min(CALL_GAS)),
            gas_price: 0,
            kind: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value,
            data: self.data.clone(),
            nonce: 0,
            chain_id: Some(environment.chain_id),
            access_list: Default::default(),
            gas_priority_fee: None,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: Vec::new(),
        }
    }
}

impl From<&cutover_types::Call> for Request {
    /// The call with no sender yet.
    fn from(call: &cutover_types::Call) -> Self {
        Self {
            to: Some(call.to),
            value: call.value,
            data: call.data.clone(),
            ..Self::default()
        }
    }
}

/// Runs a call on a state and gives its outcome with diff, logs and calls.
///
/// Nonce, balance and fees are not checked and no gas is paid; `GASPRICE` is zero, `BASEFEE` the
/// block's. The gas used includes the intrinsic gas of a transaction. The sender's nonce is that of
/// a call, so it changes only by contracts the sender itself creates meanwhile. A sender with less
/// than the value is taken to have just the value; the diff then starts at what it really has.
///
/// # Errors
/// [`EvmError::Missing`] when the state does not know a key it needs, [`EvmError::Invalid`] when the
/// call cannot start, for lack of gas or because the init code is too large.
pub fn simulate(
    state: &dyn State,
    environment: &Environment,
    request: &Request,
) -> Result<Outcome, EvmError> {
    let mut store = Store::new(state);
    let (ran, diff, recorder) = call(&mut store, environment, request)?;
    Ok(machine::outcome(ran, diff, recorder))
}

type Called = (revm::context::result::ExecutionResult, StateDiff, Recorder);

/// Makes the call and commits it.
pub(crate) fn call(
    store: &mut Store<'_>,
    environment: &Environment,
    request: &Request,
) -> Result<Called, EvmError> {
    // revm counts the call as a transaction of the sender. Contracts the sender creates in it must
    // get the addresses they will have, so the sender starts one lower where it can.
    let lowered = request.to.is_some() && lower_nonce(store, request.from)?;
    let ran = Machine::lenient(environment).inspect(store, request.to_env(environment));
    if lowered {
        raise_nonce(store, request.from)?;
    }
    let (Ran { result, mut state }, recorder) = ran?;
    if !lowered && let Some(sender) = state.get_mut(&request.from) {
        sender.info.nonce = sender.info.nonce.saturating_sub(1);
    }
    let (diff, _) = store.commit(state);
    Ok((result, diff, recorder))
}

fn lower_nonce(store: &mut Store<'_>, sender: Address) -> Result<bool, EvmError> {
    let account = store.account_mut(sender).map_err(fault)?;
    let can = account.nonce > 0;
    account.nonce = account.nonce.saturating_sub(1);
    Ok(can)
}

fn raise_nonce(store: &mut Store<'_>, sender: Address) -> Result<(), EvmError> {
    let account = store.account_mut(sender).map_err(fault)?;
    account.nonce = account.nonce.saturating_add(1);
    Ok(())
}

fn fault(fault: Fault) -> EvmError {
    revm::context::result::EVMError::Database(fault).into()
}

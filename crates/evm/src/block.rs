//! The transactions of a block in order, each on what the ones before it left.

use crate::{
    changes::{Changes, View},
    environment::Environment,
    error::EvmError,
    machine::{self, Machine},
    store::Store,
    touched::Touched,
    transaction::SignedTransaction,
    wanted::unpaid,
};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::{BEACON_ROOTS_ADDRESS, SYSTEM_ADDRESS},
};
use alloy_primitives::{Address, B256, Log};
use cutover_types::{Hardfork, Missing, Outcome, State, StateDiff, Status, execution::merge_diff};
use revm::{context::result::ExecutionResult, state::EvmState};
use std::collections::BTreeSet;

/// What a receipt says about a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How it ended.
    pub status: Status,
    /// Gas used, refund subtracted.
    pub gas_used: u64,
    /// Logs in order.
    pub logs: Vec<Log>,
}

impl From<Outcome> for Summary {
    fn from(outcome: Outcome) -> Self {
        Self {
            status: outcome.status,
            gas_used: outcome.gas_used,
            logs: outcome.logs,
        }
    }
}

impl From<ExecutionResult> for Summary {
    fn from(result: ExecutionResult) -> Self {
        let gas_used = result.tx_gas_used();
        let (status, logs) = match result {
            ExecutionResult::Success { logs, .. } => (Status::Success, logs),
            ExecutionResult::Revert { .. } => (Status::Revert, Vec::new()),
            ExecutionResult::Halt { .. } => (Status::Halt, Vec::new()),
        };
        Self {
            status,
            gas_used,
            logs,
        }
    }
}

/// Runs the transactions of a block in order over the state of its parent.
///
/// Call [`begin`](Self::begin) first. A transaction that fails to run leaves no trace: after
/// [`EvmError::Missing`] the same one can be tried again only in a new run over a state that knows
/// more.
pub struct BlockRun<'a> {
    environment: Environment,
    machine: Machine,
    store: Store<'a>,
    changes: Changes,
    diff: StateDiff,
}

impl<'a> BlockRun<'a> {
    /// A run over `state`, the state of the parent block.
    pub fn new(state: &'a dyn State, environment: Environment) -> Self {
        Self::on(Store::new(state), environment)
    }

    fn on(store: Store<'a>, environment: Environment) -> Self {
        Self {
            machine: Machine::strict(&environment),
            store,
            changes: Changes::default(),
            diff: StateDiff::new(),
            environment,
        }
    }

    /// Does what the protocol does before the first transaction: stores the parent's beacon root
    /// (EIP-4788, Cancun) and hash (EIP-2935, Prague).
    ///
    /// # Errors
    /// [`EvmError::Missing`] when the state does not know a key they need.
    pub fn begin(&mut self) -> Result<(), EvmError> {
        if self.environment.number == 0 {
            return Ok(());
        }
        let root = self.environment.parent_beacon_root;
        if let Some(root) = root.filter(|_| self.environment.hardfork >= Hardfork::Cancun) {
            self.system_call(BEACON_ROOTS_ADDRESS, root)?;
        }
        if self.environment.hardfork >= Hardfork::Prague {
            self.system_call(HISTORY_STORAGE_ADDRESS, self.environment.parent_hash)?;
        }
        Ok(())
    }

    fn system_call(&mut self, target: Address, word: B256) -> Result<(), EvmError> {
        // The caller is no account; nodes have nothing to say about it.
        self.store.assume(SYSTEM_ADDRESS);
        let state = self
            .machine
            .system_call(&mut self.store, target, word.into())?;
        self.commit(state);
        Ok(())
    }

    /// Runs the next transaction and gives everything it did.
    ///
    /// # Errors
    /// As [`crate::execute`].
    pub fn next(&mut self, tx: &SignedTransaction) -> Result<Outcome, EvmError> {
        let (ran, recorder) = self.machine.inspect(&mut self.store, tx.to_env()?)?;
        let diff = self.commit(ran.state);
        Ok(machine::outcome(ran.result, diff, recorder))
    }

    /// Runs the next transaction for its effects: as [`next`](Self::next), but without calls and
    /// diff, and faster.
    ///
    /// # Errors
    /// As [`crate::execute`].
    pub fn next_quiet(&mut self, tx: &SignedTransaction) -> Result<Summary, EvmError> {
        let ran = self.machine.run(&mut self.store, tx.to_env()?)?;
        self.commit(ran.state);
        Ok(ran.result.into())
    }

    fn commit(&mut self, state: EvmState) -> StateDiff {
        let (diff, layer) = self.store.commit(state);
        self.changes.push(layer);
        merge_diff(&mut self.diff, &diff);
        diff
    }

    /// What has changed since the parent block.
    pub fn diff(&self) -> &StateDiff {
        &self.diff
    }

    /// What has changed since the parent block, to keep: a cheap copy that later transactions do
    /// not reach, and that can be laid over any [`State`] equal to the parent's.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// The state the next transaction will run on, to keep.
    pub fn view(&self) -> View<&'a dyn State> {
        self.changes.over(self.store.base())
    }

    /// What was read of the parent's state so far.
    pub fn touched(&self) -> &Touched {
        self.store.touched()
    }

    /// Runs everything on placeholders; see [`crate::wanted_by_block`].
    pub(crate) fn guess<'t>(
        state: &'a dyn State,
        environment: &Environment,
        transactions: impl IntoIterator<Item = &'t SignedTransaction>,
    ) -> BTreeSet<Missing> {
        let mut run = Self::on(Store::guessing(state), environment.clone());
        run.machine = Machine::lenient(environment);
        run.store.want(environment.beneficiary);
        let _ = run.begin();
        for tx in transactions {
            run.store.want(tx.sender);
            if let Ok(tx) = tx.to_env()
                && let Ok(ran) = run.machine.run(&mut run.store, unpaid(tx))
            {
                run.store.commit(ran.state);
            }
        }
        run.store.into_guessed()
    }
}

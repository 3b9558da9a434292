//! The transactions of a block in order, each on what the ones before it left.

use crate::{
    changes::{Changes, Layer, View},
    environment::Environment,
    error::EvmError,
    hashes::Hashes,
    machine::{self, Machine},
    store::Store,
    touched::Touched,
    transaction::SignedTransaction,
    wanted::Speculation,
};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::{BEACON_ROOTS_ADDRESS, SYSTEM_ADDRESS},
};
use alloy_primitives::{Address, B256, Log, U256};
use cutover_types::{
    Hardfork, Missing, Outcome, State, StateDiff, Status, execution::merge_diff, storage::Preimages,
};
use revm::{context::result::ExecutionResult, state::EvmState};
use std::collections::BTreeSet;

/// Length of the ring buffers of EIP-4788 and EIP-2935.
const RING: u64 = 8191;

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

/// What a transaction did to the storage of one account.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What its receipt says.
    pub summary: Summary,
    /// The slots it left changed.
    pub written: BTreeSet<B256>,
    /// What was hashed on the way: the keys of mappings.
    pub preimages: Preimages,
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
        Self {
            machine: Machine::strict(&environment),
            store: Store::new(state),
            changes: Changes::default(),
            diff: StateDiff::new(),
            environment,
        }
    }

    /// Does what the protocol does before the first transaction: stores the parent's beacon root
    /// (EIP-4788, Cancun) and hash (EIP-2935, Prague).
    ///
    /// Where the state does not know their contracts, the slots they set are set by the rule, so
    /// a block that never reads them runs without them.
    ///
    /// # Errors
    /// [`EvmError::WrongCode`] when the state holds a wrong code for them.
    pub fn begin(&mut self) -> Result<(), EvmError> {
        let Environment {
            number, timestamp, ..
        } = self.environment;
        let ring = |n: u64| U256::from(n % RING);
        if number == 0 {
            return Ok(());
        }
        if let Some(root) = self.environment.parent_beacon_root {
            let slots = [
                (ring(timestamp), U256::from(timestamp)),
                (ring(timestamp) + U256::from(RING), root.into()),
            ];
            self.system_call(BEACON_ROOTS_ADDRESS, root, &slots)?;
        }
        if self.environment.hardfork >= Hardfork::Prague {
            let parent = self.environment.parent_hash;
            let slots = [(ring(number - 1), parent.into())];
            self.system_call(HISTORY_STORAGE_ADDRESS, parent, &slots)?;
        }
        Ok(())
    }

    fn system_call(
        &mut self,
        target: Address,
        word: B256,
        slots: &[(U256, U256)],
    ) -> Result<(), EvmError> {
        // The caller is no account; nodes have nothing to say about it.
        self.store.assume(SYSTEM_ADDRESS);
        let called = self
            .machine
            .system_call(&mut self.store, target, word.into());
        let (diff, layer) = match called {
            Ok(state) => self.store.commit(state),
            Err(EvmError::Missing(_)) => self.store.rule(target, slots),
            Err(other) => return Err(other),
        };
        self.keep(&diff, layer);
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

    /// Runs the next transaction for what it does to the storage of `account`.
    ///
    /// # Errors
    /// As [`crate::execute`].
    pub fn next_stored(
        &mut self,
        tx: &SignedTransaction,
        account: Address,
    ) -> Result<Stored, EvmError> {
        let hashes = Hashes::of(account);
        let (ran, hashes) = self.machine.watch(&mut self.store, tx.to_env()?, hashes)?;
        let diff = self.commit(ran.state);
        let written = diff.get(&account).map(|diff| diff.storage.keys().copied());
        Ok(Stored {
            summary: ran.result.into(),
            written: written.into_iter().flatten().collect(),
            preimages: hashes.preimages,
        })
    }

    fn commit(&mut self, state: EvmState) -> StateDiff {
        let (diff, layer) = self.store.commit(state);
        self.keep(&diff, layer);
        diff
    }

    fn keep(&mut self, diff: &StateDiff, layer: Layer) {
        self.changes.push(layer);
        merge_diff(&mut self.diff, diff);
        // What went back to what it was has not changed since the parent.
        for (address, later) in diff {
            let Some(account) = self.diff.get_mut(address) else {
                continue;
            };
            account
                .balance
                .take_if(|change| change.before == change.after);
            account
                .nonce
                .take_if(|change| change.before == change.after);
            account.code.take_if(|change| change.before == change.after);
            for slot in later.storage.keys() {
                let change = account.storage.get(slot);
                if change.is_some_and(|change| change.before == change.after) {
                    account.storage.remove(slot);
                }
            }
            if account.is_empty() {
                self.diff.remove(address);
            }
        }
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
        transactions: impl Iterator<Item = &'t SignedTransaction>,
        word: U256,
    ) -> BTreeSet<Missing> {
        let mut run = Self::new(state, environment.clone());
        let speculation = Speculation::new(environment);
        let _ = run.begin();
        run.store = run.store.guessing(word);
        run.store.want(environment.beneficiary);
        for tx in transactions {
            run.store.guess_anew();
            run.store.want(tx.sender);
            if let Ok(tx) = tx.to_env()
                && let Ok(ran) = speculation.run(&mut run.store, tx)
            {
                run.store.commit(ran.state);
            }
        }
        run.store.into_guessed()
    }

    /// Makes the system calls on placeholders; see [`crate::wanted_by_begin`].
    pub(crate) fn guess_begin(
        state: &'a dyn State,
        environment: &Environment,
    ) -> BTreeSet<Missing> {
        let mut run = Self::new(state, environment.clone());
        run.store = run.store.guessing(U256::ZERO);
        let _ = run.begin();
        run.store.into_guessed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_what_they_leave_can_go_to_other_threads() {
        fn movable<T: Send>() {}
        movable::<BlockRun<'_>>();
        movable::<View<std::sync::Arc<dyn State>>>();
        movable::<Changes>();
    }
}

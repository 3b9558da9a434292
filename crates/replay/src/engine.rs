//! What executes one transaction on one view of the state.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use async_trait::async_trait;
use cutover_evm::{Environment, EvmError, Request, SignedTransaction, execute, simulate};
use cutover_types::{
    Missing, Outcome, State, StateDiff,
    execution::{Change, Status},
};
use std::{collections::BTreeSet, sync::Arc};

use crate::view::Layered;

/// The upgrade, to be executed before the transaction.
#[derive(Clone, Debug)]
pub struct Step {
    /// Who sends it.
    pub from: Address,
    /// To which contract.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// What must be there first: green's code, an account that can pay.
    pub place: StateDiff,
    /// The account and slot that must hold green afterwards.
    pub pointer: (Address, B256),
    /// Bytes of the slot below green.
    pub offset: u8,
    /// Green.
    pub green: Address,
    /// Logs of the calls that went before.
    pub logs: Vec<Log>,
}

/// One execution to do.
pub struct Job<'a> {
    /// The block.
    pub environment: &'a Environment,
    /// The state the transaction runs on, before the upgrade.
    pub view: Arc<dyn State>,
    /// Green: the upgrade goes first.
    pub upgrade: Option<&'a Step>,
    /// What to execute.
    pub transaction: &'a SignedTransaction,
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Executed {
    /// Of the upgrade, if the job had one.
    pub upgrade: Option<Outcome>,
    /// Of the transaction; its changes alone.
    pub outcome: Outcome,
}

/// Why a job gave no outcome.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// State that is not known.
    #[error("{}", list(.0))]
    Missing(BTreeSet<Missing>),
    /// The upgrade itself does not work.
    #[error("{why}")]
    Upgrade {
        /// What it did.
        outcome: Box<Outcome>,
        /// What is wrong with that.
        why: String,
    },
    /// The transaction cannot be included on this state.
    #[error("the transaction cannot be included: {reason}")]
    Invalid {
        /// Why not.
        reason: String,
    },
    /// The fork mined the block without the transaction.
    #[error("the fork left the transaction out of its block: {why}")]
    Dropped {
        /// What is known about it.
        why: String,
    },
    /// The engine itself failed.
    #[error("{0}")]
    Broken(String),
}

fn list(missing: &BTreeSet<Missing>) -> String {
    match missing.first() {
        None => "state is missing".to_owned(),
        Some(key) if missing.len() == 1 => key.to_string(),
        Some(key) => format!("{key}, nor are {} more keys", missing.len() - 1),
    }
}

impl From<EvmError> for EngineError {
    fn from(error: EvmError) -> Self {
        match error {
            EvmError::Missing(keys) => Self::Missing(keys),
            EvmError::Invalid { reason } => Self::Invalid { reason },
            other => Self::Broken(other.to_string()),
        }
    }
}

/// Executes jobs, one after the other.
#[async_trait(?Send)]
pub trait Engine: Send {
    /// Executes one job.
    async fn execute(&mut self, job: &Job<'_>) -> Result<Executed, EngineError>;
}

/// revm in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct RevmEngine {
    /// Look ahead for all the keys a job is going to miss, where they can be fetched.
    pub speculate: bool,
}

#[async_trait(?Send)]
impl Engine for RevmEngine {
    async fn execute(&mut self, job: &Job<'_>) -> Result<Executed, EngineError> {
        self.run(job)
    }
}

impl RevmEngine {
    /// Executes a job; it never waits.
    pub fn run(&self, job: &Job<'_>) -> Result<Executed, EngineError> {
        let (view, upgrade) = match job.upgrade {
            None => (job.view.clone(), None),
            Some(step) => {
                let (view, outcome) = self.upgrade(job.environment, &job.view, step)?;
                (view, Some(outcome))
            }
        };
        match execute(&*view, job.environment, job.transaction) {
            Ok(outcome) => Ok(Executed { upgrade, outcome }),
            Err(EvmError::Missing(mut keys)) => {
                if self.speculate {
                    keys.extend(cutover_evm::wanted(
                        &*view,
                        job.environment,
                        job.transaction,
                    ));
                }
                Err(EngineError::Missing(keys))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Executes the upgrade and lays it over `view`; the sender's nonce and fees stay as they were,
    /// for they are the upgrade's and not the transaction's.
    pub fn upgrade(
        &self,
        environment: &Environment,
        view: &Arc<dyn State>,
        step: &Step,
    ) -> Result<(Arc<dyn State>, Outcome), EngineError> {
        let placed = Layered::share(view.clone(), step.place.clone());
        let request = Request {
            from: step.from,
            to: Some(step.to),
            data: step.data.clone(),
            ..Request::default()
        };
        let outcome = match simulate(&*placed, environment, &request) {
            Ok(outcome) => outcome,
            Err(EvmError::Missing(mut keys)) => {
                if self.speculate {
                    keys.extend(cutover_evm::wanted_by_request(
                        &*placed,
                        environment,
                        &request,
                    ));
                }
                return Err(EngineError::Missing(keys));
            }
            Err(other) => return Err(other.into()),
        };
        let after = Layered::share(placed, outcome.diff.clone());
        check_upgrade(&outcome, &*after, step)?;
        Ok((after, outcome))
    }
}

/// Takes the nonce that the sending of `outcome` itself used out of its changes.
pub(crate) fn settle_sender(outcome: &mut Outcome, sender: Address) {
    let Some(account) = outcome.diff.get_mut(&sender) else {
        return;
    };
    account.nonce = account.nonce.take().and_then(|change| {
        let after = change.after.saturating_sub(1);
        (after != change.before).then_some(Change {
            before: change.before,
            after,
        })
    });
    if account.is_empty() {
        outcome.diff.remove(&sender);
    }
}

/// Whether the upgrade succeeded and the proxy points at green.
pub(crate) fn check_upgrade(
    outcome: &Outcome,
    after: &dyn State,
    step: &Step,
) -> Result<(), EngineError> {
    let fail = |why: String| {
        Err(EngineError::Upgrade {
            outcome: Box::new(outcome.clone()),
            why,
        })
    };
    if outcome.status != Status::Success {
        let reason = crate::compare::reason(outcome, None)
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        return fail(format!("the upgrade call fails{reason}"));
    }
    let (holder, slot) = step.pointer;
    let found = after
        .storage(holder, slot)
        .map_err(|missing| EngineError::Missing(BTreeSet::from([missing])))?;
    let runs = points_at(found, step.offset);
    if runs != step.green {
        return fail(format!(
            "the upgrade call succeeds, but slot {slot} of {holder} holds {runs} instead of {}",
            step.green
        ));
    }
    Ok(())
}

/// The address in a slot.
pub(crate) fn points_at(value: U256, offset: u8) -> Address {
    cutover_types::address::in_word(value.into(), offset)
}

//! The anvil engine: a fork of one view of the state, made anew for every transaction.
//!
//! anvil forks a server on loopback that answers from the view, so the fork needs no node, and a key
//! nobody recorded is refused there and known by name here.

use crate::{
    engine::{Engine, EngineError, Executed, Job, Step, check_upgrade, settle_sender},
    view::Layered,
};
use alloy_consensus::Transaction as _;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::U256;
use async_trait::async_trait;
use cutover_chain::{
    ChainError, Facade, ViewArchive,
    anvil::{AnvilError, AnvilOptions, Execution, Fork, NextBlock, Upgrade},
};
use cutover_evm::{Environment, SignedTransaction};
use cutover_types::{
    AccountDiff, Change, Hardfork, Missing, Outcome, RecordedBlock, State, StateDiff,
    execution::EnvironmentRead,
};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

/// Gas the upgrade may use; what it does not use is not taken from the transaction.
const UPGRADE_GAS: u64 = 30_000_000;

/// One anvil, forked at the parent of one block.
pub struct AnvilEngine {
    // Ends before the server it reads from.
    fork: Fork,
    facade: Facade,
    archive: Arc<ViewArchive>,
}

impl AnvilEngine {
    /// Starts a fork for the transactions of `block`, on `view` to begin with.
    ///
    /// # Errors
    /// When anvil or the server it forks from does not start.
    pub async fn start(
        chain_id: u64,
        block: &RecordedBlock,
        view: Arc<dyn State>,
        program: Option<&PathBuf>,
    ) -> Result<Self, ChainError> {
        let archive = Arc::new(ViewArchive::new(
            chain_id,
            block.parent.clone(),
            &block.header,
        ));
        archive.set_view(view);
        let facade = Facade::start(archive.clone(), 0).await?;
        let parent = block.header.number.saturating_sub(1);
        let rules = Hardfork::of(chain_id, &block.header).ok_or(ChainError::NoSuchBlock {
            number: block.header.number,
        })?;
        let fork = Fork::start(&AnvilOptions {
            program: program.cloned(),
            chain_id: Some(chain_id),
            ..AnvilOptions::green(facade.url(), parent, rules)
        })
        .await?;
        Ok(Self {
            fork,
            facade,
            archive,
        })
    }
}

#[async_trait(?Send)]
impl Engine for AnvilEngine {
    async fn execute(&mut self, job: &Job<'_>) -> Result<Executed, EngineError> {
        let view = match job.upgrade {
            None => job.view.clone(),
            Some(step) => prepared(job, step)?,
        };
        self.archive.set_view(view);
        self.facade.clear_misses();
        let upgrade = job.upgrade.map(|step| Upgrade {
            from: step.from,
            to: step.to,
            data: step.data.clone(),
            gas: Some(UPGRADE_GAS),
        });
        let environment = job.environment;
        let execution = Execution {
            block: NextBlock {
                base_fee: Some(environment.base_fee),
                timestamp: Some(environment.timestamp),
                coinbase: Some(environment.beneficiary),
                gas_limit: Some(environment.gas_limit),
            },
            place: None,
            upgrade: upgrade.as_ref(),
            raw: &job.transaction.raw,
        };
        let executed = self.fork.execute(&execution).await;
        // Whatever anvil made of a refused key, it is not an answer.
        let missed: BTreeSet<Missing> = self.facade.misses().into_iter().collect();
        if !missed.is_empty() {
            return Err(EngineError::Missing(missed));
        }
        let executed = executed.map_err(failed)?;
        let upgrade = match (job.upgrade, executed.upgrade) {
            (Some(step), Some(mut upgrade)) => {
                settle_sender(&mut upgrade, step.from);
                let view = Layered::share(job.view.clone(), step.place.clone());
                let after = Layered::share(view, upgrade.diff.clone());
                check_upgrade(&upgrade, &*after, step)?;
                Some(upgrade)
            }
            _ => None,
        };
        Ok(Executed {
            upgrade,
            outcome: executed.outcome,
        })
    }
}

fn failed(error: AnvilError) -> EngineError {
    match error {
        AnvilError::Refused { message, .. } => EngineError::Dropped { why: message },
        error @ AnvilError::Dropped { .. } => EngineError::Dropped {
            why: error.to_string(),
        },
        other => EngineError::Broken(other.to_string()),
    }
}

/// The state with green in place and a sender that can pay for the upgrade and send it without
/// using up a nonce the transaction needs.
fn prepared(job: &Job<'_>, step: &Step) -> Result<Arc<dyn State>, EngineError> {
    let view = Layered::share(job.view.clone(), step.place.clone());
    let account = view
        .account(step.from)
        .map_err(|missing| EngineError::Missing(BTreeSet::from([missing])))?;
    let mut change = AccountDiff::default();
    let fee = U256::from(UPGRADE_GAS) * U256::from(job.environment.base_fee);
    let mut needed = fee;
    if job.transaction.sender == step.from {
        let envelope = &job.transaction.envelope;
        let most = envelope.max_fee_per_gas() * u128::from(envelope.gas_limit());
        needed += envelope.value() + U256::from(most);
        let Some(before) = account.nonce.checked_sub(1) else {
            return Err(EngineError::Broken(
                "it is the first transaction of the account that also sends the upgrade".into(),
            ));
        };
        change.nonce = Some(Change {
            before: account.nonce,
            after: before,
        });
    }
    if account.balance < needed {
        change.balance = Some(Change {
            before: account.balance,
            after: account.balance + fee,
        });
    }
    Ok(match change.is_empty() {
        true => view,
        false => Layered::share(view, StateDiff::from([(step.from, change)])),
    })
}

/// What of a transaction a fork in anvil cannot imitate, if it does such a thing.
pub(crate) fn limits(
    outcome: &Outcome,
    environment: &Environment,
    transaction: &SignedTransaction,
) -> Option<&'static str> {
    let reads = |what| outcome.environment.contains(&what);
    let roots = |outcome: &Outcome| {
        outcome
            .calls
            .iter()
            .any(|frame| frame.to == BEACON_ROOTS_ADDRESS)
    };
    if reads(EnvironmentRead::Prevrandao) && environment.prevrandao.is_some() {
        Some("reads PREVRANDAO, which anvil cannot set")
    } else if reads(EnvironmentRead::Blobbasefee) {
        Some("reads the blob base fee, which anvil cannot set")
    } else if roots(outcome) {
        Some("reads the beacon root, which anvil cannot set")
    } else if reads(EnvironmentRead::Blockhash) {
        Some("reads BLOCKHASH, which can differ on a fork")
    } else if transaction.envelope.is_eip7702() {
        Some(
            "delegates by EIP-7702, with a refund for an account a fork cannot tell from an absent one",
        )
    } else {
        None
    }
}

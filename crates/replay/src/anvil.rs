//! The anvil engine: a fork of one view of the state.

use crate::engine::{Engine, EngineError, Executed, Job};
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use async_trait::async_trait;
use cutover_chain::ChainError;
use cutover_evm::{Environment, SignedTransaction};
use cutover_types::{Outcome, RecordedBlock, execution::EnvironmentRead};
use std::path::PathBuf;

/// One anvil, forked at the parent of one block.
pub struct AnvilEngine {
    raised: bool,
}

impl AnvilEngine {
    /// Starts a fork for the transactions of `block`.
    ///
    /// # Errors
    /// When anvil or the server it forks from does not start.
    pub async fn start(
        _chain_id: u64,
        _block: &RecordedBlock,
        _program: Option<&PathBuf>,
    ) -> Result<Self, ChainError> {
        Err(ChainError::Unsupported {
            method: "anvil".into(),
        })
    }

    /// Whether the last job needed more room than its block has.
    pub fn raised_gas_limit(&self) -> bool {
        self.raised
    }
}

#[async_trait]
impl Engine for AnvilEngine {
    async fn execute(&mut self, _job: &Job<'_>) -> Result<Executed, EngineError> {
        Err(EngineError::Broken("no".into()))
    }
}

/// What of a transaction a fork in anvil cannot imitate, if it does such a thing.
pub(crate) fn limits(
    outcome: &Outcome,
    environment: &Environment,
    transaction: &SignedTransaction,
) -> Option<&'static str> {
    let reads = |what| outcome.environment.contains(&what);
    if reads(EnvironmentRead::Prevrandao) {
        Some("reads PREVRANDAO, which anvil cannot set")
    } else if reads(EnvironmentRead::Blobbasefee) {
        Some("reads the blob base fee, which anvil cannot set")
    } else if outcome
        .calls
        .iter()
        .any(|frame| frame.to == BEACON_ROOTS_ADDRESS)
    {
        Some("reads the beacon root, which anvil cannot set")
    } else if reads(EnvironmentRead::Blockhash) {
        Some("reads BLOCKHASH, which differs on a fork")
    } else if transaction.envelope.is_eip7702() {
        Some(
            "delegates by EIP-7702, whose refund for an account a fork cannot tell from an absent one differs",
        )
    } else if reads(EnvironmentRead::Gaslimit) && environment.gas_limit == 0 {
        Some("reads GASLIMIT")
    } else {
        None
    }
}

//! Why an execution gave no outcome.

use alloy_primitives::B256;
use cutover_types::Missing;
use revm::{
    context::result::{EVMError, InvalidTransaction},
    database_interface::DBErrorMarker,
};
use std::collections::BTreeSet;
use thiserror::Error;

/// Why an execution gave no outcome. A transaction that reverts is an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvmError {
    /// The state does not know these keys; at least one.
    #[error("{}", first(.0))]
    Missing(BTreeSet<Missing>),
    /// No block could include this transaction here: nonce, balance, fees, limits.
    #[error("the transaction cannot be included: {reason}")]
    Invalid {
        /// What it violates.
        reason: String,
    },
    /// The state holds a code that does not have the hash it is filed under.
    #[error("the code filed under {hash} has the hash {computed}")]
    WrongCode {
        /// The hash asked for.
        hash: B256,
        /// The hash of what the state answered.
        computed: B256,
    },
    /// The bytes are no signed transaction.
    #[error("not a signed transaction: {reason}")]
    Undecodable {
        /// What is wrong with them.
        reason: String,
    },
    /// Cutover does not execute this.
    #[error("{what} is not supported")]
    Unsupported {
        /// What.
        what: String,
    },
}

impl EvmError {
    /// The keys to fetch before running again, if that is what stopped it.
    pub fn missing(&self) -> Option<&BTreeSet<Missing>> {
        match self {
            Self::Missing(keys) => Some(keys),
            _ => None,
        }
    }
}

impl From<Missing> for EvmError {
    fn from(missing: Missing) -> Self {
        Self::Missing(BTreeSet::from([missing]))
    }
}

impl From<EVMError<Fault, InvalidTransaction>> for EvmError {
    fn from(error: EVMError<Fault, InvalidTransaction>) -> Self {
        match error {
            EVMError::Database(Fault::Missing(missing)) => missing.into(),
            EVMError::Database(Fault::WrongCode { hash, computed }) => {
                Self::WrongCode { hash, computed }
            }
            EVMError::Transaction(invalid) => Self::Invalid {
                reason: invalid.to_string(),
            },
            other => Self::Unsupported {
                what: other.to_string(),
            },
        }
    }
}

fn first(missing: &BTreeSet<Missing>) -> String {
    match missing.first() {
        Some(key) if missing.len() == 1 => key.to_string(),
        Some(key) => format!("{key}, and {} more keys are not", missing.len() - 1),
        None => "state is missing".to_owned(),
    }
}

/// What the state could not answer, as revm carries it.
#[derive(Clone, Debug, Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("the code filed under {hash} has the hash {computed}")]
    WrongCode { hash: B256, computed: B256 },
}

impl DBErrorMarker for Fault {}

//! State read lazily from a node, at one block.

use crate::{error::ChainError, node::Node};
use cutover_types::{MemoryState, Missing};
use std::collections::BTreeSet;
use thiserror::Error;

/// Why something could not be settled.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The node refuses a key.
    #[error("{missing}, and the node cannot give it")]
    Unavailable {
        /// The first such key.
        missing: Missing,
        /// What the node said.
        source: ChainError,
    },
    /// The node could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// State at one block, read when first needed.
#[derive(Clone, Debug)]
pub struct LazyState {
    /// What was read so far.
    pub known: MemoryState,
    node: Node,
    block: u64,
}

#[allow(clippy::unused_async, missing_docs)]
impl LazyState {
    pub fn new(node: Node, block: u64) -> Self {
        Self::with_known(node, block, MemoryState::default())
    }
    pub fn with_known(node: Node, block: u64, known: MemoryState) -> Self {
        Self { known, node, block }
    }
    pub async fn fill(
        &mut self,
        _wanted: &BTreeSet<Missing>,
    ) -> Result<Vec<(Missing, ChainError)>, ChainError> {
        let _ = (&self.node, self.block);
        Ok(Vec::new())
    }
    pub async fn settle<T>(
        &mut self,
        _f: impl FnMut(&MemoryState) -> Result<T, BTreeSet<Missing>>,
    ) -> Result<T, SettleError> {
        Err(SettleError::Chain(ChainError::NoSuchBlock {
            number: self.block,
        }))
    }
}

//! A recording, or one view of the state, as JSON-RPC on loopback.

use crate::{error::ChainError, folder::RecordingFolder};
use alloy_consensus::Header;
use alloy_primitives::B256;
use cutover_types::{Missing, RecordedBlock, State};
use std::sync::Arc;
use url::Url;

/// What the facade serves.
pub trait Archive: Send + Sync {
    /// EIP-155 chain id.
    fn chain_id(&self) -> u64;
    /// Number of the newest block.
    fn head(&self) -> u64;
    /// A header and the hash it is known by.
    fn header(&self, number: u64) -> Option<(B256, Header)>;
    /// A block with its transactions and receipts.
    fn block(&self, number: u64) -> Option<Arc<RecordedBlock>>;
    /// The state after a block.
    fn state(&self, number: u64) -> Option<Arc<dyn State>>;
    /// The number of the block with this hash.
    fn number_of(&self, hash: B256) -> Option<u64> {
        let head = self.head();
        (self.header(head)?.0 == hash).then_some(head)
    }
    /// Block number and index of a transaction.
    fn find(&self, _transaction: B256) -> Option<(u64, usize)> {
        None
    }
}

/// One view of the state at a block's parent, which can be swapped.
pub struct ViewArchive;

#[allow(missing_docs)]
impl ViewArchive {
    pub fn new(_chain_id: u64, _parent: Option<Header>, _header: &Header) -> Self {
        Self
    }
    pub fn set_view(&self, _view: Arc<dyn State>) {}
}

/// A recording: `head` is the last recorded block; state is that at the parents of recorded blocks.
#[derive(Debug)]
pub struct RecordingArchive;

#[allow(missing_docs)]
impl RecordingArchive {
    pub fn new(_folder: Arc<RecordingFolder>) -> Self {
        Self
    }
}

/// A JSON-RPC server on 127.0.0.1; it stops when dropped.
#[derive(Debug)]
pub struct Facade {
    url: Url,
}

#[allow(clippy::unused_async, missing_docs)]
impl Facade {
    pub async fn start(_archive: Arc<dyn Archive>, _port: u16) -> Result<Self, ChainError> {
        Err(ChainError::Unsupported {
            method: "facade".into(),
        })
    }
    pub fn url(&self) -> Url {
        self.url.clone()
    }
    pub fn misses(&self) -> Vec<Missing> {
        Vec::new()
    }
    pub fn clear_misses(&self) {}
}

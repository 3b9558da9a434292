//! A JSON-RPC node.

use crate::error::ChainError;
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{B256, Bytes};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// How a node is treated.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Requests under way at once.
    pub concurrency: usize,
    /// How often a call that meets a fault is tried.
    pub attempts: u32,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long one call may take, retries and rate limits included.
    pub budget: Duration,
    /// Calls in one batch at most.
    pub max_batch: usize,
    /// Bytes of one answer at most.
    pub max_response: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            concurrency: 16,
            attempts: 8,
            timeout: Duration::from_secs(60),
            budget: Duration::from_secs(300),
            max_batch: 100,
            max_response: 512 << 20,
        }
    }
}

/// What a node was asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeStats {
    /// Calls, each member of a batch counted.
    pub calls: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Requests sent again after a fault.
    pub retries: u64,
}

/// A block whose hash, transaction hashes and transactions root were recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedBlock {
    /// Block hash.
    pub hash: B256,
    /// Header; hashes to `hash`.
    pub header: Header,
    /// Signed bytes of every transaction (EIP-2718, blob transactions without sidecar).
    pub transactions: Vec<Bytes>,
    /// Their hashes.
    pub transaction_hashes: Vec<B256>,
}

/// A JSON-RPC node, cheap to clone.
#[derive(Clone, Debug)]
pub struct Node {
    _url: Url,
}

#[allow(clippy::unused_async, missing_docs)]
impl Node {
    pub fn new(url: Url, _policy: Policy) -> Self {
        Self { _url: url }
    }
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        _params: Value,
    ) -> Result<R, ChainError> {
        Err(ChainError::Unsupported {
            method: method.into(),
        })
    }
    pub async fn batch(&self, calls: Vec<(String, Value)>) -> Vec<Result<Value, ChainError>> {
        calls
            .into_iter()
            .map(|(method, _)| Err(ChainError::Unsupported { method }))
            .collect()
    }
    pub async fn chain_id(&self) -> Result<u64, ChainError> {
        self.call("eth_chainId", Value::Null).await
    }
    pub async fn latest(&self) -> Result<u64, ChainError> {
        self.call("eth_blockNumber", Value::Null).await
    }
    pub async fn block(&self, number: u64) -> Result<FetchedBlock, ChainError> {
        Err(ChainError::NoSuchBlock { number })
    }
    pub async fn header(&self, number: u64) -> Result<(B256, Header), ChainError> {
        Err(ChainError::NoSuchBlock { number })
    }
    pub async fn header_unverified(&self, number: u64) -> Result<(B256, Header), ChainError> {
        Err(ChainError::NoSuchBlock { number })
    }
    pub async fn receipts(&self, number: u64) -> Result<Vec<ReceiptEnvelope>, ChainError> {
        Err(ChainError::NoSuchBlock { number })
    }
    pub fn stats(&self) -> NodeStats {
        NodeStats::default()
    }
}

//! What to record.

use crate::error::RecordError;
use alloy_primitives::{Address, B256};
use cutover_evm::Request;
use cutover_types::{UpgradePath, Window, json};

/// What to record.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The proxy.
    pub proxy: Address,
    /// The blocks to look through.
    pub window: Window,
    /// Only these transactions; all that reach the proxy when empty.
    pub only: Vec<B256>,
    /// At most so many transactions, earliest first.
    pub max_transactions: Option<u64>,
    /// How the proxy is upgraded: kept in the manifest.
    pub upgrade: Option<UpgradePath>,
    /// Calls made on the parent state of every recorded block, so that what they read is recorded,
    /// too. What the node refuses of it is left out.
    pub also: Vec<Request>,
    /// Whether to ask for Merkle proofs.
    pub proofs: bool,
    /// Blocks worked on at once.
    pub concurrency: usize,
    /// Whether another recording in the same place may be replaced.
    pub overwrite: bool,
}

impl Plan {
    /// Everything that reaches `proxy` in the window, with proofs.
    pub fn new(proxy: Address, window: Window) -> Self {
        Self {
            proxy,
            window,
            only: Vec::new(),
            max_transactions: None,
            upgrade: None,
            also: Vec::new(),
            proofs: true,
            concurrency: 8,
            overwrite: false,
        }
    }

    /// Says whether a partial recording was begun with the same plan.
    pub(crate) fn digest(&self, chain_id: u64) -> Result<B256, RecordError> {
        let also: Vec<_> = self
            .also
            .iter()
            .map(|call| (call.from, call.to, call.value, &call.data, call.gas_limit))
            .collect();
        let said = (
            (chain_id, self.proxy, self.window, self.proofs),
            (&self.only, self.max_transactions, &self.upgrade, also),
        );
        json::digest(&said).map_err(RecordError::Plan)
    }
}

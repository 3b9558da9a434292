//! The recorded state of a block's parent, and what a node adds to it.

use alloy_primitives::{Address, B256, Bytes, U256};
use cutover_chain::{LazyState, Node};
use cutover_types::{Account, MemoryState, Missing, RecordedBlock, State};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many times one run may ask for more before it is given up.
pub(crate) const MAX_WAVES: usize = 200;

/// State at a parent block that can grow.
#[derive(Clone)]
pub(crate) struct Base {
    known: Arc<Known>,
    node: Option<Node>,
    parent: u64,
    refused: BTreeMap<Missing, String>,
}

/// What is known at one time.
pub(crate) struct Known {
    block: Arc<RecordedBlock>,
    fetched: MemoryState,
}

impl State for Known {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        let recorded = self.block.state.account(address);
        recorded.or_else(|_| self.fetched.account(address))
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        let recorded = self.block.state.code(hash);
        recorded.or_else(|_| self.fetched.code(hash))
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        let recorded = self.block.state.storage(address, slot);
        recorded.or_else(|_| self.fetched.storage(address, slot))
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        let recorded = self.block.state.block_hash(number);
        recorded.or_else(|_| self.fetched.block_hash(number))
    }
}

impl Base {
    /// What the recording knows of the parent of `block`.
    pub(crate) fn new(block: Arc<RecordedBlock>, node: Option<Node>) -> Self {
        Self {
            parent: block.header.number.saturating_sub(1),
            known: Arc::new(Known {
                block,
                fetched: MemoryState::default(),
            }),
            node,
            refused: BTreeMap::new(),
        }
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Arc<Known> {
        self.known.clone()
    }

    /// Whether there is a node to ask.
    pub(crate) fn grows(&self) -> bool {
        self.node.is_some()
    }

    /// Asks for keys; `Err` says why nothing more can be had for them.
    pub(crate) async fn fill(&mut self, wanted: &BTreeSet<Missing>) -> Result<(), String> {
        let first = |keys: &BTreeSet<Missing>| {
            keys.first()
                .map_or_else(|| "state is missing".to_owned(), ToString::to_string)
        };
        let Some(node) = &self.node else {
            return Err(first(wanted));
        };
        let new: BTreeSet<Missing> = wanted
            .iter()
            .filter(|key| !self.refused.contains_key(key))
            .copied()
            .collect();
        if new.is_empty() {
            let why = wanted
                .first()
                .and_then(|key| self.refused.get(key))
                .cloned()
                .unwrap_or_default();
            return Err(format!("{}: {why}", first(wanted)));
        }
        let mut lazy = LazyState::new(node.clone(), self.parent);
        match lazy.fill(&new).await {
            Ok(refused) => {
                for (key, error) in refused {
                    self.refused.insert(key, error.to_string());
                }
            }
            Err(error) => return Err(format!("{}: {error}", first(&new))),
        }
        let mut fetched = self.known.fetched.clone();
        fetched.absorb(lazy.known);
        self.known = Arc::new(Known {
            block: self.known.block.clone(),
            fetched,
        });
        Ok(())
    }
}

//! The recorded state of a block's parent, and what a node adds to it.

use cutover_chain::{LazyState, Node};
use cutover_types::{MemoryState, Missing};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many times one run may ask for more before it is given up.
pub(crate) const MAX_WAVES: usize = 200;

/// State at a parent block that can grow.
pub(crate) struct Base {
    known: Arc<MemoryState>,
    node: Option<Node>,
    parent: u64,
    refused: BTreeMap<Missing, String>,
}

impl Base {
    /// What the recording knows of block `parent`.
    pub(crate) fn new(known: Arc<MemoryState>, node: Option<Node>, parent: u64) -> Self {
        Self {
            known,
            node,
            parent,
            refused: BTreeMap::new(),
        }
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Arc<MemoryState> {
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
            return Err(format!("{}, and {why}", first(wanted)));
        }
        let mut lazy = LazyState::with_known(node.clone(), self.parent, (*self.known).clone());
        match lazy.fill(&new).await {
            Ok(refused) => {
                for (key, error) in refused {
                    self.refused.insert(key, error.to_string());
                }
            }
            Err(error) => return Err(format!("{}, and {error}", first(&new))),
        }
        self.known = Arc::new(lazy.known);
        Ok(())
    }
}

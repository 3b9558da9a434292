//! Keys of mappings: known ones, and where candidates come from.

use super::{Path, Step};
use alloy_primitives::{B256, U256, keccak256};
use std::collections::{BTreeMap, BTreeSet};

/// Entries known of each mapping and dynamic array, by the path to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<Path, BTreeSet<Step>>);

impl Keys {
    /// Adds every key and index on the way to a value.
    pub fn add(&mut self, path: &Path) {
        for (at, step) in path.steps.iter().enumerate() {
            if matches!(step, Step::Member(_)) {
                continue;
            }
            let mut to = path.clone();
            to.steps.truncate(at);
            self.0.entry(to).or_default().insert(step.clone());
        }
    }

    /// The known entries under a path.
    pub(super) fn under<'a>(&'a self, path: &Path) -> impl Iterator<Item = &'a Step> + use<'a> {
        self.0.get(path).into_iter().flatten()
    }
}

/// Where the keys of a mapping are looked for.
pub trait Words {
    /// Keys of the mapping at `base`, each with the slot its value begins at. `takes` says whether a word
    /// can be a key of it.
    fn keys(&self, base: U256, takes: &dyn Fn(&B256) -> bool) -> Vec<(Vec<u8>, U256)>;
}

/// What an execution hashed, by the last word of it: the base of a mapping, with the keys before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preimages(BTreeMap<B256, BTreeSet<Vec<u8>>>);

impl Preimages {
    /// Adds something that was hashed; what cannot be a mapping's entry is left out.
    pub fn add(&mut self, preimage: &[u8]) {
        if let Some((key, base)) = preimage.split_last_chunk::<32>() {
            self.0.entry(base.into()).or_default().insert(key.to_vec());
        }
    }

    /// Adds what another execution hashed.
    pub fn absorb(&mut self, other: Self) {
        for (base, keys) in other.0 {
            self.0.entry(base).or_default().extend(keys);
        }
    }

    /// Keys in all.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether nothing was hashed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Words for Preimages {
    fn keys(&self, base: U256, _: &dyn Fn(&B256) -> bool) -> Vec<(Vec<u8>, U256)> {
        let base: B256 = base.into();
        let keys = self.0.get(&base).into_iter().flatten();
        keys.map(|key| {
            let slot = keccak256([key.as_slice(), base.as_slice()].concat());
            (key.clone(), U256::from_be_bytes(slot.0))
        })
        .collect()
    }
}

/// Words that may be keys, tried one by one.
impl Words for [B256] {
    fn keys(&self, base: U256, takes: &dyn Fn(&B256) -> bool) -> Vec<(Vec<u8>, U256)> {
        self.iter()
            .filter(|word| takes(word))
            .map(|word| {
                let slot = keccak256([word.0, base.to_be_bytes()].concat());
                (word.to_vec(), U256::from_be_bytes(slot.0))
            })
            .collect()
    }
}

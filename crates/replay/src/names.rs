//! Slots of the proxy, by the names its source gives them.

use alloy_primitives::{Address, B256, U256};
use cutover_types::{
    CallKind, Outcome, StorageLayout,
    storage::{Explained, Words, explain},
};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

/// Words a mapping key is guessed from, at most.
const MAX_WORDS: usize = 512;
/// Guesses at mapping keys for one transaction, at most: those for nested mappings multiply.
const MAX_GUESSES: usize = 1 << 17;

/// What lies in each of `slots`; `words` are what mapping keys are guessed from, asked for only when a
/// slot is not found without.
pub(crate) fn names(
    layout: &StorageLayout,
    mut slots: BTreeSet<B256>,
    words: impl FnOnce() -> Vec<B256>,
) -> BTreeMap<B256, Vec<Explained>> {
    let mut found = explain(layout, [].as_slice(), &slots);
    slots.retain(|slot| !found.contains_key(slot));
    if !slots.is_empty() {
        let guesses = Guesses {
            words: words(),
            left: Cell::new(MAX_GUESSES),
        };
        found.extend(explain(layout, &guesses, &slots));
    }
    found
}

/// What `slot` is called, with everything packed into it.
pub(crate) fn label(found: &BTreeMap<B256, Vec<Explained>>, slot: B256) -> Option<String> {
    let labels: BTreeSet<&str> = found
        .get(&slot)?
        .iter()
        .map(|one| one.label.as_str())
        .collect();
    Some(labels.into_iter().collect::<Vec<_>>().join(", "))
}

/// Words that are tried as keys of every mapping, until there were too many tries.
struct Guesses {
    words: Vec<B256>,
    left: Cell<usize>,
}

impl Words for Guesses {
    fn keys(&self, base: U256, takes: &dyn Fn(&B256) -> bool) -> Vec<(Vec<u8>, U256)> {
        let tried = self.words.len().min(self.left.get());
        self.left.set(self.left.get() - tried);
        self.words[..tried].keys(base, takes)
    }
}

/// Every word of an execution that may be the key of a mapping: who takes part, arguments of the
/// proxy's functions, topics and data of its logs.
pub(crate) fn words(outcomes: [&Outcome; 2], proxy: Address, sender: Address) -> Vec<B256> {
    let mut words = BTreeSet::from([sender.into_word(), B256::ZERO]);
    for outcome in outcomes {
        for log in outcome.logs.iter().filter(|log| log.address == proxy) {
            words.extend(log.data.topics().iter().skip(1));
            words.extend(split(&log.data.data));
        }
        for frame in &outcome.calls {
            if frame.to == proxy && frame.kind != CallKind::DelegateCall {
                words.insert(frame.from.into_word());
                words.extend(split(frame.input.get(4..).unwrap_or_default()));
            }
            if frame.from == proxy {
                words.insert(frame.to.into_word());
            }
            if words.len() > MAX_WORDS {
                break;
            }
        }
    }
    // Addresses first: they are the likelier keys where the search is cut short.
    let (small, large): (Vec<_>, Vec<_>) = words
        .into_iter()
        .partition(|word| word[..12].iter().all(|byte| *byte == 0));
    small.into_iter().chain(large).take(MAX_WORDS).collect()
}

fn split(data: &[u8]) -> impl Iterator<Item = B256> + '_ {
    data.chunks_exact(32).take(64).map(B256::from_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    fn layout() -> StorageLayout {
        serde_json::from_value(serde_json::json!({
            "storage": [
                {"contract": "T.sol:T", "label": "owner", "offset": 0, "slot": "0", "type": "t_address"},
                {"contract": "T.sol:T", "label": "paused", "offset": 20, "slot": "0", "type": "t_bool"},
                {"contract": "T.sol:T", "label": "balances", "offset": 0, "slot": "1", "type": "t_map"},
                {"contract": "T.sol:T", "label": "allowed", "offset": 0, "slot": "2", "type": "t_map2"},
                {"contract": "T.sol:T", "label": "list", "offset": 0, "slot": "3", "type": "t_list"}
            ],
            "types": {
                "t_address": {"encoding": "inplace", "label": "address", "numberOfBytes": "20"},
                "t_bool": {"encoding": "inplace", "label": "bool", "numberOfBytes": "1"},
                "t_uint256": {"encoding": "inplace", "label": "uint256", "numberOfBytes": "32"},
                "t_map": {"encoding": "mapping", "label": "mapping(address => uint256)", "numberOfBytes": "32", "key": "t_address", "value": "t_uint256"},
                "t_map2": {"encoding": "mapping", "label": "mapping(address => mapping(address => uint256))", "numberOfBytes": "32", "key": "t_address", "value": "t_map"},
                "t_list": {"encoding": "dynamic_array", "label": "uint256[]", "numberOfBytes": "32", "base": "t_uint256"}
            },
            "namespaces": {
                "erc7201:my.box": [
                    {"contract": "T.sol:T", "label": "size", "offset": 0, "slot": "1", "type": "t_uint256"}
                ]
            },
            "namespace_roots": { "erc7201:my.box": B256::repeat_byte(0x77) }
        }))
        .unwrap()
    }

    fn entry(key: B256, base: B256) -> B256 {
        keccak256([key.0, base.0].concat())
    }

    #[test]
    fn slots_get_the_names_of_their_variables() {
        let layout = layout();
        let (a, b) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
        let words = [a.into_word(), b.into_word()];
        let n = B256::with_last_byte;
        let mut namespaced = B256::repeat_byte(0x77);
        namespaced.0[31] += 1;
        let cases = [
            (n(0), Some("owner, paused".to_owned())),
            (entry(a.into_word(), n(1)), Some(format!("balances[{a}]"))),
            (
                entry(b.into_word(), entry(a.into_word(), n(2))),
                Some(format!("allowed[{a}][{b}]")),
            ),
            (keccak256(n(3)), Some("list[0]".to_owned())),
            // Where the code says its root is, which is not where its id says.
            (namespaced, Some("my.box.size".to_owned())),
            (B256::repeat_byte(9), None),
        ];
        let slots: BTreeSet<B256> = cases.iter().map(|(slot, _)| *slot).collect();
        let found = names(&layout, slots, || words.to_vec());
        for (slot, expected) in cases {
            assert_eq!(label(&found, slot), expected);
        }
    }

    #[test]
    fn words_are_asked_for_only_when_a_slot_is_not_found_without() {
        let found = names(&layout(), [B256::ZERO].into(), || {
            unreachable!("the slot has a fixed place")
        });
        assert_eq!(label(&found, B256::ZERO).as_deref(), Some("owner, paused"));
    }

    #[test]
    fn packed_variables_are_taken_apart() {
        let layout = layout();
        let word = (U256::from(1) << 160) | U256::from(7);
        let found = names(&layout, [B256::ZERO].into(), Vec::new);
        let values: Vec<String> = found[&B256::ZERO]
            .iter()
            .map(|one| one.value(&layout, word))
            .collect();
        assert_eq!(
            values,
            [Address::with_last_byte(7).to_string(), "true".into()]
        );
    }
}

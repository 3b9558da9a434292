//! Merkle proofs: asked for, checked against the parent's state root, kept once per trie node.

use crate::error::RecordError;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount, proof::verify_proof};
use cutover_chain::{ChainError, Node, rpc};
use cutover_types::{Account, MemoryState, recording::Proofs};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

const METHOD: &str = "eth_getProof";
/// Slots proven in one call; nodes take about a thousand.
const SLOTS: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    account_proof: Vec<Bytes>,
    storage_hash: B256,
    #[serde(default)]
    storage_proof: Vec<SlotProof>,
}

#[derive(Deserialize)]
struct SlotProof {
    key: U256,
    proof: Vec<Bytes>,
}

/// Whether these trie nodes prove the account, absent ones too.
pub(crate) fn check_account<'a>(
    root: B256,
    address: Address,
    account: &Account,
    storage_root: B256,
    nodes: impl IntoIterator<Item = &'a Bytes> + Clone,
) -> Result<(), String> {
    let key = Nibbles::unpack(keccak256(address));
    if account.is_empty()
        && storage_root == EMPTY_ROOT_HASH
        && verify_proof(root, key, None, nodes.clone()).is_ok()
    {
        return Ok(());
    }
    let leaf = alloy_rlp::encode(TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root,
        code_hash: account.code_hash,
    });
    verify_proof(root, key, Some(leaf), nodes).map_err(|error| error.to_string())
}

/// Whether these trie nodes prove the value of the slot, zero too.
pub(crate) fn check_slot<'a>(
    storage_root: B256,
    slot: B256,
    value: U256,
    nodes: impl IntoIterator<Item = &'a Bytes> + Clone,
) -> Result<(), String> {
    let key = Nibbles::unpack(keccak256(slot));
    let written = Some(alloy_rlp::encode(value));
    // anvil keeps a slot that became zero in its trie; Ethereum's tries leave it out.
    if !value.is_zero() || verify_proof(storage_root, key, written.clone(), nodes.clone()).is_ok() {
        return verify_proof(storage_root, key, written, nodes).map_err(|error| error.to_string());
    }
    verify_proof(storage_root, key, None, nodes).map_err(|error| error.to_string())
}

/// Proofs for everything in `state`, as far as the node gives them; `None` when it gives none.
///
/// # Errors
/// When a proof does not prove what the node said before.
pub(crate) async fn collect(
    node: &Node,
    parent: &Header,
    state: &MemoryState,
) -> Result<Option<Proofs>, RecordError> {
    let block = rpc::quantity(parent.number);
    let ask =
        |address: &Address, slots: &[B256]| (METHOD.to_owned(), json!([address, slots, block]));
    let mut questions: Vec<(Address, Vec<B256>)> = Vec::new();
    for address in state.accounts.keys() {
        let slots: Vec<B256> = state
            .storage
            .get(address)
            .map(|slots| slots.keys().copied().collect())
            .unwrap_or_default();
        questions.push((*address, slots.iter().take(SLOTS).copied().collect()));
        for more in slots.chunks(SLOTS).skip(1) {
            questions.push((*address, more.to_vec()));
        }
    }
    // One call first: a node without proofs is not asked for each account.
    let mut rest = questions.split_off(questions.len().min(1));
    let mut builder = Builder::new(parent, state);
    let mut again = Vec::new();
    while !questions.is_empty() {
        let calls = questions
            .iter()
            .map(|(address, slots)| ask(address, slots))
            .collect();
        let answers = node.batch(calls).await;
        for ((address, slots), answer) in questions.drain(..).zip(answers) {
            match answer {
                Ok(answer) => builder.add(address, &slots, answer)?,
                Err(ChainError::Unsupported { .. }) => return Ok(None),
                Err(error @ ChainError::Transport { .. }) => return Err(error.into()),
                // The node may have some of it: the account alone, each slot alone.
                Err(_) if slots.is_empty() => {}
                Err(_) => {
                    again.push((address, Vec::new()));
                    if slots.len() > 1 {
                        again.extend(slots.into_iter().map(|slot| (address, vec![slot])));
                    }
                }
            }
        }
        questions.append(&mut rest);
        if questions.is_empty() {
            questions.append(&mut again);
        }
    }
    Ok(builder.finish())
}

struct Builder<'a> {
    parent: &'a Header,
    state: &'a MemoryState,
    accounts: BTreeMap<Address, (B256, Vec<Bytes>)>,
    slots: BTreeMap<Address, BTreeMap<B256, Vec<Bytes>>>,
}

impl<'a> Builder<'a> {
    fn new(parent: &'a Header, state: &'a MemoryState) -> Self {
        Self {
            parent,
            state,
            accounts: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    fn add(&mut self, address: Address, asked: &[B256], answer: Value) -> Result<(), RecordError> {
        let mut answer: Answer =
            serde_json::from_value(answer).map_err(|error| ChainError::Malformed {
                method: METHOD.into(),
                detail: rpc::shown(&error.to_string()),
            })?;
        // Some nodes end a proof of absence with an empty one.
        let is_node = |node: &Bytes| !node.is_empty();
        answer.account_proof.retain(is_node);
        for slot in &mut answer.storage_proof {
            slot.proof.retain(is_node);
        }
        let Some(account) = self.state.accounts.get(&address) else {
            return Ok(());
        };
        // Of an absent account nodes say different things.
        let storage_root = if account.is_empty() {
            EMPTY_ROOT_HASH
        } else {
            answer.storage_hash
        };
        check_account(
            self.parent.state_root,
            address,
            account,
            storage_root,
            &answer.account_proof,
        )
        .map_err(|detail| self.wrong(format!("account {address}"), &detail))?;
        self.accounts
            .insert(address, (storage_root, answer.account_proof));
        let mut given: HashMap<B256, Vec<Bytes>> = answer
            .storage_proof
            .into_iter()
            .map(|slot| (B256::from(slot.key), slot.proof))
            .collect();
        for slot in asked {
            let value = self
                .state
                .storage
                .get(&address)
                .and_then(|slots| slots.get(slot));
            let (Some(value), Some(proof)) = (value, given.remove(slot)) else {
                continue;
            };
            check_slot(storage_root, *slot, *value, &proof)
                .map_err(|detail| self.wrong(format!("slot {slot} of {address}"), &detail))?;
            self.slots.entry(address).or_default().insert(*slot, proof);
        }
        Ok(())
    }

    fn wrong(&self, what: String, detail: &str) -> RecordError {
        RecordError::Proof {
            what,
            number: self.parent.number,
            root: self.parent.state_root,
            detail: rpc::shown(detail),
        }
    }

    fn finish(self) -> Option<Proofs> {
        if self.accounts.is_empty() {
            return None;
        }
        let mut proofs = Proofs::default();
        let mut known = HashMap::new();
        let mut index = |node: Bytes| {
            *known.entry(node).or_insert_with_key(|node| {
                proofs.nodes.push(node.clone());
                // A proof list of four billion nodes does not fit any answer.
                u32::try_from(proofs.nodes.len() - 1).unwrap_or(u32::MAX)
            })
        };
        for (address, (root, nodes)) in self.accounts {
            let nodes = nodes.into_iter().map(&mut index).collect();
            proofs.accounts.insert(address, nodes);
            proofs.storage_roots.insert(address, root);
        }
        for (address, slots) in self.slots {
            let slots = slots
                .into_iter()
                .map(|(slot, nodes)| (slot, nodes.into_iter().map(&mut index).collect()))
                .collect();
            proofs.slots.insert(address, slots);
        }
        Some(proofs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::{HashBuilder, proof::ProofRetainer};

    /// A trie of these leaves, and the proofs of these keys.
    fn trie(leaves: &[(B256, Vec<u8>)], wanted: &[B256]) -> (B256, Vec<Vec<Bytes>>) {
        let keys: Vec<Nibbles> = wanted.iter().map(Nibbles::unpack).collect();
        let mut builder =
            HashBuilder::default().with_proof_retainer(ProofRetainer::new(keys.clone()));
        let mut leaves = leaves.to_vec();
        leaves.sort();
        for (key, value) in &leaves {
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        let root = builder.root();
        let nodes = builder.take_proof_nodes();
        let proofs = keys
            .iter()
            .map(|key| {
                nodes
                    .matching_nodes_sorted(key)
                    .into_iter()
                    .map(|(_, node)| node)
                    .collect()
            })
            .collect();
        (root, proofs)
    }

    #[test]
    fn slots_are_proven_at_their_value_and_at_no_other() {
        let slot = |byte| B256::with_last_byte(byte);
        let leaves: Vec<_> = (1..=9)
            .map(|byte| (keccak256(slot(byte)), alloy_rlp::encode(U256::from(byte))))
            .collect();
        let (root, proofs) = trie(&leaves, &[keccak256(slot(3)), keccak256(slot(77))]);
        assert_eq!(check_slot(root, slot(3), U256::from(3), &proofs[0]), Ok(()));
        assert_eq!(check_slot(root, slot(77), U256::ZERO, &proofs[1]), Ok(()));
        assert!(check_slot(root, slot(3), U256::from(4), &proofs[0]).is_err());
        assert!(check_slot(root, slot(3), U256::ZERO, &proofs[0]).is_err());
        assert!(check_slot(root, slot(77), U256::from(1), &proofs[1]).is_err());
        assert!(check_slot(root, slot(3), U256::ZERO, &[]).is_err());
        assert_eq!(
            check_slot(EMPTY_ROOT_HASH, slot(3), U256::ZERO, &[]),
            Ok(())
        );
    }

    #[test]
    fn accounts_are_proven_in_every_field_and_absent_ones_too() {
        let address = Address::repeat_byte(1);
        let absent = Address::repeat_byte(2);
        let account = Account {
            nonce: 7,
            balance: U256::from(8),
            ..Account::default()
        };
        let leaf = |nonce| {
            alloy_rlp::encode(TrieAccount {
                nonce,
                balance: U256::from(8),
                ..TrieAccount::default()
            })
        };
        let leaves = [
            (keccak256(address), leaf(7)),
            (keccak256(Address::repeat_byte(3)), leaf(1)),
        ];
        let (root, proofs) = trie(&leaves, &[keccak256(address), keccak256(absent)]);
        let check = |address, account: &Account, proof: &[Bytes]| {
            check_account(root, address, account, EMPTY_ROOT_HASH, proof).is_ok()
        };
        assert!(check(address, &account, &proofs[0]));
        assert!(check(absent, &Account::default(), &proofs[1]));
        assert!(!check(address, &Account::default(), &proofs[0]));
        assert!(!check(absent, &account, &proofs[1]));
        let richer = Account {
            balance: U256::from(9),
            ..account
        };
        assert!(!check(address, &richer, &proofs[0]));
    }
}

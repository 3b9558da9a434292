//! Merkle proofs of accounts and slots: how they are asked for, and whether they lead to a root.

use crate::{error::ChainError, rpc};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount, proof::verify_proof};
use cutover_types::Account;
use serde::Deserialize;
use serde_json::{Value, json};

const METHOD: &str = "eth_getProof";

/// What a node gives as proof of an account and some of its slots.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// From the state root to the account.
    pub account_proof: Vec<Bytes>,
    /// Root of the account's storage.
    pub storage_hash: B256,
    /// From there to each slot.
    #[serde(default)]
    pub storage_proof: Vec<SlotProof>,
}

/// The proof of one slot.
#[derive(Debug, Deserialize)]
pub struct SlotProof {
    /// The slot.
    pub key: U256,
    /// From the storage's root to it.
    pub proof: Vec<Bytes>,
}

/// The call that asks for the proof of an account and of these slots after a block.
pub fn question(address: Address, slots: &[B256], block: u64) -> (String, Value) {
    let params = json!([address, slots, rpc::quantity(block)]);
    (METHOD.to_owned(), params)
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(answer: Value) -> Result<Self, ChainError> {
        let mut answer: Self =
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
        Ok(answer)
    }
}

/// Whether these trie nodes prove the account, absent ones too.
///
/// # Errors
/// When they do not: why.
pub fn check_account<'a>(
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
///
/// # Errors
/// When they do not: why.
pub fn check_slot<'a>(
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

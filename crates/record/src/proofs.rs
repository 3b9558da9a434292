//! Merkle proofs: asked for, checked against the parent's state root, kept once per trie node.

use crate::error::RecordError;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use cutover_chain::{
    ChainError, Node,
    proof::{self, Answer, check_account, check_slot},
    rpc,
};
use cutover_types::{MemoryState, recording::Proofs};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Slots proven in one call; nodes take about a thousand.
const SLOTS: usize = 500;

/// Proofs for everything in `state`, as far as the node gives them; `None` when it gives none.
///
/// # Errors
/// When a proof does not prove what the node said before.
pub(crate) async fn collect(
    node: &Node,
    parent: &Header,
    state: &MemoryState,
) -> Result<Option<Proofs>, RecordError> {
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
            .map(|(address, slots)| proof::question(*address, slots, parent.number))
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
        let answer = Answer::read(answer)?;
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

//! Holds what decides against the block's header: a node that says "no code", or names another implementation,
//! must lie about the state root as well.

use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256};
use alloy_trie::EMPTY_ROOT_HASH;
use cutover_chain::{
    ChainError,
    proof::{self, Answer, check_account, check_slot},
};
use cutover_types::{
    Account, Inspection, MemoryState,
    inspection::{HeaderProof, Location},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Chains whose state root is of another kind of tree: zkSync Era, Polygon zkEVM, Linea, Scroll, with their tests.
const OTHER_TREES: [u64; 8] = [324, 300, 1101, 2442, 59144, 59141, 534352, 534351];

/// Proves the proxy's account, that of what it runs, and the slot that says so.
///
/// # Errors
/// When the node's proof does not prove what it said before.
pub(crate) async fn hold(
    session: &Session,
    inspection: &Inspection,
) -> Result<Option<HeaderProof>, InspectError> {
    let Some(root) = session.state_root().filter(|root| !root.is_zero()) else {
        return Ok(None);
    };
    if OTHER_TREES.contains(&session.chain_id) {
        return Ok(Some(HeaderProof::NotGiven));
    }
    let asked = asked(session, inspection);
    let number = session.block.number;
    let calls = asked.iter();
    let calls = calls.map(|(at, slots)| proof::question(*at, slots, number));
    let answers = session.node().batch(calls.collect()).await;
    let mut failed = None;
    {
        let known = session.known();
        for ((at, slots), answer) in asked.iter().zip(answers) {
            // It has none, or no longer.
            let Ok(answer) = answer.and_then(Answer::read) else {
                return Ok(Some(HeaderProof::NotGiven));
            };
            failed = failed.or(check(&known, root, (*at, slots), answer).err());
        }
    }
    let Some((what, detail)) = failed else {
        return Ok(Some(HeaderProof::Checked));
    };
    // A chain for tests is changed without a block.
    let client = session
        .node()
        .call::<Value>("web3_clientVersion", json!([]));
    let client = client.await.unwrap_or_default();
    let client = client.as_str().unwrap_or_default().to_lowercase();
    if ["anvil", "hardhat", "ganache"]
        .iter()
        .any(|name| client.contains(name))
    {
        return Ok(Some(HeaderProof::NotGiven));
    }
    Err(InspectError::Contradicts {
        proxy: inspection.address,
        what,
        block: number,
        source: ChainError::Malformed {
            method: "eth_getProof".into(),
            detail,
        },
    })
}

/// The accounts, and of each the slots.
fn asked(session: &Session, inspection: &Inspection) -> Vec<(Address, Vec<B256>)> {
    let address = inspection.address;
    let mut asked = vec![(address, Vec::new())];
    let Some(proxy) = &inspection.proxy else {
        return asked;
    };
    if let Location::Slot(slot) | Location::Packed { slot, .. } = proxy.location {
        asked[0].1.push(slot);
    }
    let path = inspection.upgrade.as_ref().map(|upgrade| &upgrade.path);
    if let Some(path) = path.filter(|path| path.holder != address) {
        asked.push((path.holder, vec![path.slot]));
    }
    asked.push((proxy.implementation.address, Vec::new()));
    let mut seen = BTreeSet::new();
    asked.retain(|(at, _)| seen.insert(*at) && session.known().accounts.contains_key(at));
    asked
}

/// Whether the answer proves what is known of one account; else what it does not, and why.
fn check(
    known: &MemoryState,
    root: B256,
    (at, slots): (Address, &[B256]),
    answer: Answer,
) -> Result<(), (String, String)> {
    let nobody = Account::default();
    let account = known.accounts.get(&at).unwrap_or(&nobody);
    // Of an absent account nodes say different things.
    let storage = match account.is_empty() {
        true => EMPTY_ROOT_HASH,
        false => answer.storage_hash,
    };
    check_account(root, at, account, storage, &answer.account_proof)
        .map_err(|detail| (format!("account {at}"), detail))?;
    let values = known.storage.get(&at);
    for slot in slots {
        let Some(value) = values.and_then(|values| values.get(slot)) else {
            continue;
        };
        let key = alloy_primitives::U256::from_be_bytes(slot.0);
        let given = answer.storage_proof.iter().find(|given| given.key == key);
        let nodes = given.map(|given| &given.proof[..]).unwrap_or_default();
        check_slot(storage, *slot, *value, nodes)
            .map_err(|detail| (format!("slot {slot} of {at}"), detail))?;
    }
    Ok(())
}

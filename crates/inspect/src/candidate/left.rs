//! What the way back leaves.

use super::Candidate;
use alloy_primitives::{Address, B256, Log, b256};
use alloy_sol_types::SolEvent;
use cutover_types::{
    StateDiff, StorageLayout, UpgradePath,
    abi::{ADMIN_SLOT, BEACON_SLOT},
    inspection::LeftSlot,
    storage::explain,
};
use std::collections::BTreeSet;

/// Slots that are listed at most.
const SHOWN: usize = 64;
/// Words that are tried as keys of mappings.
const WORDS: usize = 64;
/// Where OpenZeppelin 5 keeps the initializer version.
const INITIALIZABLE: B256 =
    b256!("f0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00");

mod v4 {
    alloy_sol_types::sol! { event Initialized(uint8 version); }
}
mod v5 {
    alloy_sol_types::sol! { event Initialized(uint64 version); }
}

/// Slots whose value is not what it was, the proxy's first, and how many there are; those of the proxy
/// that are `undone` in another way are none.
pub(crate) fn left(
    changes: &StateDiff,
    path: &UpgradePath,
    candidate: &Candidate,
    undone: &BTreeSet<B256>,
) -> (Vec<LeftSlot>, usize) {
    let pointer = (path.holder, path.slot);
    let mut accounts: Vec<_> = changes.iter().collect();
    accounts.sort_by_key(|(address, _)| **address != path.proxy);
    let kept: Vec<_> = accounts
        .into_iter()
        .flat_map(|(address, diff)| diff.storage.iter().map(|(slot, c)| (*address, *slot, c)))
        .filter(|(address, slot, change)| {
            change.before != change.after
                && (*address, *slot) != pointer
                && !(*address == path.proxy && undone.contains(slot))
        })
        .collect();
    let proxys: BTreeSet<B256> = kept
        .iter()
        .filter(|(address, ..)| *address == path.proxy)
        .map(|(_, slot, _)| *slot)
        .take(SHOWN)
        .collect();
    let names = names(candidate, path, &proxys);
    let shown = kept.iter().take(SHOWN).map(|(account, slot, change)| {
        let name = names.iter().find(|_| *account == path.proxy);
        let known = name.and_then(|names| names.get(slot)).cloned();
        LeftSlot {
            account: *account,
            slot: *slot,
            name: known.or_else(|| standard(*slot).map(str::to_owned)),
            before: change.before.into(),
            after: change.after.into(),
        }
    });
    (shown.collect(), kept.len())
}

fn names(
    candidate: &Candidate,
    path: &UpgradePath,
    slots: &BTreeSet<B256>,
) -> Option<std::collections::BTreeMap<B256, String>> {
    let layout: &StorageLayout = candidate.layout.as_ref()?;
    let arguments = candidate.initializer.get(4..).unwrap_or_default();
    let mut words: Vec<B256> = arguments
        .chunks_exact(32)
        .take(WORDS)
        .map(B256::from_slice)
        .collect();
    words.extend([path.from, path.to].map(|address| address.into_word()));
    let found = explain(layout, words.as_slice(), slots);
    let named = found.into_iter().map(|(slot, values)| {
        let labels: BTreeSet<_> = values.into_iter().map(|value| value.label).collect();
        (slot, labels.into_iter().collect::<Vec<_>>().join(", "))
    });
    Some(named.filter(|(_, name)| !name.is_empty()).collect())
}

fn standard(slot: B256) -> Option<&'static str> {
    [
        (INITIALIZABLE, "initializer version of OpenZeppelin 5"),
        (ADMIN_SLOT, "ERC-1967 admin"),
        (BEACON_SLOT, "ERC-1967 beacon"),
    ]
    .into_iter()
    .find_map(|(known, name)| (known == slot).then_some(name))
}

/// The initializer version the proxy announced last.
pub(crate) fn version<'a>(logs: impl IntoIterator<Item = &'a Log>, proxy: Address) -> Option<u64> {
    let told = |log: &Log| {
        let topic = log.topics().first()?;
        if *topic == v4::Initialized::SIGNATURE_HASH {
            Some(v4::Initialized::decode_log(log).ok()?.version.into())
        } else if *topic == v5::Initialized::SIGNATURE_HASH {
            Some(v5::Initialized::decode_log(log).ok()?.version)
        } else {
            None
        }
    };
    let logs = logs.into_iter().filter(|log| log.address == proxy);
    logs.filter_map(told).last()
}

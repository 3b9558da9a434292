//! Writes of recorded transactions that neither layout explains.

use super::{Live, Outcome};
use crate::{Side, rules};
use alloy_primitives::B256;
use cutover_types::{
    Finding, Severity,
    abi::{ADMIN_SLOT, BEACON_SLOT, IMPLEMENTATION_SLOT, ZOS_ADMIN_SLOT, ZOS_IMPLEMENTATION_SLOT},
    live::UnexplainedWrite,
    storage::Explained,
};
use std::collections::BTreeMap;

/// Slots listed at most.
const MAX_LISTED: usize = 128;
/// Slots a message names.
const MAX_NAMED: usize = 3;
/// A later part of a struct is looked for this far behind a slot that the code names.
const NEAR: u8 = 16;

/// Slots that belong to the proxy and not to its implementation.
const PROXY: [B256; 5] = [
    IMPLEMENTATION_SLOT,
    ADMIN_SLOT,
    BEACON_SLOT,
    ZOS_IMPLEMENTATION_SLOT,
    ZOS_ADMIN_SLOT,
];

type Places = [BTreeMap<B256, Vec<Explained>>; 2];

/// The slots that are going to be listed.
pub(super) fn slots(explained: &Places, live: &Live) -> Vec<B256> {
    let of_proxy = |slot: &B256| PROXY.contains(slot) || live.target_slot.as_ref() == Some(slot);
    let unexplained = |slot: &&B256| {
        !of_proxy(slot) && !explained.iter().any(|places| places.contains_key(*slot))
    };
    let written = live.seen.iter().flat_map(|seen| seen.written.keys());
    let written = written.filter(unexplained);
    written.take(MAX_LISTED).copied().collect()
}

pub(super) fn inspect(
    green: &Side<'_>,
    live: &Live,
    explained: &Places,
    outcome: &mut Outcome,
) -> Vec<UnexplainedWrite> {
    let Some(seen) = &live.seen else {
        return Vec::new();
    };
    let listed: Vec<UnexplainedWrite> = slots(explained, live)
        .into_iter()
        .map(|slot| UnexplainedWrite {
            slot,
            transaction: seen.written.get(&slot).copied().unwrap_or_default(),
            value: live.words.get(&slot).map(|word| B256::from(*word)),
            in_green: green.build().is_some_and(|code| names(code, slot)),
        })
        .collect();
    for in_green in [false, true] {
        let some: Vec<_> = listed
            .iter()
            .filter(|one| one.in_green == in_green)
            .collect();
        let Some(first) = some.first() else { continue };
        let slots: Vec<_> = some
            .iter()
            .take(MAX_NAMED)
            .map(|one| one.slot.to_string())
            .collect();
        let (count, are) = match some.len() {
            1 => (
                "1 slot that no variable of blue or green explains was".to_owned(),
                "It is",
            ),
            n => (
                format!("{n} slots that no variable of blue or green explains were"),
                "They are",
            ),
        };
        let mut message = format!(
            "{count} written by recorded transactions, first by {}: {}{}",
            first.transaction,
            slots.join(", "),
            if some.len() > MAX_NAMED { ", …" } else { "" }
        );
        let mut severity = rules::UNEXPLAINED_WRITE.severity;
        if in_green {
            // Unstructured storage that both know; only its type cannot be compared.
            message.push_str(&format!(". {are} named by green's code too"));
            severity = Severity::Note;
        }
        outcome.findings.push(Finding {
            severity,
            ..rules::UNEXPLAINED_WRITE.finding(green.contract.unwrap_or(green.reference), message)
        });
    }
    listed
}

/// Whether code contains this slot, or one a little before it, as a constant.
fn names(code: &[u8], slot: B256) -> bool {
    // A small number stands in any code.
    if slot[..16] == [0; 16] {
        return false;
    }
    let (end, front) = (slot[31], &slot[..31]);
    code.windows(32).any(|window| {
        window[..31] == *front && (end.saturating_sub(NEAR)..=end).contains(&window[31])
    })
}

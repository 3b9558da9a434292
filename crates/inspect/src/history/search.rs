//! The slot of the implementation over blocks: looked at ever further back, and halved wherever two
//! neighbours differ.

use crate::session::Session;
use alloy_primitives::{Address, B256, U256};
use cutover_types::inspection::{HistoryEntry, HistorySource};
use std::collections::BTreeMap;

/// Reads at most.
const READS: usize = 512;

/// What the search found, and what it does not say.
pub(super) struct Found {
    pub(super) entries: Vec<HistoryEntry>,
    pub(super) how: String,
}

/// The values of `slot` over blocks as far as the node gives them; `None` when it gives none before the
/// block that is looked at.
pub(super) async fn changes(
    session: &Session,
    holder: Address,
    slot: B256,
    current: Address,
) -> Option<Found> {
    let newest = session.block.number;
    let mut seen: BTreeMap<u64, U256> = BTreeMap::new();
    let mut reads = 0;
    let mut refused = None;
    let mut wanted = back(newest);
    while !wanted.is_empty() && reads + wanted.len() <= READS {
        reads += wanted.len();
        let values = session.slot_at(holder, slot, &wanted).await;
        for (block, value) in wanted.iter().zip(values) {
            match value {
                Some(value) => {
                    seen.insert(*block, value);
                }
                None => refused = refused.max(Some(*block)),
            }
        }
        // Where the node refuses, nothing before can be compared with what comes after.
        if let Some(block) = refused {
            seen.retain(|at, _| *at > block);
        }
        wanted = halves(&seen);
    }
    if seen.len() < 2 {
        return None;
    }
    let at = place(*seen.get(&newest)?, current)?;
    let mut how = format!(
        "its slot was looked at in {reads} blocks; what was installed and replaced between two of them is not seen"
    );
    if let Some(first) = refused.and_then(|_| seen.keys().next()) {
        how.push_str(&format!(
            ", nor what was before block {first}, whose state the node does not give"
        ));
    }
    if !halves(&seen).is_empty() {
        how.push_str(", and some block numbers are later than the change");
    }
    Some(Found {
        entries: entries(&seen, at),
        how,
    })
}

/// Blocks from the newest back to the first, each twice as far as the one before.
fn back(newest: u64) -> Vec<u64> {
    let far = (0..64).map_while(|power| newest.checked_sub(1_u64 << power));
    let mut blocks: Vec<_> = [newest].into_iter().chain(far).collect();
    // And evenly, so that an old upgrade and its undoing are not both in one span.
    blocks.extend((0..16).map(|part| newest / 16 * part));
    blocks.sort_unstable();
    blocks.dedup();
    blocks
}

/// The blocks in the middle of neighbours that differ.
fn halves(seen: &BTreeMap<u64, U256>) -> Vec<u64> {
    let pairs = seen.iter().zip(seen.iter().skip(1));
    pairs
        .filter(|((from, before), (to, after))| before != after && **to - **from > 1)
        .map(|((from, _), (to, _))| from + (to - from) / 2)
        .collect()
}

/// How many bytes stand behind the address in its slot.
fn place(value: U256, address: Address) -> Option<usize> {
    let bytes = value.to_be_bytes::<32>();
    let at = bytes
        .windows(20)
        .position(|window| window == address.as_slice())?;
    Some(at)
}

fn entries(seen: &BTreeMap<u64, U256>, at: usize) -> Vec<HistoryEntry> {
    let mut entries: Vec<HistoryEntry> = Vec::new();
    let mut before = None;
    for (block, value) in seen {
        let bytes = value.to_be_bytes::<32>();
        let implementation = Address::from_slice(&bytes[at..at + 20]);
        if before != Some(implementation) && !implementation.is_zero() {
            entries.push(HistoryEntry {
                implementation,
                block: *block,
                transaction: None,
                found: HistorySource::Search,
            });
        }
        before = Some(implementation);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(byte: u8) -> U256 {
        U256::from_be_bytes(Address::repeat_byte(byte).into_word().0)
    }

    /// Searches a chain whose slot changes at these blocks.
    fn search(newest: u64, changes: &[(u64, u8)]) -> (Vec<(u64, u8)>, usize) {
        let value = |block: u64| {
            let last = changes.iter().rev().find(|(at, _)| *at <= block);
            last.map_or(U256::ZERO, |(_, byte)| word(*byte))
        };
        let mut seen = BTreeMap::new();
        let mut wanted = back(newest);
        let mut reads = 0;
        while !wanted.is_empty() {
            reads += wanted.len();
            seen.extend(wanted.iter().map(|block| (*block, value(*block))));
            wanted = halves(&seen);
        }
        let at = place(
            seen[&newest],
            Address::repeat_byte(changes.last().unwrap().1),
        )
        .unwrap();
        let found = entries(&seen, at);
        (
            found
                .iter()
                .map(|e| (e.block, e.implementation[0]))
                .collect(),
            reads,
        )
    }

    #[test]
    fn each_change_is_found_at_its_block_in_few_reads() {
        let changes = [(12_345_678, 1), (17_000_001, 2), (21_999_990, 3)];
        let (found, reads) = search(22_000_000, &changes);
        assert_eq!(found, changes);
        assert!(reads < 140, "{reads}");
        assert_eq!(search(3, &[(1, 7)]).0, [(1, 7)]);
        assert_eq!(search(0, &[(0, 7)]).0, [(0, 7)]);
    }

    #[test]
    fn a_packed_slot_is_read_where_the_address_stands() {
        let packed = word(9) << 8 | U256::from(1);
        assert_eq!(place(packed, Address::repeat_byte(9)), Some(11));
        let seen = BTreeMap::from([(1, word(8) << 8), (2, packed)]);
        let found = entries(&seen, 11);
        assert_eq!(found[1].implementation, Address::repeat_byte(9));
        assert_eq!(found[1].transaction, None);
    }
}

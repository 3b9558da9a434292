//! What about a recording makes a replay of it say less than it seems to.

use alloy_primitives::{Address, keccak256};
use cutover_chain::RecordingFolder;
use cutover_types::State as _;

/// Warnings before the replay, for people.
pub(super) fn warnings(folder: &RecordingFolder) -> Vec<String> {
    incomplete(folder)
        .into_iter()
        .chain(moved(folder))
        .collect()
}

fn incomplete(folder: &RecordingFolder) -> Option<String> {
    let incomplete = &folder.manifest().incomplete;
    let first = incomplete.first()?;
    let count = incomplete.len();
    Some(format!(
        "{count} transaction{} could not be recorded in full; the first is {}: {}",
        if count == 1 { "" } else { "s" },
        first.transaction,
        cutover_types::text::terminal(&first.why, 300)
    ))
}

/// Blue is read once, at the first block: says where another implementation took its place.
fn moved(folder: &RecordingFolder) -> Option<String> {
    let path = folder.manifest().upgrade.as_ref()?;
    let upgraded = keccak256("Upgraded(address)");
    let mut first: Option<Address> = None;
    for entry in &folder.manifest().blocks {
        // A block that cannot be read ends the replay itself, with the reason.
        let block = folder.block(entry.number).ok()?;
        let said = |block_number: u64, how: String| {
            format!(
                "the implementation changes in the window ({how} block {block_number}): blue in the report is the first one; record the blocks before and after by themselves"
            )
        };
        if let Ok(value) = block.state.storage(path.holder, path.slot) {
            let now = cutover_types::address::in_word(value.into(), path.offset);
            match first {
                Some(before) if before != now => {
                    return Some(said(entry.number, format!("{before} becomes {now} before")));
                }
                _ => first = Some(now),
            }
        }
        let emitted = block
            .receipts
            .iter()
            .flat_map(|receipt| receipt.logs())
            .any(|log| log.address == path.holder && log.topics().first() == Some(&upgraded));
        if emitted {
            return Some(said(entry.number, "an Upgraded event in".to_owned()));
        }
    }
    None
}

//! Former implementations: from the events of the proxy or its beacon, and where there are none, or they
//! end elsewhere, from the slot itself, looked at over blocks. Nodes limit how far back they answer, so
//! this is what can be had, never a reason to fail.

mod events;
mod search;

use crate::session::Session;
use alloy_primitives::{Address, B256};
use cutover_types::{ProxyKind, inspection::HistoryEntry};

/// Entries kept, the newest.
const ENTRIES: usize = 1_000;

/// Whose past is asked for.
pub(crate) struct Asked {
    /// The proxy, or its beacon.
    pub(crate) holder: Address,
    pub(crate) kind: ProxyKind,
    /// Where it keeps the implementation, when that is a slot.
    pub(crate) slot: Option<B256>,
    pub(crate) current: Address,
}

/// The implementations it was given, newest last, and how that was found when it may not be all.
pub(crate) async fn history(
    session: &mut Session,
    asked: &Asked,
) -> (Vec<HistoryEntry>, Option<String>) {
    let told = events::all(session, asked).await;
    if let Some(entries) = &told
        && entries.last().map(|entry| entry.implementation) == Some(asked.current)
    {
        return (newest(entries.clone()), None);
    }
    let why = match &told {
        None => "the node does not give its events",
        Some(entries) if entries.is_empty() => "it emitted no events of upgrades",
        Some(_) => "its events do not end with what it runs",
    };
    if let Some(slot) = asked.slot {
        let found = search::changes(session, asked.holder, slot, asked.current).await;
        if let Some(found) = found {
            let note = format!("the history is not from events ({why}): {}", found.how);
            return (newest(found.entries), Some(note));
        }
    }
    // Part of it is better than none, and said to be a part.
    match events::recent(session, asked).await {
        Some(entries) if !entries.is_empty() => {
            let note = match &told {
                Some(_) => format!("the history may have gaps: {why}"),
                None => format!(
                    "the history is only that of the last {} blocks: the node gives no more",
                    events::RECENT
                ),
            };
            (newest(entries), Some(note))
        }
        _ => (
            Vec::new(),
            Some(format!(
                "its history is not known: {why}, and it was not found in the state of earlier blocks"
            )),
        ),
    }
}

fn newest(mut entries: Vec<HistoryEntry>) -> Vec<HistoryEntry> {
    let skipped = entries.len().saturating_sub(ENTRIES);
    entries.split_off(skipped)
}

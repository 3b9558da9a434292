//! Former implementations: from the events of the proxy or its beacon, and where there are none, or they
//! end elsewhere, from the slot itself, looked at over blocks. Nodes limit how far back they answer, so
//! this is what can be had, never a reason to fail.

mod events;
mod search;

use crate::{prove::holds, session::Session};
use alloy_primitives::{Address, B256};
use cutover_types::{ProxyKind, inspection::HistoryEntry};

/// Entries kept, the newest.
const ENTRIES: usize = 1_000;
/// Entries of events that are compared with the slot, the newest.
const CONFIRMED: usize = 200;

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
    let mut contradicted = false;
    if let Some(entries) = &told
        && entries.last().map(|entry| entry.implementation) == Some(asked.current)
    {
        let entries = newest(entries.clone());
        match confirmed(session, asked, &entries).await {
            Confirmed::Yes(note) => return (entries, note),
            Confirmed::Unknown(why) => {
                return (
                    entries,
                    Some(format!("the history is what its events say: {why}")),
                );
            }
            Confirmed::No => contradicted = true,
        }
    }
    let why = match &told {
        _ if contradicted => "its events are not what its slot held",
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

/// Whether the slot held what the events say: anyone's contract may emit what it likes.
enum Confirmed {
    /// It did, and what it ran before the first of them.
    Yes(Option<String>),
    No,
    /// That cannot be seen: why.
    Unknown(&'static str),
}

/// Looks at the slot after each upgrade, and just before the next one.
async fn confirmed(session: &Session, asked: &Asked, entries: &[HistoryEntry]) -> Confirmed {
    let Some(slot) = asked.slot else {
        return Confirmed::Unknown("where its implementation stands is not known");
    };
    let skipped = entries.len().saturating_sub(CONFIRMED);
    let entries = &entries[skipped..];
    let nexts = entries.iter().skip(1).map(|entry| entry.block);
    let nexts = nexts.chain([session.block.number.saturating_add(1)]);
    let expected: Vec<_> = entries
        .iter()
        .zip(nexts)
        // Of several in one block only the last is seen.
        .filter(|(entry, next)| entry.block < *next)
        .flat_map(|(entry, next)| [entry.block, next - 1].map(|at| (at, entry.implementation)))
        .collect();
    let first = entries.first().and_then(|entry| entry.block.checked_sub(1));
    let blocks = expected.iter().map(|(block, _)| *block);
    let blocks: Vec<_> = blocks.chain(first).collect();
    let values = session.slot_at(asked.holder, slot, &blocks).await;
    let mut known = true;
    for ((_, implementation), value) in expected.iter().zip(&values) {
        match value {
            Some(value) if !holds(*value, *implementation) => return Confirmed::No,
            Some(_) => {}
            None => known = false,
        }
    }
    let earlier = first.zip(values.last().copied().flatten());
    let note = earlier
        .filter(|(_, value)| !value.is_zero())
        .map(|(block, value)| {
            format!("before its first event, after block {block}, its slot held {value:#x}")
        });
    match known {
        true => Confirmed::Yes(note),
        false => Confirmed::Unknown("the node does not give what its slot held at those blocks"),
    }
}

fn newest(mut entries: Vec<HistoryEntry>) -> Vec<HistoryEntry> {
    let skipped = entries.len().saturating_sub(ENTRIES);
    entries.split_off(skipped)
}

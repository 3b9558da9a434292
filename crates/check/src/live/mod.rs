//! What the proxy's own chain shows: whether blue is what runs, and what the stored values become.
//!
//! The chain is handed in as values. [`wanted`] says which slots of the proxy have still to be read;
//! what the node refuses stays unread and is never taken for zero.

mod code;
mod damage;
mod initialized;
mod kept;
mod reinitializers;
mod unexplained;
mod values;

use crate::{Options, Side};
use alloy_primitives::{Address, B256, Bytes, U256};
use cutover_types::{
    Finding, ProxyKind, inspection::BlockId, live::LiveContract, storage::Preimages,
};
use std::collections::{BTreeMap, BTreeSet};

/// What was read of the proxy's chain, at one block.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The proxy.
    pub proxy: Address,
    /// Its kind, when it was looked at.
    pub kind: Option<ProxyKind>,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// At which block.
    pub block: Option<BlockId>,
    /// The beacon that names the implementation.
    pub beacon: Option<Address>,
    /// The proxy's slot with the implementation, when that is where it stands.
    pub target_slot: Option<B256>,
    /// The implementation.
    pub address: Address,
    /// Its runtime code.
    pub code: Bytes,
    /// Slots of the proxy that were read.
    pub words: BTreeMap<B256, U256>,
    /// Slots the node did not give, and why.
    pub refused: BTreeMap<B256, String>,
    /// What recorded transactions did to the proxy's storage.
    pub seen: Option<Seen>,
}

/// What recorded transactions did to the proxy's storage.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The recording's digest.
    pub digest: B256,
    /// Transactions executed.
    pub transactions: u64,
    /// What the code hashed: the keys of mappings.
    pub preimages: Preimages,
    /// Slots they read or wrote.
    pub touched: BTreeSet<B256>,
    /// Slots they wrote, each with the first transaction that did.
    pub written: BTreeMap<B256, B256>,
    /// What could not be executed, and why.
    pub notes: Vec<String>,
}

/// What the live chain adds to a report.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) contract: Option<LiveContract>,
    pub(crate) findings: Vec<Finding>,
    /// What could not be told, each a reason for "inconclusive".
    pub(crate) unknown: Vec<String>,
}

/// Slots of the proxy that have to be read before [`crate::check`] can say what is stored. Ask again when
/// they were read: what they hold leads to others.
pub fn wanted(blue: &Side<'_>, green: &Side<'_>, live: &Live) -> BTreeSet<B256> {
    let values = values::read(blue, green, live);
    let mut wanted = values.missing;
    wanted.extend(initialized::slots(blue, green));
    wanted.extend(unexplained::slots(&values.explained, live));
    wanted.retain(|slot| !live.words.contains_key(slot) && !live.refused.contains_key(slot));
    wanted
}

/// Holds blue and green against what is live; `findings` are those of the layout, which get to know what
/// they do to stored values.
pub(crate) fn inspect(
    blue: &Side<'_>,
    green: &Side<'_>,
    options: &Options,
    findings: &mut [Finding],
) -> Outcome {
    let Some(live) = &options.live else {
        return Outcome::default();
    };
    let mut outcome = Outcome::default();
    let code = code::compare(blue, live, &mut outcome);
    let mut values = values::read(blue, green, live);
    damage::attach(findings, &values, live);
    kept::inspect(blue, green, options.proxy_code.as_ref(), live, &mut outcome);
    let initialized = initialized::inspect(blue, green, live, &mut outcome);
    let unexplained = unexplained::inspect(green, live, &values.explained, &mut outcome);
    let recording = live
        .seen
        .as_ref()
        .map(|seen| cutover_types::live::LiveRecording {
            digest: seen.digest,
            transactions: seen.transactions,
            entries: values.entries,
            written: seen.written.len() as u64,
        });
    let mut not_read = std::mem::take(&mut values.notes);
    not_read.extend(live.seen.iter().flat_map(|seen| seen.notes.iter().cloned()));
    let (rows, omitted) = values.rows();
    outcome.contract = Some(LiveContract {
        proxy: live.proxy,
        kind: live.kind,
        chain_id: live.chain_id,
        block: live.block.unwrap_or(BlockId {
            number: 0,
            hash: B256::ZERO,
        }),
        beacon: live.beacon,
        code,
        initialized,
        values: rows,
        omitted,
        recording,
        unexplained,
        not_read,
    });
    outcome
}

#[cfg(test)]
mod tests;

//! What the blocks of a recording add up to.

use crate::{gather::Gathered, plan::Plan};
use alloy_primitives::B256;
use cutover_types::{
    Reach, RecordedBlock, Recording,
    recording::{BlockEntry, Counts, Discovery, Incomplete, Proofs},
};
use std::collections::BTreeMap;

/// What was seen on the way through the window.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) blocks: Vec<BlockEntry>,
    pub(crate) counts: Counts,
    pub(crate) incomplete: BTreeMap<(u64, u64), Incomplete>,
    pub(crate) untraced: BTreeMap<String, u64>,
    /// Where the recording stopped because it had enough.
    pub(crate) enough: Option<u64>,
}

/// A block that was recorded.
pub(crate) struct Done {
    pub(crate) entry: BlockEntry,
    pub(crate) counts: Counts,
    pub(crate) incomplete: Vec<(u64, Incomplete)>,
}

impl Seen {
    /// Adds a recorded block; they come in ascending order.
    pub(crate) fn add(&mut self, done: Done) {
        for (index, incomplete) in done.incomplete {
            self.incomplete
                .insert((done.entry.number, index), incomplete);
        }
        let counts = &mut self.counts;
        counts.transactions += done.counts.transactions;
        counts.direct += done.counts.direct;
        counts.internal += done.counts.internal;
        counts.accounts += done.counts.accounts;
        counts.slots += done.counts.slots;
        counts.proven_accounts += done.counts.proven_accounts;
        counts.proven_slots += done.counts.proven_slots;
        self.blocks.push(done.entry);
    }

    /// The manifest, still without files and digest.
    pub(crate) fn manifest(self, plan: &Plan, chain_id: u64) -> Recording {
        let mut may_have_missed = Vec::new();
        for (why, blocks) in &self.untraced {
            may_have_missed.push(format!(
                "{blocks} block(s) were searched without call traces ({why}): a transaction that reaches the proxy only by a call \
                 from another contract was missed where its block has no transaction sent to the proxy and no log of the proxy"
            ));
        }
        if !plan.only.is_empty() {
            may_have_missed.push(format!(
                "only {} named transaction(s) were recorded; others were not looked for",
                plan.only.len()
            ));
        }
        if let (Some(most), Some(last)) = (plan.max_transactions, self.enough) {
            may_have_missed.push(format!(
                "the recording stopped at {most} transaction(s), in block {last}; what comes after was not looked for"
            ));
        }
        Recording {
            chain_id,
            proxy: plan.proxy,
            window: plan.window,
            discovery: if self.untraced.is_empty() {
                Discovery::Traces
            } else {
                Discovery::Logs
            },
            may_have_missed,
            blocks: self.blocks,
            upgrade: plan.upgrade.clone(),
            incomplete: self.incomplete.into_values().collect(),
            counts: self.counts,
            files: BTreeMap::new(),
            digest: B256::ZERO,
        }
    }
}

/// What a recorded block adds to the manifest.
pub(crate) fn done(block: &RecordedBlock, gathered: &Gathered) -> Done {
    let control = &gathered.control;
    let mut incomplete = Vec::new();
    for target in &block.targets {
        let index = usize::try_from(target.index).unwrap_or(usize::MAX);
        let silent = target.reach == Reach::Internal && control.calls.get(index) == Some(&0);
        let why = control.why(index).or_else(|| {
            silent.then(|| {
                "the node says that it reaches the proxy, its execution does not".to_owned()
            })
        });
        if let Some(why) = why {
            let transaction = target.hash;
            incomplete.push((target.index, Incomplete { transaction, why }));
        }
    }
    Done {
        entry: BlockEntry {
            number: block.header.number,
            hash: block.hash,
            targets: block.targets.clone(),
        },
        counts: counts(block),
        incomplete,
    }
}

/// What a block file counts; codes are counted over all blocks.
pub(crate) fn counts(block: &RecordedBlock) -> Counts {
    let direct = block
        .targets
        .iter()
        .filter(|target| target.reach == Reach::Direct)
        .count() as u64;
    let transactions = block.targets.len() as u64;
    let none = Proofs::default();
    let proofs = block.proofs.as_ref().unwrap_or(&none);
    Counts {
        transactions,
        direct,
        internal: transactions - direct,
        accounts: block.state.accounts.len() as u64,
        slots: block.state.slots() as u64,
        codes: 0,
        proven_accounts: proofs.accounts.len() as u64,
        proven_slots: proofs.slots.values().map(|slots| slots.len() as u64).sum(),
    }
}

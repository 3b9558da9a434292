//! What the journal says happened to each transaction.

use alloy_primitives::{Address, B256, Bytes};
use cutover_types::{
    inspection::BlockId,
    rollout::{Direction, Event, JournalEntry, Progression, RollbackPointer, SentTransaction},
};

/// A transaction of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) direction: Direction,
    pub(crate) hash: B256,
    pub(crate) from: Address,
    pub(crate) nonce: u64,
    pub(crate) raw: Bytes,
    pub(crate) state: Progression,
    pub(crate) block: Option<BlockId>,
    pub(crate) success: bool,
    /// How many calls of the same way still have to follow it.
    pub(crate) more: u64,
}

impl Attempt {
    /// Whether it can still change what the proxy runs.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, Progression::Finalized | Progression::Abandoned)
    }

    /// Whether it ran, as far as the journal knows.
    pub(crate) fn took_effect(&self) -> bool {
        self.success && matches!(self.state, Progression::Included | Progression::Finalized)
    }
}

/// The journal, read as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts {
    pub(crate) pointer: Option<RollbackPointer>,
    pub(crate) all: Vec<Attempt>,
}

impl Attempts {
    pub(crate) fn of(entries: &[JournalEntry]) -> Self {
        let mut attempts = Self::default();
        for entry in entries {
            attempts.take(&entry.event);
        }
        attempts
    }

    fn take(&mut self, event: &Event) {
        let mut change = |hash: &B256, change: &dyn Fn(&mut Attempt)| {
            if let Some(attempt) = self.all.iter_mut().find(|a| a.hash == *hash) {
                change(attempt);
            }
        };
        match event {
            Event::Pointer { pointer, .. } => self.pointer = Some((**pointer).clone()),
            Event::Signed {
                direction,
                hash,
                from,
                nonce,
                raw,
                more,
            } => self.all.push(Attempt {
                direction: *direction,
                hash: *hash,
                from: *from,
                nonce: *nonce,
                raw: raw.clone(),
                state: Progression::Signed,
                block: None,
                success: false,
                more: *more,
            }),
            Event::Broadcast { hash } => change(hash, &|a| {
                if a.state == Progression::Signed {
                    a.state = Progression::Broadcast;
                }
            }),
            Event::Included {
                hash,
                block,
                block_hash,
                success,
            } => change(hash, &|a| {
                a.state = Progression::Included;
                a.success = *success;
                a.block = Some(BlockId {
                    number: *block,
                    hash: *block_hash,
                });
            }),
            Event::Reorged { hash, .. } => change(hash, &|a| {
                a.state = Progression::Broadcast;
                a.success = false;
                a.block = None;
            }),
            Event::Finalized { hash, .. } => change(hash, &|a| a.state = Progression::Finalized),
            Event::Abandoned { hash, .. } => change(hash, &|a| a.state = Progression::Abandoned),
            _ => {}
        }
    }

    /// Transactions that may still change something, by nonce.
    pub(crate) fn open(&self) -> Vec<Attempt> {
        let mut open: Vec<_> = self.all.iter().filter(|a| a.is_open()).cloned().collect();
        open.sort_by_key(|attempt| attempt.nonce);
        open
    }

    /// Every transaction of the same call with the same nonce: at most one of them is ever included.
    pub(crate) fn at_nonce_of(&self, attempt: &Attempt) -> impl Iterator<Item = &Attempt> {
        let is_one = |other: &&Attempt| {
            (other.from, other.nonce, other.direction)
                == (attempt.from, attempt.nonce, attempt.direction)
        };
        self.all.iter().filter(is_one)
    }

    /// Which of them counts: the one in a block, else the last that may still be included.
    pub(crate) fn leader(&self, attempt: &Attempt) -> Option<&Attempt> {
        let mut included = self
            .at_nonce_of(attempt)
            .filter(|one| one.block.is_some() && one.state != Progression::Abandoned);
        let open = self.at_nonce_of(attempt).filter(|one| one.is_open());
        included.next().or(open.last())
    }

    /// What moved the proxy last.
    pub(crate) fn last_effect(&self) -> Option<&Attempt> {
        let moves = |a: &&Attempt| a.took_effect() && a.more == 0;
        self.all.iter().rev().find(moves)
    }

    /// The last that was in a block, if it was given up there: it failed, or did nothing.
    pub(crate) fn last_failed(&self) -> Option<(&Attempt, BlockId)> {
        let mut in_blocks = self.all.iter().rev().filter(|a| a.block.is_some());
        let last = in_blocks.next()?;
        let failed = last.state == Progression::Abandoned;
        last.block.filter(|_| failed).map(|block| (last, block))
    }

    /// The call that has to follow, when only the first ones of a way in `direction` were sent: how many
    /// calls are left, and the block of the one before.
    pub(crate) fn begun(&self, direction: Direction) -> Option<(u64, Option<BlockId>)> {
        let effects = self.all.iter().rev().filter(|a| a.took_effect());
        let last = effects.take_while(|a| a.more > 0);
        let mut last = last.filter(|a| a.direction == direction);
        last.next().map(|attempt| (attempt.more, attempt.block))
    }

    /// Which way the proxy moved last.
    pub(crate) fn last_move(&self) -> Option<Direction> {
        self.last_effect().map(|attempt| attempt.direction)
    }

    pub(crate) fn sent(&self) -> Vec<SentTransaction> {
        let sent = self.all.iter().map(|attempt| SentTransaction {
            hash: attempt.hash,
            direction: attempt.direction,
            from: attempt.from,
            nonce: attempt.nonce,
            state: attempt.state,
            block: attempt.block,
            success: attempt.block.map(|_| attempt.success),
        });
        sent.collect()
    }
}

//! Why a run ended without a receipt.

use crate::{JournalError, PreflightError, Step};
use alloy_primitives::{Address, B256};
use cutover_chain::ChainError;
use cutover_types::{rollout::Direction, text};
use std::fmt;
use thiserror::Error;

/// Why a run ended without a receipt.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RolloutError {
    /// Nothing was sent.
    #[error("nothing was sent: {}", list(.0))]
    Refused(Vec<PreflightError>),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The node could not be read; what is in the journal stands.
    #[error("could not read {what}")]
    Chain {
        /// What was read.
        what: &'static str,
        /// Why not.
        source: ChainError,
    },
    /// The signer refused, or signed something else.
    #[error("the transaction was not signed: {detail}")]
    Signer {
        /// Why.
        detail: String,
    },
    /// The node did not confirm that it has the signed transaction, and does not show it either. It is
    /// in the journal and will be sent again.
    #[error(
        "transaction {hash} may have been sent: the node does not show it, and answered {:?}",
        text::terminal(.detail, 200)
    )]
    NotAccepted {
        /// Transaction hash.
        hash: B256,
        /// What the node said.
        detail: String,
    },
    /// A transaction that was signed before is not sent again, and may be under way.
    #[error("transaction {hash}, signed before, may still be included; it is not sent again: {}", list(.refusals))]
    NotResent {
        /// Transaction hash.
        hash: B256,
        /// Why it is not sent again.
        refusals: Vec<PreflightError>,
    },
    /// A transaction that was signed before is not replaced, and may be under way.
    #[error("transaction {hash}, signed before, may still be included; it is not replaced: {}", list(.refusals))]
    NotReplaced {
        /// Transaction hash.
        hash: B256,
        /// Why not.
        refusals: Vec<PreflightError>,
    },
    /// Its nonce is used in a settled block, and it cannot be told whether it used it itself.
    #[error(
        "it cannot be told whether transaction {hash} was included: {}",
        text::terminal(.why, 300)
    )]
    Untold {
        /// Transaction hash.
        hash: B256,
        /// What is missing.
        why: String,
    },
    /// A transaction of the other direction is not in a block yet.
    #[error("transaction {hash} ({}) may still be included: finish that run first", word(.direction))]
    Unsettled {
        /// Transaction hash.
        hash: B256,
        /// Its direction.
        direction: Direction,
    },
    /// The journal belongs to another proxy or proposal.
    #[error(
        "the journal is about proxy {journal} on chain {journal_chain}, not {asked} on chain {asked_chain}"
    )]
    OtherJournal {
        /// In the journal.
        journal: Address,
        /// In the journal.
        journal_chain: u64,
        /// Asked for.
        asked: Address,
        /// Asked for.
        asked_chain: u64,
    },
    /// There is no pointer to return by.
    #[error("the journal holds no rollback pointer: rebuild it from the proposal")]
    NoPointer,
    /// It failed in a final block.
    #[error("transaction {hash} failed in block {block}")]
    Failed {
        /// Transaction hash.
        hash: B256,
        /// Block number.
        block: u64,
    },
    /// It succeeded and did nothing.
    #[error(
        "transaction {hash} succeeded in block {block}, but the slot of {holder} holds {found}, not {expected}"
    )]
    SlotNotMoved {
        /// Transaction hash.
        hash: B256,
        /// Block number.
        block: u64,
        /// Whose slot.
        holder: Address,
        /// What it should hold.
        expected: Address,
        /// What it holds.
        found: Address,
    },
    /// It is final and did what it should, and the proxy moved since.
    #[error("transaction {hash} is final, but the proxy {}: {holder} holds {found}, not {expected}", match undone {
        true => "was moved back since",
        false => "was moved elsewhere since",
    })]
    MovedSince {
        /// Transaction hash.
        hash: B256,
        /// Whose slot.
        holder: Address,
        /// What it held after the transaction.
        expected: Address,
        /// What it holds.
        found: Address,
        /// Whether that is what it held before.
        undone: bool,
    },
    /// The nonce was used by another transaction.
    #[error(
        "transaction {hash} can never be included: nonce {nonce} of {from} was used by another transaction"
    )]
    Replaced {
        /// Transaction hash.
        hash: B256,
        /// Sender.
        from: Address,
        /// The nonce.
        nonce: u64,
    },
    /// Patience ran out; the journal has everything to resume.
    #[error("transaction {hash} is not final after {seconds} s: run again to go on following it")]
    StillPending {
        /// Transaction hash.
        hash: B256,
        /// The block it is in, if it is in one.
        block: Option<u64>,
        /// How long was waited.
        seconds: u64,
    },
    /// Somebody moved the proxy already, in a block that may still go, and patience ran out.
    #[error(
        "proxy {proxy} runs {implementation} already, but that is not final after {seconds} s: nothing was sent"
    )]
    NotFinal {
        /// The proxy.
        proxy: Address,
        /// What it runs.
        implementation: Address,
        /// How long was waited.
        seconds: u64,
    },
    /// The next call has to wait, and patience ran out; the journal has everything to go on.
    #[error(
        "the proxy takes the next call of this {way} in {seconds} s: run again then", way = match direction {
            Direction::Forward => "upgrade",
            Direction::Back => "rollback",
        }
    )]
    NotYet {
        /// Which way.
        direction: Direction,
        /// How long still, by the chain's clock.
        seconds: u64,
    },
    /// The journal holds a call of another way than the proposal's.
    #[error(
        "the journal holds call {more} from the end, which the proposal does not have: make it again with `cutover propose`"
    )]
    OtherCalls {
        /// How many calls had to follow it.
        more: u64,
    },
    /// A test stopped the run.
    #[error("stopped at {}", .0.name())]
    Stopped(Step),
}

impl RolloutError {
    /// Whether it could not be told if the proxy can be moved, rather than that it must not.
    pub fn is_inconclusive(&self) -> bool {
        match self {
            Self::Refused(refusals) => {
                !refusals.is_empty() && refusals.iter().all(PreflightError::is_inconclusive)
            }
            Self::Chain { .. }
            | Self::NotAccepted { .. }
            | Self::NotResent { .. }
            | Self::NotReplaced { .. }
            | Self::Untold { .. }
            | Self::StillPending { .. }
            | Self::NotFinal { .. }
            | Self::NotYet { .. } => true,
            _ => false,
        }
    }
}

pub(crate) trait Reading<T> {
    /// Says what was read when it could not be.
    fn reading(self, what: &'static str) -> Result<T, RolloutError>;
}

impl<T> Reading<T> for Result<T, ChainError> {
    fn reading(self, what: &'static str) -> Result<T, RolloutError> {
        self.map_err(|source| RolloutError::Chain { what, source })
    }
}

fn word(direction: &Direction) -> &'static str {
    match direction {
        Direction::Forward => "forward",
        Direction::Back => "back",
    }
}

fn list(items: &[impl fmt::Display]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join("; ")
}

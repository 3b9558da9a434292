//! Collects the transactions that reach a proxy and the state they need, as evidence.
//!
//! [`collect`] looks through a window of blocks, executes each block with a target in process up to its
//! last target, and keeps exactly the state that read: what was asked of the node on the way, in which
//! order and how often it failed leaves no trace in the recording. [`verify`] recomputes everything a
//! recording claims from its files alone.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod collect;
mod control;
mod discover;
mod error;
mod gather;
mod plan;
mod proofs;
mod surroundings;
mod tally;
mod trace;
mod verify;

pub use collect::collect;
pub use error::RecordError;
pub use plan::Plan;
pub use verify::{Check, VerifyReport, verify};

#[doc(no_inline)]
pub use cutover_evm::Request;

//! Upgrade and rollback: preflight, journal, submit, confirm.
//!
//! Both directions are one path. What is needed to return is written down before anything is sent; a
//! transaction is written down signed before it is broadcast; it counts when its block is final and the
//! slot was read back. A crash at any point is resumed by sending the same bytes again.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attempts;
mod checkpoints;
mod error;
mod fate;
mod follow;
mod journal;
mod preflight;
mod reads;
mod rebuild;
mod run;
mod send;
mod status;

pub use checkpoints::{Checkpoints, Step, Uninterrupted};
pub use error::RolloutError;
pub use journal::{Journal, JournalError, Line};
pub use preflight::{
    Current, Executed, PreflightError, preflight_chain, preflight_rollback, preflight_upgrade,
};
pub use rebuild::rebuild;
pub use run::{Finality, Options, Rollout, rollback, upgrade};
pub use send::Signer;
pub use status::status;

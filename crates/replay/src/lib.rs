//! Runs recorded transactions on blue and on green and says what differs.
//!
//! A transaction counts only if blue reproduces its receipt: that is the control. Then the same
//! transaction runs on the same state with the upgrade executed first, and the two are compared.
//!
//! The exact state of each transaction comes from the recording: the state at the parent block and
//! every transaction before it in its block, executed in process. What executes the transaction
//! itself is an [`Engine`]: revm in process, or an anvil fork of that state.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stderr))]

mod anvil;
mod base;
mod carry;
mod compare;
mod engine;
mod error;
mod exact;
mod fees;
mod keep;
mod modes;
mod names;
mod options;
mod outflow;
mod reached;
mod rollback;
mod run;
mod setup;
mod summary;
mod target;
mod verdict;
mod view;

pub use anvil::AnvilEngine;
pub use engine::{Engine, EngineError, Executed, Job, RevmEngine, Step};
pub use error::ReplayError;
pub use keep::{Kept, fresh_accounts, keep_green};
pub use options::{DETERMINISTIC_DEPLOYER, ExpectedRule, Green, GreenCode, Options};
pub use run::{Replayed, Speed, run};

//! Runs recorded transactions on blue and on green and says what differs.
//!
//! A transaction counts only if blue reproduces its receipt: that is the control. Then the same
//! transaction runs on the same state with the upgrade executed first, and the two are compared.
//!
//! The exact state of each transaction comes from the recording: the state at the parent block and
//! every transaction before it in its block, executed in process. What executes the transaction
//! itself is an [`Engine`]: revm in process, or an anvil fork of that state.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod carry;
mod compare;
mod error;
mod fees;
mod names;
mod options;
mod verdict;
mod view;

pub use error::ReplayError;
pub use options::{DETERMINISTIC_DEPLOYER, ExpectedRule, Green, GreenCode, Options};

use cutover_chain::RecordingFolder;
use cutover_types::{ReplayReport, progress::Progress};
use std::time::Duration;

/// What a replay gives.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The report: the same bytes for the same inputs.
    pub report: ReplayReport,
    /// How long it took, which is not part of it.
    pub speed: Speed,
}

/// How fast a replay was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Speed {
    /// Transactions executed, counting both sides and the ones before them in their blocks.
    pub executed: u64,
    /// How long it took.
    pub took: Duration,
}

/// Replays a recording on blue and on green.
///
/// # Errors
/// When nothing can be replayed at all; what goes wrong with one transaction is in its report.
pub async fn run(
    _folder: &RecordingFolder,
    _green: &Green,
    _options: &Options,
    _progress: &dyn Progress,
) -> Result<Replayed, ReplayError> {
    Err(ReplayError::Worker("not written yet".into()))
}

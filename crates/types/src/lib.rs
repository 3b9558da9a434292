//! The nouns, ABIs and file formats of Cutover: values only, no node, no disk.
//!
//! *Blue* is the implementation a proxy runs today, *green* the candidate. Every other crate
//! speaks in these types, so what one command writes the next one reads unchanged.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod abi;
pub mod address;
pub mod check;
pub mod code;
pub mod deployment;
pub mod diamond;
pub mod execution;
pub mod file;
pub mod fleet;
pub mod hardfork;
pub mod inspection;
pub mod json;
pub mod layout;
pub mod live;
pub mod outflow;
pub mod progress;
pub mod proposal;
pub mod recording;
pub mod replay;
pub mod revert;
pub mod rollout;
pub mod source;
pub mod state;
pub mod storage;
pub mod text;
pub mod upgrade;

pub use check::{Category, CheckReport, Finding, LayoutVerdict, SafetyVerdict, Severity, Verdict};
pub use execution::{
    AccountDiff, Assumption, CallFrame, CallKind, Change, EnvironmentRead, Outcome, StateDiff,
    Status,
};
pub use file::{Format, Input};
pub use hardfork::Hardfork;
pub use inspection::{Inspection, ProxyKind};
pub use layout::{StorageItem, StorageLayout, TypeInfo};
pub use outflow::{Outflow, outflows};
pub use proposal::Proposal;
pub use recording::{Reach, RecordedBlock, Recording, Target, Window};
pub use replay::{ReplayReport, TransactionVerdict};
pub use rollout::{JournalEntry, RollbackPointer};
pub use state::{Account, MemoryState, Missing, Overlay, State};
pub use upgrade::{Argument, Call, Receiver, StepCall, UpgradePath, UpgradeStep, Verb};

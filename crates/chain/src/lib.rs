//! The node, the fork and the signer: everything that talks to a network.
//!
//! Two directions meet here. [`Node`] and [`LazyState`] read a chain over JSON-RPC, through faults
//! and rate limits, and check what can be checked. [`Facade`] turns around and serves a recording, or
//! one view of the state, as JSON-RPC on loopback, so that a fork can be made with no node at all.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
pub mod anvil;
mod block;
pub mod error;
pub mod facade;
pub mod fees;
pub mod fetch;
pub mod folder;
pub mod keys;
pub mod node;
pub mod programs;
pub mod proof;
pub mod rpc;
pub mod submit;
mod transport;
mod waiting;

pub use error::ChainError;
pub use facade::{Archive, Facade, RecordingArchive, ViewArchive};
pub use fetch::{LazyState, SettleError};
pub use folder::{FolderError, RecordingFolder, RecordingWriter};
pub use node::{FetchedBlock, Node, NodeStats, Notice, Policy};
pub use programs::find_program;

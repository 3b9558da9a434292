//! Local execution of recorded or lazily read state: revm over any [`State`].
//!
//! Everything here is a function of values. What is not known is an error that names the key
//! ([`EvmError::Missing`]), never zero: whoever has a node fetches the key and runs again.
//!
//! - [`execute`] runs one signed transaction with every check a block does;
//! - [`simulate`] runs a call, as `eth_call` does, with its changes, logs and calls;
//! - [`BlockRun`] runs the transactions of a block in order, each on what the ones before it left;
//! - [`wanted()`] and its companions say which keys a run will need, to fetch them in few round trips;
//! - [`matches_receipt`] holds an outcome against what the chain recorded.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod block;
mod changes;
mod codes;
mod environment;
mod error;
mod execute;
mod hashes;
mod machine;
mod receipt;
mod recorder;
mod simulate;
mod store;
mod touched;
mod transaction;
mod wanted;

pub use block::{BlockRun, Stored, Summary};
pub use changes::{Changes, View};
pub use environment::Environment;
pub use error::EvmError;
pub use execute::execute;
pub use receipt::{Mismatch, matches_receipt};
pub use simulate::{CALL_GAS, Request, simulate};
pub use touched::Touched;
pub use transaction::SignedTransaction;
pub use wanted::{wanted, wanted_by_begin, wanted_by_block, wanted_by_request};

#[doc(no_inline)]
pub use cutover_types::{Missing, Outcome, State, revert::decode as decode_revert};

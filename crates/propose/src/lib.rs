//! Makes the proposal: forward, back and forward again, or says every reason why not.
//!
//! Pure: it reads the reports of `inspect`, `check` and `replay` and gives a
//! [`cutover_types::Proposal`]. What is proposed is exactly what was executed: the same sender, target
//! and calldata that the replay ran, and the way back it rehearsed.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod code;
mod make;
mod refusal;
pub mod safe;
mod words;

pub use code::Runtimes;
pub use make::{Options, Reports, propose};
pub use refusal::{ProposeError, Refusal};
pub use safe::SafeFacts;

#[cfg(test)]
mod tests;

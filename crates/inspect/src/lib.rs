//! Which proxy this is, who can upgrade it, and the way back.
//!
//! The answer is executed, not guessed: a call that no contract knows is traced to see where it is
//! forwarded, and the upgrade is run on local state from whoever is said to hold the key. A node that
//! does not answer is an error that names what is missing, never "not a proxy".
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod approvals;
mod authority;
mod candidate;
mod code;
mod controllers;
mod error;
pub mod fleet;
mod functions;
mod header;
mod history;
mod inspect;
mod kinds;
mod prove;
mod routes;
mod session;
mod snapshot;
mod targets;
mod trace;
mod vacant;
mod watch;

pub use approvals::{Agreed, Approved, agree};
pub use candidate::{Candidate, CandidateCode};
pub use code::has_delegatecall;
pub use error::InspectError;
pub use inspect::{inspect, inspect_before, inspect_candidate, inspect_facet, upgrade_requests};

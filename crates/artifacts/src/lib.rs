//! The Solidity compiler and what it makes: layouts, code, sources.
//!
//! A *code reference* names a contract on disk or on the chain; [`load`] turns it into [`Code`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod code;
mod error;
mod reference;

pub use code::{Code, LoadOptions, Need, load};
pub use cutover_types::source::{SourceUnit, Sources};
pub use error::ArtifactError;
pub use reference::Reference;

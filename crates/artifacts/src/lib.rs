//! The Solidity compiler and what it makes: layouts, code, sources.
//!
//! A *code reference* names a contract on disk or on the chain; [`load`] turns it into [`Code`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod blocks;
mod build_index;
mod build_info;
mod bytecode;
mod cache;
mod closure;
mod code;
mod code_file;
mod compile;
mod error;
mod evaluate;
mod files;
mod functions;
mod git;
mod given;
mod held;
mod join;
mod namespaces;
mod output;
mod placement;
mod project;
mod reference;
mod scan;
mod settings;
mod shelf;
mod skim;
mod solc;
mod stamp;
mod uses;
mod vyper;
mod words;

pub use cache::Cache;
pub use code::{Code, LoadOptions, Need, load, load_with};
pub use cutover_types::source::{SourceUnit, Sources};
pub use error::ArtifactError;
pub use git::{Revision, revision};
pub use reference::Reference;
pub use shelf::Shelf;
pub use solc::{Compiler, compilers};

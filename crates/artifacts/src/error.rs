//! Why a contract could not be loaded.

use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a contract could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It starts like an address.
    #[error("`{text}` is no address")]
    NoAddress {
        /// As it was given.
        text: String,
        /// Why not.
        source: cutover_types::address::AddressError,
    },
    /// The text is no code reference.
    #[error(
        "`{reference}` names no code: give `Source.sol:Contract`, an artifact `.json`, `build-info.json#Source.sol:Contract`, `code:FILE` or an address"
    )]
    BadReference {
        /// The text, escaped.
        reference: String,
    },
    /// An address: the caller reads its code from the chain.
    #[error("the code of {address} is on the chain, not on disk")]
    OnChain {
        /// The address.
        address: alloy_primitives::Address,
    },
    /// A file could not be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any artifact.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A file is not what its reference says.
    #[error("{} is not {expected}: {detail}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// No such contract.
    #[error("no contract `{contract}` in {place}{near}")]
    NotFound {
        /// The name asked for.
        contract: String,
        /// Where it was looked for.
        place: String,
        /// `; there are A, B`, or nothing.
        near: String,
    },
    /// Several contracts fit.
    #[error("`{contract}` is ambiguous in {place}: {candidates}")]
    Ambiguous {
        /// The name asked for.
        contract: String,
        /// Where it was looked for.
        place: String,
        /// Qualified names that fit, bounded.
        candidates: String,
    },
    /// An import leads nowhere.
    #[error("{importer} imports `{import}`, which is in none of {tried}")]
    ImportNotFound {
        /// The unit with the import.
        importer: String,
        /// The path in the import.
        import: String,
        /// Where it was looked for.
        tried: String,
    },
    /// The compiler refused the source.
    #[error("{unit} does not compile with solc {version}: {errors}")]
    DoesNotCompile {
        /// The unit asked for.
        unit: String,
        /// The compiler's version.
        version: String,
        /// First errors with file and line, bounded and escaped.
        errors: String,
    },
    /// No compiler fits.
    #[error("no solc for {wanted}: looked at {tried}; run scripts/setup or set CUTOVER_SOLC")]
    NoSolc {
        /// The versions the sources accept.
        wanted: String,
        /// Where it was looked for.
        tried: String,
    },
    /// A program is not a usable compiler.
    #[error("{} is no usable solc: {detail}; run scripts/setup, or name another with CUTOVER_SOLC or on the command line", path.display())]
    BadSolc {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// No Vyper compiler.
    #[error("no vyper: run scripts/setup, or set CUTOVER_VYPER")]
    NoVyper,
    /// A program is not a usable Vyper compiler.
    #[error("{} is no usable vyper: {detail}", path.display())]
    BadVyper {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Vyper refused the source.
    #[error("{unit} does not compile: {errors}")]
    DoesNotCompileVyper {
        /// The unit asked for.
        unit: String,
        /// What the compiler said, bounded and escaped.
        errors: String,
    },
    /// An artifact has no layout and the caller cannot do without.
    #[error("{reference} has no storage layout; {help}")]
    NoLayout {
        /// The reference.
        reference: String,
        /// How to get one.
        help: String,
    },
    /// An artifact has no code and the caller cannot do without.
    #[error(
        "{reference} has no {what} bytecode: it is abstract, an interface, or was not compiled to code"
    )]
    NoCode {
        /// The reference.
        reference: String,
        /// `creation` or `runtime`.
        what: &'static str,
    },
    /// The code still needs libraries.
    #[error("{reference} is not linked: it needs {libraries}")]
    Unlinked {
        /// The reference.
        reference: String,
        /// The libraries, bounded.
        libraries: String,
    },
    /// The artifact is older than the source, or only part of a build.
    #[error("{reference} is stale: {detail}")]
    Stale {
        /// The reference.
        reference: String,
        /// What shows it.
        detail: String,
    },
    /// A git revision could not be laid out.
    #[error("could not take `{revision}` from git in {}: {detail}", root.display())]
    Git {
        /// The repository.
        root: PathBuf,
        /// The revision.
        revision: String,
        /// What git said, bounded and escaped.
        detail: String,
    },
}

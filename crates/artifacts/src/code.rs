//! A contract as loaded.

use crate::{ArtifactError, Reference, Shelf, code_file, compile, given, project::bounded, vyper};
use alloy_json_abi::JsonAbi;
use alloy_primitives::Bytes;
use cutover_types::{StorageLayout, source::Sources};
use std::{ops::Range, path::PathBuf};

/// A contract's code and what the compiler says of it. What is absent is named in `missing`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Code {
    /// The reference it was loaded from.
    pub reference: String,
    /// `Source.sol:Contract`.
    pub contract: Option<String>,
    /// Creation code, linked.
    pub creation: Option<Bytes>,
    /// Runtime code, linked, immutables zero.
    pub runtime: Option<Bytes>,
    /// Interface.
    pub abi: Option<JsonAbi>,
    /// Storage layout, enum members, annotations and namespaces joined from the syntax tree.
    pub layout: Option<StorageLayout>,
    /// Syntax trees and texts of the contract and everything it imports.
    pub sources: Option<Sources>,
    /// Where immutables sit in the runtime code.
    pub immutables: Vec<Range<usize>>,
    /// `0.8.28+commit.7893614a`.
    pub compiler: Option<String>,
    /// The EVM version it was compiled for, when the settings name one.
    pub evm_version: Option<String>,
    /// Whether it was compiled through the intermediate representation, when known.
    pub via_ir: Option<bool>,
    /// Whether the optimizer ran, when known.
    pub optimizer: Option<bool>,
    /// Runtime code with zeros where libraries have to be linked in; only when there are such places.
    pub template: Option<Bytes>,
    /// Where those zeros are.
    pub links: Vec<Range<usize>>,
    /// Libraries the code still has to be linked with, `Source.sol:Library`.
    pub unlinked: Vec<String>,
    /// What was asked for and is not there, each with how to get it.
    pub missing: Vec<String>,
    /// Why this may not be what was asked for: nothing that is said of it is sure then.
    pub doubts: Vec<String>,
    /// Whether the layout shows namespaces and annotations though there are no syntax trees: a
    /// manifest recorded them, or the language has none.
    pub layout_is_whole: bool,
    /// What a reader should know of how it was loaded: a stale build, a compiler that was chosen.
    pub notes: Vec<String>,
}

/// What the caller is going to use: only that is asked of the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Storage layout.
    pub layout: bool,
    /// Syntax trees.
    pub ast: bool,
    /// Creation and runtime code.
    pub bytecode: bool,
}

impl Need {
    /// Everything.
    pub const ALL: Self = Self {
        layout: true,
        ast: true,
        bytecode: true,
    };
    /// Only the code.
    pub const BYTECODE: Self = Self {
        layout: false,
        ast: false,
        bytecode: true,
    };
}

/// How to load.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The project's root; relative references start here, then at the current directory.
    pub root: PathBuf,
    /// The compiler to use instead of looking for one.
    pub solc: Option<PathBuf>,
    /// What to ask for.
    pub need: Need,
}

/// Loads the code a reference names.
///
/// A layout, syntax tree or code that an artifact does not hold is no error: [`Code::missing`]
/// says so, and the rules that need it answer "inconclusive".
///
/// # Errors
/// When the file, the contract or the compiler is not there, or the source does not compile.
pub fn load(reference: &Reference, options: &LoadOptions) -> Result<Code, ArtifactError> {
    load_with(reference, options, &Shelf::default())
}

/// [`load`], using again what the shelf holds, and putting there what was read and compiled.
///
/// # Errors
/// Those of [`load`].
pub fn load_with(
    reference: &Reference,
    options: &LoadOptions,
    shelf: &Shelf,
) -> Result<Code, ArtifactError> {
    let mut code = match reference {
        Reference::Source { unit, contract } if unit.ends_with(".vy") => {
            vyper::source(unit, contract.as_deref(), options)?
        }
        Reference::Source { unit, contract } => {
            compile::source(unit, contract.as_deref(), options, shelf)?
        }
        Reference::Artifact(path) => given::load(path, None, options, shelf)?,
        Reference::BuildInfo { file, contract } => {
            given::load(file, Some(contract), options, shelf)?
        }
        Reference::CodeFile(path) => code_file::read(path, options)?,
        Reference::Address(address) => return Err(ArtifactError::OnChain { address: *address }),
    };
    code.reference = reference.to_string();
    Ok(code)
}

impl Code {
    /// The layout, for callers that cannot do without.
    ///
    /// # Errors
    /// When there is none; the error says how to get one.
    pub fn require_layout(&self) -> Result<&StorageLayout, ArtifactError> {
        self.layout.as_ref().ok_or_else(|| ArtifactError::NoLayout {
            reference: self.reference.clone(),
            help: self.missing.join("; "),
        })
    }

    /// The runtime code, for callers that cannot do without.
    ///
    /// # Errors
    /// When there is none or it is not linked.
    pub fn require_runtime(&self) -> Result<&Bytes, ArtifactError> {
        self.require(self.runtime.as_ref(), "runtime")
    }

    /// The creation code, for callers that cannot do without.
    ///
    /// # Errors
    /// When there is none or it is not linked.
    pub fn require_creation(&self) -> Result<&Bytes, ArtifactError> {
        self.require(self.creation.as_ref(), "creation")
    }

    fn require<'a>(
        &self,
        code: Option<&'a Bytes>,
        what: &'static str,
    ) -> Result<&'a Bytes, ArtifactError> {
        if !self.unlinked.is_empty() {
            return Err(ArtifactError::Unlinked {
                reference: self.reference.clone(),
                libraries: bounded(self.unlinked.iter().cloned()),
            });
        }
        code.ok_or_else(|| ArtifactError::NoCode {
            reference: self.reference.clone(),
            what,
        })
    }
}

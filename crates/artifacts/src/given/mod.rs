//! JSON files that name or carry a contract. What a file is shows in its content, never in its name.

mod artifact;
mod build_info;
mod bundle;
mod explorer;
mod folder;
mod manifest;
mod sourcify;
mod trees;

pub(crate) use bundle::pick;

use crate::{ArtifactError, Code, LoadOptions, Shelf, files};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Source units of one file beyond this number are no contract's.
const MAX_SOURCES: usize = 4096;

/// What a JSON file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One contract of Foundry, Hardhat or truffle.
    Artifact,
    /// Sources and settings, not compiled yet.
    Input,
    /// OpenZeppelin's record of deployments.
    Manifest,
    /// What a block explorer answers about verified source.
    Explorer,
    /// What Sourcify answers, or solc's metadata.
    Sourcify,
    /// Hardhat's pointer from an artifact to a build info.
    Pointer,
    /// Foundry's list of what was compiled, without sources and output.
    List,
}

/// What is accepted, for messages.
const ACCEPTED: &str = "a file with a contract: an artifact, a build info, solc's standard JSON, an OpenZeppelin manifest, a Sourcify or Etherscan file";

/// Loads the contract a file holds; `wanted` is what follows `#`.
pub(crate) fn load(
    path: &Path,
    wanted: Option<&str>,
    options: &LoadOptions,
    shelf: &Shelf,
) -> Result<Code, ArtifactError> {
    let path = find(path, &options.root);
    File {
        path: &path,
        wanted,
        options,
        shelf,
    }
    .load()
}

impl File<'_> {
    fn load(&self) -> Result<Code, ArtifactError> {
        // Only the files that can be large are read without holding them.
        match self
            .shelf
            .build_infos
            .load(self.path, self.wanted, self.options, &self.shelf.cache)
        {
            Ok(Some(code)) => return build_info::completed(self, code),
            Ok(None) => {}
            // Etherscan's double braces are no JSON, and read below.
            Err(ArtifactError::Malformed { .. }) if files::is_doubled(self.path) => {}
            Err(error) => return Err(error),
        }
        let json = files::json(self.path, ACCEPTED)?;
        match kind(&json) {
            Some(Kind::Artifact) => artifact::read(self, &json),
            Some(Kind::Input) => build_info::compile(self, &json),
            Some(Kind::Manifest) => manifest::read(self, &json),
            Some(Kind::Explorer) => explorer::read(self, &json),
            Some(Kind::Sourcify) => sourcify::read(self, &json),
            Some(Kind::Pointer) => artifact::pointed(self),
            Some(Kind::List) => Err(self.malformed(
                "it lists what Foundry compiled and holds no output: build with `forge build --build-info --force`, or name the artifact",
            )),
            None => Err(self.malformed("it has no code with an ABI, no compiler output and no sources")),
        }
    }
}

/// A file under way.
struct File<'a> {
    path: &'a Path,
    wanted: Option<&'a str>,
    options: &'a LoadOptions,
    shelf: &'a Shelf,
}

impl File<'_> {
    /// "It is no contract file", and why.
    fn malformed(&self, detail: impl Into<String>) -> ArtifactError {
        ArtifactError::Malformed {
            path: self.path.to_owned(),
            expected: ACCEPTED,
            detail: detail.into(),
        }
    }

    /// For messages.
    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

fn kind(json: &Value) -> Option<Kind> {
    let has = |name: &str| json.get(name).is_some_and(|value| !value.is_null());
    let format = json["_format"].as_str().unwrap_or_default();
    if format == "hh-sol-dbg-1" {
        return Some(Kind::Pointer);
    }
    if json["abi"].is_array() && !has("compilation") && (has("bytecode") || has("deployedBytecode"))
    {
        return Some(Kind::Artifact);
    }
    if json["manifestVersion"].is_string() && json["impls"].is_object() {
        return Some(Kind::Manifest);
    }
    if explorer::fits(json) {
        return Some(Kind::Explorer);
    }
    if sourcify::fits(json) {
        return Some(Kind::Sourcify);
    }
    let input = |json: &Value| json["language"].is_string() && json["sources"].is_object();
    if input(json) || input(&json["input"]) {
        return Some(Kind::Input);
    }
    (has("source_id_to_path") && has("language")).then_some(Kind::List)
}

/// A path below the root, or else as it is.
pub(crate) fn find(path: &Path, root: &Path) -> PathBuf {
    let below = root.join(path);
    if below.is_file() {
        below
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_is_known_by_its_content() {
        let cases = [
            (json!({"abi": [], "bytecode": {}}), Some(Kind::Artifact)),
            (json!({"_format": "hh-sol-dbg-1"}), Some(Kind::Pointer)),
            (
                json!({"language": "Solidity", "sources": {}}),
                Some(Kind::Input),
            ),
            (
                json!({"input": {"language": "Solidity", "sources": {}}}),
                Some(Kind::Input),
            ),
            (
                json!({"manifestVersion": "3.2", "impls": {}}),
                Some(Kind::Manifest),
            ),
            (
                json!({"SourceCode": "", "ContractName": "A"}),
                Some(Kind::Explorer),
            ),
            (
                json!({"status": "1", "result": [{"SourceCode": ""}]}),
                Some(Kind::Explorer),
            ),
            (
                json!({"status": "0", "message": "NOTOK", "result": "no"}),
                Some(Kind::Explorer),
            ),
            (
                json!({"compiler": {}, "settings": {}, "sources": {}, "output": {"abi": []}}),
                Some(Kind::Sourcify),
            ),
            (
                json!({"sources": {}, "compilation": {}, "abi": []}),
                Some(Kind::Sourcify),
            ),
            (json!({"status": "full", "files": []}), Some(Kind::Sourcify)),
            (
                json!({"id": "1", "source_id_to_path": {}, "language": "Solidity"}),
                Some(Kind::List),
            ),
            (json!({"name": "package", "version": "1.0.0"}), None),
            (json!([]), None),
            (json!(null), None),
        ];
        for (json, expected) in cases {
            assert_eq!(kind(&json), expected, "{json}");
        }
    }
}

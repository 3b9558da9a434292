//! How a contract is named on the command line.

use crate::ArtifactError;
use alloy_primitives::Address;
use std::{fmt, path::PathBuf};

/// Where a contract's code is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `Source.sol:Contract` or `Source.vy`, compiled in the project at the root.
    Source {
        /// Source file, relative to the root.
        unit: String,
        /// Contract name; the only contract of the file when absent.
        contract: Option<String>,
    },
    /// A JSON file that holds one contract: an artifact, a manifest, verified source.
    Artifact(PathBuf),
    /// `build-info.json#Source.sol:Contract`, or another file with several contracts.
    BuildInfo {
        /// The file; what it is shows in its content.
        file: PathBuf,
        /// `Source.sol:Contract`, only `Contract`, or an address of a manifest.
        contract: String,
    },
    /// `code:FILE`, runtime bytecode in hex or binary.
    CodeFile(PathBuf),
    /// An address on the chain.
    Address(Address),
}

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// When the text has none of the five shapes.
    pub fn parse(text: &str) -> Result<Self, ArtifactError> {
        let wrong = || ArtifactError::BadReference {
            reference: cutover_types::text::terminal(text, 200),
        };
        if let Some(file) = text.strip_prefix("code:") {
            return if file.is_empty() {
                Err(wrong())
            } else {
                Ok(Self::CodeFile(file.into()))
            };
        }
        if text.starts_with("0x") && !text.contains('/') && !text.contains('.') {
            return cutover_types::address::parse(text)
                .map(Self::Address)
                .map_err(|source| ArtifactError::NoAddress {
                    text: cutover_types::text::terminal(text, 120),
                    source,
                });
        }
        if let Some((file, contract)) = text.split_once(".json#") {
            if contract.is_empty() {
                return Err(wrong());
            }
            return Ok(Self::BuildInfo {
                file: format!("{file}.json").into(),
                contract: contract.to_owned(),
            });
        }
        if text.ends_with(".json") {
            return Ok(Self::Artifact(text.into()));
        }
        let (unit, contract) = match text.rsplit_once(':') {
            Some((unit, contract)) => (unit, Some(contract.to_owned())),
            None => (text, None),
        };
        let source = unit.ends_with(".sol") || unit.ends_with(".vy");
        if !source || contract.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(wrong());
        }
        Ok(Self::Source {
            unit: unit.to_owned(),
            contract,
        })
    }

    /// The address, when the code is on the chain and the caller has to fetch it.
    pub fn address(&self) -> Option<Address> {
        match self {
            Self::Address(address) => Some(*address),
            _ => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source {
                unit,
                contract: Some(name),
            } => write!(f, "{unit}:{name}"),
            Self::Source {
                unit,
                contract: None,
            } => f.write_str(unit),
            Self::Artifact(file) => write!(f, "{}", file.display()),
            Self::BuildInfo { file, contract } => write!(f, "{}#{contract}", file.display()),
            Self::CodeFile(file) => write!(f, "code:{}", file.display()),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_shapes_are_told_apart() {
        let cases = [
            ("src/Token.sol:Token", "source"),
            ("Token.sol", "source"),
            ("src/Token.vy:Token", "source"),
            ("Token.vy", "source"),
            ("@oz/contracts/T.sol:T", "source"),
            ("out/Token.sol/Token.json", "artifact"),
            ("out/build-info/1.json#src/Token.sol:Token", "build"),
            ("code:token.hex", "code"),
            ("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "address"),
            ("0xA0b8", "wrong"),
            ("Token", "wrong"),
            ("Token.sol:", "wrong"),
            ("Token.sol:1Token", "wrong"),
            ("code:", "wrong"),
            ("", "wrong"),
        ];
        for (text, expected) in cases {
            let found = match Reference::parse(text) {
                Ok(Reference::Source { .. }) => "source",
                Ok(Reference::Artifact(_)) => "artifact",
                Ok(Reference::BuildInfo { .. }) => "build",
                Ok(Reference::CodeFile(_)) => "code",
                Ok(Reference::Address(_)) => "address",
                Err(_) => "wrong",
            };
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn shown_as_it_was_written() {
        for text in ["src/A.sol:A", "A.sol", "a.json", "b.json#A", "code:x"] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
    }
}

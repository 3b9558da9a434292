//! A compiler's answer about one contract: as it wrote it, and as it is kept for the next run.

use crate::{ArtifactError, output};
use cutover_types::{
    source::{SourceUnit, Sources, Tree},
    text::terminal,
};
use semver::Version;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// An answer. Whatever is not there is null.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The contract's part of `contracts`.
    contract: Value,
    /// The units with their syntax trees.
    units: Tree,
    errors: Value,
}

/// What is read of what a compiler writes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    contracts: Value,
    sources: Tree,
    errors: Value,
}

impl Answer {
    /// Reads what a compiler wrote.
    pub(crate) fn read(bytes: &[u8], (unit, contract): (&str, &str)) -> serde_json::Result<Self> {
        let mut written: Written = serde_json::from_slice(bytes)?;
        Ok(Self {
            contract: output::take(&mut written.contracts, &[unit, contract]),
            units: written.sources,
            errors: written.errors,
        })
    }

    /// The answer without what the compiler said beside it.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let contract = self.contract.to_string();
        let length = (contract.len() as u64).to_le_bytes();
        [&length, contract.as_bytes(), &self.units.pack()].concat()
    }

    /// The answer that was packed.
    pub(crate) fn unpack(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (contract, units) = rest.split_at_checked(length)?;
        Some(Self {
            contract: serde_json::from_slice(contract).ok()?,
            units: Tree::unpack(units)?,
            errors: Value::Null,
        })
    }

    /// Whether `texts` has every source the compiler read: one it took from the disk could change
    /// unseen.
    pub(crate) fn is_closed(&self, texts: &BTreeMap<String, String>) -> bool {
        let mut units = self.units.fields();
        self.units.is_object() && units.all(|(unit, _)| texts.contains_key(unit))
    }

    /// The contract's part, and the syntax trees with the texts they were made from.
    pub(crate) fn taken(self, mut texts: BTreeMap<String, String>) -> (Value, Sources) {
        let mut sources = Sources::default();
        for (name, unit) in self.units.into_fields() {
            let ast = unit.into_field("ast");
            if ast.is_object() {
                let text = texts.remove(&name).map(Arc::from);
                let unit = Arc::new(SourceUnit::new(text, ast));
                sources.units.insert(name, unit);
            }
        }
        (self.contract, sources)
    }

    /// Fails when the compiler found errors.
    pub(crate) fn refuse_errors(
        &self,
        unit: &str,
        version: &Version,
        texts: &BTreeMap<String, String>,
    ) -> Result<(), ArtifactError> {
        let errors: Vec<_> = self
            .errors
            .as_array()
            .into_iter()
            .flatten()
            .filter(|error| error["severity"] == "error")
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        let mut shown: Vec<_> = errors
            .iter()
            .take(3)
            .map(|error| {
                let message = error["message"]
                    .as_str()
                    .unwrap_or("an error without a message");
                let message = terminal(&message.replace('\n', " "), 240);
                match place(error, texts) {
                    Some(place) => format!("{place}: {message}"),
                    None => message,
                }
            })
            .collect();
        if errors.len() > shown.len() {
            shown.push(format!("and {} more", errors.len() - shown.len()));
        }
        Err(ArtifactError::DoesNotCompile {
            unit: unit.to_owned(),
            version: format!("{}.{}.{}", version.major, version.minor, version.patch),
            errors: shown.join("; "),
        })
    }
}

fn place(error: &Value, texts: &BTreeMap<String, String>) -> Option<String> {
    let location = &error["sourceLocation"];
    let file = location["file"].as_str()?;
    let start = usize::try_from(location["start"].as_i64()?).ok()?;
    let before = texts.get(file)?.as_bytes().get(..start)?;
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    Some(format!("{}:{line}", terminal(file, 200)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_kept_whole_or_not_at_all() {
        let written = json!({
            "contracts": { "A.sol": { "A": { "abi": [], "evm": { "object": "60ü" } }, "B": 1 } },
            "sources": { "A.sol": { "ast": { "nodeType": "SourceUnit", "id": 3 }, "id": 0 } },
        });
        let read = |contract| Answer::read(written.to_string().as_bytes(), ("A.sol", contract));
        let answer = read("A").unwrap();
        let bytes = answer.pack();
        assert_eq!(Answer::unpack(&bytes).unwrap(), answer);
        for end in 0..bytes.len() {
            assert_eq!(Answer::unpack(&bytes[..end]), None);
        }
        assert_eq!(Answer::unpack(&[0xff; 40]), None);
        let (contract, sources) = answer.taken([("A.sol".to_owned(), "x".to_owned())].into());
        assert_eq!(contract, written["contracts"]["A.sol"]["A"]);
        let unit = &sources.units["A.sol"];
        assert_eq!(unit.text.as_deref(), Some("x"));
        assert_eq!(unit.ast["id"].as_i64(), Some(3));
        assert_eq!(read("C").unwrap().contract, Value::Null);
    }
}

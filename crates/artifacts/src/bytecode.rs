//! Hex with holes: code, the libraries it still needs, and where its immutables are.

use crate::Code;
use alloy_primitives::{Bytes, hex};
use serde_json::Value;
use std::{collections::BTreeSet, ops::Range};

/// Characters of a hole: those of an address.
const HOLE: usize = 40;

/// Takes the code out of solc's `bytecode` and `deployedBytecode` objects.
pub(crate) fn fill(code: &mut Code, creation: &Value, runtime: &Value) {
    let mut libraries = BTreeSet::new();
    for part in [creation, runtime] {
        for (unit, names) in part["linkReferences"].as_object().into_iter().flatten() {
            for name in names.as_object().into_iter().flatten() {
                libraries.insert(format!("{unit}:{}", name.0));
            }
        }
    }
    for part in [creation, runtime] {
        libraries.extend(placeholders(part["object"].as_str().unwrap_or_default()));
    }
    let named = libraries.iter().any(|name| name.contains(':'));
    // A placeholder says what a link reference says better.
    code.unlinked = libraries
        .into_iter()
        .filter(|name| !named || name.contains(':'))
        .collect();
    code.creation = bytes(creation["object"].as_str());
    code.runtime = bytes(runtime["object"].as_str());
    code.immutables = immutables(runtime);
    (code.template, code.links) = match &code.runtime {
        Some(_) => (None, Vec::new()),
        None => template(runtime["object"].as_str().unwrap_or_default()),
    };
    if code.unlinked.is_empty() && code.runtime.is_none() {
        code.missing.push(
            "no runtime code: the contract is abstract, an interface, or was not compiled to code"
                .to_owned(),
        );
    }
}

/// Code from hex; `None` when it is empty or has holes for libraries.
pub(crate) fn bytes(text: Option<&str>) -> Option<Bytes> {
    let text = text?.trim();
    let bytes = hex::decode(text).ok()?;
    (!bytes.is_empty()).then(|| bytes.into())
}

/// Where immutables sit in the runtime code.
pub(crate) fn immutables(runtime: &Value) -> Vec<Range<usize>> {
    let mut ranges: Vec<_> = runtime["immutableReferences"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_, places)| places.as_array().into_iter().flatten())
        .filter_map(|place| {
            let start = usize::try_from(place["start"].as_u64()?).ok()?;
            let length = usize::try_from(place["length"].as_u64()?).ok()?;
            Some(start..start.checked_add(length)?)
        })
        .collect();
    ranges.sort_by_key(|range| range.start);
    ranges
}

/// Unlinked code with zeros in its holes, and where they are.
fn template(text: &str) -> (Option<Bytes>, Vec<Range<usize>>) {
    let text = text.trim().trim_start_matches("0x");
    let mut filled = String::with_capacity(text.len());
    let mut links = Vec::new();
    let mut rest = text;
    while let Some((before, hole)) = rest.split_once("__") {
        // A hole is as long as an address and begins with the two underscores.
        let Some(after) = hole.get(HOLE - 2..) else {
            return (None, Vec::new());
        };
        filled.push_str(before);
        let start = filled.len() / 2;
        links.push(start..start + HOLE / 2);
        filled.push_str(&"0".repeat(HOLE));
        rest = after;
    }
    filled.push_str(rest);
    match bytes(Some(&filled)) {
        Some(code) if !links.is_empty() => (Some(code), links),
        _ => (None, Vec::new()),
    }
}

/// `__$…$__` and `__Name____` holes of unlinked code.
fn placeholders(text: &str) -> Vec<String> {
    let text = text.trim_start_matches("0x");
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("__") {
        let hole: String = rest[at..].chars().take(40).collect();
        found.push(hole.trim_matches(['_', '$']).to_owned());
        rest = rest.get(at + hole.len()..).unwrap_or("");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_of_unlinked_code_are_zeros_with_a_place() {
        let hole = "__$0123456789abcdef0123456789abcdef01$__";
        let (code, links) = template(&format!("6001{hole}60{hole}00"));
        assert_eq!(links, [2..22, 23..43]);
        let code = code.unwrap();
        assert_eq!(
            (code.len(), &code[..2], code[22]),
            (44, &[0x60, 1][..], 0x60)
        );
        for text in [
            "6001",
            "6001__short",
            "60__$0123456789abcdef0123456789abcdéf01$__",
        ] {
            assert_eq!(template(text), (None, Vec::new()), "{text}");
        }
    }
}

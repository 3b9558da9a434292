//! Hex with holes: code, the libraries it still needs, and where its immutables are.

use crate::Code;
use alloy_primitives::{Bytes, hex};
use serde_json::Value;
use std::{collections::BTreeSet, ops::Range};

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

//! Pairs of small contracts, compiled by a real solc in one go.

use super::solc::compile;
use cutover_artifacts::{Code, LoadOptions, Need, Reference, load};
use serde_json::{Map, Value, json};
use std::path::Path;

/// A pair: its head line's words, the old and the new source.
pub(crate) struct Pair<'a> {
    pub(crate) id: &'a str,
    pub(crate) words: Vec<&'a str>,
    pub(crate) old: &'a str,
    pub(crate) new: &'a str,
}

/// Reads `# id words…`, then the sources after `old:` and `new:`.
pub(crate) fn parse(text: &str) -> Vec<Pair<'_>> {
    let pair = |text| {
        let (head, body) = str::split_once(text, '\n').unwrap();
        let (old, new) = body
            .strip_prefix("old:")
            .unwrap()
            .split_once("\nnew:")
            .unwrap();
        let mut words = head.split_whitespace();
        Pair {
            id: words.next().unwrap(),
            words: words.collect(),
            old,
            new,
        }
    };
    text.split("\n# ").skip(1).map(pair).collect()
}

/// Compiles all pairs and writes a build info; the contracts are `old/ID.sol:T` and `new/ID.sol:T`.
pub(crate) fn build(pairs: &[Pair<'_>], settings: &Value, file: &Path) {
    let mut sources = Map::new();
    for pair in pairs {
        for (which, text) in [("old", pair.old), ("new", pair.new)] {
            let text =
                format!("// SPDX-License-Identifier: MIT\npragma solidity ^0.8.28;\n{text}\n");
            let unit = format!("{which}/{}.sol", pair.id);
            sources.insert(unit, json!({ "content": text }));
        }
    }
    let mut settings = settings.clone();
    settings["outputSelection"] = json!({ "*": { "": ["ast"], "*": [
        "abi", "metadata", "storageLayout", "evm.bytecode", "evm.deployedBytecode"
    ] } });
    let input = json!({ "language": "Solidity", "sources": sources, "settings": settings });
    let (output, version) = compile(&input);
    let build = json!({ "input": input, "output": output, "solcVersion": version });
    std::fs::write(file, build.to_string()).unwrap();
}

/// One contract of the build info.
pub(crate) fn contract(file: &Path, which: &str, id: &str) -> Code {
    let reference = format!("{}#{which}/{id}.sol:T", file.display());
    let options = LoadOptions {
        root: file.parent().unwrap().to_owned(),
        solc: None,
        need: Need::ALL,
    };
    load(&Reference::parse(&reference).unwrap(), &options).unwrap()
}

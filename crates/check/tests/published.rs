//! The safety rules on every concrete contract of OpenZeppelin's upgradeable library: what they
//! say of code that thousands run must be right.
//! `CUTOVER_BUILDS` may name a folder of further standard-JSON outputs (`*.json`) to list.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use cutover_check::{Kind, Options, Side, check};
use cutover_types::{
    Finding,
    source::{SourceUnit, Sources, is_interface},
};
use serde_json::{Map, Value, json};
use std::{env, fs, path::Path};

#[path = "support/solc.rs"]
mod solc;

/// Every error, as `contract: rule`, of all concrete contracts of a compiler's output.
fn errors(output: &Value) -> (usize, Vec<String>) {
    let units = output["sources"].as_object().unwrap().iter();
    let sources = Sources {
        units: units
            .map(|(name, unit)| {
                let ast = unit["ast"].clone();
                (name.clone(), SourceUnit::new(None, ast).into())
            })
            .collect(),
    };
    let (mut count, mut found) = (0, Vec::new());
    for contract in sources.index().contracts() {
        let tree = contract.tree;
        let library = tree["contractKind"] == "library";
        if library
            || is_interface(tree)
            || tree["abstract"] == true
            || tree["fullyImplemented"] == false
        {
            continue;
        }
        count += 1;
        let name = format!("{}:{}", contract.unit, tree["name"].as_str().unwrap());
        let side = Side {
            contract: Some(&name),
            sources: Some(&sources),
            ..Side::default()
        };
        let options = Options {
            kind: Some(Kind::Transparent),
            ..Options::default()
        };
        let report = check(&side, &side, &options);
        let unknown = report.not_checked.iter();
        let unknown = unknown.filter(|why| why.contains("is not there"));
        found.extend(unknown.map(|why| format!("{name}: {why}")));
        let blocking = report.findings.iter().filter(|finding| finding.blocks());
        let line = |one: &Finding| format!("{name}: {}: {}", one.rule, one.message);
        found.extend(blocking.map(line));
    }
    found.sort();
    found.dedup();
    (count, found)
}

fn compile(folder: &Path) -> Value {
    let mut queue = Vec::new();
    let mut folders = vec![folder.join("contracts-upgradeable")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "sol") {
                queue.push(path);
            }
        }
    }
    let mut sources = Map::new();
    while let Some(path) = queue.pop() {
        let unit = path.strip_prefix(folder).unwrap().to_str().unwrap();
        let unit = format!("@openzeppelin/{unit}");
        if sources.contains_key(&unit) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.starts_with("import ")) {
            let wanted = line.split('"').nth(1).unwrap();
            queue.push(match wanted.strip_prefix("@openzeppelin/") {
                Some(wanted) => folder.join(wanted),
                None => path.parent().unwrap().join(wanted).canonicalize().unwrap(),
            });
        }
        sources.insert(unit, json!({ "content": text }));
    }
    let input = json!({
        "language": "Solidity",
        "sources": sources,
        "settings": { "evmVersion": "cancun", "outputSelection": { "*": { "": ["ast"] } } },
    });
    solc::compile(&input).0
}

#[test]
fn published_contracts_get_no_error_they_do_not_deserve() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tools = here
        .ancestors()
        .map(|up| up.join(".tools/node_modules/@openzeppelin"));
    let packages = tools.find(|folder| folder.is_dir());
    let output = compile(
        &packages
            .expect("no packages: run scripts/setup")
            .canonicalize()
            .unwrap(),
    );
    let (count, found) = errors(&output);
    let upgradeable: Vec<_> = found
        .iter()
        .filter(|line| line.starts_with("@openzeppelin/contracts-upgradeable/"))
        .collect();
    assert!(count >= 8, "{count} contracts");
    assert!(upgradeable.is_empty(), "{upgradeable:#?}");
}

#[test]
fn builds_in_a_folder_are_listed() {
    let Some(folder) = env::var_os("CUTOVER_BUILDS") else {
        eprintln!("skipped: CUTOVER_BUILDS is not set");
        return;
    };
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let output = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (count, found) = errors(&output);
        eprintln!("{}: {count} contracts", path.display());
        found.iter().for_each(|line| eprintln!("  {line}"));
    }
}

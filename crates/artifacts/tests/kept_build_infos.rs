//! Where the parts of a large build info are is kept, and never taken for where they are in another.

#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use cutover_artifacts::{
    ArtifactError, Cache, Code, LoadOptions, Need, Reference, Shelf, load_with,
};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// A folder with build infos, and a cache.
struct World(TempDir);

/// What stands before and behind the parts that are read: long enough to be worth keeping.
const FILLER: usize = 3 << 20;

/// A build info of one contract with one variable.
fn info(label: &str, before: usize) -> String {
    let variable = json!({
        "nodeType": "VariableDeclaration", "id": 3, "name": label, "stateVariable": true,
        "src": "0:1:0", "mutability": "mutable", "storageLocation": "default",
    });
    let contract = json!({
        "nodeType": "ContractDefinition", "id": 2, "name": "A", "contractKind": "contract",
        "linearizedBaseContracts": [2], "nodes": [variable], "src": "0:1:0",
    });
    let layout = json!({
        "storage": [{ "astId": 3, "contract": "A.sol:A", "label": label, "offset": 0, "slot": "0", "type": "t_uint256" }],
        "types": { "t_uint256": { "encoding": "inplace", "label": "uint256", "numberOfBytes": "32" } },
    });
    let output = json!({
        "contracts": { "A.sol": { "A": { "abi": [], "storageLayout": layout } } },
        "sources": { "A.sol": { "ast": { "nodeType": "SourceUnit", "id": 1, "nodes": [contract], "src": "0:1:0" } } },
    });
    let (head, tail) = (" ".repeat(before), " ".repeat(FILLER - before));
    format!("{{\"a\":\"{head}\",\"output\":{output},\"z\":\"{tail}\"}}")
}

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, name: &str, cache: Cache) -> Result<Code, ArtifactError> {
        let options = LoadOptions {
            root: self.0.path().to_owned(),
            solc: None,
            need: Need::ALL,
        };
        let reference = Reference::parse(&format!("{name}#A")).unwrap();
        load_with(&reference, &options, &Shelf::new(cache))
    }

    /// The label of the one variable.
    fn label(&self) -> String {
        let code = self.load("a.json", Cache::at(self.path("cache"))).unwrap();
        assert!(code.sources.is_some());
        code.layout.unwrap().storage[0].label.clone()
    }

    /// When each entry was used last.
    fn entries(&self) -> Vec<(PathBuf, SystemTime)> {
        let entries = fs::read_dir(self.path("cache")).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let used = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        paths.map(|path| (path.clone(), used(&path))).collect()
    }
}

/// Waits until what was written can be told from what is written next.
fn settle() {
    thread::sleep(Duration::from_millis(2_100));
}

#[test]
fn a_settled_file_is_read_through_once() {
    let world = World::new();
    fs::write(world.path("a.json"), info("first", 100)).unwrap();
    assert_eq!(world.label(), "first");
    assert!(world.entries().is_empty(), "it could still change unseen");
    settle();
    assert_eq!(world.label(), "first");
    let kept = world.entries();
    assert_eq!(kept.len(), 1);
    assert_eq!(world.label(), "first");
    let used = world.entries();
    assert_eq!((used.len(), &used[0].0), (1, &kept[0].0));
    assert!(used[0].1 > kept[0].1, "the entry was not used");

    // Damaged entries are no entries.
    let whole = fs::read(&kept[0].0).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &flipped, b""] {
        fs::write(&kept[0].0, damaged).unwrap();
        assert_eq!(world.label(), "first");
        assert_eq!(fs::read(&kept[0].0).unwrap(), whole);
    }

    // An edit of the same size whose time is set back, with everything elsewhere.
    let time = fs::metadata(world.path("a.json"))
        .unwrap()
        .modified()
        .unwrap();
    fs::write(world.path("a.json"), info("other", 90)).unwrap();
    let file = fs::File::open(world.path("a.json")).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(world.label(), "other");
    assert_eq!(world.entries().len(), 1, "it could still change unseen");

    // Another time and the same content.
    file.set_modified(time - Duration::from_secs(3_600))
        .unwrap();
    assert_eq!(world.label(), "other");

    // Another file in its place.
    fs::write(world.path("b.json"), info("third", 80)).unwrap();
    fs::rename(world.path("b.json"), world.path("a.json")).unwrap();
    assert_eq!(world.label(), "third");
}

#[test]
fn a_file_that_appears_is_seen() {
    let world = World::new();
    let cache = || Cache::at(world.path("cache"));
    let alone = format!(
        "{{\"input\":{{\"language\":\"Solidity\",\"sources\":{{}}}},\"z\":\"{}\"}}",
        " ".repeat(FILLER)
    );
    fs::write(world.path("three.json"), alone).unwrap();
    settle();
    assert!(world.load("three.json", cache()).is_err());
    assert_eq!(world.entries().len(), 1);
    fs::write(world.path("three.output.json"), info("apart", 7)).unwrap();
    let code = world.load("three.json", cache()).unwrap();
    assert_eq!(code.layout.unwrap().storage[0].label, "apart");
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let world = World::new();
    fs::write(world.path("a.json"), info("first", 100)).unwrap();
    settle();
    let code = world.load("a.json", Cache::off()).unwrap();
    assert_eq!(code.layout.unwrap().storage[0].label, "first");
    assert!(world.entries().is_empty());
}

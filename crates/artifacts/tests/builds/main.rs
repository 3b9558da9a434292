//! The same contract out of the files of every tool, each in the exact shape its tool writes. Needs
//! the solc and forge of `scripts/setup`.

#![allow(clippy::unwrap_used)]

mod changed;
mod damaged;
mod foundry;
mod hardhat;
mod manifest;
mod project;
#[path = "../support/standard_json.rs"]
mod solc;
mod standard_json;

use project::{get, labels, write};
use serde_json::json;
use std::path::Path;

#[test]
fn a_truffle_artifact_finds_the_trees_beside_it() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here
        .ancestors()
        .map(|up| up.join(".tools/zos-lib/build/contracts"));
    let folder = found
        .into_iter()
        .find(|one| one.is_dir())
        .expect("run scripts/setup");
    let code = get(&folder, "AdminUpgradeabilityProxy.json").unwrap();
    assert_eq!(code.missing, Vec::<String>::new());
    assert_eq!(labels(&code), Vec::<String>::new());
    let code = get(&folder, "AppDirectory.json").unwrap();
    assert!(
        labels(&code).contains(&"owner".to_owned()),
        "{:?}",
        labels(&code)
    );
}

#[test]
fn a_file_of_another_kind_is_refused_with_what_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        "{}",
        "[]",
        "7",
        "{\"name\":\"package\",\"version\":\"1.0.0\"}",
    ] {
        write(folder.path(), "a.json", text);
        let error = get(folder.path(), "a.json").unwrap_err().to_string();
        assert!(
            error.contains("is not a file with a contract") && !error.contains('\n'),
            "{error}"
        );
    }
    let list = json!({ "id": "1", "source_id_to_path": {}, "language": "Solidity" });
    write(folder.path(), "a.json", list.to_string());
    let error = get(folder.path(), "a.json#A").unwrap_err().to_string();
    assert!(error.contains("--build-info"), "{error}");
}

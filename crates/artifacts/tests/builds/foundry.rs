//! Out of Foundry's `out/`.

use crate::project::{TOKEN, build, foundry, get, labels, whole, write};
use serde_json::Value;
use std::{fs, path::Path};

#[test]
fn a_default_foundry_artifact_is_completed_from_its_sources() {
    let project = foundry();
    build(project.path(), &[]);
    let path = project.path().join("out/Token.sol/Token.json");
    let artifact: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(artifact["storageLayout"].is_null() && artifact["ast"].is_null());
    let source = whole(project.path(), "src/Token.sol:Token");
    let read = whole(project.path(), "out/Token.sol/Token.json");
    assert_eq!(read.layout, source.layout);
    assert_eq!(read.notes, Vec::<String>::new());
    // Wherever the command runs.
    whole(Path::new("/"), path.to_str().unwrap());
    // A contract with a library to link has no bytes to compare, and its metadata all the same.
    let linked = get(project.path(), "out/Token.sol/Linked.json").unwrap();
    assert_eq!(linked.unlinked, ["src/Token.sol:Lib"]);
    assert_eq!(labels(&linked), ["x"]);
}

#[test]
fn a_stale_artifact_is_never_completed_from_the_new_source() {
    let project = foundry();
    build(project.path(), &[]);
    let changed = TOKEN.replace("Phase phase;", "uint256 first; Phase phase;");
    write(project.path(), "src/Token.sol", &changed);
    let read = get(project.path(), "out/Token.sol/Token.json").unwrap();
    assert!(read.layout.is_none() && read.sources.is_none());
    let why = read.missing.join("; ");
    assert!(why.contains("is older than its sources"), "{why}");
    assert!(why.contains("src/Token.sol"), "{why}");

    // What carries its own layout and trees is what would be deployed: it is read, and said to be old.
    write(project.path(), "src/Token.sol", TOKEN);
    build(
        project.path(),
        &["--force", "--ast", "--extra-output", "storageLayout"],
    );
    write(project.path(), "src/Token.sol", &changed);
    let read = whole(project.path(), "out/Token.sol/Token.json");
    assert!(
        read.notes[0].contains("is older than src/Token.sol"),
        "{:?}",
        read.notes
    );
    let tree = &read.sources.unwrap().units["src/Token.sol"];
    assert!(
        tree.text.is_none(),
        "the new text does not belong to the old tree"
    );
}

#[test]
fn a_build_info_still_has_the_sources_the_folder_lost() {
    let project = foundry();
    build(project.path(), &["--build-info"]);
    write(project.path(), "src/Token.sol", "contract Token {}");
    fs::remove_file(project.path().join("src/Base.sol")).unwrap();
    whole(project.path(), "out/Token.sol/Token.json");
}

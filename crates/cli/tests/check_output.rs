//! The forms `check` can be written in: what CI reads is never green where the exit code is not 0.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::fs;
use support::{Ran, cutover, run};
use tempfile::TempDir;

/// Two artifacts with a variable at another place each.
fn pair() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, slot) in [("A", "0"), ("B", "1")] {
        let artifact = json!({
            "abi": [], "bytecode": {"object": "0x6000", "linkReferences": {}},
            "deployedBytecode": {"object": "0x6000", "linkReferences": {}},
            "storageLayout": {
                "storage": [{"astId": 1, "contract": "src/T.sol:T", "label": "x", "offset": 0,
                             "slot": slot, "type": "t_uint256"}],
                "types": {"t_uint256": {"encoding": "inplace", "label": "uint256",
                                        "numberOfBytes": "32"}},
            },
        });
        let file = folder.path().join(format!("{name}.json"));
        fs::write(file, artifact.to_string()).unwrap();
    }
    folder
}

fn check(folder: &TempDir, green: &str, more: &[&str]) -> Ran {
    let mut command = cutover(folder.path());
    command.args(["check", "--blue", "A.json", "--green", green]);
    run(command.args(more))
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn one_run_writes_every_form_and_prints_what_it_always_did() {
    let folder = pair();
    let ran = check(
        &folder,
        "B.json",
        &[
            "-o",
            "out/c.sarif",
            "-o",
            "out/j.xml",
            "-o",
            "out/c.md",
            "-o",
            "out/c.json",
            "--map",
            "out/map.svg",
        ],
    );
    assert_eq!(ran.code, Some(10), "{}", ran.stderr);
    assert!(
        ran.stdout
            .contains("error[layoutchange]: `x` moves from slot 0 to slot 1")
    );
    assert!(
        ran.stdout.ends_with("every error is repaired or waived\n"),
        "{}",
        ran.stdout
    );
    let read = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let sarif: Value = serde_json::from_str(&read("c.sarif")).unwrap();
    let found = &sarif["runs"][0]["results"];
    assert!(found.to_string().contains("layoutchange"), "{found}");
    assert!(read("j.xml").contains("<failure"));
    assert!(read("c.md").starts_with("# Check\n"));
    assert!(read("map.svg").starts_with("<svg "));
    // The same bytes as on stdout, and the same bytes again.
    let again = check(&folder, "B.json", &["--json"]);
    assert_eq!(read("c.json"), again.stdout);
    assert_eq!(
        check(&folder, "B.json", &["--format", "json"]).stdout,
        again.stdout
    );
    assert_eq!(
        check(&folder, "B.json", &["--format", "sarif"]).stdout,
        read("c.sarif")
    );
}

#[test]
fn what_cannot_be_told_is_an_error_in_every_form() {
    let folder = pair();
    fs::write(folder.path().join("C.hex"), "0x6000").unwrap();
    let ran = check(&folder, "code:C.hex", &["--format", "sarif", "-o", "j.xml"]);
    assert_eq!(ran.code, Some(14), "{}", ran.stderr);
    let log: Value = serde_json::from_str(&ran.stdout).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&json!("inconclusive"), &json!("error"))
    );
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uri"], "C.hex");
    let junit = fs::read_to_string(folder.path().join("j.xml")).unwrap();
    assert!(junit.contains("type=\"inconclusive\""), "{junit}");
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = pair();
    fs::create_dir(folder.path().join("taken.json")).unwrap();
    let before = names(&folder);
    check(&folder, "B.json", &["-o", "ok.md", "-o", "taken.json"])
        .refused(2, &["taken.json", "folder"]);
    assert_eq!(names(&folder), before);
    check(&folder, "B.json", &["-o", "ok.md", "-o", "A.json/c.xml"]).refused(2, &["A.json/c.xml"]);
    assert_eq!(names(&folder), before);
}

#[test]
fn forms_nobody_knows_are_refused_before_any_work() {
    let folder = pair();
    let before = names(&folder);
    let ran = check(&folder, "B.json", &["-o", "check.pdf"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains(".sarif"), "{}", ran.stderr);
    check(&folder, "B.json", &["--json", "--format", "junit"]).refused(2, &["--format"]);
    assert_eq!(names(&folder), before);
}

//! Build infos of every tool give what the compiler itself gives. Needs the solc of `scripts/setup`.

#![allow(clippy::unwrap_used)]

#[path = "support/standard_json.rs"]
mod solc;

use cutover_artifacts::{
    ArtifactError, Code, LoadOptions, Need, Reference, Shelf, compilers, load, load_with,
};
use cutover_types::source::Tree;
use serde_json::{Value, json};
use solc::standard_json;
use std::{fs, path::Path};

const UNITS: [(&str, &str); 4] = [
    (
        "contracts/Token.sol",
        "// \"quotes\" {and} \\ [braces]\nimport \"./Own.sol\"; import {Free} from \"./Free.sol\";
         contract Token is Own { Free.Kind kind; mapping(address => uint256) balances; address public immutable a = msg.sender; }
         contract Other { uint256 x; }",
    ),
    ("contracts/Own.sol", "contract Own { address owner; uint256[9] private __gap; }"),
    ("contracts/Free.sol", "library Free { enum Kind { A, B } }"),
    ("contracts/Apart.sol", "contract Apart { uint256 y; string s = unicode\"é}]\"; }"),
];

fn input() -> Value {
    let sources: serde_json::Map<_, _> = UNITS
        .iter()
        .map(|(unit, text)| ((*unit).to_owned(), json!({ "content": text })))
        .collect();
    json!({
        "language": "Solidity", "sources": sources,
        "settings": { "outputSelection": { "*": { "*": ["*"], "": ["*"] } } },
    })
}

fn output() -> Value {
    let solc = compilers().into_iter().find(|one| one.version.minor == 8);
    standard_json(&solc.expect("no solc: run scripts/setup").path, &input())
}

fn get(root: &Path, reference: &str, shelf: &Shelf) -> Result<Code, ArtifactError> {
    let options = LoadOptions {
        root: root.to_owned(),
        solc: None,
        need: Need::ALL,
    };
    load_with(&Reference::parse(reference).unwrap(), &options, shelf)
}

fn write(root: &Path, name: &str, value: &Value, pretty: bool) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = if pretty {
        serde_json::to_vec_pretty(value)
    } else {
        serde_json::to_vec(value)
    };
    fs::write(path, text.unwrap()).unwrap();
}

#[test]
fn every_tool_s_file_gives_the_same_contract() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (input, output) = (input(), output());
    let version = "0.8.28+commit.7893614a";
    let whole = json!({ "input": input, "output": output, "solcLongVersion": version, "solcVersion": "0.8.28" });
    write(root, "hardhat.json", &whole, false);
    let foundry = json!({
        "id": "1", "source_id_to_path": { "0": "contracts/Token.sol" }, "language": "Solidity",
        "output": output, "input": input, "solcVersion": version,
    });
    write(root, "foundry.json", &foundry, true);
    write(
        root,
        "three.json",
        &json!({ "_format": "hh3-sol-build-info-1", "solcLongVersion": version, "input": input }),
        false,
    );
    write(
        root,
        "three.output.json",
        &json!({ "_format": "hh3-sol-build-info-output-1", "id": "three", "output": output }),
        false,
    );
    write(root, "bare.json", &output, false);

    let whole = get(root, "hardhat.json#Token", &Shelf::default()).unwrap();
    assert_eq!(whole.contract.as_deref(), Some("contracts/Token.sol:Token"));
    assert_eq!(whole.missing, Vec::<String>::new());
    let labels: Vec<_> = whole
        .layout
        .as_ref()
        .unwrap()
        .storage
        .iter()
        .map(|item| item.label.as_str())
        .collect();
    assert_eq!(labels, ["owner", "__gap", "kind", "balances"]);
    assert_eq!(whole.immutables.len(), 1);
    let sources = whole.sources.as_ref().unwrap();
    let units: Vec<_> = sources.units.keys().map(String::as_str).collect();
    assert_eq!(
        units,
        [
            "contracts/Free.sol",
            "contracts/Own.sol",
            "contracts/Token.sol"
        ]
    );
    for (unit, text) in UNITS {
        let Some(found) = sources.units.get(unit) else {
            continue;
        };
        assert_eq!(found.text.as_deref(), Some(text));
        let tree = output["sources"][unit]["ast"].clone();
        assert_eq!(found.ast, Tree::from(tree));
    }

    for file in ["foundry.json", "three.json", "three.output.json"] {
        let mut code = get(
            root,
            &format!("{file}#contracts/Token.sol:Token"),
            &Shelf::default(),
        )
        .unwrap();
        code.reference.clone_from(&whole.reference);
        assert_eq!(code, whole, "{file}");
    }
    let bare = get(root, "bare.json#Token", &Shelf::default()).unwrap();
    assert_eq!((bare.compiler, bare.runtime), (None, whole.runtime.clone()));
    assert!(
        bare.sources
            .unwrap()
            .units
            .values()
            .all(|unit| unit.text.is_none())
    );
}

#[test]
fn both_sides_of_one_file_share_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(
        root,
        "b.json",
        &json!({ "input": input(), "output": output() }),
        false,
    );
    let shelf = Shelf::default();
    let (token, other) = (
        get(root, "b.json#Token", &shelf).unwrap(),
        get(root, "b.json#Other", &shelf).unwrap(),
    );
    let (token, other) = (token.sources.unwrap(), other.sources.unwrap());
    let unit = "contracts/Token.sol";
    assert!(std::sync::Arc::ptr_eq(
        &token.units[unit],
        &other.units[unit]
    ));

    // Another file of that name is read again.
    let mut changed = output();
    changed["contracts"]["contracts/Token.sol"]["Token"]["storageLayout"] = json!(null);
    write(
        root,
        "b.json",
        &json!({ "input": input(), "output": changed }),
        false,
    );
    let again = get(root, "b.json#Token", &shelf).unwrap();
    assert!(again.missing.is_empty() == again.layout.is_some());
    assert_ne!(again.reference, "");
    let fresh = get(root, "b.json#Token", &Shelf::default()).unwrap();
    assert_eq!(again, fresh);
}

#[test]
fn a_build_info_older_than_its_project_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for place in ["out/build-info", "contracts", "kept"] {
        fs::create_dir_all(root.join(place)).unwrap();
    }
    for (unit, text) in UNITS {
        fs::write(root.join(unit), text).unwrap();
    }
    let build = json!({ "input": input(), "output": output() });
    write(root, "out/build-info/b.json", &build, false);
    write(root, "kept/b.json", &build, false);
    let notes = |file: &str| {
        let reference = format!("{file}#contracts/Token.sol:Token");
        get(root, &reference, &Shelf::default()).unwrap().notes
    };
    assert_eq!(notes("out/build-info/b.json"), Vec::<String>::new());
    fs::write(root.join("contracts/Apart.sol"), "contract Apart {}").unwrap();
    assert_eq!(notes("out/build-info/b.json"), Vec::<String>::new());
    fs::write(
        root.join("contracts/Own.sol"),
        "contract Own { uint256 a; }",
    )
    .unwrap();
    let told = notes("out/build-info/b.json");
    assert!(
        told[0].contains("is older than contracts/Own.sol:"),
        "{told:?}"
    );
    // What was put away is meant to be older.
    assert_eq!(notes("kept/b.json"), Vec::<String>::new());
}

#[test]
fn broken_files_are_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let text = json!({ "output": output(), "input": input() }).to_string();
    let unit = "\"contracts/Own.sol\":{";
    let cases = [
        (
            text[..text.len() - 9].to_owned(),
            "in the middle of a value",
        ),
        (format!("{text}}}"), "unexpected text at byte"),
        (
            text.replacen(
                "{\"output\":",
                "{\"output\":{\"contracts\":{}},\"output\":",
                1,
            )
            .replacen(unit, &format!("{unit}}},{unit}"), 1),
            "twice",
        ),
        (
            "{\"output\":{\"contracts\":7}}".to_owned(),
            "no compiler output",
        ),
        ("[]".to_owned(), "no compiler output"),
        (String::new(), "ends at byte 0"),
    ];
    for (text, expected) in cases {
        fs::write(root.join("b.json"), text).unwrap();
        let options = LoadOptions {
            root: root.to_owned(),
            solc: None,
            need: Need::ALL,
        };
        let error = load(&Reference::parse("b.json#Token").unwrap(), &options)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

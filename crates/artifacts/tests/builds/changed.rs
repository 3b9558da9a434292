//! Files of a real build that were changed, or put together from two.

use crate::project::{BASE, TOKEN, build, compile, foundry, get, input, labels, whole, write};
use crate::solc::standard_json;
use cutover_artifacts::{ArtifactError, Code};
use serde_json::{Value, json};
use std::{fs, path::Path};

type Change = fn(&mut Value);

/// A Foundry project with layout and tree in its artifacts, and the artifact.
fn built() -> (tempfile::TempDir, Value) {
    let project = foundry();
    build(
        project.path(),
        &["--ast", "--extra-output", "storageLayout"],
    );
    let path = project.path().join("out/Token.sol/Token.json");
    let artifact = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    (project, artifact)
}

/// The same read again when one thing in it is another, far from the sources it was built from.
fn changed(
    artifact: &Value,
    out: &Path,
    change: impl Fn(&mut Value),
) -> Result<Code, ArtifactError> {
    let mut other = artifact.clone();
    change(&mut other);
    assert_ne!(&other, artifact);
    write(out, "out/Token.sol/Token.json", other.to_string());
    get(out, "out/Token.sol/Token.json")
}

/// A folder with the artifacts of a project and nothing else.
fn apart(project: &Path) -> tempfile::TempDir {
    let apart = tempfile::tempdir().unwrap();
    for file in ["Token.sol/Token.json", "Base.sol/Base.json"] {
        let text = fs::read(project.join("out").join(file)).unwrap();
        write(apart.path(), &format!("out/{file}"), text);
    }
    apart
}

#[test]
fn a_layout_that_is_not_that_of_its_tree_is_not_believed() {
    let (project, artifact) = built();
    let apart = apart(project.path());
    assert_eq!(
        labels(&get(apart.path(), "out/Token.sol/Token.json").unwrap()).len(),
        4
    );
    let changes: [(&str, Change, &str); 6] = [
        (
            "a moved slot",
            |it| it["storageLayout"]["storage"][3]["slot"] = json!("12"),
            "`balances` is at slot 12",
        ),
        (
            "a dropped variable",
            |it| {
                it["storageLayout"]["storage"]
                    .as_array_mut()
                    .unwrap()
                    .remove(2);
            },
            "has 3 variables",
        ),
        (
            "two that changed places",
            |it| {
                it["storageLayout"]["storage"]
                    .as_array_mut()
                    .unwrap()
                    .swap(0, 2)
            },
            "`phase` stands where `owner`",
        ),
        (
            "another name",
            |it| it["storageLayout"]["storage"][2]["label"] = json!("stage"),
            "`stage` stands where `phase`",
        ),
        (
            "another type",
            |it| it["storageLayout"]["storage"][0]["type"] = json!("t_uint256"),
            "`owner` is declared as another type",
        ),
        (
            "a longer gap",
            |it| {
                let text = it["storageLayout"]
                    .to_string()
                    .replace("t_uint256)9_storage", "t_uint256)8_storage")
                    .replace("288", "256");
                it["storageLayout"] = serde_json::from_str(&text).unwrap();
            },
            "`__gap` is declared as another type",
        ),
    ];
    for (what, change, expected) in changes {
        let code = changed(&artifact, apart.path(), change).unwrap();
        assert!(code.layout.is_none(), "{what}");
        let why = code.missing.join("; ");
        assert!(why.contains(expected), "{what}: {why}");
        // Where the sources are, the truth is.
        let path = project.path();
        let code = changed(&artifact, path, change).unwrap();
        assert_eq!(
            labels(&code),
            ["owner", "__gap", "phase", "balances"],
            "{what}: {:?}",
            code.missing
        );
    }
}

#[test]
fn an_emptied_tree_is_no_tree() {
    let (project, artifact) = built();
    let apart = apart(project.path());
    let code = changed(&artifact, apart.path(), |it| it["ast"]["nodes"] = json!([])).unwrap();
    assert!(code.sources.is_none() && !code.missing.is_empty());
}

#[test]
fn a_tree_of_another_build_is_not_taken_for_that_of_a_base() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let base = |sign: &str| {
        format!(
            "pragma solidity ^0.8.20; abstract contract Base {{ address owner; function f() external view {{ require(msg.sender {sign} owner); }} }}"
        )
    };
    write(path, "foundry.toml", "[profile.default]\n");
    write(path, "src/Base.sol", base("=="));
    write(
        path,
        "src/Token.sol",
        "pragma solidity ^0.8.20; import {Base} from \"./Base.sol\"; contract Token is Base { uint256 x; }",
    );
    let flags = ["--ast", "--extra-output", "storageLayout", "--force"];
    build(path, &flags);
    let token = fs::read(path.join("out/Token.sol/Token.json")).unwrap();
    assert!(
        get(path, "out/Token.sol/Token.json")
            .unwrap()
            .sources
            .is_some()
    );
    // The trees of both have the same ids.
    write(path, "src/Base.sol", base("!="));
    build(path, &flags);
    write(path, "out/Token.sol/Token.json", token);
    let code = get(path, "out/Token.sol/Token.json").unwrap();
    assert!(code.sources.is_none());
    assert!(
        code.missing.join("; ").contains("older than its sources"),
        "{:?}",
        code.missing
    );
}

#[test]
fn code_of_another_build_is_refused() {
    let (project, artifact) = built();
    let path = project.path();
    write(
        path,
        "src/Token.sol",
        TOKEN.replace("balances[owner]", "balances[msg.sender]"),
    );
    build(
        path,
        &["--ast", "--extra-output", "storageLayout", "--force"],
    );
    let other: Value =
        serde_json::from_slice(&fs::read(path.join("out/Token.sol/Token.json")).unwrap()).unwrap();
    for part in ["bytecode", "deployedBytecode", "rawMetadata"] {
        let mixed = changed(&artifact, path, |it| it[part] = other[part].clone());
        let error = mixed.unwrap_err();
        assert!(
            matches!(error, ArtifactError::Stale { .. }),
            "{part}: {error}"
        );
        assert!(error.to_string().contains("build again"), "{error}");
    }
}

#[test]
fn a_build_info_put_together_from_two_builds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let first = input("src");
    let mut second = first.clone();
    second["sources"]["src/Token.sol"]["content"] = json!(TOKEN.replace("balances[owner]", "1"));
    let [one, two] = [&first, &second].map(compile);
    let info = |input: &Value, output: &Value, version: &str| {
        let info = json!({ "solcVersion": version, "input": input, "output": output });
        write(root, "info.json", info.to_string());
        get(root, "info.json#Token")
    };
    assert_eq!(labels(&info(&first, &one, "0.8.28").unwrap()).len(), 4);
    let token = |output: &Value| output["contracts"]["src/Token.sol"]["Token"].clone();
    let mut code = one.clone();
    code["contracts"]["src/Token.sol"]["Token"]["evm"] = token(&two)["evm"].clone();
    let mut linked = one.clone();
    linked["contracts"]["src/Token.sol"]["Token"] =
        one["contracts"]["src/Token.sol"]["Linked"].clone();
    for (what, mixed) in [
        ("source", info(&second, &one, "0.8.28")),
        ("compiler", info(&first, &one, "0.8.27")),
        ("code", info(&first, &code, "0.8.28")),
        ("contract", info(&first, &linked, "0.8.28")),
    ] {
        let error = mixed.expect_err(what);
        assert!(
            matches!(error, ArtifactError::Stale { .. }),
            "{what}: {error}"
        );
    }
    assert!(BASE.contains("__gap"));
    write(
        root,
        "info.json",
        json!({ "solcVersion": "0.8.28", "input": first, "output": one }).to_string(),
    );
    whole(root, "info.json#Token");
}

/// What no compiler's own output contradicts itself in. Their folder is in `CUTOVER_LAYOUT_SOLCS`.
#[test]
fn what_compilers_write_agrees_with_itself() {
    let Some(shelf) = std::env::var_os("CUTOVER_LAYOUT_SOLCS") else {
        return;
    };
    let old = "pragma solidity >=0.5.0; library L { struct S { uint8 a; uint128[3] b; } function f(S storage s) public view returns (uint8) { return s.a; } }
        interface I { function x() external; }
        contract B { bool a; I i; enum E { X, Y } E e; uint256[9] private __gap; function () external f; }
        contract N { uint256 public n; }
        contract T is B { L.S s; mapping(address => mapping(bytes32 => L.S[])) m; string t; bytes u; address payable p; uint256 constant K = 1; uint24[K * 2] last;
            struct R { R[] r; uint8 z; } R r; function () internal g; function v() external view returns (uint8) { return L.f(s); } function make() external { new N(); } }";
    let new = "pragma solidity >=0.8.8; type W is uint96; error Bad(W w); library L { struct S { W a; } function f(S storage s) public view returns (W) { return s.a; } }
        abstract contract B { W w; uint256 immutable im = block.number; uint256[9] private __gap; function f() internal virtual; }
        contract T is B { L.S s; W[3] ws; mapping(W => L.S) m; function f() internal override {} function v() external view returns (W) { return L.f(s); } }";
    let at = "pragma solidity >=0.8.29; contract B { uint128 a; } contract T is B layout at 2**130 + 0x3 { uint128 b; uint256 c; uint256 transient x; uint8 d; }";
    for entry in fs::read_dir(&shelf).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(version) = name.strip_prefix("solc-") else {
            continue;
        };
        let number: Vec<u64> = version
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        let texts: &[&str] = match (number[1], number[2]) {
            (..=4, _) | (5, ..=12) => continue,
            (8, 29..) => &[old, new, at],
            (8, 8..) => &[old, new],
            _ => &[old],
        };
        for text in texts {
            for ir in [false, true] {
                let mut input = json!({
                    "language": "Solidity", "sources": { "a b/T.sol": { "content": text } },
                    "settings": { "optimizer": { "enabled": ir }, "outputSelection": { "*": { "*": ["abi", "metadata", "storageLayout", "evm.bytecode", "evm.deployedBytecode"], "": ["ast"] } } },
                });
                if ir && (number[1], number[2]) < (8, 13) {
                    continue;
                }
                if ir {
                    input["settings"]["viaIR"] = json!(true);
                }
                let output = standard_json(&path, &input);
                let contracts = output["contracts"]["a b/T.sol"].as_object().unwrap();
                let folder = tempfile::tempdir().unwrap();
                let info = json!({ "solcVersion": version, "input": input, "output": output });
                write(folder.path(), "info.json", info.to_string());
                for contract in contracts.keys() {
                    let code = get(folder.path(), &format!("info.json#{contract}"));
                    let code = code.unwrap_or_else(|error| panic!("{version} {contract}: {error}"));
                    let lost = code.missing.iter().filter(|why| !why.contains("abstract"));
                    assert_eq!(
                        lost.collect::<Vec<_>>(),
                        Vec::<&String>::new(),
                        "{version} {contract}"
                    );
                    assert!(code.layout.is_some(), "{version} {contract}");
                }
            }
        }
    }
}

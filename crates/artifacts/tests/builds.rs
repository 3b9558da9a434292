//! The same contract out of the files of every tool, each in the exact shape its tool writes. Needs
//! the solc and forge of `scripts/setup`.

#![allow(clippy::unwrap_used)]

use cutover_artifacts::{ArtifactError, Code, LoadOptions, Need, Reference, compilers, load};
use serde_json::{Map, Value, json};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

const BASE: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
abstract contract Base { address owner; uint256[9] private __gap; }
";
const TOKEN: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
import {Base} from \"./Base.sol\";
library Lib { function g(uint256 x) external pure returns (uint256) { return x + 1; } }
contract Token is Base {
    enum Phase { Draft, Live }
    Phase phase;
    mapping(address => uint256) balances;
    function f() external view returns (uint256) { return balances[owner]; }
}
contract Linked { uint256 x; function f() external view returns (uint256) { return Lib.g(x); } }
";
const LABELS: [&str; 4] = ["owner", "__gap", "phase", "balances"];

fn write(root: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn get(root: &Path, reference: &str) -> Result<Code, ArtifactError> {
    let options = LoadOptions {
        root: root.to_owned(),
        solc: None,
        need: Need::ALL,
    };
    load(&Reference::parse(reference).unwrap(), &options)
}

fn labels(code: &Code) -> Vec<String> {
    let layout = code
        .layout
        .as_ref()
        .unwrap_or_else(|| panic!("{:?}", code.missing));
    layout
        .storage
        .iter()
        .map(|item| item.label.clone())
        .collect()
}

/// Complete: layout, trees, code.
fn whole(root: &Path, reference: &str) -> Code {
    let code = get(root, reference).unwrap_or_else(|error| panic!("{reference}: {error}"));
    assert_eq!(code.missing, Vec::<String>::new(), "{reference}");
    assert_eq!(labels(&code), LABELS, "{reference}");
    assert!(
        code.sources.is_some() && code.runtime.is_some(),
        "{reference}"
    );
    code
}

fn solc() -> PathBuf {
    let found = compilers().into_iter().find(|one| one.version.minor == 8);
    found
        .expect("no solc: run scripts/setup")
        .path
        .canonicalize()
        .unwrap()
}

fn forge() -> PathBuf {
    let tool = "node_modules/@foundry-rs/forge-linux-amd64/bin/forge";
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = here.ancestors().map(|up| up.join(".tools").join(tool));
    let paths = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&paths).map(|folder| folder.join("forge"));
    let mut found = installed.chain(on_path).filter(|path| path.is_file());
    found.next().expect("no forge: run scripts/setup")
}

/// Builds the Foundry project of a folder.
fn build(root: &Path, arguments: &[&str]) {
    let output = Command::new(forge())
        .args(["build", "--offline", "--use"])
        .arg(solc())
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn foundry() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "foundry.toml", "[profile.default]\n");
    write(folder.path(), "src/Base.sol", BASE);
    write(folder.path(), "src/Token.sol", TOKEN);
    folder
}

/// Standard JSON as Hardhat asks for it: syntax trees, no layout.
fn input(folder: &str) -> Value {
    let wanted = json!({ "*": { "*": ["abi", "evm.bytecode", "evm.deployedBytecode", "evm.methodIdentifiers", "metadata"], "": ["ast"] } });
    json!({
        "language": "Solidity",
        "sources": {
            (format!("{folder}/Base.sol")): { "content": BASE },
            (format!("{folder}/Token.sol")): { "content": TOKEN },
        },
        "settings": { "evmVersion": "paris", "optimizer": { "enabled": true, "runs": 200 }, "outputSelection": wanted },
    })
}

fn compile(input: &Value) -> Value {
    let mut child = Command::new(solc())
        .arg("--standard-json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

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

#[test]
fn hardhat_2_artifacts_lead_to_their_build_info() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path();
    let input = input("contracts");
    let output = compile(&input);
    let info = json!({
        "id": "dd0e", "_format": "hh-sol-build-info-1", "solcVersion": "0.8.28",
        "solcLongVersion": "0.8.28+commit.7893614a", "input": input, "output": output,
    });
    write(root, "artifacts/build-info/dd0e.json", info.to_string());
    let folder = "artifacts/contracts/Token.sol";
    let debug = json!({ "_format": "hh-sol-dbg-1", "buildInfo": "../../build-info/dd0e.json" });
    write(root, &format!("{folder}/Token.dbg.json"), debug.to_string());
    let artifact = artifact(&output, "contracts/Token.sol");
    write(root, &format!("{folder}/Token.json"), artifact.to_string());
    whole(root, &format!("{folder}/Token.json"));
    whole(root, &format!("{folder}/Token.dbg.json"));
    whole(
        root,
        "artifacts/build-info/dd0e.json#contracts/Token.sol:Token",
    );

    let mut other = artifact;
    other["deployedBytecode"] = json!("0x6001");
    write(root, &format!("{folder}/Token.json"), other.to_string());
    let error = get(root, &format!("{folder}/Token.json")).unwrap_err();
    assert!(matches!(error, ArtifactError::Stale { .. }), "{error}");
}

/// An artifact in Hardhat 2's shape.
fn artifact(output: &Value, unit: &str) -> Value {
    let contract = &output["contracts"][unit]["Token"];
    let code = |part: &str| format!("0x{}", contract["evm"][part]["object"].as_str().unwrap());
    json!({
        "_format": "hh-sol-artifact-1", "contractName": "Token", "sourceName": unit,
        "abi": contract["abi"], "bytecode": code("bytecode"),
        "deployedBytecode": code("deployedBytecode"), "linkReferences": {}, "deployedLinkReferences": {},
    })
}

#[test]
fn hardhat_3_keeps_input_and_output_apart() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path();
    let id = "solc-0_8_28-df15";
    let mut input = input("project/contracts");
    // A build without trees: what is missing is compiled from the input.
    input["settings"]["outputSelection"] =
        json!({ "*": { "*": ["abi", "evm.bytecode", "evm.deployedBytecode", "metadata"] } });
    let output = compile(&input);
    let info = json!({
        "_format": "hh3-sol-build-info-1", "id": id, "solcVersion": "0.8.28",
        "solcLongVersion": "0.8.28+commit.7893614a", "compilerType": "solc",
        "userSourceNameMap": { "contracts/Token.sol": "project/contracts/Token.sol" }, "input": input,
    });
    let out = json!({ "_format": "hh3-sol-build-info-output-1", "id": id, "output": output });
    write(
        root,
        &format!("artifacts/build-info/{id}.json"),
        info.to_string(),
    );
    write(
        root,
        &format!("artifacts/build-info/{id}.output.json"),
        out.to_string(),
    );
    let mut artifact = artifact(&output, "project/contracts/Token.sol");
    artifact["_format"] = json!("hh3-artifact-1");
    artifact["sourceName"] = json!("contracts/Token.sol");
    artifact["inputSourceName"] = json!("project/contracts/Token.sol");
    artifact["buildInfoId"] = json!(id);
    write(
        root,
        "artifacts/contracts/Token.sol/Token.json",
        artifact.to_string(),
    );
    whole(root, "artifacts/contracts/Token.sol/Token.json");
    for end in ["json", "output.json"] {
        whole(
            root,
            &format!("artifacts/build-info/{id}.{end}#contracts/Token.sol:Token"),
        );
    }
    fs::remove_file(root.join(format!("artifacts/build-info/{id}.output.json"))).unwrap();
    whole(root, "artifacts/contracts/Token.sol/Token.json");
}

#[test]
fn standard_json_is_compiled_or_read() {
    let project = tempfile::tempdir().unwrap();
    let input = input("src");
    let output = compile(&input);
    write(project.path(), "input.json", input.to_string());
    write(project.path(), "output.json", output.to_string());
    let both = json!({ "input": input, "output": output });
    write(project.path(), "both.json", both.to_string());
    let from = |name: &str| whole(project.path(), &format!("{name}.json#Token"));
    let (one, two, three) = (from("input"), from("output"), from("both"));
    assert!(
        one.notes[0].contains("names no compiler"),
        "{:?}",
        one.notes
    );
    assert_eq!(one.runtime, two.runtime);
    assert_eq!(one.runtime, three.runtime);
    let error = get(project.path(), "input.json").unwrap_err().to_string();
    assert!(error.contains("src/Token.sol:Linked"), "{error}");
}

#[test]
fn explorer_and_sourcify_files_are_compiled_as_they_were_verified() {
    let project = tempfile::tempdir().unwrap();
    let root = project.path();
    let input = input("src");
    let built = compile(&input);
    let code =
        built["contracts"]["src/Token.sol"]["Token"]["evm"]["deployedBytecode"]["object"].clone();
    let version = "v0.8.28+commit.7893614a";
    let entry = json!({
        "SourceCode": format!("{{{input}}}"), "ABI": "[]", "ContractName": "Token",
        "CompilerVersion": version, "OptimizationUsed": "1", "Runs": "200", "EVMVersion": "paris",
        "Library": "", "ContractFileName": "",
    });
    let flat = format!(
        "{BASE}{}",
        TOKEN
            .lines()
            .filter(|line| !line.starts_with("import") && !line.starts_with("// SPDX"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    let mut single = entry.clone();
    single["SourceCode"] = json!(flat);
    write(
        root,
        "answer.json",
        json!({ "status": "1", "message": "OK", "result": [entry] }).to_string(),
    );
    write(root, "entry.json", entry.to_string());
    write(root, "doubled.json", format!("{{{input}}}"));
    write(root, "single.json", single.to_string());
    let metadata = built["contracts"]["src/Token.sol"]["Token"]["metadata"]
        .as_str()
        .unwrap();
    write(root, "repository/metadata.json", metadata);
    write(root, "repository/sources/renamed/0.sol", BASE);
    write(root, "repository/sources/renamed/1.sol", TOKEN);
    let file = |name: &str, text: &str| json!({ "name": name, "path": name, "content": text });
    let files = json!({ "status": "full", "files": [
        file("metadata.json", metadata), file("Base.sol", BASE), file("Token.sol", TOKEN),
    ] });
    write(root, "files.json", files.to_string());
    let answer = json!({
        "match": "exact_match", "chainId": "1", "address": "0x", "abi": [], "sources": input["sources"],
        "compilation": {
            "language": "Solidity", "compiler": "solc", "compilerVersion": "0.8.28+commit.7893614a",
            "compilerSettings": input["settings"], "name": "Token", "fullyQualifiedName": "src/Token.sol:Token",
        },
    });
    write(root, "sourcify.json", answer.to_string());
    for name in [
        "answer.json",
        "entry.json",
        "doubled.json#Token",
        "repository/metadata.json",
        "files.json",
        "sourcify.json",
    ] {
        let read = whole(root, name);
        let runtime = alloy_primitives::hex::encode(read.runtime.unwrap());
        assert_eq!(json!(runtime), code, "{name}");
    }
    whole(root, "single.json");
    write(
        root,
        "limit.json",
        json!({ "status": "0", "message": "NOTOK", "result": "Max rate limit reached" })
            .to_string(),
    );
    write(
        root,
        "empty.json",
        json!({ "SourceCode": "", "ContractName": "" }).to_string(),
    );
    for (name, expected) in [
        ("limit.json", "Max rate limit reached"),
        ("empty.json", "no verified source"),
    ] {
        let error = get(root, name).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Written by OpenZeppelin's upgrades-core 1.46.0 for this source.
const BOX: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
contract Box {
  enum E { A, B } struct S { uint128 a; address b; uint256[3] c; }
  type U is uint128;
  /// @custom:storage-location erc7201:my.box
  struct Main { uint256 x; S s; mapping(address => S[]) m; }
  address owner; bool f; E e; U u;
  mapping(address => mapping(uint256 => S)) deep;
  S[] list; string name; uint256[5] __gap;
  /// @custom:oz-renamed-from old
  uint256 fresh;
}";

#[test]
fn a_manifest_without_variables_is_an_empty_contract_only_when_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let types = json!({ "t_address": { "label": "address", "numberOfBytes": "20" } });
    for (layout, is_empty) in [
        (
            json!({ "storage": [], "types": {}, "layoutVersion": "1.2" }),
            true,
        ),
        (
            json!({ "storage": [], "types": types, "layoutVersion": "1.2" }),
            false,
        ),
        (json!({ "storage": [], "types": {} }), false),
        (json!({ "types": {} }), false),
    ] {
        let impls = json!({ "a": { "address": "0x2222222222222222222222222222222222222222", "layout": layout } });
        let manifest = json!({ "manifestVersion": "3.2", "proxies": [], "impls": impls });
        write(folder.path(), "a.json", manifest.to_string());
        let code = get(folder.path(), "a.json").unwrap();
        assert_eq!(code.layout.is_some(), is_empty, "{layout}");
        let told = code.missing.join("; ");
        assert_eq!(
            told.contains("not known") || told.contains("no layout"),
            !is_empty,
            "{told}"
        );
    }
}

#[test]
fn a_manifest_holds_the_layout_of_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("fixtures/openzeppelin.json");
    write(folder.path(), ".openzeppelin/mainnet.json", text);
    write(folder.path(), "contracts/Box.sol", BOX);
    let source = get(folder.path(), "contracts/Box.sol:Box")
        .unwrap()
        .layout
        .unwrap();
    let file = ".openzeppelin/mainnet.json";
    for end in ["", "#ab12", "#0x2222222222222222222222222222222222222222"] {
        let read = get(folder.path(), &format!("{file}{end}")).unwrap();
        assert!(read.layout_is_whole && read.sources.is_none());
        let layout = read.layout.unwrap();
        let places = |items: &[cutover_types::StorageItem]| -> Vec<_> {
            let places = items.iter().map(|one| {
                (
                    one.label.clone(),
                    one.slot.clone(),
                    one.offset,
                    one.renamed_from.clone(),
                )
            });
            places.collect()
        };
        assert_eq!(places(&layout.storage), places(&source.storage));
        let id = "erc7201:my.box";
        assert_eq!(
            places(&layout.namespaces[id]),
            places(&source.namespaces[id])
        );
        assert_eq!(layout.unplaced, Vec::<String>::new());
        for item in &layout.storage {
            let (ours, theirs) = (&layout.types[&item.type_id], &source.types[&item.type_id]);
            let shape = |one: &cutover_types::TypeInfo| {
                let mut one = one.clone();
                one.members = None;
                one
            };
            assert_eq!(shape(ours), shape(theirs), "{}", item.label);
        }
    }
    let proxy = format!("{file}#0x1111111111111111111111111111111111111111");
    let error = get(folder.path(), &proxy).unwrap_err().to_string();
    assert!(error.contains("is a proxy"), "{error}");
}

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

/// Values of a tree, counted.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces or removes the `at`-th value.
fn change(tree: &mut Value, at: &mut usize, with: Option<&Value>) -> bool {
    let children: Vec<&mut Value> = match tree {
        Value::Object(map) => {
            let mut gone = None;
            for (key, value) in map.iter_mut() {
                if *at == 0 {
                    match with {
                        Some(with) => *value = with.clone(),
                        None => gone = Some(key.clone()),
                    }
                    if let Some(key) = gone {
                        map.remove(&key);
                    }
                    return true;
                }
                *at -= 1;
                if change(value, at, with) {
                    return true;
                }
            }
            return false;
        }
        Value::Array(items) => items.iter_mut().collect(),
        _ => return false,
    };
    for value in children {
        if *at == 0 {
            *value = with.cloned().unwrap_or_default();
            return true;
        }
        *at -= 1;
        if change(value, at, with) {
            return true;
        }
    }
    false
}

/// Damage anywhere in a real file never leads to fewer variables without a word.
#[test]
fn a_damaged_file_never_hides_variables() {
    let folder = tempfile::tempdir().unwrap();
    let mut input = input("src");
    let token = "pragma solidity ^0.8.20; contract Token { address owner; uint8 a; mapping(address => uint256) b; }";
    input["sources"] = json!({ "src/Token.sol": { "content": token } });
    input["settings"]["outputSelection"] = json!({ "*": { "*": ["abi", "storageLayout", "evm.deployedBytecode.object"], "": ["ast"] } });
    let output = compile(&input);
    let info = json!({ "solcVersion": "0.8.28", "output": output });
    let manifest: Value = serde_json::from_str(include_str!("fixtures/openzeppelin.json")).unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let odd = [
        json!(null),
        json!([]),
        json!({}),
        json!(-1),
        json!(u64::MAX),
        json!(""),
        json!("é:9"),
        json!("t_array("),
    ];
    for (whole, reference, variables) in [(&info, "a.json#Token", 3), (&manifest, "a.json", 9)] {
        let size = count(whole);
        for _ in 0..150 {
            let mut damaged = whole.clone();
            let mut at = random(size - 1);
            let kind = random(odd.len() + 1);
            change(&mut damaged, &mut at, odd.get(kind));
            write(folder.path(), "a.json", damaged.to_string());
            let Ok(code) = get(folder.path(), reference) else {
                continue;
            };
            if let Some(layout) = &code.layout {
                let complete = code.sources.is_some() || code.layout_is_whole;
                let listed = layout.storage.len();
                // A list of variables that was itself replaced by an empty one is an empty contract's.
                assert!(
                    listed == variables || !complete || code.layout_is_whole && listed == 0,
                    "{damaged}"
                );
            }
        }
    }
}

#[test]
fn unused_units_of_an_input_do_not_have_to_compile() {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = Map::new();
    sources.insert(
        "A.sol".to_owned(),
        json!({ "content": "contract A { uint256 x; }" }),
    );
    sources.insert(
        "B.sol".to_owned(),
        json!({ "content": "contract B { this is not Solidity }" }),
    );
    let input = json!({ "language": "Solidity", "sources": sources, "settings": {} });
    write(folder.path(), "input.json", input.to_string());
    let code = get(folder.path(), "input.json#A.sol:A").unwrap();
    assert_eq!(labels(&code), ["x"]);
}

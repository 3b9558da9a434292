//! Files come from anywhere: whatever is in them, reading ends with a value or an error.

#![allow(clippy::unwrap_used)]

use cutover_artifacts::{LoadOptions, Need, Reference, load};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{fs, path::Path};

fn read(root: &Path, reference: &str) {
    let options = LoadOptions {
        root: root.to_owned(),
        solc: None,
        need: Need::ALL,
    };
    let _ = load(&Reference::parse(reference).unwrap(), &options);
}

/// A build info that touches every reader and is small enough to be mutated thousands of times.
fn build_info() -> Value {
    let function = json!({
        "nodeType": "FunctionDefinition", "id": 8, "name": "f", "kind": "function",
        "visibility": "external", "src": "0:1:0", "parameters": { "parameters": [] },
        "body": { "statements": [
            { "nodeType": "Identifier", "referencedDeclaration": 8 },
            { "nodeType": "InlineAssembly",
              "externalReferences": [{ "declaration": 9, "src": "1:1:0" }, { "declaration": 10, "src": "2:1:0" }],
              "AST": { "nodeType": "YulBlock", "statements": [{ "nodeType": "YulAssignment",
                "variableNames": [{ "name": "s.slot", "src": "1:1:0" }],
                "value": { "nodeType": "YulIdentifier", "src": "2:1:0" } }] } },
            { "nodeType": "VariableDeclaration", "id": 9, "name": "s",
              "typeName": { "nodeType": "UserDefinedTypeName", "referencedDeclaration": 6 } },
        ] },
    });
    let nodes = json!([
        { "nodeType": "EnumDefinition", "id": 5, "name": "E", "members": [{ "name": "A" }] },
        { "nodeType": "StructDefinition", "id": 6, "name": "S", "src": "3:2:0",
          "documentation": { "text": "@custom:storage-location erc7201:x" },
          "members": [{ "nodeType": "VariableDeclaration", "id": 7, "name": "m", "typeName": {
            "nodeType": "ArrayTypeName", "typeDescriptions": { "typeIdentifier": "t_array$_x_$9_storage" },
            "baseType": { "nodeType": "ElementaryTypeName", "typeDescriptions": { "typeIdentifier": "t_uint8" } } } }] },
        { "nodeType": "VariableDeclaration", "id": 2, "name": "e", "stateVariable": true, "src": "0:1:0" },
        { "nodeType": "VariableDeclaration", "id": 10, "constant": true, "name": "R",
          "value": { "nodeType": "Literal", "kind": "number", "value": "0x12" } },
        function,
    ]);
    json!({
        "solcVersion": "0.8.28",
        "input": { "sources": { "T.sol": { "content": "contract T {}" } } },
        "output": {
            "contracts": { "T.sol": { "T": {
                "abi": [],
                "storageLayout": {
                    "storage": [{ "astId": 2, "contract": "T.sol:T", "label": "e", "offset": 0, "slot": "0", "type": "t_enum(E)5" }],
                    "types": { "t_enum(E)5": { "encoding": "inplace", "label": "enum E", "numberOfBytes": "1" } },
                },
                "evm": { "bytecode": { "object": "60" }, "deployedBytecode": {
                    "object": "60", "immutableReferences": { "1": [{ "start": 0, "length": 1 }] },
                    "linkReferences": { "L.sol": { "L": [] } } } },
            } } },
            "sources": { "T.sol": { "ast": {
                "nodeType": "SourceUnit", "id": 1, "absolutePath": "T.sol", "nodes": [
                    { "nodeType": "ContractDefinition", "id": 3, "name": "T", "contractKind": "contract",
                      "src": "0:13:0", "linearizedBaseContracts": [3], "nodes": nodes }
                ] } } },
        },
    })
}

/// Replaces the `at`-th value of a tree.
fn replace(tree: &mut Value, at: &mut Option<usize>, with: &Value) {
    match at {
        None => return,
        Some(0) => {
            *tree = with.clone();
            *at = None;
            return;
        }
        Some(left) => *left -= 1,
    }
    match tree {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, with)),
        Value::Object(map) => map.values_mut().for_each(|item| replace(item, at, with)),
        _ => {}
    }
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!(-1)),
        Just(json!(u64::MAX)),
        Just(json!(3)),
        Just(json!(6)),
        Just(json!("")),
        Just(json!("t_struct(S)6_storage")),
        Just(json!("9:é:")),
        Just(json!("StructDefinition")),
        "\\PC{0,20}".prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn mutated_values_are_survived(at in 0_usize..200, with in odd()) {
        let folder = tempfile::tempdir().unwrap();
        let mut value = build_info();
        replace(&mut value, &mut Some(at), &with);
        fs::write(folder.path().join("b.json"), value.to_string()).unwrap();
        read(folder.path(), "b.json#T.sol:T");
        let artifact = &value["output"]["contracts"]["T.sol"]["T"];
        fs::write(folder.path().join("a.json"), artifact.to_string()).unwrap();
        read(folder.path(), "a.json");
    }

    #[test]
    fn mutated_bytes_are_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = build_info().to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(folder.path().join("b.json"), bytes).unwrap();
        read(folder.path(), "b.json#T.sol:T");
    }
}

/// Files that carry sources, and OpenZeppelin's record.
fn carriers() -> Vec<Value> {
    let text = "import \"./B.sol\"; contract A {}";
    let sources = json!({ "s/A.sol": { "content": text }, "s/B.sol": { "content": "" } });
    let settings = json!({
        "remappings": ["a:b/=c/", "=", "x"], "libraries": { "s/A.sol:L": "0x00" },
        "compilationTarget": { "s/A.sol": "A" }, "evmVersion": "paris",
    });
    let input = json!({ "language": "Solidity", "sources": sources, "settings": settings });
    let entry = json!({
        "SourceCode": format!("{{{input}}}"), "ContractName": "A", "CompilerVersion": "v0.8.28",
        "Runs": "200", "Library": "L:00;M", "EVMVersion": "Default",
    });
    let metadata = json!({
        "compiler": { "version": "0.8.28" }, "language": "Solidity", "output": { "abi": [] },
        "settings": settings, "version": 1,
        "sources": { "s/A.sol": { "keccak256": format!("0x{}", "0".repeat(64)), "content": text } },
    });
    let compilation = json!({
        "language": "Solidity", "compilerVersion": "0.8.28", "compilerSettings": settings,
        "fullyQualifiedName": "s/A.sol:A",
    });
    vec![
        json!({ "status": "1", "message": "OK", "result": [entry] }),
        json!({ "files": [{ "name": "metadata.json", "content": metadata.to_string() }, { "name": "A.sol", "content": text }] }),
        json!({ "sources": sources, "compilation": compilation }),
        json!({ "abi": [], "bytecode": "0x60", "deployedBytecode": "0x60", "metadata": metadata.to_string(), "source": text }),
        metadata,
        input,
        serde_json::from_str(include_str!("fixtures/openzeppelin.json")).unwrap(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn files_that_carry_sources_are_survived(
        which in 0_usize..7, at in 0_usize..60, with in odd(), cut in any::<prop::sample::Index>(), truncate in any::<bool>()
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut value = carriers().swap_remove(which);
        replace(&mut value, &mut Some(at), &with);
        let mut text = value.to_string();
        if truncate {
            text = text.chars().take(cut.index(text.len())).collect();
        }
        fs::write(folder.path().join("a.json"), text).unwrap();
        for reference in ["a.json", "a.json#A", "a.json#s/A.sol:A"] {
            // What is read matters here, not what a compiler makes of it.
            let options = LoadOptions {
                root: folder.path().to_owned(),
                solc: Some("/bin/true".into()),
                need: Need::ALL,
            };
            if let Err(error) = load(&Reference::parse(reference).unwrap(), &options) {
                let message = error.to_string();
                prop_assert!(!message.contains('\n') && message.len() < 4000, "{}", message);
            }
        }
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let deep = "[".repeat(100_000);
    let many: serde_json::Map<_, _> = (0..5000)
        .map(|i| (format!("{i}.sol"), json!({ "content": "" })))
        .collect();
    let many = json!({ "language": "Solidity", "sources": many, "settings": {} });
    let nested = format!("t_mapping(t_address,{}", "t_array(".repeat(50_000));
    let manifest = json!({ "manifestVersion": "3.2", "impls": { "a": { "address": "0x", "layout": {
        "storage": [{ "label": "a", "type": nested, "slot": "0", "offset": 0 }],
        "types": { (nested.clone()): { "label": "a", "numberOfBytes": "32" } },
    } } } });
    for text in [
        deep.clone(),
        format!("{{\"abi\":[],\"bytecode\":{deep}"),
        format!("{{{{\"sources\":{deep}}}}}"),
        many.to_string(),
        manifest.to_string(),
    ] {
        fs::write(folder.path().join("a.json"), text).unwrap();
        read(folder.path(), "a.json");
        read(folder.path(), "a.json#A");
    }
}

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

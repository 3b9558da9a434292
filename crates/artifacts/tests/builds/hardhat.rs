//! Out of the artifacts and build infos of Hardhat 2 and 3.

use crate::project::{compile, get, input, whole, write};
use cutover_artifacts::ArtifactError;
use serde_json::{Value, json};
use std::fs;

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

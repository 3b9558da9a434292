//! Out of standard JSON, bare and as explorers and Sourcify wrap it.

use crate::project::{BASE, TOKEN, compile, get, input, labels, whole, write};
use serde_json::{Map, json};

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
    // Some editors put a mark in front.
    for (name, text, same) in [("input", &input, &one), ("both", &both, &three)] {
        write(
            project.path(),
            &format!("{name}.json"),
            format!("\u{feff}{text}"),
        );
        assert_eq!(from(name).runtime, same.runtime);
    }
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
        json!({ "status": "1", "message": "OK", "result": [entry.clone()] }).to_string(),
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
    // Both say when the verified contract is a proxy: its layout is not that of what it runs.
    let implementation = "0x1111111111111111111111111111111111111111";
    let (mut proxy, mut proxied) = (entry.clone(), answer.clone());
    proxy["Proxy"] = json!("1");
    proxy["Implementation"] = json!(implementation);
    proxied["proxyResolution"] = json!({
        "isProxy": true, "implementations": [{ "address": implementation, "name": "V" }],
    });
    for (name, text) in [("proxy.json", &proxy), ("proxied.json", &proxied)] {
        write(root, name, text.to_string());
        let doubts = get(root, name).unwrap().doubts;
        assert!(doubts[0].contains(implementation), "{name}: {doubts:?}");
        assert!(get(root, "entry.json").unwrap().doubts.is_empty());
    }
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

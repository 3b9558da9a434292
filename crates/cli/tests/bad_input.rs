//! Every wrong input gets one clear line, a documented exit code, and leaves files as they were.

mod support;

use serde_json::json;
use std::fs;
use support::{FakeNode, cutover, run};

const PROXY: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

#[test]
fn no_node_is_said_with_three_ways_to_name_one() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(cutover(folder.path()).args(["inspect", PROXY]));
    ran.refused(
        2,
        &["no node is configured", "--rpc-url", "ETH_RPC_URL", "[rpc]"],
    );
    assert!(!folder.path().join("cutover-run").exists());
}

#[test]
fn node_address_that_is_no_url_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(cutover(folder.path()).args(["inspect", PROXY, "--rpc-url", "secret-key-0123"]));
    ran.refused(2, &["not an http or https URL"]);
    assert!(!ran.stderr.contains("secret-key"));
}

#[test]
fn node_that_is_not_there_is_could_not_tell() {
    let folder = tempfile::tempdir().unwrap();
    let ran =
        run(cutover(folder.path()).args(["inspect", PROXY, "--rpc-url", "http://127.0.0.1:1"]));
    ran.refused(14, &["127.0.0.1:1"]);
}

#[test]
fn node_of_another_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cutover.toml"), "chain_id = 1\n").unwrap();
    let node = FakeNode::start(|method, _| match method {
        "eth_chainId" => Ok(json!("0x5")),
        _ => Err((-32601, "no")),
    });
    let ran = run(cutover(folder.path()).args(["inspect", PROXY, "--rpc-url", &node.url]));
    ran.refused(2, &["chain 5", "cutover.toml says 1"]);
}

#[test]
fn configuration_with_a_typing_error_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cutover.toml"), "proxy = 1\n").unwrap();
    run(cutover(folder.path()).args(["status"])).refused(2, &["cutover.toml:1"]);
    fs::write(
        folder.path().join("cutover.toml"),
        "chain_id = 1\n\nproxi = 2\n",
    )
    .unwrap();
    run(cutover(folder.path()).args(["status"])).refused(2, &["cutover.toml:3", "proxi"]);
}

#[test]
fn recording_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("green.hex");
    fs::write(&code, "0x60006000fd").unwrap();
    let green = format!("code:{}", code.display());
    run(cutover(folder.path()).args(["replay", "nowhere", "--green", &green]))
        .refused(2, &["nowhere"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    run(cutover(folder.path()).args(["replay", "empty", "--green", &green])).refused(2, &["empty"]);
    fs::write(folder.path().join("empty/recording.json"), "{\"format\":").unwrap();
    run(cutover(folder.path()).args(["replay", "empty", "--green", &green]))
        .refused(2, &["recording.json"]);
}

#[test]
fn step_without_the_one_before_says_which_to_run() {
    let folder = tempfile::tempdir().unwrap();
    run(cutover(folder.path()).args(["propose"]))
        .refused(2, &["inspect.json is not there", "cutover inspect"]);
    run(cutover(folder.path()).args(["upgrade"]))
        .refused(2, &["proposal.json is not there", "cutover propose"]);
    run(cutover(folder.path()).args(["status"])).refused(2, &["proposal.json"]);
}

#[test]
fn run_file_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cutover-run")).unwrap();
    let file = folder.path().join("cutover-run/inspect.json");
    for (text, words) in [
        ("", "not valid"),
        ("{}", "not valid"),
        ("[1, 2", "not valid"),
        (
            r#"{"format":"cutover/check","version":1,"tool_version":"0"}"#,
            "cutover/check",
        ),
        (
            r#"{"format":"cutover/inspect","version":99,"tool_version":"0"}"#,
            "version 99",
        ),
        (
            "{\"format\":\"\u{1b}[2J\",\"version\":1,\"tool_version\":\"0\"}",
            "not",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let ran = run(cutover(folder.path()).args(["propose"]));
        ran.refused(2, &[words, "inspect.json"]);
        assert!(!ran.stderr.contains('\u{1b}'));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn code_reference_that_names_no_code_lists_the_shapes() {
    let folder = tempfile::tempdir().unwrap();
    run(cutover(folder.path()).args(["check", "--blue", "Token", "--green", "Token"]))
        .refused(2, &["Token", "Source.sol:Contract"]);
}

#[test]
fn artifact_without_a_layout_is_inconclusive_and_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = json!({"abi": [], "bytecode": {"object": "0x6000", "linkReferences": {}}, "deployedBytecode": {"object": "0x6000", "linkReferences": {}}});
    fs::write(folder.path().join("Token.json"), artifact.to_string()).unwrap();
    let ran = run(cutover(folder.path()).args([
        "check",
        "--blue",
        "Token.json",
        "--green",
        "Token.json",
        "--json",
    ]));
    assert_eq!(ran.code, Some(14), "{}", ran.stderr);
    if !ran.stdout.is_empty() {
        assert_eq!(ran.json()["verdict"], "inconclusive");
    }
    assert!(
        format!("{}{}", ran.stdout, ran.stderr).contains("storageLayout"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn source_that_does_not_compile_shows_the_compilers_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Bad.sol"), "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\ncontract Bad { uint256 x = ; }\n").unwrap();
    let ran = run(cutover(&support::root())
        .args([
            "check",
            "--blue",
            "Bad.sol:Bad",
            "--green",
            "Bad.sol:Bad",
            "--run",
        ])
        .arg(folder.path().join("run"))
        .arg("--root")
        .arg(folder.path()));
    ran.refused(2, &["Bad.sol", ":3"]);
}

#[test]
fn ambiguous_contract_name_lists_the_candidates() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let two = "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\ncontract One { uint256 a; }\ncontract Two { uint256 b; }\n";
    fs::write(folder.path().join("src/Both.sol"), two).unwrap();
    let ran = run(cutover(&support::root())
        .args([
            "check",
            "--blue",
            "src/Both.sol",
            "--green",
            "src/Both.sol",
            "--run",
        ])
        .arg(folder.path().join("run"))
        .arg("--root")
        .arg(folder.path()));
    ran.refused(2, &["ambiguous", "One", "Two"]);
    let ran = run(cutover(&support::root())
        .args([
            "check",
            "--blue",
            "src/Both.sol:Three",
            "--green",
            "src/Both.sol:Three",
            "--run",
        ])
        .arg(folder.path().join("run"))
        .arg("--root")
        .arg(folder.path()));
    ran.refused(2, &["Three", "One"]);
}

#[test]
fn window_that_makes_no_sense_is_usage() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::start(|method, _| match method {
        "eth_chainId" => Ok(json!("0x1")),
        "eth_blockNumber" => Ok(json!("0x10")),
        _ => Err((-32601, "no")),
    });
    let record = |arguments: &[&str]| {
        run(cutover(folder.path())
            .args(["record", PROXY, "--rpc-url", &node.url])
            .args(arguments))
    };
    record(&[]).refused(2, &["--from-block", "--last"]);
    record(&["--from-block", "9", "--to-block", "8"]).refused(2, &["blocks 9 to 8"]);
    record(&["--from-block", "0", "--to-block", "8"]).refused(2, &["blocks 0 to 8"]);
}

#[test]
fn init_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    run(cutover(folder.path()).args(["init", PROXY])).refused(2, &["no Solidity project"]);
    fs::write(folder.path().join("foundry.toml"), "").unwrap();
    run(cutover(folder.path()).args(["init", PROXY, "--chain-id", "1"])).ok();
    let written = fs::read_to_string(folder.path().join("cutover.toml")).unwrap();
    assert!(
        written.contains(PROXY) || written.to_lowercase().contains(&PROXY.to_lowercase()),
        "{written}"
    );
    run(cutover(folder.path()).args(["init", PROXY])).refused(2, &["already exists"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("cutover.toml")).unwrap(),
        written
    );
    // What it writes is what the other commands read.
    run(cutover(folder.path()).args(["inspect"])).refused(2, &["no node is configured"]);
}

#[test]
fn help_teaches_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        "init", "inspect", "record", "check", "deploy", "replay", "propose", "upgrade", "rollback",
        "status", "demo", "doctor",
    ] {
        let ran = run(cutover(folder.path()).args([command, "--help"]));
        assert!(ran.ok().stdout.contains("Usage:"), "{command}");
    }
    assert!(
        run(cutover(folder.path()).args(["--help"]))
            .stdout
            .contains("Exit codes:")
    );
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            run(cutover(folder.path()).args(["completions", shell]))
                .ok()
                .stdout
                .contains("cutover")
        );
    }
    run(cutover(folder.path()).args(["man", "man"])).ok();
    assert!(folder.path().join("man/cutover-replay.1").exists());
}

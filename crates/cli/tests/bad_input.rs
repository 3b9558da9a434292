//! Every wrong input gets one clear line, a documented exit code, and leaves files as they were.

#![allow(clippy::unwrap_used)]

#[path = "bad_input/recordings.rs"]
mod recordings;
mod support;

use serde_json::json;
use std::{fs, time::Instant};
use support::{
    FakeNode, anvil, cutover, run,
    stage::{GREEN, Stage, ask, contracts, try_ask},
};

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
fn mistyped_address_is_told_by_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let typo = PROXY.replace("eB48", "eB49");
    let asks: [&[&str]; 3] = [
        &["inspect", &typo],
        &["check", "--blue", &typo, "--green", "code:x"],
        &[
            "replay",
            "folder",
            "--green",
            "code:x",
            "--green-address",
            &typo,
        ],
    ];
    for arguments in asks {
        run(cutover(folder.path()).args(arguments)).refused(2, &[&typo, "checksum"]);
    }
    fs::write(
        folder.path().join("cutover.toml"),
        format!("proxy = \"{typo}\"\n"),
    )
    .unwrap();
    run(cutover(folder.path()).args(["inspect"])).refused(2, &["cutover.toml", "checksum"]);
}

#[test]
fn revision_that_cannot_be_read_is_named_and_its_temporary_folder_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.arg("-C").arg(folder.path());
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
    };
    fs::create_dir(folder.path().join("src")).unwrap();
    let source = |text: &str| fs::write(folder.path().join("src/A.sol"), text).unwrap();
    source("import \"./Lost.sol\"; contract A { uint256 a; }");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    git(&["tag", "v1"]);
    source("contract A { uint256 a; }");
    for (blue, told) in [
        ("src/A.sol:A", "src/A.sol imports `./Lost.sol`"),
        ("src/B.sol:A", "no contract `src/B.sol` in the repository"),
        ("out/A.json", "--blue-rev compiles blue from source"),
    ] {
        let arguments = [
            "check",
            "--blue-rev",
            "v1",
            "--blue",
            blue,
            "--green",
            "src/A.sol:A",
        ];
        let ran = run(cutover(folder.path()).args(arguments));
        assert!(!ran.stderr.contains(".tmp"), "{}", ran.stderr);
        let named = match blue.ends_with(".json") {
            true => blue,
            false => "blue at revision v1: ",
        };
        ran.refused(2, &[named, told]);
    }
}

#[test]
fn window_that_ends_before_it_begins_asks_no_node() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(cutover(folder.path()).args([
        "record",
        PROXY,
        "--from-block",
        "10",
        "--to-block",
        "5",
        "--rpc-url",
        "http://127.0.0.1:1",
    ]));
    ran.refused(2, &["blocks 10 to 5"]);
}

#[test]
fn list_of_addresses_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let node = ["--rpc-url", "http://127.0.0.1:1"];
    let ran = run(cutover(folder.path())
        .args(["inspect", "--file", "nope.txt"])
        .args(node));
    ran.refused(2, &["cannot read nope.txt"]);
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
    let begin = Instant::now();
    let ran =
        run(cutover(folder.path()).args(["inspect", PROXY, "--rpc-url", "http://127.0.0.1:1"]));
    ran.refused(14, &["127.0.0.1:1"]);
    assert!(begin.elapsed().as_secs() < 3, "{:?}", begin.elapsed());
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
fn rule_that_does_not_exist_is_told_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let allow = |rule: &str| {
        let sides = ["check", "--blue", "A.sol:A", "--green", "A.sol:A"];
        run(cutover(folder.path())
            .args(sides)
            .args(["--unsafe-allow", rule]))
    };
    allow("delegatcall").refused(2, &["`delegatcall`", "`delegatecall`"]);
    allow("constructor,delete").refused(2, &["`delete` is no safety rule", "cutover.toml"]);
    // OpenZeppelin's names all count, also in its way of listing them.
    let ran = allow("struct-definition, selfdestruct");
    assert!(ran.stderr.contains("A.sol"), "{}", ran.stderr);
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
fn arguments_that_cannot_be_read_are_one_line_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let asks: [(&[&str], &str, &str); 5] = [
        (
            &["upgrade", "--max-fee", "1e9"],
            "'1e9' for '--max-fee <WEI>'",
            "--help",
        ),
        (&["upgrade", "--max-fee", "-1"], "'-1'", "--help"),
        (&["inspect", "0x123"], "'0x123'", "--help"),
        (&["check"], "--blue <REF> --green <REF>", "--help"),
        (&["status", "--jsom"], "'--jsom'", "'--json'"),
    ];
    for (arguments, what, hint) in asks {
        let ran = run(cutover(folder.path()).args(arguments));
        ran.refused(2, &[what]);
        let lines: Vec<_> = ran.stderr.lines().collect();
        let [error, help] = lines[..] else {
            panic!("{}", ran.stderr);
        };
        assert!(error.contains(what), "{error}");
        assert!(help.starts_with(" help: ") && help.contains(hint), "{help}");
    }
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

#[test]
fn account_that_is_no_proxy_is_an_answer_for_inspect_and_useless_to_record() {
    let folder = tempfile::tempdir().unwrap();
    let chain = anvil(&["--accounts", "1"]);
    ask(&chain.url, "anvil_mine", json!(["0x5"]));
    let plain = "0x00000000000000000000000000000000000000aa";
    let command = |arguments: &[&str]| {
        run(cutover(folder.path())
            .args(arguments)
            .args(["--rpc-url", &chain.url]))
    };
    let ran = command(&["inspect", plain, "--json"]);
    assert!(ran.ok().json()["proxy"].is_null(), "{}", ran.stdout);
    command(&["record", plain, "--last", "2"]).refused(2, &["is not a proxy"]);
    assert!(!folder.path().join("cutover-run/recording").exists());
}

#[test]
fn block_the_chain_does_not_have_is_usage() {
    let folder = tempfile::tempdir().unwrap();
    let chain = anvil(&["--accounts", "1"]);
    ask(&chain.url, "anvil_mine", json!(["0x5"]));
    let command = |arguments: &[&str]| {
        run(cutover(folder.path())
            .args(arguments)
            .args(["--rpc-url", &chain.url]))
    };
    command(&["inspect", PROXY, "--block", "999999"]).refused(2, &["999999"]);
    command(&["record", PROXY, "--from-block", "900", "--to-block", "901"]).refused(2, &["block "]);
    assert!(!folder.path().join("cutover-run").exists());
}

#[test]
fn window_beyond_the_newest_block_is_usage() {
    let stage = Stage::set();
    let proxy = stage.proxy.to_string();
    stage
        .run(&[
            "record",
            &proxy,
            "--from-block",
            &stage.last.to_string(),
            "--to-block",
            "500",
        ])
        .refused(2, &["block "]);
    assert!(!stage.run_folder().join("recording").exists());

    // The last blocks, and no more transactions than asked for.
    stage
        .run(&["record", &proxy, "--last", "2", "--max-transactions", "3"])
        .ok();
    let ran = stage.run(&[
        "record",
        &proxy,
        "--last",
        "3",
        "--max-transactions",
        "2",
        "--json",
    ]);
    assert_eq!(ran.ok().json()["transactions"], 2);

    let recorded = fs::read_to_string(stage.run_folder().join("recording/recording.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&recorded).unwrap();
    let (block, hash) = (
        manifest["blocks"][0]["number"].as_u64().unwrap(),
        manifest["blocks"][0]["targets"][0]["hash"]
            .as_str()
            .unwrap(),
    );
    let only = |from: u64, to: u64, hash: &str| {
        let (from, to) = (from.to_string(), to.to_string());
        stage.run(&[
            "record",
            &proxy,
            "--from-block",
            &from,
            "--to-block",
            &to,
            "--tx",
            hash,
            "-o",
            "other",
        ])
    };
    only(block + 1, block + 1, hash).refused(2, &[hash, "outside"]);
    let unknown = format!("0x{}", "5a".repeat(32));
    only(block, block, &unknown).refused(2, &[&unknown]);
    let of_block = |number: u64| {
        let block = json!([format!("{number:#x}"), false]);
        let block = ask(&stage.chain.url, "eth_getBlockByNumber", block);
        block["transactions"][0].as_str().unwrap().to_owned()
    };
    // The first traffic goes to the asset alone.
    let beside = of_block(stage.first);
    only(stage.first, stage.last, &beside).refused(2, &[&beside, "does not reach"]);
    only(stage.first, stage.last, &of_block(1)).refused(2, &[&of_block(1), "outside"]);
    assert!(!stage.folder.path().join("other").exists());
    // The recording that was there is the one that is there.
    let still = fs::read_to_string(stage.run_folder().join("recording/recording.json")).unwrap();
    assert_eq!(still, recorded);
    only(block, block, hash).ok();
}

#[test]
fn signer_without_funds_is_told_what_is_missing() {
    let stage = Stage::set();
    let ran = run(stage
        .command(&["deploy", "--green", GREEN, "--root", &contracts()])
        .args(["--private-key-env", "EMPTY_KEY"])
        .env("EMPTY_KEY", format!("0x{}", "42".repeat(32))));
    ran.refused(12, &["0 wei", "wei are missing"]);
    assert!(!ran.stderr.contains("4242"), "{}", ran.stderr);
    assert!(!stage.run_folder().join("deploy.json").exists());
}

#[test]
fn node_that_lies_about_its_chain_gets_no_transaction() {
    let stage = Stage::set();
    let url = stage.chain.url.clone();
    let liar = FakeNode::start(move |method, params| match method {
        "eth_chainId" => Ok(json!("0x1")),
        _ => try_ask(&url, method, params.clone()).map_err(|_| (-32000, "refused")),
    });
    let lied_to = |arguments: &[&str]| run(stage.command(arguments).env("ETH_RPC_URL", &liar.url));
    let sent = || {
        ask(
            &stage.chain.url,
            "eth_getTransactionCount",
            json!([stage.owner, "pending"]),
        )
    };
    let before = sent();
    let contracts = contracts();
    let key = ["--mnemonic-env", "STAGE_MNEMONIC"];
    let deploy = ["deploy", "--green", GREEN, "--root", &contracts];
    lied_to(&[&deploy[..], &key].concat()).refused(12, &["genesis"]);
    assert!(!stage.run_folder().join("deploy.json").exists());

    // Nothing that was signed for chain 31337 executes on chain 1, so nothing passes as recorded.
    let proxy = stage.proxy.to_string();
    let ran = lied_to(&["record", &proxy, "--last", "3"]);
    assert_eq!(ran.code, Some(14), "{}{}", ran.stdout, ran.stderr);

    stage.propose();
    let after_deploy = sent();
    assert_ne!(before, after_deploy);
    let ran = lied_to(&["upgrade", key[0], key[1]]);
    ran.refused(12, &["chain 1"]);
    assert_eq!(sent(), after_deploy);
    assert!(!stage.run_folder().join("journal.jsonl").exists());
}

#[test]
fn what_is_no_beacon_is_refused_and_a_node_without_its_own_newest_block_cannot_tell() {
    let stage = Stage::set();
    for beacon in [stage.owner, stage.proxy] {
        let ran = stage.run(&["inspect", "--beacon", &beacon.to_string()]);
        ran.refused(2, &["is no beacon"]);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::start(|method, _| match method {
        "eth_chainId" => Ok(json!("0x1")),
        "eth_blockNumber" => Ok(json!("0x9d")),
        _ => Ok(json!(null)),
    });
    let arguments = ["inspect", PROXY, "--rpc-url", &node.url];
    run(cutover(folder.path()).args(arguments)).refused(14, &["no block 157", "its newest"]);
    let named = ["inspect", PROXY, "--block", "157", "--rpc-url", &node.url];
    run(cutover(folder.path()).args(named)).refused(2, &["no block 157"]);
}

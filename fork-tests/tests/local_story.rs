//! One upgrade of a vault behind OpenZeppelin's transparent proxy, with the command and real keys: there
//! and back, refused when the world has moved, and finished after it was killed.
#![allow(clippy::unwrap_used)]

#[path = "local_story/diamond.rs"]
mod diamond;
#[allow(dead_code, unreachable_pub)]
#[path = "inspect_kinds/world.rs"]
mod kinds;
#[path = "local_story/safe.rs"]
mod safe;
#[path = "local_story/steps.rs"]
mod steps;
#[path = "local_story/world.rs"]
mod world;

mod support;

use alloy_primitives::{Address, Bytes, U256, address, hex};
use alloy_sol_types::{SolCall, sol};
use serde_json::Value;
use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use world::{GREEN, World, chain, contracts};

sol! {
    function initializeV2(uint256 limit) external;
}

const SIGNED: [&str; 4] = ["--mnemonic-env", "STORY_MNEMONIC", "--poll", "0.1"];

/// Creation code of a package of the fork tests, with constructor arguments.
fn published(package: &str, file: &str, arguments: &[u8]) -> Bytes {
    let code = kinds::published(package, file);
    [code.as_ref(), arguments].concat().into()
}

fn address_of(value: &Value) -> Address {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back() {
    let world = World::build(None).await;
    let proxy = world.proxy.to_string();

    let inspection = world.run(&["inspect", &proxy]).await.ended(0).json();
    assert_eq!(inspection["proxy"]["kind"], "transparent-v5");
    let implementation = &inspection["proxy"]["implementation"]["address"];
    assert_eq!(address_of(implementation), world.blue);
    assert_eq!(address_of(&inspection["upgrade"]["from"]), world.owner);
    assert_eq!(inspection["upgrade"]["proven"], true);
    assert_eq!(inspection["rollback"]["possible"], "yes");

    let recording = world.record().await;
    assert_eq!(recording["transactions"], 13);
    assert_eq!(recording["direct"], 10);
    assert_eq!(recording["internal"], 3);

    let root = contracts().display().to_string();
    let check = world.check(GREEN, &root).await.ended(0).json();
    assert_eq!(check["verdict"], "pass");

    let deploy = ["deploy", "--green", GREEN, "--root", &root];
    let key = ["--mnemonic-env", "STORY_MNEMONIC"];
    let deploy = [&deploy[..], &key].concat();
    let deployed = world.run(&deploy).await.ended(0).json();
    assert_eq!(deployed["verified"], true);
    let green = address_of(&deployed["address"]);
    let nonce = world.nonce().await;
    let again = world.run(&deploy).await.ended(0).json();
    assert_eq!(address_of(&again["address"]), green);
    assert_eq!(world.nonce().await, nonce, "deployed twice");

    let replay = world
        .run(&["replay", "--engine", "both", "--root", &root])
        .await
        .ended(0)
        .json();
    assert_eq!(replay["summary"]["control_held"], 13);
    assert_eq!(replay["summary"]["gas_only"], 3 + 1 + 3);
    assert_eq!(replay["rollback"]["status"], "success");
    let functions = replay["selectors"].as_array().unwrap();
    assert!(!functions.is_empty(), "{replay}");
    for function in functions {
        assert!(function["signature"].is_string(), "no name: {function}");
    }
    assert_eq!(world.implementation().await, world.blue);

    let proposal = world.run(&["propose"]).await.ended(0).json();
    assert_eq!(address_of(&proposal["authority"]["address"]), world.owner);
    assert!(world.file("proposal.html").is_file());
    assert_eq!(world.nonce().await, nonce, "propose sends nothing");

    let receipt = world
        .run(&[&["upgrade"], &SIGNED[..]].concat())
        .await
        .ended(0)
        .json();
    assert_eq!(receipt["final"], true);
    assert_eq!(world.implementation().await, green);
    assert_eq!(world.nonce().await, nonce + 1);
    let status = world.run(&["status"]).await.ended(0).json();
    assert_eq!(status["colour"], "green");
    assert_eq!(status["disagreements"], serde_json::json!([]));

    // Asked again, it says so and sends nothing.
    let again = world.run(&[&["upgrade"], &SIGNED[..]].concat()).await;
    let again = again.ended(0).json();
    assert_eq!(again["transaction"], receipt["transaction"], "{again}");
    assert_eq!(again["block"], receipt["block"], "{again}");
    assert_eq!(world.nonce().await, nonce + 1);

    // The way back stays open when a report does not.
    let replay = world.file("replay.json");
    let kept = std::fs::read(&replay).unwrap();
    std::fs::write(&replay, "{").unwrap();
    let ran = world.run(&[&["rollback"], &SIGNED[..]].concat()).await;
    assert!(
        ran.stderr.contains("the way back is executed"),
        "{}",
        ran.stderr
    );
    let back = ran.ended(0).json();
    std::fs::write(&replay, kept).unwrap();
    assert_eq!(back["final"], true);
    assert_eq!(world.implementation().await, world.blue);
    assert_eq!(world.nonce().await, nonce + 2);
    let status = world.run(&["status"]).await.ended(0).json();
    assert_eq!(status["colour"], "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_world_is_refused_and_a_killed_upgrade_goes_on() {
    let world = World::build(None).await;
    let green = world.propose().await;
    let nonce = world.nonce().await;
    let upgrade = [&["upgrade"], &SIGNED[..]].concat();

    // Another account of the same phrase.
    let wrong_signer = [&upgrade[..], &["--mnemonic-index", "1"]].concat();
    let owner = world.owner.to_string();
    let ran = world.run(&wrong_signer).await;
    ran.refused(12, &["the signer is", "the proxy obeys", &owner]);

    // Another chain.
    let other = chain(&["--chain-id", "31338"]).await;
    let url = other.url();
    let elsewhere = [&upgrade[..], &["--rpc-url", url.as_str()]].concat();
    let ran = world.run(&elsewhere).await;
    ran.refused(12, &["31338", "31337"]);
    drop(other);

    // A report that is not the one proposed on.
    for name in ["replay.json", "check.json", "proposal.json"] {
        let path = world.file(name);
        let before = std::fs::read(&path).unwrap();
        let mut report: Value = serde_json::from_slice(&before).unwrap();
        report["tool_version"] = "0.1.0-edited".into();
        std::fs::write(&path, serde_json::to_vec(&report).unwrap()).unwrap();
        if name != "proposal.json" {
            world.run(&upgrade).await.refused(12, &["stale", name]);
        }
        std::fs::write(&path, before).unwrap();
    }

    // A proposal that somebody edited: nothing is signed that was not executed.
    for (name, edit, told) in EDITS {
        let path = world.file("proposal.json");
        let before = std::fs::read(&path).unwrap();
        let mut proposal: Value = serde_json::from_slice(&before).unwrap();
        edit(&mut proposal);
        std::fs::write(&path, serde_json::to_vec(&proposal).unwrap()).unwrap();
        world.run(&upgrade).await.refused(12, &[told]);
        assert!(events(&world.file("journal.jsonl")).is_empty(), "{name}");
        if *name == "back.data" {
            let rebuild = [&["rollback", "--rebuild"], &SIGNED[..]].concat();
            world.run(&rebuild).await.refused(12, &[told]);
            assert!(events(&world.file("journal.jsonl")).is_empty());
        }
        std::fs::write(&path, before).unwrap();
    }
    assert_eq!(world.nonce().await, nonce);

    // A pipe in a file's place is not waited for.
    let path = world.file("check.json");
    let kept = world.file("check.kept");
    std::fs::rename(&path, &kept).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let began = Instant::now();
    let ran = world.run(&upgrade).await;
    ran.refused(12, &["proposal.json is stale", "check.json"]);
    assert!(began.elapsed() < Duration::from_secs(20));
    std::fs::rename(&kept, &path).unwrap();

    // Somebody else was faster.
    let snapshot = world.anvil.snapshot().await.unwrap();
    let theirs = world.upgrade_behind_our_back().await;
    let (found, expected) = (theirs.to_string(), world.blue.to_string());
    let ran = world.run(&upgrade).await;
    ran.refused(12, &["runs", &found, "not", &expected]);
    assert_eq!(world.implementation().await, theirs);
    world.anvil.revert(snapshot).await.unwrap();

    assert_eq!(world.nonce().await, nonce, "a refusal sends nothing");
    assert_eq!(world.implementation().await, world.blue);

    // Killed while it waits for finality: no block follows until it is asked again.
    let mut child = world
        .command(&upgrade)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let hash = loop {
        let ended = child.try_wait().unwrap();
        let events = events(&world.file("journal.jsonl"));
        if let Some(included) = events.iter().find(|event| event["event"] == "included") {
            assert_eq!(ended, None, "it waits");
            break included["hash"].clone();
        }
        assert!(ended.is_none() && Instant::now() < deadline, "{events:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let receipt = world.run(&upgrade).await.ended(0).json();
    assert_eq!(receipt["transaction"], hash);
    assert_eq!(receipt["final"], true);
    assert_eq!(world.implementation().await, green);
    assert_eq!(world.nonce().await, nonce + 1, "sent once");
    let events = events(&world.file("journal.jsonl"));
    let signed = events.iter().filter(|event| event["event"] == "signed");
    assert_eq!(signed.count(), 1);
}

/// One field of a proposal edited, and what `upgrade` says of it.
type Edit = (&'static str, fn(&mut Value), &'static str);

const EDITS: &[Edit] = &[
    (
        "forward.data",
        // The ProxyAdmin would belong to somebody else.
        |p| p["forward"]["data"] = format!("0xf2fde38b{}", "14".repeat(32)).into(),
        "the proposal's forward.data is 0xf2fde38b",
    ),
    (
        "forward.to",
        |p| p["forward"]["to"] = p["green"]["address"].clone(),
        "the proposal's forward.to is",
    ),
    (
        "back.data",
        |p| p["back"]["data"] = p["forward"]["data"].clone(),
        "the proposal's back.data is",
    ),
    (
        "forward_again.data",
        |p| p["forward_again"]["data"] = p["back"]["data"].clone(),
        "the proposal's forward_again.data is",
    ),
    (
        "forward_then",
        |p| {
            let step = serde_json::json!({"from": p["authority"]["address"], "call": p["forward"]});
            p["forward_then"] = serde_json::json!([step]);
        },
        "the proposal's forward_then is 1 calls, replay.json has 0 calls",
    ),
    (
        "holder",
        |p| p["holder"] = p["green"]["address"].clone(),
        "the proposal's holder is",
    ),
    (
        "preconditions",
        |p| p["preconditions"] = serde_json::json!([]),
        "preconditions do not list the implementation",
    ),
    (
        "expires",
        |p| p["expires"] = (1_u64 << 60).into(),
        "expires is block 1152921504606846976",
    ),
    (
        "inputs",
        |p| p["inputs"] = serde_json::json!({}),
        "its inputs do not name inspect",
    ),
    (
        "inputs",
        |p| drop(p["inputs"].as_object_mut().unwrap().remove("deploy")),
        "its inputs do not name deploy",
    ),
    (
        "inputs",
        |p| p["inputs"]["check"]["file"] = "replay.json".into(),
        "proposal.json is stale",
    ),
    (
        "inputs",
        |p| drop(p["inputs"].as_object_mut().unwrap().remove("recording")),
        "its inputs do not name recording",
    ),
];

/// The whole lines of a journal.
fn events(journal: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The test vector of the Web3 secret storage definition, and whose key it holds.
const KEYSTORE: &str = r#"{
  "crypto": {
    "cipher": "aes-128-ctr",
    "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
    "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
    "kdf": "pbkdf2",
    "kdfparams": {"c": 262144, "dklen": 32, "prf": "hmac-sha256", "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
    "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
  },
  "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  "version": 3
}"#;
const KEEPER: Address = address!("008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b");

/// A project with a version 2 that is told its limit by the upgrade itself.
fn project_with_initializer(folder: &Path) -> String {
    let project = folder.join("project");
    std::fs::create_dir_all(project.join("src")).unwrap();
    let read = |name: &str| std::fs::read_to_string(contracts().join(name)).unwrap();
    let tools = support::root().join(".tools").display().to_string();
    let settings = read("foundry.toml").replace("../.tools", &tools);
    std::fs::write(project.join("foundry.toml"), settings).unwrap();
    let place = "    /// @notice Takes `assets`";
    let source = read("src/demo/VaultV2.sol").replacen(
        place,
        &format!(
            "    /// @notice Sets the limit with the upgrade.\n    \
             function initializeV2(uint256 limit) external reinitializer(2) {{\n        \
             withdrawLimit = limit;\n    }}\n\n{place}"
        ),
        1,
    );
    std::fs::write(project.join("src/VaultV2.sol"), source).unwrap();
    project.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn keystore_sends_an_upgrade_with_an_initializer() {
    let world = World::build(Some(KEEPER)).await;
    let ether = U256::from(10).pow(U256::from(18));
    world.anvil.set_balance(KEEPER, ether).await.unwrap();
    let key = world.folder.path().join("key.json").display().to_string();
    let password = world.folder.path().join("password").display().to_string();
    std::fs::write(&key, KEYSTORE).unwrap();
    std::fs::write(&password, "testpassword\n").unwrap();
    let keystore = ["--keystore", &key, "--password-file", &password];
    let root = project_with_initializer(world.folder.path());
    let green = "src/VaultV2.sol:VaultV2";
    let limit = U256::from(1_000_000);
    let initializer = hex::encode_prefixed(initializeV2Call { limit }.abi_encode());

    world.record().await;
    world.check(green, &root).await.ended(0);
    let deploy = ["deploy", "--green", green, "--root", &root];
    let deployed = world
        .run(&[&deploy[..], &keystore].concat())
        .await
        .ended(0)
        .json();
    let with = ["--initializer", &initializer];
    let replay = ["replay", "--engine", "both", "--root", &root];
    let replay = world
        .run(&[&replay[..], &with].concat())
        .await
        .ended(0)
        .json();
    assert_eq!(replay["summary"]["control_held"], 13, "{replay}");
    assert_eq!(replay["summary"]["inconclusive"], 0, "{replay}");

    // What was replayed is what is proposed.
    let words = ["the forward call", "is not the one the replay executed"];
    world.run(&["propose"]).await.refused(12, &words);
    world
        .run(&[&["propose"], &with[..]].concat())
        .await
        .ended(0);
    let limit_slot = 6;
    assert_eq!(world.storage(limit_slot).await, U256::ZERO);
    let upgrade = [&["upgrade"], &keystore[..], &["--poll", "0.1"]].concat();
    let receipt = world.run(&upgrade).await.ended(0).json();
    assert_eq!(receipt["final"], true);
    let green = address_of(&deployed["address"]);
    assert_eq!(world.implementation().await, green);
    assert_eq!(world.storage(limit_slot).await, limit);

    // Back, and the limit stays behind in the gap.
    let rollback = [&["rollback"], &keystore[..], &["--poll", "0.1"]].concat();
    world.run(&rollback).await.ended(0);
    assert_eq!(world.implementation().await, world.blue);
    assert_eq!(world.storage(limit_slot).await, limit);
}

//! Ctrl-C in the middle of each long command: it ends at once, says how to go on, and leaves nothing.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use std::{fs, thread::sleep, time::Duration};
use support::{
    FakeNode, cutover,
    interrupt::{has_anvil, interrupted, nothing_left, whole},
    mainnet_node, root, run,
    stage::{GREEN, Stage, ask, contracts},
};

const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

/// After this long a command is in the middle of what it does.
fn after(time: Duration) -> impl Fn() -> bool {
    move || {
        sleep(time);
        true
    }
}

#[test]
fn inspect_and_record_that_wait_for_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::start(|method, _| {
        if method != "eth_chainId" {
            sleep(Duration::from_secs(30));
        }
        Ok(json!("0x1"))
    });
    for arguments in [
        vec!["inspect", USDC],
        vec!["record", USDC, "--from-block", "1", "--to-block", "5"],
    ] {
        let ran = interrupted(
            cutover(folder.path())
                .args(&arguments)
                .args(["--rpc-url", &node.url]),
            folder.path(),
            after(Duration::from_millis(500)),
        );
        ran.refused(130, &["interrupted", "help: "]);
        assert!(!folder.path().join("cutover-run/inspect.json").exists());
    }
}

#[test]
fn record_goes_on_to_the_same_digest() {
    let Some(node) = mainnet_node(&[]) else {
        return;
    };
    let Some(slow) = mainnet_node(&["--latency-ms", "300"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let record = |url: &str, output: &str| {
        let mut command = cutover(folder.path());
        command.args(["record", USDC, "--from-block", "24628607", "--to-block"]);
        command.args(["24628608", "--json", "-o", output, "--rpc-url", url]);
        command
    };
    let whole_run = run(&mut record(&node.url, "whole"));
    whole_run.ok();
    let partial = folder.path().join("cut.partial");
    // Begun, and by the node's latency seconds away from its end.
    let begun = || partial.exists();
    let ran = interrupted(&mut record(&slow.url, "cut"), folder.path(), begun);
    ran.refused(
        130,
        &["interrupted", "goes on where it stopped", "cut.partial"],
    );
    assert!(ran.stdout.is_empty());
    whole(&partial);
    assert!(!folder.path().join("cut").exists());
    let resumed = run(&mut record(&node.url, "cut"));
    assert_eq!(resumed.ok().json()["digest"], whole_run.json()["digest"]);
    assert!(!partial.exists());
}

#[test]
fn replay_takes_its_anvils_with_it() {
    let stage = Stage::set();
    stage.record();
    let scratch = stage.scratch();
    let (green, contracts) = (GREEN, contracts());
    for engine in ["anvil", "both"] {
        let ran = interrupted(
            &mut stage.command(&[
                "replay", "--green", green, "--root", &contracts, "--engine", engine,
            ]),
            &scratch,
            || has_anvil(&scratch),
        );
        ran.refused(130, &["interrupted", "help: "]);
        nothing_left(&scratch, &stage.run_folder());
        assert!(!stage.run_folder().join("replay.json").exists());
    }
}

#[test]
fn deploy_and_upgrade_go_on_with_the_same_bytes() {
    let stage = Stage::set();
    let scratch = stage.scratch();
    let url = &stage.chain.url;
    let deploy = ["deploy", "--green", GREEN, "--root", &contracts()].map(str::to_owned);
    let deploy: Vec<&str> = deploy
        .iter()
        .map(String::as_str)
        .chain(["--mnemonic-env", "STAGE_MNEMONIC"])
        .collect();
    ask(url, "evm_setAutomine", json!([false]));
    let file = stage.run_folder().join("deploy.json");
    let ran = interrupted(&mut stage.command(&deploy), &scratch, || {
        file.exists() && after(Duration::from_millis(500))()
    });
    ran.refused(130, &["interrupted", "the same signed bytes"]);
    nothing_left(&scratch, &stage.run_folder());
    let signed = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["transaction"]["raw"].clone()
    };
    let before = signed(&fs::read_to_string(&file).unwrap());
    ask(url, "evm_setAutomine", json!([true]));
    ask(url, "evm_mine", json!([]));
    stage.run(&deploy).ok();
    assert_eq!(signed(&fs::read_to_string(&file).unwrap()), before);

    stage.propose();
    let nonce = || {
        ask(
            url,
            "eth_getTransactionCount",
            json!([stage.owner, "latest"]),
        )
    };
    let upgrade = [
        "upgrade",
        "--mnemonic-env",
        "STAGE_MNEMONIC",
        "--poll",
        "0.1",
    ];
    let before = nonce();
    // Nothing is mined after the upgrade, so finality does not come.
    let ran = interrupted(&mut stage.command(&upgrade), &scratch, || {
        nonce() != before && after(Duration::from_millis(500))()
    });
    ran.refused(130, &["interrupted", "the same signed transaction"]);
    nothing_left(&scratch, &stage.run_folder());
    let sent = nonce();
    ask(url, "anvil_mine", json!(["0x8"]));
    stage.run(&upgrade).ok();
    assert_eq!(nonce(), sent, "nothing is sent twice");
}

#[test]
fn demo_takes_everything_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let run_folder = folder.path().join("run");
    let replaying = run_folder.join("transparent/deploy.json");
    let ran = interrupted(
        cutover(&root()).arg("demo").arg("--run").arg(&run_folder),
        folder.path(),
        // The first replay is about to begin, or has begun.
        || replaying.exists() && after(Duration::from_millis(400))(),
    );
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: interrupted"), "{}", ran.stderr);
    nothing_left(folder.path(), &run_folder);
}

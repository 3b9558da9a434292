//! What `replay` says first about a recording that proves less than it seems to.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{
    FakeNode, run,
    stage::{GREEN, Stage, contracts, try_ask},
};

#[test]
fn window_in_which_blue_changes_is_pointed_out() {
    let mut stage = Stage::set();
    let contracts = contracts();
    let replay = |stage: &Stage| {
        stage.record();
        stage.run(&[
            "replay", "--green", GREEN, "--root", &contracts, "--engine", "revm",
        ])
    };
    let warns = |stderr: &str| stderr.contains("warning: the implementation changes in the window");
    let ran = replay(&stage);
    assert!(!warns(&ran.ok().stderr), "{}", ran.stderr);

    // In the last block only the event shows it.
    stage.upgrade_behind_our_back();
    let upgraded = stage.last;
    let ran = replay(&stage);
    assert!(warns(&ran.stderr), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("event in block {upgraded}")),
        "{}",
        ran.stderr
    );
    stage.use_again();
    assert!(warns(&replay(&stage).stderr));
}

#[test]
fn transactions_that_are_not_all_there_are_counted() {
    let stage = Stage::set();
    let url = stage.chain.url.clone();
    // On the chain this node claims to be, no transaction of the real one is valid.
    let liar = FakeNode::start(move |method, params| match method {
        "eth_chainId" => Ok(json!("0x1")),
        _ => try_ask(&url, method, params.clone()).map_err(|_| (-32000, "refused")),
    });
    let proxy = stage.proxy.to_string();
    let ran = run(stage
        .command(&["record", &proxy, "--last", "3"])
        .env("ETH_RPC_URL", &liar.url));
    assert_eq!(ran.code, Some(14), "{}{}", ran.stdout, ran.stderr);
    let ran = run(stage
        .command(&["replay", "--green", GREEN, "--root", &contracts()])
        .args(["--engine", "revm"])
        .env_remove("ETH_RPC_URL"));
    assert_eq!(ran.code, Some(14), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr
            .contains("warning: 3 transactions could not be recorded in full"),
        "{}",
        ran.stderr
    );
}

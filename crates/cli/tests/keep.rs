//! `replay --keep`: green goes on running, and says how to end it.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, U256};
use serde_json::json;
use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};
use support::{
    Ran, cutover,
    interrupt::{processes, signal},
    mainnet_node, run,
    stage::{GREEN, Stage, ask, contracts, try_ask},
};

const IMPLEMENTATION_SLOT: &str =
    "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";

const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const BLUE_HASH: &str = "0xcdfb7d322961af3acae7a8f7ee8b69c205b36f576cc5b077f170c7eb8ecbe3ea";
const ZOS_SLOT: &str = "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3";

/// Ends both, whatever the test says.
struct Kept(Vec<u32>);

impl Drop for Kept {
    fn drop(&mut self) {
        for process in &self.0 {
            signal("TERM", *process);
        }
    }
}

/// What the command said about the two processes.
#[track_caller]
fn kept(ran: &Ran) -> (Kept, String) {
    let stderr = &ran.stderr;
    let Some((_, commands)) = stderr.split_once("`kill ") else {
        panic!("nothing is kept: {:?} {stderr}", ran.code);
    };
    let (numbers, _) = commands.split_once('`').unwrap();
    let processes: Vec<u32> = numbers
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    assert_eq!(processes.len(), 2, "{stderr}");
    let (_, rest) = stderr.split_once("green is at ").unwrap();
    let url = rest.split(';').next().unwrap().to_owned();
    (Kept(processes), url)
}

#[test]
fn kept_green_answers_until_it_is_ended() {
    let stage = Stage::set();
    stage.record();
    let scratch = stage.scratch();
    // A node that is gone: the recording alone must do.
    let ran = run(stage
        .command(&["replay", "--green", GREEN, "--root", &contracts(), "--keep"])
        .args(["--engine", "revm", "--json", "--quiet"])
        .env_remove("ETH_RPC_URL")
        .env("TMPDIR", &scratch));
    let (kept, url) = kept(&ran);
    ran.ok();
    let url = url.as_str();

    // stdout carries the result and nothing else.
    let green: Address = ran.json()["green"]["address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let slot = ask(
        url,
        "eth_getStorageAt",
        json!([stage.proxy, IMPLEMENTATION_SLOT, "latest"]),
    );
    let slot: B256 = slot.as_str().unwrap().parse().unwrap();
    assert_eq!(Address::from_word(slot), green);
    // balanceOf(address)
    let data = format!("0x70a08231{:0>64}", format!("{:x}", stage.user));
    let call = json!([{"to": stage.proxy, "data": data}, "latest"]);
    let shares = ask(url, "eth_call", call.clone());
    assert_eq!(shares, ask(&stage.chain.url, "eth_call", call));
    // Whoever calls, or nobody.
    let from_user = json!([{"from": stage.user, "to": stage.proxy, "data": data}, "latest"]);
    assert_eq!(shares, ask(url, "eth_call", from_user));
    assert!(shares.as_str().unwrap().parse::<U256>().unwrap() > U256::ZERO);
    assert_eq!(processes(&scratch).len(), 2);

    drop(kept);
    let begin = Instant::now();
    while !processes(&scratch).is_empty() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "`kill` does not end them"
        );
        sleep(Duration::from_millis(20));
    }
    assert!(try_ask(url, "eth_chainId", json!([])).is_err());
}

/// Real blocks know nothing of what a call touches besides what their transactions did.
#[test]
fn kept_green_of_real_blocks_can_be_called() {
    let Some(node) = mainnet_node(&[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    run(cutover(folder.path())
        .args(["record", USDC, "--from-block", "24628608", "--to-block"])
        .args(["24628608", "--rpc-url", &node.url]))
    .ok();
    // Blue's own code, elsewhere.
    let codes = folder.path().join("cutover-run/recording/codes");
    let blue = format!("{BLUE_HASH}.bin");
    let green = format!("code:{}", codes.join(blue).display());
    let scratch = folder.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let ran = run(cutover(folder.path())
        .args(["replay", "--green", &green, "--engine", "revm", "--keep"])
        .args(["--json", "--allow-inconclusive", "100"])
        .env("TMPDIR", &scratch));
    let (kept, url) = kept(&ran);
    ran.ok();
    let green = ran.json()["green"]["address"].clone();
    let slot = ask(&url, "eth_getStorageAt", json!([USDC, ZOS_SLOT, "latest"]));
    let slot: B256 = slot.as_str().unwrap().parse().unwrap();
    assert_eq!(
        Address::from_word(slot),
        green.as_str().unwrap().parse::<Address>().unwrap()
    );
    // paused(), which nearly every transaction reads.
    let paused = ask(
        &url,
        "eth_call",
        json!([{"to": USDC, "data": "0x5c975abb"}, "latest"]),
    );
    assert_eq!(paused, json!(B256::ZERO));
    drop(kept);
}

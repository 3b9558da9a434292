//! `replay --keep`: green goes on running, and says how to end it.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, U256};
use serde_json::json;
use std::{
    thread::sleep,
    time::{Duration, Instant},
};
use support::{
    interrupt::{processes, signal},
    run,
    stage::{GREEN, Stage, ask, contracts, try_ask},
};

const IMPLEMENTATION_SLOT: &str =
    "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";

/// Ends both, whatever the test says.
struct Kept(Vec<u32>);

impl Drop for Kept {
    fn drop(&mut self) {
        for process in &self.0 {
            signal("TERM", *process);
        }
    }
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
    ran.ok();
    let said = ran.stderr.trim();
    let (_, commands) = said.split_once("`kill ").unwrap();
    let (numbers, _) = commands.split_once('`').unwrap();
    let kept = Kept(
        numbers
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect(),
    );
    assert_eq!(kept.0.len(), 2, "{said}");
    let (_, rest) = said.split_once("green is at ").unwrap();
    let url = rest.split(';').next().unwrap();

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

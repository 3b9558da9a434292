//! `check --live`: what a proxy stores, read under both layouts, on a local chain and on mainnet's USDC.
#![allow(clippy::unwrap_used)]

#[path = "live_storage/usdc.rs"]
mod usdc;

#[path = "local_story/world.rs"]
#[allow(dead_code, reason = "the stories use the rest")]
mod world;

mod support;

use alloy_primitives::U256;
use serde_json::Value;
use world::{BLUE, GREEN, World, contracts};

const SHIFTED: &str = "src/demo/VaultV2Shifted.sol:VaultV2Shifted";

fn value<'a>(live: &'a Value, variable: &str) -> &'a Value {
    let values = live["values"].as_array().unwrap();
    let found = values.iter().find(|value| value["variable"] == variable);
    found.unwrap_or_else(|| panic!("no {variable}: {values:#?}"))
}

fn damage(check: &Value, label: &str) -> Vec<(String, String)> {
    let findings = check["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["label"] == label);
    let damage = finding.unwrap()["damage"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    damage
        .iter()
        .map(|one| (text(&one["blue"]), text(&one["green"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shifted_layout_shows_the_values_it_would_break() {
    let world = World::build(None).await;
    let recording = world.record().await;
    let root = contracts().display().to_string();

    let good = world.check(GREEN, &root).await.ended(0).json();
    let live = &good["live"];
    assert_eq!(live["code"]["match"], "exact");
    assert_eq!(live["initialized"]["version"], 1);
    assert_eq!(live["initialized"]["green"], 1);
    assert_eq!(live["unexplained"], Value::Null, "{live:#}");
    assert_eq!(live["recording"]["transactions"], 13);
    assert_eq!(value(live, "feeBps")["blue"], "30");
    assert_eq!(value(live, "owner")["blue"], world.owner.to_string());
    // Two depositors and the router, found by what the recorded executions hashed.
    let shares: Vec<U256> = live["values"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|value| {
            value["variable"]
                .as_str()
                .unwrap()
                .starts_with("balanceOf[")
        })
        .map(|value| value["blue"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(shares.len(), 3);
    let (total, fees) = (world.storage(2).await, world.storage(3).await);
    assert_eq!(shares.into_iter().sum::<U256>(), total);
    assert!(
        live["values"]
            .as_array()
            .unwrap()
            .iter()
            .all(|value| value["changed"] == false)
    );

    let bad = world.check(SHIFTED, &root).await.ended(10).json();
    assert_eq!(
        damage(&bad, "totalShares"),
        [(total.to_string(), fees.to_string())]
    );
    let guardian = format!("0x{total:040x}");
    let [(over, reads)] = &damage(&bad, "guardian")[..] else {
        panic!("one value")
    };
    assert_eq!(over, &format!("totalShares = {total}"));
    assert_eq!(reads.to_lowercase(), guardian);
    // The router holds nothing any more, which reads the same.
    assert_eq!(damage(&bad, "balanceOf").len(), 2);

    // Before the traffic nothing was stored there, and the finding says so without being less of one.
    let before = recording["window"]["from"].as_u64().unwrap() - 1;
    let proxy = world.proxy.to_string();
    let sides = ["check", "--blue", BLUE, "--green", SHIFTED, "--root", &root];
    let when = ["--live", &proxy, "--block", &before.to_string()];
    let empty = world.run(&[&sides[..], &when].concat()).await;
    let empty = empty.ended(10).json();
    assert_eq!(empty["live"]["block"]["number"], before);
    assert_eq!(value(&empty["live"], "totalShares")["blue"], "0");
    let findings = empty["findings"].as_array().unwrap();
    let moved = findings
        .iter()
        .find(|finding| finding["label"] == "totalShares")
        .unwrap();
    assert_eq!(moved["severity"], "error");
    let message = moved["message"].as_str().unwrap();
    assert!(
        message.ends_with("every value read of it is zero)"),
        "{message}"
    );
}

//! Who belongs to a fleet, from nodes that give few logs at a time, and from one that gives others.

use super::{clonesCall, proxiesCall};
use crate::{
    facade::{before, refusal},
    world::{World, artifact, compiled, node},
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolValue};
use cutover_inspect::fleet::{DiscoverError, Fleet, named_by_factory, users_of_beacon};
use cutover_types::progress::Silent;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A factory whose clones were made in a few of many blocks.
async fn factory(world: &World) -> Address {
    let target = world.deploy(&compiled("Box"), &[]).await;
    let factory = world.deploy(&compiled("Factory"), &[]).await;
    for _ in 0..4 {
        let count = U256::from(2);
        let data = clonesCall { target, count }.abi_encode().into();
        world.act(world.accounts[0], factory, &data).await;
        let mined = world.node.call("anvil_mine", json!(["0x28"])).await;
        let _: Value = mined.unwrap();
    }
    factory
}

async fn through(port: u16, factory: Address) -> Result<Vec<Address>, DiscoverError> {
    let fleet = Fleet::open(&node(port), factory, None).await.unwrap();
    named_by_factory(&fleet, factory, 0, &Silent).await
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

#[tokio::test]
async fn few_logs_and_few_blocks_at_a_time_are_enough() {
    let world = World::start().await;
    let factory = factory(&world).await;
    let whole = through(world.port, factory).await.unwrap();
    assert_eq!(whole.len(), 8 + 1);
    for (why, most_blocks, most_logs) in [
        ("block range is too large", 16, usize::MAX),
        ("query returned more than 2 results", u64::MAX, 2),
        ("range too large, or too many results", 50, 2),
    ] {
        let asked = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&asked);
        let port = before(world.port, move |call, upstream| {
            if call["method"] != "eth_getLogs" {
                return upstream(call);
            }
            counter.fetch_add(1, Ordering::Relaxed);
            let filter = &call["params"][0];
            if number(&filter["toBlock"]) - number(&filter["fromBlock"]) >= most_blocks {
                return refusal(call, why);
            }
            let answer = upstream(call);
            match answer["result"].as_array().unwrap().len() > most_logs {
                true => refusal(call, why),
                false => answer,
            }
        });
        assert_eq!(through(port, factory).await.unwrap(), whole, "{why}");
        let asked = asked.load(Ordering::Relaxed);
        assert!((2..40).contains(&asked), "{why}: {asked}");
    }
}

#[tokio::test]
async fn a_node_that_gives_not_even_one_block_is_no_empty_answer() {
    let world = World::start().await;
    let factory = factory(&world).await;
    let port = before(world.port, |call, upstream| {
        match call["method"] == "eth_getLogs" {
            true => refusal(call, "too many results"),
            false => upstream(call),
        }
    });
    let error = through(port, factory).await.unwrap_err();
    let DiscoverError::Logs { from, to, source } = error else {
        panic!("{error}");
    };
    assert_eq!((from, to), (0, 0));
    assert!(source.to_string().contains("too many results"), "{source}");
}

#[tokio::test]
async fn logs_that_nobody_asked_for_are_no_answer() {
    let world = World::start().await;
    let factory = factory(&world).await;
    let lies: [(&str, Value); 3] = [
        ("address", json!(Address::repeat_byte(0x66))),
        ("blockNumber", json!("0xffffff")),
        ("address", Value::Null),
    ];
    for (field, lie) in lies {
        let port = lying(&world, field, lie);
        let error = through(port, factory).await.unwrap_err();
        assert!(matches!(error, DiscoverError::Foreign { .. }), "{error}");
    }

    // Another beacon's proxies are no users of this one.
    let target = world.deploy(&compiled("Box"), &[]).await;
    let creation = artifact(super::OZ5, "UpgradeableBeacon");
    let arguments = (target, world.accounts[0]).abi_encode_params();
    let beacon = world.deploy(&creation, &arguments).await;
    let count = U256::from(2);
    let data = proxiesCall { beacon, count }.abi_encode().into();
    world.act(world.accounts[0], factory, &data).await;
    let event = alloy_primitives::keccak256("BeaconUpgraded(address)");
    let other = Address::repeat_byte(0x66).into_word();
    for topics in [
        json!([event, other]),
        json!([B256::ZERO, beacon.into_word()]),
        json!([]),
    ] {
        let port = lying(&world, "topics", topics);
        let fleet = Fleet::open(&node(port), beacon, None).await.unwrap();
        let error = users_of_beacon(&fleet, beacon, 0, &Silent)
            .await
            .unwrap_err();
        assert!(matches!(error, DiscoverError::Foreign { .. }), "{error}");
    }
}

/// A node that puts a lie into the last log of each answer.
fn lying(world: &World, field: &'static str, lie: Value) -> u16 {
    before(world.port, move |call, upstream| {
        let mut answer = upstream(call);
        if call["method"] == "eth_getLogs"
            && let Some(last) = answer["result"]
                .as_array_mut()
                .and_then(|logs| logs.last_mut())
        {
            last[field] = lie.clone();
        }
        answer
    })
}

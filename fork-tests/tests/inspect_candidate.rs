//! The way back, before going forward: what is simulated with a candidate is what the chain then does.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

#[path = "inspect_kinds/world.rs"]
mod world;

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::{SolCall, SolValue};
use cutover_inspect::{Candidate, CandidateCode, inspect, inspect_candidate};
use cutover_types::{
    inspection::{CandidateFacts, RoundTrip, SentCall},
    progress::Silent,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Write, process::Stdio, sync::OnceLock};
use world::{World, artifact, tools};

const OZ4: &str = "oz-4.9";
const OZ5: &str = "@openzeppelin/contracts";
const SOURCE: &str = include_str!("inspect_candidate/Candidates.sol");

alloy_sol_types::sol! {
    function initialize(uint256 first) external;
    function migrate(uint256 next) external;
    function touch(uint256 next) external;
    function give(address next) external;
    function upgradeTo(address next) external;
    function upgradeToAndCall(address next, bytes data) external;
}

mod owned {
    alloy_sol_types::sol! { function initialize(address first) external; }
}

/// Creation code of a contract in Candidates.sol.
fn compiled(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    OUTPUT.get_or_init(compile)[name].clone()
}

fn compile() -> BTreeMap<String, Bytes> {
    let input = json!({
        "language": "Solidity",
        "sources": {"Candidates.sol": {"content": SOURCE}},
        "settings": {
            "remappings": [
                "oz-4.4/=kinds/oz-4.4/",
                "oz-4.9/=node_modules/oz-4.9/",
                "@openzeppelin/=node_modules/@openzeppelin/",
            ],
            "outputSelection": {"*": {"*": ["evm.bytecode.object"]}},
        },
    });
    let mut solc = std::process::Command::new(tools().join("solc/solc-0.8.28"))
        .arg("--standard-json")
        .current_dir(tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run scripts/setup");
    let mut stdin = solc.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = solc.wait_with_output().unwrap();
    let output: Value = serde_json::from_slice(&output.stdout).unwrap();
    let contracts = output["contracts"]["Candidates.sol"].as_object();
    contracts
        .unwrap_or_else(|| panic!("{}", output["errors"]))
        .iter()
        .map(|(name, contract)| {
            let code = contract["evm"]["bytecode"]["object"].as_str().unwrap();
            (name.clone(), hex::decode(code).unwrap().into())
        })
        .collect()
}

/// A UUPS proxy that runs `blue` and obeys `boss`.
async fn uups(world: &World, blue: &str, boss: Address) -> Address {
    let blue = world.deploy(&compiled(blue), &[]).await;
    let data = Bytes::from(owned::initializeCall { first: boss }.abi_encode());
    let arguments = (blue, data).abi_encode_params();
    world
        .deploy(&artifact(OZ4, "ERC1967Proxy"), &arguments)
        .await
}

/// A candidate that nobody deployed.
fn green(name: &str, data: impl Into<Bytes>) -> Candidate {
    let code = compiled(name);
    Candidate {
        reference: format!("Candidates.sol:{name}"),
        address: cutover_types::deployment::CREATE2_DEPLOYER.create2_from_code(B256::ZERO, &code),
        code: CandidateCode::Creation(code),
        initializer: data.into(),
        layout: None,
        facet: None,
        functions: None,
        wishes: Default::default(),
    }
}

/// The same, deployed.
async fn deployed(world: &World, name: &str, data: impl Into<Bytes>) -> Candidate {
    Candidate {
        address: world.deploy(&compiled(name), &[]).await,
        code: CandidateCode::Deployed,
        ..green(name, data)
    }
}

async fn rehearse(world: &World, proxy: Address, candidate: &Candidate) -> CandidateFacts {
    let found = inspect_candidate(&world.node, proxy, None, candidate, &Silent).await;
    found.unwrap().candidate.unwrap()
}

fn says(facts: &CandidateFacts, text: &str) -> bool {
    facts.why.iter().any(|why| why.contains(text))
}

/// Sends what was simulated and looks at what the proxy runs after each.
async fn carry_out(world: &World, proxy: Address, facts: &CandidateFacts) {
    let runs = async || {
        let found = inspect(&world.node, proxy, None, &Silent).await.unwrap();
        found.proxy.unwrap().implementation.address
    };
    let blue = runs().await;
    for (calls, expected) in [
        (&facts.forward, facts.address),
        (&facts.back, blue),
        (&facts.forward_again, facts.address),
    ] {
        assert!(!calls.is_empty(), "{facts:#?}");
        for SentCall { from, call, .. } in calls {
            world.act(*from, call.to, &call.data).await;
        }
        assert_eq!(runs().await, expected, "{facts:#?}");
    }
}

#[tokio::test]
async fn versions_of_uups_that_go_both_ways_do_so_by_each_ones_own_call() {
    let world = World::start().await;
    let boss = world.accounts[4];
    for (blue, name) in [
        ("Old49", "New49"),
        ("Old49", "New5"),
        ("New5", "Old49"),
        ("New5", "Handed"),
    ] {
        let proxy = uups(&world, blue, boss).await;
        let candidate = deployed(&world, name, Bytes::new()).await;
        let facts = rehearse(&world, proxy, &candidate).await;
        assert_eq!(facts.verdict, RoundTrip::Yes, "{facts:#?}");
        let verb = |calls: &[SentCall]| calls[0].call.data[..4].to_vec();
        let expected = match blue {
            "Old49" => upgradeToCall::SELECTOR,
            _ => upgradeToAndCallCall::SELECTOR,
        };
        assert_eq!(verb(&facts.forward), expected);
        assert_eq!(verb(&facts.forward_again), expected);
        let back = match name {
            "New5" | "Handed" => upgradeToAndCallCall::SELECTOR,
            _ => upgradeToCall::SELECTOR,
        };
        assert_eq!(verb(&facts.back), back, "{facts:#?}");
        assert_eq!(says(&facts, "the way back is sent by"), name == "Handed");
        let moves = "the upgrade moves the power to upgrade: gained by account";
        assert_eq!(says(&facts, moves), name == "Handed", "{facts:#?}");
        assert_eq!(facts.obeys.is_some(), name == "Handed", "{facts:#?}");
        carry_out(&world, proxy, &facts).await;
        // The same before anyone deployed it.
        let proxy = uups(&world, blue, boss).await;
        let facts = rehearse(&world, proxy, &green(name, Bytes::new())).await;
        assert_eq!(facts.verdict, RoundTrip::Yes, "{facts:#?}");
    }
}

#[tokio::test]
async fn a_candidate_that_shuts_the_way_back_is_refused_with_the_reason() {
    let world = World::start().await;
    let boss = world.accounts[4];
    for (blue, name, forward, why) in [
        ("New5", "Frozen", true, "frozen"),
        ("Old49", "Frozen", true, "frozen"),
        ("New5", "Locked", true, "no upgrade function"),
        ("New5", "Plain5", false, "it is no UUPS"),
        ("Old49", "Plain5", false, "it is no UUPS"),
        ("New5", "Elsewhere", false, "not the slot"),
        ("Old49", "Old44", false, "4.1 to 4.4"),
        ("New5", "Old44", false, "4.1 to 4.4"),
        (
            "Wizard44",
            "New5",
            false,
            "calling upgradeTo on green, and green has none",
        ),
        (
            "Wizard44",
            "Wizard49",
            true,
            "as UUPS of OpenZeppelin 4.1 to 4.4",
        ),
    ] {
        let proxy = uups(&world, blue, boss).await;
        let candidate = green(name, Bytes::new());
        let facts = rehearse(&world, proxy, &candidate).await;
        assert_eq!(facts.verdict, RoundTrip::No, "{name}: {facts:#?}");
        assert!(says(&facts, why), "{name}: {facts:#?}");
        assert!(facts.back.is_empty());
        assert_eq!(says(&facts, "the way back:"), forward, "{facts:#?}");
    }
}

#[tokio::test]
async fn transparent_proxies_keep_the_initializer_version_after_the_way_back() {
    let world = World::start().await;
    let owner = world.accounts[0];
    let first = U256::from(7);
    let setup = Bytes::from(initializeCall { first }.abi_encode());
    for (package, blue, name, fee) in [
        (OZ4, "Plain44", "PlainNext4", 2),
        (OZ4, "Plain4", "PlainNext4", 2),
        (OZ5, "Plain5", "PlainNext5", 1),
    ] {
        let implementation = world.deploy(&compiled(blue), &[]).await;
        let admin = match package {
            OZ4 => world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await,
            _ => owner,
        };
        let arguments = (implementation, admin, setup.clone()).abi_encode_params();
        let code = artifact(package, "TransparentUpgradeableProxy");
        let proxy = world.deploy(&code, &arguments).await;

        let plain = deployed(&world, name, Bytes::new()).await;
        let facts = rehearse(&world, proxy, &plain).await;
        assert_eq!(facts.verdict, RoundTrip::Yes, "{facts:#?}");
        carry_out(&world, proxy, &facts).await;

        let proxy = world.deploy(&code, &arguments).await;
        let next = U256::from(30);
        let migrates = deployed(&world, name, migrateCall { next }.abi_encode()).await;
        let facts = rehearse(&world, proxy, &migrates).await;
        assert_eq!(facts.verdict, RoundTrip::Lossy, "{facts:#?}");
        assert!(says(&facts, "reinitializer(3)"), "{facts:#?}");
        assert_ne!(facts.forward, facts.forward_again);
        let left: Vec<_> = facts.left.iter().map(|left| left.slot).collect();
        assert_eq!(left.len(), 2, "{facts:#?}");
        assert!(left.contains(&B256::from(U256::from(fee))), "{facts:#?}");
        assert!(facts.left.iter().all(|left| left.account == proxy));
        carry_out(&world, proxy, &facts).await;
    }
}

#[tokio::test]
async fn slots_that_stay_are_named_by_the_candidates_layout() {
    let world = World::start().await;
    let implementation = world.deploy(&compiled("Plain5"), &[]).await;
    let proxy = world
        .transparent(OZ5, implementation, world.accounts[0])
        .await;
    let next = U256::from(30);
    let mut candidate = green("PlainNext5", migrateCall { next }.abi_encode());
    let layout = json!({
        "storage": [
            {"contract": "C", "label": "fee", "offset": 0, "slot": "1", "type": "t_uint256"},
        ],
        "types": {
            "t_uint256": {"encoding": "inplace", "label": "uint256", "numberOfBytes": "32"},
        },
    });
    candidate.layout = Some(serde_json::from_value(layout).unwrap());
    let facts = rehearse(&world, proxy, &candidate).await;
    let names: Vec<_> = facts.left.iter().flat_map(|left| &left.name).collect();
    assert_eq!(names, ["fee", "initializer version of OpenZeppelin 5"]);
    assert_eq!(facts.left[0].after, B256::from(U256::from(30)));

    // Nothing stays of an initializer that writes nothing, and it runs again.
    let candidate = green("PlainNext5", touchCall { next }.abi_encode());
    let facts = rehearse(&world, proxy, &candidate).await;
    assert_eq!(facts.verdict, RoundTrip::Yes, "{facts:#?}");
    assert_eq!(facts.forward, facts.forward_again);
}

#[tokio::test]
async fn what_an_initializer_does_besides_writing_slots_stays() {
    let world = World::start().await;
    let implementation = world.deploy(&compiled("Plain5"), &[]).await;
    let proxy = world
        .transparent(OZ5, implementation, world.accounts[0])
        .await;
    let five = U256::from(5_000_000_000_000_000_000_u64);
    let _: Value = world
        .node
        .call("anvil_setBalance", json!([proxy, five]))
        .await
        .unwrap();
    let next = U256::ZERO;
    let drains: Bytes = migrateCall { next }.abi_encode().into();
    let creates: Bytes = touchCall { next }.abi_encode().into();
    for (data, why) in [
        (
            drains,
            "the upgrade takes 5 ether to 0x000000000000000000000000000000000000bEEF",
        ),
        (creates, "which the upgrade creates, stays"),
    ] {
        let facts = rehearse(&world, proxy, &green("Taking", data)).await;
        assert_eq!(facts.verdict, RoundTrip::Lossy, "{facts:#?}");
        assert!(says(&facts, why), "{facts:#?}");
    }
}

#[tokio::test]
async fn what_cannot_be_simulated_is_unknown() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let proxy = uups(&world, "New5", boss).await;
    // Nobody is there.
    let nobody = Candidate {
        code: CandidateCode::Deployed,
        ..green("New5", Bytes::new())
    };
    let facts = rehearse(&world, proxy, &nobody).await;
    assert_eq!(facts.verdict, RoundTrip::Unknown);
    assert!(says(&facts, "there is no code at"), "{facts:#?}");
    // Its immutables are those of another address: a refusal proves nothing.
    let elsewhere = world.deploy(&compiled("New5"), &[]).await;
    let code: Bytes = world
        .node
        .call("eth_getCode", json!([elsewhere, "latest"]))
        .await
        .unwrap();
    let placed = Candidate {
        code: CandidateCode::Runtime(code),
        ..green("New5", Bytes::new())
    };
    let facts = rehearse(&world, proxy, &placed).await;
    assert_eq!(facts.verdict, RoundTrip::Unknown, "{facts:#?}");
    assert!(says(&facts, "not constructed"), "{facts:#?}");
    // No proxy at all.
    let facts = rehearse(&world, elsewhere, &green("New5", Bytes::new())).await;
    assert_eq!(facts.verdict, RoundTrip::Unknown);
    assert!(says(&facts, "not a proxy"), "{facts:#?}");
}

#[tokio::test]
async fn a_candidate_that_lets_everyone_upgrade_says_so() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let proxy = uups(&world, "New5", boss).await;
    let facts = rehearse(&world, proxy, &green("Open", Bytes::new())).await;
    assert_eq!(facts.verdict, RoundTrip::Yes, "{facts:#?}");
    let obeys = facts.obeys.as_ref().unwrap_or_else(|| panic!("{facts:#?}"));
    assert!(obeys.lost.is_empty(), "{facts:#?}");
    assert!(obeys.gained.iter().all(|path| path.is_open()), "{facts:#?}");
    assert!(says(&facts, "gained by anyone"), "{facts:#?}");

    // It was so before: nothing moves.
    let proxy = uups(&world, "Open", boss).await;
    let facts = rehearse(&world, proxy, &green("Open", Bytes::new())).await;
    assert_eq!(facts.obeys, None, "{facts:#?}");
}

#[tokio::test]
async fn an_initializer_that_gives_the_proxy_away_is_named_at_the_verdict() {
    let world = World::start().await;
    let (boss, next) = (world.accounts[4], world.accounts[5]);
    let proxy = uups(&world, "New5", boss).await;
    let data = giveCall { next }.abi_encode();
    let facts = rehearse(&world, proxy, &green("Given", data)).await;
    let obeys = facts.obeys.as_ref().unwrap_or_else(|| panic!("{facts:#?}"));
    let route = |path: &cutover_types::inspection::PowerPath| path.route.clone();
    assert_eq!(obeys.lost.iter().map(route).collect::<Vec<_>>(), [[boss]]);
    assert_eq!(obeys.gained.iter().map(route).collect::<Vec<_>>(), [[next]]);
    assert!(
        says(&facts, &format!("lost by account {boss}")),
        "{facts:#?}"
    );
}

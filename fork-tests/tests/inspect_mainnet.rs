//! `inspect` on real mainnet proxies, through a node that refuses what it does not know.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    dead_code
)]

#[path = "inspect_kinds/world.rs"]
mod world;

use alloy_primitives::{Address, address};
use cutover_chain::Node;
use cutover_inspect::{InspectError, inspect};
use cutover_types::{
    Inspection, Missing, ProxyKind, Verb,
    inspection::{Location, Possible},
    progress::Silent,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use world::node;

const USDC: Address = address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");

/// The stand-in archive node; ends with the test.
struct Mainnet {
    process: Child,
    node: Node,
    data: PathBuf,
}

impl Drop for Mainnet {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Mainnet {
    async fn start() -> Option<Self> {
        let Some(data) = std::env::var_os("CUTOVER_MAINNET_DATA").map(PathBuf::from) else {
            println!("skipped: CUTOVER_MAINNET_DATA is not set");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("port");
        let process = Command::new("python3")
            .arg(data.join("mainnet-node"))
            .args(["--port", "0", "--port-file"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut started = Self {
            process,
            node: node(0),
            data,
        };
        let deadline = Instant::now() + Duration::from_secs(120);
        let port = loop {
            assert!(Instant::now() < deadline, "the node did not start");
            match std::fs::read_to_string(&file).map(|text| text.trim().parse()) {
                Ok(Ok(port)) => break port,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        started.node = node(port);
        Some(started)
    }

    fn blocks(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.data.join("INDEX.json")).unwrap();
        let index: Value = serde_json::from_str(&text).unwrap();
        index["blocks"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn implementations_are_right_or_the_missing_state_is_named() {
    let Some(mainnet) = Mainnet::start().await else {
        return;
    };
    let (mut right, mut untold, mut proven) = (0, Vec::new(), 0);
    let mut kinds = BTreeMap::new();
    let began = Instant::now();
    for block in mainnet.blocks() {
        let number = block["number"].as_u64().unwrap();
        for proxy in block["proxies"].as_array().unwrap() {
            let indexed = proxy["kind"].as_str().unwrap();
            let account: Address = proxy["address"].as_str().unwrap().parse().unwrap();
            let expected: Address = proxy["implementation"].as_str().unwrap().parse().unwrap();
            match inspect(&mainnet.node, account, Some(number), &Silent).await {
                Ok(found) => {
                    let facts = found.proxy.unwrap_or_else(|| {
                        panic!("{account} at {number} is a proxy: {:?}", found.notes)
                    });
                    let place = format!("{account} at {number}: {:?}", facts.kind);
                    assert_eq!(facts.implementation.address, expected, "{place}");
                    right += 1;
                    if facts.kind == ProxyKind::Unknown {
                        println!(
                            "{account} at {number}: {:#?}",
                            (&facts.location, facts.admin, &found.notes)
                        );
                    }
                    let is_proven = found.upgrade.as_ref().is_some_and(|u| u.proven);
                    proven += usize::from(is_proven);
                    *kinds
                        .entry((indexed.to_owned(), facts.kind, is_proven))
                        .or_insert(0) += 1;
                }
                Err(InspectError::CannotTell { missing, .. }) => {
                    assert!(
                        matches!(
                            missing,
                            Missing::Slot { .. } | Missing::Account { .. } | Missing::Code { .. }
                        ),
                        "{missing}"
                    );
                    untold.push((account, number, missing));
                }
                Err(other) => panic!("{account} at {number}: {other}"),
            }
        }
    }
    println!(
        "{right} right, {proven} proven, {} not told, {:?}, {:?}",
        untold.len(),
        mainnet.node.stats(),
        began.elapsed()
    );
    println!("{kinds:#?}");
    for (account, number, missing) in &untold {
        println!("{account} at {number}: {missing}");
    }
    let unknown: usize = kinds
        .iter()
        .filter(|((_, kind, _), _)| *kind == ProxyKind::Unknown)
        .map(|(_, count)| count)
        .sum();
    assert!(
        right >= 296 && untold.len() <= 19 && unknown <= 17 && proven >= 146,
        "{right} right, {} not told, {unknown} of no known kind, {proven} proven",
        untold.len()
    );
}

#[tokio::test]
async fn state_the_node_refuses_is_named_and_never_taken_for_no_proxy() {
    let Some(mainnet) = Mainnet::start().await else {
        return;
    };
    let blocks = mainnet.blocks();
    let listed = |block: &Value| -> BTreeMap<Address, Address> {
        let proxies = block["proxies"].as_array().unwrap().iter();
        proxies
            .filter(|p| ["erc1967", "zos-slot", "beacon"].contains(&p["kind"].as_str().unwrap()))
            .map(|p| {
                let address = |field: &str| p[field].as_str().unwrap().parse().unwrap();
                (address("address"), address("implementation"))
            })
            .collect()
    };
    let everyone: BTreeSet<Address> = blocks.iter().flat_map(|b| listed(b).into_keys()).collect();
    let (mut told, mut untold) = (0, 0);
    // In a block that does not go through a proxy, some of it or all of it is not in the data.
    for block in blocks.iter().step_by(6) {
        let number = block["number"].as_u64().unwrap();
        let here = listed(block);
        for proxy in everyone.iter().filter(|proxy| !here.contains_key(*proxy)) {
            match inspect(&mainnet.node, *proxy, Some(number), &Silent).await {
                Ok(found) => {
                    assert!(
                        found.proxy.is_some(),
                        "{proxy} at {number}: {:?}",
                        found.notes
                    );
                    told += 1;
                }
                Err(InspectError::CannotTell { missing, .. }) => {
                    let named = missing.to_string().to_lowercase();
                    let proxy = proxy.to_string().to_lowercase();
                    assert!(named.contains(&proxy) || matches!(missing, Missing::Code { .. }));
                    untold += 1;
                }
                Err(other) => panic!("{proxy} at {number}: {other}"),
            }
        }
    }
    println!("{told} told, {untold} not told");
    assert!(untold > 0);
}

async fn usdc(mainnet: &Mainnet, block: u64) -> Inspection {
    inspect(&mainnet.node, USDC, Some(block), &Silent)
        .await
        .unwrap()
}

#[tokio::test]
async fn usdc_is_a_zos_proxy_whose_upgrade_from_its_admin_is_proven() {
    let Some(mainnet) = Mainnet::start().await else {
        return;
    };
    let implementation = address!("a2327a938febf5fec13bacfb16ae10ecbc4cbdcf");
    let found = usdc(&mainnet, 18_426_253).await;
    let facts = found.proxy.unwrap();
    let upgrade = found.upgrade.unwrap();
    assert_eq!(facts.kind, ProxyKind::ZosAdmin);
    assert_eq!(facts.implementation.address, implementation);
    assert!(matches!(facts.location, Location::Slot(_)));
    assert_eq!(facts.admin, Some(upgrade.from));
    assert_eq!((upgrade.to, upgrade.path.verb), (USDC, Verb::UpgradeTo));
    assert!(upgrade.proven, "{:?}", upgrade.why);
    assert_eq!(found.rollback.unwrap().possible, Possible::Yes);
}

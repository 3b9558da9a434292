//! Contracts that look like proxies of a known kind and do something else.

use super::{OZ5, boxes, look, params};
use crate::world::{World, artifact, compile};
use alloy_primitives::{B256, Bytes};
use cutover_types::{
    Inspection, ProxyKind,
    inspection::{Location, Possible},
};
use std::{collections::BTreeMap, sync::OnceLock};

fn ours(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let files = [
        ("Owner.sol", include_str!("Owner.sol")),
        ("Plain.sol", include_str!("Plain.sol")),
        ("Liars.sol", include_str!("Liars.sol")),
    ];
    OUTPUT.get_or_init(|| compile(&files))[name].clone()
}

/// The upgrade is not believed, for this reason.
#[track_caller]
fn disbelieved(found: &Inspection, why: &str) {
    let upgrade = found.upgrade.as_ref().unwrap();
    assert!(!upgrade.proven, "{found:#?}");
    let said = upgrade.why.as_ref().unwrap();
    assert!(said.contains(why), "{said}");
    assert_ne!(found.rollback.as_ref().unwrap().possible, Possible::Yes);
    let power = found.power.as_ref().unwrap();
    assert!(!power.complete, "{found:#?}");
    // Nor is who sends it proven then.
    assert!(power.paths.iter().all(|path| !path.proven), "{found:#?}");
    let mut tree: Vec<_> = found.controllers.iter().collect();
    while let Some(one) = tree.pop() {
        assert!(!one.proven, "{found:#?}");
        tree.extend(&one.members);
    }
}

#[tokio::test]
async fn an_upgrade_counts_only_when_the_proxy_then_forwards_to_what_was_installed() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let admin = world.accounts[4];
    let proxy = world
        .deploy(&ours("ForShow"), &params((blue, admin, green)))
        .await;
    let found = look(&world, proxy).await;
    disbelieved(&found, &format!("the proxy then forwards to {green}"));

    let beacon = world.deploy(&ours("Lying"), &params((blue, green))).await;
    let code = artifact(OZ5, "BeaconProxy");
    let proxy = world.deploy(&code, &params((beacon, Bytes::new()))).await;
    let found = look(&world, proxy).await;
    disbelieved(&found, &format!("the proxy then forwards to {green}"));
}

#[tokio::test]
async fn an_upgrade_that_only_says_so_is_not_proven() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let arguments = params((blue, world.accounts[4]));
    let proxy = world.deploy(&ours("Idle"), &arguments).await;
    let found = look(&world, proxy).await;
    disbelieved(&found, "the slot does not move");
}

#[tokio::test]
async fn a_target_in_the_code_is_for_good_only_where_nothing_else_is_looked_at() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    for (contract, arguments) in [
        ("OneElsewhere", params((blue,))),
        ("UntilThen", params((blue, green))),
    ] {
        let proxy = world.deploy(&ours(contract), &arguments).await;
        let found = look(&world, proxy).await;
        assert_eq!(found.proxy.as_ref().unwrap().kind, ProxyKind::Unknown);
        let back = found.rollback.as_ref().unwrap();
        assert_eq!(back.possible, Possible::Unknown, "{contract}: {found:#?}");
    }
}

#[tokio::test]
async fn a_proxy_of_itself_keeps_itself_in_its_slot() {
    let world = World::start().await;
    let proxy = world.deploy(&ours("Loop"), &[]).await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.as_ref().unwrap();
    let place = (facts.implementation.address, facts.location.clone());
    assert_eq!(place, (proxy, Location::Slot(B256::ZERO)), "{found:#?}");
}

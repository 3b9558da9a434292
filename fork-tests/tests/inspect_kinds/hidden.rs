//! Proxies whose code hands some calls on to where the call that was tried did not go.

use super::{OZ5, boxes, initializeCall, look, params};
use crate::clones::{assert_fixed, minimal};
use crate::world::{OWNER, World, artifact, compile, compiled};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_inspect::{InspectError, inspect};
use cutover_types::{Inspection, ProxyKind, inspection::Possible, progress::Silent};
use std::{collections::BTreeMap, sync::OnceLock};

fn ours(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let files = [
        OWNER,
        ("Plain.sol", include_str!("Plain.sol")),
        ("Hidden.sol", include_str!("Hidden.sol")),
    ];
    OUTPUT.get_or_init(|| compile(&files))[name].clone()
}

/// Not all is told of who upgrades it, and why.
#[track_caller]
fn untold(found: &Inspection, why: &str) {
    let power = found.power.as_ref().unwrap();
    assert!(!power.complete, "{found:#?}");
    let said = power.unknown.iter().any(|unknown| unknown.contains(why));
    assert!(said, "{found:#?}");
}

#[tokio::test]
async fn a_fixed_target_that_hands_calls_on_from_the_clone_s_own_storage_is_not_for_good() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    for name in ["Trampoline", "TrampolineOfOne"] {
        let target = world.deploy(&ours(name), &[]).await;
        let constant = world
            .deploy(&ours("ConstantProxy"), &params((target,)))
            .await;
        let clone = minimal(&world, target).await;
        for proxy in [constant, clone] {
            let found = look(&world, proxy).await;
            assert_eq!(found.rollback.as_ref().unwrap().possible, Possible::Unknown);
            untold(&found, "hands calls on");
        }
    }
    // What only batches its own calls, or runs a library that cannot change, is.
    let target = world.deploy(&ours("Batching"), &params((blue,))).await;
    let clone = minimal(&world, target).await;
    let found = look(&world, clone).await;
    assert_eq!(found.rollback.unwrap().possible, Possible::No);
    let target = world.deploy(&ours("Multicall"), &[]).await;
    let proxy = world
        .deploy(&ours("ConstantProxy"), &params((target,)))
        .await;
    assert_fixed(&world, proxy, ProxyKind::LibraryConstant, target).await;
}

#[tokio::test]
async fn a_second_target_that_other_calls_go_to_is_named() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let keeper = world.accounts[4];
    for (name, arguments) in [
        ("TwoTargets", params((blue, green, keeper))),
        ("OneFunctionElsewhere", params((blue, keeper, green))),
    ] {
        let proxy = world.deploy(&ours(name), &arguments).await;
        let found = look(&world, proxy).await;
        let facts = found.proxy.as_ref().unwrap();
        let shown = facts.implementation.address;
        let other = if shown == blue { green } else { blue };
        let said = facts
            .conflicts
            .iter()
            .any(|conflict| conflict.contains(&other.to_string()));
        assert!(said, "{found:#?}");
        untold(&found, &other.to_string());
    }
}

#[tokio::test]
async fn a_proxy_that_forwards_nothing_now_is_not_said_to_be_none() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    for (name, arguments) in [
        ("Paused", params((blue, false))),
        ("Paused", params((blue, true))),
        ("Routing", params((blue,))),
    ] {
        let proxy = world.deploy(&ours(name), &arguments).await;
        let found = inspect(&world.node, proxy, None, &Silent).await;
        let error = found.map(|found| found.notes).unwrap_err();
        assert!(matches!(error, InspectError::NotTaken { .. }), "{error}");
    }
    let wallet = world.deploy(&ours("PausedWallet"), &params((blue,))).await;
    let found = look(&world, wallet).await;
    assert!(found.proxy.is_none(), "{found:#?}");
}

/// Anyone was seen to get there, by this function.
#[track_caller]
fn anyone(found: &Inspection, by: &str) {
    let anyone = found.controllers.iter().find(|c| c.kind == "anyone");
    let anyone = anyone.unwrap_or_else(|| panic!("{found:#?}"));
    let role = format!("caller of {by}");
    assert_eq!(
        (anyone.role.as_deref(), anyone.proven),
        (Some(role.as_str()), true)
    );
    assert_eq!(
        found.power.as_ref().unwrap().fewest_signers,
        Some(0),
        "{found:#?}"
    );
    let upgrade = found.upgrade.as_ref().unwrap();
    assert!(
        !upgrade.proven && upgrade.why.as_ref().unwrap().contains(by),
        "{upgrade:#?}"
    );
    assert_ne!(found.rollback.as_ref().unwrap().possible, Possible::No);
}

#[tokio::test]
async fn an_empty_seat_is_closed_only_where_nobody_can_take_it() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let proxy = world.deploy(&ours("Ownerless"), &params((blue,))).await;
    let found = look(&world, proxy).await;
    assert_eq!(
        found.rollback.as_ref().unwrap().possible,
        Possible::No,
        "{found:#?}"
    );
    assert!(found.upgrade.is_none() && found.power.is_none() && found.controllers.is_empty());

    let proxy = world.deploy(&ours("FirstComes"), &params((blue,))).await;
    anyone(&look(&world, proxy).await, "initOwner(address)");

    let proxy = world.deploy(&ours("Rescued"), &params((blue,))).await;
    let found = look(&world, proxy).await;
    assert_eq!(
        found.rollback.as_ref().unwrap().possible,
        Possible::Unknown,
        "{found:#?}"
    );
    untold(&found, "further functions");
}

#[tokio::test]
async fn an_implementation_that_nobody_initialized_is_anyones() {
    let world = World::start().await;
    for (name, first) in [
        ("Owned4", None),
        ("Owned5", None),
        ("Owned5", Some(world.accounts[2])),
        // The owner is a contract of which nobody knows the key.
        ("Owned5", Some(Address::repeat_byte(0xde))),
    ] {
        let blue = world.deploy(&compiled(name), &[]).await;
        let data = first.map(|first| initializeCall { first }.abi_encode());
        let data = Bytes::from(data.unwrap_or_default());
        let creation = artifact(OZ5, "ERC1967Proxy");
        let proxy = world.deploy(&creation, &params((blue, data))).await;
        let found = look(&world, proxy).await;
        match first {
            None => anyone(&found, "initialize(address)"),
            Some(_) => assert!(
                found.controllers.iter().all(|c| c.kind != "anyone"),
                "{found:#?}"
            ),
        }
    }
}

#[tokio::test]
async fn a_function_behind_the_check_of_who_calls_is_one() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let arguments = params((blue, world.accounts[4]));
    let proxy = world.deploy(&ours("LateFunction"), &arguments).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.proxy.as_ref().unwrap().kind, ProxyKind::Transparent);
    untold(&found, "0xdeadbeef");
    assert_eq!(
        found.power.as_ref().unwrap().fewest_signers,
        Some(0),
        "{found:#?}"
    );
}

//! Proxies that call their target, and those with setters of their own.

use super::{holds_what_it_says, look, params, world::*};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind,
    inspection::{Location, Possible},
};
use serde_json::Value;

alloy_sol_types::sol! {
    function setTarget(address target) external;
    function nominateNewOwner(address next) external;
    function upgrade(address next, bytes data) external;
    function upgradeTo(uint256 version, address next) external;
    function transferProxyOwnership(address next) external;
    function setUseDELEGATECALL(bool use) external;
}

pub fn synthetix() -> Bytes {
    let path = tools().join("kinds/synthetix/publish/deployed/mainnet/deployment.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let code = json["sources"]["Proxy"]["bytecode"].as_str().unwrap();
    hex::decode(code).unwrap().into()
}

#[tokio::test]
async fn a_synthetix_proxy_is_pointed_at_another_target() {
    let world = World::start().await;
    let boss = world.accounts[0];
    let blue = world.deploy(&compiled("Proxyable"), &[]).await;
    let green = world.deploy(&compiled("Proxyable"), &[]).await;
    let proxy = world.deploy(&synthetix(), &params((boss,))).await;
    let first = setTargetCall { target: blue }.abi_encode();
    world.act(boss, proxy, &first.clone().into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::SynthetixCallProxy);
    assert_eq!(facts.admin, Some(boss));
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, proxy));
    assert_eq!(upgrade.data, Bytes::from(first));
    let says = |what: &str| found.notes.iter().any(|note| note.contains(what));
    assert!(says("the state is the target's"), "{:?}", found.notes);

    let next = world.accounts[3];
    world
        .act(
            boss,
            proxy,
            &nominateNewOwnerCall { next }.abi_encode().into(),
        )
        .await;
    let notes = look(&world, proxy).await.notes;
    assert!(
        notes.iter().any(|n| n.contains(&next.to_string())),
        "{notes:?}"
    );
}

#[tokio::test]
async fn openseas_proxy_obeys_the_owner_in_its_second_slot() {
    let world = World::start().await;
    let user = world.accounts[6];
    let blue = world.deploy(&compiled("App"), &[]).await;
    let green = world.deploy(&compiled("App"), &[]).await;
    let proxy = world
        .deploy(&compiled("OwnableDelegateProxy"), &params((user, blue)))
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::OpenSeaOwned);
    assert_eq!(facts.location, Location::Slot(B256::ZERO));
    assert_eq!(facts.admin, Some(user));
    assert_eq!(found.upgrade.unwrap().from, user);
}

#[tokio::test]
async fn eternal_storage_goes_back_under_a_higher_version() {
    let world = World::start().await;
    let boss = world.accounts[0];
    let blue = world.deploy(&compiled("App"), &[]).await;
    let green = world.deploy(&compiled("App"), &[]).await;
    let proxy = world
        .deploy(&compiled("EternalStorageProxy"), &params((blue,)))
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::EternalStorage);
    let call = |number: u64| upgradeToCall {
        version: U256::from(number),
        next: blue,
    };
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, proxy));
    assert_eq!(upgrade.data, Bytes::from(call(8).abi_encode()));
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.data, Bytes::from(call(9).abi_encode()));
    // The next one is counted on from there.
    let again = look(&world, proxy).await.upgrade.unwrap();
    assert_eq!(again.data, Bytes::from(call(10).abi_encode()));

    let none = transferProxyOwnershipCall {
        next: Address::ZERO,
    };
    world.act(boss, proxy, &none.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    assert!(found.upgrade.is_none());
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("no owner"));
}

#[tokio::test]
async fn decentralands_proxy_initializes_whatever_it_is_given() {
    let world = World::start().await;
    let boss = world.accounts[0];
    let blue = world.deploy(&compiled("App"), &[]).await;
    let green = world.deploy(&compiled("App"), &[]).await;
    let proxy = world.deploy(&compiled("StorageDelegateProxy"), &[]).await;
    let first = upgradeCall {
        next: blue,
        data: Bytes::new(),
    };
    let first = Bytes::from(first.abi_encode());
    world.act(boss, proxy, &first).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::DecentralandStorage);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, proxy));
    assert_eq!(upgrade.data, first);
}

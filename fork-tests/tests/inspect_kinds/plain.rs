//! Kinds that are in no package, by contracts with their documented slots and functions; and contracts
//! that run foreign code but are no proxies.

use super::{boxes, holds_what_it_says, initializeCall, look, params};
use crate::{
    clones::{assert_fixed, install},
    world::{OWNER, World, compile, compiled},
};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind,
    inspection::{Location, Possible},
};
use std::{collections::BTreeMap, sync::OnceLock};

fn ours(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let compile = || compile(&[OWNER, ("Plain.sol", include_str!("Plain.sol"))]);
    OUTPUT.get_or_init(compile)[name].clone()
}

#[tokio::test]
async fn upgraders_of_their_own_are_found_and_proven() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];

    let first = world.deploy(&ours("Proxiable1822"), &[]).await;
    let second = world.deploy(&ours("Proxiable1822"), &[]).await;
    let proxy = world.deploy(&ours("Proxy1822"), &params((first,))).await;
    let boss = world.accounts[4];
    let start = initializeCall { first: boss }.abi_encode();
    world.act(owner, proxy, &start.into()).await;
    let found = holds_what_it_says(&world, proxy, second).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Eip1822);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.verb.as_str(), upgrade.from), ("updateCode", boss));

    let controller = world.deploy(&ours("NomadController"), &[]).await;
    let beacon = world
        .deploy(&ours("NomadBeacon"), &params((blue, controller)))
        .await;
    let proxy = world.deploy(&ours("NomadProxy"), &params((beacon,))).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::NomadUpgradeBeacon);
    assert_eq!(
        (facts.beacon, facts.admin),
        (Some(beacon), Some(controller))
    );
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (owner, controller));
    assert_eq!(upgrade.path.holder, beacon);

    let beacon = world.deploy(&ours("ChildBeacon"), &params((blue,))).await;
    let proxy = world.deploy(&ours("ChildProxy"), &params((beacon,))).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::BeaconProxy);
    let upgrade = found.upgrade.unwrap();
    assert_eq!(
        (upgrade.verb.as_str(), upgrade.to),
        ("upgradeChildTo", beacon)
    );
}

#[tokio::test]
async fn a_target_in_the_code_or_in_a_shared_slot_is_said_to_be_there() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let proxy = world.deploy(&ours("ConstantProxy"), &params((blue,))).await;
    assert_fixed(&world, proxy, ProxyKind::LibraryConstant, blue).await;

    // Only what it falls back on: somebody may choose another.
    let proxy = world.deploy(&ours("DefaultProxy"), &params((blue,))).await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Unknown);
    assert_eq!(
        (facts.implementation.address, facts.location),
        (blue, Location::Code)
    );
    assert_eq!(found.rollback.unwrap().possible, Possible::Unknown);

    let proxy = world.deploy(&ours("PackedProxy"), &params((blue,))).await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.unwrap();
    let slot = B256::with_last_byte(6);
    assert_eq!(facts.kind, ProxyKind::PackedSlot);
    assert_eq!(facts.implementation.address, blue);
    assert_eq!(facts.location, Location::Packed { slot, offset: 1 });
    assert!(found.upgrade.is_none());
}

#[tokio::test]
async fn contracts_that_run_foreign_code_in_other_ways_are_no_proxies() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let mut contracts = vec![
        world.deploy(&compiled("Registry"), &params((blue,))).await,
        install(&world, &[0xfe]).await,
        install(&world, &[0x33, 0xff]).await,
    ];
    for name in ["Token", "Resolver", "Runner", "Multicall", "ProxyFactory"] {
        contracts.push(world.deploy(&ours(name), &[]).await);
    }
    for name in ["Relayer", "Fixed"] {
        contracts.push(world.deploy(&ours(name), &params((blue,))).await);
    }
    contracts.push(Address::repeat_byte(0x42));
    for contract in contracts {
        let found = look(&world, contract).await;
        assert!(
            found.proxy.is_none() && found.upgrade.is_none(),
            "{found:#?}"
        );
        assert!(!found.notes.is_empty());
    }
}

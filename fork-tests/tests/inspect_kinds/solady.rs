//! Solady's proxies and implementations, OpenZeppelin 4.4's UUPS, Sequence's wallets and EIP-7702
//! accounts, from their sources and artifacts.

use super::{OZ4, boxes, holds_what_it_says, initializeCall, look, params};
use crate::{
    clones::assert_fixed,
    world::{OWNER, World, artifact, compile_in, published},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind, Verb,
    abi::IMPLEMENTATION_SLOT,
    inspection::{Location, Possible},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

alloy_sol_types::sol! {
    function deploy(address mainModule, bytes32 salt) external returns (address wallet);

    interface IFactory {
        function make(address implementation, address admin) external;
    }

    interface ICloner {
        function make(uint256 form, address target) external;
    }
}

fn ours(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let compile = || {
        compile_in(
            "kinds",
            &[OWNER, ("Solady.sol", include_str!("Solady.sol"))],
        )
    };
    OUTPUT.get_or_init(compile)[name].clone()
}

/// What `maker` says it made last.
async fn made(world: &World, maker: Address, call: Vec<u8>) -> Address {
    world.act(world.accounts[0], maker, &call.into()).await;
    let value: B256 = world
        .node
        .call("eth_getStorageAt", json!([maker, "0x0", "latest"]))
        .await
        .unwrap();
    Address::from_word(value)
}

async fn start(world: &World, proxy: Address, first: Address) {
    let data = initializeCall { first }.abi_encode();
    world.act(world.accounts[0], proxy, &data.into()).await;
}

#[tokio::test]
async fn uups_of_solady_and_of_openzeppelin_before_4_5() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let cases = [
        ("OwnedSolady", ProxyKind::UupsSolady, "upgradeToAndCall"),
        ("Owned44", ProxyKind::UupsV41, "upgradeTo"),
    ];
    for (name, kind, verb) in cases {
        let blue = world.deploy(&ours(name), &[]).await;
        let green = world.deploy(&ours(name), &[]).await;
        let proxy = world
            .deploy(
                &artifact(OZ4, "ERC1967Proxy"),
                &params((blue, Bytes::new())),
            )
            .await;
        start(&world, proxy, boss).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_eq!(found.proxy.unwrap().kind, kind);
        let upgrade = found.upgrade.unwrap();
        assert_eq!((upgrade.verb.as_str(), upgrade.from), (verb, boss));
        assert_eq!(upgrade.path.verb_with_data, Some(Verb::UpgradeToAndCall));
    }
}

#[tokio::test]
async fn minimal_proxies_on_the_standard_slots() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let (blue, green) = boxes(&world).await;
    let cloner = world.deploy(&ours("Cloner"), &[]).await;
    let make = |form: u64, target| {
        let form = U256::from(form);
        ICloner::makeCall { form, target }.abi_encode()
    };

    let first = world.deploy(&ours("OwnedSolady"), &[]).await;
    let second = world.deploy(&ours("OwnedSolady"), &[]).await;
    for form in [0, 1, 2] {
        let proxy = made(&world, cloner, make(form, first)).await;
        start(&world, proxy, boss).await;
        let found = holds_what_it_says(&world, proxy, second).await;
        assert_eq!(found.proxy.unwrap().kind, ProxyKind::Erc7760Uups);
        assert_eq!(found.upgrade.unwrap().from, boss);
    }
    let stuck = made(&world, cloner, make(0, blue)).await;
    let found = look(&world, stuck).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Erc7760Uups);
    assert!(found.upgrade.is_none());
    assert_eq!(found.rollback.unwrap().possible, Possible::Unknown);

    let beacon = world.deploy(&ours("Beacon"), &params((boss, blue))).await;
    for form in [3, 4, 5] {
        let proxy = made(&world, cloner, make(form, beacon)).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        let facts = found.proxy.unwrap();
        assert_eq!(facts.kind, ProxyKind::Erc7760Beacon);
        assert_eq!(facts.beacon, Some(beacon));
        let upgrade = found.upgrade.unwrap();
        assert_eq!((upgrade.from, upgrade.to), (boss, beacon));
    }

    let factory = world.deploy(&ours("Factory"), &[]).await;
    let call = IFactory::makeCall {
        implementation: blue,
        admin: boss,
    };
    let proxy = made(&world, factory, call.abi_encode()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Erc7760Transparent);
    assert_eq!(facts.admin, Some(factory));
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, factory));
    let calldata = (proxy, blue);
    let data = [&[0x99, 0xa8, 0x8e, 0xc4], &params(calldata)[..]].concat();
    assert_eq!(upgrade.data, Bytes::from(data));

    for (form, kind) in [
        (6, ProxyKind::Clone0age),
        (7, ProxyKind::CloneWithArgs),
        (8, ProxyKind::ClonePush0),
    ] {
        let clone = made(&world, cloner, make(form, blue)).await;
        assert_fixed(&world, clone, kind, blue).await;
    }
}

async fn delegate(world: &World, account: Address, to: Address) {
    let code = Bytes::from([&[0xef, 0x01, 0x00], to.as_slice()].concat());
    let _: Value = world
        .node
        .call("anvil_setCode", json!([account, code]))
        .await
        .unwrap();
    let _: Value = world.node.call("anvil_mine", json!([])).await.unwrap();
}

#[tokio::test]
async fn delegated_accounts_are_their_keys_and_relays_look_into_them() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let account = world.accounts[7];
    delegate(&world, account, blue).await;
    let found = look(&world, account).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Eip7702);
    assert_eq!(
        (facts.implementation.address, facts.location),
        (blue, Location::Code)
    );
    assert!(found.upgrade.is_none());
    let controller = &found.controllers[0];
    assert_eq!(
        (controller.address, controller.kind.as_str()),
        (account, "eip7702")
    );
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::Unknown);
    assert!(rollback.why.unwrap().contains("authorization"));

    // The relay's own default, which its admin may change for every account at once.
    let admin = world.accounts[3];
    let relay = world.deploy(&ours("Relay"), &params((blue, admin))).await;
    delegate(&world, account, relay).await;
    let found = look(&world, account).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Eip7702Relay);
    assert_eq!(
        (facts.implementation.address, facts.location),
        (blue, Location::Call(relay))
    );
    let upgrade = found.upgrade.unwrap();
    assert!(upgrade.proven, "{upgrade:?}");
    assert_eq!((upgrade.from, upgrade.to), (admin, relay));
    assert_eq!(found.rollback.unwrap().possible, Possible::Yes);
    world.upgrade(&upgrade.path, green).await;
    let facts = look(&world, account).await.proxy.unwrap();
    assert_eq!(facts.implementation.address, green);

    // The account's own choice.
    let chosen = world.deploy(&ours("OwnedSolady"), &[]).await;
    let slot = IMPLEMENTATION_SLOT;
    world.set_slot(account, slot, chosen.into_word()).await;
    world
        .set_slot(account, B256::ZERO, account.into_word())
        .await;
    let found = look(&world, account).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Eip7702Relay);
    assert_eq!(
        (facts.implementation.address, facts.location),
        (chosen, Location::Slot(slot))
    );
    let upgrade = found.upgrade.unwrap();
    assert!(upgrade.proven, "{upgrade:?}");
    assert_eq!((upgrade.from, upgrade.to), (account, account));
}

#[tokio::test]
async fn sequence_wallets_upgrade_themselves() {
    let world = World::start().await;
    let package = |path: &str| published("sequence", &format!("artifacts/contracts/{path}"));
    let module = package("modules/MainModuleUpgradable.sol/MainModuleUpgradable.json");
    let blue = world.deploy(&module, &[]).await;
    let green = world.deploy(&module, &[]).await;
    let factory = world
        .deploy(&package("Factory.sol/Factory.json"), &[])
        .await;
    let call = deployCall {
        mainModule: blue,
        salt: B256::ZERO,
    }
    .abi_encode();
    let answer: Bytes = world
        .node
        .call(
            "eth_call",
            json!([{"to": factory, "data": Bytes::from(call.clone())}, "latest"]),
        )
        .await
        .unwrap();
    world.act(world.accounts[0], factory, &call.into()).await;
    let wallet = Address::from_slice(&answer[12..]);
    let found = look(&world, wallet).await;
    let facts = found.proxy.as_ref().unwrap();
    assert_eq!(facts.kind, ProxyKind::SequenceWallet, "{found:#?}");
    assert_eq!(facts.implementation.address, blue);
    assert_eq!(facts.location, Location::Slot(wallet.into_word()));
    let upgrade = found.upgrade.as_ref().unwrap();
    assert!(upgrade.proven, "{upgrade:?}");
    assert_eq!((upgrade.from, upgrade.to), (wallet, wallet));
    assert_eq!(found.rollback.as_ref().unwrap().possible, Possible::Yes);
    for implementation in [green, blue] {
        world.upgrade(&upgrade.path, implementation).await;
        let facts = look(&world, wallet).await.proxy.unwrap();
        assert_eq!(facts.implementation.address, implementation);
    }
}

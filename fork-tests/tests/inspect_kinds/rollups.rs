//! The proxies of rollups: Optimism's three, Arbitrum's with two implementations, StarkWare's with a delay.

use super::{
    ACCOUNTS, Expected, SLOTS, assert_found, boxes, holds_what_it_says, look, params,
    through_admin, through_pruned, transferOwnershipCall,
    world::{World, compiled, published},
};
use alloy_primitives::{Address, B256, Bytes, U256, b256};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT, IProxy},
    inspection::{Location, Possible},
};

const PROXY_ADMIN: &str = "forge-artifacts/ProxyAdmin.sol/ProxyAdmin.json";
const SECONDARY_SLOT: B256 =
    b256!("2b1dbce74324248c222f0ec2d5ed7bd323cfc425b336f0253c5ccfda7265546d");
const NAME: &str = "OVM_L1CrossDomainMessenger";

alloy_sol_types::sol! {
    function changeAdmin(address admin) external;
    function setOwner(address owner) external;
    function setProxyType(address proxy, uint8 kind) external;
    function setImplementationName(address proxy, string name) external;
    function setAddressManager(address manager) external;
    function setUpgrading(bool upgrading) external;
    function setStorage(bytes32 key, bytes32 value) external;
    function setAddress(string name, address at) external;
    function upgradeSecondaryTo(address implementation) external;
    function addImplementation(address implementation, bytes data, bool finalize) external;
    function upgradeTo(address implementation, bytes data, bool finalize) external;
    function replaceGovernor(address next) external;
}

fn optimism(name: &str) -> Bytes {
    published(
        "optimism",
        &format!("forge-artifacts/{name}.sol/{name}.json"),
    )
}

/// Optimism's ProxyAdmin, owned by the first account.
async fn proxy_admin(world: &World) -> Address {
    let owner = params((world.accounts[0],));
    world
        .deploy(&published("optimism", PROXY_ADMIN), &owner)
        .await
}

#[tokio::test]
async fn optimism_proxies_obey_an_account_or_the_proxy_admin() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    let proxy = world.deploy(&optimism("Proxy"), &params((owner,))).await;
    let install = IProxy::upgradeToCall {
        newImplementation: blue,
    };
    world.act(owner, proxy, &install.abi_encode().into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(
        &found,
        &Expected {
            kind: ProxyKind::OptimismProxy,
            verb: Verb::UpgradeTo,
            with_data: Some(Verb::UpgradeToAndCall),
            from: owner,
            to: proxy,
        },
    );
    assert_eq!(found.upgrade.unwrap().data, install.abi_encode());
    assert_eq!(found.proxy.unwrap().admin, Some(owner));

    // Where the node keeps the admin to itself, a copy of the code shows the kind.
    let found = through_pruned(&world, proxy, SLOTS, ADMIN_SLOT)
        .await
        .unwrap();
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::OptimismProxy);
    let upgrade = found.upgrade.unwrap();
    assert!(!upgrade.proven && upgrade.why.unwrap().contains(&ADMIN_SLOT.to_string()));

    let found = through_pruned(&world, proxy, ACCOUNTS, Address::ZERO)
        .await
        .unwrap();
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::OptimismProxy);
    assert!(found.upgrade.unwrap().proven);

    let admin = proxy_admin(&world).await;
    let change = changeAdminCall { admin };
    world.act(owner, proxy, &change.abi_encode().into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let verb = Verb::AdminUpgrade;
    assert_found(
        &found,
        &through_admin(ProxyKind::OptimismProxy, verb, owner, admin),
    );
    assert_eq!(found.controllers[0].kind, "proxy-admin");
    assert_eq!(found.controllers[0].members[0].address, owner);

    let renounced = B256::ZERO;
    world.set_slot(proxy, ADMIN_SLOT, renounced).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::OptimismProxy);
    assert!(found.upgrade.is_none());
    assert_eq!(found.rollback.unwrap().possible, Possible::No);
}

#[tokio::test]
async fn a_chugsplash_proxy_is_no_transparent_one_although_it_has_an_admin_slot() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    let proxy = world
        .deploy(&optimism("L1ChugSplashProxy"), &params((owner,)))
        .await;
    let install = setStorageCall {
        key: IMPLEMENTATION_SLOT,
        value: blue.into_word(),
    };
    world.act(owner, proxy, &install.abi_encode().into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(
        &found,
        &Expected {
            kind: ProxyKind::L1ChugSplash,
            verb: Verb::Steps,
            with_data: None,
            from: owner,
            to: proxy,
        },
    );
    let upgrade = found.upgrade.unwrap();
    assert_eq!(upgrade.data, install.abi_encode());
    assert_eq!(upgrade.verb, "setStorage");

    // The ProxyAdmin asks which kind it is told to be; told nothing, it makes the wrong call.
    let admin = proxy_admin(&world).await;
    let hand_over = setOwnerCall { owner: admin };
    world
        .act(owner, proxy, &hand_over.abi_encode().into())
        .await;
    let found = look(&world, proxy).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::L1ChugSplash);
    let upgrade = found.upgrade.unwrap();
    assert!(!upgrade.proven && upgrade.why.is_some(), "{upgrade:#?}");

    let tell = setProxyTypeCall { proxy, kind: 1 };
    world.act(owner, admin, &tell.abi_encode().into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let verb = Verb::AdminUpgrade;
    assert_found(
        &found,
        &through_admin(ProxyKind::L1ChugSplash, verb, owner, admin),
    );

    let pause = setUpgradingCall { upgrading: true };
    world.act(owner, admin, &pause.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::L1ChugSplash);
    assert_eq!(facts.implementation.address, blue);
    assert!(found.notes.iter().any(|note| note.contains("paused")));
}

#[tokio::test]
async fn resolved_delegates_of_both_builds_move_with_a_name_in_the_address_manager() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    let of_2021 = |name: &str| {
        let file = format!("artifacts/contracts/libraries/resolver/{name}.sol/{name}.json");
        published("optimism-2021", &file)
    };
    let builds = [
        (
            optimism("AddressManager"),
            optimism("ResolvedDelegateProxy"),
        ),
        (
            of_2021("Lib_AddressManager"),
            of_2021("Lib_ResolvedDelegateProxy"),
        ),
    ];
    for (manager, proxy) in builds {
        let manager = world.deploy(&manager, &[]).await;
        let name = NAME.to_owned();
        let proxy = world.deploy(&proxy, &params((manager, name))).await;
        let install = setAddressCall {
            name: NAME.into(),
            at: blue,
        };
        world
            .act(owner, manager, &install.abi_encode().into())
            .await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &Expected {
                kind: ProxyKind::ResolvedDelegate,
                verb: Verb::Steps,
                with_data: None,
                from: owner,
                to: manager,
            },
        );
        assert!(found.notes.iter().any(|note| note.contains(NAME)));
        assert_eq!(
            found.proxy.as_ref().unwrap().location,
            Location::Call(manager)
        );
        let upgrade = found.upgrade.unwrap();
        assert_eq!(upgrade.data, install.abi_encode());
        assert_eq!(upgrade.path.holder, manager);

        let admin = proxy_admin(&world).await;
        let next = transferOwnershipCall { next: admin };
        world.act(owner, manager, &next.abi_encode().into()).await;
        let set_up: [Vec<u8>; 3] = [
            setAddressManagerCall { manager }.abi_encode(),
            setProxyTypeCall { proxy, kind: 2 }.abi_encode(),
            setImplementationNameCall {
                proxy,
                name: NAME.into(),
            }
            .abi_encode(),
        ];
        for call in set_up {
            world.act(owner, admin, &call.into()).await;
        }
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &through_admin(
                ProxyKind::ResolvedDelegate,
                Verb::AdminUpgrade,
                owner,
                admin,
            ),
        );
    }
}

#[tokio::test]
async fn both_implementations_of_arbitrum_go_back_together() {
    let world = World::start().await;
    let rollup = |name: &str| {
        let file = format!("build/contracts/src/rollup/{name}.sol/{name}.json");
        published("arbitrum", &file)
    };
    let first = world.deploy(&rollup("RollupAdminLogic"), &[]).await;
    let other_first = world.deploy(&rollup("RollupAdminLogic"), &[]).await;
    let blue = world.deploy(&rollup("RollupUserLogic"), &[]).await;
    let green = world.deploy(&rollup("RollupUserLogic"), &[]).await;
    let executor = world.accounts[4];
    let fallback = "build/contracts/src/libraries/AdminFallbackProxy.sol/AdminFallbackProxy.json";
    for code in [rollup("RollupProxy"), published("arbitrum", fallback)] {
        let proxy = world.deploy(&code, &[]).await;
        // As `_initialize` writes them: it is internal, and the rollup's own needs a whole bridge.
        for (slot, value) in [
            (ADMIN_SLOT, executor),
            (IMPLEMENTATION_SLOT, first),
            (SECONDARY_SLOT, blue),
        ] {
            world.set_slot(proxy, slot, value.into_word()).await;
        }
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &Expected {
                kind: ProxyKind::ArbitrumDoubleLogic,
                verb: Verb::Steps,
                with_data: Some(Verb::Steps),
                from: executor,
                to: proxy,
            },
        );
        let told = |address: Address| {
            let address = address.to_string();
            found.notes.iter().any(|note| note.contains(&address))
        };
        assert!(told(first) && told(blue) && told(executor));
        let facts = found.proxy.as_ref().unwrap();
        assert_eq!(facts.implementation.address, blue);
        assert_eq!(facts.location, Location::Slot(SECONDARY_SLOT));
        let upgrade = found.upgrade.unwrap();
        let keep = IProxy::upgradeToCall {
            newImplementation: first,
        };
        let second = upgradeSecondaryToCall {
            implementation: blue,
        };
        assert_eq!(upgrade.data, second.abi_encode());
        assert_eq!(found.rollback.unwrap().data, keep.abi_encode());

        // Someone moves both; the way back restores both.
        let moved = IProxy::upgradeToCall {
            newImplementation: other_first,
        };
        world.act(executor, proxy, &moved.abi_encode().into()).await;
        world.upgrade(&upgrade.path.back(), blue).await;
        assert_eq!(
            world.slot(proxy, IMPLEMENTATION_SLOT).await,
            first.into_word()
        );
        assert_eq!(world.slot(proxy, SECONDARY_SLOT).await, blue.into_word());
    }
}

// The original is in no package: this is a contract of our own with its slots and functions.
#[tokio::test]
async fn starkware_waits_for_the_delay_in_its_slot_and_obeys_whoever_governs_now() {
    let world = World::start().await;
    let delay = 86_400_u64;
    let blue = world.deploy(&compiled("StarkBox"), &[]).await;
    let green = world.deploy(&compiled("StarkBox"), &[]).await;
    let governor = world.accounts[6];
    for version in ["StarkProxy", "StarkProxy5"] {
        let proxy = world
            .deploy(&compiled(version), &params((blue, U256::from(delay))))
            .await;
        let replace = replaceGovernorCall { next: governor };
        world
            .act(world.accounts[0], proxy, &replace.abi_encode().into())
            .await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &Expected {
                kind: ProxyKind::StarkWare,
                verb: Verb::Steps,
                with_data: Some(Verb::Steps),
                from: governor,
                to: proxy,
            },
        );
        let takes = found.power.as_ref().unwrap();
        assert_eq!(takes.delay_seconds, Some(delay), "{found:#?}");
        let upgrade = found.upgrade.unwrap();
        let add = addImplementationCall {
            implementation: blue,
            data: Bytes::new(),
            finalize: false,
        };
        let switch = upgradeToCall {
            implementation: blue,
            data: Bytes::new(),
            finalize: false,
        };
        assert_eq!(upgrade.data, add.abi_encode());
        assert_eq!(upgrade.then[0].call.data, switch.abi_encode());
        assert_eq!(upgrade.then[0].wait_seconds, delay);

        let last = upgradeToCall {
            finalize: true,
            ..switch
        };
        let add = addImplementationCall {
            finalize: true,
            ..add
        };
        world.act(governor, proxy, &add.abi_encode().into()).await;
        world.wait(delay).await;
        world.act(governor, proxy, &last.abi_encode().into()).await;
        let found = look(&world, proxy).await;
        assert_eq!(found.proxy.unwrap().kind, ProxyKind::StarkWare);
        assert!(found.upgrade.is_none());
        let rollback = found.rollback.unwrap();
        assert_eq!(rollback.possible, Possible::No);
        assert!(rollback.why.unwrap().contains("finalized"));
    }
}

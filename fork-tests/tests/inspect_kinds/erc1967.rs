//! Kinds that keep their implementation where ERC-1967 or zos say, but obey someone in a way of their own.

use super::{
    Expected, OZ4, assert_found, boxes, holds_what_it_says, look, params, through_admin,
    transferOwnershipCall,
};
use crate::world::{World, artifact, compiled, published};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::{Location, Possible},
};
use serde_json::json;

alloy_sol_types::sol! {
    function setPoolImpl(address newPoolImpl) external;
    function getPool() external view returns (address);
    function initialize(address logic, bytes data) external;
    function upgradeTo(address implementation) external;
    function upgradeToAndCall(address implementation, bytes data) external;
}

const HARDHAT_DEPLOY: &str = "hardhat-deploy";

fn deployed(name: &str) -> Bytes {
    published(HARDHAT_DEPLOY, &format!("extendedArtifacts/{name}.json"))
}

fn by_owner(kind: ProxyKind, owner: Address, proxy: Address, with_data: Option<Verb>) -> Expected {
    Expected {
        kind,
        verb: Verb::UpgradeTo,
        with_data,
        from: owner,
        to: proxy,
    }
}

#[tokio::test]
async fn hardhat_deploys_proxies_obey_the_admin_in_their_code_or_an_owner() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let optimized = deployed("OptimizedTransparentUpgradeableProxy");
    let proxy = world
        .deploy(&optimized, &params((blue, admin, Bytes::new())))
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let kind = ProxyKind::OptimizedTransparent;
    let expected = through_admin(kind, Verb::AdminUpgrade, owner, admin);
    assert_found(&found, &expected);
    // The slot is for show.
    let liar = world.accounts[5];
    world.set_slot(proxy, ADMIN_SLOT, liar.into_word()).await;
    let found = look(&world, proxy).await;
    assert_found(&found, &expected);
    assert!(found.proxy.unwrap().conflicts[0].contains(&liar.to_string()));

    let boss = world.accounts[3];
    let proxy = world
        .deploy(
            &deployed("EIP173Proxy"),
            &params((blue, boss, Bytes::new())),
        )
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let with_data = Some(Verb::UpgradeToAndCall);
    assert_found(&found, &by_owner(ProxyKind::Eip173, boss, proxy, with_data));
    assert_eq!(found.proxy.unwrap().admin, Some(boss));
    let next = world.accounts[4];
    let hand_over = transferOwnershipCall { next }.abi_encode();
    world.act(boss, proxy, &hand_over.into()).await;
    let found = look(&world, proxy).await;
    assert_found(&found, &by_owner(ProxyKind::Eip173, next, proxy, with_data));
    world.set_slot(proxy, ADMIN_SLOT, Default::default()).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Eip173);
    assert!(found.upgrade.is_none());
    assert_eq!(found.rollback.unwrap().possible, Possible::No);
}

#[tokio::test]
async fn owned_proxies_of_zos_and_true_usd_are_upgraded_by_their_owner() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    let zos = artifact("zos-lib", "OwnedUpgradeabilityProxy");
    let proxy = world.deploy(&zos, &params((blue,))).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let with_data = Some(Verb::UpgradeToAndCall);
    assert_found(
        &found,
        &by_owner(ProxyKind::ZosOwned, owner, proxy, with_data),
    );

    let proxy = world.deploy(&compiled("TrueUsdProxy"), &[]).await;
    let first = upgradeToCall {
        implementation: blue,
    }
    .abi_encode();
    world.act(owner, proxy, &first.into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(&found, &by_owner(ProxyKind::TrueUsd, owner, proxy, None));
    let data = upgradeToCall {
        implementation: blue,
    }
    .abi_encode();
    assert_eq!(found.upgrade.unwrap().data, Bytes::from(data));
}

#[tokio::test]
async fn aave_proxies_are_upgraded_by_their_provider_and_do_not_return() {
    let world = World::start().await;
    let owner = world.accounts[2];
    let first = world.deploy(&compiled("Revision1"), &[]).await;
    let second = world.deploy(&compiled("Revision2"), &[]).await;
    let provider = world
        .deploy(
            &published(
                "aave",
                "artifacts/contracts/protocol/configuration/PoolAddressesProvider.sol/PoolAddressesProvider.json",
            ),
            &params(("market".to_owned(), owner)),
        )
        .await;
    let install = setPoolImplCall { newPoolImpl: first }.abi_encode();
    world.act(owner, provider, &install.clone().into()).await;
    let answer: Bytes = world
        .node
        .call(
            "eth_call",
            json!([{"to": provider, "data": Bytes::from(getPoolCall {}.abi_encode())}, "latest"]),
        )
        .await
        .unwrap();
    let proxy = Address::from_slice(&answer[12..]);
    let found = look(&world, proxy).await;
    let facts = found.proxy.as_ref().unwrap();
    assert_eq!(facts.kind, ProxyKind::AaveImmutableAdmin, "{found:#?}");
    assert_eq!(facts.implementation.address, first);
    assert_eq!(facts.admin, Some(provider));
    assert_eq!(facts.location, Location::Slot(IMPLEMENTATION_SLOT));
    let upgrade = found.upgrade.as_ref().unwrap();
    assert!(upgrade.proven, "{upgrade:?}");
    assert_eq!((upgrade.from, upgrade.to), (owner, provider));
    assert_eq!(upgrade.verb, "setPoolImpl");
    assert_eq!(upgrade.data, Bytes::from(install));
    let rollback = found.rollback.as_ref().unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.as_ref().unwrap().contains("reverts"));
    world.upgrade(&upgrade.path, second).await;
    let facts = look(&world, proxy).await.proxy.unwrap();
    assert_eq!(facts.implementation.address, second);

    // A token of Aave's: the admin is no provider, and calls the proxy itself.
    let (blue, green) = boxes(&world).await;
    let admin = world.accounts[6];
    let token = world
        .deploy(
            &published(
                "aave",
                "artifacts/contracts/protocol/libraries/aave-upgradeability/InitializableImmutableAdminUpgradeabilityProxy.sol/InitializableImmutableAdminUpgradeabilityProxy.json",
            ),
            &params((admin,)),
        )
        .await;
    let start = initializeCall {
        logic: blue,
        data: Bytes::new(),
    }
    .abi_encode();
    world.act(owner, token, &start.into()).await;
    let found = holds_what_it_says(&world, token, green).await;
    let with_data = Some(Verb::UpgradeToAndCall);
    let kind = ProxyKind::AaveImmutableAdmin;
    assert_found(&found, &by_owner(kind, admin, token, with_data));
}

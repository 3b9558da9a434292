//! Aragon's kernel and apps, from their published bytecode.

use super::{compiled, holds_what_it_says, look, params, world::*};
use alloy_primitives::{Address, B256, Bytes, b256};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind,
    inspection::{Location, Possible},
};

const APP_BASES: B256 = b256!("f1f3eb40f5bc1ad1344716ced8b8a0431d840b5783aea1fd01786bc26f35ac0f");
const CORE: B256 = b256!("c681a85306374a5ab27f0bbc385296a54bcd314a1948b6cf61c4ea1bc44bb9f8");
const KERNEL: B256 = b256!("3b4bf6bf3ad5000ecf0f989d5befde585c6860fea3e574a4fab4c49d1c177d9c");
const ROLE: B256 = b256!("b6d92708f3d4817afc106147d969e229ced5c46e65e0a5002a0d391287762bd0");

alloy_sol_types::sol! {
    function initialize(address acl, address creator) external;
    function acl() external view returns (address);
    function setApp(bytes32 namespace, bytes32 appId, address app) external;
    function createPermission(address entity, address app, bytes32 role, address manager) external;
    function revokePermission(address entity, address app, bytes32 role) external;
}

fn artifact(name: &str) -> Bytes {
    published("aragon", &format!("build/contracts/{name}.json"))
}

/// A kernel proxy that `manager` may change, and its access control list.
async fn kernel(world: &World, manager: Address) -> (Address, Address) {
    let boss = world.accounts[0];
    let base = world.deploy(&artifact("Kernel"), &params((true,))).await;
    let list = world.deploy(&artifact("ACL"), &[]).await;
    let kernel = world
        .deploy(&artifact("KernelProxy"), &params((base,)))
        .await;
    let start = initializeCall {
        acl: list,
        creator: boss,
    };
    world.act(boss, kernel, &start.abi_encode().into()).await;
    let acl: Bytes = world
        .node
        .call(
            "eth_call",
            serde_json::json!([{"to": kernel, "data": Bytes::from(aclCall {}.abi_encode())}, "latest"]),
        )
        .await
        .unwrap();
    let acl = Address::from_slice(&acl[12..32]);
    let grant = createPermissionCall {
        entity: manager,
        app: kernel,
        role: ROLE,
        manager: boss,
    };
    world.act(boss, acl, &grant.abi_encode().into()).await;
    (kernel, acl)
}

#[tokio::test]
async fn aragon_apps_move_with_their_kernel_and_pinned_ones_never() {
    let world = World::start().await;
    let manager = world.accounts[4];
    let (kernel, acl) = kernel(&world, manager).await;
    let blue = world.deploy(&compiled("Box"), &[]).await;
    let green = world.deploy(&compiled("Box2"), &[]).await;
    let app = B256::repeat_byte(0x42);
    let set = |app_at| setAppCall {
        namespace: APP_BASES,
        appId: app,
        app: app_at,
    };
    world
        .act(manager, kernel, &set(blue).abi_encode().into())
        .await;
    let arguments = params((kernel, app, Bytes::new()));
    let proxy = world
        .deploy(&artifact("AppProxyUpgradeable"), &arguments)
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::AragonApp);
    assert_eq!(facts.location, Location::Call(kernel));
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (manager, kernel));
    assert_eq!(upgrade.data, Bytes::from(set(blue).abi_encode()));

    let pinned = world.deploy(&artifact("AppProxyPinned"), &arguments).await;
    let found = look(&world, pinned).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::AragonAppPinned);
    assert_eq!(facts.implementation.address, blue);
    assert!(found.upgrade.is_none());
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("pinned"));

    // Who lost the role is nobody's candidate.
    let revoke = revokePermissionCall {
        entity: manager,
        app: kernel,
        role: ROLE,
    };
    world
        .act(world.accounts[0], acl, &revoke.abi_encode().into())
        .await;
    let found = look(&world, proxy).await;
    assert!(found.upgrade.is_none_or(|upgrade| !upgrade.proven));
}

#[tokio::test]
async fn an_aragon_kernel_upgrades_itself() {
    let world = World::start().await;
    let manager = world.accounts[4];
    let (kernel, _) = kernel(&world, manager).await;
    let blue = look(&world, kernel).await.proxy.unwrap();
    let green = world.deploy(&artifact("Kernel"), &params((true,))).await;
    let found = holds_what_it_says(&world, kernel, green).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::AragonKernel);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (manager, kernel));
    let set = setAppCall {
        namespace: CORE,
        appId: KERNEL,
        app: blue.implementation.address,
    };
    assert_eq!(upgrade.data, Bytes::from(set.abi_encode()));
}

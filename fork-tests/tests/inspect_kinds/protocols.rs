//! Proxies that protocols wrote for themselves: The Graph, Keep, Celo, Lido, Axelar, Polygon.

use super::{
    Expected, OZ4, SLOTS, assert_found, boxes, holds_what_it_says, look, params, through_pruned,
    world::{World, artifact, compiled, from_source, published},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use cutover_types::{
    Inspection, ProxyKind, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::{CodeAt, Location, Possible},
};

use serde_json::json;

alloy_sol_types::sol! {
    function store(uint256 value) external;
    function upgrade(address proxy, address implementation) external;
    function acceptProxy(address implementation, address proxy) external;
    function setAdmin(address next) external;
    function completeUpgrade() external;
    function _setImplementation(address implementation) external;
    function proxy__upgradeTo(address implementation) external;
    function proxy__upgradeToAndCall(address implementation, bytes data, bool force) external;
    function proxy__ossify() external;
    function finalUpgrade(bytes bytecode, bytes params) external returns (address);
    function init(address implementation, address owner, bytes params) external;
    function updateImplementation(address implementation) external;

    interface IKeep {
        function upgradeTo(address implementation, bytes data) external;
    }
    interface IAxelar {
        function upgrade(address implementation, bytes32 codeHash, bytes params) external;
    }
    interface IPlain {
        function proxy__upgradeToAndCall(address implementation, bytes data) external;
    }
}

fn expected(kind: ProxyKind, with_data: bool, from: Address, to: Address) -> Expected {
    Expected {
        kind,
        verb: Verb::Steps,
        with_data: with_data.then_some(Verb::Steps),
        from,
        to,
    }
}

fn says(found: &Inspection, text: &str) -> bool {
    found.notes.iter().any(|note| note.contains(text))
}

fn assert_nobody_can(found: &Inspection, kind: ProxyKind, why: &str) {
    assert_eq!(found.proxy.as_ref().unwrap().kind, kind, "{found:#?}");
    assert!(found.upgrade.is_none());
    assert!(says(found, why), "{found:#?}");
    let rollback = found.rollback.as_ref().unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.as_ref().unwrap().contains(why));
}

fn calldata(found: &Inspection) -> Vec<Bytes> {
    let upgrade = found.upgrade.as_ref().unwrap();
    let then = upgrade.then.iter().map(|step| step.call.data.clone());
    [upgrade.data.clone()].into_iter().chain(then).collect()
}

/// Upgrades with an initializer, which writes the implementation's first slot in the proxy.
async fn assert_initializes(world: &World, found: &Inspection, implementation: Address) {
    let data = Bytes::from(
        storeCall {
            value: U256::from(7),
        }
        .abi_encode(),
    );
    let path = &found.upgrade.as_ref().unwrap().path;
    world.upgrade_and_call(path, implementation, &data).await;
    let runs = look(world, found.address).await.proxy.unwrap();
    assert_eq!(runs.implementation.address, implementation);
    let written = world.slot(found.address, B256::ZERO).await;
    assert_eq!(written, B256::with_last_byte(7));
}

fn graph(name: &str) -> Bytes {
    let file = format!("artifacts/contracts/upgrades/{name}.sol/{name}.json");
    published("graph", &file)
}

#[tokio::test]
async fn an_implementation_of_the_graph_is_proposed_and_then_accepts() {
    let world = World::start().await;
    let governor = world.accounts[0];
    let blue = world.deploy(&compiled("GraphBox"), &[]).await;
    let green = world.deploy(&compiled("GraphBox"), &[]).await;
    let admin = world.deploy(&graph("GraphProxyAdmin"), &[]).await;
    let proxy = world
        .deploy(&graph("GraphProxy"), &params((blue, admin)))
        .await;
    let accept = acceptProxyCall {
        implementation: blue,
        proxy,
    };
    let propose = upgradeCall {
        proxy,
        implementation: blue,
    };
    world
        .act(governor, admin, &accept.abi_encode().into())
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(
        &found,
        &expected(ProxyKind::GraphProxy, true, governor, admin),
    );
    assert_eq!(
        calldata(&found),
        [propose.abi_encode(), accept.abi_encode()]
    );
    assert_eq!(found.proxy.as_ref().unwrap().admin, Some(admin));
    assert!(!says(&found, "is proposed"));

    let propose = upgradeCall {
        proxy,
        implementation: green,
    };
    world
        .act(governor, admin, &propose.abi_encode().into())
        .await;
    let found = look(&world, proxy).await;
    assert_eq!(found.proxy.as_ref().unwrap().implementation.address, blue);
    assert!(says(&found, &format!("{green} is proposed")));

    // An account in the ProxyAdmin's place makes the same two calls itself.
    let account = world.accounts[3];
    assert_initializes(&world, &found, green).await;
    let next = setAdminCall { next: account };
    world.act(admin, proxy, &next.abi_encode().into()).await;
    let found = holds_what_it_says(&world, proxy, blue).await;
    assert_found(
        &found,
        &expected(ProxyKind::GraphProxy, true, account, proxy),
    );
    assert_eq!(found.upgrade.as_ref().unwrap().then[0].call.to, green);
    assert_initializes(&world, &found, blue).await;
}

#[tokio::test]
async fn keep_waits_its_own_delay_and_refuses_the_same_address() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let admin = world.accounts[0];
    let proxy = world
        .deploy(
            &published("keep", "artifacts/KeepRandomBeaconService.json"),
            &params((blue, Bytes::new())),
        )
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(
        &found,
        &expected(ProxyKind::KeepTimelock, true, admin, proxy),
    );
    let start = IKeep::upgradeToCall {
        implementation: blue,
        data: Bytes::new(),
    };
    assert_eq!(
        calldata(&found),
        [start.abi_encode(), completeUpgradeCall {}.abi_encode()]
    );
    assert_eq!(found.upgrade.as_ref().unwrap().then[0].wait_seconds, 86_400);
    // It was tried sooner, and refused.
    let takes = found.power.as_ref().unwrap();
    assert_eq!(takes.delay_seconds, Some(86_400), "{found:#?}");
    assert_eq!(found.controllers[0].wait_seconds, Some(86_400));

    assert_initializes(&world, &found, green).await;
    world
        .upgrade(&found.upgrade.as_ref().unwrap().path, blue)
        .await;
    let start = IKeep::upgradeToCall {
        implementation: green,
        data: Bytes::new(),
    };
    world.act(admin, proxy, &start.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    assert!(says(&found, &format!("an upgrade to {green} was started")));
}

#[tokio::test]
async fn celo_is_upgraded_by_the_owner_in_the_admin_slot() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    let code = from_source("celo", "common/Proxy.sol", "Proxy", "0.5.17");
    let proxy = world.deploy(&code, &[]).await;
    let install = _setImplementationCall {
        implementation: blue,
    };
    world.act(owner, proxy, &install.abi_encode().into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(&found, &expected(ProxyKind::CeloProxy, true, owner, proxy));
    assert_eq!(calldata(&found), [install.abi_encode()]);
    assert_initializes(&world, &found, green).await;

    // The kind is told from the code where the node keeps the owner to itself.
    let found = through_pruned(&world, proxy, SLOTS, ADMIN_SLOT)
        .await
        .unwrap();
    let upgrade = found.upgrade.as_ref().unwrap();
    assert_eq!(found.proxy.as_ref().unwrap().kind, ProxyKind::CeloProxy);
    assert!(!upgrade.proven);
    assert!(says(&found, &ADMIN_SLOT.to_string()), "{found:#?}");
}

// The original is in no package: these are contracts of our own with its slots and functions.
#[tokio::test]
async fn an_ossifiable_proxy_is_upgraded_until_it_is_ossified() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let admin = world.accounts[5];
    let data = Bytes::from_static(b"data");
    let forced = proxy__upgradeToAndCallCall {
        implementation: blue,
        data: data.clone(),
        force: false,
    };
    let plain = IPlain::proxy__upgradeToAndCallCall {
        implementation: blue,
        data: data.clone(),
    };
    let builds = [
        ("OssifiableForced", forced.abi_encode()),
        ("OssifiablePlain", plain.abi_encode()),
    ];
    for (name, with_data) in builds {
        let proxy = world.deploy(&compiled(name), &params((blue, admin))).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(&found, &expected(ProxyKind::Ossifiable, true, admin, proxy));
        let call = proxy__upgradeToCall {
            implementation: blue,
        };
        assert_eq!(calldata(&found), [call.abi_encode()]);
        let path = &found.upgrade.as_ref().unwrap().path;
        assert_eq!(path.call(blue, &data).unwrap().data, with_data);
        assert_initializes(&world, &found, green).await;

        let ossify = proxy__ossifyCall {}.abi_encode();
        world.act(admin, proxy, &ossify.into()).await;
        let found = look(&world, proxy).await;
        assert_nobody_can(&found, ProxyKind::Ossifiable, "ossified");
    }
}

fn axelar(name: &str) -> Bytes {
    let file = format!("artifacts/contracts/upgradable/{name}.sol/{name}.json");
    published("axelar", &file)
}

/// The one call of an upgrade of Axelar's, which holds the code hash.
async fn assert_calls(world: &World, found: &Inspection, implementation: Address) {
    let call = IAxelar::upgradeCall {
        implementation,
        codeHash: keccak256(world.code(implementation).await),
        params: Bytes::new(),
    };
    assert_eq!(calldata(found), [call.abi_encode()]);
}

#[tokio::test]
async fn axelar_proxies_are_upgraded_with_the_code_hash_of_an_implementation_with_their_id() {
    let world = World::start().await;
    let owner = world.accounts[2];
    let id = B256::repeat_byte(0x1d);
    let blue = world.deploy(&compiled("AxelarBox"), &params((id,))).await;
    let green = world.deploy(&compiled("AxelarBox"), &params((id,))).await;
    let kinds = [
        ("Proxy", ProxyKind::AxelarProxy),
        ("InitProxy", ProxyKind::AxelarProxy),
        ("FinalProxy", ProxyKind::AxelarFinal),
    ];
    for (name, kind) in kinds {
        let proxy = if name == "InitProxy" {
            let proxy = world.deploy(&axelar(name), &[]).await;
            let init = initCall {
                implementation: blue,
                owner,
                params: Bytes::new(),
            };
            let creator = world.accounts[0];
            world.act(creator, proxy, &init.abi_encode().into()).await;
            proxy
        } else {
            let arguments = params((blue, owner, Bytes::new()));
            world.deploy(&axelar(name), &arguments).await
        };
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(&found, &expected(kind, true, owner, proxy));
        assert!(says(&found, &id.to_string()));
        assert_calls(&world, &found, blue).await;
        if kind == ProxyKind::AxelarFinal {
            let bytecode = [&compiled("AxelarBox")[..], &params((id,))].concat();
            let last = finalUpgradeCall {
                bytecode: bytecode.into(),
                params: Bytes::new(),
            };
            world.act(owner, proxy, &last.abi_encode().into()).await;
            let found = look(&world, proxy).await;
            assert_nobody_can(&found, kind, "final");
            let runs = found.proxy.unwrap().implementation.address;
            assert!(runs != blue && runs != green);
        }
    }

    // Another id: the way there is shut.
    let other = B256::repeat_byte(0x2d);
    let stranger = world
        .deploy(&compiled("AxelarBox"), &params((other,)))
        .await;
    let arguments = params((blue, owner, Bytes::new()));
    let proxy = world.deploy(&axelar("Proxy"), &arguments).await;
    let path = look(&world, proxy).await.upgrade.unwrap().path;
    let at = CodeAt {
        address: stranger,
        code_hash: keccak256(world.code(stranger).await),
    };
    for step in path.calls(&at, &Bytes::new()).unwrap() {
        let call =
            json!([{"from": step.from, "to": step.call.to, "data": step.call.data}, "latest"]);
        let answer: Result<Bytes, _> = world.node.call("eth_call", call).await;
        assert!(answer.is_err());
    }

    let proxy = world.deploy(&axelar("FixedProxy"), &params((blue,))).await;
    let found = look(&world, proxy).await;
    assert_nobody_can(&found, ProxyKind::AxelarFixed, "fixed in its code");
    assert_eq!(found.proxy.unwrap().implementation.address, blue);
}

#[tokio::test]
async fn the_gateway_of_axelar_obeys_its_governance() {
    let world = World::start().await;
    let governance = world.accounts[7];
    let (module, _) = boxes(&world).await;
    let gateway = |name: &str| {
        let file = format!("artifacts/contracts/{name}.sol/{name}.json");
        published("axelar-gateway", &file)
    };
    let modules = params((module, module));
    let blue = world.deploy(&gateway("AxelarGateway"), &modules).await;
    let green = world.deploy(&gateway("AxelarGateway"), &modules).await;
    let set_up = (governance, world.accounts[8], Bytes::new()).abi_encode_params();
    let proxy = world
        .deploy(
            &gateway("AxelarGatewayProxy"),
            &params((blue, Bytes::from(set_up))),
        )
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(
        &found,
        &expected(ProxyKind::AxelarGateway, true, governance, proxy),
    );
    assert_calls(&world, &found, blue).await;
}

#[tokio::test]
async fn polygon_proxies_are_upgraded_by_their_owner() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    let of_portal = from_source(
        "pos-portal",
        "flat/RootChainManagerProxy.sol",
        "RootChainManagerProxy",
        "0.6.6",
    );
    // The plasma's original is in no package: a contract of our own with its functions.
    let kinds = [
        (of_portal, ProxyKind::PolygonUpgradable, true),
        (compiled("PlasmaProxy"), ProxyKind::Eip897Owned, false),
    ];
    for (code, kind, with_data) in kinds {
        let proxy = world.deploy(&code, &params((blue,))).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(&found, &expected(kind, with_data, owner, proxy));
        let call = updateImplementationCall {
            implementation: blue,
        };
        assert_eq!(calldata(&found), [call.abi_encode()]);
        if with_data {
            assert_initializes(&world, &found, green).await;
        }
    }
}

#[tokio::test]
async fn an_admin_slot_alone_makes_no_transparent_proxy() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let yes = world.deploy(&compiled("Yes"), &[]).await;
    for implementation in [blue, yes] {
        let proxy = world
            .deploy(
                &artifact(OZ4, "ERC1967Proxy"),
                &params((implementation, Bytes::new())),
            )
            .await;
        let admin = world.accounts[3].into_word();
        world.set_slot(proxy, ADMIN_SLOT, admin).await;
        let found = look(&world, proxy).await;
        let facts = found.proxy.unwrap();
        assert_eq!(facts.kind, ProxyKind::Unknown);
        assert_eq!(facts.location, Location::Slot(IMPLEMENTATION_SLOT));
        assert!(found.upgrade.is_none());
    }
}

//! Every kind of proxy `inspect` names, from its published bytecode, on a real chain: what it says is
//! checked against the upgrade itself.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

#[path = "inspect_kinds/aragon.rs"]
mod aragon;
#[path = "inspect_kinds/calls.rs"]
mod calls;
#[path = "inspect_kinds/claims.rs"]
mod claims;
#[path = "inspect_kinds/clones.rs"]
mod clones;
#[path = "inspect_kinds/compound.rs"]
mod compound;
#[path = "inspect_kinds/diamonds.rs"]
mod diamonds;
#[path = "inspect_kinds/erc1967.rs"]
mod erc1967;
#[path = "inspect_kinds/facade.rs"]
mod facade;
#[path = "inspect_kinds/hidden.rs"]
mod hidden;
#[path = "inspect_kinds/history.rs"]
mod history;
#[path = "inspect_kinds/liars.rs"]
mod liars;
#[path = "inspect_kinds/openzeppelin.rs"]
mod openzeppelin;
#[path = "inspect_kinds/plain.rs"]
mod plain;
#[path = "inspect_kinds/protocols.rs"]
mod protocols;
#[path = "inspect_kinds/refusals.rs"]
mod refusals;
#[path = "inspect_kinds/rollups.rs"]
mod rollups;
#[path = "inspect_kinds/safes.rs"]
mod safes;
#[path = "inspect_kinds/selectors.rs"]
mod selectors;
#[path = "inspect_kinds/solady.rs"]
mod solady;
#[path = "inspect_kinds/unknown.rs"]
mod unknown;
#[path = "inspect_kinds/world.rs"]
mod world;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use cutover_inspect::{InspectError, inspect};
use cutover_types::{
    Inspection, Missing, ProxyKind, Verb,
    abi::{ADMIN_SLOT, BEACON_SLOT, IMPLEMENTATION_SLOT, IProxyAdmin},
    inspection::{Location, Possible},
    progress::Silent,
};
use world::{World, artifact, compiled, look, node, params};

const OZ3: &str = "oz-3.4";
const OZ4: &str = "oz-4.9";
const OZ5: &str = "@openzeppelin/contracts";

alloy_sol_types::sol! {
    function initialize(address first) external;
    function transferOwnership(address next) external;
    function changeAdmin(address next) external;
}

/// Looks at `proxy`, upgrades it as `inspect` says, looks again, goes back, looks again.
async fn holds_what_it_says(world: &World, proxy: Address, green: Address) -> Inspection {
    let found = look(world, proxy).await;
    let blue = found.proxy.as_ref().unwrap().implementation.address;
    let Some(upgrade) = found.upgrade.as_ref() else {
        panic!("{found:#?}");
    };
    assert!(upgrade.proven, "{found:#?}");
    assert_eq!(
        found.rollback.as_ref().unwrap().possible,
        Possible::Yes,
        "{found:#?}"
    );
    assert!(found.controllers[0].proven, "{found:#?}");
    for implementation in [green, blue] {
        let path = match implementation == blue {
            true => upgrade.path.back(),
            false => upgrade.path.clone(),
        };
        world.upgrade(&path, implementation).await;
        let after = look(world, proxy).await.proxy.unwrap();
        assert_eq!(after.implementation.address, implementation);
        if upgrade.path.verb == Verb::Steps {
            continue;
        }
        let value: B256 = world
            .node
            .call(
                "eth_getStorageAt",
                serde_json::json!([upgrade.path.holder, upgrade.path.slot, "latest"]),
            )
            .await
            .unwrap();
        assert_eq!(Address::from_word(value), implementation);
    }
    history::told(&look(world, proxy).await, &[green, blue]);
    found
}

struct Expected {
    kind: ProxyKind,
    verb: Verb,
    with_data: Option<Verb>,
    from: Address,
    to: Address,
}

fn assert_found(found: &Inspection, expected: &Expected) {
    let upgrade = found.upgrade.as_ref().unwrap();
    assert_eq!(
        found.proxy.as_ref().unwrap().kind,
        expected.kind,
        "{found:#?}"
    );
    assert_eq!(upgrade.path.verb, expected.verb, "{found:#?}");
    assert_eq!(upgrade.path.verb_with_data, expected.with_data);
    assert_eq!(upgrade.path.from, expected.from, "{found:#?}");
    assert_eq!(upgrade.path.to, expected.to);
}

fn through_admin(kind: ProxyKind, verb: Verb, from: Address, admin: Address) -> Expected {
    Expected {
        kind,
        verb,
        with_data: Some(Verb::AdminUpgradeAndCall),
        from,
        to: admin,
    }
}

async fn boxes(world: &World) -> (Address, Address) {
    (
        world.deploy(&compiled("Box"), &[]).await,
        world.deploy(&compiled("Box2"), &[]).await,
    )
}

fn hex(text: &str) -> Bytes {
    text.parse().unwrap()
}

async fn uups(world: &World, name: &str, first: Address) -> (Address, Address) {
    let blue = world.deploy(&compiled(name), &[]).await;
    let green = world.deploy(&compiled(name), &[]).await;
    let data = Bytes::from(initializeCall { first }.abi_encode());
    let proxy = world
        .deploy(&artifact(OZ4, "ERC1967Proxy"), &params((blue, data)))
        .await;
    (proxy, green)
}

const SLOTS: &[&str] = &["eth_getStorageAt"];
const ACCOUNTS: &[&str] = &[
    "eth_getBalance",
    "eth_getTransactionCount",
    "eth_getCode",
    "eth_getAccountInfo",
];

async fn through_pruned(
    world: &World,
    proxy: Address,
    methods: &'static [&'static str],
    refused: impl ToString,
) -> Result<Inspection, InspectError> {
    let part = refused.to_string().to_lowercase();
    let port = facade::refusing(world.port, methods, vec![part]);
    inspect(&node(port), proxy, None, &Silent).await
}

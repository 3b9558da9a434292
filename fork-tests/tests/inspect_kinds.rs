//! Every kind of proxy `inspect` names, from its published bytecode, on a real chain: what it says is
//! checked against the upgrade itself.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

#[path = "inspect_kinds/aragon.rs"]
mod aragon;
#[path = "inspect_kinds/calls.rs"]
mod calls;
#[path = "inspect_kinds/clones.rs"]
mod clones;
#[path = "inspect_kinds/compound.rs"]
mod compound;
#[path = "inspect_kinds/diamonds.rs"]
mod diamonds;
#[path = "inspect_kinds/erc1967.rs"]
mod erc1967;
#[path = "inspect_kinds/plain.rs"]
mod plain;
#[path = "inspect_kinds/protocols.rs"]
mod protocols;
#[path = "inspect_kinds/pruned.rs"]
mod pruned;
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

#[tokio::test]
async fn transparent_proxies_of_3_and_4_are_upgraded_through_their_proxy_admin() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    for package in [OZ3, OZ4] {
        let admin = world.deploy(&artifact(package, "ProxyAdmin"), &[]).await;
        let proxy = world
            .deploy(
                &artifact(package, "TransparentUpgradeableProxy"),
                &params((blue, admin, Bytes::new())),
            )
            .await;
        let found = holds_what_it_says(&world, proxy, green).await;
        let owner = world.accounts[0];
        assert_found(
            &found,
            &through_admin(ProxyKind::Transparent, Verb::AdminUpgrade, owner, admin),
        );
        assert_eq!(found.controllers[0].kind, "proxy-admin");
        assert_eq!(found.controllers[0].members[0].kind, "eoa");
        assert!(found.controllers[0].members[0].proven);
        let history = look(&world, proxy).await.history;
        let ran: Vec<_> = history.iter().map(|entry| entry.implementation).collect();
        // The constructor of 3.x says nothing.
        let constructed = if package == OZ3 { 0 } else { 1 };
        assert_eq!(
            ran,
            [[blue].as_slice(), &[green, blue]].concat()[1 - constructed..]
        );
    }
}

#[tokio::test]
async fn a_transparent_proxy_with_a_bare_admin_is_upgraded_by_it() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let admin = world.accounts[3];
    for package in [OZ3, OZ4] {
        let proxy = world
            .deploy(
                &artifact(package, "TransparentUpgradeableProxy"),
                &params((blue, admin, Bytes::new())),
            )
            .await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &Expected {
                kind: ProxyKind::Transparent,
                verb: Verb::UpgradeTo,
                with_data: Some(Verb::UpgradeToAndCall),
                from: admin,
                to: proxy,
            },
        );
        assert_eq!(found.controllers[0].kind, "eoa");
    }
}

#[tokio::test]
async fn a_transparent_proxy_of_5_obeys_the_admin_in_its_code_whatever_the_slot_says() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[2];
    let proxy = world
        .deploy(
            &artifact(OZ5, "TransparentUpgradeableProxy"),
            &params((blue, owner, Bytes::new())),
        )
        .await;
    let admin = proxy.create(1);
    let expected = through_admin(
        ProxyKind::TransparentV5,
        Verb::AdminUpgradeAndCall,
        owner,
        admin,
    );
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(&found, &expected);
    assert!(found.proxy.unwrap().conflicts.is_empty());

    let liar = world.accounts[5];
    world.set_slot(proxy, ADMIN_SLOT, liar.into_word()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(&found, &expected);
    let facts = found.proxy.unwrap();
    assert_eq!(facts.admin, Some(admin));
    assert!(facts.conflicts[0].contains(&liar.to_string()), "{facts:#?}");
}

#[tokio::test]
async fn a_proxy_admin_of_5_over_a_proxy_of_4_is_not_proven_and_says_why() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let owner = world.accounts[0];
    let admin = world
        .deploy(&artifact(OZ5, "ProxyAdmin"), &params((owner,)))
        .await;
    let proxy = world
        .deploy(
            &artifact(OZ4, "TransparentUpgradeableProxy"),
            &params((blue, admin, Bytes::new())),
        )
        .await;
    let found = look(&world, proxy).await;
    let verb = Verb::AdminUpgradeAndCall;
    assert_found(
        &found,
        &through_admin(ProxyKind::Transparent, verb, owner, admin),
    );
    let upgrade = found.upgrade.unwrap();
    assert!(!upgrade.proven);
    assert!(upgrade.why.unwrap().contains("reverts"));
    assert_eq!(found.rollback.unwrap().possible, Possible::Unknown);
}

#[tokio::test]
async fn zos_proxies_are_upgraded_by_their_admin_or_its_proxy_admin() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let creator = world.accounts[0];
    let proxy = world
        .deploy(
            &artifact("zos-lib", "AdminUpgradeabilityProxy"),
            &params((blue,)),
        )
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let mut expected = Expected {
        kind: ProxyKind::ZosAdmin,
        verb: Verb::UpgradeTo,
        with_data: Some(Verb::UpgradeToAndCall),
        from: creator,
        to: proxy,
    };
    assert_found(&found, &expected);
    assert_eq!(found.proxy.unwrap().admin, Some(creator));

    let admin = world.deploy(&artifact(OZ3, "ProxyAdmin"), &[]).await;
    let change = changeAdminCall { next: admin }.abi_encode();
    world.act(creator, proxy, &change.into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    expected = through_admin(ProxyKind::ZosAdmin, Verb::AdminUpgrade, creator, admin);
    assert_found(&found, &expected);
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

#[tokio::test]
async fn uups_proxies_are_upgraded_by_whom_the_implementation_obeys() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let cases = [
        ("Owned4", ProxyKind::UupsV45, Verb::UpgradeTo),
        ("Owned5", ProxyKind::UupsV5, Verb::UpgradeToAndCall),
        ("Roles4", ProxyKind::UupsV45, Verb::UpgradeTo),
        ("Roles5", ProxyKind::UupsV5, Verb::UpgradeToAndCall),
        ("Hidden5", ProxyKind::UupsV5, Verb::UpgradeToAndCall),
    ];
    for (name, kind, verb) in cases {
        let (proxy, green) = uups(&world, name, boss).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        let with_data = Some(Verb::UpgradeToAndCall);
        let expected = Expected {
            kind,
            verb,
            with_data,
            from: boss,
            to: proxy,
        };
        assert_found(&found, &expected);
    }
}

#[tokio::test]
async fn a_shut_way_back_and_a_frozen_implementation_are_said() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let (proxy, _) = uups(&world, "OneWay5", boss).await;
    let found = look(&world, proxy).await;
    assert!(found.upgrade.unwrap().proven);
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("only once"));

    let (proxy, _) = uups(&world, "Frozen5", boss).await;
    let found = look(&world, proxy).await;
    let upgrade = found.upgrade.unwrap();
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::UupsV5);
    assert!(!upgrade.proven);
    assert!(upgrade.why.unwrap().contains("frozen"));
}

#[tokio::test]
async fn beacon_proxies_are_upgraded_at_their_beacon() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    for package in [OZ3, OZ4, OZ5] {
        let arguments = match package {
            OZ5 => params((blue, owner)),
            _ => params((blue,)),
        };
        let beacon = world
            .deploy(&artifact(package, "UpgradeableBeacon"), &arguments)
            .await;
        let proxy = world
            .deploy(
                &artifact(package, "BeaconProxy"),
                &params((beacon, Bytes::new())),
            )
            .await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &Expected {
                kind: ProxyKind::BeaconProxy,
                verb: Verb::BeaconUpgradeTo,
                with_data: None,
                from: owner,
                to: beacon,
            },
        );
        assert_eq!(found.upgrade.as_ref().unwrap().path.holder, beacon);
        assert_eq!(found.controllers[0].kind, "beacon");
        let facts = found.proxy.unwrap();
        assert_eq!(facts.beacon, Some(beacon));
        assert_eq!(facts.location, Location::Call(beacon));

        if package == OZ5 {
            let liar = Address::repeat_byte(0x77);
            world.set_slot(proxy, BEACON_SLOT, liar.into_word()).await;
            let facts = look(&world, proxy).await.proxy.unwrap();
            assert_eq!(facts.beacon, Some(beacon));
            assert!(facts.conflicts[0].contains(&liar.to_string()));
        }
    }
}

#[tokio::test]
async fn the_controller_tree_names_multisigs_and_timelocks() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let owners = world.accounts[1..4].to_vec();
    let safe = world
        .deploy(&compiled("Multisig"), &params((owners.clone(),)))
        .await;
    let nobody = Vec::<Address>::new();
    let timelock = world
        .deploy(
            &artifact(OZ4, "TimelockController"),
            &params((U256::from(3600), nobody.clone(), nobody, safe)),
        )
        .await;
    for (owner, kind) in [(safe, "multisig"), (timelock, "timelock")] {
        let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
        let proxy = world
            .deploy(
                &artifact(OZ4, "TransparentUpgradeableProxy"),
                &params((blue, admin, Bytes::new())),
            )
            .await;
        let hand_over = transferOwnershipCall { next: owner }.abi_encode();
        world.act(world.accounts[0], admin, &hand_over.into()).await;
        let found = look(&world, proxy).await;
        let upgrade = found.upgrade.unwrap();
        assert!(upgrade.proven);
        assert_eq!((upgrade.from, upgrade.to), (owner, admin));
        let owner = &found.controllers[0].members[0];
        assert_eq!(owner.kind, kind);
        assert!(owner.proven);
        if kind == "multisig" {
            assert_eq!(owner.threshold, Some(2));
            let members: Vec<_> = owner.members.iter().map(|m| m.address).collect();
            assert_eq!(members, owners);
            assert!(owner.members.iter().all(|m| m.kind == "eoa" && !m.proven));
        } else {
            assert_eq!(owner.delay_seconds, Some(3600));
        }
    }
}

#[tokio::test]
async fn an_implementation_that_accepts_everything_proves_nothing() {
    let world = World::start().await;
    let yes = world.deploy(&compiled("Yes"), &[]).await;
    // Not transparent, not UUPS: the upgrade call would reach the implementation and "succeed".
    let proxy = world
        .deploy(&artifact(OZ4, "ERC1967Proxy"), &params((yes, Bytes::new())))
        .await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Unknown);
    assert_eq!(facts.implementation.address, yes);
    assert!(found.upgrade.is_none());
}

fn hex(text: &str) -> Bytes {
    text.parse().unwrap()
}

#[tokio::test]
async fn contracts_and_accounts_that_forward_nothing_are_no_proxies() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let registry = world.deploy(&compiled("Registry"), &params((blue,))).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let implementation = world.deploy(&compiled("Owned5"), &[]).await;
    let nobody = Address::repeat_byte(0x42);
    for account in [
        blue,
        registry,
        admin,
        implementation,
        world.accounts[1],
        nobody,
    ] {
        let found = look(&world, account).await;
        assert!(
            found.proxy.is_none() && found.upgrade.is_none(),
            "{found:#?}"
        );
        assert!(!found.notes.is_empty());
    }
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_no_answer() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nowhere.local_addr().unwrap().port();
    drop(nowhere);
    let proxy = Address::repeat_byte(0x42);
    let error = inspect(&node(port), proxy, None, &Silent)
        .await
        .unwrap_err();
    assert!(matches!(error, InspectError::Chain { .. }), "{error}");
    assert!(error.to_string().contains("cannot tell"));
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
    let port = pruned::refusing(world.port, methods, vec![part]);
    inspect(&node(port), proxy, None, &Silent).await
}

#[tokio::test]
async fn what_a_pruned_node_refuses_is_named_and_the_rest_is_still_told() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let owner = world.accounts[0];
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let proxy = world
        .deploy(
            &artifact(OZ4, "TransparentUpgradeableProxy"),
            &params((blue, admin, Bytes::new())),
        )
        .await;

    // What decides whether it is a proxy.
    for slot in [IMPLEMENTATION_SLOT, ADMIN_SLOT] {
        let error = through_pruned(&world, proxy, SLOTS, slot)
            .await
            .unwrap_err();
        let named = Missing::Slot {
            address: proxy,
            slot,
        };
        assert!(
            matches!(error, InspectError::CannotTell { missing, .. } if missing == named),
            "{error}"
        );
        assert!(error.to_string().contains(&slot.to_string()));
    }
    let error = through_pruned(&world, proxy, ACCOUNTS, proxy)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(&format!("account {proxy}")),
        "{error}"
    );

    // What decides only who may upgrade.
    let found = through_pruned(&world, proxy, ACCOUNTS, admin)
        .await
        .unwrap();
    let facts = found.proxy.unwrap();
    assert_eq!(
        (facts.kind, facts.admin),
        (ProxyKind::Transparent, Some(admin))
    );
    assert_eq!(facts.implementation.address, blue);
    assert!(
        found.notes[0].contains(&admin.to_string()),
        "{:?}",
        found.notes
    );
    assert!(found.upgrade.unwrap().why.unwrap().contains("assumes"));

    let slot_of_owner = format!("\"{admin}\"").to_lowercase();
    let found = through_pruned(&world, proxy, SLOTS, slot_of_owner)
        .await
        .unwrap();
    let upgrade = found.upgrade.unwrap();
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Transparent);
    assert!(!upgrade.proven);
    assert!(upgrade.why.unwrap().contains(&admin.to_string()));

    // The owner only pays.
    let found = through_pruned(&world, proxy, ACCOUNTS, owner)
        .await
        .unwrap();
    let upgrade = found.upgrade.unwrap();
    assert!(upgrade.proven && upgrade.why.unwrap().contains("can pay"));

    let (proxy, _) = uups(&world, "Owned5", owner).await;
    let slot_of_owner = format!("\"{}\"", B256::ZERO);
    let found = through_pruned(&world, proxy, SLOTS, slot_of_owner)
        .await
        .unwrap();
    let upgrade = found.upgrade.unwrap();
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::UupsV5);
    assert_eq!(upgrade.path.verb, Verb::UpgradeToAndCall);
    assert!(!upgrade.proven);
    assert!(
        upgrade
            .why
            .unwrap()
            .contains(&format!("slot {} of {proxy}", B256::ZERO))
    );
}

#[tokio::test]
async fn the_requests_for_recording_are_the_upgrade_calls() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let proxy = world
        .deploy(
            &artifact(OZ4, "TransparentUpgradeableProxy"),
            &params((blue, admin, Bytes::new())),
        )
        .await;
    let found = look(&world, proxy).await;
    let path = found.upgrade.unwrap().path;
    let runs = found.proxy.unwrap().implementation;
    assert_eq!(runs.address, blue);
    let requests = cutover_inspect::upgrade_requests(&path, &runs);
    let selectors: Vec<_> = requests
        .iter()
        .map(|request| request.data[..4].to_vec())
        .collect();
    assert_eq!(
        selectors,
        [
            IProxyAdmin::upgradeCall::SELECTOR.to_vec(),
            IProxyAdmin::upgradeAndCallCall::SELECTOR.to_vec()
        ]
    );
    assert!(
        requests
            .iter()
            .all(|r| r.from == world.accounts[0] && r.to == Some(admin))
    );
}

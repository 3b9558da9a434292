//! Many proxies at once: what is said of each is what `inspect` says of it alone, for a few round trips a
//! hundred.
#![allow(
    clippy::unwrap_used,
    clippy::result_large_err,
    missing_docs,
    unreachable_pub,
    dead_code
)]

#[path = "inspect_kinds/facade.rs"]
mod facade;
#[path = "inspect_fleet/logs.rs"]
mod logs;
#[path = "inspect_kinds/world.rs"]
mod world;

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{SolCall, SolValue};
use cutover_inspect::{
    InspectError,
    fleet::{Fleet, FleetOptions, named_by_factory, users_of_beacon},
    inspect,
};
use cutover_types::{
    ProxyKind,
    fleet::{FleetAnswer, FleetMember, FleetSummary, Upgrader},
    progress::Silent,
};
use world::{World, artifact, compiled};

const OZ4: &str = "oz-4.9";
const OZ5: &str = "@openzeppelin/contracts";

alloy_sol_types::sol! {
    function clones(address target, uint256 count) external;
    function proxies(address beacon, uint256 count) external;
    function boast(address beacon) external;
    function initialize(address first) external;
}

async fn looked(
    fleet: &Fleet,
    addresses: &[Address],
    options: FleetOptions,
) -> (Vec<FleetMember>, FleetSummary) {
    let mut members = Vec::new();
    let mut each = |member: &FleetMember| {
        members.push(member.clone());
        Ok::<_, InspectError>(())
    };
    let summary = fleet.look(addresses, options, &Silent, &mut each).await;
    (members, summary.unwrap())
}

async fn open(world: &World) -> Fleet {
    Fleet::open(&world.node, Address::ZERO, None).await.unwrap()
}

const PROXIES: FleetOptions = FleetOptions {
    prove: false,
    beacon: None,
    proxies_only: true,
};

#[tokio::test]
async fn a_factory_s_clones_cost_a_few_round_trips_a_hundred() {
    let world = World::start().await;
    let target = world.deploy(&compiled("Box"), &[]).await;
    let factory = world.deploy(&compiled("Factory"), &[]).await;
    for _ in 0..3 {
        let count = alloy_primitives::U256::from(100);
        let data = clonesCall { target, count }.abi_encode().into();
        world.act(world.accounts[0], factory, &data).await;
    }
    let fleet = open(&world).await;
    let named = named_by_factory(&fleet, factory, 0, &Silent).await.unwrap();
    let before = world.node.stats().calls;
    let (members, summary) = looked(&fleet, &named, PROXIES).await;
    let calls = world.node.stats().calls - before;
    assert_eq!((summary.proxies, summary.could_not_tell), (300, 0));
    // Who made them is in the logs, too, and is no contract.
    assert_eq!(summary.dismissed, 1);
    assert_eq!(summary.groups.len(), 1, "{:?}", summary.groups);
    assert_eq!(summary.groups[0].kind, Some(ProxyKind::Eip1167));
    assert_eq!(summary.groups[0].implementation, Some(target));
    // That is not that nobody was found.
    assert_eq!(summary.groups[0].upgrader, Some(Upgrader::Nobody));
    assert_eq!(members.len(), 300);
    assert!(
        members
            .iter()
            .all(|member| member.answer == FleetAnswer::Proxy)
    );
    assert!(fleet.round_trips() <= 6, "{}", fleet.round_trips());
    assert!(calls <= 301 + 10, "{calls}");
    assert!(fleet.has_code(factory).await.unwrap());
    assert!(!fleet.has_code(world.accounts[0]).await.unwrap());
}

#[tokio::test]
async fn a_beacon_s_proxies_are_found_by_their_logs_and_confirmed() {
    let world = World::start().await;
    let target = world.deploy(&compiled("Box"), &[]).await;
    let owner = world.accounts[0];
    let creation = artifact(OZ5, "UpgradeableBeacon");
    let arguments = (target, owner).abi_encode_params();
    let beacon = world.deploy(&creation, &arguments).await;
    let factory = world.deploy(&compiled("Factory"), &[]).await;
    for _ in 0..4 {
        let count = alloy_primitives::U256::from(50);
        let data = proxiesCall { beacon, count }.abi_encode().into();
        world.act(owner, factory, &data).await;
    }
    let boaster = world.deploy(&compiled("Boaster"), &[]).await;
    let data = boastCall { beacon }.abi_encode().into();
    world.act(owner, boaster, &data).await;
    let fleet = open(&world).await;
    let found = users_of_beacon(&fleet, beacon, 0, &Silent).await.unwrap();
    assert_eq!(found.len(), 201);
    let options = FleetOptions {
        beacon: Some(beacon),
        ..PROXIES
    };
    let before = world.node.stats().calls;
    let (members, summary) = looked(&fleet, &found, options).await;
    let calls = world.node.stats().calls - before;
    assert_eq!((summary.proxies, summary.dismissed), (200, 1));
    assert_eq!(summary.groups.len(), 1, "{:?}", summary.groups);
    assert_eq!(summary.groups[0].kind, Some(ProxyKind::BeaconProxy));
    assert_eq!(summary.groups[0].implementation, Some(target));
    assert_eq!(summary.groups[0].controller, Some(beacon));
    assert!(members.iter().all(|member| member.address != boaster));
    assert!(fleet.round_trips() <= 12, "{}", fleet.round_trips());
    assert!(calls <= 2 * 201 + 40, "{calls}");
    assert!(fleet.still_there().await.unwrap());
}

#[tokio::test]
async fn each_of_a_mixed_list_is_what_it_is_alone() {
    let world = World::start().await;
    let owner = world.accounts[0];
    let target = world.deploy(&compiled("Box"), &[]).await;
    let transparent = world.transparent(OZ5, target, owner).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let older = world.transparent(OZ4, target, admin).await;
    let mut list = vec![owner, transparent, target, older];
    for name in ["Owned4", "Owned5"] {
        let logic = world.deploy(&compiled(name), &[]).await;
        let data: Bytes = initializeCall { first: owner }.abi_encode().into();
        let arguments = (logic, data).abi_encode_params();
        let creation = artifact(OZ5, "ERC1967Proxy");
        list.push(world.deploy(&creation, &arguments).await);
    }
    // Of nobody, so it is whose who comes first.
    let logic = world.deploy(&compiled("Owned5"), &[]).await;
    let arguments = (logic, Bytes::new()).abi_encode_params();
    let taken = world
        .deploy(&artifact(OZ5, "ERC1967Proxy"), &arguments)
        .await;
    let proven = FleetOptions {
        prove: true,
        ..FleetOptions::default()
    };
    let taken = [taken];
    let (members, _) = looked(&open(&world).await, &taken, proven).await;
    assert_eq!(members[0].upgrader, Some(Upgrader::Anyone), "{members:#?}");

    let fleet = open(&world).await;
    for prove in [false, true] {
        let options = FleetOptions {
            prove,
            ..FleetOptions::default()
        };
        let (members, summary) = looked(&fleet, &list, options).await;
        assert_eq!((summary.proxies, summary.not_proxies), (4, 2));
        assert_eq!(members.len(), list.len());
        for (member, address) in members.iter().zip(&list) {
            assert_eq!(member.address, *address);
            let mut alone = inspect(&world.node, *address, None, &Silent).await.unwrap();
            // One more round trip for each, which a fleet does not make.
            alone.header_proof = None;
            let facts = alone.proxy.as_ref();
            assert_eq!(member.kind, facts.map(|facts| facts.kind));
            let runs = facts.map(|facts| facts.implementation.clone());
            assert_eq!(member.implementation, runs);
            let root = alone.controllers.first().map(|root| root.address);
            assert_eq!(member.controller, root, "{address}");
            if prove {
                assert_eq!(member.inspection.as_deref(), Some(&alone));
                assert_eq!(member.proven, facts.is_some());
            }
        }
    }
}

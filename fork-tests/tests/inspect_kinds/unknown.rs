//! Proxies of no kind that is known: their upgrade is told from executing their own functions, and only
//! where one function does it.

use super::{boxes, holds_what_it_says, look, params};
use crate::world::{OWNER, World, compile};
use alloy_primitives::{Bytes, hex};
use alloy_sol_types::SolCall;
use cutover_types::{ProxyKind, Verb, inspection::Possible};
use std::{collections::BTreeMap, sync::OnceLock};

alloy_sol_types::sol! {
    function repoint(address next) external;
    function exchange(address next, bytes data) external;
}

fn ours(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let files = [
        OWNER,
        ("Plain.sol", include_str!("Plain.sol")),
        ("Unknown.sol", include_str!("Unknown.sol")),
    ];
    OUTPUT.get_or_init(|| compile(&files))[name].clone()
}

fn named(selector: [u8; 4]) -> String {
    hex::encode_prefixed(selector)
}

#[tokio::test]
async fn the_one_function_that_writes_the_implementation_is_found_by_executing_it() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let boss = world.accounts[4];
    for (contract, selector) in [
        ("RememberingProxy", repointCall::SELECTOR),
        ("DataProxy", exchangeCall::SELECTOR),
    ] {
        let proxy = world.deploy(&ours(contract), &params((blue, boss))).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        let facts = found.proxy.as_ref().unwrap();
        assert_eq!(facts.kind, ProxyKind::Unknown, "{contract}");
        assert_eq!(facts.admin, Some(boss));
        let upgrade = found.upgrade.as_ref().unwrap();
        assert_eq!(upgrade.verb, named(selector));
        assert_eq!((upgrade.from, upgrade.to), (boss, proxy));
        assert_eq!(upgrade.data[..4], selector);
        let said = |text: &str| found.notes.iter().any(|note| note.contains(text));
        assert!(said(&named(selector)), "{:?}", found.notes);
        assert_eq!(
            said("it writes 2 other slots of the proxy too"),
            contract == "RememberingProxy",
            "{:?}",
            found.notes
        );
    }
}

#[tokio::test]
async fn of_several_functions_none_is_taken_and_a_way_that_shuts_is_said_to() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let boss = world.accounts[4];
    let arguments = params((blue, boss));
    let proxy = world.deploy(&ours("AmbiguousProxy"), &arguments).await;
    let found = look(&world, proxy).await;
    assert!(found.upgrade.is_none(), "{found:#?}");
    assert_eq!(found.rollback.unwrap().possible, Possible::Unknown);
    let several = |note: &String| {
        note.contains("several of its functions") && note.contains(&named(repointCall::SELECTOR))
    };
    assert!(found.notes.iter().any(several), "{:?}", found.notes);

    let proxy = world.deploy(&ours("OnceProxy"), &arguments).await;
    let found = look(&world, proxy).await;
    assert!(found.upgrade.unwrap().proven);
    assert_eq!(found.rollback.unwrap().possible, Possible::No);

    // Nothing of its own: what is known is said.
    let proxy = world.deploy(&ours("OddProxy"), &arguments).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Unknown);
    assert!(found.upgrade.is_none());
    let why = "no function was found in its own code";
    assert!(found.notes.iter().any(|note| note.contains(why)));
}

#[tokio::test]
async fn a_beacon_in_its_slot_is_one_whatever_it_is_asked() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let keeper = world.accounts[4];
    let beacon = world
        .deploy(&ours("StatusBeacon"), &params((blue, keeper)))
        .await;
    let proxy = world.deploy(&ours("StatusProxy"), &params((beacon,))).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::BeaconProxy);
    assert_eq!(facts.beacon, Some(beacon));
    let upgrade = found.upgrade.unwrap();
    assert_eq!(upgrade.path.verb, Verb::BeaconUpgradeTo);
    assert_eq!((upgrade.from, upgrade.to), (keeper, beacon));
}

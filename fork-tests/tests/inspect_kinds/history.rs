//! Former implementations: from events, as far as the slot held what they say, and from the slot.

use super::{OZ5, boxes, look, params};
use crate::world::{World, artifact, compiled};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{Inspection, ProxyKind, inspection::HistorySource};

alloy_sol_types::sol! {
    function claim(address implementation) external;
}

/// Kinds whose set-ups say what they are given by events of their own.
const BY_EVENTS: [ProxyKind; 12] = [
    ProxyKind::ArbitrumDoubleLogic,
    ProxyKind::CeloProxy,
    ProxyKind::CompoundDelegator,
    ProxyKind::CompoundGovernorDelegator,
    ProxyKind::DecentralandStorage,
    ProxyKind::Eip173,
    ProxyKind::EternalStorage,
    ProxyKind::GraphProxy,
    ProxyKind::KeepTimelock,
    ProxyKind::PolygonUpgradable,
    ProxyKind::SynthetixCallProxy,
    ProxyKind::Transparent,
];

/// Insists on the last that it ran.
pub fn told(found: &Inspection, last: &[Address]) {
    let kind = found.proxy.as_ref().unwrap().kind;
    // Its implementations are versions, and the default is one of several slots.
    if kind == ProxyKind::Erc7936 {
        return;
    }
    let history = &found.history;
    let ran: Vec<_> = history.iter().map(|entry| entry.implementation).collect();
    assert!(ran.ends_with(last), "{kind:?}: {ran:?}, {:?}", found.notes);
    if BY_EVENTS.contains(&kind) {
        let by_event = |found| found == HistorySource::Event;
        assert!(
            history.iter().all(|entry| by_event(entry.found)),
            "{kind:?}: {history:?}"
        );
    }
}

#[tokio::test]
async fn events_that_the_slot_contradicts_are_not_believed() {
    let world = World::start().await;
    let (_, green) = boxes(&world).await;
    let blue = world.deploy(&compiled("Claimer"), &[]).await;
    let creation = artifact(OZ5, "ERC1967Proxy");
    let arguments = params((blue, Bytes::new()));
    let proxy = world.deploy(&creation, &arguments).await;
    let sources = |found: &Inspection| -> Vec<_> {
        let history = found.history.iter();
        history
            .map(|entry| (entry.implementation, entry.found))
            .collect()
    };
    let found = look(&world, proxy).await;
    assert_eq!(sources(&found), [(blue, HistorySource::Event)]);
    for implementation in [green, blue] {
        let data = claimCall { implementation }.abi_encode().into();
        world.act(world.accounts[0], proxy, &data).await;
    }
    let found = look(&world, proxy).await;
    assert_eq!(sources(&found), [(blue, HistorySource::Search)]);
    let said = |note: &String| note.contains("its events are not what its slot held");
    assert!(found.notes.iter().any(said), "{:?}", found.notes);
}

#[tokio::test]
async fn what_ran_before_the_first_event_is_said() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    // Its constructor emits nothing.
    let creation = artifact("zos-lib", "AdminUpgradeabilityProxy");
    let proxy = world.deploy(&creation, &params((blue,))).await;
    let found = look(&world, proxy).await;
    world.upgrade(&found.upgrade.unwrap().path, green).await;
    let found = look(&world, proxy).await;
    told(&found, &[green]);
    assert_eq!(found.history.len(), 1);
    let first = format!("{blue:#x}").to_lowercase();
    let said =
        |note: &String| note.contains("before its first event") && note.contains(&first[2..]);
    assert!(found.notes.iter().any(said), "{:?}", found.notes);
}

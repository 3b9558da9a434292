//! Former implementations.

use super::{
    contract,
    world::{World, artifact, look},
};
use cutover_types::{abi::IMPLEMENTATION_SLOT, inspection::HistorySource};

#[tokio::test]
async fn former_implementations_are_found_in_the_slot_where_no_event_tells() {
    let world = World::start().await;
    let blue = world.deploy(&contract("Box"), &[]).await;
    let green = world.deploy(&contract("Box"), &[]).await;
    let admin = world.deploy(&artifact("oz-3.4", "ProxyAdmin"), &[]).await;
    // The constructor of 3.x says nothing.
    let proxy = world.transparent("oz-3.4", blue, admin).await;
    let made: u64 = look(&world, proxy).await.block.number;
    for _ in 0..20 {
        let _: serde_json::Value = world
            .node
            .call("anvil_mine", serde_json::json!([]))
            .await
            .unwrap();
    }
    // And this neither.
    world
        .set_slot(proxy, IMPLEMENTATION_SLOT, green.into_word())
        .await;
    let found = look(&world, proxy).await;
    let seen: Vec<_> = found
        .history
        .iter()
        .map(|entry| {
            (
                entry.implementation,
                entry.block,
                entry.transaction,
                entry.found,
            )
        })
        .collect();
    assert_eq!(
        seen[0],
        (blue, made, None, HistorySource::Search),
        "{found:#?}"
    );
    assert_eq!((seen[1].0, seen.len()), (green, 2), "{found:#?}");
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("not from events")),
        "{:?}",
        found.notes
    );
}

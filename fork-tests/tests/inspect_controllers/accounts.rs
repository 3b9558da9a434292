//! Accounts that may be more than a key.

use super::{controlled_by, holder, world::World};
use alloy_primitives::address;

#[tokio::test]
async fn on_a_rollup_an_account_that_never_sent_may_be_a_contract_below() {
    let world = World::start_with(&["--chain-id", "10"]).await;
    let alias = address!("36BDE71C97B33Cc4729cf772aE268934f7AB70B2");
    let found = controlled_by(&world, alias).await;
    let seen = holder(&found);
    let below = "0x25ace71c97B33Cc4729CF772ae268934F7ab5fA1";
    assert_eq!((seen.kind.as_str(), seen.address), ("eoa", alias));
    assert_eq!(seen.facts["may be alias of"], below);
    let says = |text: &str| seen.notes.iter().any(|note| note.contains(text));
    assert!(says("of the chain below"), "{seen:#?}");
    // Who has sent something here has a key.
    let found = controlled_by(&world, world.accounts[0]).await;
    assert!(holder(&found).notes.is_empty(), "{found:#?}");
}

//! Nodes that do not answer, or not everything: what is missing is named, and never taken for an answer.

use super::*;
use cutover_types::inspection::HeaderProof;
use serde_json::{Value, json};

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

#[tokio::test]
async fn what_a_pruned_node_refuses_is_named_and_the_rest_is_still_told() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let owner = world.accounts[0];
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let proxy = world.transparent(OZ4, blue, admin).await;

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
async fn what_a_node_says_is_held_against_the_header() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let admin = world.accounts[7];
    let proxy = world.transparent(OZ4, blue, admin).await;
    let honest = look(&world, proxy).await;
    assert_eq!(honest.header_proof, Some(HeaderProof::Checked));

    // It names no client, and says this instead of the truth.
    let through = |method: &'static str, part: String, lie: Option<Value>| {
        let part = part.to_lowercase();
        facade::before(world.port, move |call, upstream| {
            let about = call["params"].to_string().to_lowercase().contains(&part);
            if call["method"] == "web3_clientVersion" {
                return json!({"jsonrpc": "2.0", "id": call["id"], "result": "Geth/v1.99"});
            }
            if call["method"] == "eth_getAccountInfo" {
                return facade::refusal(call, "no such method");
            }
            match &lie {
                Some(lie) if call["method"] == method && about => {
                    json!({"jsonrpc": "2.0", "id": call["id"], "result": lie})
                }
                None if call["method"] == method => facade::refusal(call, "no such method"),
                _ => upstream(call),
            }
        })
    };
    let none = through("eth_getProof", String::new(), None);
    let found = inspect(&node(none), proxy, None, &Silent).await.unwrap();
    assert_eq!(found.header_proof, Some(HeaderProof::NotGiven));

    let word = json!(green.into_word());
    for (method, part, lie) in [
        ("eth_getCode", proxy.to_string(), json!("0x")),
        ("eth_getStorageAt", IMPLEMENTATION_SLOT.to_string(), word),
        ("eth_getCode", blue.to_string(), json!("0x00")),
    ] {
        let port = through(method, part, Some(lie));
        let answer = inspect(&node(port), proxy, None, &Silent).await;
        let error = answer.unwrap_err();
        assert!(
            matches!(error, InspectError::Contradicts { .. }),
            "{method}: {error}"
        );
        assert!(error.to_string().contains("contradicts itself"), "{error}");
    }
}

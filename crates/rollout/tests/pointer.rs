//! A journal is a file: the way back it names is only signed when it leads back.
#![allow(clippy::unwrap_used)]

mod world;

use alloy_primitives::{Address, U256};
use cutover_rollout::{Journal, RolloutError};
use cutover_types::{
    Call, RollbackPointer,
    abi::IMPLEMENTATION_SLOT,
    rollout::{Event, Receipt},
};
use world::{Anvil, Asked, BLUE, CHAIN, GREEN, PROXY, events, owner};

const OTHER: Address = Address::repeat_byte(0xe1);

fn upgrade_to(implementation: Address) -> Vec<u8> {
    let mut data = vec![0x36, 0x59, 0xcf, 0xe6];
    data.extend(implementation.into_word());
    data
}

fn pointer(asked: &Asked) -> RollbackPointer {
    let proposal = asked.proposal.clone();
    RollbackPointer {
        proxy: PROXY,
        chain_id: CHAIN,
        holder: proposal.holder,
        slot: proposal.slot,
        offset: 0,
        blue: proposal.blue,
        green: proposal.green,
        from: owner().address(),
        back: proposal.back,
        forward_again: proposal.forward_again,
        back_then: proposal.back_then,
        forward_again_then: proposal.forward_again_then,
    }
}

/// Goes back by a journal with this pointer, the proxy running green.
async fn back(
    anvil: &Anvil,
    asked: &Asked,
    pointer: &RollbackPointer,
) -> Result<Receipt, RolloutError> {
    anvil.set_implementation(GREEN).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let event = Event::Pointer {
        pointer: Box::new(pointer.clone()),
        proposal: Default::default(),
    };
    Journal::open(&path).unwrap().append(event).unwrap();
    let run = asked.rollback(&anvil.node, &path);
    let done = anvil.while_mining(run).await;
    if done.is_err() {
        assert_eq!(events(&path), ["pointer"]);
    }
    done
}

async fn refused(anvil: &Anvil, asked: &Asked, pointer: &RollbackPointer, expected: &str) {
    let error = back(anvil, asked, pointer).await.unwrap_err();
    assert!(matches!(error, RolloutError::Refused(_)), "{error}");
    assert!(!error.is_inconclusive(), "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pointer_is_held_against_what_replay_executed() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    anvil.set_code(OTHER, &[0x00, 0xe1]).await;
    let asked = Asked::new();
    let genuine = pointer(&asked);
    type Edit = fn(&mut RollbackPointer);
    let edits: [(Edit, &str); 5] = [
        (
            |p| p.back.data = upgrade_to(OTHER).into(),
            "pointer's back.data is",
        ),
        (|p| p.back.to = OTHER, "executed here, the way back leaves"),
        (
            |p| p.back.value = U256::ONE,
            "pointer's back.value is 1, replay.json has 0",
        ),
        (|p| p.blue.address = OTHER, "pointer's blue.address is"),
        (
            |p| {
                p.back_then = vec![cutover_types::StepCall {
                    from: owner().address(),
                    call: Call::new(OTHER, vec![1]),
                    wait_seconds: 0,
                }];
            },
            "pointer's back_then is",
        ),
    ];
    for (edit, expected) in edits {
        let mut edited = genuine.clone();
        edit(&mut edited);
        refused(&anvil, &asked, &edited, expected).await;
    }
    assert_eq!(anvil.nonce(owner().address()).await, 0);
    back(&anvil, &asked, &genuine).await.unwrap();
    assert_eq!(anvil.implementation().await, BLUE);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_replay_the_way_back_is_executed_before_it_is_signed() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    let mut gone = Asked::new();
    gone.kept = false;
    let mut about_another = Asked::new();
    about_another.replay.green.address = OTHER;
    for asked in [&gone, &about_another] {
        let genuine = pointer(asked);
        for (data, expected) in [
            (
                upgrade_to(OTHER),
                format!("leaves proxy {PROXY} with {OTHER}, not {BLUE}"),
            ),
            (
                vec![1, 2, 3, 4],
                format!("leaves proxy {PROXY} with {GREEN}, not {BLUE}"),
            ),
        ] {
            let mut edited = genuine.clone();
            edited.back.data = data.into();
            refused(&anvil, asked, &edited, &expected).await;
        }
        let sent = anvil.nonce(owner().address()).await;
        back(&anvil, asked, &genuine).await.unwrap();
        assert_eq!(anvil.implementation().await, BLUE);
        assert_eq!(anvil.nonce(owner().address()).await, sent + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_of_two_calls_is_executed_to_its_end() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build_two_step().await;
    let mut asked = Asked::two_steps(0);
    asked.kept = false;
    let genuine = pointer(&asked);
    let mut edited = genuine.clone();
    edited.back_then.clear();
    let expected = format!("leaves proxy {PROXY} with {GREEN}, not {BLUE}");
    refused(&anvil, &asked, &edited, &expected).await;
    back(&anvil, &asked, &genuine).await.unwrap();
    assert_eq!(anvil.implementation().await, BLUE);
    assert_eq!(anvil.nonce(owner().address()).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_for_show_is_not_the_way_back() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    // Forwards every call to what its slot names.
    let mut forwards = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x7f];
    forwards.extend(IMPLEMENTATION_SLOT);
    forwards.extend([0x54, 0x5a, 0xf4, 0x00]);
    anvil.set_code(PROXY, &forwards).await;
    // Another contract with a slot of that number, which any call sets to blue.
    let mut shows = vec![0x73];
    shows.extend(BLUE);
    shows.push(0x7f);
    shows.extend(IMPLEMENTATION_SLOT);
    shows.extend([0x55, 0x00]);
    anvil.set_code(OTHER, &shows).await;
    let slot = serde_json::json!([OTHER, IMPLEMENTATION_SLOT, GREEN.into_word()]);
    anvil.rpc("anvil_setStorageAt", slot).await;
    let mut asked = Asked::new();
    asked.kept = false;
    let mut edited = pointer(&asked);
    edited.holder = OTHER;
    edited.back.to = OTHER;
    let expected = format!("leaves proxy {PROXY} with {GREEN}, not {BLUE}");
    refused(&anvil, &asked, &edited, &expected).await;
    assert_eq!(anvil.nonce(owner().address()).await, 0);
}

//! Every reason not to send, each with its own words, all at once.
#![allow(clippy::unwrap_used)]

mod world;

use alloy_primitives::{Address, B256};
use cutover_rollout::{Journal, RolloutError};
use cutover_types::{Call, Receiver, Status, Verdict, proposal::Precondition};
use serde_json::json;
use world::{Anvil, Asked, BLUE, GREEN, PROXY, owner, wei};

/// What is wrong with the asking.
type Spoil = fn(&mut Asked);

/// Every reason why this is not sent; nothing is in the journal and nothing on the chain.
async fn refused(anvil: &Anvil, asked: &Asked) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let error = asked.upgrade(&anvil.node, &path).await.unwrap_err();
    let RolloutError::Refused(refusals) = &error else {
        panic!("{error:?}");
    };
    assert!(!error.is_inconclusive());
    assert_eq!(Journal::read(&path).unwrap().entries().len(), 0);
    assert_eq!(anvil.nonce(owner().address()).await, 0);
    refusals.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_proposal_is_refused_by_name() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    let cases: &[(Spoil, &str)] = &[
        (
            |a| *a = a.clone().on_chain(1),
            "the node is on chain 31337, the proposal is for chain 1",
        ),
        (
            |a| a.proposal.expires = 0,
            "the proposal expired at block 0, the chain is at 1",
        ),
        (|a| a.digests.check = B256::ZERO, "the check changed since"),
        (
            |a| a.digests.replay = B256::ZERO,
            "the replay changed since",
        ),
        (
            |a| a.digests.recording = B256::ZERO,
            "the recording changed since",
        ),
        (
            |a| a.check.verdict = Verdict::Blocked,
            "the check does not allow it",
        ),
        (
            |a| a.check.verdict = Verdict::Inconclusive,
            "the check does not allow it",
        ),
        (
            |a| a.replay.summary.changed = 2,
            "the replay does not allow it: 2 changed, 0 regressed",
        ),
        (
            |a| a.replay.summary.inconclusive = 1,
            "the replay does not allow it: 1 inconclusive",
        ),
        (
            |a| a.replay.green.address = BLUE,
            "the proposal's green.address is 0xb2b2",
        ),
        (
            |a| a.replay.rollback.rehearsed = false,
            "the rollback was not rehearsed",
        ),
        (
            |a| a.replay.rollback.status = Some(Status::Revert),
            "the rollback was not rehearsed",
        ),
        (|a| a.proposal.green.code_hash = B256::ZERO, "has hash"),
        (|a| a.proposal.blue.code_hash = B256::ZERO, "has hash"),
        (
            |a| a.proposal.green.address = Address::repeat_byte(0xee),
            "there is no code at",
        ),
        (
            |a| a.proposal.blue.address = PROXY,
            "runs 0xB1B1B1B1b1B1b1b1b1B1B1B1B1b1b1B1b1b1B1B1, not",
        ),
        (
            |a| a.proposal.authority.address = PROXY,
            "the signer is 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A, the proxy obeys",
        ),
        (
            |a| *a = a.clone().obeying(owner().address(), "safe"),
            "a safe: have it execute the call",
        ),
        (
            |a| a.proposal.forward.operation = 1,
            "an account cannot send a delegate call",
        ),
        (|a| a.proposal.forward.value = world::wei(u64::MAX), "lacks"),
        (
            |a| a.options.max_fee = Some(1),
            "more than the 1 wei allowed",
        ),
        (
            |a| {
                let address = GREEN;
                let expected = B256::ZERO;
                a.proposal.preconditions = vec![
                    Precondition::ChainId { expected: 5 },
                    Precondition::CodeHash { address, expected },
                    Precondition::CodeHash {
                        address: owner().address(),
                        expected,
                    },
                ];
            },
            "there is no code at 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
        ),
    ];
    for (spoil, expected) in cases {
        let mut asked = Asked::new();
        spoil(&mut asked);
        let texts = refused(&anvil, &asked).await;
        assert!(
            texts.iter().any(|text| text.contains(expected)),
            "{expected:?} not in {texts:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_executed_is_not_signed() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build_two_step().await;
    let cases: &[(Spoil, &str)] = &[
        (|a| a.proposal.proxy = GREEN, "proxy"),
        (|a| a.proposal.chain_id = 5, "chain_id"),
        (|a| a.proposal.blue.address = GREEN, "blue.address"),
        (|a| a.proposal.blue.code_hash = B256::ZERO, "blue.code_hash"),
        (|a| a.proposal.green.address = BLUE, "green.address"),
        (
            |a| a.proposal.green.code_hash = B256::ZERO,
            "green.code_hash",
        ),
        (|a| a.proposal.holder = GREEN, "holder"),
        (|a| a.proposal.slot = B256::ZERO, "slot"),
        (|a| a.proposal.offset = 1, "offset"),
        (
            |a| a.proposal.authority.address = GREEN,
            "authority.address",
        ),
        (
            |a| a.proposal.authority.kind = "safe".into(),
            "authority.type",
        ),
        (
            |a| {
                let cut = json!({"old": BLUE, "new": GREEN, "cuts": [], "back": []});
                a.proposal.cut = Some(serde_json::from_value(cut).unwrap());
            },
            "cut",
        ),
        (|a| a.proposal.forward.to = GREEN, "forward.to"),
        (|a| a.proposal.forward.value = wei(1), "forward.value"),
        (|a| longer(&mut a.proposal.forward), "forward.data"),
        (|a| a.proposal.forward.operation = 1, "forward.operation"),
        (|a| a.proposal.back.to = GREEN, "back.to"),
        (|a| a.proposal.back.value = wei(1), "back.value"),
        (|a| longer(&mut a.proposal.back), "back.data"),
        (|a| a.proposal.back.operation = 1, "back.operation"),
        (|a| a.proposal.forward_again.to = GREEN, "forward_again.to"),
        (
            |a| a.proposal.forward_again.value = wei(1),
            "forward_again.value",
        ),
        (
            |a| longer(&mut a.proposal.forward_again),
            "forward_again.data",
        ),
        (
            |a| a.proposal.forward_again.operation = 1,
            "forward_again.operation",
        ),
        (|a| a.proposal.forward_then.clear(), "forward_then"),
        (
            |a| {
                let again = a.proposal.forward_then[0].clone();
                a.proposal.forward_then.push(again);
            },
            "forward_then",
        ),
        (
            |a| longer(&mut a.proposal.forward_then[0].call),
            "forward_then[0].call.data",
        ),
        (
            |a| a.proposal.forward_then[0].call.value = wei(1),
            "forward_then[0].call.value",
        ),
        (
            |a| a.proposal.forward_then[0].from = GREEN,
            "forward_then[0].from",
        ),
        (
            |a| a.proposal.forward_then[0].wait_seconds = 0,
            "forward_then[0].wait_seconds",
        ),
        (|a| a.proposal.back_then.clear(), "back_then"),
        (
            |a| a.proposal.back_then[0].call.to = GREEN,
            "back_then[0].call.to",
        ),
        (
            |a| a.proposal.forward_again_then.clear(),
            "forward_again_then",
        ),
        (
            |a| a.proposal.forward_again_then[0].call.operation = 1,
            "forward_again_then[0].call.operation",
        ),
        // The replay was edited with it: the inspection's path gives another call.
        (
            |a| {
                longer(&mut a.proposal.forward);
                a.replay.upgrade.data = a.proposal.forward.data.clone();
            },
            "forward.data",
        ),
        (
            |a| {
                longer(&mut a.proposal.back);
                a.replay.rollback.back = a.proposal.back.data.clone();
            },
            "back.data",
        ),
        // The inspection was edited with it: the replay executed another.
        (
            |a| {
                let (proxy, other) = (PROXY, Address::repeat_byte(0xee));
                a.proposal.forward.to = other;
                let upgrade = a.inspection.upgrade.as_mut().unwrap();
                assert_eq!(upgrade.path.to, proxy);
                upgrade.path.to = other;
                upgrade.path.steps[0].to = Receiver::Contract(other);
            },
            "forward.to",
        ),
    ];
    for (spoil, field) in cases {
        let mut asked = Asked::two_steps(60);
        spoil(&mut asked);
        let expected = format!("the proposal's {field} is ");
        let texts = refused(&anvil, &asked).await;
        let told = texts.iter().filter(|text| text.starts_with(&expected));
        assert_eq!(told.count(), 1, "{field}: {texts:#?}");
    }
}

/// The same call with something behind it.
fn longer(call: &mut Call) {
    call.data = [&call.data, &[0x60, 0xfe][..]].concat().into();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_does_not_say_what_must_hold_is_refused() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    let cases: &[(Spoil, &str)] = &[
        (
            |a| _ = a.proposal.preconditions.remove(0),
            "do not list the chain_id",
        ),
        (
            |a| _ = a.proposal.preconditions.remove(1),
            "do not list the implementation",
        ),
        (
            |a| _ = a.proposal.preconditions.remove(2),
            "do not list the code_hash of blue",
        ),
        (
            |a| _ = a.proposal.preconditions.remove(3),
            "do not list the code_hash of green",
        ),
        (
            |a| a.proposal.expires = 1 << 60,
            "expires is block 1152921504606846976, later than",
        ),
        (
            |a| a.inspection.upgrade.as_mut().unwrap().proven = false,
            "its upgrade is not proven",
        ),
        (|a| a.inspection.upgrade = None, "it names no upgrade"),
        (
            |a| a.replay.upgrade.status = Status::Revert,
            "the upgrade did not succeed",
        ),
        (
            |a| a.replay.rollback.forward_again_status = None,
            "going forward again did not succeed",
        ),
        (|a| a.replay.partition = Some((1, 2)), "only a part"),
        (
            |a| a.replay.summary.identical = 3,
            "its totals are not those",
        ),
        (|a| a.proxy_code = Some(B256::ZERO), "has hash"),
    ];
    for (spoil, expected) in cases {
        let mut asked = Asked::new();
        spoil(&mut asked);
        let text = refused(&anvil, &asked).await.join("; ");
        assert!(text.contains(expected), "{expected:?} not in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_proxies_have_are_named() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    // Reverts with the selector of the error and one word.
    let code = [
        0x63, 0x11, 0x8c, 0xda, 0xa7, 0x60, 0xe0, 0x1b, 0x5f, 0x52, 0x60, 0x24, 0x5f, 0xfd,
    ];
    anvil.set_code(PROXY, &code).await;
    let text = refused(&anvil, &Asked::new()).await.join("; ");
    let expected = "the call would fail: OwnableUnauthorizedAccount(address)";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_on_the_chain_is_refused_all_at_once() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    anvil.set_implementation(PROXY).await;
    anvil.set_code(GREEN, &[]).await;
    anvil.set_code(PROXY, &[0x5f, 0x5f, 0xfd]).await;
    let poor = json!([owner().address(), "0x3e8"]);
    anvil.rpc("anvil_setBalance", poor).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let error = Asked::new().upgrade(&anvil.node, &path).await.unwrap_err();
    let text = error.to_string();
    for expected in [
        "runs 0xa1",
        "there is no code at 0xB2",
        "the call would fail",
        "it has 1000 wei",
    ] {
        assert!(
            text.to_lowercase().contains(&expected.to_lowercase()),
            "{expected} not in {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_chain_that_claims_to_be_mainnet_is_not_believed() {
    let Some(anvil) = Anvil::start(&["--chain-id", "1"]) else {
        return;
    };
    anvil.build().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let asked = Asked::new().on_chain(1);
    let error = asked.upgrade(&anvil.node, &path).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the node says chain 1, but its genesis block is")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_transactions_under_way_are_not_raced() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    anvil.build().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let foreign = json!([{"from": owner().address(), "to": PROXY, "gas": "0x7530"}]);
    anvil
        .rpc("anvil_impersonateAccount", json!([owner().address()]))
        .await;
    anvil.rpc("eth_sendTransaction", foreign).await;
    let error = Asked::new().upgrade(&anvil.node, &path).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has transactions under way: nonce 0 is next, 1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_be_read_is_inconclusive() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    let url = anvil.url.clone();
    drop(anvil);
    let policy = cutover_chain::Policy {
        attempts: 1,
        ..cutover_chain::Policy::default()
    };
    let gone = cutover_chain::Node::new(url.parse().unwrap(), policy);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let error = Asked::new().upgrade(&gone, &path).await.unwrap_err();
    assert!(error.is_inconclusive(), "{error}");
}

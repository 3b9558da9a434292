//! Every reason not to send, each with its own words, all at once.
#![allow(clippy::unwrap_used)]

mod world;

use alloy_primitives::{Address, B256};
use cutover_rollout::{Journal, RolloutError};
use cutover_types::{Status, Verdict, proposal::Precondition};
use serde_json::json;
use world::{Anvil, Asked, BLUE, GREEN, PROXY, owner};

/// What is wrong with the asking.
type Spoil = fn(&mut Asked);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_proposal_is_refused_by_name() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    anvil.build().await;
    let cases: &[(Spoil, &str)] = &[
        (
            |a| a.proposal.chain_id = 1,
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
            "the replay does not allow it: it is about other",
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
            |a| a.proposal.authority.kind = "safe".into(),
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut asked = Asked::new();
        spoil(&mut asked);
        let error = asked.upgrade(&anvil.node, &path).await.unwrap_err();
        let RolloutError::Refused(refusals) = &error else {
            panic!("{expected}: {error:?}");
        };
        let texts: Vec<_> = refusals.iter().map(ToString::to_string).collect();
        assert!(
            texts.iter().any(|text| text.contains(expected)),
            "{expected:?} not in {texts:#?}"
        );
        assert!(!error.is_inconclusive());
        assert_eq!(Journal::read(&path).unwrap().entries().len(), 0);
        assert_eq!(anvil.nonce(owner().address()).await, 0);
    }
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
    let mut asked = Asked::new();
    asked.proposal.chain_id = 1;
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

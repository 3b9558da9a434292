//! Upgrade and rollback on a real chain, to finality and back.
#![allow(clippy::unwrap_used)]

mod world;

use alloy::network::TxSigner;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, U256};
use cutover_rollout::{Finality, Journal, RolloutError, rebuild, status};
use cutover_types::{
    Call,
    rollout::{Colour, Direction, Progression},
};
use serde_json::json;
use std::time::Duration;
use world::{BLUE, CHAIN, GREEN, Ground, PROXY, events, forwarder_code, owner, wait_for};

const WHOLE: [&str; 5] = ["pointer", "signed", "broadcast", "included", "finalized"];

impl Ground {
    async fn upgrade(&self) -> Result<cutover_types::rollout::Receipt, RolloutError> {
        let run = self.asked.upgrade(&self.anvil.node, &self.path);
        self.anvil.while_mining(run).await
    }

    async fn rollback(&self) -> Result<cutover_types::rollout::Receipt, RolloutError> {
        let run = self.asked.rollback(&self.anvil.node, &self.path);
        self.anvil.while_mining(run).await
    }

    async fn nonce(&self) -> u64 {
        self.anvil.nonce(owner().address()).await
    }

    async fn status(&self) -> cutover_types::rollout::Standing {
        let journal = Journal::read(&self.path).unwrap();
        status(&self.anvil.node, &journal, Some(&self.asked.proposal))
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_back_and_forward_again() {
    let Some(ground) = Ground::new(&[]).await else {
        return;
    };
    let before = ground.status().await;
    assert_eq!((before.colour, before.recorded), (Colour::Blue, None));
    assert_eq!(before.next, "nothing was sent yet");

    let receipt = ground.upgrade().await.unwrap();
    assert_eq!((receipt.implementation, receipt.is_final), (GREEN, true));
    assert_eq!(events(&ground.path), WHOLE);
    let block = receipt.block.unwrap();
    let standing = ground.status().await;
    assert!(standing.finalized.unwrap() >= block.number);
    assert_eq!(standing.disagreements, Vec::<String>::new());
    assert_eq!(
        (standing.colour, standing.recorded),
        (Colour::Green, Some(Colour::Green))
    );

    let again = ground.upgrade().await.unwrap();
    assert_eq!(
        (again.transaction, again.block, again.gas_used),
        (receipt.transaction, receipt.block, receipt.gas_used),
        "a run that died before it kept its receipt finds it again"
    );
    assert!(again.is_final);
    assert!(again.notes[0].ends_with("already: nothing was sent"));
    assert_eq!(events(&ground.path), WHOLE);

    let back = ground.rollback().await.unwrap();
    assert_eq!(
        (back.direction, back.implementation),
        (Direction::Back, BLUE)
    );
    assert_eq!(ground.status().await.next, "nothing; it was rolled back");
    assert_eq!(ground.nonce().await, 2);

    ground.upgrade().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, GREEN);
    assert_eq!(ground.nonce().await, 3);
    let pointers = events(&ground.path).into_iter().filter(|e| *e == "pointer");
    assert_eq!(pointers.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_sends_the_same_bytes_again() {
    let Some(mut ground) = Ground::new(&["--no-mining"]).await else {
        return;
    };
    ground.asked.options.finality = Finality::Confirmations(6);
    ground.anvil.mine(10).await;
    let script = async {
        wait_for(&ground.path, "broadcast", 1).await;
        ground.anvil.mine(2).await;
        wait_for(&ground.path, "included", 1).await;
        ground.anvil.rpc("anvil_reorg", json!([3, []])).await;
        wait_for(&ground.path, "reorged", 1).await;
        assert_eq!(ground.anvil.implementation().await, BLUE);
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            ground.anvil.mine(1).await;
        }
    };
    let run = ground.asked.upgrade(&ground.anvil.node, &ground.path);
    let (receipt, ()) = tokio::join!(run, script);
    assert!(receipt.unwrap().is_final);
    assert_eq!(
        events(&ground.path),
        [
            "pointer",
            "signed",
            "broadcast",
            "included",
            "reorged",
            "included",
            "finalized"
        ]
    );
    assert_eq!(
        (ground.nonce().await, ground.anvil.implementation().await),
        (1, GREEN)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_used_by_another_transaction_is_given_up_only_when_that_is_final() {
    let Some(ground) = Ground::new(&["--no-mining"]).await else {
        return;
    };
    let script = async {
        wait_for(&ground.path, "broadcast", 1).await;
        let standing = ground.status().await;
        let hash = standing.transactions[0].hash;
        ground
            .anvil
            .rpc("anvil_dropTransaction", json!([hash]))
            .await;
        ground
            .anvil
            .rpc("eth_sendRawTransaction", json!([other(0).await]))
            .await;
        ground.anvil.mine(1).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(events(&ground.path), ["pointer", "signed", "broadcast"]);
        ground.anvil.mine(70).await;
    };
    let run = ground.asked.upgrade(&ground.anvil.node, &ground.path);
    let (result, ()) = tokio::join!(run, script);
    assert!(
        matches!(result, Err(RolloutError::Replaced { nonce: 0, .. })),
        "{result:?}"
    );
    assert_eq!(
        events(&ground.path),
        ["pointer", "signed", "broadcast", "abandoned"]
    );

    ground.upgrade().await.unwrap();
    assert_eq!(
        (ground.nonce().await, ground.anvil.implementation().await),
        (2, GREEN)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transaction_is_followed_to_finality_too() {
    for (code, expected, word) in [
        (&[0x5f, 0x5f, 0xfd][..], "failed in block", "failed"),
        (&[0x00][..], "succeeded in block", "included"),
    ] {
        let Some(ground) = Ground::new(&["--no-mining"]).await else {
            return;
        };
        let script = async {
            wait_for(&ground.path, "broadcast", 1).await;
            ground.anvil.set_code(PROXY, code).await;
            ground.anvil.mine(1).await;
            wait_for(&ground.path, word, 1).await;
            assert!(!events(&ground.path).contains(&"abandoned"));
            ground.anvil.mine(70).await;
        };
        let run = ground.asked.upgrade(&ground.anvil.node, &ground.path);
        let (result, ()) = tokio::join!(run, script);
        let mut error = result.unwrap_err();
        if word == "included" {
            // The slot did not move: said at once, closed once the block is final.
            error = ground.upgrade().await.unwrap_err();
        }
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(
            events(&ground.path),
            ["pointer", "signed", "broadcast", word, "abandoned"]
        );
        assert_eq!(ground.nonce().await, 1);
        let standing = ground.status().await;
        let sent = &standing.transactions[0];
        assert_eq!(sent.success, Some(word == "included"));
        if word == "failed" {
            let block = sent.block.unwrap().number;
            let said = format!("failed in block {block}: find out why");
            assert!(standing.next.contains(&said), "{}", standing.next);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_may_start_before_the_upgrade_is_final() {
    let Some(mut ground) = Ground::new(&[]).await else {
        return;
    };
    ground.asked.options.patience = Some(Duration::from_millis(200));
    let run = ground.asked.upgrade(&ground.anvil.node, &ground.path);
    assert!(matches!(run.await, Err(RolloutError::StillPending { .. })));
    assert_eq!(ground.anvil.implementation().await, GREEN);
    ground.asked.options.patience = None;
    ground.rollback().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, BLUE);
    let standing = ground.status().await;
    let states: Vec<_> = standing
        .transactions
        .iter()
        .map(|sent| sent.state)
        .collect();
    assert_eq!(states, [Progression::Finalized; 2]);
    assert_eq!(standing.disagreements, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_was_rolled_back_before_it_was_final_is_not_done() {
    let Some(mut ground) = Ground::new(&[]).await else {
        return;
    };
    ground.asked.options.patience = Some(Duration::from_millis(200));
    let run = ground.asked.upgrade(&ground.anvil.node, &ground.path);
    assert!(matches!(run.await, Err(RolloutError::StillPending { .. })));
    let run = ground.asked.rollback(&ground.anvil.node, &ground.path);
    assert!(matches!(run.await, Err(RolloutError::StillPending { .. })));
    ground.asked.options.patience = None;
    let error = ground.upgrade().await.unwrap_err();
    assert!(
        matches!(
            error,
            RolloutError::MovedSince {
                found: BLUE,
                undone: true,
                ..
            }
        ),
        "{error}"
    );
    let back = ground.rollback().await.unwrap();
    assert_eq!((back.implementation, back.is_final), (BLUE, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_waits_for_an_upgrade_that_is_in_no_block() {
    let Some(mut ground) = Ground::new(&["--no-mining"]).await else {
        return;
    };
    ground.asked.options.patience = Some(Duration::from_millis(200));
    let run = ground.asked.upgrade(&ground.anvil.node, &ground.path);
    assert!(matches!(run.await, Err(RolloutError::StillPending { .. })));
    let run = ground.asked.rollback(&ground.anvil.node, &ground.path);
    assert!(matches!(run.await, Err(RolloutError::Unsettled { .. })));
    assert_eq!(events(&ground.path), ["pointer", "signed", "broadcast"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_journal_is_rebuilt_and_returns() {
    let Some(ground) = Ground::new(&[]).await else {
        return;
    };
    ground.upgrade().await.unwrap();
    std::fs::remove_file(&ground.path).unwrap();
    let run = ground.asked.rollback(&ground.anvil.node, &ground.path);
    assert!(matches!(run.await, Err(RolloutError::NoPointer)));
    let mut journal = Journal::open(&ground.path).unwrap();
    let (node, proposal) = (&ground.anvil.node, &ground.asked.proposal);
    let executed = &ground.asked.executed();
    let mut edited = proposal.clone();
    edited.back.data = proposal.forward.data.clone();
    let refused = rebuild(node, &edited, Default::default(), executed, &mut journal).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("the proposal's back.data is"), "{refused}");
    assert!(journal.entries().is_empty());
    rebuild(node, proposal, Default::default(), executed, &mut journal)
        .await
        .unwrap();
    drop(journal);
    ground.rollback().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, BLUE);

    // A pointer is not rebuilt from a proposal the chain contradicts.
    std::fs::remove_file(&ground.path).unwrap();
    ground.anvil.set_code(BLUE, &[]).await;
    let mut journal = Journal::open(&ground.path).unwrap();
    let refused = rebuild(node, proposal, Default::default(), executed, &mut journal).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("there is no code at")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_did_counts_when_it_is_final() {
    let Some(mut ground) = Ground::new(&[]).await else {
        return;
    };
    ground.asked.options.finality = Finality::Confirmations(20);
    ground.asked.options.patience = Some(Duration::ZERO);
    ground.anvil.set_implementation(GREEN).await;
    ground.anvil.mine(2).await;
    let run = ground.asked.upgrade(&ground.anvil.node, &ground.path);
    let error = run.await.unwrap_err();
    assert!(error.is_inconclusive(), "{error}");
    let text = error.to_string();
    assert!(text.contains("already, but that is not final"), "{text}");
    ground.asked.options.patience = Some(Duration::from_secs(60));
    let receipt = ground.upgrade().await.unwrap();
    assert!(receipt.is_final && receipt.transaction.is_none());
    assert_eq!(receipt.implementation, GREEN);
    assert_eq!(ground.nonce().await, 0);
    assert!(events(&ground.path).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_where_record_and_chain_disagree() {
    let Some(ground) = Ground::new(&[]).await else {
        return;
    };
    ground.upgrade().await.unwrap();
    ground.anvil.set_implementation(PROXY).await;
    ground.anvil.set_code(BLUE, &[1]).await;
    let standing = ground.status().await;
    assert_eq!(standing.colour, Colour::Other);
    assert_eq!(
        standing.disagreements.len(),
        2,
        "{:?}",
        standing.disagreements
    );
    assert_eq!(standing.next, "someone else moved the proxy: inspect it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_controls_the_proxy_carries_the_call() {
    let Some(mut ground) = Ground::new(&[]).await else {
        return;
    };
    let controller = Address::repeat_byte(0xc1);
    ground.anvil.build_owned_by(controller).await;
    ground.anvil.set_code(controller, &forwarder_code()).await;
    ground.asked = ground.asked.obeying(controller, "safe");
    let refused = ground.upgrade().await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("a safe: have it execute the call")
    );
    let forward = ground.asked.proposal.forward.data.clone();
    // Not through whoever: only through the contract the proxy obeys.
    ground.asked.options.through = Some(Call::new(PROXY, forward.clone()));
    let refused = ground.upgrade().await.unwrap_err();
    assert!(refused.to_string().contains("the proxy obeys"), "{refused}");
    let wrong = ground.asked.proposal.back.data.clone();
    ground.asked.options.through = Some(Call::new(controller, wrong));
    let refused = ground.upgrade().await.unwrap_err();
    assert!(refused.to_string().contains("does not carry"), "{refused}");
    ground.asked.options.through = Some(Call::new(controller, forward));
    ground.upgrade().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, GREEN);
    let back = ground.asked.proposal.back.data.clone();
    ground.asked.options.through = Some(Call::new(controller, back));
    ground.rollback().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, BLUE);
}

/// Another transaction of the owner with this nonce.
async fn other(nonce: u64) -> Bytes {
    let mut transaction = TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 2_000_000_000,
        to: owner().address().into(),
        value: U256::ZERO,
        ..TxEip1559::default()
    };
    let signature = owner().sign_transaction(&mut transaction).await.unwrap();
    let envelope = TxEnvelope::Eip1559(transaction.into_signed(signature));
    envelope.encoded_2718().into()
}

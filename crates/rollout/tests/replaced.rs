//! A transaction that waits is signed again at its nonce: whichever is included counts, and only one is.
#![allow(clippy::unwrap_used)]

mod world;

use alloy::network::TxSigner as _;
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{B256, U256};
use cutover_rollout::{Checkpoints, Journal, RolloutError, Step, Uninterrupted};
use cutover_types::rollout::{Direction, Event, Receipt};
use std::time::Duration;
use world::{Asked, BLUE, CHAIN, GREEN, Ground, StopAfter, StopAt, events, owner};

type Ran = Result<Receipt, RolloutError>;

impl Ground {
    /// A chain that makes no blocks by itself.
    async fn still() -> Option<Self> {
        Self::new(&["--no-mining"]).await
    }

    /// With a transaction of this way in the pool.
    async fn waiting(way: Direction) -> Option<Self> {
        let ground = Self::still().await?;
        if way == Direction::Back {
            ground.finish(Direction::Forward).await;
        }
        let waits = ground.briefly(way, false, &Uninterrupted).await;
        assert!(
            matches!(waits, Err(RolloutError::StillPending { .. })),
            "{waits:?}"
        );
        Some(ground)
    }

    async fn go(&self, asked: &Asked, way: Direction, stop: &dyn Checkpoints) -> Ran {
        asked.run(way, &self.anvil.node, &self.path, stop).await
    }

    /// A run without blocks.
    async fn briefly(&self, way: Direction, replace: bool, stop: &dyn Checkpoints) -> Ran {
        let mut asked = self.asked.clone();
        asked.options.patience = Some(Duration::from_millis(50));
        asked.options.replace = replace;
        self.go(&asked, way, stop).await
    }

    async fn with_blocks(&self, asked: &Asked, way: Direction) -> Ran {
        let run = self.go(asked, way, &Uninterrupted);
        self.anvil.while_mining(run).await
    }

    async fn finish(&self, way: Direction) -> Receipt {
        let receipt = self.with_blocks(&self.asked, way).await.unwrap();
        assert!(receipt.is_final);
        receipt
    }

    async fn replace(&self) -> Ran {
        let mut asked = self.asked.clone();
        asked.options.replace = true;
        self.with_blocks(&asked, Direction::Forward).await
    }

    /// Hash and content of what was signed, oldest first.
    fn signed(&self) -> Vec<(B256, TxEip1559)> {
        let journal = Journal::read(&self.path).unwrap();
        let signed = journal.entries().iter().filter_map(|entry| {
            let Event::Signed { hash, raw, .. } = &entry.event else {
                return None;
            };
            let envelope = TxEnvelope::decode_2718_exact(raw).unwrap();
            Some((*hash, envelope.as_eip1559().unwrap().tx().clone()))
        });
        signed.collect()
    }

    /// Puts a signed transaction into the journal that nobody was handed.
    async fn journal(&self, change: impl FnOnce(&mut TxEip1559)) {
        let stopped = self
            .briefly(Direction::Forward, false, &StopAt(Step::PointerWritten))
            .await;
        assert!(matches!(stopped, Err(RolloutError::Stopped(_))));
        let call = &self.asked.proposal.forward;
        let mut transaction = TxEip1559 {
            chain_id: CHAIN,
            gas_limit: 100_000,
            max_fee_per_gas: 3_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: call.to.into(),
            input: call.data.clone(),
            ..TxEip1559::default()
        };
        change(&mut transaction);
        let nonce = transaction.nonce;
        let signature = owner().sign_transaction(&mut transaction).await.unwrap();
        let envelope = TxEnvelope::Eip1559(transaction.into_signed(signature));
        let signed = Event::Signed {
            direction: Direction::Forward,
            hash: *envelope.tx_hash(),
            from: owner().address(),
            nonce,
            raw: envelope.encoded_2718().into(),
            more: 0,
        };
        Journal::open(&self.path).unwrap().append(signed).unwrap();
    }
}

const WAYS: [(Direction, alloy_primitives::Address, u64); 2] =
    [(Direction::Forward, GREEN, 1), (Direction::Back, BLUE, 2)];

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_transaction_is_replaced_at_its_nonce_for_an_eighth_more() {
    for (way, goal, nonce) in WAYS {
        let Some(ground) = Ground::waiting(way).await else {
            return;
        };
        let waits = ground.briefly(way, true, &Uninterrupted).await;
        assert!(
            matches!(waits, Err(RolloutError::StillPending { .. })),
            "{waits:?}"
        );
        let [.., (_, old), (hash, new)] = &ground.signed()[..] else {
            panic!("both are in the journal");
        };
        assert_eq!(
            (new.nonce, new.to, &new.input),
            (old.nonce, old.to, &old.input)
        );
        assert!(new.gas_limit >= old.gas_limit, "{new:?} {old:?}");
        assert!(new.max_fee_per_gas >= old.max_fee_per_gas * 9 / 8);
        assert!(new.max_priority_fee_per_gas >= old.max_priority_fee_per_gas * 9 / 8);
        let receipt = ground.finish(way).await;
        assert_eq!(receipt.transaction, Some(*hash));
        assert_eq!(ground.anvil.implementation().await, goal);
        assert_eq!(ground.anvil.nonce(owner().address()).await, nonce);
        let events = events(&ground.path);
        assert!(
            events.ends_with(&[
                "signed",
                "broadcast",
                "signed",
                "broadcast",
                "included",
                "abandoned",
                "finalized"
            ]),
            "{events:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_one_counts_when_it_is_included() {
    for (way, goal, nonce) in WAYS {
        let Some(ground) = Ground::waiting(way).await else {
            return;
        };
        let stop = StopAt(Step::SignedWritten);
        let stopped = ground.briefly(way, true, &stop).await;
        assert!(matches!(stopped, Err(RolloutError::Stopped(_))));
        // The pool has the first one only.
        ground.anvil.mine(1).await;
        let receipt = ground.finish(way).await;
        let signed = ground.signed();
        assert_eq!(receipt.transaction, Some(signed[signed.len() - 2].0));
        assert_eq!(ground.anvil.implementation().await, goal);
        assert_eq!(ground.anvil.nonce(owner().address()).await, nonce);
        let again = ground.finish(way).await;
        assert!(again.notes[0].contains("nothing was sent"), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_does_not_wait_for_a_replacement_that_came_too_late() {
    let Some(ground) = Ground::waiting(Direction::Forward).await else {
        return;
    };
    let stop = StopAt(Step::SignedWritten);
    let stopped = ground.briefly(Direction::Forward, true, &stop).await;
    assert!(matches!(stopped, Err(RolloutError::Stopped(_))));
    ground.anvil.mine(1).await;
    assert_eq!(ground.anvil.implementation().await, GREEN);
    ground.finish(Direction::Back).await;
    assert_eq!(ground.anvil.implementation().await, BLUE);
    assert_eq!(ground.anvil.nonce(owner().address()).await, 2);
    let events = events(&ground.path);
    let count = |name: &str| events.iter().filter(|event| **event == name).count();
    assert_eq!(
        (count("signed"), count("abandoned"), count("finalized")),
        (3, 1, 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_dies_again_and_again_is_included_once() {
    for (way, goal, nonce) in WAYS {
        let Some(ground) = Ground::waiting(way).await else {
            return;
        };
        let before = ground.signed().len();
        for steps in 0..9 {
            let stop = StopAfter::new(steps);
            let result = ground.briefly(way, true, &stop).await;
            assert!(
                matches!(
                    result,
                    Err(RolloutError::Stopped(_) | RolloutError::StillPending { .. })
                ),
                "{steps}: {result:?}"
            );
        }
        let signed = ground.signed();
        assert!(signed.len() > before + 3, "{}", signed.len());
        let fees = signed[before - 1..].windows(2);
        for pair in fees {
            assert_eq!(pair[0].1.nonce, pair[1].1.nonce);
            assert!(pair[1].1.max_fee_per_gas >= pair[0].1.max_fee_per_gas * 9 / 8);
        }
        ground.finish(way).await;
        assert_eq!(ground.anvil.implementation().await, goal);
        assert_eq!(ground.anvil.nonce(owner().address()).await, nonce);
        let abandoned = events(&ground.path)
            .into_iter()
            .filter(|e| *e == "abandoned");
        assert_eq!(abandoned.count(), signed.len() - before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_costs_no_more_than_is_allowed() {
    let Some(mut ground) = Ground::waiting(Direction::Forward).await else {
        return;
    };
    let before = events(&ground.path);
    ground.asked.options.max_fee = Some(ground.signed()[0].1.max_fee_per_gas);
    let refused = ground
        .briefly(Direction::Forward, true, &Uninterrupted)
        .await;
    let error = refused.unwrap_err();
    assert!(error.is_inconclusive(), "{error}");
    assert!(
        error.to_string().contains("is only replaced for a fee of"),
        "{error}"
    );
    assert_eq!(events(&ground.path), before);
    ground.finish(Direction::Forward).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_cannot_be_mined_are_replaced() {
    let Some(ground) = Ground::still().await else {
        return;
    };
    ground
        .journal(|transaction| transaction.gas_limit = 21_000)
        .await;
    let stuck = ground
        .briefly(Direction::Forward, false, &Uninterrupted)
        .await;
    assert!(stuck.unwrap_err().is_inconclusive());
    ground.anvil.mine(16).await;
    assert_eq!(ground.anvil.nonce(owner().address()).await, 0);
    ground.replace().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, GREEN);
    assert_eq!(ground.anvil.nonce(owner().address()).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_has_no_less_gas_than_the_first_and_no_more_than_may_be() {
    for (first, expected) in [(500_000, 500_000), (1 << 40, 1 << 24)] {
        let Some(ground) = Ground::still().await else {
            return;
        };
        ground
            .journal(|transaction| transaction.gas_limit = first)
            .await;
        let waits = ground
            .briefly(Direction::Forward, true, &Uninterrupted)
            .await;
        assert!(
            matches!(waits, Err(RolloutError::StillPending { .. })),
            "{waits:?}"
        );
        assert_eq!(ground.signed()[1].1.gas_limit, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_succeeds_only_once_is_replaced_while_it_waits() {
    let Some(ground) = Ground::still().await else {
        return;
    };
    ground.anvil.only_once().await;
    let waits = ground
        .briefly(Direction::Forward, false, &Uninterrupted)
        .await;
    assert!(
        matches!(waits, Err(RolloutError::StillPending { .. })),
        "{waits:?}"
    );
    ground.replace().await.unwrap();
    assert_eq!(ground.anvil.implementation().await, GREEN);
    assert_eq!(ground.anvil.nonce(owner().address()).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_same_call_at_the_next_nonce_is_a_replacement() {
    type Change = fn(&mut TxEip1559);
    let cases: [(Change, &str); 3] = [
        (
            |transaction| transaction.value = U256::ONE,
            "makes another call",
        ),
        (
            |transaction| transaction.input = vec![1].into(),
            "makes another call",
        ),
        (
            |transaction| transaction.nonce = 1 << 40,
            "the next nonce of 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A is 0",
        ),
    ];
    for (change, expected) in cases {
        let Some(ground) = Ground::still().await else {
            return;
        };
        ground.journal(change).await;
        let before = events(&ground.path);
        let error = ground.replace().await.unwrap_err();
        assert!(matches!(error, RolloutError::NotReplaced { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(events(&ground.path), before);
        assert_eq!(ground.anvil.implementation().await, BLUE);
    }
}

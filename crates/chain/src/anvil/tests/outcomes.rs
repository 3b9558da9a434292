//! Outcomes against what the instructions say by hand.

use super::{there_is_anvil, world::*};
use crate::anvil::{Execution, NextBlock};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use cutover_types::{
    AccountDiff, Change, Hardfork, MemoryState, Outcome, StateDiff,
    execution::{CallKind, Status},
};

/// What the sender and the beneficiary see of any transaction.
fn fees(world: &World, outcome: &Outcome, value: u64) -> StateDiff {
    let paid = U256::from(outcome.gas_used * (BASE_FEE + TIP) + value);
    let earned = U256::from(outcome.gas_used * TIP);
    let sender = AccountDiff {
        balance: Some(Change {
            before: ether(),
            after: ether() - paid,
        }),
        nonce: Some(Change {
            before: 0,
            after: 1,
        }),
        ..AccountDiff::default()
    };
    let coinbase = AccountDiff {
        balance: Some(Change {
            before: U256::ZERO,
            after: earned,
        }),
        ..AccountDiff::default()
    };
    StateDiff::from([(world.signer.address(), sender), (COINBASE, coinbase)])
}

fn change(before: u64, after: u64) -> Change<U256> {
    Change {
        before: U256::from(before),
        after: U256::from(after),
    }
}

#[tokio::test]
async fn changes_are_those_that_really_happened() {
    if !there_is_anvil() {
        return;
    }
    // Slots 0: 5 to 0, 1: 0 to 7, 2: 9 to 9, 3: 4 to 8; a log; one wei to B; a child with code 00; returns 42.
    let code = [
        hex!("5f5f55 6007600155 6009600255 6008600355 602a5f52 61beef60205fa1").as_slice(),
        &hex!("5f5f5f5f 6001 73"),
        B.as_slice(),
        &hex!("5af150 67 60005f5360015ff3 5f52 60086018 5ff0 50 602a5f5260205ff3"),
    ]
    .concat();
    let build = |state: &mut MemoryState| {
        put(state, A, &code, U256::from(10));
        let slots = [(0, 5), (1, 0), (2, 9), (3, 4)];
        let slots = slots.map(|(key, value)| (slot(key), U256::from(value as u64)));
        state.storage.insert(A, slots.into());
        put(state, A.create(1), &[], U256::ZERO);
    };
    let mut world = World::new(Hardfork::Prague, build).await;
    let outcome = world.call(3).await.unwrap().outcome;

    assert_eq!(outcome.status, Status::Success);
    assert_eq!(U256::from_be_slice(&outcome.output), U256::from(42));
    assert_eq!((outcome.halt.as_ref(), outcome.created), (None, None));
    let mut expected = fees(&world, &outcome, 3);
    let a = AccountDiff {
        balance: Some(change(10, 12)),
        nonce: Some(Change {
            before: 1,
            after: 2,
        }),
        storage: [
            (slot(0), change(5, 0)),
            (slot(1), change(0, 7)),
            (slot(3), change(4, 8)),
        ]
        .into(),
        ..AccountDiff::default()
    };
    let child = AccountDiff {
        nonce: Some(Change {
            before: 0,
            after: 1,
        }),
        code: Some(Change {
            before: Bytes::new(),
            after: Bytes::from_static(&[0]),
        }),
        created: true,
        ..AccountDiff::default()
    };
    let b = AccountDiff {
        balance: Some(change(0, 1)),
        ..AccountDiff::default()
    };
    expected.extend([(A, a), (A.create(1), child), (B, b)]);
    assert_eq!(outcome.diff, expected);

    assert_eq!(outcome.logs.len(), 1);
    assert_eq!(
        (outcome.logs[0].address, outcome.logs[0].topics().len()),
        (A, 1)
    );
    assert_eq!(
        U256::from_be_slice(&outcome.logs[0].data.data),
        U256::from(42)
    );
    let calls: Vec<_> = outcome
        .calls
        .iter()
        .map(|c| (c.depth, c.kind, c.from, c.to, c.value.to::<u64>()))
        .collect();
    let sender = world.signer.address();
    assert_eq!(
        calls,
        [
            (0, CallKind::Call, sender, A, 3),
            (1, CallKind::Call, A, B, 1),
            (1, CallKind::Create, A, A.create(1), 0),
        ]
    );
    assert_eq!(outcome.calls[2].output, Bytes::from_static(&[0]));
}

#[tokio::test]
async fn failures_keep_their_data_and_change_nothing_but_fees() {
    if !there_is_anvil() {
        return;
    }
    type Case = (&'static [u8], Status, Option<&'static str>, &'static [u8]);
    let cases: [Case; 5] = [
        // Sets a slot, then reverts with 2a.
        (
            &hex!("60015f55 602a5f53 60015ffd"),
            Status::Revert,
            None,
            &[0x2a],
        ),
        (&hex!("fe"), Status::Halt, Some("InvalidFEOpcode"), &[]),
        (&hex!("0c"), Status::Halt, Some("OpcodeNotFound"), &[]),
        (&hex!("5b5f56"), Status::Halt, Some("OutOfGas"), &[]),
        (&hex!("50"), Status::Halt, Some("StackUnderflow"), &[]),
    ];
    let mut world = World::new(Hardfork::Cancun, |_| {}).await;
    for (code, status, halt, output) in cases {
        world.see(|state| {
            put(state, A, code, U256::ZERO);
            state
                .storage
                .entry(A)
                .or_default()
                .insert(slot(0), U256::ZERO);
        });
        let outcome = world.call(0).await.unwrap().outcome;
        assert_eq!((outcome.status, outcome.halt.as_deref()), (status, halt));
        assert_eq!(&outcome.output[..], output);
        assert_eq!(outcome.diff, fees(&world, &outcome, 0));
        assert_eq!(outcome.calls[0].status, status);
    }
}

#[tokio::test]
async fn a_creation_says_where_it_is_even_when_it_fails() {
    if !there_is_anvil() {
        return;
    }
    let mut world = World::new(Hardfork::Cancun, |_| {}).await;
    let sender = world.signer.address();
    let address = sender.create(0);
    world.see(|state| put(state, address, &[], U256::ZERO));
    let good = world
        .raw(0, TxKind::Create, 0, 200_000, &hex!("60005f5360015ff3"))
        .await;
    let outcome = world.run(&good, None).await.unwrap().outcome;
    assert_eq!(
        (outcome.created, outcome.calls[0].to),
        (Some(address), address)
    );
    assert!(outcome.diff[&address].created);
    assert_eq!(outcome.output, Bytes::from_static(&[0]));
    let bad = world
        .raw(0, TxKind::Create, 0, 200_000, &hex!("5f5ffd"))
        .await;
    let outcome = world.run(&bad, None).await.unwrap().outcome;
    assert_eq!(
        (outcome.status, outcome.created, outcome.calls[0].to),
        (Status::Revert, None, address)
    );
    assert_eq!(outcome.diff, fees(&world, &outcome, 0));
}

#[tokio::test]
async fn a_contract_that_destroys_itself_is_gone_under_the_old_rules_only() {
    if !there_is_anvil() {
        return;
    }
    let code = [hex!("73").as_slice(), B.as_slice(), &hex!("ff")].concat();
    let build = |state: &mut MemoryState| put(state, A, &code, U256::from(10));
    for (rules, destroyed) in [(Hardfork::London, true), (Hardfork::Cancun, false)] {
        let mut world = World::new(rules, build).await;
        let outcome = world.call(0).await.unwrap().outcome;
        let a = &outcome.diff[&A];
        assert_eq!(a.destroyed, destroyed, "{rules:?}");
        assert_eq!(a.balance, Some(change(10, 0)));
        assert_eq!(a.nonce.is_some() && a.code.is_some(), destroyed);
        assert_eq!(outcome.diff[&B].balance, Some(change(0, 10)));
        let last = outcome.calls.last().unwrap();
        assert_eq!(
            (last.kind, last.depth, last.from, last.to),
            (CallKind::SelfDestruct, 1, A, B)
        );
    }
}

#[tokio::test]
async fn calls_a_thousand_deep_are_read() {
    if !there_is_anvil() {
        return;
    }
    // Calls itself with all the gas there is.
    let build = |state: &mut MemoryState| {
        put(state, A, &hex!("5f5f5f5f5f305af100"), U256::ZERO);
    };
    let mut world = World::new(Hardfork::Prague, build).await;
    let raw = world.raw(0, A.into(), 0, 300_000_000_000, &[]).await;
    let block = NextBlock {
        gas_limit: Some(300_000_000_000),
        ..World::block()
    };
    let execution = Execution {
        block,
        place: None,
        upgrade: None,
        raw: &raw,
    };
    let outcome = world.fork.execute(&execution).await.unwrap().outcome;
    assert_eq!(outcome.status, Status::Success);
    let deepest = outcome.calls.iter().map(|call| call.depth).max().unwrap();
    assert!(deepest >= 1023, "{deepest}");
}

#[tokio::test]
async fn a_delegation_taken_off_is_a_change_of_code() {
    if !there_is_anvil() {
        return;
    }
    use alloy::signers::{SignerSync as _, local::PrivateKeySigner};
    use alloy_consensus::TxEip7702;
    use alloy_eips::eip7702::Authorization;
    let other = PrivateKeySigner::from_slice(&[0x22; 32]).unwrap();
    let delegation = [hex!("ef0100").as_slice(), B.as_slice()].concat();
    let mut world = World::new(Hardfork::Prague, |state| {
        put(state, other.address(), &delegation, ether());
        put(state, Address::ZERO, &[], U256::ZERO);
    })
    .await;
    let authorization = Authorization {
        chain_id: U256::from(1),
        address: Address::ZERO,
        nonce: 1,
    };
    let signature = other
        .sign_hash_sync(&authorization.signature_hash())
        .unwrap();
    let transaction = TxEip7702 {
        chain_id: 1,
        gas_limit: 100_000,
        max_fee_per_gas: u128::from(BASE_FEE + TIP),
        max_priority_fee_per_gas: u128::from(TIP),
        to: B,
        authorization_list: vec![authorization.into_signed(signature)],
        ..TxEip7702::default()
    };
    let (_, raw) = world.signer.sign(transaction.into()).await.unwrap();
    let outcome = world.run(&raw, None).await.unwrap().outcome;
    let account = &outcome.diff[&other.address()];
    assert_eq!(
        account.nonce,
        Some(Change {
            before: 1,
            after: 2
        })
    );
    assert_eq!(
        account.code,
        Some(Change {
            before: delegation.into(),
            after: Bytes::new()
        })
    );
    assert!(!account.created && !account.destroyed);
}

#[tokio::test]
async fn blobs_are_paid_for_as_on_the_chain() {
    if !there_is_anvil() {
        return;
    }
    use alloy_consensus::{TxEip4844, TxEip4844Variant};
    use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7840::BlobParams};
    let mut world = World::new(Hardfork::Prague, |_| {}).await;
    let mut hash = alloy_primitives::B256::repeat_byte(9);
    hash.0[0] = 1;
    // As recorded: without the sidecar.
    let transaction = TxEip4844 {
        chain_id: 1,
        gas_limit: 21_000,
        max_fee_per_gas: u128::from(BASE_FEE + TIP),
        max_priority_fee_per_gas: u128::from(TIP),
        to: B,
        blob_versioned_hashes: vec![hash],
        max_fee_per_blob_gas: 1_000_000,
        ..TxEip4844::default()
    };
    let transaction: TxEip4844Variant = TxEip4844Variant::TxEip4844(transaction);
    let (_, raw) = world.signer.sign(transaction.into()).await.unwrap();
    let outcome = world.run(&raw, None).await.unwrap().outcome;
    // Six blobs below the parent's, for it had none.
    let price = BlobParams::prague().calc_blob_fee(20_000_000 - 6 * DATA_GAS_PER_BLOB);
    assert!(price > 40);
    let balance = outcome.diff[&world.signer.address()]
        .balance
        .clone()
        .unwrap();
    let blobs = U256::from(price * u128::from(DATA_GAS_PER_BLOB));
    assert_eq!(
        balance.before - balance.after,
        U256::from(21_000 * (BASE_FEE + TIP)) + blobs
    );
}

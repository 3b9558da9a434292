//! What a fork forgets and what it must not keep.

use super::{there_is_anvil, world::*};
use crate::anvil::{AnvilError, Execution, Refusal, Upgrade, execute_on};
use alloy_primitives::{Address, U256, hex};
use cutover_types::{MemoryState, Missing, execution::Status};

/// Returns slot 0, and adds one to it.
const COUNTER: [u8; 15] = hex!("5f5480600101 5f55 5f52 6020 5f f3 00");

fn counter(state: &mut MemoryState, value: u64) {
    put(state, A, &COUNTER, U256::ZERO);
    state
        .storage
        .entry(A)
        .or_default()
        .insert(slot(0), U256::from(value));
}

#[tokio::test]
async fn every_execution_sees_the_view_of_its_time() {
    if !there_is_anvil() {
        return;
    }
    let mut world = World::new(cutover_types::Hardfork::Cancun, |state| counter(state, 5)).await;
    for value in [5, 50, 500] {
        world.see(|state| counter(state, value));
        for _ in 0..2 {
            let executed = world.call(0).await.unwrap();
            assert_eq!(
                U256::from_be_slice(&executed.outcome.output),
                U256::from(value)
            );
            let change = &executed.outcome.diff[&A].storage[&slot(0)];
            assert_eq!(
                (change.before, change.after),
                (U256::from(value), U256::from(value + 1))
            );
        }
    }
    // Another code at the same address: returns 42.
    world.see(|state| put(state, A, &hex!("602a5f5260205ff3"), U256::ZERO));
    let executed = world.call(0).await.unwrap();
    assert_eq!(
        U256::from_be_slice(&executed.outcome.output),
        U256::from(42)
    );
    assert!(!executed.outcome.diff.contains_key(&A));
}

#[tokio::test]
async fn a_transaction_whose_state_is_missing_is_dropped_and_never_comes_back() {
    if !there_is_anvil() {
        return;
    }
    let unknown = |state: &mut MemoryState| put(state, A, &COUNTER, U256::ZERO);
    let mut world = World::new(cutover_types::Hardfork::Cancun, unknown).await;
    let error = world.call(0).await.unwrap_err();
    assert!(
        matches!(error, AnvilError::Dropped { upgrade: false, .. }),
        "{error}"
    );
    assert!(world.facade.misses().contains(&Missing::Slot {
        address: A,
        slot: slot(0)
    }));
    // The signer's next transaction on the same nonce would be refused if the first were still waiting.
    world.see(|state| counter(state, 7));
    let executed = world.call(1).await.unwrap();
    assert_eq!(U256::from_be_slice(&executed.outcome.output), U256::from(7));
    assert_eq!(
        executed.outcome.diff[&A].balance.as_ref().unwrap().after,
        U256::from(1)
    );
}

#[tokio::test]
async fn a_nonce_that_is_ahead_is_dropped_and_one_that_is_used_refused() {
    if !there_is_anvil() {
        return;
    }
    let mut world = World::new(cutover_types::Hardfork::Cancun, |state| counter(state, 1)).await;
    let ahead = world.raw(3, A.into(), 0, 100_000, &[]).await;
    let error = world.run(&ahead, None).await.unwrap_err();
    assert!(matches!(error, AnvilError::Dropped { .. }), "{error}");
    let sender = world.signer.address();
    world.see(|state| {
        counter(state, 1);
        state.accounts.get_mut(&sender).unwrap().nonce = 5;
    });
    let error = world.run(&ahead, None).await.unwrap_err();
    assert!(
        matches!(
            error,
            AnvilError::Refused {
                reason: Refusal::NonceTooLow,
                ..
            }
        ),
        "{error}"
    );
    world.see(|state| counter(state, 1));
    // Too little gas is found out only when it is mined.
    let low_gas = world.raw(0, A.into(), 0, 20_000, &[]).await;
    let error = world.run(&low_gas, None).await.unwrap_err();
    assert!(matches!(error, AnvilError::Dropped { .. }), "{error}");
    let junk = alloy_primitives::Bytes::from_static(&[0x02, 0xc0]);
    let error = world.run(&junk, None).await.unwrap_err();
    assert!(
        matches!(
            error,
            AnvilError::Refused {
                reason: Refusal::Undecodable,
                ..
            }
        ),
        "{error}"
    );
    assert!(world.call(0).await.is_ok());
}

#[tokio::test]
async fn the_upgrade_goes_first_and_leaves_the_transaction_all_its_gas() {
    if !there_is_anvil() {
        return;
    }
    let boss = Address::repeat_byte(0xb0);
    // Calls by `boss` set slot 0 to 9; any other call returns it.
    let code = [
        hex!("33 73").as_slice(),
        boss.as_slice(),
        &hex!("14 6022 57 5f54 5f52 6020 5f f3 5b 6009 5f 55 00"),
    ]
    .concat();
    let build = |state: &mut MemoryState| {
        put(state, A, &code, U256::ZERO);
        state
            .storage
            .entry(A)
            .or_default()
            .insert(slot(0), U256::from(5));
        // The sender of an upgrade may be a contract: EIP-3607 does not hold for it.
        put(state, boss, &hex!("00"), ether());
    };
    let mut world = World::new(cutover_types::Hardfork::Prague, build).await;
    // As much gas as the whole block has.
    let raw = world.raw(0, A.into(), 0, 30_000_000, &[]).await;
    let upgrade = Upgrade {
        from: boss,
        to: A,
        data: Default::default(),
        gas: None,
    };
    let executed = world.run(&raw, Some(&upgrade)).await.unwrap();
    assert_eq!(U256::from_be_slice(&executed.outcome.output), U256::from(9));
    // What the upgrade changed is the upgrade's.
    assert!(!executed.outcome.diff.contains_key(&A) && !executed.outcome.diff.contains_key(&boss));
    assert!(executed.raised_gas_limit);
    let upgrade = executed.upgrade.unwrap();
    assert_eq!(upgrade.status, Status::Success);
    let change = &upgrade.diff[&A].storage[&slot(0)];
    assert_eq!(
        (change.before, change.after),
        (U256::from(5), U256::from(9))
    );
    let boss = &upgrade.diff[&boss];
    assert_eq!(boss.nonce.as_ref().unwrap().after, 2);
    let paid = boss.balance.as_ref().unwrap();
    assert_eq!(
        paid.before - paid.after,
        U256::from(upgrade.gas_used * BASE_FEE)
    );
    // Without it, the same transaction reads the old value.
    let executed = world.run(&raw, None).await.unwrap();
    assert_eq!(U256::from_be_slice(&executed.outcome.output), U256::from(5));
    assert!(!executed.raised_gas_limit);
}

#[tokio::test]
async fn an_upgrade_that_lacks_state_is_the_one_that_is_dropped() {
    if !there_is_anvil() {
        return;
    }
    let boss = Address::repeat_byte(0xb0);
    let build = |state: &mut MemoryState| {
        put(state, A, &COUNTER, U256::ZERO);
        put(state, boss, &[], ether());
    };
    let mut world = World::new(cutover_types::Hardfork::Cancun, build).await;
    let upgrade = Upgrade {
        from: boss,
        to: A,
        data: Default::default(),
        gas: Some(100_000),
    };
    let payment = world.raw(0, B.into(), 1, 21_000, &[]).await;
    let error = world.run(&payment, Some(&upgrade)).await.unwrap_err();
    assert!(
        matches!(error, AnvilError::Dropped { upgrade: true, .. }),
        "{error}"
    );
    assert!(world.run(&payment, None).await.is_ok());
}

#[tokio::test]
async fn many_traces_at_a_time_do_not_lock_it_up() {
    if !there_is_anvil() {
        return;
    }
    let world = World::new(cutover_types::Hardfork::Cancun, |state| counter(state, 5)).await;
    let anvil = world.fork.anvil();
    let raw = world.raw(0, A.into(), 0, 100_000, &[]).await;
    let execution = Execution {
        block: World::block(),
        place: None,
        upgrade: None,
        raw: &raw,
    };
    execute_on(anvil, &execution).await.unwrap();
    let hash = alloy_primitives::keccak256(&raw);
    let traces = (0..40).map(|_| async move { (anvil.calls(hash).await, anvil.diff(hash).await) });
    let all = futures::future::join_all(traces);
    let all = tokio::time::timeout(std::time::Duration::from_secs(60), all)
        .await
        .unwrap();
    assert!(
        all.iter()
            .all(|(calls, diff)| calls.is_ok() && diff.is_ok())
    );
}

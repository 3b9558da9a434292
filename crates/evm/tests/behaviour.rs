//! What execution promises, shown on contracts of a few instructions.

#![allow(missing_docs, clippy::unwrap_used)]

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, address, hex, keccak256};
use cutover_evm::{
    BlockRun, Environment, EvmError, Request, SignedTransaction, execute, simulate, wanted,
    wanted_by_request,
};
use cutover_types::{
    Account, CallKind, Change, EnvironmentRead, MemoryState, Missing, State, Status,
};
use std::collections::BTreeSet;

const CALLER: Address = Address::repeat_byte(0xca);
const PROXY: Address = Address::repeat_byte(0xaa);
const LOGIC: Address = Address::repeat_byte(0xbb);
const MINER: Address = Address::repeat_byte(0xcc);

/// Delegates everything to the address in slot 0.
const DELEGATE: &[u8] = &hex!("3660008037 6000803660006000545af4 3d6000803e 3d6000f3");

/// EIP-155's example: 1 ether from 0x9d8A… to 0x3535…, nonce 9, 20 gwei, chain 1.
const SIGNED: [u8; 110] = hex!(
    "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
);
const SENDER: Address = address!("0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
const RECEIVER: Address = Address::repeat_byte(0x35);

fn environment() -> Environment {
    Environment::of(
        1,
        &Header {
            number: 19_000_000,
            timestamp: 1_700_000_000,
            gas_limit: 30_000_000,
            base_fee_per_gas: Some(1),
            beneficiary: MINER,
            mix_hash: B256::repeat_byte(9),
            ..Header::default()
        },
    )
    .unwrap()
}

struct World(MemoryState);

impl World {
    fn new() -> Self {
        let world = Self(MemoryState::default());
        [CALLER, MINER, Address::ZERO]
            .into_iter()
            .fold(world, |world, address| world.account(address, 0, 0))
    }

    fn account(mut self, address: Address, nonce: u64, balance: u128) -> Self {
        let account = self.0.accounts.entry(address).or_default();
        account.nonce = nonce;
        account.balance = U256::from(balance);
        self
    }

    fn code(mut self, address: Address, code: &[u8]) -> Self {
        let hash = keccak256(code);
        self.0.codes.insert(hash, code.to_vec().into());
        let account = self.0.accounts.entry(address).or_default();
        account.nonce = account.nonce.max(1);
        account.code_hash = hash;
        self
    }

    fn slot(mut self, address: Address, slot: u64, value: impl Into<U256>) -> Self {
        let slots = self.0.storage.entry(address).or_default();
        slots.insert(B256::from(U256::from(slot)), value.into());
        self
    }

    fn call(&self, data: &[u8]) -> Result<cutover_types::Outcome, EvmError> {
        simulate(
            &self.0,
            &environment(),
            &Request::call(CALLER, PROXY, data.to_vec()),
        )
    }
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

fn key(slot: u64) -> B256 {
    B256::from(U256::from(slot))
}

fn one(missing: Missing) -> EvmError {
    EvmError::Missing(BTreeSet::from([missing]))
}

#[test]
fn an_unknown_slot_stops_the_run_and_is_named() {
    // SLOAD(7)
    let world = World::new().code(PROXY, &hex!("600754 00"));
    let slot = Missing::Slot {
        address: PROXY,
        slot: key(7),
    };
    assert_eq!(world.call(&[]), Err(one(slot)));
    assert_eq!(
        world.slot(PROXY, 7, U256::ZERO).call(&[]).unwrap().status,
        Status::Success
    );
}

#[test]
fn unknown_accounts_codes_and_block_hashes_are_named() {
    // BALANCE(0xbb…)
    let mut code = hex!("73").to_vec();
    code.extend(LOGIC);
    code.extend(hex!("3100"));
    let account = Missing::Account { address: LOGIC };
    assert_eq!(World::new().code(PROXY, &code).call(&[]), Err(one(account)));
    // BLOCKHASH(NUMBER - 1)
    let hash = Missing::BlockHash { number: 18_999_999 };
    assert_eq!(
        World::new().code(PROXY, &hex!("600143034000")).call(&[]),
        Err(one(hash))
    );
    let mut world = World::new().code(PROXY, &[0x00]);
    world.0.codes.clear();
    let code = Missing::Code {
        hash: keccak256([0x00]),
    };
    assert_eq!(world.call(&[]), Err(one(code)));
}

#[test]
fn a_code_under_another_hash_is_refused() {
    let mut world = World::new().code(PROXY, &[0x00]);
    let hash = keccak256([0x00]);
    world.0.codes.insert(hash, Bytes::from_static(&[0x01]));
    let computed = keccak256([0x01]);
    assert_eq!(world.call(&[]), Err(EvmError::WrongCode { hash, computed }));
}

#[test]
fn delegate_call_is_from_the_proxy_to_the_code() {
    // SSTORE(1, 5)
    let world = World::new()
        .code(PROXY, DELEGATE)
        .slot(PROXY, 0, word(LOGIC))
        .slot(PROXY, 1, U256::ZERO)
        .code(LOGIC, &hex!("60056001 5500"));
    let outcome = world.call(&[1, 2, 3, 4]).unwrap();
    let frames: Vec<_> = outcome
        .calls
        .iter()
        .map(|call| (call.depth, call.kind, call.from, call.to))
        .collect();
    assert_eq!(
        frames,
        [
            (0, CallKind::Call, CALLER, PROXY),
            (1, CallKind::DelegateCall, PROXY, LOGIC)
        ]
    );
    assert_eq!(outcome.calls[1].input, Bytes::from_static(&[1, 2, 3, 4]));
    assert_eq!(
        outcome.diff[&PROXY].storage[&key(1)],
        Change {
            before: U256::ZERO,
            after: U256::from(5)
        }
    );
    assert_eq!(outcome.diff.len(), 1, "{:?}", outcome.diff);
    assert_eq!(outcome.environment, BTreeSet::from([EnvironmentRead::Gas]));
}

#[test]
fn a_slot_written_back_is_no_change() {
    // SSTORE(1, 5), SSTORE(1, 0)
    let world = World::new()
        .code(PROXY, &hex!("60056001556000600155"))
        .slot(PROXY, 1, U256::ZERO);
    assert!(world.call(&[]).unwrap().diff.is_empty());
}

#[test]
fn a_reverted_call_changes_nothing_and_keeps_its_data() {
    // SSTORE(1, 5), MSTORE8(0, 0x2a), REVERT(0, 1)
    let world = World::new()
        .code(PROXY, &hex!("6005600155602a60005360016000fd"))
        .slot(PROXY, 1, U256::ZERO);
    let outcome = world.call(&[]).unwrap();
    assert_eq!(outcome.status, Status::Revert);
    assert_eq!(outcome.output, Bytes::from_static(&[0x2a]));
    assert_eq!(outcome.calls[0].status, Status::Revert);
    assert!(outcome.diff.is_empty() && outcome.logs.is_empty());
}

#[test]
fn a_halt_has_a_name() {
    let outcome = World::new().code(PROXY, &[0xfe]).call(&[]).unwrap();
    assert_eq!(outcome.status, Status::Halt);
    assert_eq!(outcome.halt.as_deref(), Some("InvalidFEOpcode"));
    assert_eq!(outcome.calls[0].status, Status::Halt);
}

#[test]
fn precompiles_are_among_the_calls() {
    // STATICCALL(gas, 4, 0, 0, 0, 0)
    let identity = Address::with_last_byte(4);
    let world = World::new()
        .account(identity, 0, 1)
        .code(PROXY, &hex!("600080808060045afa00"));
    let outcome = world.call(&[]).unwrap();
    assert_eq!(outcome.calls[1].kind, CallKind::StaticCall);
    assert_eq!(outcome.calls[1].to, identity);
}

#[test]
fn reads_of_the_environment_are_noted() {
    let cases = [
        (0x44, EnvironmentRead::Prevrandao),
        (0x42, EnvironmentRead::Timestamp),
        (0x43, EnvironmentRead::Number),
        (0x45, EnvironmentRead::Gaslimit),
        (0x5a, EnvironmentRead::Gas),
    ];
    for (instruction, read) in cases {
        let outcome = World::new().code(PROXY, &[instruction]).call(&[]).unwrap();
        assert_eq!(outcome.environment, BTreeSet::from([read]));
    }
    let outcome = World::new()
        .code(PROXY, &hex!("60445000"))
        .call(&[])
        .unwrap();
    assert!(outcome.environment.is_empty(), "pushed data is not run");
}

#[test]
fn a_simulated_call_leaves_the_sender_as_it_is() {
    let outcome = World::new()
        .account(CALLER, 7, 1)
        .code(PROXY, &[0x00])
        .call(&[])
        .unwrap();
    assert!(outcome.diff.is_empty(), "{:?}", outcome.diff);
}

#[test]
fn a_contract_may_simulate_and_create_at_the_address_it_will_have() {
    // The proxy calls back its sender, which creates an empty contract.
    let mut back = hex!("6000808080 8073").to_vec();
    back.extend(CALLER);
    back.extend(hex!("5af100"));
    let child = CALLER.create(1);
    let world = World::new()
        .code(CALLER, &hex!("600080 80f000"))
        .account(child, 0, 0)
        .code(PROXY, &back);
    let outcome = world.call(&[]).unwrap();
    assert_eq!(outcome.calls[2].kind, CallKind::Create);
    assert_eq!(outcome.calls[2].to, child);
    assert!(outcome.diff[&child].created);
    let nonce = outcome.diff[&CALLER].nonce.clone().unwrap();
    assert_eq!((nonce.before, nonce.after), (1, 2));
}

#[test]
fn a_simulated_creation_gives_the_runtime_code() {
    // Returns one zero byte as code.
    let created = CALLER.create(3);
    let world = World::new().account(CALLER, 3, 0).account(created, 0, 0);
    let request = Request::create(CALLER, hex!("60016000f3").to_vec());
    let outcome = simulate(&world.0, &environment(), &request).unwrap();
    assert_eq!(outcome.created, Some(created));
    assert_eq!(outcome.output, Bytes::from_static(&[0]));
    let diff = &outcome.diff[&created];
    assert!(diff.created);
    assert_eq!(diff.code.as_ref().unwrap().after, Bytes::from_static(&[0]));
    assert!(!outcome.diff.contains_key(&CALLER));
}

#[test]
fn a_poor_sender_is_lent_the_value() {
    let world = World::new().account(CALLER, 0, 3).code(PROXY, &[0x00]);
    let request = Request {
        value: U256::from(10),
        ..Request::call(CALLER, PROXY, Bytes::new())
    };
    let outcome = simulate(&world.0, &environment(), &request).unwrap();
    assert_eq!(
        outcome.diff[&PROXY].balance.as_ref().unwrap().after,
        U256::from(10)
    );
    let sender = outcome.diff[&CALLER].balance.as_ref().unwrap();
    assert_eq!((sender.before, sender.after), (U256::from(3), U256::ZERO));
}

fn transfer() -> (SignedTransaction, World) {
    let world = World::new()
        .account(SENDER, 9, 2_000_000_000_000_000_000)
        .account(RECEIVER, 0, 0);
    (SignedTransaction::decode(&SIGNED.into()).unwrap(), world)
}

#[test]
fn a_transaction_pays_its_way() {
    let (tx, world) = transfer();
    let outcome = execute(&world.0, &environment(), &tx).unwrap();
    assert_eq!(
        (outcome.status, outcome.gas_used),
        (Status::Success, 21_000)
    );
    let fee = 21_000 * 20_000_000_000_u128;
    let spent = outcome.diff[&SENDER].balance.as_ref().unwrap();
    assert_eq!(
        spent.before - spent.after,
        U256::from(1_000_000_000_000_000_000 + fee)
    );
    assert_eq!(outcome.diff[&SENDER].nonce.as_ref().unwrap().after, 10);
    let tip = outcome.diff[&MINER].balance.as_ref().unwrap();
    assert_eq!(tip.after, U256::from(fee - 21_000));
    assert!(!outcome.diff[&RECEIVER].created, "funded, not created");
}

#[test]
fn what_no_block_could_include_is_invalid() {
    let (tx, world) = transfer();
    let poor = World::new().account(SENDER, 9, 1).account(RECEIVER, 0, 0);
    let late = World::new()
        .account(SENDER, 10, 2_000_000_000_000_000_000)
        .account(RECEIVER, 0, 0);
    let dear = Environment {
        base_fee: 21_000_000_000,
        ..environment()
    };
    let elsewhere = Environment {
        chain_id: 5,
        ..environment()
    };
    for (world, environment) in [
        (&poor, environment()),
        (&late, environment()),
        (&world, dear),
        (&world, elsewhere),
    ] {
        assert!(matches!(
            execute(&world.0, &environment, &tx),
            Err(EvmError::Invalid { .. })
        ));
    }
}

#[test]
fn each_transaction_of_a_block_runs_on_what_came_before_and_views_keep() {
    let (tx, world) = transfer();
    let mut run = BlockRun::new(&world.0, environment());
    run.begin().unwrap();
    let before = run.view();
    run.next_quiet(&tx).unwrap();
    let after = run.view();
    let ether = U256::from(1_000_000_000_000_000_000_u64);
    assert_eq!(before.account(RECEIVER).unwrap().balance, U256::ZERO);
    assert_eq!(after.account(RECEIVER).unwrap().balance, ether);
    assert_eq!(after.account(SENDER).unwrap().nonce, 10);
    assert_eq!(run.diff()[&RECEIVER].balance.as_ref().unwrap().after, ether);
    assert!(matches!(run.next(&tx), Err(EvmError::Invalid { .. })));
    let touched = run.touched().extract(&world.0).unwrap();
    assert_eq!(
        touched.accounts.keys().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([SENDER, RECEIVER, MINER])
    );
}

#[test]
fn many_unknown_keys_are_wanted_at_once_and_none_when_all_are_known() {
    // SLOAD(1), SLOAD(2), BLOCKHASH(NUMBER - 1)
    let full = World::new()
        .code(PROXY, &hex!("600154600254 60014303 40 00"))
        .slot(PROXY, 1, U256::ZERO)
        .slot(PROXY, 2, U256::ZERO);
    let mut blind = World(full.0.clone());
    blind.0.storage.clear();
    let request = Request::call(CALLER, PROXY, Bytes::new());
    let keys = wanted_by_request(&blind.0, &environment(), &request);
    assert_eq!(
        keys,
        BTreeSet::from([
            Missing::Slot {
                address: PROXY,
                slot: key(1)
            },
            Missing::Slot {
                address: PROXY,
                slot: key(2)
            },
            Missing::BlockHash { number: 18_999_999 },
        ])
    );
    let mut known = full.0;
    known.block_hashes.insert(18_999_999, B256::repeat_byte(1));
    assert!(wanted_by_request(&known, &environment(), &request).is_empty());
}

#[test]
fn wanted_goes_on_where_the_sender_is_unknown() {
    let (tx, _) = transfer();
    let keys = wanted(&MemoryState::default(), &environment(), &tx);
    for address in [SENDER, RECEIVER, MINER] {
        assert!(keys.contains(&Missing::Account { address }));
    }
}

#[test]
fn self_destruction_before_cancun_removes_and_after_it_only_pays_out() {
    // SELFDESTRUCT(CALLER), with a slot the contract had.
    let world = World::new()
        .code(PROXY, &hex!("33ff"))
        .account(PROXY, 1, 5)
        .slot(PROXY, 1, U256::from(7));
    let outcome = world.call(&[]).unwrap();
    let frame = outcome.calls.last().unwrap();
    assert_eq!(
        (frame.kind, frame.depth, frame.to, frame.value),
        (CallKind::SelfDestruct, 1, CALLER, U256::from(5))
    );
    let diff = &outcome.diff[&PROXY];
    assert!(diff.destroyed);
    assert!(diff.code.as_ref().unwrap().after.is_empty());
    assert_eq!(diff.balance.as_ref().unwrap().after, U256::ZERO);

    let cancun = Environment {
        hardfork: cutover_types::Hardfork::Cancun,
        excess_blob_gas: Some(0),
        ..environment()
    };
    let request = Request::call(CALLER, PROXY, Bytes::new());
    let outcome = simulate(&world.0, &cancun, &request).unwrap();
    let diff = &outcome.diff[&PROXY];
    assert!(!diff.destroyed && diff.code.is_none());
    assert_eq!(diff.balance.as_ref().unwrap().after, U256::ZERO);
}

#[test]
fn system_contracts_nobody_knows_stop_only_who_reads_them() {
    let (tx, world) = transfer();
    let prague = Environment {
        hardfork: cutover_types::Hardfork::Prague,
        excess_blob_gas: Some(0),
        parent_hash: B256::repeat_byte(0x11),
        parent_beacon_root: Some(B256::repeat_byte(0x22)),
        ..environment()
    };
    let mut run = BlockRun::new(&world.0, prague.clone());
    run.begin().unwrap();
    run.next(&tx).unwrap();
    let view = run.view();
    let history = address!("0x0000F90827F1C53a10cb7A02335B175320002935");
    assert_eq!(
        view.storage(history, key(18_999_999 % 8191)),
        Ok(U256::from_be_bytes([0x11; 32]))
    );
    assert_eq!(
        view.account(history),
        Err(Missing::Account { address: history })
    );
    let asked = cutover_evm::wanted_by_begin(&world.0, &prague);
    assert!(asked.contains(&Missing::Account { address: history }));
}

#[test]
fn an_empty_account_does_not_exist() {
    // EXTCODEHASH of an empty account is zero, not the hash of nothing.
    let mut code = hex!("73").to_vec();
    code.extend(LOGIC);
    code.extend(hex!("3f60005260206000f3"));
    let world = World::new().code(PROXY, &code).account(LOGIC, 0, 0);
    assert_eq!(world.call(&[]).unwrap().output, Bytes::from(vec![0; 32]));
    let world = world.account(LOGIC, 0, 1);
    assert_eq!(
        world.call(&[]).unwrap().output,
        Bytes::from(KECCAK256_EMPTY.to_vec())
    );
    assert_eq!(
        world.0.accounts[&LOGIC].code_hash,
        Account::default().code_hash
    );
}

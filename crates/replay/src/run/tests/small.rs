//! A small made-up chain: a proxy whose implementation counts.

use alloy_consensus::{
    Header, Receipt, ReceiptEnvelope, SignableTransaction as _, TxEnvelope, TxLegacy,
};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use cutover_evm::{BlockRun, Environment, SignedTransaction};
use cutover_types::{
    Account, MemoryState, RecordedBlock, Recording, Target, UpgradePath, Verb, Window,
    recording::{BlockEntry, Discovery, Reach},
};
use k256::ecdsa::SigningKey;
use std::{collections::BTreeMap, sync::Arc};

use super::mainnet::Tape;

pub(super) const PROXY: Address = Address::repeat_byte(0xaa);
pub(super) const BLUE: Address = Address::repeat_byte(0xb1);
pub(super) const OWNER: Address = Address::repeat_byte(0x0e);
const SLOT: B256 = B256::with_last_byte(0xff);
const CHAIN: u64 = 31_337;

/// Delegates everything to the address in [`SLOT`].
const PROXY_CODE: [u8; 27] = hex!("365f5f375f5f365f60ff545af43d5f5f3e6017573d5ffd5b3d5ff3");

/// `upgradeTo(address)` writes [`SLOT`]; anything else adds `step` to slot 0.
pub(super) fn counter(step: u8) -> Bytes {
    let mut code = hex!("5f3560e01c633659cfe6146016575f546001015f55005b60043560ff5500").to_vec();
    code[0x11] = step;
    code.into()
}

/// Adds 2 to slot 0 whatever is asked: there is no way back from it.
pub(super) fn one_way() -> Bytes {
    hex!("5f546002015f5500").into()
}

pub(super) fn path() -> UpgradePath {
    UpgradePath {
        from: OWNER,
        ..UpgradePath::one_call(PROXY, SLOT, Verb::UpgradeTo, None)
    }
}

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn signed(nonce: u64, data: Bytes) -> SignedTransaction {
    let transaction = TxLegacy {
        chain_id: Some(CHAIN),
        nonce,
        gas_price: 20,
        gas_limit: 200_000,
        to: TxKind::Call(PROXY),
        value: U256::ZERO,
        input: data,
    };
    let (signature, recovery) = key()
        .sign_prehash_recoverable(transaction.signature_hash().as_slice())
        .unwrap();
    let signature = Signature::from_signature_and_parity(signature, recovery.is_y_odd());
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    SignedTransaction::decode(&envelope.encoded_2718().into()).unwrap()
}

/// `blocks[i]` transactions in block 100 + i; between blocks `meanwhile` changes the state.
pub(super) fn tape(blocks: &[usize], mut meanwhile: impl FnMut(u64, &mut MemoryState)) -> Tape {
    let mut state = MemoryState::default();
    let sender = signed(0, Bytes::new()).sender;
    for (address, code, balance) in [
        (PROXY, Bytes::from(PROXY_CODE), 0),
        (BLUE, counter(1), 0),
        (sender, Bytes::new(), 1_000_000_000),
        (Address::repeat_byte(0xcb), Bytes::new(), 1),
    ] {
        let code_hash = keccak256(&code);
        state.codes.insert(code_hash, code);
        let account = Account {
            nonce: 0,
            balance: U256::from(balance),
            code_hash,
        };
        state.accounts.insert(address, account);
    }
    let slots = state.storage.entry(PROXY).or_default();
    slots.insert(B256::ZERO, U256::ZERO);
    slots.insert(SLOT, U256::from_be_slice(BLUE.as_slice()));
    let mut nonce = 0;
    let mut recorded = BTreeMap::new();
    for (count, number) in blocks.iter().zip(100u64..) {
        meanwhile(number, &mut state);
        let header = Header {
            number,
            timestamp: number * 12,
            gas_limit: 30_000_000,
            base_fee_per_gas: Some(7),
            beneficiary: Address::repeat_byte(0xcb),
            withdrawals_root: Some(B256::ZERO),
            ..Header::default()
        };
        let environment = Environment::of(CHAIN, &header).unwrap();
        let parent = state.clone();
        let mut run = BlockRun::new(&parent, environment);
        run.begin().unwrap();
        let mut block = RecordedBlock {
            hash: header.hash_slow(),
            header,
            parent: None,
            transactions: Vec::new(),
            receipts: Vec::new(),
            targets: Vec::new(),
            state: parent.clone(),
            proofs: None,
        };
        let mut cumulative_gas_used = 0;
        for index in 0..*count {
            let transaction = signed(nonce, hex!("12345678").into());
            nonce += 1;
            let outcome = run.next(&transaction).unwrap();
            cumulative_gas_used += outcome.gas_used;
            let receipt = Receipt {
                status: outcome.status.is_success().into(),
                cumulative_gas_used,
                logs: outcome.logs,
            };
            block.receipts.push(ReceiptEnvelope::Legacy(receipt.into()));
            block.targets.push(Target {
                hash: transaction.hash,
                index: index as u64,
                reach: Reach::Direct,
            });
            block.transactions.push(transaction.raw);
        }
        for (address, change) in run.diff() {
            let account = state.accounts.get_mut(address).unwrap();
            if let Some(balance) = &change.balance {
                account.balance = balance.after;
            }
            if let Some(nonce) = &change.nonce {
                account.nonce = nonce.after;
            }
            for (slot, value) in &change.storage {
                let slots = state.storage.entry(*address).or_default();
                slots.insert(*slot, value.after);
            }
        }
        recorded.insert(number, Arc::new(block));
    }
    let entries = recorded
        .values()
        .map(|block: &Arc<RecordedBlock>| BlockEntry {
            number: block.header.number,
            hash: block.hash,
            targets: block.targets.clone(),
        });
    Tape {
        recording: Recording {
            chain_id: CHAIN,
            proxy: PROXY,
            window: Window {
                from: 100,
                to: 99 + blocks.len() as u64,
            },
            discovery: Discovery::Traces,
            may_have_missed: Vec::new(),
            blocks: entries.collect(),
            upgrade: Some(path()),
            incomplete: Vec::new(),
            counts: Default::default(),
            files: Default::default(),
            digest: B256::ZERO,
        },
        blocks: recorded,
    }
}

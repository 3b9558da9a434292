//! A small chain to fork: some contracts, one signer, a view that can be swapped.

use super::super::*;
use crate::{Facade, ViewArchive, keys::Signer};
use alloy::signers::local::PrivateKeySigner;
use alloy_consensus::{Header, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use cutover_types::{Account, Hardfork, MemoryState};
use std::sync::Arc;

pub(super) const A: Address = Address::repeat_byte(0xaa);
pub(super) const B: Address = Address::repeat_byte(0xbb);
pub(super) const COINBASE: Address = Address::repeat_byte(0xcb);
pub(super) const NUMBER: u64 = 20_000_001;
pub(super) const BASE_FEE: u64 = 7;
pub(super) const TIP: u64 = 3;

pub(super) fn slot(n: u8) -> B256 {
    B256::with_last_byte(n)
}

pub(super) struct World {
    pub(super) signer: Signer,
    pub(super) archive: Arc<ViewArchive>,
    pub(super) facade: Facade,
    pub(super) fork: Fork,
}

pub(super) fn ether() -> U256 {
    U256::from(10).pow(U256::from(18))
}

pub(super) fn put(state: &mut MemoryState, address: Address, code: &[u8], balance: U256) {
    let account = Account {
        nonce: u64::from(!code.is_empty()),
        balance,
        code_hash: if code.is_empty() {
            alloy_primitives::KECCAK256_EMPTY
        } else {
            keccak256(code)
        },
    };
    state
        .codes
        .insert(account.code_hash, Bytes::copy_from_slice(code));
    state.accounts.insert(address, account);
}

/// What every test of these needs: who pays, who is paid, what the protocol calls.
pub(super) fn state(sender: Address) -> MemoryState {
    let mut state = MemoryState::default();
    put(&mut state, sender, &[], ether());
    put(&mut state, COINBASE, &[], U256::ZERO);
    put(&mut state, B, &[], U256::ZERO);
    put(
        &mut state,
        alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS,
        &[],
        U256::ZERO,
    );
    state
}

impl World {
    pub(super) async fn new(rules: Hardfork, build: impl FnOnce(&mut MemoryState)) -> Self {
        let signer = Signer::new(PrivateKeySigner::from_slice(&[0x11; 32]).unwrap());
        let mut parent = Header {
            number: NUMBER - 1,
            timestamp: 1_750_000_000,
            gas_limit: 30_000_000,
            base_fee_per_gas: Some(BASE_FEE),
            ..Header::default()
        };
        if rules >= Hardfork::Shanghai {
            parent.withdrawals_root = Some(alloy_consensus::EMPTY_ROOT_HASH);
        }
        if rules >= Hardfork::Cancun {
            parent.blob_gas_used = Some(0);
            // Blobs at more than the least price.
            parent.excess_blob_gas = Some(20_000_000);
            parent.parent_beacon_block_root = Some(B256::ZERO);
        }
        let header = Header {
            parent_hash: parent.hash_slow(),
            number: NUMBER,
            timestamp: parent.timestamp + 12,
            ..parent.clone()
        };
        let archive = Arc::new(ViewArchive::new(1, Some(parent), &header));
        let mut view = state(signer.address());
        build(&mut view);
        archive.set_view(Arc::new(view));
        let facade = Facade::start(archive.clone(), 0).await.unwrap();
        let options = AnvilOptions::green(facade.url(), NUMBER - 1, rules);
        let fork = Fork::start(&options).await.unwrap();
        Self {
            signer,
            archive,
            facade,
            fork,
        }
    }

    /// The view, built anew.
    pub(super) fn see(&self, build: impl FnOnce(&mut MemoryState)) {
        let mut view = state(self.signer.address());
        build(&mut view);
        self.archive.set_view(Arc::new(view));
    }

    pub(super) async fn raw(
        &self,
        nonce: u64,
        to: TxKind,
        value: u64,
        gas: u64,
        input: &[u8],
    ) -> Bytes {
        let transaction = TxEip1559 {
            chain_id: 1,
            nonce,
            gas_limit: gas,
            max_fee_per_gas: u128::from(BASE_FEE + TIP),
            max_priority_fee_per_gas: u128::from(TIP),
            to,
            value: U256::from(value),
            input: Bytes::copy_from_slice(input),
            ..TxEip1559::default()
        };
        self.signer.sign(transaction.into()).await.unwrap().1
    }

    pub(super) fn block() -> NextBlock {
        NextBlock {
            base_fee: Some(BASE_FEE),
            timestamp: Some(1_750_000_012),
            coinbase: Some(COINBASE),
            gas_limit: Some(30_000_000),
        }
    }

    pub(super) async fn run(
        &mut self,
        raw: &Bytes,
        upgrade: Option<&Upgrade>,
    ) -> Result<Executed, AnvilError> {
        let execution = Execution {
            block: Self::block(),
            place: None,
            upgrade,
            raw,
        };
        self.fork.execute(&execution).await
    }

    /// Calls A as the signer's first transaction.
    pub(super) async fn call(&mut self, value: u64) -> Result<Executed, AnvilError> {
        let raw = self.raw(0, A.into(), value, 1_000_000, &[]).await;
        self.run(&raw, None).await
    }
}

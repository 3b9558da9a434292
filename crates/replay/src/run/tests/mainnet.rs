//! Recordings of real blocks, for tests, made from the block files themselves.

use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{Address, B256, Bytes, U256, address};
use cutover_types::{
    Account, MemoryState, RecordedBlock, Recording, Target, UpgradePath, Verb, Window,
    abi::{ZOS_ADMIN_SLOT, ZOS_IMPLEMENTATION_SLOT},
    recording::{BlockEntry, Discovery, Reach},
};
use serde_json::Value;
use std::{collections::BTreeMap, io::Read as _, path::PathBuf, sync::Arc};

pub(super) const USDC: Address = address!("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");
pub(super) const USDC_ADMIN: Address = address!("807a96288A1A408dBC13DE2b1d087d10356395d2");
pub(super) const USDC_OLD: Address = address!("a2327a938Febf5FEC13baCFb16Ae10EcBc4cbDCF");
pub(super) const USDC_NEW: Address = address!("43506849D7C04F9138D1A2050bbF3A0c054402dd");

/// The data set's folder, or a word about why the test does nothing.
pub(super) fn data() -> Option<PathBuf> {
    match std::env::var_os("CUTOVER_MAINNET_DATA") {
        Some(path) => Some(path.into()),
        None => {
            eprintln!("skipped: CUTOVER_MAINNET_DATA is not set");
            None
        }
    }
}

fn json(kind: &str, number: u64) -> Value {
    let path = data()
        .unwrap()
        .join(format!("blocks/{kind}-{number}.json.gz"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

fn of<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn reaches(call: &Value, proxy: &str) -> bool {
    call["to"].as_str().is_some_and(|to| to == proxy)
        || call["calls"]
            .as_array()
            .is_some_and(|calls| calls.iter().any(|call| reaches(call, proxy)))
}

/// A real block as `record` would leave it, with the transactions that reach `proxy`.
pub(super) fn block(number: u64, proxy: Address) -> RecordedBlock {
    let file = json("block", number);
    let trace = json("trace", number);
    let proxy = format!("{proxy:#x}");
    let mut state = MemoryState::default();
    for (address, account) in file["preState"].as_object().unwrap() {
        let address: Address = address.parse().unwrap();
        let balance: U256 = of(&account["balance"]);
        let nonce: U256 = of(&account["nonce"]);
        state.accounts.insert(
            address,
            Account {
                nonce: nonce.to(),
                balance,
                code_hash: of(&account["codeHash"]),
            },
        );
        for (slot, value) in account["storage"].as_object().unwrap() {
            let slot: U256 = slot.parse().unwrap();
            let value: U256 = of(value);
            state
                .storage
                .entry(address)
                .or_default()
                .insert(slot.into(), value);
        }
    }
    for (hash, code) in file["codes"].as_object().unwrap() {
        state.codes.insert(hash.parse().unwrap(), of(code));
    }
    for (number, hash) in file["blockHashes"].as_object().unwrap() {
        let number: U256 = number.parse().unwrap();
        state.block_hashes.insert(number.to(), of(hash));
    }
    let mut targets = Vec::new();
    for (index, call) in trace["callTracer"].as_array().unwrap().iter().enumerate() {
        if reaches(call, &proxy) {
            let direct = call["to"].as_str() == Some(&proxy);
            targets.push(Target {
                hash: of(&file["receipts"][index]["transactionHash"]),
                index: index as u64,
                reach: if direct {
                    Reach::Direct
                } else {
                    Reach::Internal
                },
            });
        }
    }
    let header: Header = of(&file["block"]);
    let parent: Header = of(&file["parent"]);
    let hash: B256 = of(&file["block"]["hash"]);
    assert_eq!(header.hash_slow(), hash);
    RecordedBlock {
        parent: (parent.hash_slow() == header.parent_hash).then_some(parent),
        header,
        hash,
        transactions: file["rawTransactions"]
            .as_array()
            .unwrap()
            .iter()
            .map(of::<Bytes>)
            .collect(),
        receipts: file["receipts"]
            .as_array()
            .unwrap()
            .iter()
            .map(of::<ReceiptEnvelope>)
            .collect(),
        targets,
        state,
        proofs: None,
    }
}

/// The code of an account of a block.
pub(super) fn code(block: &RecordedBlock, address: Address) -> Bytes {
    let hash = block.state.accounts[&address].code_hash;
    block.state.codes[&hash].clone()
}

/// How USDC is upgraded.
pub(super) fn usdc_path() -> UpgradePath {
    UpgradePath {
        from: USDC_ADMIN,
        ..UpgradePath::one_call(
            USDC,
            ZOS_IMPLEMENTATION_SLOT,
            Verb::UpgradeTo,
            Some(Verb::UpgradeToAndCall),
        )
    }
}

/// A recording that is only in memory.
pub(super) struct Tape {
    pub(super) recording: Recording,
    pub(super) blocks: BTreeMap<u64, Arc<RecordedBlock>>,
}

impl Tape {
    /// The transactions that reach USDC.
    pub(super) fn usdc(numbers: &[u64]) -> Self {
        let blocks = numbers.iter().map(|number| block(*number, USDC));
        Self::of(blocks.collect())
    }

    /// Every transaction, whether it reaches USDC or not.
    pub(super) fn everything(number: u64) -> Self {
        let mut block = block(number, USDC);
        let decoded = block.transactions.iter().map(alloy_primitives::keccak256);
        block.targets = decoded
            .zip(0u64..)
            .map(|(hash, index)| Target {
                hash,
                index,
                reach: Reach::Internal,
            })
            .collect();
        Self::of(vec![block])
    }

    fn of(blocks: Vec<RecordedBlock>) -> Self {
        let blocks: BTreeMap<u64, Arc<RecordedBlock>> = blocks
            .into_iter()
            .map(|block| (block.header.number, Arc::new(block)))
            .collect();
        for block in blocks.values() {
            assert!(block.state.storage[&USDC].contains_key(&ZOS_ADMIN_SLOT));
        }
        let entries = blocks
            .values()
            .map(|block| BlockEntry {
                number: block.header.number,
                hash: block.hash,
                targets: block.targets.clone(),
            })
            .collect();
        Self {
            recording: Recording {
                chain_id: 1,
                proxy: USDC,
                window: Window {
                    from: *blocks.keys().min().unwrap(),
                    to: *blocks.keys().max().unwrap(),
                },
                discovery: Discovery::Traces,
                may_have_missed: Vec::new(),
                blocks: entries,
                upgrade: Some(usdc_path()),
                incomplete: Vec::new(),
                counts: Default::default(),
                files: Default::default(),
                digest: B256::ZERO,
            },
            blocks,
        }
    }
}

//! Real mainnet blocks with the state they ran on.

#![allow(dead_code, reason = "not every test needs every part")]

use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{Address, B256, Bytes, U256, b256};
use cutover_evm::SignedTransaction;
use cutover_types::{Account, MemoryState, Missing, State};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::{Path, PathBuf},
};

const EMPTY_ROOT: B256 =
    b256!("0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// Where the blocks are, if they are here.
pub fn data() -> Option<PathBuf> {
    let found = std::env::var_os("CUTOVER_MAINNET_DATA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: CUTOVER_MAINNET_DATA is not set");
    }
    found
}

/// The numbers of the blocks in the folder, ascending.
pub fn numbers(data: &Path) -> BTreeSet<u64> {
    std::fs::read_dir(data.join("blocks"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().ok()?;
            name.strip_prefix("block-")?
                .strip_suffix(".json.gz")?
                .parse()
                .ok()
        })
        .collect()
}

/// Reads a gzipped JSON file.
pub fn read<T: DeserializeOwned>(path: &Path) -> T {
    let file = flate2::read::GzDecoder::new(File::open(path).unwrap());
    serde_json::from_reader(std::io::BufReader::new(file)).unwrap()
}

/// A block, its receipts and the state at its parent.
pub struct Block {
    pub header: Header,
    pub transactions: Vec<SignedTransaction>,
    pub receipts: Vec<ReceiptEnvelope>,
    pub state: Known,
}

/// What the file knows of the parent's state.
#[derive(Default)]
pub struct Known {
    pub memory: MemoryState,
    /// Contracts proven to have no storage.
    bare: BTreeSet<Address>,
}

impl State for Known {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        self.memory.account(address)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        self.memory.code(hash)
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        match self.memory.storage(address, slot) {
            Err(_) if self.bare.contains(&address) => Ok(U256::ZERO),
            answer => answer,
        }
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        self.memory.block_hash(number)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockFile {
    block: serde_json::Value,
    raw_transactions: Vec<Bytes>,
    receipts: Vec<ReceiptEnvelope>,
    codes: BTreeMap<B256, Bytes>,
    block_hashes: BTreeMap<U256, B256>,
    pre_state: BTreeMap<Address, PreAccount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PreAccount {
    nonce: U256,
    balance: U256,
    code_hash: B256,
    storage_hash: Option<B256>,
    #[serde(default)]
    storage: BTreeMap<U256, U256>,
}

/// Reads a block.
pub fn block(data: &Path, number: u64) -> Block {
    let file: BlockFile = read(&data.join(format!("blocks/block-{number}.json.gz")));
    let header: Header = serde_json::from_value(file.block.clone()).unwrap();
    let hash: B256 = serde_json::from_value(file.block["hash"].clone()).unwrap();
    assert_eq!(header.hash_slow(), hash, "header of {number}");
    let mut state = Known::default();
    state.memory.codes = file.codes;
    for (number, hash) in file.block_hashes {
        state.memory.block_hashes.insert(number.to(), hash);
    }
    for (address, account) in file.pre_state {
        if account.storage_hash == Some(EMPTY_ROOT) {
            state.bare.insert(address);
        }
        let slots = state.memory.storage.entry(address).or_default();
        slots.extend(account.storage.iter().map(|(k, v)| (B256::from(*k), *v)));
        let account = Account {
            nonce: account.nonce.to(),
            balance: account.balance,
            code_hash: account.code_hash,
        };
        state.memory.accounts.insert(address, account);
    }
    Block {
        header,
        transactions: file
            .raw_transactions
            .iter()
            .map(|raw| SignedTransaction::decode(raw).unwrap())
            .collect(),
        receipts: file.receipts,
        state,
    }
}

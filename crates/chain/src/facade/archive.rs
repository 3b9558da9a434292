//! What a facade serves: a whole recording, or one view that can be swapped.

use crate::folder::RecordingFolder;
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{Account, Hardfork, Missing, RecordedBlock, State};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};

/// Blocks a recording's archive keeps unpacked.
const KEPT: usize = 8;
/// How far `BLOCKHASH` reaches.
const ANCESTORS: u64 = 256;

/// What the facade serves.
pub trait Archive: Send + Sync {
    /// EIP-155 chain id.
    fn chain_id(&self) -> u64;
    /// Number of the newest block.
    fn head(&self) -> u64;
    /// A header and the hash it is known by; where only the hash is known, a stub fills the header.
    fn header(&self, number: u64) -> Option<(B256, Header)>;
    /// A block with its transactions and receipts.
    fn block(&self, number: u64) -> Option<Arc<RecordedBlock>>;
    /// The state after a block.
    fn state(&self, number: u64) -> Option<Arc<dyn State>>;
    /// The number of the block with this hash.
    fn number_of(&self, hash: B256) -> Option<u64> {
        let head = self.head();
        (self.header(head)?.0 == hash).then_some(head)
    }
    /// Block number and index of a transaction.
    fn find(&self, _transaction: B256) -> Option<(u64, usize)> {
        None
    }
}

/// The state at one block's parent, as engines want to see it: the newest block is the parent, and the
/// view of its state can be swapped.
pub struct ViewArchive {
    chain_id: u64,
    parent: Header,
    parent_hash: B256,
    view: RwLock<Arc<dyn State>>,
}

impl fmt::Debug for ViewArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewArchive(block {})", self.parent.number)
    }
}

impl ViewArchive {
    /// An archive of the state below the block with this header. Without the parent's header a stub
    /// that fits takes its place. Until a view is set, nothing is known.
    pub fn new(chain_id: u64, parent: Option<Header>, header: &Header) -> Self {
        Self {
            chain_id,
            parent: parent
                .filter(|parent| parent.hash_slow() == header.parent_hash)
                .unwrap_or_else(|| stub(chain_id, header, header.number.saturating_sub(1))),
            parent_hash: header.parent_hash,
            view: RwLock::new(Arc::new(cutover_types::MemoryState::default())),
        }
    }

    /// Serves this state from now on.
    pub fn set_view(&self, view: Arc<dyn State>) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    fn view(&self) -> Arc<dyn State> {
        self.view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Archive for ViewArchive {
    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    fn head(&self) -> u64 {
        self.parent.number
    }

    fn header(&self, number: u64) -> Option<(B256, Header)> {
        if number == self.parent.number {
            return Some((self.parent_hash, self.parent.clone()));
        }
        let hash = self.view().block_hash(number).ok()?;
        Some((hash, stub(self.chain_id, &self.parent, number)))
    }

    fn block(&self, _number: u64) -> Option<Arc<RecordedBlock>> {
        None
    }

    fn state(&self, number: u64) -> Option<Arc<dyn State>> {
        (number == self.parent.number).then(|| self.view())
    }
}

/// A recording: the newest block is the last recorded one; state is that at the parents of recorded
/// blocks.
#[derive(Debug)]
pub struct RecordingArchive {
    folder: Arc<RecordingFolder>,
    fresh: Arc<BTreeSet<Address>>,
    kept: Mutex<VecDeque<Arc<RecordedBlock>>>,
    index: OnceLock<Index>,
}

/// Where things are, by hash.
#[derive(Debug, Default)]
struct Index {
    transactions: HashMap<B256, (u64, usize)>,
    blocks: HashMap<B256, u64>,
}

impl RecordingArchive {
    /// Serves this recording.
    pub fn new(folder: Arc<RecordingFolder>) -> Self {
        Self {
            folder,
            fresh: Arc::default(),
            kept: Mutex::default(),
            index: OnceLock::new(),
        }
    }

    /// Takes these accounts, where the recording does not know them, for empty ones. A fork asks for
    /// an account before it puts code there; whoever calls this answers for the assumption.
    #[must_use]
    pub fn with_fresh(mut self, accounts: impl IntoIterator<Item = Address>) -> Self {
        self.fresh = Arc::new(accounts.into_iter().collect());
        self
    }

    fn has(&self, number: u64) -> bool {
        let blocks = &self.folder.manifest().blocks;
        blocks
            .binary_search_by_key(&number, |entry| entry.number)
            .is_ok()
    }

    /// Made when a hash is first looked up: it reads every block once.
    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for entry in &self.folder.manifest().blocks {
                let Ok(block) = self.folder.block(entry.number) else {
                    continue;
                };
                let number = entry.number;
                index.blocks.insert(entry.hash, number);
                if let Some(parent) = number.checked_sub(1) {
                    index.blocks.insert(block.header.parent_hash, parent);
                }
                for (position, raw) in block.transactions.iter().enumerate() {
                    index
                        .transactions
                        .insert(keccak256(raw), (number, position));
                }
            }
            index
        })
    }
}

impl Archive for RecordingArchive {
    fn chain_id(&self) -> u64 {
        self.folder.manifest().chain_id
    }

    fn head(&self) -> u64 {
        let manifest = self.folder.manifest();
        manifest
            .blocks
            .last()
            .map_or(manifest.window.to, |entry| entry.number)
    }

    fn header(&self, number: u64) -> Option<(B256, Header)> {
        if let Some(block) = self.block(number) {
            return Some((block.hash, block.header.clone()));
        }
        let chain_id = self.chain_id();
        if let Some(next) = self.block(number.checked_add(1)?) {
            let hash = next.header.parent_hash;
            let parent = next.parent.clone();
            let header = parent
                .filter(|parent| parent.hash_slow() == hash)
                .unwrap_or_else(|| stub(chain_id, &next.header, number));
            return Some((hash, header));
        }
        let blocks = &self.folder.manifest().blocks;
        let after = blocks.partition_point(|entry| entry.number <= number);
        blocks
            .iter()
            .skip(after)
            .take_while(|entry| entry.number - number <= ANCESTORS)
            .find_map(|entry| {
                let block = self.block(entry.number)?;
                let hash = block.state.block_hashes.get(&number)?;
                Some((*hash, stub(chain_id, &block.header, number)))
            })
    }

    fn block(&self, number: u64) -> Option<Arc<RecordedBlock>> {
        if !self.has(number) {
            return None;
        }
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = kept().iter().find(|block| block.header.number == number) {
            return Some(block.clone());
        }
        let block = self
            .folder
            .block(number)
            .inspect_err(|error| tracing::warn!(%error, "a recorded block cannot be served"))
            .ok()?;
        let mut kept = kept();
        kept.push_front(block.clone());
        kept.truncate(KEPT);
        Some(block)
    }

    fn state(&self, number: u64) -> Option<Arc<dyn State>> {
        let block = self.block(number.checked_add(1)?)?;
        Some(Arc::new(BlockState {
            block,
            fresh: self.fresh.clone(),
        }))
    }

    fn number_of(&self, hash: B256) -> Option<u64> {
        let blocks = &self.folder.manifest().blocks;
        blocks
            .iter()
            .find(|entry| entry.hash == hash)
            .map(|entry| entry.number)
            .or_else(|| self.index().blocks.get(&hash).copied())
    }

    fn find(&self, transaction: B256) -> Option<(u64, usize)> {
        for entry in &self.folder.manifest().blocks {
            if let Some(target) = entry.targets.iter().find(|one| one.hash == transaction) {
                return Some((entry.number, usize::try_from(target.index).ok()?));
            }
        }
        self.index().transactions.get(&transaction).copied()
    }
}

/// The state a recorded block carries, at its parent.
struct BlockState {
    block: Arc<RecordedBlock>,
    fresh: Arc<BTreeSet<Address>>,
}

impl BlockState {
    fn is_fresh(&self, address: Address) -> bool {
        self.fresh.contains(&address) && self.block.state.account(address).is_err()
    }
}

impl State for BlockState {
    fn account(&self, address: Address) -> Result<Account, Missing> {
        if self.is_fresh(address) {
            return Ok(Account::default());
        }
        self.block.state.account(address)
    }

    fn code(&self, hash: B256) -> Result<Bytes, Missing> {
        self.block.state.code(hash)
    }

    fn storage(&self, address: Address, slot: B256) -> Result<U256, Missing> {
        if self.is_fresh(address) {
            return Ok(U256::ZERO);
        }
        self.block.state.storage(address, slot)
    }

    fn block_hash(&self, number: u64) -> Result<B256, Missing> {
        self.block.state.block_hash(number)
    }
}

/// A header that fits below another: the base fee and the gas limit that lead to it, 12 seconds a block
/// earlier, and everything that cannot be known left empty. It does not hash to anything.
fn stub(chain_id: u64, above: &Header, number: u64) -> Header {
    let earlier = above.number.saturating_sub(number).saturating_mul(12);
    let target = match Hardfork::of(chain_id, above) {
        Some(Hardfork::Cancun) => 3 << 17,
        _ => 6 << 17,
    };
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: above.difficulty,
        number,
        gas_limit: above.gas_limit,
        // At half of the limit the next base fee is the same.
        gas_used: above.gas_limit / 2,
        timestamp: above.timestamp.saturating_sub(earlier),
        base_fee_per_gas: above.base_fee_per_gas,
        withdrawals_root: above.withdrawals_root.map(|_| EMPTY_ROOT_HASH),
        blob_gas_used: above.blob_gas_used.map(|_| target),
        excess_blob_gas: above.excess_blob_gas,
        parent_beacon_block_root: above.parent_beacon_block_root.map(|_| B256::ZERO),
        requests_hash: above.requests_hash.map(|_| EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

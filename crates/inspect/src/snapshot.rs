//! The state of a chain after one block, as far as it was read; inspections that run side by side share it,
//! and what all of them miss is fetched in one wave.

use crate::{
    error::InspectError,
    session::{Moment, stranger},
    targets::{Targets, targets},
};
use alloy_primitives::{Address, B256, keccak256};
use cutover_chain::{ChainError, LazyState, Node};
use cutover_evm::Environment;
use cutover_types::{Account, MemoryState, Missing, inspection::BlockId};
use futures::future::join;
use serde_json::Value;
use std::{
    cell::{Cell, Ref, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::Poll,
};

type Logs = Result<Vec<Value>, ChainError>;

/// Codes of which is remembered where they hand calls on to.
const CODES: usize = 4_096;

/// What the node does not give.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    /// The keys.
    pub(crate) keys: BTreeSet<Missing>,
    why: BTreeMap<Missing, ChainError>,
}

/// The chain after one block.
pub(crate) struct Snapshot {
    pub(crate) node: Node,
    pub(crate) chain_id: u64,
    pub(crate) block: BlockId,
    pub(crate) environment: Environment,
    /// The state root, where the block's own header was read.
    pub(crate) state_root: Option<B256>,
    state: RefCell<LazyState>,
    refused: RefCell<Refused>,
    /// Answers by the text of their filter.
    logs: RefCell<BTreeMap<String, Logs>>,
    /// Where codes hand calls on to, by their hash: many proxies have one code.
    targets: RefCell<BTreeMap<B256, Rc<Targets>>>,
    wanted: RefCell<BTreeSet<Missing>>,
    filters: RefCell<BTreeMap<String, Value>>,
    /// Whether whoever misses something waits for the others to miss theirs.
    together: Cell<bool>,
    /// How many wait for the next wave.
    waiting: Cell<usize>,
    waves: Cell<u64>,
    /// Why the last wave brought nothing.
    failed: RefCell<Option<ChainError>>,
}

impl Snapshot {
    /// `proxy` is whom an error names.
    pub(crate) async fn open(
        node: &Node,
        proxy: Address,
        moment: Moment,
    ) -> Result<Self, InspectError> {
        let unread = |source| InspectError::Chain { proxy, source };
        let chain_id = node.chain_id().await.map_err(unread)?;
        let number = match moment {
            Moment::After(Some(number)) | Moment::Before(number) => number,
            Moment::After(None) => node.latest().await.map_err(unread)?,
        };
        let header = node.header(number).await;
        let (hash, header) = header
            .map_err(|error| match (moment, error) {
                // Nobody asked for it but by the node's own word.
                (Moment::After(None), ChainError::NoSuchBlock { number }) => {
                    ChainError::Malformed {
                        method: "eth_getBlockByNumber".into(),
                        detail: format!("there is no block {number}, which it says is its newest"),
                    }
                }
                (_, error) => error,
            })
            .map_err(unread)?;
        let environment =
            Environment::of(chain_id, &header).map_err(|error| InspectError::Execution {
                proxy,
                block: number,
                reason: error.to_string(),
            })?;
        let block = match moment {
            Moment::After(_) => BlockId { number, hash },
            Moment::Before(_) => BlockId {
                number: number.saturating_sub(1),
                hash: header.parent_hash,
            },
        };
        let state_root = matches!(moment, Moment::After(_)).then_some(header.state_root);
        let mut state = LazyState::new(node.clone(), block.number);
        state.known.accounts.insert(stranger(), Account::default());
        Ok(Self {
            node: node.clone(),
            chain_id,
            block,
            environment,
            state_root,
            state: RefCell::new(state),
            refused: RefCell::default(),
            logs: RefCell::default(),
            targets: RefCell::default(),
            wanted: RefCell::default(),
            filters: RefCell::default(),
            together: Cell::new(false),
            waiting: Cell::new(0),
            waves: Cell::new(0),
            failed: RefCell::default(),
        })
    }

    /// Where `code` hands calls on to.
    pub(crate) fn targets(&self, code: &[u8]) -> Rc<Targets> {
        let hash = keccak256(code);
        let mut all = self.targets.borrow_mut();
        if let Some(found) = all.get(&hash) {
            return Rc::clone(found);
        }
        if all.len() >= CODES {
            all.clear();
        }
        let found = Rc::new(targets(code));
        all.insert(hash, Rc::clone(&found));
        found
    }

    /// What was read so far.
    pub(crate) fn known(&self) -> Ref<'_, MemoryState> {
        Ref::map(self.state.borrow(), |state| &state.known)
    }

    /// What the node refused so far.
    pub(crate) fn refused(&self) -> Ref<'_, Refused> {
        self.refused.borrow()
    }

    /// Why the node refused this.
    pub(crate) fn why(&self, missing: &Missing) -> Option<ChainError> {
        self.refused.borrow().why.get(missing).cloned()
    }

    /// Whether inspections run side by side on it.
    pub(crate) fn is_shared(&self) -> bool {
        self.together.get()
    }

    /// Round trips so far: what is sent at the same time counts once.
    pub(crate) fn waves(&self) -> u64 {
        self.waves.get()
    }

    /// Reads these; what the node refuses is remembered.
    pub(crate) async fn prefetch(&self, wanted: BTreeSet<Missing>) -> Result<(), ChainError> {
        let fresh = |missing: &Missing| {
            let known = self.known();
            let known = matches!(missing, Missing::Slot { address, slot }
                if known.storage.get(address).is_some_and(|slots| slots.contains_key(slot)));
            !known && !self.refused.borrow().keys.contains(missing)
        };
        let wanted: Vec<_> = wanted.into_iter().filter(fresh).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.wanted.borrow_mut().extend(wanted);
        self.wave().await
    }

    /// The logs of these filters, in their order.
    pub(crate) async fn logs(&self, filters: Vec<Value>) -> Vec<Logs> {
        let keys: Vec<String> = filters.iter().map(Value::to_string).collect();
        let known = |key: &String| self.logs.borrow().contains_key(key);
        if !keys.iter().all(known) {
            let unknown = keys.iter().cloned().zip(filters).filter(|(k, _)| !known(k));
            self.filters.borrow_mut().extend(unknown);
            if let Err(error) = self.wave().await {
                return keys.iter().map(|_| Err(error.clone())).collect();
            }
        }
        let found = self.logs.borrow();
        let answer = |key: &String| found.get(key).cloned().unwrap_or(Ok(Vec::new()));
        keys.iter().map(answer).collect()
    }

    /// Waits for the wave that brings what was asked for.
    async fn wave(&self) -> Result<(), ChainError> {
        if !self.together.get() {
            self.fetch().await;
        } else {
            let before = self.waves.get();
            self.waiting.set(self.waiting.get() + 1);
            poll_fn(|_| match self.waves.get() > before {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
        }
        self.failed.borrow().clone().map_or(Ok(()), Err)
    }

    async fn fetch(&self) {
        self.waiting.set(0);
        let wanted = self.wanted.take();
        let (keys, calls): (Vec<_>, Vec<_>) = self
            .filters
            .take()
            .into_iter()
            .map(|(key, filter)| {
                let call = ("eth_getLogs".to_owned(), Value::Array(vec![filter]));
                (key, call)
            })
            .unzip();
        // Nobody reads meanwhile: whoever could waits for this.
        let empty = LazyState::new(self.node.clone(), self.block.number);
        let mut state = self.state.replace(empty);
        let (filled, answers) = join(state.fill(&wanted), self.node.batch(calls)).await;
        self.state.replace(state);
        self.waves.set(self.waves.get() + 1);
        let answers = answers.into_iter().map(|answer| list(answer?));
        self.logs.borrow_mut().extend(keys.into_iter().zip(answers));
        let failed = match filled {
            Ok(refused) => {
                let mut known = self.refused.borrow_mut();
                known
                    .keys
                    .extend(refused.iter().map(|(missing, _)| *missing));
                known.why.extend(refused);
                None
            }
            Err(error) => Some(error),
        };
        self.failed.replace(failed);
    }

    /// Runs `tasks` side by side: when each of them has ended or waits for the chain, what they wait for is
    /// fetched in one wave for all.
    pub(crate) async fn side_by_side<'a, T>(
        &self,
        tasks: Vec<Pin<Box<dyn Future<Output = T> + 'a>>>,
    ) -> Vec<T> {
        let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
        let mut done: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
        self.together.set(true);
        loop {
            let mut left = 0;
            poll_fn(|context| {
                left = 0;
                for (slot, done) in tasks.iter_mut().zip(&mut done) {
                    let Some(task) = slot else { continue };
                    match task.as_mut().poll(context) {
                        // Ended tasks are dropped at once, and what they hold with them.
                        Poll::Ready(value) => (*slot, *done) = (None, Some(value)),
                        Poll::Pending => left += 1,
                    }
                }
                // Whoever talks to the node on its own must end first: nobody polls it during a wave.
                match left == self.waiting.get() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            if left == 0 {
                break;
            }
            self.fetch().await;
        }
        self.together.set(false);
        done.into_iter().flatten().collect()
    }

    /// Forgets the state of `seen`, which nobody asks for again, and all logs; and everything when more
    /// than `most` accounts or `most_bytes` of code are left.
    pub(crate) fn forget(&self, seen: &BTreeSet<Address>, most: usize, most_bytes: usize) {
        self.logs.borrow_mut().clear();
        let mut state = self.state.borrow_mut();
        let mut refused = self.refused.borrow_mut();
        let known = &mut state.known;
        known.accounts.retain(|address, _| !seen.contains(address));
        known.storage.retain(|address, _| !seen.contains(address));
        let used: BTreeSet<_> = known.accounts.values().map(|a| a.code_hash).collect();
        known.codes.retain(|hash, _| used.contains(hash));
        let bytes: usize = known.codes.values().map(|code| code.len()).sum();
        let slots: usize = known.storage.values().map(BTreeMap::len).sum();
        if known.accounts.len() > most || slots > most || bytes > most_bytes {
            *known = MemoryState::default();
        }
        known.accounts.insert(stranger(), Account::default());
        if refused.keys.len() > most {
            *refused = Refused::default();
        }
    }
}

fn list(answer: Value) -> Logs {
    let kind = match answer {
        Value::Array(logs) => return Ok(logs),
        Value::Null => "null",
        Value::Object(_) => "an object",
        _ => "a value",
    };
    Err(ChainError::Malformed {
        method: "eth_getLogs".into(),
        detail: format!("no list of logs but {kind}"),
    })
}

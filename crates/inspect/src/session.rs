//! One chain at one block, and what local execution says about it.

use crate::{
    error::InspectError,
    snapshot::Snapshot,
    targets::Targets,
    watch::{Read, Watched},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use cutover_chain::{ChainError, Node};
use cutover_evm::{Environment, EvmError, Request};
use cutover_types::{
    MemoryState, Missing, Outcome, Overlay, State, StateDiff, execution::merge_diff,
    inspection::BlockId,
};
use serde_json::{Value, json};
use std::{
    cell::Ref,
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, RandomState},
    rc::Rc,
    sync::LazyLock,
};

/// How often state is fetched for one question: each round is at least one more key.
const ROUNDS: usize = 256;
/// Enough for any getter and any upgrade, little enough that a loop ends soon.
const GAS: u64 = 10_000_000;

/// A word that nobody could know before this process began. Were whom Cutover asks as, what it asks and what it
/// installs the same each time, a contract could answer it something else than everybody.
pub(crate) fn unforeseen(what: &str, of: Address) -> B256 {
    static SALT: LazyLock<[u64; 2]> = LazyLock::new(|| {
        let random = RandomState::new();
        [0_u8, 1].map(|part| random.hash_one(part))
    });
    let [one, two] = SALT.map(u64::to_be_bytes);
    keccak256([what.as_bytes(), of.as_slice(), &one, &two].concat())
}

/// A sender nobody knows: no contract treats it differently from any other stranger.
pub(crate) fn stranger() -> Address {
    Address::from_word(unforeseen("stranger", Address::ZERO))
}

/// Executions one after the other, each on the state the one before left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Request>,
    /// Seconds that pass before each step; none where it is shorter.
    pub(crate) waits: Vec<u64>,
    /// Contracts that are not on the chain.
    pub(crate) planted: BTreeMap<Address, Bytes>,
}

/// What a script did.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    /// One for each step.
    pub(crate) outcomes: Vec<Outcome>,
    /// Every read of the chain's state, in order.
    pub(crate) reads: Vec<Read>,
    /// Why a step could not run at all.
    pub(crate) refused: Option<String>,
}

impl Played {
    /// What the node refused although the execution needed it.
    pub(crate) fn guesses(&self) -> impl Iterator<Item = Missing> {
        self.reads.iter().filter_map(|read| match read {
            Read::Guessed(missing) => Some(*missing),
            _ => None,
        })
    }

    /// What the only step returned, if it succeeded and nothing was guessed.
    pub(crate) fn answer(&self) -> Option<&Bytes> {
        let outcome = self.outcomes.first()?;
        (outcome.status.is_success() && self.guesses().next().is_none()).then_some(&outcome.output)
    }

    /// The answer as an address: a whole word, not zero.
    pub(crate) fn address(&self) -> Option<Address> {
        let word = self.answer()?.get(..32)?;
        (word[..12] == [0; 12] && word[12..] != [0; 20]).then(|| Address::from_slice(&word[12..]))
    }

    /// The answer as a word.
    pub(crate) fn word(&self) -> Option<U256> {
        Some(U256::from_be_slice(self.answer()?.get(..32)?))
    }

    /// The answer as what the function declares.
    pub(crate) fn returns<C: SolCall>(&self) -> Option<C::Return> {
        C::abi_decode_returns(self.answer()?).ok()
    }
}

/// Which state is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// After a block; the newest when `None`.
    After(Option<u64>),
    /// Before the first transaction of a block: the state of its parent, in the block's environment.
    Before(u64),
}

/// One question to the chain at one block.
pub(crate) struct Session {
    snapshot: Rc<Snapshot>,
    pub(crate) chain_id: u64,
    pub(crate) block: BlockId,
    /// Whether former implementations are asked for.
    pub(crate) wants_past: bool,
    /// The facet of a diamond that is asked about; the one that is used most when `None`.
    pub(crate) facet: Option<Address>,
    proxy: Address,
    environment: Environment,
    /// Changes that nobody made yet and that every question takes for made.
    supposed: StateDiff,
}

impl Session {
    pub(crate) async fn open(
        node: &Node,
        proxy: Address,
        moment: Moment,
    ) -> Result<Self, InspectError> {
        let snapshot = Snapshot::open(node, proxy, moment).await?;
        Ok(Self {
            wants_past: matches!(moment, Moment::After(_)),
            ..Self::on(Rc::new(snapshot), proxy)
        })
    }

    /// A question about `proxy` on state that others may share.
    pub(crate) fn on(snapshot: Rc<Snapshot>, proxy: Address) -> Self {
        Self {
            chain_id: snapshot.chain_id,
            block: snapshot.block,
            wants_past: true,
            facet: None,
            environment: snapshot.environment.clone(),
            supposed: StateDiff::new(),
            snapshot,
            proxy,
        }
    }

    /// The state root of the block, where its header was read.
    pub(crate) fn state_root(&self) -> Option<B256> {
        self.snapshot.state_root
    }

    /// What was read so far.
    pub(crate) fn known(&self) -> Ref<'_, MemoryState> {
        self.snapshot.known()
    }

    /// Where `code` hands calls on to.
    pub(crate) fn targets(&self, code: &[u8]) -> Rc<Targets> {
        self.snapshot.targets(code)
    }

    /// The node.
    pub(crate) fn node(&self) -> &Node {
        &self.snapshot.node
    }

    /// Whether nobody shares its round trips.
    pub(crate) fn is_alone(&self) -> bool {
        !self.snapshot.is_shared()
    }

    /// Reads these in one wave; what the node refuses is remembered.
    pub(crate) async fn prefetch(
        &mut self,
        wanted: impl IntoIterator<Item = Missing>,
    ) -> Result<(), InspectError> {
        let wanted = wanted.into_iter().collect();
        let fetched = self.snapshot.prefetch(wanted).await;
        fetched.map_err(|source| InspectError::Chain {
            proxy: self.proxy,
            source,
        })
    }

    /// The logs of `filter`; an error is only a reason not to know more.
    pub(crate) async fn logs(&self, filter: Value) -> Result<Vec<Value>, ChainError> {
        let filter = match filter {
            Value::Array(mut params) if params.len() == 1 => params.remove(0),
            other => other,
        };
        let mut found = self.snapshot.logs(vec![filter]).await;
        found.pop().unwrap_or(Ok(Vec::new()))
    }

    /// The logs of several filters, in their order.
    pub(crate) async fn logs_of(&self, filters: Vec<Value>) -> Vec<Result<Vec<Value>, ChainError>> {
        self.snapshot.logs(filters).await
    }

    /// A slot at several blocks; `None` where the node does not give it.
    pub(crate) async fn slot_at(
        &self,
        address: Address,
        slot: B256,
        blocks: &[u64],
    ) -> Vec<Option<U256>> {
        let ask = |block: &u64| {
            let params = json!([address, slot, format!("{block:#x}")]);
            ("eth_getStorageAt".to_owned(), params)
        };
        let answers = self
            .snapshot
            .node
            .batch(blocks.iter().map(ask).collect())
            .await;
        let value = |answer: Result<Value, ChainError>| {
            let answer = answer.ok()?;
            U256::from_str_radix(answer.as_str()?.strip_prefix("0x")?, 16).ok()
        };
        answers.into_iter().map(value).collect()
    }

    /// The seconds since 1970 of the block that is looked at.
    pub(crate) fn timestamp(&self) -> u64 {
        self.environment.timestamp
    }

    /// How many transactions an account sent; `None` when the node refuses it.
    pub(crate) async fn nonce(&mut self, address: Address) -> Result<Option<u64>, InspectError> {
        self.read(|state| state.account(address).map(|account| account.nonce))
            .await
    }

    /// From now on every question is asked as if `changes` had been made and `seconds` had passed.
    pub(crate) fn suppose(&mut self, changes: &StateDiff, seconds: u64) {
        merge_diff(&mut self.supposed, changes);
        let later = self.environment.timestamp.saturating_add(seconds);
        self.environment.timestamp = later;
    }

    fn suppositions<'a>(&'a self, known: &'a MemoryState) -> Overlay<'a> {
        Overlay {
            base: known,
            diff: &self.supposed,
        }
    }

    /// The code of an account; `None` when the node refuses it.
    pub(crate) async fn code(&mut self, address: Address) -> Result<Option<Bytes>, InspectError> {
        let read = |state: &dyn State| state.account(address).and_then(|a| state.code(a.code_hash));
        self.read(read).await
    }

    /// A slot; `None` when the node refuses it.
    pub(crate) async fn slot(
        &mut self,
        address: Address,
        slot: B256,
    ) -> Result<Option<U256>, InspectError> {
        self.read(|state| state.storage(address, slot)).await
    }

    async fn read<T>(
        &mut self,
        read: impl Fn(&dyn State) -> Result<T, Missing>,
    ) -> Result<Option<T>, InspectError> {
        let mut last = None;
        for _ in 0..4 {
            let value = {
                let known = self.snapshot.known();
                read(&self.suppositions(&known))
            };
            match value {
                Ok(value) => return Ok(Some(value)),
                Err(missing) if self.snapshot.refused().keys.contains(&missing) => return Ok(None),
                Err(missing) => {
                    last = Some(missing);
                    self.prefetch([missing]).await?;
                }
            }
        }
        match last {
            Some(missing) => Err(self.endless(missing, 4)),
            None => Ok(None),
        }
    }

    /// The error that says the node's refusal of `missing` leaves the question open.
    pub(crate) fn cannot_tell(&self, missing: Missing) -> InspectError {
        match self.snapshot.why(&missing) {
            Some(source) => InspectError::CannotTell {
                proxy: self.proxy,
                missing,
                source,
            },
            None => self.endless(missing, 0),
        }
    }

    fn endless(&self, missing: Missing, rounds: usize) -> InspectError {
        InspectError::Endless {
            proxy: self.proxy,
            rounds,
            missing,
        }
    }

    /// Executes one call.
    pub(crate) async fn call(
        &mut self,
        from: Address,
        to: Address,
        data: impl Into<Bytes>,
    ) -> Result<Played, InspectError> {
        let script = Script {
            steps: vec![request(from, to, data)],
            ..Script::default()
        };
        self.play(&script).await
    }

    /// Executes one script.
    pub(crate) async fn play(&mut self, script: &Script) -> Result<Played, InspectError> {
        let mut played = self.play_all(std::slice::from_ref(script)).await?;
        Ok(played.remove(0))
    }

    /// Asks contracts for what they return to a stranger.
    pub(crate) async fn ask(
        &mut self,
        questions: impl IntoIterator<Item = (Address, Vec<u8>)>,
    ) -> Result<Vec<Played>, InspectError> {
        let scripts: Vec<_> = questions
            .into_iter()
            .map(|(to, data)| Script {
                steps: vec![request(stranger(), to, data)],
                ..Script::default()
            })
            .collect();
        self.play_all(&scripts).await
    }

    /// Executes scripts independently of each other; what any of them misses is fetched together.
    pub(crate) async fn play_all(
        &mut self,
        scripts: &[Script],
    ) -> Result<Vec<Played>, InspectError> {
        let mut done: Vec<Option<Played>> = vec![None; scripts.len()];
        let mut last = Missing::Account {
            address: self.proxy,
        };
        for _ in 0..ROUNDS {
            let mut wanted = BTreeSet::new();
            for (script, done) in scripts.iter().zip(&mut done) {
                if done.is_none() {
                    match self.attempt(script) {
                        Ok(played) => *done = Some(played),
                        Err(missing) => wanted.extend(missing),
                    }
                }
            }
            let Some(first) = wanted.first() else {
                return Ok(done.into_iter().flatten().collect());
            };
            last = *first;
            self.prefetch(wanted).await?;
        }
        Err(self.endless(last, ROUNDS))
    }

    fn attempt(&self, script: &Script) -> Result<Played, BTreeSet<Missing>> {
        let known = self.snapshot.known();
        let refused = self.snapshot.refused();
        let supposed = self.suppositions(&known);
        let watched = Watched::new(
            &supposed,
            &refused.keys,
            &script.planted,
            self.environment.beneficiary,
        );
        let mut diff = StateDiff::new();
        let mut outcomes = Vec::new();
        let mut stopped = None;
        let mut environment = self.environment.clone();
        for (index, step) in script.steps.iter().enumerate() {
            let wait = script.waits.get(index).copied().unwrap_or_default();
            environment.timestamp = environment.timestamp.saturating_add(wait);
            let view = Overlay {
                base: &watched,
                diff: &diff,
            };
            match cutover_evm::simulate(&view, &environment, step) {
                Ok(outcome) => {
                    merge_diff(&mut diff, &outcome.diff);
                    outcomes.push(outcome);
                }
                Err(EvmError::Missing(mut missing)) => {
                    // What else it will ask for, to fetch in one wave; guesses may ask for nonsense,
                    // which costs a call and changes nothing.
                    missing.extend(cutover_evm::wanted_by_request(&view, &environment, step));
                    return Err(missing);
                }
                Err(error) => {
                    stopped = Some(error.to_string());
                    break;
                }
            }
        }
        Ok(Played {
            outcomes,
            reads: watched.into_reads(),
            refused: stopped,
        })
    }
}

/// A call with the gas every question gets.
pub(crate) fn request(from: Address, to: Address, data: impl Into<Bytes>) -> Request {
    Request {
        gas_limit: Some(GAS),
        ..Request::call(from, to, data)
    }
}

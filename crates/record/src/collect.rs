//! From a plan to a recording.

use crate::{
    discover::{self, Discoverer, Sighting},
    error::RecordError,
    gather::{Around, Body, Gathered, Knowledge, gather},
    plan::Plan,
    proofs,
    tally::{Done, Seen, done},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use cutover_chain::{ChainError, Node, RecordingWriter};
use cutover_types::{RecordedBlock, Recording, Target, progress::Progress};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Records what the plan says into the folder `into`. Blocks are written as they are done; an
/// interrupted recording goes on where it stopped.
///
/// # Errors
/// When a block of the window cannot be read, the node contradicts itself, or the recording cannot be
/// written. A transaction that cannot be recorded in full is no error: it is listed as incomplete.
pub async fn collect(
    node: &Node,
    plan: &Plan,
    into: &Path,
    progress: &dyn Progress,
) -> Result<Recording, RecordError> {
    let (from, to) = (plan.window.from, plan.window.to);
    if from == 0 || from > to {
        return Err(RecordError::Window { from, to });
    }
    let chain_id = node.chain_id().await?;
    let latest = node.latest().await?;
    if to > latest {
        return Err(ChainError::NoSuchBlock { number: to }.into());
    }
    let job = Job {
        node,
        plan,
        chain_id,
        around: Arc::new(Around {
            proxy: plan.proxy,
            also: plan.also.clone(),
        }),
        discoverer: Discoverer::new(node.clone(), plan.proxy),
        writer: RecordingWriter::create(into, plan.digest(chain_id)?, plan.overwrite)?,
        progress,
        slots: Arc::new(Semaphore::new(2 * plan.concurrency.max(1))),
    };
    let numbers = job.numbers().await?;
    progress.start("recording", Some(numbers.len()));
    let seen = job.run(&numbers).await?;
    progress.finish();
    let manifest = seen.manifest(plan, chain_id);
    Ok(job.writer.finish(manifest)?)
}

/// The blocks to look at.
enum Numbers {
    All(u64, u64),
    Some(BTreeSet<u64>),
}

impl Numbers {
    fn len(&self) -> u64 {
        match self {
            Self::All(from, to) => (to - from).saturating_add(1),
            Self::Some(numbers) => numbers.len() as u64,
        }
    }

    fn iter(&self) -> Box<dyn Iterator<Item = u64> + Send + '_> {
        match self {
            Self::All(from, to) => Box::new(*from..=*to),
            Self::Some(numbers) => Box::new(numbers.iter().copied()),
        }
    }
}

/// A block with targets, ready to be recorded.
struct Found {
    sighting: Sighting,
    body: Option<Arc<Body>>,
    knowledge: Knowledge,
    /// Whether all its targets are wanted.
    whole: bool,
    /// Bounds how many blocks are in memory.
    _slot: OwnedSemaphorePermit,
}

struct Job<'a> {
    node: &'a Node,
    plan: &'a Plan,
    chain_id: u64,
    around: Arc<Around>,
    discoverer: Discoverer,
    writer: RecordingWriter,
    progress: &'a dyn Progress,
    slots: Arc<Semaphore>,
}

impl Job<'_> {
    /// The blocks of the window, or those of the transactions that were asked for.
    async fn numbers(&self) -> Result<Numbers, RecordError> {
        const METHOD: &str = "eth_getTransactionByHash";
        let (from, to) = (self.plan.window.from, self.plan.window.to);
        if self.plan.only.is_empty() {
            return Ok(Numbers::All(from, to));
        }
        let calls = self
            .plan
            .only
            .iter()
            .map(|hash| (METHOD.to_owned(), json!([hash])))
            .collect();
        let answers = self.node.batch(calls).await;
        let mut numbers = BTreeSet::new();
        for (hash, answer) in self.plan.only.iter().copied().zip(answers) {
            let answer: Value = answer?;
            let number = cutover_chain::rpc::read_u64(&answer["blockNumber"])
                .ok_or(RecordError::UnknownTransaction { hash })?;
            if !(from..=to).contains(&number) {
                return Err(RecordError::OutsideWindow {
                    hash,
                    number,
                    from,
                    to,
                });
            }
            numbers.insert(number);
        }
        Ok(Numbers::Some(numbers))
    }

    async fn run(&self, numbers: &Numbers) -> Result<Seen, RecordError> {
        let width = self.plan.concurrency.max(1);
        let mut seen = Seen::default();
        let mut chain = Chain::default();
        let mut found_so_far = 0;
        let mut looked = std::pin::pin!(
            stream::iter(numbers.iter())
                .map(|number| self.find(number))
                .buffered(width)
        );
        let mut recording = stream::FuturesUnordered::new();
        let mut dones = Vec::new();
        let mut looking = true;
        while looking || !recording.is_empty() {
            tokio::select! {
                Some(done) = recording.next(), if !recording.is_empty() => {
                    dones.push(done?);
                    self.progress.advance(1);
                }
                next = looked.next(), if looking => {
                    let Some(found) = next else {
                        looking = false;
                        continue;
                    };
                    let mut found = found?;
                    chain.link(&found.sighting.block.header, found.sighting.block.hash)?;
                    if let Some(why) = found.sighting.untraced.take() {
                        *seen.untraced.entry(why).or_default() += 1;
                    }
                    if let Some(most) = self.plan.max_transactions {
                        let room = usize::try_from(most - found_so_far).unwrap_or(usize::MAX);
                        if found.sighting.targets.len() > room {
                            found.sighting.targets.truncate(room);
                            found.whole = false;
                        }
                        found_so_far += found.sighting.targets.len() as u64;
                        if found_so_far >= most {
                            seen.enough = Some(found.sighting.block.header.number);
                            looking = false;
                        }
                    }
                    if found.sighting.targets.is_empty() {
                        self.progress.advance(1);
                    } else {
                        recording.push(self.record(found));
                    }
                }
            }
        }
        dones.sort_by_key(|done: &Done| done.entry.number);
        for done in dones {
            seen.add(done);
        }
        self.check_only(&seen)?;
        Ok(seen)
    }

    /// Looks at a block. Without a trace its candidates are made sure of by executing the block.
    async fn find(&self, number: u64) -> Result<Found, RecordError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| RecordError::Interrupted)?;
        let mut found = Found {
            _slot: slot,
            sighting: self.discoverer.look(number).await?,
            body: None,
            knowledge: Knowledge::default(),
            whole: self.plan.only.is_empty(),
        };
        if found.sighting.untraced.is_some() && !found.sighting.targets.is_empty() {
            let body = discover::body(self.node, &found.sighting.block).await?;
            let all = body.transactions.len();
            let none = BTreeSet::new();
            let gathered = self.gather(&body, all, Knowledge::default(), none).await?;
            found.sighting.targets = merge(&found.sighting, &gathered, self.plan.proxy, &body);
            found.knowledge = gathered.knowledge;
            found.body = Some(body);
        }
        if !found.whole {
            let only: BTreeSet<&B256> = self.plan.only.iter().collect();
            found
                .sighting
                .targets
                .retain(|target| only.contains(&target.hash));
        }
        Ok(found)
    }

    async fn gather(
        &self,
        body: &Arc<Body>,
        count: usize,
        knowledge: Knowledge,
        hints: BTreeSet<cutover_types::Missing>,
    ) -> Result<Gathered, RecordError> {
        gather(
            self.node,
            self.chain_id,
            body,
            count,
            &self.around,
            knowledge,
            hints,
        )
        .await
    }

    async fn record(&self, found: Found) -> Result<Done, RecordError> {
        let Found {
            sighting,
            body,
            knowledge,
            whole,
            _slot,
        } = found;
        let number = sighting.block.header.number;
        let body = match body {
            Some(body) => body,
            None => discover::body(self.node, &sighting.block).await?,
        };
        if let Some(block) = self.resume(&sighting) {
            let gathered = self.offline(&block, &body).await?;
            return Ok(done(&block, &gathered));
        }
        let last = sighting
            .targets
            .iter()
            .map(|target| target.index)
            .max()
            .unwrap_or(0);
        let count = usize::try_from(last)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let hints = if sighting.hint {
            self.discoverer.hints(&sighting.block, count).await
        } else {
            BTreeSet::new()
        };
        let gathered = self.gather(&body, count, knowledge, hints).await?;
        let targets = if whole {
            let all = merge(&sighting, &gathered, self.plan.proxy, &body);
            if all.len() > sighting.targets.len() {
                self.progress.warn(&format!(
                    "the node's traces of block {number} leave out transactions that reach {}: execution found them",
                    self.plan.proxy
                ));
            }
            all
        } else {
            sighting.targets
        };
        let state = gathered.state().map_err(|missing| {
            RecordError::block(number)(ChainError::Local {
                what: "reading state".into(),
                detail: missing.to_string(),
            })
        })?;
        let parent = self.parent(&sighting.block.header).await?;
        let proofs = match &parent {
            Some(parent) if self.plan.proofs => proofs::collect(self.node, parent, &state).await?,
            _ => None,
        };
        let block = RecordedBlock {
            header: sighting.block.header,
            hash: sighting.block.hash,
            parent,
            transactions: sighting.block.transactions,
            receipts: body.receipts.clone(),
            targets,
            state,
            proofs,
        };
        self.writer.put_block(&block)?;
        Ok(done(&block, &gathered))
    }

    /// The parent's header, if the node has the real one.
    async fn parent(&self, header: &Header) -> Result<Option<Header>, RecordError> {
        let number = header.number.saturating_sub(1);
        match self.node.header_unverified(number).await {
            Ok((claimed, parent)) if claimed == header.parent_hash => {
                Ok((parent.hash_slow() == claimed).then_some(parent))
            }
            Ok((claimed, _)) => Err(RecordError::Reorganised {
                number: header.number,
                claimed: header.parent_hash,
                computed: claimed,
            }),
            Err(error @ ChainError::Transport { .. }) => Err(RecordError::block(number)(error)),
            Err(_) => Ok(None),
        }
    }

    /// What an interrupted run left of this block, if it is the same block with the same targets.
    fn resume(&self, sighting: &Sighting) -> Option<RecordedBlock> {
        let block = self.writer.resume_block(sighting.block.header.number)?;
        let same = block.hash == sighting.block.hash
            && block.transactions == sighting.block.transactions
            && sighting
                .targets
                .iter()
                .all(|target| block.targets.contains(target));
        same.then_some(block)
    }

    /// Executes a block that is recorded already: what it showed is not in its file.
    async fn offline(
        &self,
        block: &RecordedBlock,
        body: &Arc<Body>,
    ) -> Result<Gathered, RecordError> {
        let state = block.state.clone();
        let (body, proxy, chain_id) = (Arc::clone(body), self.plan.proxy, self.chain_id);
        let last = block
            .targets
            .iter()
            .map(|target| target.index)
            .max()
            .unwrap_or(0);
        let executing = tokio::task::spawn_blocking(move || {
            crate::control::replay(chain_id, &state, &body, last, proxy)
        });
        let control = executing.await.map_err(|_| RecordError::Interrupted)?;
        Ok(Gathered {
            knowledge: Knowledge::default(),
            control,
            beside: Default::default(),
        })
    }

    /// Every transaction that was asked for must have been found.
    fn check_only(&self, seen: &Seen) -> Result<(), RecordError> {
        let found: BTreeSet<B256> = seen
            .blocks
            .iter()
            .flat_map(|block| &block.targets)
            .map(|target| target.hash)
            .collect();
        match self.plan.only.iter().find(|hash| !found.contains(*hash)) {
            Some(hash) if seen.enough.is_none() => Err(RecordError::NotThrough {
                hash: *hash,
                proxy: self.plan.proxy,
            }),
            _ => Ok(()),
        }
    }
}

/// Consecutive blocks must follow each other.
#[derive(Default)]
struct Chain {
    last: Option<(u64, B256)>,
}

impl Chain {
    fn link(&mut self, header: &Header, hash: B256) -> Result<(), RecordError> {
        let before = self.last.replace((header.number, hash));
        match before {
            Some((number, computed))
                if number + 1 == header.number && computed != header.parent_hash =>
            {
                Err(RecordError::Reorganised {
                    number: header.number,
                    claimed: header.parent_hash,
                    computed,
                })
            }
            _ => Ok(()),
        }
    }
}

/// The targets seen, and those that only execution shows.
fn merge(sighting: &Sighting, gathered: &Gathered, proxy: Address, body: &Body) -> Vec<Target> {
    let mut reached: BTreeSet<usize> = sighting
        .targets
        .iter()
        .filter_map(|target| usize::try_from(target.index).ok())
        .collect();
    let executed = gathered.control.calls.iter().enumerate();
    reached.extend(
        executed
            .filter(|(_, calls)| **calls > 0)
            .map(|(index, _)| index),
    );
    let direct = body
        .transactions
        .iter()
        .enumerate()
        .filter(|(_, tx)| alloy_consensus::Transaction::to(&tx.envelope) == Some(proxy))
        .map(|(index, _)| index)
        .collect();
    discover::targets(&sighting.block, &direct, reached)
}

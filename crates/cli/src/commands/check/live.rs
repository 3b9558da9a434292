//! `cutover check --live`: what runs behind the proxy, and what it stores.

use super::{Check, seen};
use crate::{
    commands::{code, inspect, record},
    context::{Context, chain_stop},
    exit::{Exit, OrStop, chain, inconclusive, usage},
};
use alloy_primitives::{Address, B256, Bytes};
use cutover_artifacts::Reference;
use cutover_chain::{ChainError, LazyState, Node};
use cutover_check::{Live, Side};
use cutover_types::{
    Hardfork, Missing,
    inspection::{BlockId, Location},
    progress::Progress,
    text,
};
use std::collections::BTreeSet;

/// How often what was read leads to more to read: a length, then what it is the length of, for each level
/// of a type.
const ROUNDS: usize = 32;
/// Characters kept of what a node says.
const MAX_REASON: usize = 160;

/// The node, and the block everything is read at.
pub(super) struct Pinned {
    node: Node,
    pub(super) block: BlockId,
    chain_id: u64,
    hardfork: Option<Hardfork>,
}

/// What the chain shows.
#[derive(Default)]
pub(super) struct Seen {
    /// What the proxy runs and stores.
    pub(super) live: Option<Live>,
    /// The proxy's own code.
    pub(super) proxy_code: Option<Bytes>,
    /// The rules of the block.
    pub(super) hardfork: Option<Hardfork>,
}

impl Pinned {
    /// Insists that the block is still the one that was read.
    pub(super) async fn holds(&self) -> eyre::Result<()> {
        let number = self.block.number;
        let header = self.node.header(number).await;
        let (hash, _) = header.map_err(|error| chain_stop(&error))?;
        if hash == self.block.hash {
            return Ok(());
        }
        Err(inconclusive(
            format!("block {number} was replaced while it was read"),
            "run it again, or give an older block with --block",
        ))
    }
}

impl Check {
    /// The block to read at; `None` when nothing is read from a chain.
    pub(super) async fn pin(&self, context: &Context) -> eyre::Result<Option<Pinned>> {
        let on_chain = |text: &str| {
            let reference = Reference::parse(text).ok();
            reference.is_some_and(|reference| reference.address().is_some())
        };
        if self.live.is_none() && !on_chain(&self.blue) && !on_chain(&self.green) {
            return Ok(None);
        }
        let node = context.node().await?;
        let number = match self.block {
            Some(number) => number,
            None => node.latest().await.or_stop(Exit::Inconclusive, "")?,
        };
        let header = node.header(number).await;
        let (hash, header) = header.map_err(|error| chain_stop(&error))?;
        let chain_id = node.chain_id().await.or_stop(Exit::Inconclusive, "")?;
        Ok(Some(Pinned {
            node,
            block: BlockId { number, hash },
            chain_id,
            // Other chains have the opcodes of a hardfork without its header fields.
            hardfork: (chain_id == 1).then(|| Hardfork::of(1, &header)).flatten(),
        }))
    }

    /// What the chain shows of `--live`'s proxy.
    pub(super) async fn look(
        &self,
        context: &Context,
        pinned: &Pinned,
        blue: &Side<'_>,
        green: &Side<'_>,
    ) -> eyre::Result<Seen> {
        let Some(proxy) = self.live else {
            return Ok(Seen::default());
        };
        let Pinned { node, block, .. } = pinned;
        let number = Some(block.number);
        let inspection = cutover_inspect::inspect(node, proxy, number, &context.progress())
            .await
            .map_err(inspect::stop)?;
        let Some(facts) = inspection.proxy else {
            return Err(usage(
                format!("{proxy} is not a proxy"),
                "`cutover inspect` says what was seen",
            ));
        };
        let address = facts.implementation.address;
        let mut live = Live {
            proxy,
            kind: Some(facts.kind),
            chain_id: pinned.chain_id,
            block: Some(*block),
            beacon: facts.beacon,
            target_slot: match facts.location {
                Location::Slot(slot) | Location::Packed { slot, .. } if facts.beacon.is_none() => {
                    Some(slot)
                }
                _ => None,
            },
            address,
            code: code::code_at_block(node, address, number).await?,
            seen: self.seen(context, proxy, pinned.chain_id, address).await?,
            ..Live::default()
        };
        read(context, node, *block, blue, green, &mut live).await?;
        Ok(Seen {
            live: Some(live),
            proxy_code: Some(code::code_at_block(node, proxy, number).await?),
            hardfork: pinned.hardfork,
        })
    }

    /// What the recording shows of the proxy's storage.
    async fn seen(
        &self,
        context: &Context,
        proxy: Address,
        chain_id: u64,
        implementation: Address,
    ) -> eyre::Result<Option<cutover_check::Seen>> {
        let of_the_run = context.run.file(record::FOLDER);
        let path = match &self.recording {
            Some(path) => path.clone(),
            None if of_the_run.is_dir() => of_the_run,
            None => return Ok(None),
        };
        let folder = record::open(&path)?;
        let manifest = folder.manifest();
        if (manifest.proxy, manifest.chain_id) != (proxy, chain_id) {
            if self.recording.is_none() {
                return Ok(None);
            }
            return Err(usage(
                format!(
                    "{} is a recording of {} on chain {}, not of {proxy} on chain {chain_id}",
                    path.display(),
                    manifest.proxy,
                    manifest.chain_id
                ),
                "give a recording of the same proxy",
            ));
        }
        let progress = context.progress();
        let blocks = manifest.blocks.len() as u64;
        progress.start("executing the recording", Some(blocks));
        let seen = tokio::task::spawn_blocking(move || {
            let seen = seen::seen(&folder, implementation, &progress);
            progress.finish();
            seen
        })
        .await?;
        Ok(Some(seen))
    }
}

/// Reads what the check wants to know of the proxy's storage until it wants no more.
async fn read(
    context: &Context,
    node: &Node,
    block: BlockId,
    blue: &Side<'_>,
    green: &Side<'_>,
    live: &mut Live,
) -> eyre::Result<()> {
    let progress = context.progress();
    progress.start("reading the proxy's storage", None);
    let mut state = LazyState::new(node.clone(), block.number);
    for _ in 0..ROUNDS {
        let wanted = cutover_check::wanted(blue, green, live);
        if wanted.is_empty() {
            break;
        }
        let keys: BTreeSet<Missing> = wanted
            .iter()
            .map(|slot| missing(live.proxy, *slot))
            .collect();
        let refused = state
            .fill(&keys)
            .await
            .map_err(|error| chain_stop(&error))?;
        for (missing, error) in refused {
            if let Missing::Slot { slot, .. } = missing {
                let why = match &error {
                    // The slot is named already; one reason for all of them reads better.
                    ChainError::Pruned { .. } => "the node does not have this state".to_owned(),
                    error => text::terminal(&chain(error), MAX_REASON),
                };
                live.refused.insert(slot, why);
            }
        }
        let known = state.known.storage.get(&live.proxy);
        for slot in wanted {
            if let Some(word) = known.and_then(|known| known.get(&slot)) {
                live.words.insert(slot, *word);
            }
        }
        progress.advance(1);
    }
    progress.finish();
    Ok(())
}

fn missing(address: Address, slot: B256) -> Missing {
    Missing::Slot { address, slot }
}

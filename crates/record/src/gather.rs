//! The state a block's transactions read, fetched in waves until nothing is missing.

use crate::{
    control::{self, Control},
    error::RecordError,
    surroundings::{self, Watched},
};
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::Address;
use cutover_chain::{LazyState, Node};
use cutover_evm::{
    Environment, Request, SignedTransaction, Touched, wanted_by_begin, wanted_by_block,
};
use cutover_types::{MemoryState, Missing};
use std::{collections::BTreeSet, sync::Arc};

/// A block as it will be executed.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) header: Header,
    pub(crate) transactions: Vec<SignedTransaction>,
    pub(crate) receipts: Vec<ReceiptEnvelope>,
}

/// What is known so far of the state at a block's parent.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    pub(crate) state: MemoryState,
    /// Keys the node refuses.
    pub(crate) refused: BTreeSet<Missing>,
}

/// What a block needs, and what its execution showed.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) knowledge: Knowledge,
    pub(crate) control: Control,
    /// What the surroundings of the traffic read.
    pub(crate) beside: Touched,
}

impl Gathered {
    /// Exactly what was read, whatever else is known.
    pub(crate) fn state(&self) -> Result<MemoryState, Missing> {
        let mut touched = self.control.touched.clone();
        touched.absorb(self.beside.clone());
        // A fork asks for the code with the account, so every account keeps its code.
        for address in &touched.accounts {
            if let Some(account) = self.knowledge.state.accounts.get(address)
                && account.has_code()
                && self.knowledge.state.codes.contains_key(&account.code_hash)
            {
                touched.codes.insert(account.code_hash);
            }
        }
        let mut state = touched.extract(&self.knowledge.state)?;
        state.codes.retain(|_, code| !code.is_empty());
        state.storage.retain(|_, slots| !slots.is_empty());
        Ok(state)
    }
}

/// What to gather beside the traffic.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    pub(crate) proxy: Address,
    pub(crate) also: Vec<Request>,
}

/// Reads what executing the first `count` transactions needs, and what lies around them. `hints` are
/// keys that will probably be needed.
pub(crate) async fn gather(
    node: &Node,
    chain_id: u64,
    body: &Arc<Body>,
    count: usize,
    around: &Arc<Around>,
    knowledge: Knowledge,
    hints: BTreeSet<Missing>,
) -> Result<Gathered, RecordError> {
    let number = body.header.number;
    let parent = number.saturating_sub(1);
    let Knowledge {
        mut state,
        mut refused,
    } = knowledge;
    state.block_hashes.insert(parent, body.header.parent_hash);
    let mut lazy = LazyState::with_known(node.clone(), parent, state);

    // Without hints a guess is the way to many keys at once; running comes later.
    let mut stage = if !lazy.known.accounts.is_empty() {
        Stage::Run
    } else if hints.is_empty() {
        Stage::Guess
    } else {
        Stage::Prepare
    };
    let mut wanted = hints;
    if stage != Stage::Run {
        wanted.extend(surroundings::first(around.proxy));
    }
    let mut asked = BTreeSet::new();
    loop {
        let state = std::mem::take(&mut lazy.known);
        let (body, around) = (Arc::clone(body), Arc::clone(around));
        let task = tokio::task::spawn_blocking(move || {
            round(
                chain_id, &body, count, &around, state, refused, wanted, stage,
            )
        });
        let round = task.await.map_err(|_| RecordError::Interrupted)?;
        lazy.known = round.state;
        refused = round.refused;
        wanted = round.wanted;
        wanted.retain(|key| asked.insert(*key));
        if wanted.is_empty() && stage == Stage::Run {
            return Ok(Gathered {
                knowledge: Knowledge {
                    state: lazy.known,
                    refused,
                },
                control: round.control,
                beside: round.beside,
            });
        }
        tracing::debug!(number, keys = wanted.len(), "reading state");
        let lacking = lazy
            .fill(&wanted)
            .await
            .map_err(RecordError::block(number))?;
        for (key, error) in lacking {
            tracing::debug!(number, %key, %error, "refused");
            refused.insert(key);
        }
        wanted = BTreeSet::new();
        stage = Stage::Run;
    }
}

/// What a round does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Finds out what lies around; the hints say what the transactions read.
    Prepare,
    /// Guesses what the transactions read.
    Guess,
    /// Runs them.
    Run,
}

struct Round {
    state: MemoryState,
    refused: BTreeSet<Missing>,
    wanted: BTreeSet<Missing>,
    control: Control,
    beside: Touched,
}

/// Executes with what is known, and says what to ask for next.
#[allow(
    clippy::too_many_arguments,
    reason = "what a thread is given and gives back"
)]
fn round(
    chain_id: u64,
    body: &Body,
    count: usize,
    around: &Around,
    state: MemoryState,
    refused: BTreeSet<Missing>,
    mut wanted: BTreeSet<Missing>,
    stage: Stage,
) -> Round {
    let (mut control, mut beside) = (Control::default(), Touched::default());
    match Environment::of(chain_id, &body.header) {
        Err(error) => control.broken = Some((0, error.to_string())),
        Ok(environment) => {
            let transactions = body.transactions.get(..count).unwrap_or(&body.transactions);
            wanted.extend(wanted_by_begin(&state, &environment));
            if stage == Stage::Guess {
                wanted.extend(wanted_by_block(&state, &environment, transactions));
            }
            if stage == Stage::Run {
                control = control::run(
                    &state,
                    &environment,
                    transactions,
                    &body.receipts,
                    around.proxy,
                    &refused,
                );
                if !control.missing.is_empty() {
                    wanted.extend(&control.missing);
                    wanted.extend(wanted_by_block(&state, &environment, transactions));
                }
            }
            let watched = Watched::new(&state);
            wanted.extend(surroundings::look(
                &watched,
                &environment,
                around.proxy,
                &around.also,
                &refused,
            ));
            beside = watched.into_touched();
        }
    }
    wanted.retain(|key| !refused.contains(key));
    Round {
        state,
        refused,
        wanted,
        control,
        beside,
    }
}

//! Whether the way back leads back. What `replay` executed says so; where that is not there, the calls are
//! executed here, on the newest state.

use super::{Move, PreflightError, chain::unreadable};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use cutover_chain::{ChainError, LazyState, Node, SettleError};
use cutover_evm::{Environment, EvmError, Request, simulate, wanted_by_request};
use cutover_types::{
    CallKind, MemoryState, Missing, Outcome, Overlay, ReplayReport, RollbackPointer, State as _,
    StateDiff, address, execution::merge_diff, revert,
};
use std::{collections::BTreeSet, fmt::Display};

/// Holds the calls back against what `replay` executed for the same change of the proxy, else executes what is
/// left of them.
pub(crate) async fn judge_way_back(
    node: &Node,
    going: &Move,
    pointer: &RollbackPointer,
    replay: Option<&ReplayReport>,
    refusals: &mut Vec<PreflightError>,
) {
    let about = |replay: &&ReplayReport| {
        (replay.proxy, replay.chain_id, replay.green.address)
            == (pointer.proxy, pointer.chain_id, pointer.green.address)
    };
    match replay.filter(about) {
        // Where it went is not in the replay: of some kinds each implementation takes its own call.
        Some(replay) if pointer.back.to == replay.upgrade.to => {
            judge_replayed(pointer, replay, refusals);
        }
        Some(replay) => {
            judge_replayed(pointer, replay, refusals);
            judge_arrival(node, going, refusals).await;
        }
        None => judge_arrival(node, going, refusals).await,
    }
}

fn judge_replayed(
    pointer: &RollbackPointer,
    replay: &ReplayReport,
    refusals: &mut Vec<PreflightError>,
) {
    let (upgrade, rollback) = (&replay.upgrade, &replay.rollback);
    let text = |value: &dyn Display| value.to_string();
    let json = |value| serde_json::to_string(value).unwrap_or_default();
    let back = &pointer.back;
    for (field, found, expected) in [
        (
            "blue.address",
            text(&pointer.blue.address),
            text(&replay.blue.address),
        ),
        (
            "blue.code_hash",
            text(&pointer.blue.code_hash),
            text(&replay.blue.code_hash),
        ),
        ("from", text(&pointer.from), text(&upgrade.from)),
        ("back.value", text(&back.value), text(&0)),
        ("back.operation", text(&back.operation), text(&0)),
        ("back.data", text(&back.data), text(&rollback.back)),
        (
            "back_then",
            json(&pointer.back_then),
            json(&rollback.back_then),
        ),
    ] {
        if found != expected {
            refusals.push(PreflightError::OtherPointer {
                field,
                found,
                expected,
            });
        }
    }
}

async fn judge_arrival(node: &Node, going: &Move, refusals: &mut Vec<PreflightError>) {
    let seen = match execute(node, going).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(reason)) => return refusals.push(PreflightError::WouldFail { reason }),
        Err(source) => return refusals.push(unreadable("what the way back needs", source)),
    };
    let expected = going.arrive.address;
    // The slot may be for show: where the proxy forwarded to what it leaves, it must forward to the other now.
    let [before, after] = seen.forwards;
    let found = match before {
        Some(before) if before == going.leave.address => after.unwrap_or_default(),
        _ => expected,
    };
    for found in [seen.slot, found] {
        if found != expected {
            return refusals.push(PreflightError::LeadsElsewhere {
                proxy: going.proxy,
                expected,
                found,
            });
        }
    }
}

/// What executing a way showed.
struct Seen {
    /// What the slot names after it.
    slot: Address,
    /// Whom the proxy forwards to, before and after.
    forwards: [Option<Address>; 2],
}

/// Executes what is left of a way; inside, why that fails.
async fn execute(node: &Node, going: &Move) -> Result<Result<Seen, String>, ChainError> {
    let number = node.latest().await?;
    let (hash, header) = node.header_unverified(number).await?;
    let local = |error: EvmError| ChainError::Local {
        what: format!("executing on block {number}"),
        detail: error.to_string(),
    };
    let environment = Environment::of(going.chain_id, &header).map_err(local)?;
    let mut state = LazyState::new(node.clone(), number);
    let settled = state
        .settle(|known| run(known, &environment, going, hash))
        .await;
    settled.map_err(|error| match error {
        SettleError::Chain(source) | SettleError::Unavailable { source, .. } => source,
        other => ChainError::Local {
            what: format!("executing on block {number}"),
            detail: other.to_string(),
        },
    })
}

fn run(
    known: &MemoryState,
    environment: &Environment,
    going: &Move,
    block: B256,
) -> Result<Result<Seen, String>, BTreeSet<Missing>> {
    // A stranger's call that no function claims, and that nobody could foresee.
    let unforeseen = keccak256(block);
    let question: Bytes = [&unforeseen[..4], &keccak256(unforeseen)[..]]
        .concat()
        .into();
    let asked = Request::call(
        Address::from_word(unforeseen),
        going.proxy,
        question.clone(),
    );
    let mut steps = vec![(0, asked.clone())];
    let left = usize::try_from(going.more)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let done = going.calls.len().saturating_sub(left);
    for (index, step) in going.calls.iter().enumerate().skip(done) {
        let wait = if index == done { 0 } else { step.wait_seconds };
        let request = Request {
            from: going.authority,
            ..Request::from(&step.call)
        };
        steps.push((wait, request));
    }
    steps.push((0, asked));
    let mut environment = environment.clone();
    let mut diff = StateDiff::new();
    let mut outcomes = Vec::new();
    for (wait, request) in &steps {
        environment.timestamp = environment.timestamp.saturating_add(*wait);
        let view = Overlay {
            base: known,
            diff: &diff,
        };
        let outcome = match simulate(&view, &environment, request) {
            Ok(outcome) => outcome,
            Err(EvmError::Missing(mut missing)) => {
                missing.extend(wanted_by_request(&view, &environment, request));
                return Err(missing);
            }
            Err(error) => return Ok(Err(error.to_string())),
        };
        if request.from == going.authority && !outcome.status.is_success() {
            let reason = revert::decode(&outcome.output).or(outcome.halt);
            return Ok(Err(reason.unwrap_or_else(|| "without a reason".into())));
        }
        if request.from == going.authority {
            merge_diff(&mut diff, &outcome.diff);
        }
        outcomes.push(outcome);
    }
    let view = Overlay {
        base: known,
        diff: &diff,
    };
    let word = view.storage(going.holder, going.slot);
    let word = word.map_err(|missing| BTreeSet::from([missing]))?;
    let forwards = |outcome: Option<&Outcome>| {
        let frames = outcome.into_iter().flat_map(|outcome| &outcome.calls);
        let mut own = frames.filter(|frame| {
            frame.kind == CallKind::DelegateCall
                && frame.from == going.proxy
                && frame.input == question
        });
        own.next().map(|frame| frame.to)
    };
    Ok(Ok(Seen {
        slot: address::in_word(word.into(), going.offset),
        forwards: [forwards(outcomes.first()), forwards(outcomes.last())],
    }))
}

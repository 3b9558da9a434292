//! One upgrade, executed on the state that is supposed.

use crate::{
    error::{InspectError, key},
    prove::{Round, holds, written},
    session::{Played, Session},
};
use alloy_primitives::{Address, Bytes};
use cutover_types::{
    Missing, Outcome, StateDiff, StepCall, UpgradePath, Verb, execution::merge_diff,
    inspection::CodeAt,
};

/// An upgrade that worked.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) calls: Vec<StepCall>,
    /// One for each call.
    pub(crate) outcomes: Vec<Outcome>,
    /// Everything the calls changed.
    pub(crate) changes: StateDiff,
    /// How long it waits.
    pub(crate) seconds: u64,
}

/// What trying showed.
#[derive(Clone, Debug)]
pub(crate) enum Tried {
    /// The proxy runs it now.
    Done(Box<Way>),
    /// It was executed and does not work.
    Refused(Refusal),
    /// It could not be executed, or nothing shows what it did.
    Unclear(String),
}

/// Why an upgrade does not work.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) why: String,
    /// The call that was refused.
    pub(crate) outcome: Option<Outcome>,
}

/// Executes the upgrade to `to` along `path`. Nothing is supposed because of it.
pub(crate) async fn attempt(
    session: &mut Session,
    path: &UpgradePath,
    to: &CodeAt,
    data: &Bytes,
) -> Result<Tried, InspectError> {
    let Some(calls) = path.calls(to, data).filter(|calls| !calls.is_empty()) else {
        let why = match data.is_empty() {
            true => "it has no upgrade call",
            false => "its upgrade call carries no initializer data",
        };
        return Ok(Tried::Refused(Refusal {
            why: why.into(),
            outcome: None,
        }));
    };
    if calls.iter().any(|step| step.call.operation != 0) {
        let why = "the upgrade is a delegate call of its sender, which is not simulated";
        return Ok(Tried::Unclear(why.into()));
    }
    let round = Round::of(path.proxy, &[&calls]);
    let mut done = session
        .play_all(&[round.plain.clone(), round.asked.clone()])
        .await?;
    let (Some(asked), Some(played)) = (done.pop(), done.pop()) else {
        return Ok(Tried::Unclear("nothing was executed".into()));
    };
    // A sender that only pays is taken to have the funds.
    let payer = Missing::Account { address: path.from };
    if let Some(missing) = played.guesses().find(|missing| *missing != payer) {
        let why = format!("the node does not give {}", key(&missing));
        return Ok(Tried::Unclear(why));
    }
    let mut value = None;
    let mut changes = StateDiff::new();
    for (index, call) in calls.iter().enumerate() {
        let Some(outcome) = played.outcomes.get(index) else {
            let why = played.refused.as_deref().unwrap_or("it was not executed");
            let why = format!("the upgrade call cannot be executed: {why}");
            return Ok(Tried::Unclear(why));
        };
        if !outcome.status.is_success() {
            return Ok(refused(call.from, outcome));
        }
        value = written(outcome, path).or(value);
        merge_diff(&mut changes, &outcome.diff);
    }
    let shown = value.is_some_and(|value| holds(value, to.address));
    let [before, after] = round.forwards(&asked, path.proxy, 0);
    if !shown && (path.verb != Verb::Steps || after != Some(to.address)) {
        let why = "the upgrade call succeeds, but the proxy does not move";
        return Ok(if path.verb == Verb::Steps {
            Tried::Unclear(why.into())
        } else {
            Tried::Refused(Refusal {
                why: why.into(),
                outcome: None,
            })
        });
    }
    let forwards = (before, after);
    if let Some(not) = runs_another(session, path, forwards, &asked, to.address).await? {
        return Ok(not);
    }
    let waits = calls.iter().map(|call| call.wait_seconds);
    Ok(Tried::Done(Box::new(Way {
        seconds: waits.fold(0, u64::saturating_add),
        outcomes: played.outcomes.into_iter().take(calls.len()).collect(),
        calls,
        changes,
    })))
}

/// Whether the proxy runs something else than its slot says, where it ran what the slot said before.
async fn runs_another(
    session: &mut Session,
    path: &UpgradePath,
    (before, after): (Option<Address>, Option<Address>),
    asked: &Played,
    wanted: Address,
) -> Result<Option<Tried>, InspectError> {
    let slot = session.slot(path.holder, path.slot).await?;
    let steered = before.is_some_and(|now| slot.is_none_or(|value| holds(value, now)));
    if !steered || after == Some(wanted) {
        return Ok(None);
    }
    let payer = Missing::Account { address: path.from };
    if let Some(missing) = asked.guesses().find(|missing| *missing != payer) {
        let why = format!(
            "the node does not give {}: whom the proxy then forwards to is not known",
            key(&missing)
        );
        return Ok(Some(Tried::Unclear(why)));
    }
    let why = match after {
        Some(other) => format!("the slot moves, but the proxy then forwards to {other}"),
        None => "the slot moves, but the proxy then forwards to nobody".into(),
    };
    Ok(Some(Tried::Refused(Refusal { why, outcome: None })))
}

fn refused(from: Address, outcome: &Outcome) -> Tried {
    if outcome
        .halt
        .as_deref()
        .is_some_and(|halt| halt.contains("OutOfGas"))
    {
        return Tried::Unclear(format!("the upgrade call from {from} takes too much gas"));
    }
    let reason = cutover_evm::decode_revert(&outcome.output)
        .or_else(|| outcome.halt.clone())
        .unwrap_or_else(|| "without a reason".into());
    Tried::Refused(Refusal {
        why: format!("the upgrade call from {from} reverts: {reason}"),
        outcome: Some(outcome.clone()),
    })
}

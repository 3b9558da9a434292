//! An upgrade is believed when it was executed: to the same implementation, then to a copy of it at
//! another address and back.

use crate::{
    code,
    error::{InspectError, key},
    session::{Played, Script, Session, request, stranger, unforeseen},
    trace::{forwarding, unknown_call},
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use alloy_sol_types::SolEvent;
use cutover_types::{
    Missing, Outcome, StepCall, UpgradePath, Verb,
    abi::IProxy,
    inspection::{CodeAt, Possible},
};
use std::collections::{BTreeMap, BTreeSet};

/// What executing an upgrade path showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Whether the upgrade works from its sender.
    pub(crate) proven: bool,
    /// Why not, or what was assumed.
    pub(crate) why: Option<String>,
    /// Whether the way back does.
    pub(crate) back: Possible,
    /// Why not, or why that is unknown.
    pub(crate) why_back: Option<String>,
}

/// Executes `path` from its sender.
///
/// # Errors
/// When the node could not be asked.
pub(crate) async fn prove(
    session: &mut Session,
    path: &UpgradePath,
    current: Address,
) -> Result<Proof, InspectError> {
    let code = session.code(current).await?.filter(|code| !code.is_empty());
    let copy = code.map(|code| code::moved(&code, current, elsewhere(current)));
    prove_by(session, path, current, copy).await
}

/// [`prove`] with an implementation that accepts every call in the place of a copy: for kinds whose
/// upgrade runs an initializer that refuses what ran before.
///
/// # Errors
/// When the node could not be asked.
pub(crate) async fn prove_with_stand_in(
    session: &mut Session,
    path: &UpgradePath,
    current: Address,
) -> Result<Proof, InspectError> {
    const STOP: u8 = 0;
    prove_by(session, path, current, Some(vec![STOP])).await
}

async fn prove_by(
    session: &mut Session,
    path: &UpgradePath,
    current: Address,
    copy: Option<Vec<u8>>,
) -> Result<Proof, InspectError> {
    let other = elsewhere(current);
    let implementation = session.code(current).await?.filter(|code| !code.is_empty());
    let at = |address, code: &[u8]| CodeAt {
        address,
        code_hash: keccak256(code),
    };
    let same = path.calls(
        &at(
            current,
            implementation.as_deref().map_or(&[], |code| &code[..]),
        ),
        &Bytes::new(),
    );
    let change = path.calls(
        &at(other, copy.as_deref().unwrap_or_default()),
        &Bytes::new(),
    );
    let back = path.back().calls(
        &at(
            current,
            implementation.as_deref().map_or(&[], |code| &code[..]),
        ),
        &Bytes::new(),
    );
    let (Some(same), Some(change), Some(back)) = (same, change, back) else {
        return Ok(Proof {
            proven: false,
            why: Some("it has no upgrade call".into()),
            back: Possible::Unknown,
            why_back: None,
        });
    };
    let mut scripts = vec![Round::of(path, &[&same]).script];
    let mut ends = (0, 0);
    if let Some(copy) = copy {
        let planted = BTreeMap::from([(other, Bytes::from(copy))]);
        let mut round = Round::of(path, &[&change, &back]);
        round.script.planted.clone_from(&planted);
        ends = (round.ends[0], round.ends[1]);
        scripts.push(round.script);
        scripts.push(Script {
            planted,
            ..followed_by_questions(path.proxy, &[&change, &back])
        });
    }
    let back_calls = back.len();
    let before = session.slot(path.holder, path.slot).await?;
    let played = session.play_all(&scripts).await?;
    let Some(unchanged) = played.first() else {
        return Ok(Proof::unknown("nothing was executed"));
    };
    let stays = stayed(unchanged, path, current, before);
    let (moves, returns) = match played.get(1) {
        Some(round) => {
            let asked = |upgrades, wanted| match played.get(2) {
                Some(round) => follows(round, path, current, upgrades, wanted),
                None => Ok(()),
            };
            let there = moved(round, 0..=ends.0, path, other);
            let back = moved(round, ends.0 + 1..=ends.1, path, current);
            (
                there.and_then(|()| asked(change.len() + 1, other)),
                back.and_then(|()| asked(change.len() + back_calls + 2, current)),
            )
        }
        None => {
            let why = format!("the code of {current} is not known");
            (Err(why.clone()), Err(why))
        }
    };
    let assumed = played
        .iter()
        .flat_map(Played::guesses)
        .any(|missing| missing == Missing::Account { address: path.from });
    let assumption = assumed.then(|| {
        format!(
            "assumes that {} can pay: the node does not give its account",
            path.from
        )
    });
    let executed = |script: usize| {
        played
            .get(script)
            .is_some_and(|p| missing(p, path).is_empty() && p.refused.is_none())
    };
    let why = match (&stays, &moves) {
        (_, Ok(())) => None,
        // It may say so whatever it does: another implementation is what counts, where it can be tried.
        (Ok(()), Err(why)) if executed(1) => Some(why.clone()),
        (Ok(()), Err(_)) => None,
        (Err(why), _) => Some(why.clone()),
    };
    let (back, why_back) = match (&moves, returns) {
        (Ok(()), Ok(())) => (Possible::Yes, None),
        (Ok(()), Err(why)) if executed(1) => (Possible::No, Some(why)),
        (Ok(()), Err(why)) => (Possible::Unknown, Some(why)),
        (Err(why), _) => (
            Possible::Unknown,
            Some(format!("no other implementation could be installed: {why}")),
        ),
    };
    Ok(Proof {
        proven: why.is_none(),
        why: why.or_else(|| assumption.clone()),
        back,
        why_back: why_back.or(assumption),
    })
}

/// Upgrades one after the other. After a path of described steps the proxy is asked whom it forwards
/// to: not every kind keeps that in one slot.
pub(crate) struct Round {
    pub(crate) script: Script,
    /// For each upgrade its last step, the question.
    ends: Vec<usize>,
}

impl Round {
    pub(crate) fn of(path: &UpgradePath, upgrades: &[&[StepCall]]) -> Self {
        let mut round = Self {
            script: Script::default(),
            ends: Vec::new(),
        };
        for steps in upgrades {
            for step in *steps {
                let call = request(step.from, step.call.to, step.call.data.clone());
                round.script.steps.push(call);
                round.script.waits.push(step.wait_seconds);
            }
            if path.verb == Verb::Steps {
                let question = unknown_call(path.proxy);
                let asked = request(stranger(), path.proxy, question);
                round.script.steps.push(asked);
                round.script.waits.push(0);
            }
            round.ends.push(round.script.steps.len().saturating_sub(1));
        }
        round
    }
}

/// Upgrades one after the other, and before the first and after each the question whom the proxy forwards to.
pub(crate) fn followed_by_questions(proxy: Address, upgrades: &[&[StepCall]]) -> Script {
    let mut script = Script::default();
    let ask = |script: &mut Script| {
        let question = request(stranger(), proxy, unknown_call(proxy));
        script.steps.push(question);
        script.waits.push(0);
    };
    ask(&mut script);
    for steps in upgrades {
        for step in *steps {
            let call = request(step.from, step.call.to, step.call.data.clone());
            script.steps.push(call);
            script.waits.push(step.wait_seconds);
        }
        ask(&mut script);
    }
    script
}

/// Whether the proxy forwards to what was installed, where it forwarded to `current` before: the slot may be
/// for show. `asked` is the question's step.
fn follows(
    played: &Played,
    path: &UpgradePath,
    current: Address,
    asked: usize,
    wanted: Address,
) -> Result<(), String> {
    let whom = |index: usize| forwards_to(played.outcomes.get(index)?, path.proxy);
    if !missing(played, path).is_empty() || whom(0) != Some(current) || whom(asked) == Some(wanted)
    {
        return Ok(());
    }
    Err(match whom(asked) {
        Some(other) => format!("the slot moves, but the proxy then forwards to {other}"),
        None => "the slot moves, but the proxy then forwards to nobody".into(),
    })
}

impl Proof {
    /// Nothing could be executed.
    pub(crate) fn unknown(why: &str) -> Self {
        Self {
            proven: false,
            why: Some(why.into()),
            back: Possible::Unknown,
            why_back: Some(why.into()),
        }
    }
}

/// An address nobody has, where a copy of the implementation is put.
pub(crate) fn elsewhere(current: Address) -> Address {
    Address::from_word(unforeseen("elsewhere", current))
}

/// What the execution needed and the node refuses. A sender that only pays is taken to have the funds.
fn missing(played: &Played, path: &UpgradePath) -> BTreeSet<Missing> {
    let payer = Missing::Account { address: path.from };
    played
        .guesses()
        .filter(|missing| *missing != payer)
        .collect()
}

fn step<'a>(played: &'a Played, index: usize, path: &UpgradePath) -> Result<&'a Outcome, String> {
    if let Some(missing) = missing(played, path).first() {
        return Err(format!("the node does not give {}", key(missing)));
    }
    let Some(outcome) = played.outcomes.get(index) else {
        let why = played.refused.as_deref().unwrap_or("it was not executed");
        return Err(format!("the upgrade call cannot be executed: {why}"));
    };
    if !outcome.status.is_success() {
        let reason = cutover_evm::decode_revert(&outcome.output)
            .or_else(|| outcome.halt.clone())
            .unwrap_or_else(|| "without a reason".into());
        return Err(format!(
            "the upgrade call from {} reverts: {reason}",
            path.from
        ));
    }
    Ok(outcome)
}

/// Upgrading to the same implementation succeeded, left the slot as it was, and said so: a proxy that
/// takes its sender for a stranger would hand the call to the implementation, which may accept anything.
fn stayed(
    played: &Played,
    path: &UpgradePath,
    current: Address,
    before: Option<U256>,
) -> Result<(), String> {
    let outcome = step(played, 0, path)?;
    let after = written(outcome, path).or(before);
    if !after.is_some_and(|value| holds(value, current)) {
        return Err("the upgrade call succeeds, but the slot holds something else after it".into());
    }
    if announced(outcome, path.holder, current) {
        Ok(())
    } else {
        Err("the upgrade call succeeds, but nothing shows that it upgrades".into())
    }
}

/// Whether `holder` said that it now runs `implementation`.
pub(crate) fn announced(outcome: &Outcome, holder: Address, implementation: Address) -> bool {
    let word = implementation.into_word();
    outcome.logs.iter().any(|log| {
        log.address == holder
            && log.topics().first() == Some(&IProxy::Upgraded::SIGNATURE_HASH)
            // zos did not index it.
            && (log.topics().get(1) == Some(&word) || log.data.data.get(..32) == Some(&word[..]))
    })
}

/// Every call succeeded, and the slot now holds `implementation`, or the proxy now forwards to it.
fn moved(
    played: &Played,
    steps: std::ops::RangeInclusive<usize>,
    path: &UpgradePath,
    implementation: Address,
) -> Result<(), String> {
    let asked = (path.verb == Verb::Steps).then_some(*steps.end());
    let mut value = None;
    for index in steps.filter(|index| Some(*index) != asked) {
        value = written(step(played, index, path)?, path).or(value);
    }
    if value.is_some_and(|value| holds(value, implementation)) {
        return Ok(());
    }
    let forwards = asked
        .and_then(|asked| played.outcomes.get(asked))
        .and_then(|outcome| forwards_to(outcome, path.proxy));
    if forwards == Some(implementation) {
        return Ok(());
    }
    Err("the upgrade call succeeds, but the slot does not move".into())
}

/// Whom `proxy` forwards the unknown call to that `outcome` is of.
pub(crate) fn forwards_to(outcome: &Outcome, proxy: Address) -> Option<Address> {
    let (_, frame) = forwarding(&outcome.calls, proxy, &unknown_call(proxy))?;
    Some(frame.to)
}

/// What the implementation's slot holds after `outcome`, if it was written.
pub(crate) fn written(outcome: &Outcome, path: &UpgradePath) -> Option<U256> {
    let change = outcome.diff.get(&path.holder)?.storage.get(&path.slot)?;
    Some(change.after)
}

/// Whether a slot names this address.
pub(crate) fn holds(value: U256, address: Address) -> bool {
    code::has_address(&value.to_be_bytes::<32>(), address)
}

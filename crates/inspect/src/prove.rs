//! An upgrade is believed when it was executed: to the same implementation, then to a copy of it at
//! another address and back.

use crate::{
    code,
    error::{InspectError, key},
    session::{Played, Script, Session, request},
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use alloy_sol_types::SolEvent;
use cutover_types::{Missing, Outcome, UpgradePath, abi::IProxy, inspection::Possible};
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
    let other = elsewhere(current);
    let step = |implementation| {
        let call = path.call(implementation, &Bytes::new())?;
        Some(request(path.from, call.to, call.data))
    };
    let (Some(same), Some(change)) = (step(current), step(other)) else {
        return Ok(Proof {
            proven: false,
            why: Some("it has no upgrade call".into()),
            back: Possible::Unknown,
            why_back: None,
        });
    };
    let implementation = session.code(current).await?.filter(|code| !code.is_empty());
    let mut scripts = vec![Script {
        steps: vec![same.clone()],
        ..Script::default()
    }];
    if let Some(implementation) = &implementation {
        let copy = code::moved(implementation, current, other);
        scripts.push(Script {
            steps: vec![change, same],
            planted: BTreeMap::from([(other, copy.into())]),
        });
    }
    let before = session.slot(path.holder, path.slot).await?;
    let played = session.play_all(&scripts).await?;
    let Some(unchanged) = played.first() else {
        return Ok(Proof::unknown("nothing was executed"));
    };
    let stays = stayed(unchanged, path, current, before);
    let (moves, returns) = match played.get(1) {
        Some(round) => (moved(round, 0, path, other), moved(round, 1, path, current)),
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
    let why = match (&stays, &moves) {
        (Ok(()), _) | (_, Ok(())) => None,
        (Err(why), _) => Some(why.clone()),
    };
    let executed = |script: usize| {
        played
            .get(script)
            .is_some_and(|p| missing(p, path).is_empty() && p.refused.is_none())
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
fn elsewhere(current: Address) -> Address {
    Address::from_word(keccak256(
        [b"cutover: elsewhere".as_slice(), current.as_slice()].concat(),
    ))
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

/// The step succeeded and the slot now holds `implementation`.
fn moved(
    played: &Played,
    index: usize,
    path: &UpgradePath,
    implementation: Address,
) -> Result<(), String> {
    let outcome = step(played, index, path)?;
    match written(outcome, path) {
        Some(value) if holds(value, implementation) => Ok(()),
        _ => Err("the upgrade call succeeds, but the slot does not move".into()),
    }
}

fn written(outcome: &Outcome, path: &UpgradePath) -> Option<U256> {
    let change = outcome.diff.get(&path.holder)?.storage.get(&path.slot)?;
    Some(change.after)
}

fn holds(value: U256, address: Address) -> bool {
    code::has_address(&value.to_be_bytes::<32>(), address)
}

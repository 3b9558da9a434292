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
use cutover_evm::Request;
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
    /// Whether the call was executed and upgrades nothing, whoever sends it.
    pub(crate) hollow: bool,
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
            hollow: false,
        });
    };
    let mut scripts = vec![Round::of(path.proxy, &[&same]).plain];
    let mut round = Round::of(path.proxy, &[&change, &back]);
    let copied = copy.is_some();
    if let Some(copy) = copy {
        let planted = BTreeMap::from([(other, Bytes::from(copy))]);
        round.plain.planted.clone_from(&planted);
        round.asked.planted = planted;
        scripts.extend([round.plain.clone(), round.asked.clone()]);
    }
    let before = session.slot(path.holder, path.slot).await?;
    let played = session.play_all(&scripts).await?;
    let Some(unchanged) = played.first() else {
        return Ok(Proof::unknown("nothing was executed"));
    };
    let stays = stayed(unchanged, path, current, before);
    let (moves, returns) = match &played[1..] {
        [plain, asked] => {
            let runs =
                |upgrade, wanted| round.runs([plain, asked], path, upgrade, (current, wanted));
            (runs(0, other), runs(1, current))
        }
        _ => {
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
    // The questions only count where the slot does not show it.
    let told = if path.verb == Verb::Steps { 3 } else { 2 };
    let executed = copied
        && played
            .iter()
            .take(told)
            .skip(1)
            .all(|played| missing(played, path).is_empty() && played.refused.is_none());
    let why = match (&stays, &moves) {
        (_, Ok(())) => None,
        // It may say so whatever it does: another implementation is what counts, where it can be tried.
        (Ok(()), Err(why)) if executed => Some(why.clone()),
        (Ok(()), Err(_)) => None,
        (Err(why), _) => Some(why.clone()),
    };
    let (back, why_back) = match (&moves, returns) {
        (Ok(()), Ok(())) => (Possible::Yes, None),
        (Ok(()), Err(why)) if executed => (Possible::No, Some(why)),
        (Ok(()), Err(why)) => (Possible::Unknown, Some(why)),
        (Err(why), _) => (
            Possible::Unknown,
            Some(format!("no other implementation could be installed: {why}")),
        ),
    };
    let hollow = executed
        && moves
            .as_ref()
            .is_err_and(|why| why == STILL || why.starts_with(ELSEWHERE));
    Ok(Proof {
        proven: why.is_none(),
        why: why.or_else(|| assumption.clone()),
        back,
        why_back: why_back.or(assumption),
        hollow,
    })
}

/// Upgrades one after the other; and once more, with the question whom the proxy forwards to before the first
/// and after each. Apart, because the node may refuse what only the question reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) plain: Script,
    pub(crate) asked: Script,
    /// For each upgrade, how many calls there are up to its last.
    ends: Vec<usize>,
}

impl Round {
    pub(crate) fn of(proxy: Address, upgrades: &[&[StepCall]]) -> Self {
        let mut round = Self::default();
        let question = request(stranger(), proxy, unknown_call(proxy));
        let add = |script: &mut Script, step: &Request, wait| {
            script.steps.push(step.clone());
            script.waits.push(wait);
        };
        add(&mut round.asked, &question, 0);
        for steps in upgrades {
            for step in *steps {
                let call = request(step.from, step.call.to, step.call.data.clone());
                add(&mut round.plain, &call, step.wait_seconds);
                add(&mut round.asked, &call, step.wait_seconds);
            }
            add(&mut round.asked, &question, 0);
            round.ends.push(round.plain.steps.len());
        }
        round
    }

    /// Whom the proxy forwards to before the first upgrade, and after this one.
    pub(crate) fn forwards(
        &self,
        asked: &Played,
        proxy: Address,
        upgrade: usize,
    ) -> [Option<Address>; 2] {
        let whom = |index: usize| forwards_to(asked.outcomes.get(index)?, proxy);
        // One question before all, one after each upgrade before.
        let after = self.ends.get(upgrade).map(|calls| calls + upgrade + 1);
        [whom(0), after.and_then(whom)]
    }

    /// Whether the proxy runs `wanted` after this upgrade: every call succeeded, and the slot holds it. Where
    /// the proxy forwarded to `current` before, it must forward to it too: the slot may be for show. Of kinds
    /// that keep it in no one slot the forwarding is enough.
    fn runs(
        &self,
        [plain, asked]: [&Played; 2],
        path: &UpgradePath,
        upgrade: usize,
        (current, wanted): (Address, Address),
    ) -> Result<(), String> {
        let start = upgrade.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut value = None;
        for index in start..self.ends[upgrade] {
            value = written(step(plain, index, path)?, path).or(value);
        }
        let shown = value.is_some_and(|value| holds(value, wanted));
        let [before, after] = self.forwards(asked, path.proxy, upgrade);
        let untold = missing(asked, path);
        if !shown && path.verb == Verb::Steps {
            return match (after, untold.first()) {
                (after, None) if after == Some(wanted) => Ok(()),
                (_, None) => Err(STILL.into()),
                (_, Some(missing)) => Err(format!("the node does not give {}", key(missing))),
            };
        }
        match after {
            _ if !shown => Err(STILL.into()),
            after if after == Some(wanted) || before != Some(current) || !untold.is_empty() => {
                Ok(())
            }
            Some(other) => Err(format!("{ELSEWHERE} {other}")),
            None => Err(format!("{ELSEWHERE} nobody")),
        }
    }
}

/// Why an upgrade is none.
const ELSEWHERE: &str = "the slot moves, but the proxy then forwards to";
/// Why an upgrade is none.
const STILL: &str = "the upgrade call succeeds, but the slot does not move";

impl Proof {
    /// Nothing could be executed.
    pub(crate) fn unknown(why: &str) -> Self {
        Self {
            proven: false,
            why: Some(why.into()),
            back: Possible::Unknown,
            why_back: Some(why.into()),
            hollow: false,
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

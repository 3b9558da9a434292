//! What someone has to send so that the proxy is upgraded, and whether it does: the upgrade's own calls,
//! wrapped once for every contract between the proxy and who acts.

use crate::{
    code::moved,
    error::{InspectError, key},
    prove::{announced, elsewhere, forwards_to, holds, written},
    session::{Played, Script, Session, request, stranger},
    trace::unknown_call,
};
use alloy_primitives::{Address, Bytes, keccak256};
use cutover_types::{Missing, StepCall, UpgradePath, Verb, inspection::CodeAt};
use std::collections::{BTreeMap, BTreeSet};

/// Calls in one deed at most; more is not executed.
const STEPS: usize = 96;
/// Bytes of calldata in one deed at most.
const BYTES: usize = 1 << 18;

/// One transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) data: Bytes,
    /// 1: a delegate call from the sender, which only a Safe can make.
    pub(crate) operation: u8,
    /// Seconds that pass before it.
    pub(crate) wait: u64,
}

impl Step {
    pub(crate) fn new(from: Address, to: Address, data: impl Into<Bytes>) -> Self {
        Self {
            from,
            to,
            data: data.into(),
            operation: 0,
            wait: 0,
        }
    }

    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.wait = seconds;
        self
    }

    /// The function that is called.
    pub(crate) fn selector(&self) -> [u8; 4] {
        let mut selector = [0; 4];
        for (to, from) in selector.iter_mut().zip(&self.data) {
            *to = *from;
        }
        selector
    }
}

/// Transactions one after the other.
pub(crate) type Deed = Vec<Step>;

/// The seconds that pass within a deed.
pub(crate) fn total(deed: &Deed) -> u64 {
    deed.iter()
        .fold(0, |sum, step| sum.saturating_add(step.wait))
}

/// Why a deed is not seen to upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The node did not give what it takes to execute it.
    Unread(String),
    /// It was executed, or could not be for another reason.
    Shown(String),
}

impl Failed {
    /// In words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Unread(why) | Self::Shown(why) => why,
        }
    }
}

impl From<&str> for Failed {
    fn from(why: &str) -> Self {
        Self::Shown(why.into())
    }
}

/// The upgrade that is tried, and how to see that it happened.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    path: UpgradePath,
    target: Address,
    planted: BTreeMap<Address, Bytes>,
    /// Whether the proxy is upgraded to what it runs already: some kinds cannot be tried otherwise.
    same: bool,
}

impl Aim {
    /// The upgrade along `path` to a copy of `current`, and its calls; to `current` itself when only
    /// that could be executed.
    pub(crate) async fn of(
        session: &mut Session,
        path: &UpgradePath,
        current: Address,
    ) -> Result<Option<(Self, Deed)>, InspectError> {
        let Some(code) = session.code(current).await?.filter(|code| !code.is_empty()) else {
            return Ok(None);
        };
        let other = elsewhere(current);
        let copy = Bytes::from(moved(&code, current, other));
        let mut first = None;
        for (target, code, same) in [(other, &copy, false), (current, &code, true)] {
            let aim = Self {
                path: path.clone(),
                target,
                planted: if same {
                    BTreeMap::new()
                } else {
                    BTreeMap::from([(other, copy.clone())])
                },
                same,
            };
            let at = CodeAt {
                address: target,
                code_hash: keccak256(code),
            };
            let Some(calls) = path.calls(&at, &Bytes::new()) else {
                return Ok(None);
            };
            let deed: Deed = calls.into_iter().map(Step::from).collect();
            let done = aim.judge(session, std::slice::from_ref(&deed)).await?;
            if done.first().is_some_and(Result::is_ok) {
                return Ok(Some((aim, deed)));
            }
            // Neither: it may still work from somebody else.
            first = first.or(Some((aim, deed)));
        }
        Ok(first)
    }

    /// What the proxy runs once it is upgraded.
    pub(crate) fn target(&self) -> Address {
        self.target
    }

    /// Contracts that are not on the chain.
    pub(crate) fn planted(&self) -> &BTreeMap<Address, Bytes> {
        &self.planted
    }

    /// Executes deeds, each on the state of the block; for each why it does not upgrade.
    pub(crate) async fn judge(
        &self,
        session: &mut Session,
        deeds: &[Deed],
    ) -> Result<Vec<Result<(), Failed>>, InspectError> {
        let scripts: Vec<_> = deeds.iter().map(|deed| self.script(deed)).collect();
        let played = match session.play_all(&scripts).await {
            Ok(played) => played,
            // Someone in the tree asks for ever more state: nothing is proven, the rest still holds.
            Err(InspectError::Endless { .. }) => {
                let why = Failed::Unread("it asks for ever more state".into());
                return Ok(vec![Err(why); deeds.len()]);
            }
            Err(error) => return Err(error),
        };
        let judged = deeds.iter().zip(&played);
        Ok(judged
            .map(|(deed, played)| self.reached(deed, played))
            .collect())
    }

    fn script(&self, deed: &Deed) -> Script {
        let mut script = Script {
            planted: self.planted.clone(),
            ..Script::default()
        };
        if refused(deed).is_some() {
            return script;
        }
        for step in deed {
            let call = request(step.from, step.to, step.data.clone());
            script.steps.push(call);
            script.waits.push(step.wait);
        }
        if self.path.verb == Verb::Steps {
            let question = unknown_call(self.path.proxy);
            let asked = request(stranger(), self.path.proxy, question);
            script.steps.push(asked);
        }
        script
    }

    fn reached(&self, deed: &Deed, played: &Played) -> Result<(), Failed> {
        if let Some(why) = refused(deed) {
            return Err(why.into());
        }
        let payers: BTreeSet<_> = deed.iter().map(|step| step.from).collect();
        let payer = |missing: &Missing| matches!(missing, Missing::Account { address } if payers.contains(address));
        if let Some(missing) = played.guesses().find(|missing| !payer(missing)) {
            let why = format!("the node does not give {}", key(&missing));
            return Err(Failed::Unread(why));
        }
        for (index, step) in deed.iter().enumerate() {
            let Some(outcome) = played.outcomes.get(index) else {
                let why = played.refused.as_deref().unwrap_or("it was not executed");
                let why = format!("the call to {} cannot be executed: {why}", step.to);
                return Err(Failed::Shown(why));
            };
            if !outcome.status.is_success() {
                let reason = cutover_evm::decode_revert(&outcome.output)
                    .or_else(|| outcome.halt.clone())
                    .unwrap_or_else(|| "without a reason".into());
                return Err(Failed::Shown(format!(
                    "the call to {} from {} reverts: {reason}",
                    step.to, step.from
                )));
            }
        }
        let outcomes = || played.outcomes.iter().take(deed.len());
        let value = outcomes().filter_map(|o| written(o, &self.path)).last();
        let says = |outcome| announced(outcome, self.path.holder, self.target);
        let happened = match value {
            Some(value) => holds(value, self.target) && (!self.same || outcomes().any(says)),
            None => self.same && outcomes().any(says),
        };
        let forwards = || {
            let asked = played.outcomes.get(deed.len())?;
            (!self.same).then(|| forwards_to(asked, self.path.proxy))?
        };
        if happened || forwards() == Some(self.target) {
            Ok(())
        } else {
            Err("the calls succeed, but nothing is upgraded".into())
        }
    }
}

fn refused(deed: &Deed) -> Option<&'static str> {
    let bytes: usize = deed.iter().map(|step| step.data.len()).sum();
    if deed.iter().any(|step| step.operation != 0) {
        Some("it takes a delegate call, which no transaction makes")
    } else if deed.len() > STEPS || bytes > BYTES {
        Some("it takes too many calls to execute")
    } else {
        None
    }
}

impl From<StepCall> for Step {
    fn from(step: StepCall) -> Self {
        Self {
            from: step.from,
            to: step.call.to,
            data: step.call.data,
            operation: step.call.operation,
            wait: step.wait_seconds,
        }
    }
}

//! Refusals in words: what of green's and blue's code explains them.

use super::way::Refusal;
use crate::{
    code::has_selector,
    error::InspectError,
    session::{Played, Session},
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use cutover_types::{CallKind, abi::IProxy};

/// Whether an initializer refused because it or a later one ran already.
pub(crate) fn is_initialized(refusal: &Refusal) -> bool {
    let said = |outcome: &cutover_types::Outcome| {
        let text = cutover_evm::decode_revert(&outcome.output);
        text.is_some_and(|text| {
            text == "InvalidInitialization()" || text.contains("already initialized")
        })
    };
    refusal.outcome.as_ref().is_some_and(said)
}

/// What an implementation has of OpenZeppelin's UUPS.
#[derive(Clone, Debug)]
pub(crate) struct Uups {
    uuid: Option<B256>,
    upgrade_to: bool,
    upgrade_to_and_call: bool,
}

impl Uups {
    pub(crate) async fn of(
        session: &mut Session,
        implementation: Address,
    ) -> Result<Self, InspectError> {
        let code = session.code(implementation).await?.unwrap_or_default();
        let question = IProxy::proxiableUUIDCall {}.abi_encode();
        let answers = session.ask([(implementation, question)]).await?;
        let uuid = answers.first().and_then(Played::word);
        Ok(Self {
            uuid: uuid.map(|word: U256| word.into()),
            upgrade_to: has_selector(&code, IProxy::upgradeToCall::SELECTOR),
            upgrade_to_and_call: has_selector(&code, IProxy::upgradeToAndCallCall::SELECTOR),
        })
    }

    pub(crate) fn upgrades(&self) -> bool {
        self.upgrade_to || self.upgrade_to_and_call
    }

    /// Why a proxy that runs `self` and is upgraded by it does not take `next`.
    fn refuses(&self, next: &Self, names: [&str; 2], slot: B256) -> Option<String> {
        let [from, to] = names;
        match (self.uuid, next.uuid) {
            // OpenZeppelin 4.1 to 4.4: it rolls back through the new code to see that it can.
            (None, _) if self.upgrade_to && !next.upgrade_to => Some(format!(
                "{from} is UUPS of OpenZeppelin 4.1 to 4.4, which tests the way back by calling upgradeTo on {to}, and {to} has none: go by way of an implementation of 4.5 to 4.9"
            )),
            (Some(_), None) if next.upgrade_to => Some(format!(
                "{to} has no proxiableUUID(), as UUPS of OpenZeppelin 4.1 to 4.4: later versions never go to it"
            )),
            (Some(_), None) => Some(format!("{to} has no proxiableUUID(): it is no UUPS")),
            (Some(_), Some(uuid)) if uuid != slot => Some(format!(
                "proxiableUUID() of {to} is {uuid}, not the slot of the implementation"
            )),
            _ => None,
        }
    }
}

/// What explains a refusal of the upgrade from one implementation, `now`, to another, `next`; the names
/// are what they are called. `uups` is the implementation's slot where the implementation upgrades.
pub(crate) fn explain(
    refusal: &Refusal,
    now: &Uups,
    next: &Uups,
    names: [&str; 2],
    uups: Option<B256>,
) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(slot) = uups {
        if !now.upgrades() {
            why.push(format!(
                "{} has no upgrade function: the proxy could never be upgraded again",
                names[0]
            ));
        }
        why.extend(now.refuses(next, names, slot));
    }
    if let Some(outcome) = &refusal.outcome {
        let empty = outcome.calls.iter().any(|frame| {
            frame.kind == CallKind::DelegateCall
                && frame.input.is_empty()
                && !frame.status.is_success()
        });
        if empty {
            why.push(format!(
                "the call runs empty data on {}, which has no fallback",
                names[1]
            ));
        }
        if is_initialized(refusal) {
            why.push("its initializer ran already, and the version it left stays".into());
        }
    }
    why
}

//! StarkWare's `Proxy`: a governor adds an implementation with its initializer, and switches to it after
//! a delay of the proxy's own.

use super::{Kind, Recognized, Subject, own};
use crate::{
    error::{InspectError, key},
    session::{Session, stranger},
};
use alloy_primitives::{Address, B256, U256, b256, keccak256};
use async_trait::async_trait;
use cutover_types::{Argument, Missing, ProxyKind, UpgradePath, UpgradeStep, inspection::Location};
use serde_json::{Value, json};

/// `keccak256("StarkWare2019.implemntation-slot")`; the misspelling is StarkWare's.
const IMPLEMENTATION: B256 =
    b256!("177667240aeeea7e35eabe3a35e18306f336219e1386f7710a6bf8783f761b24");
/// `keccak256("StarkWare2019.finalization-flag-slot")`.
const FINAL: B256 = b256!("7d433c6f837e8f93009937c466c82efbb5ba621fae36886d0cac433c5d0aa7d2");
/// `keccak256("StarkWare.Upgradibility.Delay.Slot")`.
const DELAY: B256 = b256!("c21dbb3089fcb2c4f4c6a67854ab4db2b0f233ea4b21b21f912d52d18fc5db1f");
/// The role of those who may upgrade, from version 5 on.
const UPGRADE_GOVERNOR: B256 =
    b256!("0251e864ca2a080f55bce5da2452e8cfcafdbc951a3e7fff5023d558452ec228");
/// Governors that are looked at.
const LIMIT: usize = 16;

const ADD: &str = "addImplementation(address,bytes,bool)";
const UPGRADE: &str = "upgradeTo(address,bytes,bool)";

pub(super) struct StarkWare;

#[async_trait(?Send)]
impl Kind for StarkWare {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        if subject.forward.location != Location::Slot(IMPLEMENTATION)
            || !own::dispatches(&subject.code, &[ADD, UPGRADE])
        {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::StarkWare);
        match session.slot(proxy, FINAL).await? {
            Some(flag) if !flag.is_zero() => {
                found.shut = Some("it is finalized: nobody can ever upgrade it".into());
                return Ok(Some(found));
            }
            Some(_) => {}
            None => found.notes.push(unread(proxy, FINAL)),
        }
        let frozen = session
            .ask([(proxy, own::selector("isFrozen()").to_vec())])
            .await?;
        let frozen = frozen.first().and_then(|answer| answer.word());
        if frozen.is_some_and(|word| !word.is_zero()) {
            found
                .notes
                .push("it is frozen: while it is, it refuses upgrades".into());
        }
        let delay = session.slot(proxy, DELAY).await?;
        let wait = delay.map(u64::try_from).and_then(Result::ok);
        match (wait, delay) {
            (Some(wait), _) => found.notes.push(format!(
                "an implementation waits {wait} seconds after it was added; one that was added with the \
                 same data before can be returned to at once"
            )),
            (None, Some(_)) => found.notes.push("its delay is beyond all time".into()),
            (None, None) => found.notes.push(unread(proxy, DELAY)),
        }
        found.notes.push(
            "data of an upgrade is handed to initialize(bytes) of the new implementation, empty data too"
                .into(),
        );
        let path = path(proxy, wait.unwrap_or_default());
        match governors(session, proxy).await? {
            Ok(governors) => {
                found.admin = governors.first().copied();
                found.paths = governors
                    .iter()
                    .map(|governor| path.clone().sent_by(*governor))
                    .collect();
                if governors.len() > 1 {
                    let names: Vec<_> = governors.iter().map(Address::to_string).collect();
                    let names = names.join(", ");
                    found
                        .notes
                        .push(format!("each of its governors can upgrade it: {names}"));
                }
            }
            Err(why) => {
                let why = format!("who governs it is not known: {why}");
                found.notes.push(why.clone());
                found.unsent = Some((path, why));
            }
        }
        Ok(Some(found))
    }
}

fn path(proxy: Address, wait_seconds: u64) -> UpgradePath {
    let step = |function| {
        let arguments = vec![
            Argument::Implementation,
            Argument::Data,
            Argument::Value("false".into()),
        ];
        UpgradeStep::new(Address::ZERO, proxy, function, arguments)
    };
    let switch = UpgradeStep {
        wait_seconds,
        ..step(UPGRADE)
    };
    UpgradePath::of(proxy, IMPLEMENTATION, vec![step(ADD), switch])
}

fn unread(proxy: Address, slot: B256) -> String {
    let missing = Missing::Slot {
        address: proxy,
        slot,
    };
    format!("the node does not give {}", key(&missing))
}

/// Everyone who was ever made a governor and still is one by the proxy's word.
async fn governors(
    session: &mut Session,
    proxy: Address,
) -> Result<Result<Vec<Address>, String>, InspectError> {
    let accepted = keccak256("LogNewGovernorAccepted(address)");
    let granted = keccak256("RoleGranted(bytes32,address,address)");
    let filter = json!([{
        "address": proxy,
        "fromBlock": "0x0",
        "toBlock": format!("{:#x}", session.block.number),
        "topics": [[accepted, granted]],
    }]);
    let logs: Vec<Value> = match session.logs(filter).await {
        Ok(logs) => logs,
        Err(error) => return Ok(Err(format!("the node does not give its events: {error}"))),
    };
    let mut named = Vec::new();
    // The newest first: older ones are likelier to have been removed.
    for log in logs.iter().rev() {
        if let Some(account) = made_governor(log, accepted, granted)
            && !named.contains(&account)
            && named.len() < LIMIT
        {
            named.push(account);
        }
    }
    let mut governors = Vec::new();
    for account in named {
        let word = account.into_word();
        let questions = [
            [&own::selector("proxyIsGovernor(address)")[..], &word[..]].concat(),
            [
                &own::selector("hasRole(bytes32,address)")[..],
                &UPGRADE_GOVERNOR[..],
                &word[..],
            ]
            .concat(),
        ];
        let answers = own::answers(session, proxy, stranger(), questions).await?;
        if answers
            .iter()
            .any(|answer| answer.word() == Some(U256::ONE))
        {
            governors.push(account);
        }
    }
    if governors.is_empty() {
        return Ok(Err("none of its events names one that still is".into()));
    }
    Ok(Ok(governors))
}

fn made_governor(log: &Value, accepted: B256, granted: B256) -> Option<Address> {
    let topic = |index: usize| log["topics"][index].as_str()?.parse::<B256>().ok();
    let word = match topic(0)? {
        first if first == accepted => log["data"].as_str()?.get(..66)?.parse().ok()?,
        first if first == granted && topic(1)? == UPGRADE_GOVERNOR => topic(2)?,
        _ => return None,
    };
    (word[..12] == [0; 12]).then(|| Address::from_word(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_are_the_hashes_of_their_names() {
        assert_eq!(
            IMPLEMENTATION,
            keccak256("StarkWare2019.implemntation-slot")
        );
        assert_eq!(FINAL, keccak256("StarkWare2019.finalization-flag-slot"));
        assert_eq!(DELAY, keccak256("StarkWare.Upgradibility.Delay.Slot"));
    }

    #[test]
    fn only_governors_are_read_from_events() {
        let (accepted, granted) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let governor = Address::repeat_byte(0xaa);
        let word = governor.into_word();
        let other = B256::repeat_byte(7);
        let log = |topics: &[B256], data: String| json!({"topics": topics, "data": data});
        let cases = [
            (log(&[accepted], word.to_string()), Some(governor)),
            (log(&[accepted], "0x".into()), None),
            (log(&[accepted], other.to_string()), None),
            (
                log(&[granted, UPGRADE_GOVERNOR, word], "0x".into()),
                Some(governor),
            ),
            (log(&[granted, other, word], "0x".into()), None),
            (log(&[other], word.to_string()), None),
            (json!({}), None),
        ];
        for (log, expected) in cases {
            assert_eq!(made_governor(&log, accepted, granted), expected, "{log}");
        }
    }
}

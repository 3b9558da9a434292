//! Who a contract might obey. Only candidates: each is proven by executing the call from it.

use crate::{
    code,
    controllers::{
        logs::{logs, topic_address},
        manager, osx, wards,
    },
    error::{InspectError, key},
    kinds::Recognized,
    session::{Played, Script, Session, request, stranger},
    trace::before_account,
    watch::Read,
};
use alloy_primitives::{Address, B256, Bytes, hex, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use cutover_types::{Call, CallFrame, UpgradePath, abi::IProxy, inspection::CodeAt};
use serde_json::json;
use std::collections::BTreeSet;

/// Candidates that are tried at most.
const LIMIT: usize = 16;
/// Contracts whose code is searched for constants.
const RAN: usize = 8;
/// `AccessControlUnauthorizedAccount(address,bytes32)`.
const UNAUTHORIZED: [u8; 4] = hex!("e2517d3f");

alloy_sol_types::sol! {
    event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);
}

/// Who might be obeyed, the likeliest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) addresses: Vec<Address>,
    /// The role a stranger is refused for.
    pub(crate) role: Option<B256>,
    /// The permission of an Aragon DAO that a stranger is refused for.
    pub(crate) permission: Option<osx::Permission>,
    /// What stands in the code that looked at the call: keys, perhaps.
    pub(crate) coded: BTreeSet<Address>,
    notes: Vec<String>,
}

/// Adds `template` from everyone who might be obeyed; without anyone, what is known of the call.
pub(crate) async fn paths(
    session: &mut Session,
    template: UpgradePath,
    implementation: Address,
    into: &mut Recognized,
) -> Result<(), InspectError> {
    let code = session.code(implementation).await?.unwrap_or_default();
    let at = CodeAt {
        address: implementation,
        code_hash: keccak256(code),
    };
    let calls = template.calls(&at, &Bytes::new()).unwrap_or_default();
    let Some(call) = calls.into_iter().next().map(|step| step.call) else {
        return Ok(());
    };
    let mut found = asked(session, &call).await?;
    if found.addresses.is_empty() {
        found.addresses = by_code(session, &call, &found.coded).await?;
    }
    into.paths.extend(
        found
            .addresses
            .iter()
            .map(|from| template.clone().sent_by(*from)),
    );
    if found.addresses.is_empty() {
        if !found.notes.is_empty() {
            let why = format!("who may upgrade is not known: {}", found.notes.join("; "));
            into.unsent = Some((template, why));
        } else if template.to == template.proxy {
            into.vacant = Some(template);
        }
        into.notes
            .push(format!("nobody was found whom {} obeys", call.to));
    }
    into.notes.extend(found.notes);
    Ok(())
}

/// Those of `coded` from whom `call` succeeds, which a stranger's does not.
async fn by_code(
    session: &mut Session,
    call: &Call,
    coded: &BTreeSet<Address>,
) -> Result<Vec<Address>, InspectError> {
    let tried: Vec<_> = coded.iter().copied().take(LIMIT).collect();
    let scripts: Vec<_> = tried
        .iter()
        .map(|from| Script {
            steps: vec![request(*from, call.to, call.data.clone())],
            ..Script::default()
        })
        .collect();
    let played = session.play_all(&scripts).await?;
    let obeyed = tried.into_iter().zip(&played).filter(|(_, played)| {
        let outcome = played.outcomes.first();
        outcome.is_some_and(|outcome| outcome.status.is_success())
    });
    Ok(obeyed.map(|(from, _)| from).collect())
}

impl Candidates {
    fn add(&mut self, address: Address) {
        if self.addresses.len() < LIMIT && !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }
}

/// Who might be allowed to make `call`: the owner, then every address the contract looks at before it
/// refuses a stranger, then those who were granted the role it asks for.
pub(crate) async fn asked(session: &mut Session, call: &Call) -> Result<Candidates, InspectError> {
    let mut found = Candidates::default();
    let owner = session
        .ask([(call.to, IProxy::ownerCall {}.abi_encode())])
        .await?;
    if let Some(owner) = owner.first().and_then(|played| played.address()) {
        found.add(owner);
    }
    let played = session.call(stranger(), call.to, call.data.clone()).await?;
    let Some(outcome) = played.outcomes.first() else {
        return Ok(found);
    };
    if outcome.status.is_success() {
        found
            .notes
            .push("a stranger's upgrade call is not refused".into());
        found.add(stranger());
    }
    for address in looked_at(&played, None) {
        found.add(address);
    }
    let ran: BTreeSet<_> = outcome.calls.iter().map(|frame| frame.to).collect();
    if !outcome.status.is_success() {
        for address in ran.iter().take(RAN) {
            let code = session.code(*address).await?.unwrap_or_default();
            found.coded.extend(code::addresses(&code));
        }
        found.coded.retain(|address| !ran.contains(address));
    }
    if let Some(manager) = manager::of(session, call.to).await? {
        let now = manager::direct_callers(session, manager, call).await?;
        if now.as_ref().is_some_and(Vec::is_empty) {
            found.notes.push(format!(
                "the access manager {manager} lets nobody upgrade at once"
            ));
        }
        for account in now.into_iter().flatten() {
            found.add(account);
        }
    }
    if let Some(wards) = wards::of(session, call.to).await? {
        found.notes.extend(wards.incomplete);
        for ward in wards.accounts {
            found.add(ward);
        }
    }
    found.role = role_asked_for(&outcome.output);
    if let Some(role) = found.role {
        for account in granted(session, call.to, role).await {
            found.add(account);
        }
        if found.addresses.is_empty() {
            found.notes.push(format!(
                "upgrading needs the role {role}, and the node does not tell who was granted it"
            ));
        }
    }
    found.permission = osx::asked_for(call.to, &outcome.output);
    if let Some(permission) = found.permission {
        let given = osx::given(session, permission).await;
        for account in given.into_iter().rev().chain([permission.dao]) {
            found.add(account);
        }
    }
    for missing in played.guesses() {
        found
            .notes
            .push(format!("the node does not give {}", key(&missing)));
    }
    Ok(found)
}

/// The addresses that an execution read from slots or was answered, but for those whose code it ran; until
/// `target` was loaded, if there is one.
pub(crate) fn looked_at(played: &Played, target: Option<Address>) -> Vec<Address> {
    let Some(outcome) = played.outcomes.first() else {
        return Vec::new();
    };
    let reads = target.map_or(&played.reads[..], |target| {
        before_account(&played.reads, target)
    });
    let slots = reads.iter().filter_map(|read| match read {
        Read::Slot(_, _, value) => address(&value.to_be_bytes::<32>()),
        _ => None,
    });
    let calls = outcome.calls.iter().skip(1);
    let calls = calls.take_while(|frame| Some(frame.to) != target);
    let mut seen = Vec::new();
    for address in slots.chain(calls.filter_map(answered)) {
        let ran = outcome.calls.iter().any(|frame| frame.to == address);
        if !ran && !seen.contains(&address) {
            seen.push(address);
        }
    }
    seen
}

fn answered(frame: &CallFrame) -> Option<Address> {
    (frame.output.len() == 32).then(|| address(&frame.output))?
}

/// A word that could be an address: not a flag, a counter or a small number.
fn address(word: &[u8]) -> Option<Address> {
    let address = Address::from_slice(word.get(12..32)?);
    (word[..12] == [0; 12] && address[..8] != [0; 8]).then_some(address)
}

/// The role a refusal of OpenZeppelin's AccessControl names, 4.x or 5.x.
fn role_asked_for(revert: &[u8]) -> Option<B256> {
    if revert.len() == 68 && revert.starts_with(&UNAUTHORIZED) {
        return Some(B256::from_slice(&revert[36..]));
    }
    let text = cutover_evm::decode_revert(revert)?;
    let (_, role) = text.split_once("is missing role ")?;
    role.get(..66)?.parse().ok()
}

async fn granted(session: &Session, contract: Address, role: B256) -> Vec<Address> {
    let topics = json!([RoleGranted::SIGNATURE_HASH, role]);
    let Some(logs) = logs(session, contract, &topics).await else {
        return Vec::new();
    };
    // The newest first: older holders are likelier to have lost it.
    logs.iter()
        .rev()
        .take(LIMIT)
        .filter_map(|log| topic_address(log, 2))
        .filter(|account| !account.is_zero())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
    use alloy_sol_types::{Revert, SolError};

    #[test]
    fn both_forms_of_a_missing_role_are_read() {
        let role = B256::repeat_byte(0x18);
        let mut custom = UNAUTHORIZED.to_vec();
        custom.extend([0; 32]);
        custom.extend(role);
        assert_eq!(role_asked_for(&custom), Some(role));
        let text = format!("AccessControl: account 0x00 is missing role {role}");
        assert_eq!(role_asked_for(&Revert::from(text).abi_encode()), Some(role));
        assert_eq!(role_asked_for(&[]), None);
    }

    #[test]
    fn flags_and_counters_are_no_addresses() {
        assert_eq!(address(&U256::from(1).to_be_bytes::<32>()), None);
        assert_eq!(address(&U256::MAX.to_be_bytes::<32>()), None);
        let holder = Address::repeat_byte(0xab);
        assert_eq!(address(holder.into_word().as_slice()), Some(holder));
    }
}

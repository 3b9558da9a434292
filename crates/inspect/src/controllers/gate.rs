//! Whom a contract obeys that receives the upgrade call: its owner and heirs, everyone else it lets
//! through, the holders of the role it asks for and those who give it, its access manager.

use super::{
    answers::Answers,
    classify::Question,
    deed::{Deed, Step},
    found::{Found, Member},
    logs::{logs, topic_address},
    through::Through,
    timelock::role_members,
};
use crate::{
    authority,
    error::InspectError,
    session::{Session, stranger},
};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolCall;
use cutover_types::{Call, inspection::Presses};
use serde_json::json;

alloy_sol_types::sol! {
    interface IAccept {
        function acceptOwnership() external;
        function acceptAdmin() external;
        function _acceptAdmin() external;
        function claimOwnership() external;
        function claimProxyOwnership() external;
        function nominateNewOwner(address owner) external;
    }
    interface IWards {
        function wards(address who) external view returns (uint256);
    }
}

/// Adds to `found` whom the receiver of `deed` obeys; `from` is who sends it now.
pub(super) async fn obeyed(
    session: &mut Session,
    ask: &Question<'_>,
    from: Address,
    deed: &Deed,
    found: &mut Found,
) -> Result<(), InspectError> {
    let gate = ask.address;
    let Some(step) = deed.iter().find(|step| step.from == from) else {
        return Ok(());
    };
    let answers = Answers::of(session, gate, ask.proxy).await?;
    let chiefs = answers.chiefs();
    let role_of = |who: Address| {
        chiefs
            .iter()
            .find(|(chief, _)| *chief == who)
            .map(|(_, role)| *role)
    };
    let call = Call::new(gate, step.data.clone());
    let asked = authority::asked(session, &call).await?;
    let manager = answers.address("authority");
    let direct = Some(from) != manager && !found.members.iter().any(|m| m.address == from);
    if from == stranger() {
        found.add(Member::alone(Address::ZERO, "anyone", Through::Sends).anyone());
    } else if direct && asked.role.is_none() {
        let role = role_of(from).unwrap_or("obeyed");
        found.add(Member::alone(from, role, Through::Sends));
    }
    if let Some(role) = asked.role {
        let mut known = ask.known.to_vec();
        known.push(from);
        role_members(session, gate, role, &Through::Sends, &known, found).await?;
    }
    for who in chiefs
        .iter()
        .map(|(chief, _)| *chief)
        .chain(asked.addresses)
    {
        let listed = found.members.iter().any(|member| member.address == who);
        if !listed && Some(who) != manager && who != stranger() {
            let role = role_of(who).unwrap_or("obeyed");
            let mut member = Member::alone(who, role, Through::Sends);
            member.only_if_proven = true;
            found.add(member);
        }
    }
    for (heir, role) in answers.heirs() {
        let mut member = Member::alone(heir, role, Through::Sends);
        member.through = accepts(gate, heir);
        member.only_if_proven = gate == ask.proxy;
        found.add(member);
    }
    if let Some(manager) = manager {
        found.add(Member::alone(manager, "authority", Through::Behind).presses(Presses::Alone));
    }
    wards(session, gate, from, found).await?;
    Ok(())
}

/// The ways to become what one is named for, each followed by the call itself.
fn accepts(gate: Address, heir: Address) -> Vec<Through> {
    let calls: [Vec<u8>; 5] = [
        IAccept::acceptOwnershipCall {}.abi_encode(),
        IAccept::acceptAdminCall {}.abi_encode(),
        IAccept::_acceptAdminCall {}.abi_encode(),
        IAccept::claimOwnershipCall {}.abi_encode(),
        IAccept::claimProxyOwnershipCall {}.abi_encode(),
    ];
    let first = |data: Vec<u8>| {
        let accept = Step::new(heir, gate, Bytes::from(data));
        Through::First(vec![accept], Box::new(Through::Sends))
    };
    calls.into_iter().map(first).collect()
}

/// Maker's wards: everyone who was relied on and still is.
async fn wards(
    session: &mut Session,
    gate: Address,
    from: Address,
    found: &mut Found,
) -> Result<(), InspectError> {
    let ask = |who: Address| (gate, IWards::wardsCall { who }.abi_encode());
    let answers = session.ask([ask(from), ask(stranger())]).await?;
    let word = |index: usize| answers.get(index).and_then(|played| played.word());
    if word(0) != Some(U256::ONE) || word(1) != Some(U256::ZERO) {
        return Ok(());
    }
    // The old form is an anonymous event with the selector of `rely(address)` for a topic.
    let mut note = [0; 32];
    note[..4].copy_from_slice(&hex!("65fae35e"));
    let topics = json!([[keccak256("Rely(address)"), B256::from(note)]]);
    let mut candidates = vec![from];
    match logs(session, gate, &topics).await {
        Some(logs) => {
            for log in &logs {
                candidates.extend(topic_address(log, 1));
                candidates.extend(topic_address(log, 2));
            }
        }
        None => found.unknown.push(format!(
            "the wards of {gate} are not known: the node does not give its logs"
        )),
    }
    candidates.sort_unstable();
    candidates.dedup();
    candidates.truncate(128);
    let answers = session.ask(candidates.iter().map(|who| ask(*who))).await?;
    for (who, played) in candidates.iter().zip(&answers) {
        if played.word() == Some(U256::ONE) {
            found.members.retain(|member| member.address != *who);
            found.add(Member::alone(*who, "ward", Through::Sends));
        }
    }
    Ok(())
}

//! Whom a contract obeys that receives the upgrade call: its owner and heirs, everyone else it lets
//! through, the holders of the role it asks for and those who give it, its access manager.

use super::{
    answers::Answers,
    classify::Question,
    deed::{Deed, Step},
    found::{Found, Member},
    osx,
    through::Through,
    timelock::role_members,
    wards,
};
use crate::{
    authority,
    error::InspectError,
    session::{Session, stranger},
};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{Call, inspection::Presses};

/// Addresses in the code that are tried.
const CODED: usize = 48;

alloy_sol_types::sol! {
    interface IAccept {
        function acceptOwnership() external;
        function acceptAdmin() external;
        function _acceptAdmin() external;
        function claimOwnership() external;
        function claimProxyOwnership() external;
        function nominateNewOwner(address owner) external;
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
    } else if direct && asked.role.is_none() && asked.permission.is_none() && !from.is_zero() {
        let role = role_of(from).unwrap_or("obeyed");
        found.add(Member::alone(from, role, Through::Sends));
    }
    if let Some(role) = asked.role {
        let mut known = ask.known.to_vec();
        known.extend(Some(from).filter(|from| !from.is_zero()));
        role_members(session, gate, role, &Through::Sends, &known, found).await?;
    }
    if let Some(permission) = asked.permission {
        let mut known = ask.known.to_vec();
        known.extend(Some(from).filter(|from| !from.is_zero()));
        osx::permitted(session, permission, &Through::Sends, &known, found).await?;
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
    let mut coded: Vec<_> = asked.coded.into_iter().collect();
    coded.retain(|who| found.members.iter().all(|member| member.address != *who));
    if coded.len() > CODED {
        let all = coded.len();
        found.unknown.push(format!(
            "only {CODED} of the {all} addresses in the code of {gate} were tried"
        ));
    }
    for who in coded.into_iter().take(CODED) {
        let mut member = Member::alone(who, "in its code", Through::Sends);
        member.only_if_proven = true;
        found.add(member);
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
    if let Some(wards) = wards::of(session, gate).await? {
        found.unknown.extend(wards.incomplete);
        for who in wards.accounts {
            found.members.retain(|member| member.address != who);
            found.add(Member::alone(who, "ward", Through::Sends));
        }
    }
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

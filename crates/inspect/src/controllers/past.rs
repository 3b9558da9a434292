//! Whom the proxy obeys beside the contract that sends it the upgrade call: a key in its own code, or whoever
//! the implementation lets upgrade it.

use super::{Goal, deed::Step, found::Member, through::Through};
use crate::{
    authority, code,
    error::InspectError,
    session::{Script, Session, request, stranger},
};
use cutover_types::{Call, CallKind, UpgradePath};

/// Addresses that are tried.
const TRIED: usize = 48;

/// Those who may send the proxy what the receiver of the upgrade call sends it, each only if it does; `None`
/// where that call is not known.
pub(super) async fn beside(
    session: &mut Session,
    goal: &Goal,
    path: &UpgradePath,
) -> Result<Option<(Vec<Member>, Goal)>, InspectError> {
    let Some((deed, aim)) = goal.deed.as_ref().zip(goal.aim.as_ref()) else {
        return Ok(None);
    };
    let calls = deed.iter();
    let script = Script {
        steps: calls
            .map(|step| request(step.from, step.to, step.data.clone()))
            .collect(),
        waits: deed.iter().map(|step| step.wait).collect(),
        planted: aim.planted().clone(),
    };
    let played = session.play(&script).await?;
    let sent = played.outcomes.iter().flat_map(|outcome| &outcome.calls);
    let sent = sent
        .filter(|frame| frame.kind == CallKind::Call && frame.from == path.to)
        .find(|frame| frame.to == path.proxy);
    let Some(sent) = sent else {
        return Ok(None);
    };
    let call = Call::new(path.proxy, sent.input.clone());
    let asked = authority::asked(session, &call).await?;
    let named = &asked.addresses;
    // An implementation that takes every call hides what the proxy itself compares the sender with.
    let own = session.code(path.proxy).await?.unwrap_or_default();
    let mut coded = code::addresses(&own);
    coded.extend(&asked.coded);
    let coded = coded.iter().filter(|who| !named.contains(who));
    let named = named.iter().map(|who| (*who, "obeyed"));
    let members = named
        .filter(|(who, _)| *who != stranger())
        .chain(coded.map(|who| (*who, "in its code")))
        .filter(|(who, _)| *who != path.to && *who != path.from)
        .take(TRIED)
        .map(|(who, role)| {
            let mut member = Member::alone(who, role, Through::Sends);
            member.only_if_proven = true;
            member
        })
        .chain([Member::whoever()])
        .collect();
    let goal = Goal {
        aim: goal.aim.clone(),
        actor: path.to,
        deed: Some(vec![Step::new(path.to, path.proxy, call.data)]),
    };
    Ok(Some((members, goal)))
}

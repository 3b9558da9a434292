//! What else the implementation's code can do as the proxy it runs as: where it asks itself who upgrades, each of
//! its functions may change the answer.

use super::{
    Goal,
    deed::{Deed, Step},
    found::Member,
    release,
    through::Through,
};
use crate::{
    error::InspectError,
    functions::{functions, reached, without_metadata},
    session::{Session, stranger},
};
use alloy_primitives::{Address, Bytes, hex, keccak256};
use alloy_sol_types::SolCall;
use cutover_types::{
    CallKind, UpgradePath,
    abi::{ADMIN_SLOT, BEACON_SLOT, IMPLEMENTATION_SLOT, IProxy},
};
use std::collections::BTreeSet;

/// Functions that are tried.
const TRIED: usize = 192;
/// Words of arguments that a function is given, each the stranger's address.
const WORDS: usize = 8;
/// Functions that make the first caller who may upgrade.
const NAMES: [&str; 12] = [
    "claimOwnership()",
    "init()",
    "init(address)",
    "initOwner(address)",
    "initialize()",
    "initialize(address)",
    "initialize(address,address)",
    "initialize(address,address,address)",
    "initializeOwner(address)",
    "setOwner(address)",
    "setup(address)",
    "takeOwnership()",
];
/// Functions tried together: one that asks for ever more state hides what the others do.
const TOGETHER: usize = 12;

/// What is not known of the code that runs as a proxy, and who may upgrade through its other functions.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) unknown: Vec<String>,
    pub(super) members: Vec<Member>,
}

impl Inside {
    fn not_told(why: String) -> Self {
        Self {
            unknown: vec![why],
            members: Vec::new(),
        }
    }
}

/// Looks at the code that runs as the proxy of `path`: its own, and that of `implementation`.
pub(super) async fn inside(
    session: &mut Session,
    goal: &Goal,
    path: &UpgradePath,
    implementation: Address,
) -> Result<Inside, InspectError> {
    let code = session.code(implementation).await?.unwrap_or_default();
    let code = without_metadata(&code);
    let proxy = path.proxy;
    match asked(session, goal, path).await? {
        None => {
            let own = session.code(proxy).await?.unwrap_or_default();
            let late = session.targets(&own).selectors.clone();
            // What it compares after it looked at who calls is a function, too.
            let own = functions(without_metadata(&own)).map(|mut own| {
                own.selectors.extend(late);
                own
            });
            let mut inside = Inside::default();
            if reaches_out(code) {
                inside.unknown.push(format!(
                    "the code of {implementation}, which runs as {proxy}, delegates calls or names the slots of proxies: \
                     whether it can upgrade was not looked at"
                ));
            }
            let further = match &own {
                Some(has) => release::beyond_proxies(has, &verbs(goal)),
                None => Some("has functions that could not be listed".into()),
            };
            if let Some(further) = further.filter(|_| path.to == proxy) {
                inside.unknown.push(format!(
                    "the proxy itself {further}: they were only tried by a stranger"
                ));
            }
            let own = own.unwrap_or_default().selectors;
            inside.members = opened(session, goal, path, own).await?;
            Ok(inside)
        }
        Some(asked) if asked != implementation => Ok(Inside::not_told(format!(
            "{asked} asks who upgrades; what the other code that runs as {proxy} changes was not looked at"
        ))),
        Some(_) => {
            let Some(has) = functions(code) else {
                return Ok(Inside::not_told(format!(
                    "the functions of {implementation}, which asks itself who upgrades, could not be listed"
                )));
            };
            let further = release::beyond_upgrades(&has).map(|further| {
                format!("the implementation, which asks itself who upgrades, {further}: they were only tried by a stranger")
            });
            Ok(Inside {
                unknown: further.into_iter().collect(),
                members: opened(session, goal, path, has.selectors).await?,
            })
        }
    }
}

/// The functions that upgrade.
fn verbs(goal: &Goal) -> Vec<[u8; 4]> {
    goal.deed.iter().flatten().map(Step::selector).collect()
}

/// The contract whose code executes the upgrade as the proxy; `None` where that is the proxy's own.
async fn asked(
    session: &mut Session,
    goal: &Goal,
    path: &UpgradePath,
) -> Result<Option<Address>, InspectError> {
    let Some(step) = goal.deed.as_ref().and_then(|deed| deed.first()) else {
        return Ok(None);
    };
    if step.to != path.proxy {
        return Ok(None);
    }
    let data = step.data.clone();
    let played = session.call(path.from, path.proxy, data).await?;
    let frames = played.outcomes.iter().flat_map(|outcome| &outcome.calls);
    let mut frames = frames.filter(|frame| frame.kind == CallKind::DelegateCall);
    Ok(frames
        .find(|frame| frame.from == path.proxy)
        .map(|frame| frame.to))
}

/// Whether code may write where the proxy looks: by running other code, or to one of EIP-1967's slots.
pub(crate) fn reaches_out(code: &[u8]) -> bool {
    const CALLCODE: u8 = 0xf2;
    const DELEGATECALL: u8 = 0xf4;
    let instructions = reached(code).instructions;
    let runs = |instruction| instructions.contains(&instruction);
    let mut words = code.windows(32);
    let slots = [IMPLEMENTATION_SLOT, BEACON_SLOT, ADMIN_SLOT];
    runs(CALLCODE)
        || runs(DELEGATECALL)
        || words.any(|word| slots.iter().any(|slot| word == slot.as_slice()))
}

/// Strangers who upgrade in another way than the one that is proposed, or once they have called one of these
/// functions.
async fn opened(
    session: &mut Session,
    goal: &Goal,
    path: &UpgradePath,
    functions: BTreeSet<[u8; 4]>,
) -> Result<Vec<Member>, InspectError> {
    let (Some(aim), Some(deed)) = (&goal.aim, &goal.deed) else {
        return Ok(Vec::new());
    };
    let upgrade = deed.iter().map(|step| match step.from == path.from {
        true => Step {
            from: stranger(),
            ..step.clone()
        },
        false => step.clone(),
    });
    let upgrade: Deed = upgrade.collect();
    let verbs = verbs(goal);
    let tried: Vec<_> = functions
        .into_iter()
        .filter(|selector| !verbs.contains(selector))
        .take(TRIED)
        .collect();
    let mut ways: Vec<(String, Deed)> = Vec::new();
    let mut ends = vec![upgrade];
    if path.holder == path.proxy {
        for (name, data) in siblings(session, path.proxy, aim.target(), &tried).await? {
            let step = Step::new(stranger(), path.proxy, data);
            ways.push((name.to_owned(), vec![step.clone()]));
            // Behind a contract that sends the call, whoever takes its place sends it to the proxy.
            if path.to != path.proxy {
                ends.push(vec![step]);
            }
        }
    }
    for selector in &tried {
        let first = Step::new(stranger(), path.proxy, calldata(selector));
        let name = called(selector);
        ways.extend(ends.iter().map(|end| {
            let deed = std::iter::once(first.clone()).chain(end.iter().cloned());
            (name.clone(), deed.collect())
        }));
    }
    let mut members: Vec<Member> = Vec::new();
    for some in ways.chunks(TOGETHER) {
        let deeds: Vec<Deed> = some.iter().map(|(_, deed)| deed.clone()).collect();
        let judged = aim.judge(session, &deeds).await?;
        for ((name, deed), result) in some.iter().zip(judged) {
            let role = format!("caller of {name}");
            if result.is_ok() && members.iter().all(|member| member.role != role) {
                members.push(Member {
                    role,
                    through: vec![Through::Instead(deed.clone())],
                    ..Member::whoever()
                });
            }
        }
    }
    Ok(members)
}

/// The calls that upgrade a proxy to `target`, with nothing to run and with the first of `functions` that
/// succeeds for anybody.
async fn siblings(
    session: &mut Session,
    proxy: Address,
    target: Address,
    functions: &[[u8; 4]],
) -> Result<Vec<(&'static str, Bytes)>, InspectError> {
    let to = IProxy::upgradeToCall {
        newImplementation: target,
    };
    let with = |data: Bytes| {
        let call = IProxy::upgradeToAndCallCall {
            newImplementation: target,
            data,
        };
        (
            "upgradeToAndCall(address,bytes)",
            Bytes::from(call.abi_encode()),
        )
    };
    let some = || functions.iter().take(TOGETHER);
    let answers = session.ask(some().map(|own| (proxy, own.to_vec()))).await?;
    let harmless = some().zip(&answers).find(|(_, played)| {
        let outcome = played.outcomes.first();
        outcome.is_some_and(|outcome| outcome.status.is_success())
    });
    let harmless = harmless.map(|(own, _)| with(Bytes::copy_from_slice(own)));
    let plain = [
        ("upgradeTo(address)", Bytes::from(to.abi_encode())),
        with(Bytes::new()),
    ];
    Ok(plain.into_iter().chain(harmless).collect())
}

/// A function by its name where that is one of those that fill empty seats.
fn called(selector: &[u8; 4]) -> String {
    let named = NAMES.iter().find(|name| keccak256(name)[..4] == *selector);
    named.map_or_else(|| hex::encode_prefixed(selector), |name| (*name).into())
}

fn calldata(selector: &[u8; 4]) -> Bytes {
    let mut data = selector.to_vec();
    for _ in 0..WORDS {
        data.extend(stranger().into_word());
    }
    data.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_delegates_or_names_a_proxys_slot_reaches_out() {
        let quiet = hex!("60016000555f5ff3");
        assert!(!reaches_out(&quiet));
        // DELEGATECALL, and the same byte as data.
        assert!(reaches_out(&hex!("5f5f5f5f5f5ff4")));
        assert!(!reaches_out(&hex!("60f400")));
        let mut writes = hex!("60017f").to_vec();
        writes.extend(IMPLEMENTATION_SLOT);
        writes.extend(hex!("5500"));
        assert!(reaches_out(&writes));
    }
}

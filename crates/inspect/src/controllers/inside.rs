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
use alloy_primitives::{Address, Bytes, hex};
use cutover_types::{
    CallKind, UpgradePath,
    abi::{ADMIN_SLOT, BEACON_SLOT, IMPLEMENTATION_SLOT},
};

/// Functions that are tried.
const TRIED: usize = 192;
/// Words of arguments that a function is given, each the stranger's address.
const WORDS: usize = 8;
/// Functions tried together: one that asks for ever more state hides what the others do.
const TOGETHER: usize = 12;

/// What is not known of an implementation, and who may upgrade through its other functions.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) unknown: Option<String>,
    pub(super) members: Vec<Member>,
}

/// Looks at the code of `implementation`, which runs as the proxy of `path`.
pub(super) async fn inside(
    session: &mut Session,
    goal: &Goal,
    path: &UpgradePath,
    implementation: Address,
) -> Result<Inside, InspectError> {
    let code = session.code(implementation).await?.unwrap_or_default();
    let code = without_metadata(&code);
    let asked = asked(session, goal, path).await?;
    let Some(asked) = asked else {
        return Ok(Inside {
            unknown: reaches_out(code).then(|| {
                format!(
                    "the code of {implementation}, which runs as {}, delegates calls or names the slots of proxies: \
                     whether it can upgrade was not looked at",
                    path.proxy
                )
            }),
            members: Vec::new(),
        });
    };
    if asked != implementation {
        return Ok(Inside {
            unknown: Some(format!(
                "{asked} asks who upgrades; what the other code that runs as {} changes was not looked at",
                path.proxy
            )),
            members: Vec::new(),
        });
    }
    let Some(has) = functions(code) else {
        return Ok(Inside {
            unknown: Some(format!(
                "the functions of {implementation}, which asks itself who upgrades, could not be listed"
            )),
            members: Vec::new(),
        });
    };
    let unknown = release::beyond_upgrades(&has).map(|further| {
        format!("the code of {implementation}, which asks itself who upgrades, {further}: they were only tried by a stranger")
    });
    let upgrades = |selector: &[u8; 4]| {
        let calls = goal.deed.iter().flatten();
        calls.map(Step::selector).any(|own| own == *selector)
    };
    let tried: Vec<_> = has
        .selectors
        .into_iter()
        .filter(|selector| !upgrades(selector))
        .take(TRIED)
        .collect();
    let members = opened(session, goal, path, &tried).await?;
    Ok(Inside { unknown, members })
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
fn reaches_out(code: &[u8]) -> bool {
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

/// Strangers who upgrade once they have called one of these functions.
async fn opened(
    session: &mut Session,
    goal: &Goal,
    path: &UpgradePath,
    functions: &[[u8; 4]],
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
    let already = aim.judge(session, std::slice::from_ref(&upgrade)).await?;
    if already.iter().any(Result::is_ok) {
        return Ok(Vec::new());
    }
    let first = |selector: &[u8; 4]| Step::new(stranger(), path.proxy, calldata(selector));
    let mut members = Vec::new();
    for some in functions.chunks(TOGETHER) {
        let deeds: Vec<Deed> = some
            .iter()
            .map(|selector| [vec![first(selector)], upgrade.clone()].concat())
            .collect();
        let judged = aim.judge(session, &deeds).await?;
        for (selector, result) in some.iter().zip(judged) {
            if result.is_ok() {
                let through = Through::First(vec![first(selector)], Box::new(Through::Sends));
                members.push(Member {
                    role: format!("caller of {}", hex::encode_prefixed(selector)),
                    through: vec![through],
                    ..Member::whoever()
                });
            }
        }
    }
    Ok(members)
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

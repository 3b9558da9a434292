//! Proxies of no kind that is known: what is still true of them, and whether a function of their own
//! code writes the implementation's slot. That is executed, from whomever the function looks at before
//! it refuses a stranger; nobody's word or name is taken for it.

use super::{Recognized, Subject, admin};
use crate::{
    authority, code,
    error::{InspectError, key},
    prove::elsewhere,
    session::{Played, Script, Session, request, stranger},
    trace::forwarding,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use cutover_types::{
    Argument, Missing, ProxyKind, UpgradePath, UpgradeStep,
    abi::{ADMIN_SLOT, ZOS_ADMIN_SLOT},
    inspection::Location,
};
use std::collections::{BTreeMap, BTreeSet};

/// A contract's own functions that are tried at most.
const FUNCTIONS: usize = 64;
/// Senders of one function that are tried at most.
const SENDERS: usize = 8;
/// The code of an implementation that accepts every call, where that of the present one is not known.
const STOP: u8 = 0;

/// What is known of a proxy whose kind is not.
pub(super) async fn unknown(
    session: &mut Session,
    subject: &Subject,
) -> Result<Recognized, InspectError> {
    let mut found = Recognized::new(ProxyKind::Unknown);
    match &subject.forward.location {
        Location::Slot(slot) | Location::Packed { slot, .. } => {
            writers(session, subject, *slot, &mut found).await?;
        }
        Location::Call(asked) => {
            let question = subject.forward.question.clone().unwrap_or_default();
            let selector = question.get(..4).unwrap_or_default();
            found.notes.push(format!(
                "it asks {asked} for its implementation, by {}: how that is changed is not known",
                hex::encode_prefixed(selector)
            ));
        }
        Location::Code => found.notes.push(
            "how it is upgraded is not known: the call that was tried went to a target in its code, others may \
             go elsewhere"
                .into(),
        ),
    }
    // What would have told another kind.
    for slot in [ADMIN_SLOT, ZOS_ADMIN_SLOT] {
        if let Err(unread) = admin::address_in(session, subject.proxy, slot).await? {
            found.notes.push(unread);
        }
    }
    Ok(found)
}

/// The forms of a function that takes an implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `(address)`.
    Plain,
    /// `(address,bytes)`.
    WithData,
}

impl Form {
    fn step(self, proxy: Address, selector: [u8; 4], sender: Address) -> UpgradeStep {
        let selector = hex::encode_prefixed(selector);
        let (types, arguments) = match self {
            Self::Plain => ("(address)", vec![Argument::Implementation]),
            Self::WithData => (
                "(address,bytes)",
                vec![Argument::Implementation, Argument::Data],
            ),
        };
        UpgradeStep::new(sender, proxy, &format!("{selector}{types}"), arguments)
    }

    fn calldata(self, selector: [u8; 4], implementation: Address) -> Bytes {
        let mut data = selector.to_vec();
        data.extend(implementation.into_word());
        if self == Self::WithData {
            data.extend(B256::with_last_byte(0x40));
            data.extend(B256::ZERO);
        }
        data.into()
    }
}

/// A function that wrote the slot, and who called it.
struct Writer {
    selector: [u8; 4],
    sender: Address,
    /// Other slots of the proxy that it wrote.
    others: usize,
}

/// Adds the way through the one function of the proxy's own code that writes `slot`; says what else is
/// known when there is none, or several.
pub(super) async fn writers(
    session: &mut Session,
    subject: &Subject,
    slot: B256,
    found: &mut Recognized,
) -> Result<(), InspectError> {
    let proxy = subject.proxy;
    for form in [Form::Plain, Form::WithData] {
        let tried = tried(session, subject, slot, form).await?;
        let mut named: Vec<_> = tried.writers.iter().map(|w| w.selector).collect();
        named.dedup();
        match named.as_slice() {
            [] => {}
            [selector] => {
                for writer in &tried.writers {
                    let step = form.step(proxy, *selector, writer.sender);
                    found.paths.push(UpgradePath::of(proxy, slot, vec![step]));
                }
                let writer = &tried.writers[0];
                found.admin = (writer.sender != stranger()).then_some(writer.sender);
                found.notes.push(format!(
                    "its function {} writes its implementation: found by executing it, its name and what \
                     else it is for are not known{}",
                    hex::encode_prefixed(selector),
                    match writer.others {
                        0 => String::new(),
                        others => format!("; it writes {others} other slots of the proxy too"),
                    }
                ));
                return Ok(());
            }
            several => {
                let names: Vec<_> = several.iter().map(hex::encode_prefixed).collect();
                found.notes.push(format!(
                    "how it is upgraded is not known: several of its functions write its implementation, {}",
                    names.join(", ")
                ));
                return Ok(());
            }
        }
        if form == Form::WithData {
            let implementation = session.code(subject.forward.target).await?;
            found
                .notes
                .push(unwritten(slot, &tried, implementation.as_ref()));
            found.notes.extend(tried.unread);
        }
    }
    Ok(())
}

fn unwritten(slot: B256, tried: &Tried, implementation: Option<&Bytes>) -> String {
    let own = match tried.own {
        0 => "no function was found in its own code".to_owned(),
        1 => "the only function of its own code was not seen to write it".to_owned(),
        own => format!("none of the {own} functions of its own code was seen to write it"),
    };
    let other = match implementation.map(|code| code::has_word(code, slot)) {
        Some(true) => "its implementation's code names that slot and may write it",
        // Code that does not name a hashed slot hardly means it.
        Some(false) if slot[0] != 0 => "its implementation's code does not name that slot",
        Some(false) => "its implementation may write that slot",
        None => "its implementation's code is not known",
    };
    format!(
        "how it is upgraded is not known: its implementation stands in slot {slot}; {own}; {other}"
    )
}

#[derive(Default)]
struct Tried {
    /// Functions that the proxy did not hand on from everyone.
    own: usize,
    writers: Vec<Writer>,
    unread: Option<String>,
}

async fn tried(
    session: &mut Session,
    subject: &Subject,
    slot: B256,
    form: Form,
) -> Result<Tried, InspectError> {
    let (proxy, current) = (subject.proxy, subject.forward.target);
    let code = session.code(current).await?.filter(|code| !code.is_empty());
    let code = code.unwrap_or(Bytes::from_static(&[STOP]));
    let green = elsewhere(current);
    let planted = BTreeMap::from([(green, code::moved(&code, current, green).into())]);
    let script = |selector: [u8; 4], sender: Address| Script {
        steps: vec![request(sender, proxy, form.calldata(selector, green))],
        planted: planted.clone(),
        ..Script::default()
    };
    let mut tried = Tried::default();
    let selectors: Vec<_> = code::selectors(&subject.code)
        .into_iter()
        .take(FUNCTIONS)
        .collect();
    let scripts: Vec<_> = selectors.iter().map(|s| script(*s, stranger())).collect();
    let refused = session.play_all(&scripts).await?;
    let mut callers = Vec::new();
    for (selector, played) in selectors.iter().zip(&refused) {
        // What it looks at before it hands the call on, as transparent proxies do with a stranger's.
        let until = handed_on(played, proxy, &form.calldata(*selector, green));
        let obeyed = authority::looked_at(played, until);
        callers.push((*selector, stranger()));
        callers.extend(obeyed.into_iter().take(SENDERS).map(|a| (*selector, a)));
    }
    let scripts: Vec<_> = callers.iter().map(|(s, from)| script(*s, *from)).collect();
    let played = session.play_all(&scripts).await?;
    let mut own = BTreeSet::new();
    for ((selector, sender), played) in callers.into_iter().zip(&played) {
        if handed_on(played, proxy, &form.calldata(selector, green)).is_some() {
            continue;
        }
        own.insert(selector);
        let payer = Missing::Account { address: sender };
        if let Some(missing) = played.guesses().find(|missing| *missing != payer) {
            tried.unread = Some(format!("the node does not give {}", key(&missing)));
        }
        // Anyone's function is no admin's: whoever else may call it adds nothing.
        let anyone = |w: &Writer| w.selector == selector && w.sender == stranger();
        if !tried.writers.iter().any(anyone)
            && let Some(others) = wrote(played, proxy, slot, green)
        {
            tried.writers.push(Writer {
                selector,
                sender,
                others,
            });
        }
    }
    tried.own = own.len();
    Ok(tried)
}

/// Whom the proxy hands `data` on to.
fn handed_on(played: &Played, proxy: Address, data: &[u8]) -> Option<Address> {
    let outcome = played.outcomes.first()?;
    forwarding(&outcome.calls, proxy, data).map(|(_, frame)| frame.to)
}

/// How many other slots of `proxy` were written together with `slot`, when that holds `green` now.
fn wrote(played: &Played, proxy: Address, slot: B256, green: Address) -> Option<usize> {
    let outcome = played.outcomes.first()?;
    let storage = &outcome.diff.get(&proxy)?.storage;
    let written = storage.get(&slot)?.after;
    let mask = U256::MAX >> 96_u32;
    let marker = U256::from_be_bytes(green.into_word().0);
    let holds = (0..=12).any(|offset| (written >> (8 * offset)) & mask == marker);
    (outcome.status.is_success() && holds).then(|| storage.len() - 1)
}

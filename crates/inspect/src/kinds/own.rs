//! What a proxy answers itself: its implementation, which anyone may have written, has no say in it.

use super::{Recognized, Subject};
use crate::{
    code,
    error::{InspectError, key},
    session::{Played, Script, Session, request, stranger},
    trace::forwarding,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{Missing, UpgradePath};

/// An address that someone holds, nobody does, or the node does not tell.
pub(super) type Seat = Result<Option<Address>, String>;

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// The proxy answered it.
    Said(Bytes),
    /// It refused it or handed it on.
    Silent,
    /// The node refuses something that the answer depends on.
    Unread(Missing),
}

impl Own {
    fn of(played: &Played, from: Address, proxy: Address, data: &[u8]) -> Self {
        let Some(outcome) = played.outcomes.first() else {
            return Self::Silent;
        };
        if forwarding(&outcome.calls, proxy, data).is_some() {
            return Self::Silent;
        }
        // Whoever asks only pays.
        let asker = Missing::Account { address: from };
        if let Some(missing) = played.guesses().find(|missing| *missing != asker) {
            return Self::Unread(missing);
        }
        if outcome.status.is_success() {
            Self::Said(outcome.output.clone())
        } else {
            Self::Silent
        }
    }

    /// The answer as a word.
    pub(super) fn word(&self) -> Option<U256> {
        match self {
            Self::Said(data) => Some(U256::from_be_slice(data.get(..32)?)),
            _ => None,
        }
    }

    /// The answer as a number; `None` when the proxy does not say it itself, an error when the node
    /// refuses what it depends on.
    pub(super) fn number(&self) -> Option<Result<U256, String>> {
        match self {
            Self::Said(_) => self.word().map(Ok),
            Self::Silent => None,
            Self::Unread(missing) => Some(Err(format!("the node does not give {}", key(missing)))),
        }
    }

    /// Whether the answer is this address, as far as the node tells.
    pub(super) fn is(&self, address: Address) -> bool {
        match self {
            Self::Unread(_) => true,
            _ => self.word() == Some(U256::from_be_bytes(address.into_word().0)),
        }
    }

    /// Who holds what was asked for; `None` when the proxy does not say it itself.
    pub(super) fn seat(&self) -> Option<Seat> {
        match self {
            Self::Said(_) => {
                let word = self.word()?;
                (word >> 160_u32 == U256::ZERO).then(|| {
                    let address = Address::from_word(word.into());
                    Ok((!address.is_zero()).then_some(address))
                })
            }
            Self::Silent => None,
            Self::Unread(missing) => Some(Err(format!("the node does not give {}", key(missing)))),
        }
    }

    /// The address it names, when there is one.
    pub(super) fn address(&self) -> Option<Address> {
        self.seat()?.ok().flatten()
    }
}

/// Asks the proxy for getters without arguments, as a stranger.
pub(super) async fn says<const N: usize>(
    session: &mut Session,
    proxy: Address,
    getters: [&str; N],
) -> Result<[Own; N], InspectError> {
    says_to(session, proxy, stranger(), getters).await
}

/// Asks the proxy for getters without arguments, as `from`.
pub(super) async fn says_to<const N: usize>(
    session: &mut Session,
    proxy: Address,
    from: Address,
    getters: [&str; N],
) -> Result<[Own; N], InspectError> {
    answers(
        session,
        proxy,
        from,
        getters.map(|getter| selector(getter).to_vec()),
    )
    .await
}

/// Asks the proxy these questions, as `from`.
pub(super) async fn answers<const N: usize>(
    session: &mut Session,
    proxy: Address,
    from: Address,
    questions: [Vec<u8>; N],
) -> Result<[Own; N], InspectError> {
    let scripts = questions.clone().map(|data| Script {
        steps: vec![request(from, proxy, data)],
        ..Script::default()
    });
    let played = session.play_all(&scripts).await?;
    let mut played = played.iter();
    Ok(questions.map(|data| match played.next() {
        Some(played) => Own::of(played, from, proxy, &data),
        None => Own::Silent,
    }))
}

/// The first four bytes of a signature's hash.
pub(super) fn selector(signature: &str) -> [u8; 4] {
    let hash = keccak256(signature);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Whether the code compares calldata with all of these functions.
pub(super) fn dispatches(code: &[u8], functions: &[&str]) -> bool {
    functions
        .iter()
        .all(|function| code::has_selector(code, selector(function)))
}

/// Whether the implementation's code compares calldata with this function; an unread one might.
pub(super) async fn implements(
    session: &mut Session,
    subject: &Subject,
    function: &str,
) -> Result<bool, InspectError> {
    let code = session.code(subject.forward.target).await?;
    Ok(code.is_none_or(|code| dispatches(&code, &[function])))
}

/// Adds the path that whoever sits in `seat` sends; says why when nobody does.
pub(super) fn sent_by(seat: &Seat, role: &str, path: UpgradePath, into: &mut Recognized) {
    match seat {
        Ok(Some(holder)) => {
            into.admin = Some(*holder);
            into.paths.push(path.sent_by(*holder));
        }
        Ok(None) => {
            into.shut = Some(format!("it has no {role}: nobody can upgrade it"));
            into.vacant = Some(path);
        }
        Err(why) => {
            let why = format!("its {role} is not known: {why}");
            into.notes.push(why.clone());
            into.unsent = Some((path, why));
        }
    }
}

/// Notes who could take the seat by accepting it.
pub(super) fn note_pending(answer: &Own, role: &str, into: &mut Recognized) {
    if let Some(next) = answer.address() {
        into.notes.push(format!(
            "{next} is its pending {role}: it can take over by accepting"
        ));
    }
}

/// Notes an implementation that was proposed and not yet installed.
pub(super) fn note_proposed(proposed: Option<Address>, into: &mut Recognized) {
    if let Some(next) = proposed {
        into.notes.push(format!(
            "{next} is proposed as its next implementation and not installed yet"
        ));
    }
}

/// The key of a mapping's entry.
pub(super) fn mapping_slot(key: &[u8], slot: u64) -> B256 {
    keccak256([key, &U256::from(slot).to_be_bytes::<32>()].concat())
}

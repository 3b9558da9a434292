//! What a controller's functions do that have the names of a release's: a name alone says nothing. Each is called
//! by a stranger, who changes nothing in any release, and none looks at more than its getters show.

mod arguments;
mod owner;

use super::{
    deed::{Aim, Step},
    found::Member,
    through::Through,
};
use crate::{
    error::{InspectError, key},
    session::{Played, Script, Session, request, stranger},
    trace::unknown_call,
    watch::Read,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use arguments::calldata;
use cutover_types::StateDiff;
use std::collections::BTreeSet;

/// Functions without arguments that are no getters.
const DEEDS: [&str; 3] = ["renounceOwnership()", "acceptOwnership()", "acceptAdmin()"];
/// What reads mappings in the releases that have it, and what then does.
const MAPPED: [&str; 3] = [
    "getAddress(string)",
    "implementationName(address)",
    "proxyType(address)",
];
const BY_TYPE: [&str; 2] = ["getProxyImplementation(address)", "getProxyAdmin(address)"];
/// The precompiled contract that old compilers copy memory with.
const COPY: Address = Address::with_last_byte(4);

/// What is asked about.
pub(super) struct Surveyed<'a> {
    pub(super) address: Address,
    /// Whose code it runs.
    pub(super) at: Address,
    pub(super) proxy: Address,
    /// Its functions that have a release's name.
    pub(super) names: &'a [&'static str],
    /// Whether everyone it obeys is answered by a getter: roles stand in mappings.
    pub(super) owned: bool,
    pub(super) aim: Option<&'a Aim>,
    /// Whom it is known to obey.
    pub(super) obeyed: &'a [Address],
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What no release does, in words.
    pub(super) odd: Vec<String>,
    /// What could not be seen.
    pub(super) untold: Option<String>,
    /// Strangers who may upgrade by what they changed.
    pub(super) members: Vec<Member>,
    /// Functions that something is said of.
    named: BTreeSet<&'static str>,
}

/// What its getters, and calls with no function it has, look at.
#[derive(Default)]
struct Shown {
    slots: BTreeSet<B256>,
    called: BTreeSet<Address>,
}

impl Surveyed<'_> {
    /// Executes its functions.
    pub(super) async fn survey(&self, session: &mut Session) -> Result<Seen, InspectError> {
        let seen = self.look(session).await;
        match seen {
            Err(InspectError::Endless { .. }) => Ok(Seen {
                untold: Some(format!("{} asks for ever more state", self.address)),
                ..Seen::default()
            }),
            other => other,
        }
    }

    async fn look(&self, session: &mut Session) -> Result<Seen, InspectError> {
        let mut seen = Seen::default();
        let shown = self.shown(session, &mut seen).await?;
        let target = self.aim.map_or(stranger(), Aim::target);
        let planted = self.aim.map(|aim| aim.planted().clone());
        let planted = planted.unwrap_or_default();
        let given = [self.proxy, stranger(), target];
        let calls = self.calls(target);
        let scripts: Vec<_> = calls
            .iter()
            .map(|(_, data)| Script {
                steps: vec![request(stranger(), self.address, data.clone())],
                planted: planted.clone(),
                ..Script::default()
            })
            .collect();
        let played = session.play_all(&scripts).await?;
        for ((name, data), played) in calls.iter().zip(&played) {
            if let Some(missing) = played.guesses().next() {
                seen.untold.get_or_insert_with(|| {
                    let (address, missing) = (self.address, key(&missing));
                    format!("what a stranger's calls do to {address} was not seen: the node does not give {missing}")
                });
                continue;
            }
            let changed = played.outcomes.first();
            if changed.is_some_and(|outcome| changes(&outcome.diff)) {
                seen.say(name, "changes state for a stranger");
                seen.open(self.address, name, data);
            }
            if let Some(what) = self.beyond(name, played, &shown, &given) {
                seen.say(name, &what);
            }
        }
        self.handed_over(session, &mut seen).await?;
        Ok(seen)
    }

    /// Every function that is no getter, about the proxy, a stranger and what the proxy would run.
    fn calls(&self, target: Address) -> Vec<(&'static str, Bytes)> {
        let arguments = [
            (self.proxy, stranger()),
            (self.proxy, target),
            (stranger(), stranger()),
            (target, target),
        ];
        let mut calls = Vec::new();
        for name in self.names.iter().filter(|name| !is_getter(name)) {
            for (first, rest) in arguments {
                let call = (*name, calldata(name, first, rest));
                if !calls.contains(&call) {
                    calls.push(call);
                }
            }
        }
        calls
    }

    /// What the getters look at, each at one slot.
    async fn shown(&self, session: &mut Session, seen: &mut Seen) -> Result<Shown, InspectError> {
        let mut shown = Shown::default();
        let unknown = unknown_call(self.address);
        let none = session.call(stranger(), self.address, unknown).await?;
        shown.slots.extend(self.slots(&none).map(|(slot, _)| slot));
        shown.called.extend(self.called(&none));
        let getters: Vec<_> = self.names.iter().filter(|name| is_getter(name)).collect();
        let questions = getters.iter().map(|name| (self.address, selector(name)));
        let played = session.ask(questions).await?;
        let mut looked = Vec::new();
        for (name, played) in getters.iter().zip(&played) {
            let own: BTreeSet<_> = self
                .slots(played)
                .map(|(slot, _)| slot)
                .filter(|slot| !shown.slots.contains(slot))
                .collect();
            let asks = self.called(played).any(|to| !shown.called.contains(&to));
            let outcome = played.outcomes.first();
            if outcome.is_some_and(|outcome| changes(&outcome.diff)) {
                seen.say(name, "changes state for a stranger");
                seen.open(self.address, name, &selector(name).into());
            } else if self.owned && (own.len() > 1 || asks) {
                seen.say(name, "looks at more than it answers");
            }
            looked.extend(own);
            shown.called.extend(played.address());
        }
        shown.slots.extend(looked);
        Ok(shown)
    }

    /// What a function looks at beside what the getters show.
    fn beyond(
        &self,
        name: &str,
        played: &Played,
        shown: &Shown,
        given: &[Address],
    ) -> Option<String> {
        let output = &played.outcomes.first()?.output;
        let typed = self.names.contains(&"proxyType(address)");
        let mapped = MAPPED.contains(&name) || (typed && BY_TYPE.contains(&name));
        let strict = self.owned && !mapped;
        let odd = |value: U256| {
            let word = value.to_be_bytes::<32>();
            let address = word[..12] == [0; 12] && word[12..20] != [0; 8];
            let known = address && self.obeyed.contains(&Address::from_slice(&word[12..]));
            let answered = output.chunks(32).any(|answer| answer == word);
            !known && (strict || address && !answered)
        };
        let mut slots = self.slots(played);
        let slot = slots.find(|(slot, value)| !shown.slots.contains(slot) && odd(*value));
        if let Some((slot, _)) = slot {
            return Some(format!("looks at slot {slot}, which no getter shows"));
        }
        let asked = self
            .called(played)
            .find(|to| !shown.called.contains(to) && !given.contains(to));
        Some(format!("asks {}", asked?))
    }

    /// Its slots that were read.
    fn slots<'p>(&self, played: &'p Played) -> impl Iterator<Item = (B256, U256)> + use<'p> {
        let address = self.address;
        played.reads.iter().filter_map(move |read| match read {
            Read::Slot(of, slot, value) if *of == address => Some((*slot, *value)),
            _ => None,
        })
    }

    /// Whom it called, itself and its code apart.
    fn called<'p>(&self, played: &'p Played) -> impl Iterator<Item = Address> + use<'p> {
        let (address, at) = (self.address, self.at);
        let outcomes = played.outcomes.first().into_iter();
        outcomes
            .flat_map(|outcome| outcome.calls.iter().skip(1))
            .filter(move |frame| frame.from == address)
            .map(|frame| frame.to)
            .filter(move |to| *to != address && *to != at && *to != COPY)
    }
}

impl Seen {
    /// One reason for each function.
    fn say(&mut self, name: &'static str, what: &str) {
        if self.named.insert(name) {
            self.odd.push(format!("its {name} {what}"));
        }
    }

    /// A stranger, who calls this function and then upgrades, or has already.
    fn open(&mut self, address: Address, name: &str, data: &Bytes) {
        let step = Step::new(stranger(), address, data.clone());
        let ways = [
            Through::Instead(vec![step.clone()]),
            Through::First(vec![step], Box::new(Through::Sends)),
        ];
        let role = format!("caller of {name}");
        if let Some(member) = self.members.iter_mut().find(|member| member.role == role) {
            member.through.extend(ways);
            return;
        }
        let mut member = Member::whoever();
        (member.role, member.through) = (role, ways.to_vec());
        self.members.push(member);
    }
}

/// Whether a release with these functions reads mappings, whose slots are hashes.
pub(super) fn hashes(names: &[&str]) -> bool {
    names.iter().any(|name| MAPPED.contains(name))
}

fn is_getter(name: &str) -> bool {
    name.ends_with("()") && !DEEDS.contains(&name)
}

fn selector(name: &str) -> Vec<u8> {
    keccak256(name)[..4].to_vec()
}

/// Whether anything but balances and nonces differs.
fn changes(diff: &StateDiff) -> bool {
    diff.values()
        .any(|account| !account.storage.is_empty() || account.code.is_some() || account.destroyed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_getter_is_not_taken_for_one() {
        assert!(is_getter("owner()") && !is_getter("renounceOwnership()"));
        assert!(!is_getter("getProxyAdmin(address)"));
    }
}

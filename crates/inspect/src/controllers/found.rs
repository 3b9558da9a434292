//! What is known of a controller before its members are looked at.

use super::through::Through;
use alloy_primitives::{Address, U256};
use cutover_types::inspection::Presses;
use std::collections::BTreeMap;

/// Someone behind a controller.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) address: Address,
    pub(super) role: String,
    pub(super) presses: Presses,
    pub(super) wait: Option<u64>,
    /// How it makes the one above act: tried in this order.
    pub(super) through: Vec<Through>,
    /// What it is, when that needs no look: `anyone`, `token`.
    pub(super) leaf: Option<&'static str>,
    /// Not worth a word unless executing shows that it can.
    pub(super) only_if_proven: bool,
    /// What it shows of the one above if it makes it act: it should not be able to.
    pub(super) shows: Option<Shows>,
}

/// What executing shows of a contract that enforces less than it says.
#[derive(Clone, Debug)]
pub(super) enum Shows {
    /// That so many approvals suffice. If they do, whether these fewer do, the fewest first.
    Approvals(u64, Vec<(u64, Vec<Through>)>),
    /// That nothing has to be announced, and nobody has to wait.
    NoWait,
}

impl Member {
    /// Someone who acts alone.
    pub(super) fn alone(address: Address, role: impl Into<String>, through: Through) -> Self {
        Self {
            address,
            role: role.into(),
            presses: Presses::Alone,
            wait: None,
            through: vec![through],
            leaf: None,
            only_if_proven: false,
            shows: None,
        }
    }

    /// A stranger: nobody's key is needed where executing shows that he is let through.
    pub(super) fn whoever() -> Self {
        Self {
            only_if_proven: true,
            ..Self::alone(Address::ZERO, "anyone", Through::Sends).anyone()
        }
    }

    /// Someone who should not be able to make the one above act.
    pub(super) fn shows(mut self, shows: Shows) -> Self {
        self.only_if_proven = true;
        self.shows = Some(shows);
        self
    }

    /// Someone of whom only the address and the role are known.
    pub(super) fn claimed(address: Address, role: impl Into<String>, why: &'static str) -> Self {
        Self {
            presses: Presses::Unknown,
            ..Self::alone(address, role, Through::Claimed(why))
        }
    }

    /// Someone who cannot make the one above act.
    pub(super) fn powerless(address: Address, role: impl Into<String>) -> Self {
        Self {
            presses: Presses::No,
            ..Self::alone(
                address,
                role,
                Through::Claimed("it cannot make the one above act"),
            )
        }
    }

    pub(super) fn presses(mut self, presses: Presses) -> Self {
        self.presses = presses;
        self
    }

    pub(super) fn after(mut self, seconds: Option<u64>) -> Self {
        self.wait = seconds;
        self
    }

    pub(super) fn anyone(mut self) -> Self {
        self.leaf = Some("anyone");
        self
    }

    /// Whether it is anyone, who sends the call as it is.
    pub(super) fn is_stranger(&self) -> bool {
        self.leaf == Some("anyone") && self.only_sends()
    }

    /// Whether nothing but executing speaks for it.
    pub(super) fn is_guessed(&self) -> bool {
        let may = self.only_sends() || self.leaf.is_some();
        self.only_if_proven && self.shows.is_none() && may
    }

    fn only_sends(&self) -> bool {
        matches!(self.through[..], [Through::Sends])
    }
}

/// A controller by what it answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) kind: &'static str,
    pub(super) threshold: Option<u64>,
    pub(super) delay: Option<u64>,
    pub(super) members: Vec<Member>,
    pub(super) facts: BTreeMap<String, String>,
    pub(super) notes: Vec<String>,
    pub(super) unknown: Vec<String>,
}

impl Found {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    pub(super) fn fact(&mut self, name: &str, value: impl ToString) {
        self.facts.insert(name.into(), value.to_string());
    }

    /// Those who are not only guessed.
    pub(super) fn named(&self) -> Vec<Address> {
        let named = self.members.iter().filter(|member| !member.only_if_proven);
        named.map(|member| member.address).collect()
    }

    /// Adds a member; who has two roles stands there twice.
    pub(super) fn add(&mut self, member: Member) {
        let same = |m: &Member| m.address == member.address && m.role == member.role;
        if !self.members.iter().any(same) {
            self.members.push(member);
        }
    }
}

pub(super) fn seconds(value: U256) -> Option<u64> {
    u64::try_from(value).ok()
}

//! What a value may come from.

use std::{
    collections::BTreeSet,
    ops::{BitOr, BitOrAssign},
};

/// What a value depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    /// `msg.sender`.
    pub(super) const SENDER: Self = Self(1);
    /// `tx.origin`.
    pub(super) const ORIGIN: Self = Self(2);
    /// State, an address that is written out.
    pub(super) const OTHER: Self = Self(4);
    /// The contract's own address.
    pub(super) const THIS: Self = Self(8);
    /// A constant that is no address.
    pub(super) const FIXED: Self = Self(16);
    /// What no function of the contract sets: the block, a signer, another contract's answer.
    pub(super) const AWAY: Self = Self(32);
    /// What the caller hands in.
    pub(super) const CHOSEN: Self = Self(64);
    /// The block: its time, its number.
    pub(super) const BLOCK: Self = Self(128);
    /// What another contract answers.
    pub(super) const ANSWER: Self = Self(256);
    /// Who signed something.
    pub(super) const SIGNER: Self = Self(512);
    /// Whether another contract answered at all.
    pub(super) const SUCCESS: Self = Self(1024);
    /// What it answered, where it is told apart from that.
    pub(super) const DATA: Self = Self(2048);

    pub(super) fn any(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for Marks {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) marks: Marks,
    /// State variables and members of structs in storage, by id.
    pub(super) states: BTreeSet<i64>,
    /// Where those of them lie that are members: the state variable, or the first member that says.
    pub(super) from: BTreeSet<i64>,
}

impl Value {
    pub(super) fn add(&mut self, other: &Self) {
        self.marks |= other.marks;
        self.states.extend(&other.states);
        self.from.extend(&other.from);
    }

    /// Where what it points at lies.
    pub(super) fn root(&self) -> &BTreeSet<i64> {
        match self.from.is_empty() {
            true => &self.states,
            false => &self.from,
        }
    }
}

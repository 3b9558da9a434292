//! The bounds of one comparison of types: what is assumed, how deep it is, how much it did.

use super::kinds::Answer;
use alloy_primitives::U512;
use std::collections::{HashMap, HashSet};

/// Types nested deeper than this are not followed.
const MAX_DEPTH: usize = 64;
/// Types and members looked at before giving up: no real contract needs a hundredth of it.
const MAX_WORK: usize = 200_000;

/// A pair of types with the room the second one has.
pub(super) type Step<'a> = (&'a str, &'a str, U512);

/// Where a comparison of types stands.
#[derive(Debug, Default)]
pub(super) struct Search<'a> {
    /// Found the same, or being compared: a type inside itself is answered by the outer comparison.
    same: HashSet<Step<'a>>,
    /// `same` in the order of its making.
    order: Vec<Step<'a>>,
    /// Found not the same. What is so although inner types were assumed to be the same stays so.
    other: HashMap<Step<'a>, Answer>,
    depth: usize,
    work: usize,
}

/// What to do with a pair of types.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Compare, then [`Search::leave`] with this mark.
    Compare(usize),
    /// The answer is known.
    Known(Answer),
    /// Too deep, or too much.
    GiveUp,
}

impl<'a> Search<'a> {
    pub(super) fn enter(&mut self, step: Step<'a>) -> Next {
        if self.same.contains(&step) {
            return Next::Known(Answer::Same);
        }
        if let Some(answer) = self.other.get(&step) {
            return Next::Known(answer.clone());
        }
        if self.depth >= MAX_DEPTH || !self.spend(1) {
            return Next::GiveUp;
        }
        self.depth += 1;
        self.same.insert(step);
        self.order.push(step);
        Next::Compare(self.order.len() - 1)
    }

    /// Keeps the answer. When it is not "the same", what was assumed since the mark is taken back:
    /// inner types may have been called the same only because this one was under comparison.
    pub(super) fn leave(&mut self, mark: usize, answer: &Answer) {
        self.depth -= 1;
        if *answer == Answer::Same {
            return;
        }
        let step = self.order.get(mark).copied();
        for step in self.order.drain(mark..) {
            self.same.remove(&step);
        }
        self.other.extend(step.map(|step| (step, answer.clone())));
    }

    /// Counts work. `false` when there was too much of it.
    pub(super) fn spend(&mut self, work: usize) -> bool {
        self.work = self.work.saturating_add(work);
        self.work <= MAX_WORK
    }
}

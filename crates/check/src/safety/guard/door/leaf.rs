//! What one condition does that has no parts.

use super::{Door, Looks};
use crate::safety::guard::{
    Guard,
    conditions::{self, MAX_DEPTH, Weight},
    evaluate::{TIME, evaluate},
    guard,
    marks::{Marks, Value},
    runs,
    writes::{What, Write},
};
use alloy_primitives::U256;
use cutover_types::source::{Node, Tree, entry_points, id, kind, visit};
use std::collections::{BTreeSet, HashMap};

/// A time that has been, and one that will be.
const TIMES: [u64; 2] = [1, 1 << 40];

impl<'a> Looks<'_, 'a> {
    pub(super) fn leaf(&self, inside: &Node<'a>, tree: &'a Tree, must: bool) -> Option<Door> {
        let weight = conditions::weight(&self.flow, inside, tree, Some(must), MAX_DEPTH);
        let value = self.flow.value(inside, tree);
        if weight < Weight::Block {
            return None;
        }
        self.asked.borrow_mut().extend(&value.states);
        if value.marks.any(Marks::AWAY) {
            return Some(self.away(inside, tree, must, &value));
        }
        if value.states.is_empty() && !self.stores {
            return Some(Door::Shut);
        }
        if value.marks.any(Marks::CHOSEN) {
            // The next one hands in something else.
            let names = self.names(&value.states);
            return Some(match kind(tree) {
                _ if hashes(tree) => Door::Unknown(names),
                "IndexAccess" if must => Door::Elsewhere(names),
                _ => Door::Open(names),
            });
        }
        let passes = |write: &Write<'a>| {
            let new = match write.what {
                What::Value(value) => {
                    evaluate(self.subject, &write.inside, value, &|_| None, MAX_DEPTH)?
                }
                What::Nothing => U256::ZERO,
                What::Step | What::Anything => return None,
            };
            let set = |id| (id == write.to).then_some(new);
            let passed = evaluate(self.subject, inside, tree, &set, MAX_DEPTH)?;
            Some(passed.is_zero() != must)
        };
        // A range is left by many steps, not by one.
        let ranged = matches!(tree["operator"].as_str(), Some("<" | ">" | "<=" | ">="));
        let shuts = |write: &Write<'a>| match write.what {
            What::Step => !ranged,
            _ => passes(write) != Some(true),
        };
        let about = |writes: &'_ [Write<'a>]| -> Vec<usize> {
            let all = writes.iter().enumerate();
            let about = all.filter(|(_, write)| value.states.contains(&write.to));
            about.map(|(at, _)| at).collect()
        };
        // What a function leaves behind is what it writes last; one that sets and another that
        // resets are a lock that is open again in the end.
        let mut last = HashMap::new();
        for write in about(&self.own)
            .into_iter()
            .filter_map(|at| self.own.get(at))
        {
            last.insert((id(write.inside.tree), write.to), write);
        }
        let mut open = BTreeSet::new();
        let mut shut = BTreeSet::new();
        let mut unsure = false;
        for write in last.into_values() {
            if !shuts(write) {
                open.insert(write.to);
            } else if self.skips.may_skip(write) || self.is_chosen(write) {
                unsure = true;
            } else {
                shut.insert(write.to);
            }
        }
        let names = || self.names(&value.states);
        shut.retain(|to| !open.contains(to));
        if !shut.is_empty() {
            self.shut.borrow_mut().extend(&shut);
            let back = |write: &&Write<'a>| shut.contains(&write.to) && passes(write) == Some(true);
            return Some(
                match self
                    .others
                    .iter()
                    .filter(back)
                    .map(|one| self.may(one))
                    .max()
                {
                    Some(May::Anybody) => Door::Back(names()),
                    Some(May::Perhaps) => Door::Unknown(names()),
                    Some(May::Nobody) | None => Door::Shut,
                },
            );
        }
        if unsure {
            return Some(Door::Unknown(names()));
        }
        if self.stores {
            return Some(Door::Unknown(names()));
        }
        let others = about(&self.others);
        let others: Vec<_> = others
            .iter()
            .filter_map(|at| self.others.get(*at))
            .collect();
        if others.iter().any(|write| shuts(write))
            || self
                .own
                .iter()
                .any(|write| value.states.contains(&write.to) && matches!(write.what, What::Step))
        {
            return Some(Door::Elsewhere(names()));
        }
        let touched = |id| {
            self.own.iter().any(|write| write.to == id) || others.iter().any(|write| write.to == id)
        };
        if value.states.iter().any(|id| touched(*id)) {
            return Some(Door::Open(names()));
        }
        let zero = |id: i64| {
            let variable = self.subject.index.get(id)?;
            (variable.tree["mutability"] != "immutable" && variable.tree["value"].is_null())
                .then_some(U256::ZERO)
        };
        Some(
            match evaluate(self.subject, inside, tree, &zero, MAX_DEPTH) {
                Some(passed) if passed.is_zero() != must => Door::Unset(names()),
                Some(_) => Door::Shut,
                None => Door::Unknown(names()),
            },
        )
    }

    /// Whether the caller hands in the yes or no that is written.
    fn is_chosen(&self, write: &Write<'a>) -> bool {
        let What::Value(value) = write.what else {
            return false;
        };
        value["typeDescriptions"]["typeString"] == "bool"
            && self.flow.of(&write.inside, value).any(Marks::CHOSEN)
    }

    /// Who may have another function make a write.
    fn may(&self, write: &Write<'a>) -> May {
        let entries = entry_points(self.subject.linearized).into_iter();
        let entries = entries.filter(|entry| {
            let inside = runs(self.subject, *entry);
            let mut inside = inside.iter();
            id(entry.tree) != id(self.function.tree)
                && inside.any(|one| id(one.node.tree) == id(write.inside.tree))
        });
        let may = entries.map(|entry| match guard(self.subject, entry) {
            Guard::Open | Guard::Anybody | Guard::Block => May::Anybody,
            // What runs once, or not for everybody.
            Guard::State if !is_initializer(&entry) => May::Perhaps,
            _ => May::Nobody,
        });
        may.max().unwrap_or(May::Nobody)
    }

    /// What a condition does that the block or another contract decides.
    fn away(&self, inside: &Node<'a>, tree: &'a Tree, must: bool, value: &Value) -> Door {
        let marks = value.marks;
        // A signature is one's who may; code that is there stays there.
        if marks.any(Marks::SIGNER) || !marks.any(Marks::BLOCK | Marks::ANSWER) {
            return Door::Shut;
        }
        let passes_at = |time: u64, write: &Write<'a>| {
            let new = match write.what {
                What::Value(value) => {
                    evaluate(self.subject, &write.inside, value, &|_| None, MAX_DEPTH)?
                }
                What::Nothing => U256::ZERO,
                What::Step | What::Anything => return None,
            };
            let known = |id| match id {
                TIME => Some(U256::from(time)),
                _ => (id == write.to).then_some(new),
            };
            let passed = evaluate(self.subject, inside, tree, &known, MAX_DEPTH)?;
            Some(passed.is_zero() != must)
        };
        let asked = |write: &&Write<'a>| value.states.contains(&write.to);
        let last = self.own.iter().rfind(asked);
        if last.is_some_and(|last| TIMES.iter().all(|at| passes_at(*at, last) == Some(false))) {
            return Door::Shut;
        }
        let mut names = self.names(&value.states);
        if !marks.any(Marks::BLOCK) {
            return Door::Unknown(names);
        }
        names.insert("block".to_owned());
        let chosen = marks.any(Marks::CHOSEN) && value.states.is_empty();
        let comes = self.flow.keeps(&value.states) && self.comes(inside, tree, must);
        match chosen || (comes && !marks.any(Marks::ANSWER | Marks::CHOSEN)) {
            true => Door::Open(names),
            false => Door::Unknown(names),
        }
    }

    /// Whether a condition asks that a time has come, which it then has for good.
    fn comes(&self, inside: &Node<'a>, tree: &'a Tree, must: bool) -> bool {
        let [left, right] = ["leftExpression", "rightExpression"]
            .map(|side| self.flow.of(inside, &tree[side]).any(Marks::BLOCK));
        let more = match tree["operator"].as_str() {
            Some(">" | ">=") => left && !right,
            Some("<" | "<=") => right && !left,
            _ => return false,
        };
        left != right && more == must
    }

    pub(super) fn at_assembly(&self, inside: &Node<'a>) -> Door {
        let mut asked = BTreeSet::new();
        visit(inside.tree, &mut |tree| {
            if kind(tree) == "InlineAssembly" {
                asked.extend(self.flow.outer(tree).iter().map(|one| id(one.tree)));
            }
        });
        let state = |id: &&i64| {
            let variable = self.subject.index.get(**id);
            variable.is_some_and(|one| {
                one.tree["stateVariable"] == true && one.tree["constant"] != true
            })
        };
        self.asked.borrow_mut().extend(asked.iter().filter(state));
        if self.stores || self.own.iter().any(|write| asked.contains(&write.to)) {
            return Door::Shut;
        }
        Door::Unknown(self.names(&asked))
    }

    fn names(&self, ids: &BTreeSet<i64>) -> BTreeSet<String> {
        let all = ids.iter().filter_map(|id| self.subject.index.get(*id));
        all.map(|one| crate::safety::name(one.tree).to_owned())
            .collect()
    }
}

/// Who may call what sets something back.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum May {
    Nobody,
    Perhaps,
    Anybody,
}

/// Whether a modifier's name says that a function runs once.
fn is_initializer(function: &Node<'_>) -> bool {
    let modifiers = function.tree["modifiers"].as_array().into_iter().flatten();
    let mut names = modifiers.map(|one| crate::safety::name(&one["modifierName"]).to_lowercase());
    names.any(|name| name.contains("initializ"))
}

/// Whether an expression hashes: nobody knows what to hand in for a hash.
fn hashes(tree: &Tree) -> bool {
    let mut found = false;
    visit(tree, &mut |part| {
        found |= matches!(
            part["name"].as_str(),
            Some("keccak256" | "sha256" | "sha3" | "ripemd160")
        );
    });
    found
}

//! Whether a function that state lets through shuts the door behind its caller.

use super::{
    Guard, Subject,
    assembly::assembly,
    conditions::{self, Condition, MAX_DEPTH, Weight},
    evaluate::{TIME, evaluate},
    flow::Flow,
    guard, leaves,
    marks::{Marks, Value},
    runs,
    sure::Skips,
    ways::Inside,
    weigh::{Branch, branches, is_choice},
    writes::{What, Write, stores, writes},
};
use alloy_primitives::U256;
use cutover_types::source::{Node, Tree, entry_points, id, kind, visit};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

/// A time that has been, and one that will be.
const TIMES: [u64; 2] = [1, 1 << 40];

/// What becomes of the conditions of a function when it has run; the most open first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::safety) enum Door {
    /// What is asked, of these names, lets the next one through as well.
    Open(BTreeSet<String>),
    /// Anybody can set back what the function changes.
    Back(BTreeSet<String>),
    /// What is asked is still zero, which lets everybody through: nothing changes it.
    Unset(BTreeSet<String>),
    /// Something else changes what is asked, the function itself does not.
    Elsewhere(BTreeSet<String>),
    /// Nothing at hand tells what becomes of what is asked.
    Unknown(BTreeSet<String>),
    /// The function changes what is asked, or nobody gets through at all.
    Shut,
}

/// Looks at a function that asks state and not its caller.
pub(in crate::safety) fn door<'a>(subject: &Subject<'a>, function: Node<'a>) -> Door {
    look(subject, function).door.clone()
}

/// The state that shuts a function behind its caller: what it asks and changes itself.
pub(in crate::safety) fn locks<'a>(subject: &Subject<'a>, function: Node<'a>) -> BTreeSet<i64> {
    look(subject, function).locks.clone()
}

/// Whether that is sure: it stays changed when the function has run.
pub(in crate::safety) fn locks_surely<'a>(subject: &Subject<'a>, function: Node<'a>) -> bool {
    look(subject, function).surely
}

/// What a function puts into state that is not zero, and what all of its contract does.
pub(in crate::safety) fn sets<'a>(subject: &Subject<'a>, function: Node<'a>) -> [BTreeSet<i64>; 2] {
    let inside = Inside::new(subject, function);
    let looks = Looks::new(subject, function, &inside);
    let set = |all: &[Write<'a>]| {
        all.iter()
            .filter(|one| !one.is_zero())
            .map(|one| one.to)
            .collect()
    };
    let own: BTreeSet<_> = set(&looks.own);
    let all = own.union(&set(&looks.others)).copied().collect();
    [own, all]
}

/// A door, and what shuts it.
pub(in crate::safety) struct Seen {
    door: Door,
    locks: BTreeSet<i64>,
    surely: bool,
}

fn look<'a>(subject: &Subject<'a>, function: Node<'a>) -> Rc<Seen> {
    let key = id(function.tree);
    let known = subject.doors.borrow().get(&key).cloned();
    known.unwrap_or_else(|| {
        let found = Rc::new(looked(subject, function));
        subject.doors.borrow_mut().insert(key, Rc::clone(&found));
        found
    })
}

fn looked<'a>(subject: &Subject<'a>, function: Node<'a>) -> Seen {
    let inside = Inside::new(subject, function);
    let looks = Looks::new(subject, function, &inside);
    let mut doors = Vec::new();
    for one in &inside.all {
        let first = id(one.node.tree) == id(function.tree);
        let mut parts = Parts::new();
        let branches = branches(one.node.tree);
        for condition in conditions::conditions(subject, &one.node, first) {
            let at = condition.branch.unwrap_or(condition.tree);
            let branch = branches.get(&std::ptr::from_ref(at)).copied();
            parts.entry(branch).or_default().push(condition);
        }
        doors.extend(looks.branch(&one.node, first, &parts, None, MAX_DEPTH));
        if assembly(&looks.flow, &one.node) >= Weight::Block {
            doors.push(looks.at_assembly(&one.node));
        }
    }
    let door = doors.into_iter().max();
    Seen {
        door: door.unwrap_or(Door::Open(BTreeSet::new())),
        locks: looks.locks(),
        surely: !looks.shut.borrow().is_empty(),
    }
}

/// The conditions of one function by the branch they are in.
type Parts<'a> = HashMap<Option<Branch>, Vec<Condition<'a>>>;

struct Looks<'s, 'a> {
    subject: &'s Subject<'a>,
    flow: Flow<'s, 'a>,
    /// What the function itself writes.
    own: Vec<Write<'a>>,
    /// What the rest of the contract writes.
    others: Vec<Write<'a>>,
    /// Whether the function has assembly that writes to storage.
    stores: bool,
    skips: Skips,
    function: Node<'a>,
    /// What conditions ask, and what of it is surely changed.
    asked: RefCell<BTreeSet<i64>>,
    shut: RefCell<BTreeSet<i64>>,
}

impl<'s, 'a> Looks<'s, 'a> {
    fn new(subject: &'s Subject<'a>, function: Node<'a>, inside: &Inside<'a>) -> Self {
        let flow = Flow::new(subject, inside);
        let here: BTreeSet<_> = inside.all.iter().map(|one| id(one.node.tree)).collect();
        let all = subject.graph.all().iter();
        let others = all
            .filter(|one| !here.contains(&id(one.node.tree)))
            .flat_map(|one| writes(subject, &flow, one.node))
            .collect();
        let own = inside
            .all
            .iter()
            .flat_map(|one| writes(subject, &flow, one.node));
        Self {
            subject,
            own: own.collect(),
            others,
            stores: inside.all.iter().any(|one| stores(one.node.tree)),
            skips: Skips::of(subject, &flow, inside),
            function,
            flow,
            asked: RefCell::default(),
            shut: RefCell::default(),
        }
    }

    /// What shuts the function, as far as its conditions were looked at.
    fn locks(&self) -> BTreeSet<i64> {
        let shut = self.shut.borrow();
        match shut.is_empty() {
            false => shut.clone(),
            true => {
                let own: BTreeSet<_> = self.own.iter().map(|write| write.to).collect();
                self.asked.borrow().intersection(&own).copied().collect()
            }
        }
    }

    /// What the conditions in one branch do, where they keep anybody out.
    fn branch(
        &self,
        inside: &Node<'a>,
        first: bool,
        parts: &Parts<'a>,
        branch: Option<Branch>,
        depth: usize,
    ) -> Option<Door> {
        let depth = depth.checked_sub(1)?;
        let conditions = parts.get(&branch).into_iter().flatten();
        let doors = conditions.flat_map(|condition| {
            let own = self.at(inside, condition, first);
            let Some(one) = condition.branch else {
                return own;
            };
            let [yes, no] = [true, false].map(|side| {
                let branch = Some((std::ptr::from_ref(one), side));
                self.branch(inside, first, parts, branch, depth)
            });
            // What is asked on one way only lets through who takes the other.
            let both = match is_choice(self.subject, inside, first, false, one)
                && condition.must.is_none()
            {
                true => yes.zip(no).map(|(yes, no)| yes.min(no)),
                false => yes.max(no),
            };
            own.max(both)
        });
        doors.max()
    }

    /// What a condition does, where it keeps anybody out.
    fn at(&self, inside: &Node<'a>, condition: &Condition<'a>, first: bool) -> Option<Door> {
        let must = condition.must.or_else(|| {
            let branch = condition.branch?;
            let [yes, no] = ["trueBody", "falseBody"].map(|part| &branch[part]);
            let counts = |part| conditions::decides(self.subject, part, true);
            match (leaves(yes), leaves(no)) {
                (true, false) if first || kind(inside.tree) == "ModifierDefinition" => Some(false),
                (false, true) if first || kind(inside.tree) == "ModifierDefinition" => Some(true),
                (false, false) if self.holds_all(inside, branch, first) => {
                    (counts(yes) != counts(no)).then(|| counts(yes))
                }
                _ => None,
            }
        })?;
        self.part(inside, condition.tree, must, MAX_DEPTH)
    }

    /// Whether all that a function does is done inside one `if`.
    fn holds_all(&self, inside: &Node<'a>, branch: &'a Tree, first: bool) -> bool {
        let mut body = false;
        visit(branch, &mut |tree| {
            body |= kind(tree) == "PlaceholderStatement"
        });
        if body {
            return true;
        }
        let statements = inside.tree["body"]["statements"].as_array();
        let outside = statements.into_iter().flatten();
        let mut outside = outside.filter(|one| !std::ptr::eq(*one, branch));
        first && !outside.any(|one| conditions::decides(self.subject, one, false))
    }

    fn part(&self, inside: &Node<'a>, tree: &'a Tree, must: bool, depth: usize) -> Option<Door> {
        let depth = depth.checked_sub(1)?;
        let part = |tree: &'a Tree| self.part(inside, tree, must, depth);
        match (kind(tree), tree["operator"].as_str().unwrap_or_default()) {
            ("TupleExpression", _) => part(tree["components"].get(0)?),
            ("UnaryOperation", "!") => self.part(inside, &tree["subExpression"], !must, depth),
            ("BinaryOperation", operator @ ("&&" | "||")) => {
                let parts = [
                    part(&tree["leftExpression"]),
                    part(&tree["rightExpression"]),
                ];
                if must == (operator == "||") {
                    // One of the two is enough to get through.
                    let [left, right] = parts;
                    left.zip(right).map(|(left, right)| left.min(right))
                } else {
                    parts.into_iter().flatten().max()
                }
            }
            ("Conditional", _) => {
                let [yes, no] =
                    [("trueExpression", true), ("falseExpression", false)].map(|(way, is)| {
                        let condition = self.part(inside, &tree["condition"], is, depth);
                        condition.into_iter().chain(part(&tree[way])).max()
                    });
                yes.zip(no).map(|(yes, no)| yes.min(no))
            }
            _ => self.leaf(inside, tree, must),
        }
    }

    fn leaf(&self, inside: &Node<'a>, tree: &'a Tree, must: bool) -> Option<Door> {
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
            let mut inside = runs(self.subject, *entry).into_iter();
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

    fn at_assembly(&self, inside: &Node<'a>) -> Door {
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

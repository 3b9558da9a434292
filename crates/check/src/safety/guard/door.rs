//! Whether a function that state lets through shuts the door behind its caller.

mod leaf;
mod walk;

use super::{
    Subject,
    assembly::assembly,
    conditions::{self, Condition, MAX_DEPTH, Weight},
    flow::Flow,
    sure::Skips,
    ways::Inside,
    weigh::{Branch, branches},
    writes::{Write, stores, writes},
};
use cutover_types::source::{Node, id};
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

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

/// What a function puts into state that is not zero.
pub(in crate::safety) fn sets<'a>(subject: &Subject<'a>, function: Node<'a>) -> BTreeSet<i64> {
    look(subject, function).sets.clone()
}

/// What all of a contract puts into state that is not zero, as one of its functions sees it.
pub(in crate::safety) fn all_sets<'a>(subject: &Subject<'a>, function: Node<'a>) -> BTreeSet<i64> {
    let inside = Inside::new(subject, function);
    let looks = Looks::new(subject, function, &inside);
    let mut all = set(&looks.own);
    all.extend(set(&looks.others));
    all
}

fn set(writes: &[Write<'_>]) -> BTreeSet<i64> {
    let all = writes.iter().filter(|one| !one.is_zero());
    all.map(|one| one.to).collect()
}

/// A door, and what shuts it.
pub(in crate::safety) struct Seen {
    door: Door,
    locks: BTreeSet<i64>,
    surely: bool,
    sets: BTreeSet<i64>,
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
    for one in inside.all.iter() {
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
        sets: set(&looks.own),
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
}

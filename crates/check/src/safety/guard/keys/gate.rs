//! One function, what its guard goes by, and what it changes.

use crate::safety::{
    Subject,
    guard::{
        Door,
        conditions::{MAX_DEPTH, Weight},
        door,
        evaluate::evaluate,
        flow::{Flow, is_foreign},
        marks::Marks,
        ways::{Inside, callee},
        weigh,
        writes::{What, Write, writes},
    },
    initializers::once,
    slots::{Slot, Values},
};
use alloy_primitives::B256;
use cutover_types::source::{Node, Reached, Tree, id, kind, unresolved, visit_while};
use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
};

/// Something in storage, as far as the source tells one thing from another.
#[derive(Clone)]
pub(super) struct Place {
    /// A state variable or a member of a struct.
    pub(super) state: i64,
    /// What the member is a part of; empty where nobody knows.
    roots: BTreeSet<i64>,
    /// The keys of the entry, where they are constants.
    keys: Vec<Option<BTreeSet<B256>>>,
}

impl Place {
    fn may_be(&self, other: &Self) -> bool {
        let roots = [&self.roots, &other.roots];
        let apart = roots.iter().all(|one| !one.is_empty()) && roots[0].is_disjoint(roots[1]);
        let keys = self.keys.iter().zip(&other.keys);
        let mut keys = keys.filter_map(|(one, other)| one.as_ref().zip(other.as_ref()));
        self.state == other.state && !apart && keys.all(|(one, other)| !one.is_disjoint(other))
    }
}

/// Something that can be changed, and what that takes.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) place: Place,
    pub(super) weight: Weight,
    /// The function that does it, by id.
    pub(super) entry: i64,
}

/// A function that can be called, or what decides in it.
pub(super) struct Gate<'s, 'a> {
    subject: &'s Subject<'a>,
    pub(super) function: Node<'a>,
    inside: Inside<'a>,
    flow: Flow<'s, 'a>,
    values: Values<'s, 'a>,
    /// Where it reads what, as far as that was asked.
    reads: HashMap<i64, Vec<Place>>,
    writes: Vec<Write<'a>>,
    /// Whether it is shut behind its first caller, once that was asked.
    shuts: OnceCell<bool>,
}

/// How an expression names a part of storage.
struct Chain<'a> {
    /// The variable and the members, the outermost last.
    states: Vec<i64>,
    indexes: Vec<&'a Tree>,
}

impl<'s, 'a> Gate<'s, 'a> {
    pub(super) fn new(subject: &'s Subject<'a>, function: Node<'a>) -> Self {
        let inside = Inside::new(subject, function);
        let flow = Flow::new(subject, &inside);
        let values = Values::of(subject, function, &inside.all);
        let all = inside.all.iter();
        let writes = all.flat_map(|one| writes(subject, &flow, one.node));
        let writes = writes.collect();
        Self {
            subject,
            function,
            inside,
            flow,
            values,
            reads: HashMap::new(),
            writes,
            shuts: OnceCell::new(),
        }
    }

    pub(super) fn flow(&self) -> &Flow<'s, 'a> {
        &self.flow
    }

    /// What it compares its caller with.
    pub(super) fn keys(&mut self) -> BTreeSet<i64> {
        self.weight(&[]);
        self.flow.asked()
    }

    /// Where it takes from what it writes to some state.
    pub(super) fn sources(&self, keys: &BTreeSet<i64>) -> BTreeSet<i64> {
        let writes = self.writes.iter().filter(|write| keys.contains(&write.to));
        let values = writes.filter_map(|write| match write.what {
            What::Value(value) => Some(self.flow.value(&write.inside, value)),
            _ => None,
        });
        values.flat_map(|value| value.states).collect()
    }

    /// What it asks where some things are open.
    pub(super) fn weight(&mut self, open: &[Opened]) -> Weight {
        self.open(open);
        self.known(weigh::heaviest(self.subject, &self.inside, &self.flow))
    }

    /// A weight, as far as all that runs is at hand.
    fn known(&self, weight: Weight) -> Weight {
        if weight == Weight::Caller {
            return weight;
        }
        let mut all = self.inside.all.iter();
        match all.any(|one| !unresolved(self.subject.index, &one.node).is_empty()) {
            true => Weight::Perhaps,
            false => weight,
        }
    }

    /// What its callers can change of some state, those that it keeps out aside.
    pub(super) fn opens(&mut self, keys: &BTreeSet<i64>, open: &[Opened]) -> Vec<Opened> {
        self.open(open);
        let mut found = Vec::new();
        for write in self.writes.iter().filter(|write| keys.contains(&write.to)) {
            let Some(says) = self.says(write) else {
                continue;
            };
            let place = (&write.inside, write.at);
            let asked = weigh::heaviest_by(self.subject, &self.inside, &self.flow, place);
            let weight = self.known(asked.max(says));
            if weight < Weight::Caller && !self.shuts(weight) {
                found.push(Opened {
                    place: self.written(write),
                    weight,
                    entry: id(self.function.tree),
                });
            }
        }
        found
    }

    /// Whether it is shut behind its first caller.
    fn shuts(&self, weight: Weight) -> bool {
        let (subject, function) = (self.subject, self.function);
        matches!(weight, Weight::State | Weight::Block)
            && *self
                .shuts
                .get_or_init(|| once(subject, &function) || door(subject, function) == Door::Shut)
    }

    fn open(&mut self, open: &[Opened]) {
        let mut lightest: HashMap<i64, Weight> = HashMap::new();
        for one in open {
            let state = one.place.state;
            let reads = self.reads(state);
            if reads.is_empty() || reads.iter().any(|read| read.may_be(&one.place)) {
                let weight = lightest.entry(state).or_insert(one.weight);
                *weight = one.weight.min(*weight);
            }
        }
        self.flow.set_open(lightest);
    }

    /// What it takes, besides to get there, to have a say in what is written; `None` where callers
    /// have none.
    fn says(&self, write: &Write<'a>) -> Option<Weight> {
        let inside = &write.inside;
        let chosen = |tree: &'a Tree| self.is_chosen(inside, tree);
        let target = target(write.at);
        let keys = target.map(|target| chain(target).indexes);
        let mut keys = keys.into_iter().flatten();
        match write.what {
            What::Nothing => None,
            What::Value(value) => {
                let zero = evaluate(self.subject, inside, value, &|_| None, MAX_DEPTH);
                let mut known = self.values.all(*inside, value).into_iter().peekable();
                let none =
                    known.peek().is_some() && known.all(|one| one == Slot::Known(B256::ZERO));
                if none || zero.is_some_and(|zero| zero.is_zero()) {
                    None
                } else if chosen(value) || keys.any(chosen) {
                    Some(Weight::Nothing)
                } else {
                    // What it is taken from may be anybody's to change.
                    self.flow.opened(&self.flow.value(inside, value).states)
                }
            }
            What::Step => keys.any(chosen).then_some(Weight::State),
            What::Anything if kind(write.at) == "InlineAssembly" => {
                let (marks, outside) = self.flow.of_assembly(inside, write.at);
                let marks = marks | outside;
                // To give up what one has gives nobody anything.
                let gives = !crate::safety::name(self.function.tree).starts_with("renounce");
                (gives && marks.any(Marks::CHOSEN | Marks::SENDER)).then_some(Weight::Nothing)
            }
            What::Anything => {
                let value = &write.at["rightHandSide"];
                (chosen(value) || keys.any(chosen)).then_some(Weight::Nothing)
            }
        }
    }

    /// Whether the caller hands in what an expression is, not just where it is taken from.
    fn is_chosen(&self, inside: &Node<'a>, tree: &'a Tree) -> bool {
        let mut found = false;
        visit_while(tree, &mut |part| match kind(part) {
            "IndexAccess" => {
                found |= self.is_chosen(inside, &part["baseExpression"]);
                false
            }
            "FunctionCall" if is_foreign(callee(part)) => {
                found |= self.is_chosen(inside, callee(part));
                false
            }
            "Identifier" | "MemberAccess" | "FunctionCall" => {
                let value = self.flow.value(inside, part);
                let marks = value.marks;
                found |= value.states.is_empty()
                    && marks.any(Marks::CHOSEN | Marks::SENDER | Marks::ORIGIN)
                    && !marks.any(Marks::OTHER | Marks::ANSWER);
                kind(part) == "FunctionCall" && part["kind"] == "typeConversion"
            }
            _ => true,
        });
        found
    }

    /// Where the function reads some state before it writes to it.
    fn reads(&mut self, state: i64) -> &[Place] {
        if !self.reads.contains_key(&state) {
            let writers = self.writes.iter().filter(|write| write.to == state);
            let writers: BTreeSet<_> = writers.map(|write| id(write.inside.tree)).collect();
            let start = vec![self.function];
            let first = id(self.function.tree);
            // To see whether there is anything to do is no guard.
            let before = self.subject.graph.reachable_from(start, |node| {
                id(node.tree) == first || !writers.contains(&id(node.tree))
            });
            let mut found = self.reads_of(state, &before);
            if found.is_empty() {
                found = self.reads_of(state, &self.inside.all);
            }
            self.reads.insert(state, found);
        }
        self.reads.get(&state).map_or(&[], Vec::as_slice)
    }

    fn reads_of(&self, state: i64, inside: &[Reached<'a>]) -> Vec<Place> {
        let values = Values::of(self.subject, self.function, inside);
        let mut found = Vec::new();
        for one in inside {
            self.reads_in(&one.node, one.node.tree, (state, &values), &mut found);
        }
        found
    }

    fn reads_in(
        &self,
        inside: &Node<'a>,
        tree: &'a Tree,
        of: (i64, &Values<'s, 'a>),
        found: &mut Vec<Place>,
    ) {
        let mut only_written = Vec::new();
        visit_while(tree, &mut |part| {
            if kind(part) == "Assignment" && part["operator"] == "=" {
                only_written.push(id(&part["leftHandSide"]));
            }
            if !matches!(kind(part), "Identifier" | "MemberAccess" | "IndexAccess") {
                return true;
            }
            let chain = chain(part);
            let written = only_written
                .contains(&id(part))
                .then(|| chain.states.last());
            let (state, values) = of;
            if chain.states.contains(&state) && written.flatten() != Some(&state) {
                found.push(self.place(state, inside, part, values));
            }
            for index in chain.indexes {
                self.reads_in(inside, index, of, found);
            }
            false
        });
    }

    fn written(&self, write: &Write<'a>) -> Place {
        match target(write.at) {
            Some(target) => self.place(write.to, &write.inside, target, &self.values),
            None => Place {
                state: write.to,
                roots: BTreeSet::new(),
                keys: Vec::new(),
            },
        }
    }

    fn place(
        &self,
        state: i64,
        inside: &Node<'a>,
        tree: &'a Tree,
        values: &Values<'s, 'a>,
    ) -> Place {
        let mut roots = self.flow.roots(inside, tree);
        roots.remove(&state);
        let keys = chain(tree).indexes.into_iter();
        let keys = keys.map(|key| {
            let all = values.all(*inside, key);
            let value = self.flow.value(inside, key);
            if all.is_empty() && !value.states.is_empty() {
                // Kept in state, which is zero unless somebody who may says otherwise.
                return Some(BTreeSet::from([B256::ZERO]));
            }
            let known = all.iter().map(|slot| match slot {
                Slot::Known(word) => Some(*word),
                Slot::Chosen(_) => None,
            });
            let known: Option<BTreeSet<_>> = known.collect();
            known.filter(|known| !known.is_empty())
        });
        Place {
            state,
            roots,
            keys: keys.collect(),
        }
    }
}

/// What a write writes to, where that is one expression.
fn target(write: &Tree) -> Option<&Tree> {
    let target = match kind(write) {
        "Assignment" => &write["leftHandSide"],
        "UnaryOperation" => &write["subExpression"],
        "FunctionCall" => &write["expression"]["expression"],
        _ => return None,
    };
    (kind(target) != "TupleExpression").then_some(target)
}

fn chain(mut tree: &Tree) -> Chain<'_> {
    let (mut states, mut indexes) = (Vec::new(), Vec::new());
    loop {
        let declared = tree["referencedDeclaration"].as_i64();
        tree = match kind(tree) {
            "IndexAccess" => {
                indexes.push(&tree["indexExpression"]);
                &tree["baseExpression"]
            }
            "MemberAccess" => {
                states.extend(declared);
                &tree["expression"]
            }
            "FunctionCall" => {
                let given = tree["arguments"].as_array().unwrap_or_default();
                indexes.extend(given.iter().rev());
                break;
            }
            "Identifier" => {
                states.extend(declared);
                break;
            }
            _ => break,
        };
    }
    indexes.reverse();
    states.reverse();
    Chain { states, indexes }
}

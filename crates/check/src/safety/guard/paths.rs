//! The ways from a function to a place in what it runs: by which calls, and which side of the branches
//! on the way.

use super::{
    Subject,
    ways::{Inside, ways},
    weigh::is_modifier,
    writes::place,
};
use cutover_types::source::{Node, Tree, id, kind, visit};
use std::collections::{HashMap, HashSet};

/// Most ways that are told apart, and most steps to find them.
const MAX_PATHS: usize = 16;
const MAX_STEPS: usize = 2_000;

/// A branch, and which side of it is gone through.
pub(super) type Taken = (*const Tree, bool);

/// The branches on each way from the first of some functions to a place in one of them.
pub(super) fn paths<'a>(
    subject: &Subject<'a>,
    inside: &Inside<'a>,
    to: (&Node<'a>, &'a Tree),
) -> Vec<Vec<Taken>> {
    let mut onward: HashMap<i64, Vec<(&'a Tree, Node<'a>)>> = HashMap::new();
    let mut callers: HashMap<i64, Vec<i64>> = HashMap::new();
    for one in inside.all.iter() {
        for way in ways(subject, &one.node) {
            let from = id(one.node.tree);
            onward.entry(from).or_default().push((way.at, way.to));
            callers.entry(id(way.to.tree)).or_default().push(from);
        }
    }
    let mut leading = HashSet::new();
    let mut next = vec![id(to.0.tree)];
    while let Some(one) = next.pop() {
        if leading.insert(one) {
            next.extend(callers.get(&one).into_iter().flatten());
        }
    }
    let mut search = Search {
        subject,
        to,
        onward,
        leading,
        on_path: HashSet::new(),
        taken: Vec::new(),
        found: Vec::new(),
        steps: MAX_STEPS,
    };
    if let Some(first) = inside.all.first() {
        search.from(first.node);
    }
    search.found
}

struct Search<'s, 'a> {
    subject: &'s Subject<'a>,
    to: (&'s Node<'a>, &'a Tree),
    onward: HashMap<i64, Vec<(&'a Tree, Node<'a>)>>,
    /// Functions from which there is a way.
    leading: HashSet<i64>,
    on_path: HashSet<i64>,
    taken: Vec<Taken>,
    found: Vec<Vec<Taken>>,
    steps: usize,
}

impl<'a> Search<'_, 'a> {
    fn from(&mut self, function: Node<'a>) {
        let key = id(function.tree);
        let Some(steps) = self.steps.checked_sub(1) else {
            return;
        };
        self.steps = steps;
        if self.found.len() >= MAX_PATHS || !self.leading.contains(&key) {
            return;
        }
        if !self.on_path.insert(key) {
            return;
        }
        let before = self.taken.len();
        if key == id(self.to.0.tree) {
            self.pass(&function, self.to.1);
            self.found.push(self.taken.clone());
            self.taken.truncate(before);
        }
        for (at, next) in self.onward.get(&key).cloned().unwrap_or_default() {
            self.pass(&function, at);
            self.from(next);
            self.taken.truncate(before);
        }
        self.on_path.remove(&key);
    }

    /// Notes the branches of a function on the way to a place in it.
    fn pass(&mut self, function: &Node<'a>, at: &'a Tree) {
        self.taken
            .extend(sides(function.tree, |part| std::ptr::eq(part, at)));
        let modifiers = function.tree["modifiers"].as_array().into_iter().flatten();
        for modifier in modifiers {
            let graph = &self.subject.graph;
            let modifier = graph.target(function, &modifier["modifierName"]);
            if let Some(modifier) = modifier.filter(is_modifier) {
                let body = |part: &Tree| kind(part) == "PlaceholderStatement";
                self.taken.extend(sides(modifier.tree, body));
            }
        }
    }
}

/// Which side of its branches a function goes through to get to some place.
fn sides(function: &Tree, is_it: impl Fn(&Tree) -> bool) -> Vec<Taken> {
    let mut at = None;
    let mut branches = Vec::new();
    visit(function, &mut |tree| {
        if is_it(tree) {
            at = at.max(Some(place(tree)));
        }
        if kind(tree) == "IfStatement" {
            branches.push(tree);
        }
    });
    let Some(at) = at else {
        return Vec::new();
    };
    let holds = |part: &Tree| {
        let mut found = false;
        visit(part, &mut |inner| found |= is_it(inner));
        found
    };
    let side = |one: &Tree| {
        let [yes, no] = [&one["trueBody"], &one["falseBody"]];
        match (holds(yes), holds(no)) {
            (true, true) => None,
            (true, false) => Some(true),
            (false, true) => Some(false),
            // Who leaves before does not get there.
            (false, false) if place(one) > at => None,
            (false, false) if returns(yes) => Some(false),
            (false, false) if returns(no) => Some(true),
            (false, false) => None,
        }
    };
    let sides = branches.into_iter();
    let sides = sides.filter_map(|one| Some((std::ptr::from_ref(one), side(one)?)));
    sides.collect()
}

/// Whether a branch ends by leaving.
fn returns(branch: &Tree) -> bool {
    let last = match kind(branch) {
        "Block" => branch["statements"].as_array().and_then(|all| all.last()),
        _ => Some(branch),
    };
    last.is_some_and(|last| kind(last) == "Return")
}

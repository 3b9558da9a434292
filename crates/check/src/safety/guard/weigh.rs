//! What a function asks of a caller, whichever way it is gone through: a check inside one branch
//! keeps nobody out who comes through the other.

use super::{
    Subject,
    conditions::{self, Condition, MAX_DEPTH, Weight, assembly, conditions, decides, ends, weight},
    flow::Flow,
    leaves,
    ways::{Inside, Stops, Way, ways},
};
use cutover_types::source::{Node, Tree, id, kind, visit};
use std::collections::{HashMap, HashSet};

/// The heaviest condition on the lightest way through a function.
pub(super) fn heaviest<'a>(subject: &Subject<'a>, inside: &Inside<'a>) -> Weight {
    let Some(first) = inside.all.first().map(|one| one.node) else {
        return Weight::Nothing;
    };
    let mut scale = Scale {
        subject,
        flow: Flow::new(subject, inside),
        known: HashMap::new(),
        open: HashSet::new(),
    };
    scale.function(first, true, MAX_DEPTH)
}

struct Scale<'s, 'a> {
    subject: &'s Subject<'a>,
    flow: Flow<'s, 'a>,
    known: HashMap<i64, Weight>,
    /// Functions that are being looked at.
    open: HashSet<i64>,
}

/// A branch: its `if`, and whether it is taken where the condition holds.
pub(super) type Branch = (*const Tree, bool);

/// The innermost branch that each node of a function is in.
pub(super) fn branches(function: &Tree) -> HashMap<*const Tree, Branch> {
    let mut found: HashMap<*const Tree, Branch> = HashMap::new();
    visit(function, &mut |tree| {
        if kind(tree) == "IfStatement" {
            for (body, side) in [("trueBody", true), ("falseBody", false)] {
                visit(&tree[body], &mut |inner| {
                    found.insert(inner, (tree, side));
                });
            }
        }
    });
    found
}

/// The conditions and calls of one function by the branch they are in.
struct Parts<'a> {
    conditions: HashMap<Option<Branch>, Vec<Condition<'a>>>,
    calls: HashMap<Option<Branch>, Vec<Way<'a>>>,
}

impl<'a> Scale<'_, 'a> {
    fn function(&mut self, function: Node<'a>, first: bool, depth: usize) -> Weight {
        let key = id(function.tree);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Weight::Nothing;
        };
        if !self.open.insert(key) {
            return Weight::Nothing;
        }
        let parts = self.parts(&function, first);
        let found = self.branch(&function, first, &parts, None, depth);
        let found = found.max(assembly(&self.flow, &function));
        self.open.remove(&key);
        self.known.insert(key, found);
        found
    }

    fn parts(&self, function: &Node<'a>, first: bool) -> Parts<'a> {
        let branches = branches(function.tree);
        let mut parts = Parts {
            conditions: HashMap::new(),
            calls: HashMap::new(),
        };
        for condition in conditions(self.subject, function, first) {
            let at = condition.branch.unwrap_or(condition.tree);
            let branch = branches.get(&std::ptr::from_ref(at)).copied();
            parts.conditions.entry(branch).or_default().push(condition);
        }
        for way in ways(self.subject, function) {
            let branch = branches.get(&std::ptr::from_ref(way.at)).copied();
            parts.calls.entry(branch).or_default().push(way);
        }
        parts
    }

    /// What is asked inside one branch, those inside it included.
    fn branch(
        &mut self,
        function: &Node<'a>,
        first: bool,
        parts: &Parts<'a>,
        branch: Option<Branch>,
        depth: usize,
    ) -> Weight {
        let Some(depth) = depth.checked_sub(1) else {
            return Weight::Nothing;
        };
        let mut heaviest = Weight::Nothing;
        for way in parts.calls.get(&branch).into_iter().flatten() {
            let called = match way.stops {
                Stops::Never => Weight::Nothing,
                stops => self.function(way.to, false, depth).min(at_most(stops)),
            };
            heaviest = heaviest.max(called);
        }
        for condition in parts.conditions.get(&branch).into_iter().flatten() {
            let asked = |must| weight(&self.flow, function, condition.tree, must, MAX_DEPTH);
            let found = match condition.branch {
                Some(one) if is_choice(self.subject, function, first, one) => {
                    let ways = [("trueBody", true), ("falseBody", false)];
                    let ways = ways.into_iter().filter(|(body, _)| {
                        let body = &one[*body];
                        body.is_null() || !ends(self.subject, function, body)
                    });
                    let ways: Vec<_> = ways.map(|(_, side)| (side, asked(Some(side)))).collect();
                    let inside = |(side, asked): (bool, Weight)| {
                        let branch = Some((std::ptr::from_ref(one), side));
                        asked.max(self.branch(function, first, parts, branch, depth))
                    };
                    ways.into_iter().map(inside).min().unwrap_or(Weight::Caller)
                }
                Some(one) => {
                    let own = asked(condition.must);
                    let sides = [true, false].map(|side| {
                        let branch = Some((std::ptr::from_ref(one), side));
                        self.branch(function, first, parts, branch, depth)
                    });
                    sides.into_iter().fold(own, Weight::max)
                }
                None => asked(condition.must),
            };
            heaviest = heaviest.max(found.min(at_most(condition.stops)));
        }
        heaviest
    }
}

/// Whether the function goes on behind an `if` whichever way it took: what matters is not all
/// inside of it, and nothing inside leaves.
pub(super) fn is_choice<'a>(
    subject: &Subject<'a>,
    function: &Node<'a>,
    first: bool,
    one: &'a Tree,
) -> bool {
    let mut body = false;
    visit(one, &mut |tree| {
        body |= matches!(kind(tree), "PlaceholderStatement" | "Break" | "Continue");
    });
    if body || leaves(&one["trueBody"]) || leaves(&one["falseBody"]) {
        return false;
    }
    let is_entry = matches!(
        function.tree["visibility"].as_str(),
        Some("public" | "external")
    );
    if kind(function.tree) == "ModifierDefinition" || (first && !is_entry) {
        return true;
    }
    let holds = |statement: &Tree| {
        let mut found = false;
        visit(statement, &mut |tree| found |= std::ptr::eq(tree, one));
        found
    };
    let statements = function.tree["body"]["statements"].as_array();
    let mut outside = statements.into_iter().flatten().filter(|one| !holds(one));
    outside.any(|one| decides(subject, one, false))
        || (!first && !conditions::changes(subject, one))
}

/// What a condition weighs at most, by what becomes of its failure.
fn at_most(stops: Stops) -> Weight {
    match stops {
        Stops::Never => Weight::Nothing,
        Stops::Perhaps => Weight::Perhaps,
        Stops::Always => Weight::Caller,
    }
}

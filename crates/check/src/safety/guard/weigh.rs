//! What a function asks of a caller, whichever way it is gone through: a check inside one branch
//! keeps nobody out who comes through the other, nor does one that only leaves early, where what
//! matters comes after.

use super::{
    Subject,
    assembly::assembly,
    conditions::{self, Condition, MAX_DEPTH, Weight, conditions, decides, ends, weight},
    flow::{Flow, is_foreign},
    leaves,
    paths::paths,
    ways::{Inside, Stops, Way, callee, ways},
    writes::place,
};
use cutover_types::source::{Node, Tree, id, kind, visit};
use std::collections::{HashMap, HashSet};

/// The heaviest condition on the lightest way through a function.
pub(super) fn heaviest<'a>(
    subject: &Subject<'a>,
    inside: &Inside<'a>,
    flow: &Flow<'_, 'a>,
) -> Weight {
    let Some(first) = inside.all.first().map(|one| one.node) else {
        return Weight::Nothing;
    };
    Scale::new(subject, flow).function(first, true, MAX_DEPTH)
}

/// The heaviest condition on the lightest way through a function that comes by a place.
pub(super) fn heaviest_by<'a>(
    subject: &Subject<'a>,
    inside: &Inside<'a>,
    flow: &Flow<'_, 'a>,
    place: (&Node<'a>, &'a Tree),
) -> Weight {
    let Some(first) = inside.all.first().map(|one| one.node) else {
        return Weight::Nothing;
    };
    let paths = paths(subject, inside, place);
    let weights = paths.into_iter().map(|taken| {
        let mut scale = Scale::new(subject, flow);
        scale.taken = Some(taken.into_iter().collect());
        scale.function(first, true, MAX_DEPTH)
    });
    let lightest = weights.min();
    lightest.unwrap_or_else(|| heaviest(subject, inside, flow))
}

struct Scale<'s, 'f, 'a> {
    subject: &'f Subject<'a>,
    flow: &'f Flow<'s, 'a>,
    /// The side of some branches that is gone through, where it is about the way to a place: then
    /// nothing keeps off who can go on either way.
    taken: Option<HashMap<*const Tree, bool>>,
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

/// What there is in one branch of a function, in the order of the source.
enum Part<'a> {
    Asks(Condition<'a>),
    Calls(Way<'a>),
    /// Where a modifier runs what it stands before.
    Body,
    Leaves,
}

type Parts<'a> = HashMap<Option<Branch>, Vec<(usize, Part<'a>)>>;

/// A function or modifier that is gone through.
struct Gone<'p, 'a> {
    function: &'p Node<'a>,
    first: bool,
    /// Whether who leaves it early, or is not let into the body, gets what it is about.
    lets: bool,
    /// What is asked in the body that a modifier stands before.
    body: Weight,
    parts: &'p Parts<'a>,
}

/// What is asked up to some place: in all, and without the conditions that decide who leaves early.
#[derive(Clone, Copy)]
struct Asked {
    all: Weight,
    besides: Weight,
}

impl Asked {
    const NOTHING: Self = Self {
        all: Weight::Nothing,
        besides: Weight::Nothing,
    };

    fn of(weight: Weight) -> Self {
        Self {
            all: weight,
            besides: weight,
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            all: self.all.max(other.all),
            besides: self.besides.max(other.besides),
        }
    }
}

impl<'s, 'f, 'a> Scale<'s, 'f, 'a> {
    fn new(subject: &'f Subject<'a>, flow: &'f Flow<'s, 'a>) -> Self {
        Self {
            subject,
            flow,
            taken: None,
            known: HashMap::new(),
            open: HashSet::new(),
        }
    }

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
        let lets = lets(self.subject, &function, first);
        let mut found = self.through(function, first, lets, Weight::Nothing, depth);
        // The first modifier stands before all others.
        let modifiers = function.tree["modifiers"].as_array().into_iter().flatten();
        for modifier in modifiers.rev() {
            let graph = &self.subject.graph;
            let modifier = graph.target(&function, &modifier["modifierName"]);
            if let Some(modifier) = modifier.filter(is_modifier) {
                found = self.through(modifier, false, lets, found, depth);
            }
        }
        self.open.remove(&key);
        self.known.insert(key, found);
        found
    }

    fn through(
        &mut self,
        function: Node<'a>,
        first: bool,
        lets: bool,
        body: Weight,
        depth: usize,
    ) -> Weight {
        let parts = self.parts(&function, first);
        let gone = Gone {
            function: &function,
            first,
            lets,
            body,
            parts: &parts,
        };
        let mut exits = Vec::new();
        let end = self.branch(&gone, None, Asked::NOTHING, &mut exits, depth);
        let statements = function.tree["body"]["statements"].as_array();
        let last = statements.and_then(|all| all.last());
        let early = exits.iter().map(|exit| exit.all).min();
        let found = match early {
            None => end.all,
            // Nobody comes to the end.
            Some(early) if last.is_some_and(|last| ends(self.subject, &function, last)) => early,
            Some(early) => {
                // One of the ways is everybody's, whatever decides between them.
                let besides = exits.into_iter().fold(end, Asked::max).besides;
                end.all.min(early).min(besides.max(Weight::Anybody))
            }
        };
        found.max(assembly(self.flow, &function))
    }

    fn parts(&self, function: &Node<'a>, first: bool) -> Parts<'a> {
        let branches = branches(function.tree);
        let branch = |tree: &Tree| branches.get(&std::ptr::from_ref(tree)).copied();
        let mut parts = Parts::new();
        let mut add = |at: &Tree, place: usize, part| {
            parts.entry(branch(at)).or_default().push((place, part));
        };
        for condition in conditions(self.subject, function, first) {
            let at = condition.branch.unwrap_or(condition.tree);
            add(at, place(at), Part::Asks(condition));
        }
        for way in ways(self.subject, function) {
            if !is_modifier(&way.to) {
                add(way.at, place(way.at), Part::Calls(way));
            }
        }
        visit(function.tree, &mut |tree| match kind(tree) {
            "PlaceholderStatement" => add(tree, place(tree), Part::Body),
            // What it answers is worked out before.
            "Return" if branch(tree).is_some() => add(tree, end(tree), Part::Leaves),
            _ => {}
        });
        for part in parts.values_mut() {
            part.sort_by_key(|(place, _)| *place);
        }
        parts
    }

    /// What is asked inside one branch, those inside it included, and of whom it lets leave early.
    fn branch(
        &mut self,
        gone: &Gone<'_, 'a>,
        branch: Option<Branch>,
        before: Asked,
        exits: &mut Vec<Asked>,
        depth: usize,
    ) -> Asked {
        let mut found = Asked::NOTHING;
        let Some(depth) = depth.checked_sub(1) else {
            return found;
        };
        for (_, part) in gone.parts.get(&branch).into_iter().flatten() {
            let next = match part {
                Part::Body => Asked::of(gone.body),
                Part::Leaves if gone.lets => {
                    exits.push(before.max(found));
                    continue;
                }
                Part::Leaves => continue,
                Part::Calls(way) => Asked::of(match way.stops {
                    Stops::Never => Weight::Nothing,
                    stops => self.function(way.to, false, depth).min(at_most(stops)),
                }),
                Part::Asks(condition) => {
                    let before = before.max(found);
                    let asked = self.condition(gone, condition, before, exits, depth);
                    let most = at_most(condition.stops);
                    Asked {
                        all: asked.all.min(most),
                        besides: asked.besides.min(most),
                    }
                }
            };
            found = found.max(next);
        }
        found
    }

    fn condition(
        &mut self,
        gone: &Gone<'_, 'a>,
        condition: &Condition<'a>,
        before: Asked,
        exits: &mut Vec<Asked>,
        depth: usize,
    ) -> Asked {
        let function = gone.function;
        let ends = |body: &'a Tree| !body.is_null() && ends(self.subject, function, body);
        let asked =
            |scale: &Self, must| weight(scale.flow, function, condition.tree, must, MAX_DEPTH);
        let Some(one) = condition.branch else {
            let skips = self.taken.is_some() && condition.must.is_none();
            return match skips && !is_foreign(callee(condition.tree)) {
                true => Asked::NOTHING,
                false => Asked::of(asked(self, condition.must)),
            };
        };
        let sides = [("trueBody", true), ("falseBody", false)];
        let goes_on = sides.map(|(body, _)| !ends(&one[body]));
        let choice = is_choice(self.subject, function, gone.first, gone.lets, one);
        let leaving = gone.lets && (leaves(&one["trueBody"]) || leaves(&one["falseBody"]));
        let inside = sides.map(|(_, side)| {
            let branch = Some((std::ptr::from_ref(one), side));
            let before = Asked {
                all: before.all.max(asked(self, Some(side))),
                besides: before.besides,
            };
            self.branch(gone, branch, before, exits, depth)
        });
        if let Some(taken) = &self.taken {
            let taken = taken.get(&std::ptr::from_ref(one)).copied();
            let ways = sides.iter().zip(inside).zip(goes_on);
            let ways = ways.filter(|(((_, side), _), goes_on)| match taken {
                Some(taken) => taken == *side,
                None => *goes_on,
            });
            let ways =
                ways.map(|(((_, side), inside), _)| asked(self, Some(*side)).max(inside.all));
            let lightest = ways.min().unwrap_or(Weight::Caller);
            return Asked {
                all: lightest,
                besides: if leaving { Weight::Nothing } else { lightest },
            };
        }
        if choice {
            let ways = sides.iter().zip(inside).zip(goes_on);
            let ways = ways.filter(|(_, goes_on)| *goes_on);
            let ways: Vec<_> = ways
                .map(|(((_, side), inside), _)| (asked(self, Some(*side)), inside.all))
                .collect();
            let lightest = ways.iter().map(|(asked, inside)| *asked.max(inside)).min();
            let mut lightest = lightest.unwrap_or(Weight::Caller);
            if ways.len() == 2 && (gone.lets || is_modifier(function)) {
                // One of the two ways is a stranger's.
                let most = ways.iter().map(|(_, inside)| *inside).max();
                lightest = lightest.min(most.unwrap_or(Weight::Caller).max(Weight::Anybody));
            }
            return Asked::of(lightest);
        }
        let own = Asked {
            all: asked(self, condition.must),
            besides: match leaving {
                true => Weight::Nothing,
                false => asked(self, condition.must),
            },
        };
        inside.into_iter().fold(own, Asked::max)
    }
}

/// Whether who leaves a function early, or is not let into it by a modifier, still gets what it is
/// about: what it guards comes after it.
fn lets(subject: &Subject<'_>, function: &Node<'_>, first: bool) -> bool {
    let is_entry = is_entry(function);
    let answers = function.tree["returnParameters"]["parameters"].as_array();
    if kind(function.tree) != "FunctionDefinition" || answers.is_some_and(|all| !all.is_empty()) {
        return false;
    }
    match first {
        _ if function.tree["name"] == "_authorizeUpgrade" => true,
        true => !is_entry,
        false => !conditions::changes(subject, &function.tree["body"]),
    }
}

fn is_entry(function: &Node<'_>) -> bool {
    matches!(
        function.tree["visibility"].as_str(),
        Some("public" | "external")
    )
}

pub(super) fn is_modifier(function: &Node<'_>) -> bool {
    kind(function.tree) == "ModifierDefinition"
}

/// Where in its file a node ends.
pub(super) fn end(tree: &Tree) -> usize {
    let length = tree["src"].as_str().and_then(|src| src.split(':').nth(1));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    place(tree).saturating_add(length)
}

/// Whether the function goes on behind an `if` whichever way it took: what matters is not all
/// inside of it, and nothing inside leaves.
pub(super) fn is_choice<'a>(
    subject: &Subject<'a>,
    function: &Node<'a>,
    first: bool,
    lets: bool,
    one: &'a Tree,
) -> bool {
    let (mut jumps, mut bodies) = (false, 0);
    for side in ["trueBody", "falseBody"] {
        let mut body = false;
        visit(&one[side], &mut |tree| {
            jumps |= matches!(kind(tree), "Break" | "Continue");
            body |= kind(tree) == "PlaceholderStatement";
        });
        bodies += usize::from(body);
    }
    if jumps || leaves(&one["trueBody"]) || leaves(&one["falseBody"]) {
        return false;
    }
    if bodies == 1 {
        return lets;
    }
    if is_modifier(function) || (first && !is_entry(function)) {
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

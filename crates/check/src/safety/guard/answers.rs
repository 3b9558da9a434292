//! What it takes that a condition is true, and that it is false: the lightest way there, through the
//! functions that answer it and the variables that keep it.

use super::{
    conditions::{Weight, single},
    flow::Flow,
    is_builtin, leaves,
    truth::always,
    ways::callee,
};
use cutover_types::source::{Node, Tree, id, kind, visit};
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

/// What it takes to be false and to be true; `None` where that never is.
pub(super) type Toll = [Option<Weight>; 2];

const FALSE: Toll = [Some(Weight::Nothing), None];
const TRUE: Toll = [None, Some(Weight::Nothing)];

/// What is known of functions that answer, and of their variables.
#[derive(Default)]
pub(super) struct Answers {
    /// What functions answer; `None` where that is not followed, or not yet.
    functions: HashMap<i64, Option<Toll>>,
    /// What variables are where they are named, by the name's id.
    names: HashMap<i64, Toll>,
}

/// What it takes that a condition inside a function is false, and true.
pub(super) fn toll<'a>(
    flow: &Flow<'_, 'a>,
    inside: &Node<'a>,
    tree: &'a Tree,
    depth: usize,
) -> Toll {
    go(flow, inside, depth);
    let walk = Walk {
        flow,
        inside,
        depth,
    };
    walk.toll(tree, None, depth)
}

/// Both of two things.
fn both(one: Option<Weight>, other: Option<Weight>) -> Option<Weight> {
    Some(one?.max(other?))
}

/// One of two things, whichever is easier.
fn either(one: Option<Weight>, other: Option<Weight>) -> Option<Weight> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

fn each(
    one: Toll,
    other: Toll,
    join: fn(Option<Weight>, Option<Weight>) -> Option<Weight>,
) -> Toll {
    let ([a, b], [c, d]) = (one, other);
    [join(a, c), join(b, d)]
}

/// Goes through a function once, and says what it answers where that is followed.
fn go<'a>(flow: &Flow<'_, 'a>, function: &Node<'a>, depth: usize) -> Option<Toll> {
    let key = id(function.tree);
    if let Some(known) = flow.answers().borrow().functions.get(&key) {
        return *known;
    }
    let depth = depth.checked_sub(1)?;
    flow.answers().borrow_mut().functions.insert(key, None);
    let walk = Walk {
        flow,
        inside: function,
        depth,
    };
    let found = walk.function();
    flow.answers().borrow_mut().functions.insert(key, found);
    found
}

struct Walk<'w, 's, 'a> {
    flow: &'w Flow<'s, 'a>,
    inside: &'w Node<'a>,
    depth: usize,
}

/// What it took to get to some place.
#[derive(Clone)]
struct State {
    /// `None` where nobody gets.
    asked: Option<Weight>,
    /// Of the variables that are followed, the way to there included.
    variables: HashMap<i64, Toll>,
}

impl State {
    fn ask(mut self, asked: Option<Weight>) -> Self {
        self.asked = both(self.asked, asked);
        for toll in self.variables.values_mut() {
            *toll = each(*toll, [asked; 2], both);
        }
        self
    }

    /// Where two ways come together.
    fn join(self, other: Self) -> Self {
        match (self.asked, other.asked) {
            (None, _) => other,
            (_, None) => self,
            _ => Self {
                asked: either(self.asked, other.asked),
                variables: self
                    .variables
                    .into_iter()
                    .filter_map(|(one, toll)| {
                        let other = other.variables.get(&one)?;
                        Some((one, each(toll, *other, either)))
                    })
                    .collect(),
            },
        }
    }

    fn forget(&mut self, tree: &Tree) {
        for one in set_in(tree) {
            self.variables.remove(&one);
        }
    }
}

impl<'a> Walk<'_, '_, 'a> {
    fn function(&self) -> Option<Toll> {
        let tree = self.inside.tree;
        let mut state = State {
            asked: Some(Weight::Nothing),
            variables: HashMap::new(),
        };
        let results = tree["returnParameters"]["parameters"].as_array();
        let result = match results {
            Some([one]) if is_bool(one) => Some(id(one)),
            _ => None,
        };
        state.variables.extend(result.map(|one| (one, FALSE)));
        let exits = RefCell::new(Vec::new());
        let end = self.statement(&tree["body"], state, result, &exits);
        exits.borrow_mut().push(self.leave(&end, result));
        if result.is_none() || opaque(tree) {
            return None;
        }
        let exits: Option<Vec<_>> = exits.into_inner().into_iter().collect();
        let exits = exits?.into_iter();
        exits.reduce(|one, other| each(one, other, either))
    }

    /// What is answered by leaving with what the result is by then.
    fn leave(&self, state: &State, result: Option<i64>) -> Option<Toll> {
        match state.asked {
            None => Some([None; 2]),
            Some(_) => state.variables.get(&result?).copied(),
        }
    }

    fn statement(
        &self,
        tree: &'a Tree,
        mut state: State,
        result: Option<i64>,
        exits: &RefCell<Vec<Option<Toll>>>,
    ) -> State {
        let nobody = |mut state: State| {
            state.asked = None;
            state
        };
        match kind(tree) {
            "Block" | "UncheckedBlock" => {
                let all = tree["statements"].as_array().into_iter().flatten();
                all.fold(state, |state, one| {
                    self.statement(one, state, result, exits)
                })
            }
            "VariableDeclarationStatement" => {
                let value = &tree["initialValue"];
                let toll = match value.is_null() {
                    true => FALSE,
                    false => self.toll(value, Some(&state), self.depth),
                };
                if let Some([one]) = tree["declarations"].as_array()
                    && is_bool(one)
                {
                    let toll = each(toll, [state.asked; 2], both);
                    state.variables.insert(id(one), toll);
                }
                state
            }
            "ExpressionStatement" => self.expression(&tree["expression"], state),
            "IfStatement" => {
                let [no, yes] = self.toll(&tree["condition"], Some(&state), self.depth);
                let taken = state.clone().ask(yes);
                let taken = self.statement(&tree["trueBody"], taken, result, exits);
                let other = self.statement(&tree["falseBody"], state.ask(no), result, exits);
                taken.join(other)
            }
            "Return" => {
                let value = &tree["expression"];
                let found = match value.is_null() {
                    true => self.leave(&state, result),
                    false => {
                        let toll = self.toll(value, Some(&state), self.depth);
                        Some(each(toll, [state.asked; 2], both))
                    }
                };
                exits.borrow_mut().push(found);
                nobody(state)
            }
            "Break" | "Continue" | "RevertStatement" | "Throw" => nobody(state),
            "ForStatement" | "WhileStatement" | "DoWhileStatement" | "TryStatement" => {
                state.forget(tree);
                for part in ["initializationExpression", "body"] {
                    self.statement(&tree[part], state.clone(), result, exits);
                }
                for clause in tree["clauses"].as_array().into_iter().flatten() {
                    self.statement(&clause["block"], state.clone(), result, exits);
                }
                state
            }
            _ => {
                state.forget(tree);
                state
            }
        }
    }

    fn expression(&self, tree: &'a Tree, mut state: State) -> State {
        let subject = self.flow.subject();
        let left = &tree["leftHandSide"];
        let called = callee(tree);
        match kind(tree) {
            "Assignment" if tree["operator"] == "=" && kind(left) == "Identifier" => {
                let toll = self.toll(&tree["rightHandSide"], Some(&state), self.depth);
                state.forget(tree);
                if let Some(variable) = left["referencedDeclaration"].as_i64()
                    && is_bool(left)
                    && self.is_local(variable)
                {
                    let toll = each(toll, [state.asked; 2], both);
                    state.variables.insert(variable, toll);
                }
                state
            }
            "FunctionCall"
                if matches!(called["name"].as_str(), Some("require" | "assert"))
                    && is_builtin(subject, called) =>
            {
                let [_, yes] = self.toll(&tree["arguments"][0], Some(&state), self.depth);
                state.ask(yes)
            }
            "FunctionCall" if called["name"] == "revert" && is_builtin(subject, called) => {
                state.asked = None;
                state
            }
            _ => {
                state.forget(tree);
                state
            }
        }
    }

    fn is_local(&self, variable: i64) -> bool {
        let variable = self.flow.subject().index.get(variable);
        variable.is_some_and(|one| one.tree["stateVariable"] != true)
    }

    fn toll(&self, tree: &'a Tree, state: Option<&State>, depth: usize) -> Toll {
        let Some(depth) = depth.checked_sub(1) else {
            return [Some(Weight::Caller); 2];
        };
        let part = |part: &'a Tree| self.toll(part, state, depth);
        let turned = |[no, yes]: Toll| [yes, no];
        let operator = tree["operator"].as_str().unwrap_or_default();
        let sides = [&tree["leftExpression"], &tree["rightExpression"]];
        let given = |side: &Tree| {
            let value = (kind(side) == "Literal").then(|| side["value"].as_str())?;
            value.and_then(|value| value.parse::<bool>().ok())
        };
        match (kind(tree), operator) {
            ("TupleExpression", _)
                if tree["components"]
                    .as_array()
                    .is_some_and(|all| all.len() == 1) =>
            {
                part(&tree["components"][0])
            }
            ("UnaryOperation", "!") => turned(part(&tree["subExpression"])),
            ("BinaryOperation", "&&" | "||") => {
                let [[a, b], [c, d]] = sides.map(part);
                match operator {
                    "&&" => [either(a, c), both(b, d)],
                    _ => [both(a, c), either(b, d)],
                }
            }
            ("BinaryOperation", "==" | "!=") if sides.iter().any(|side| given(side).is_some()) => {
                let [left, right] = sides;
                let (of, is) = match given(right) {
                    Some(is) => (left, is),
                    None => (right, given(left) == Some(true)),
                };
                match is == (operator == "==") {
                    true => part(of),
                    false => turned(part(of)),
                }
            }
            ("Conditional", _) => {
                let [no, yes] = part(&tree["condition"]);
                let one = each([yes; 2], part(&tree["trueExpression"]), both);
                let other = each([no; 2], part(&tree["falseExpression"]), both);
                each(one, other, either)
            }
            ("Literal", _) => match given(tree) {
                Some(true) => TRUE,
                Some(false) => FALSE,
                None => self.leaf(tree),
            },
            ("Identifier", _) => self.name(tree, state),
            ("FunctionCall", _) => {
                let called = self.flow.inner(self.inside, tree);
                let found = called.and_then(|called| go(self.flow, &called, depth));
                found.unwrap_or_else(|| self.leaf(tree))
            }
            _ => self.leaf(tree),
        }
    }

    fn name(&self, tree: &'a Tree, state: Option<&State>) -> Toll {
        let here = state.and_then(|state| {
            let variable = tree["referencedDeclaration"].as_i64()?;
            state.variables.get(&variable).copied()
        });
        if let Some(here) = here {
            let mut answers = self.flow.answers().borrow_mut();
            answers.names.insert(id(tree), here);
            return here;
        }
        let known = self.flow.answers().borrow().names.get(&id(tree)).copied();
        known.unwrap_or_else(|| self.leaf(tree))
    }

    fn leaf(&self, tree: &'a Tree) -> Toll {
        match always(self.flow, self.inside, tree) {
            Some(true) => TRUE,
            Some(false) => FALSE,
            None => [false, true].map(|must| Some(single(self.flow, self.inside, tree, must))),
        }
    }
}

/// Whether what a function answers is decided where that is not followed: in assembly, or by what
/// another contract did.
fn opaque(function: &Tree) -> bool {
    let mut found = false;
    visit(&function["body"], &mut |tree| {
        found |= match kind(tree) {
            "InlineAssembly" | "TryStatement" => leaves(tree),
            _ => false,
        };
    });
    found
}

/// Local variables that are set somewhere in a part of a function.
fn set_in(part: &Tree) -> HashSet<i64> {
    let mut found = HashSet::new();
    let mut add = |tree: &Tree| found.extend(tree["referencedDeclaration"].as_i64());
    visit(part, &mut |tree| match kind(tree) {
        "Assignment" => visit(&tree["leftHandSide"], &mut add),
        "UnaryOperation" => add(&tree["subExpression"]),
        _ => {}
    });
    visit(part, &mut |tree| {
        if kind(tree) == "InlineAssembly" {
            visit(&tree["externalReferences"], &mut |one| {
                found.extend(one["declaration"].as_i64());
            });
        }
    });
    found
}

fn is_bool(tree: &Tree) -> bool {
    tree["typeDescriptions"]["typeIdentifier"] == "t_bool"
}

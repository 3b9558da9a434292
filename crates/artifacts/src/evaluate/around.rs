//! Which variables' slots an expression starts from, when where it leads cannot be told.

use super::{Evaluator, Expression, Frame, Yul, places::is_slot, type_name};
use crate::functions::{Definition, called, declaration, parameters, references};
use cutover_types::source::{Tree, id, kind, visit};
use std::collections::{BTreeSet, HashSet};

/// What is under way, and what was found.
struct Walk<'n, 'a> {
    /// Variables that are being followed, so that no circle is.
    variables: HashSet<(i64, bool)>,
    locals: HashSet<(&'a str, bool)>,
    near: &'n mut BTreeSet<i64>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
struct At {
    frame: usize,
    /// Whether something is worked out with it. A slot as it is belongs to its variable.
    moved: bool,
    depth: usize,
}

impl At {
    fn moved(self) -> Self {
        Self {
            moved: true,
            ..self
        }
    }
}

impl<'a> Evaluator<'a, '_> {
    /// Adds the variables so and so far from whose slots an expression may lead. A hash leads nowhere near.
    pub(super) fn around(
        &mut self,
        expression: Expression<'a>,
        frame: usize,
        near: &mut BTreeSet<i64>,
    ) {
        let mut walk = Walk {
            variables: HashSet::new(),
            locals: HashSet::new(),
            near,
        };
        let at = At {
            frame,
            moved: false,
            depth: 0,
        };
        if let Expression::Yul(yul) = expression {
            self.around_yul(yul, at, &mut walk);
        }
    }

    fn around_yul(&mut self, yul: Yul<'a>, at: At, walk: &mut Walk<'_, 'a>) {
        let Some(at) = self.deeper(at) else {
            return;
        };
        let Yul { block, value } = yul;
        let name = value["name"].as_str().unwrap_or_default();
        match kind(value) {
            "YulIdentifier" => {
                let references = references(block);
                self.steps = self.steps.saturating_sub(references.len() / 8);
                match declaration(&references, value) {
                    Some(id) if is_slot(name) && self.is_stored(id) => {
                        walk.near.extend(at.moved.then_some(id));
                    }
                    Some(id) => self.around_variable(id, at, walk),
                    None => self.around_local(block, name, at, walk),
                }
            }
            "YulFunctionCall" => {
                let name = value["functionName"]["name"].as_str().unwrap_or_default();
                match name {
                    "add" | "sub" | "mul" | "div" | "mod" | "addmod" | "mulmod" | "and" | "or"
                    | "xor" | "not" | "shl" | "shr" | "sar" => {
                        for value in value["arguments"].as_array().into_iter().flatten() {
                            self.around_yul(Yul { block, value }, at.moved(), walk);
                        }
                    }
                    _ => {
                        for result in results(block, name) {
                            self.around_local(block, result, at, walk);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// A variable of an assembly block itself: all that is ever put there.
    fn around_local(&mut self, block: &'a Tree, name: &'a str, at: At, walk: &mut Walk<'_, 'a>) {
        if !walk.locals.insert((name, at.moved)) {
            return;
        }
        let (values, looked) = values(block, name);
        self.steps = self.steps.saturating_sub(looked / 8);
        for value in values {
            self.around_yul(Yul { block, value }, at, walk);
        }
        walk.locals.remove(&(name, at.moved));
    }

    /// A local variable of Solidity, a parameter, a result.
    fn around_variable(&mut self, variable: i64, at: At, walk: &mut Walk<'_, 'a>) {
        let Some(here) = self.frames.get(at.frame) else {
            return;
        };
        // What a state variable holds is no slot of one.
        let local = self.index.get(variable);
        let local = local.is_some_and(|node| node.tree["stateVariable"] != true);
        if !local || !walk.variables.insert((variable, at.moved)) {
            return;
        }
        let place = parameters(here.function.tree)
            .iter()
            .position(|parameter| id(parameter) == variable);
        let given = place.and_then(|place| Some((here.caller?, *here.arguments.get(place)?)));
        if let Some((frame, argument)) = given {
            self.around_solidity(argument, At { frame, ..at }, walk);
        }
        let functions = self.functions;
        for value in functions.values(variable) {
            match *value {
                Definition::Solidity(value) => self.around_solidity(value, at, walk),
                Definition::Yul(block, value) => self.around_yul(Yul { block, value }, at, walk),
                Definition::Unclear => {}
            }
        }
        walk.variables.remove(&(variable, at.moved));
    }

    fn around_solidity(&mut self, tree: &'a Tree, at: At, walk: &mut Walk<'_, 'a>) {
        let Some(at) = self.deeper(at) else {
            return;
        };
        let declared = tree["referencedDeclaration"].as_i64();
        match kind(tree) {
            "Identifier" | "MemberAccess" if declared.is_some_and(|id| self.is_stored(id)) => {
                let pointed = at.moved && is_pointed_at(tree);
                walk.near.extend(declared.filter(|_| pointed));
            }
            "Identifier" => {
                if let Some(id) = declared {
                    self.around_variable(id, at, walk);
                }
            }
            "MemberAccess" if is_pointed_at(&tree["expression"]) => {
                self.around_solidity(&tree["expression"], at, walk);
            }
            // Entries of a mapping and of a dynamic array are at hashes.
            "IndexAccess" => {
                let base = &tree["baseExpression"];
                let name = type_name(base);
                if !name.starts_with("mapping(") && !name.contains("[] ") {
                    self.around_solidity(base, at, walk);
                }
            }
            "TupleExpression" => {
                for part in tree["components"].as_array().into_iter().flatten() {
                    self.around_solidity(part, at, walk);
                }
            }
            "Conditional" => {
                for part in ["trueExpression", "falseExpression"] {
                    self.around_solidity(&tree[part], at, walk);
                }
            }
            "BinaryOperation" | "UnaryOperation" | "Assignment" => {
                for part in [
                    "leftExpression",
                    "rightExpression",
                    "subExpression",
                    "leftHandSide",
                    "rightHandSide",
                ] {
                    self.around_solidity(&tree[part], at.moved(), walk);
                }
            }
            "FunctionCall" => self.around_call(tree, at, walk),
            _ => {}
        }
    }

    fn around_call(&mut self, tree: &'a Tree, at: At, walk: &mut Walk<'_, 'a>) {
        let Some((function, arguments)) = called(self.index, self.linearized, tree) else {
            let callee = tree["expression"]["memberName"].as_str();
            if tree["kind"] == "typeConversion" || matches!(callee, Some("wrap" | "unwrap")) {
                self.around_solidity(&tree["arguments"][0], at, walk);
            }
            return;
        };
        self.frames.push(Frame {
            function,
            arguments,
            caller: Some(at.frame),
        });
        let frame = self.frames.len() - 1;
        let at = At { frame, ..at };
        let functions = self.functions;
        for one in functions.returns(id(function.tree)) {
            self.around_solidity(&one["expression"], at, walk);
        }
        let results = function.tree["returnParameters"]["parameters"].as_array();
        for result in results.into_iter().flatten() {
            self.around_variable(id(result), at, walk);
        }
        self.frames.truncate(frame);
    }

    fn deeper(&mut self, at: At) -> Option<At> {
        self.step(at.depth).ok()?;
        Some(At {
            depth: at.depth + 1,
            ..at
        })
    }
}

/// Whether an expression is a place in storage, and not what is there.
fn is_pointed_at(tree: &Tree) -> bool {
    let name = type_name(tree);
    name.starts_with("mapping(") || name.contains(" storage ")
}

/// What a function of an assembly block calls its results.
fn results<'a>(block: &'a Tree, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    visit(&block["AST"], &mut |tree| {
        if kind(tree) == "YulFunctionDefinition" && tree["name"] == name {
            let results = tree["returnVariables"].as_array().into_iter().flatten();
            found.extend(results.filter_map(|one| one["name"].as_str()));
        }
    });
    found
}

/// All that is put into a variable of an assembly block, arguments included, and how many nodes were looked at.
fn values<'a>(block: &'a Tree, name: &str) -> (Vec<&'a Tree>, usize) {
    let place = |list: &Tree| {
        let mut names = list.as_array().unwrap_or_default().iter();
        names.position(|one| one["name"] == name)
    };
    let (mut found, mut looked) = (Vec::new(), 0);
    let mut functions = Vec::new();
    visit(&block["AST"], &mut |tree| {
        looked += 1;
        let names = match kind(tree) {
            "YulVariableDeclaration" => &tree["variables"],
            "YulAssignment" => &tree["variableNames"],
            "YulFunctionDefinition" => {
                let function = tree["name"].as_str();
                functions.extend(function.zip(place(&tree["parameters"])));
                return;
            }
            _ => return,
        };
        if place(names).is_some() {
            found.push(&tree["value"]);
        }
    });
    if !functions.is_empty() {
        visit(&block["AST"], &mut |tree| {
            looked += 1;
            let callee = tree["functionName"]["name"].as_str();
            let given = functions.iter().filter(|(name, _)| callee == Some(name));
            found.extend(given.filter_map(|(_, place)| tree["arguments"].get(*place)));
        });
    }
    (found, looked)
}

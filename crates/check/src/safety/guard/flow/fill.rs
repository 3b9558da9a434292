//! Hands what values are made of on along assignments, calls and results.

use super::Flow;
use crate::safety::guard::{
    conditions::is_bare,
    has_token,
    marks::{Marks, Value},
    ways::callee,
    writes::place,
};
use cutover_types::source::{Node, Tree, id, is_own, kind, visit};
use std::collections::HashSet;

impl<'a> Flow<'_, 'a> {
    pub(super) fn add(&mut self, id: i64, value: &Value) {
        let entry = self.values.entry(id).or_default();
        let size = |value: &Value| (value.marks, value.states.len(), value.from.len());
        let before = size(entry);
        entry.add(value);
        if before != size(entry) {
            self.changed = true;
            self.copies.get_mut().clear();
        }
    }

    /// Hands marks on along assignments, calls and results.
    pub(super) fn go_through(&mut self, function: &Node<'a>) {
        let own_id = id(function.tree);
        let mut found: Vec<(i64, Value)> = Vec::new();
        // Where it leaves with what its results are by then.
        let mut ends = Vec::new();
        visit(function.tree, &mut |tree| match kind(tree) {
            "Return" if tree["expression"].is_null() => ends.push(place(tree)),
            "VariableDeclarationStatement" => {
                let value = &tree["initialValue"];
                let all = tree["declarations"].as_array().into_iter().flatten();
                let values = self.results(function, value);
                for (place, one) in all.enumerate() {
                    found.push((id(one), values.at(place)));
                }
            }
            "Assignment" => {
                let values = self.results(function, &tree["rightHandSide"]);
                let left = &tree["leftHandSide"];
                match left["components"].as_array() {
                    Some(parts) => {
                        for (place, part) in parts.iter().enumerate() {
                            if kind(part) == "Identifier" {
                                self.assigned(part, &values.at(place), &mut found);
                            }
                        }
                    }
                    None => self.assigned(left, &values.at(0), &mut found),
                }
            }
            "Return" => found.push((own_id, self.value(function, &tree["expression"]))),
            // What is done under a condition tells about the condition.
            "IfStatement" | "WhileStatement" | "DoWhileStatement" | "ForStatement" => {
                let value = self.value(function, &tree["condition"]);
                for part in ["trueBody", "falseBody", "body"] {
                    visit(&tree[part], &mut |inner| match kind(inner) {
                        "Assignment" => self.assigned(&inner["leftHandSide"], &value, &mut found),
                        "Return" => found.push((own_id, value.clone())),
                        _ => {}
                    });
                }
            }
            // So does what is done after a call that may have failed.
            "TryStatement" => {
                let call = &tree["externalCall"];
                let mut value = self.value(function, call);
                if is_own(&callee(call)["expression"]) {
                    // Whether it fails may depend on all that it is given.
                    value.add(&self.value(function, &call["arguments"]));
                    value.marks |= Marks::THIS | Marks::AWAY;
                }
                for clause in tree["clauses"].as_array().into_iter().flatten() {
                    let given = clause["parameters"]["parameters"].as_array();
                    let given = given.into_iter().flatten();
                    found.extend(given.map(|one| (id(one), value.clone())));
                    visit(&clause["block"], &mut |inner| match kind(inner) {
                        "Assignment" => self.assigned(&inner["leftHandSide"], &value, &mut found),
                        "Return" => found.push((own_id, value.clone())),
                        _ => {}
                    });
                }
            }
            "FunctionCall" => {
                self.passed(function, callee(tree), tree, &mut found);
            }
            "ModifierInvocation" => {
                self.passed(function, &tree["modifierName"], tree, &mut found);
            }
            "InlineAssembly" => {
                let (inside, outside) = self.of_assembly(function, tree);
                let mut value = Value {
                    marks: inside | outside,
                    ..Value::default()
                };
                for variable in self.outer(tree) {
                    if variable.tree["stateVariable"] == true {
                        value.states.insert(id(variable.tree));
                    } else if let Some(known) = self.known(&variable, place(tree)) {
                        value.states.extend(&known.states);
                    }
                }
                for variable in self.set_by(tree).into_iter().chain(self.filled_by(tree)) {
                    if variable.tree["stateVariable"] != true {
                        let version = self.versions.at(id(variable.tree), place(tree));
                        found.push((version, value.clone()));
                    }
                }
            }
            _ => {}
        });
        let results = &function.tree["returnParameters"]["parameters"];
        for result in results.as_array().into_iter().flatten() {
            for place in ends.iter().copied().chain([usize::MAX]) {
                let version = self.versions.at(id(result), place);
                let known = self.values.get(&version).cloned();
                found.extend(known.map(|known| (own_id, known)));
            }
        }
        for (to, value) in found {
            self.add(to, &value);
        }
    }

    /// What is put into the variables that an expression is assigned to.
    fn results(&self, function: &Node<'a>, tree: &'a Tree) -> Results {
        let value = self.value(function, tree);
        let bare = kind(tree) == "FunctionCall" && is_bare(callee(tree));
        Results {
            bare: bare && !self.only_fails(tree),
            value,
        }
    }

    /// Whether what a call names has no answer but to fail.
    fn only_fails(&self, call: &Tree) -> bool {
        let mut found = false;
        visit(&call["arguments"], &mut |tree| {
            let named = tree["referencedDeclaration"].as_i64();
            let named = named.and_then(|id| self.subject.index.get(id));
            found |= named.is_some_and(|named| {
                let results = &named.tree["returnParameters"]["parameters"];
                kind(named.tree) == "FunctionDefinition"
                    && results.as_array().is_some_and(<[_]>::is_empty)
            });
        });
        found
    }

    /// The variables on the left of an assignment.
    fn assigned(&self, left: &Tree, value: &Value, found: &mut Vec<(i64, Value)>) {
        match kind(left) {
            "Identifier" => {
                let one = self.variable(left);
                // What was put into state may be another caller's by the time it is asked.
                let one = one.filter(|one| one.tree["stateVariable"] != true);
                let one = one.map(|one| self.versions.set(id(one.tree), left));
                found.extend(one.map(|one| (one, value.clone())));
            }
            "TupleExpression" => {
                for part in left["components"].as_array().into_iter().flatten() {
                    if kind(part) == "Identifier" {
                        self.assigned(part, value, found);
                    }
                }
            }
            // A part of a local struct or array.
            "MemberAccess" | "IndexAccess" => {
                let mut base = left;
                while let "MemberAccess" | "IndexAccess" = kind(base) {
                    base = match kind(base) {
                        "MemberAccess" => &base["expression"],
                        _ => &base["baseExpression"],
                    };
                }
                let local = self.variable(base).filter(|base| {
                    base.tree["stateVariable"] != true && base.tree["storageLocation"] == "memory"
                });
                let local = local.map(|one| self.versions.at(id(one.tree), place(base)));
                found.extend(local.map(|one| (one, value.clone())));
            }
            _ => {}
        }
    }

    /// The parameters of what is called.
    fn passed(
        &self,
        function: &Node<'a>,
        callee: &'a Tree,
        call: &'a Tree,
        found: &mut Vec<(i64, Value)>,
    ) {
        let Some(called) = self.target(function, callee) else {
            return;
        };
        let given = call["arguments"].as_array().unwrap_or_default();
        let parameters = called.tree["parameters"]["parameters"].as_array();
        let parameters = parameters.unwrap_or_default();
        let named = call["names"].as_array().is_some_and(|all| !all.is_empty());
        if named || parameters.len() < given.len() {
            let value = self.value(function, call);
            found.extend(parameters.iter().map(|one| (id(one), value.clone())));
            return;
        }
        // `using for`: what stands before the dot is the first argument.
        let bound = parameters.len() - given.len();
        let first = (bound > 0).then(|| &callee["expression"]);
        for (parameter, argument) in parameters.iter().zip(first.into_iter().chain(given)) {
            found.push((id(parameter), self.value(function, argument)));
        }
    }

    /// Variables that a block of assembly assigns to; all that it names, where it is kept as text.
    fn set_by(&self, block: &Tree) -> Vec<Node<'a>> {
        if !block["operations"].is_null() {
            return self.outer(block);
        }
        let mut places = HashSet::new();
        visit(block, &mut |tree| {
            if kind(tree) == "YulAssignment" {
                let names = tree["variableNames"].as_array().into_iter().flatten();
                places.extend(names.filter_map(|name| name["src"].as_str()));
            }
        });
        let mut found = Vec::new();
        visit(&block["externalReferences"], &mut |tree| {
            if tree["src"]
                .as_str()
                .is_some_and(|place| places.contains(place))
            {
                let declared = tree["declaration"].as_i64();
                found.extend(declared.and_then(|id| self.subject.index.get(id)));
            }
        });
        found
    }

    /// Variables in memory that a block of assembly may write a part of.
    fn filled_by(&self, block: &Tree) -> Vec<Node<'a>> {
        let mut fills = has_token(block["operations"].as_str().unwrap_or_default(), "mstore");
        visit(block, &mut |tree| {
            fills |= tree["functionName"]["name"] == "mstore"
        });
        let mut all = self.outer(block);
        all.retain(|one| fills && one.tree["storageLocation"] == "memory");
        all
    }
}

/// The value of an expression, which may be several.
struct Results {
    value: Value,
    /// Whether the first one says whether another contract answered, and the second one what.
    bare: bool,
}

impl Results {
    fn at(&self, place: usize) -> Value {
        let mut value = self.value.clone();
        match place {
            _ if !self.bare => {}
            0 => value.marks |= Marks::SUCCESS,
            _ => value.marks |= Marks::DATA,
        }
        value
    }
}

//! What values are made of: asking a flow that is filled.

use super::{Flow, is_foreign, is_stored};
use crate::safety::guard::{
    conditions::MAX_DEPTH,
    evaluate::{TIME, evaluate},
    has_token,
    marks::{Marks, Value},
    ways::callee,
    writes::place,
};
use alloy_primitives::U256;
use cutover_types::source::{Node, Tree, id, is_own, kind, visit, visit_while};
use std::collections::{BTreeSet, HashSet};

/// A time that no delay reaches from zero.
const LATER: U256 = U256::from_limbs([1 << 40, 0, 0, 0]);

impl<'a> Flow<'_, 'a> {
    /// What an expression inside a function depends on.
    pub(in crate::safety::guard) fn of(&self, inside: &Node<'a>, tree: &'a Tree) -> Marks {
        self.value(inside, tree).marks
    }

    /// What an expression inside a function depends on, and which state.
    pub(in crate::safety::guard) fn value(&self, inside: &Node<'a>, tree: &'a Tree) -> Value {
        let mut value = Value::default();
        // What a member of a struct is taken from: that member is read, and no more of it.
        let mut around = HashSet::new();
        visit_while(tree, &mut |node| {
            let member = node["memberName"].as_str();
            if kind(node) == "MemberAccess"
                && matches!(member, Some("code" | "codehash" | "balance"))
            {
                // What the contract has is not where it is: state, as OpenZeppelin's initializers ask it.
                let mut whose = self.value(inside, &node["expression"]);
                if whose.marks.any(Marks::THIS) {
                    whose.marks = whose.marks.without(Marks::THIS) | Marks::OTHER | Marks::AWAY;
                }
                value.add(&whose);
                return false;
            }
            let states_count = !around.contains(&id(node));
            if kind(node) == "FunctionCall" && is_foreign(callee(node)) {
                value.add(&self.answer(inside, node));
                return false;
            }
            let called = match kind(node) {
                "FunctionCall" => self.inner(inside, node),
                _ => self.target(inside, node),
            };
            if let Some(called) = called {
                match self.values.get(&id(called.tree)) {
                    Some(known) if states_count => value.add(known),
                    Some(known) => value.marks |= known.marks,
                    None => {}
                }
                // What a function makes of what it is given is in its result.
                if kind(node) == "FunctionCall" {
                    return false;
                }
            }
            match (kind(node), node["name"].as_str()) {
                ("MemberAccess", _) => {
                    let of = node["expression"]["name"].as_str();
                    match (of, node["memberName"].as_str()) {
                        (Some("msg"), Some("sender")) if self.has_caller(inside) => {
                            value.marks |= Marks::SENDER;
                        }
                        (Some("tx"), Some("origin")) => value.marks |= Marks::ORIGIN,
                        _ => {}
                    }
                }
                ("Identifier", Some("this")) => value.marks |= Marks::THIS,
                ("Identifier", Some("block" | "now")) => {
                    value.marks |= Marks::BLOCK | Marks::AWAY;
                }
                ("Identifier", Some("ecrecover")) => {
                    value.marks |= Marks::SIGNER | Marks::AWAY;
                }
                ("Literal", _) if is_address(node) => value.marks |= Marks::OTHER,
                _ => {}
            }
            if let Some(variable) = self.variable(node) {
                let known = self.known(&variable, place(node));
                value.marks |=
                    known.map_or(own(variable.tree), |known| known.marks | own(variable.tree));
                let member = kind(node) == "MemberAccess" && variable.tree["stateVariable"] != true;
                if is_stored(node, &variable)
                    || (member && self.copied(inside, &node["expression"]))
                {
                    if states_count {
                        value.states.insert(id(variable.tree));
                        if member {
                            value.from.extend(self.roots(inside, &node["expression"]));
                        }
                    }
                    if member {
                        around.extend(taken_from(node));
                    }
                } else if let Some(known) = known.filter(|_| states_count) {
                    value.states.extend(&known.states);
                    value.from.extend(&known.from);
                }
            }
            true
        });
        value
    }

    /// What another contract's answer depends on; what the contract's own does, where it is asked.
    fn answer(&self, inside: &Node<'a>, call: &'a Tree) -> Value {
        let callee = callee(call);
        let member = kind(callee) == "MemberAccess";
        if member && is_own(&callee["expression"]) {
            if let Some(called) = self.target(inside, callee) {
                let known = self.values.get(&id(called.tree));
                return known.cloned().unwrap_or_default();
            }
            if let Some(variable) = self.variable(callee) {
                return Value {
                    marks: own(variable.tree),
                    states: [id(variable.tree)].into(),
                    ..Value::default()
                };
            }
        }
        let asked = match member {
            true => self.value(inside, &callee["expression"]),
            false => self.value(inside, callee),
        };
        let mut value = Value::default();
        for argument in call["arguments"].as_array().into_iter().flatten() {
            value.add(&self.value(inside, argument));
        }
        if !asked.marks.any(Marks::OTHER | Marks::THIS) {
            // Whom the caller chose says what the caller likes, whatever it is asked.
            value.marks = value
                .marks
                .without(Marks::OTHER | Marks::THIS | Marks::FIXED);
            value.states.clear();
        }
        value.add(&asked);
        value.marks |= Marks::ANSWER | Marks::AWAY;
        value
    }

    /// Whether a condition holds for somebody of whom no mapping has an entry.
    pub(in crate::safety::guard) fn lets_in(
        &self,
        inside: &Node<'a>,
        tree: &'a Tree,
        must: bool,
    ) -> bool {
        let unset = |id| {
            let variable = self.subject.index.get(id);
            match variable {
                _ if id == TIME => Some(LATER),
                Some(one) if kind(&one.tree["typeName"]) == "Mapping" => Some(U256::ZERO),
                _ => None,
            }
        };
        let holds = evaluate(self.subject, inside, tree, &unset, MAX_DEPTH);
        holds.is_some_and(|holds| holds.is_zero() != must)
    }

    /// Whether no function ever changes these.
    pub(in crate::safety::guard) fn keeps(&self, states: &BTreeSet<i64>) -> bool {
        let mut all = states.iter().filter_map(|id| self.subject.index.get(*id));
        all.all(|one| one.tree["mutability"] == "immutable")
    }

    /// What a variable that assembly names depends on.
    pub(in crate::safety::guard) fn named(&self, variable: &Node<'_>, at: &Tree) -> Marks {
        let known = self.known(variable, place(at));
        own(variable.tree) | known.map_or_else(Marks::default, |known| known.marks)
    }

    /// Whether `msg.sender` in a function is the caller.
    pub(in crate::safety::guard) fn has_caller(&self, inside: &Node<'_>) -> bool {
        !self.as_itself.contains(&id(inside.tree))
    }

    /// What a block of assembly looks at by itself, and through variables from outside of it.
    pub(in crate::safety::guard) fn of_assembly(
        &self,
        inside: &Node<'a>,
        block: &Tree,
    ) -> (Marks, Marks) {
        let mut marks = Marks::default();
        let words = [
            ("caller", Marks::SENDER),
            ("origin", Marks::ORIGIN),
            ("address", Marks::THIS),
            ("sload", Marks::OTHER),
            ("call", Marks::OTHER),
            ("staticcall", Marks::OTHER),
            ("timestamp", Marks::BLOCK),
            ("number", Marks::BLOCK),
        ];
        let text = block["operations"].as_str().unwrap_or_default();
        for (word, mark) in words {
            if has_token(text, word) {
                marks |= mark;
            }
        }
        visit(block, &mut |tree| {
            let called = tree["functionName"]["name"].as_str();
            for (word, mark) in words {
                if called == Some(word) {
                    marks |= mark;
                }
            }
        });
        let mut outside = Marks::default();
        for variable in self.outer(block) {
            let known = self.known(&variable, place(block));
            let known = known.map_or_else(Marks::default, |known| known.marks);
            outside |= known | own(variable.tree);
        }
        if !self.has_caller(inside) {
            marks = marks.without(Marks::SENDER);
        }
        let asks_code = ["extcodesize", "extcodehash"];
        let mut code = asks_code.iter().any(|word| has_token(text, word));
        visit(block, &mut |tree| {
            let called = tree["functionName"]["name"].as_str();
            code |= called.is_some_and(|called| asks_code.contains(&called));
        });
        if code && (marks | outside).any(Marks::THIS) {
            marks = marks.without(Marks::THIS) | Marks::OTHER | Marks::AWAY;
            outside = outside.without(Marks::THIS);
        }
        (marks, outside)
    }

    /// Whether an expression comes from state. Each part of a long one is looked into once.
    fn copied(&self, inside: &Node<'a>, tree: &'a Tree) -> bool {
        let key = std::ptr::from_ref(tree);
        let known = self.copies.borrow().get(&key).copied();
        known.unwrap_or_else(|| {
            let copied = !self.value(inside, tree).states.is_empty();
            self.copies.borrow_mut().insert(key, copied);
            copied
        })
    }

    /// Where what an expression points at lies: the state variable that it is a part of, or the first
    /// member of a struct that nobody knows the place of.
    pub(in crate::safety::guard) fn roots(
        &self,
        inside: &Node<'a>,
        mut tree: &'a Tree,
    ) -> BTreeSet<i64> {
        let mut last = BTreeSet::new();
        loop {
            let variable = self.variable(tree);
            let pointer = match kind(tree) {
                "Identifier" | "MemberAccess"
                    if variable.is_some_and(|one| one.tree["stateVariable"] == true) =>
                {
                    return variable.iter().map(|one| id(one.tree)).collect();
                }
                "IndexAccess" => {
                    tree = &tree["baseExpression"];
                    continue;
                }
                "MemberAccess" => {
                    if let Some(variable) = variable {
                        last = [id(variable.tree)].into();
                    }
                    tree = &tree["expression"];
                    continue;
                }
                "Identifier" => variable.and_then(|one| self.known(&one, place(tree))),
                "FunctionCall" => {
                    let called = self.inner(inside, tree);
                    called.and_then(|called| self.values.get(&id(called.tree)))
                }
                _ => None,
            };
            let roots = pointer.map(Value::root).filter(|roots| !roots.is_empty());
            return roots.cloned().unwrap_or(last);
        }
    }
}

/// The nodes a member or an entry is taken from.
fn taken_from(mut tree: &Tree) -> Vec<i64> {
    let mut found = Vec::new();
    loop {
        tree = match kind(tree) {
            "MemberAccess" | "FunctionCall" => &tree["expression"],
            "IndexAccess" => &tree["baseExpression"],
            _ => return found,
        };
        found.push(id(tree));
    }
}

/// What a variable is by itself.
fn own(variable: &Tree) -> Marks {
    let constant = variable["constant"] == true || variable["mutability"] == "constant";
    if constant && !is_address(variable) {
        Marks::FIXED
    } else if constant
        || variable["stateVariable"] == true
        || variable["storageLocation"] == "storage"
    {
        Marks::OTHER
    } else {
        Marks::default()
    }
}

fn is_address(tree: &Tree) -> bool {
    let type_id = tree["typeDescriptions"]["typeIdentifier"].as_str();
    type_id.is_some_and(|id| id.starts_with("t_address") || id.starts_with("t_contract"))
}

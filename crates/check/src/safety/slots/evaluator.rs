//! What an expression can be: constants, and what a caller hands in, through variables and calls.

use super::{
    MAX_DEPTH, MAX_STEPS, Slot, Source, Subject,
    bindings::{self, Bindings, declared, is_pointer, parameters, results},
    chosen,
};
use crate::safety::constant;
use alloy_primitives::U256;
use cutover_types::source::{Node, Reached, Tree, id, kind, visit};
use std::{cell::Cell, collections::BTreeSet};

/// What one call hands to the function it calls.
pub(super) struct Context<'c, 'a> {
    arguments: Vec<(i64, Source<'a>)>,
    before: Option<&'c Self>,
}

pub(super) struct Evaluator<'s, 'a> {
    subject: &'s Subject<'a>,
    entry: Node<'a>,
    bindings: Bindings<'a>,
    pub(super) steps: Cell<usize>,
}

impl<'s, 'a> Evaluator<'s, 'a> {
    /// For what runs in a function that can be called.
    pub(super) fn of(subject: &'s Subject<'a>, entry: Node<'a>, inside: &[Reached<'a>]) -> Self {
        Self {
            subject,
            entry,
            bindings: Bindings::of(subject, inside),
            steps: Cell::new(MAX_STEPS),
        }
    }

    /// Adds all that an expression can be.
    pub(super) fn add(
        &self,
        source: Source<'a>,
        context: Option<&Context<'_, 'a>>,
        depth: usize,
        found: &mut BTreeSet<Slot>,
    ) {
        let (Some(depth), Some(steps)) = (depth.checked_sub(1), self.steps.get().checked_sub(1))
        else {
            return;
        };
        self.steps.set(steps);
        match source.block {
            Some(block) => self.yul(source, block, context, depth, found),
            None => self.solidity(source, context, depth, found),
        }
    }

    fn solidity(
        &self,
        source: Source<'a>,
        context: Option<&Context<'_, 'a>>,
        depth: usize,
        found: &mut BTreeSet<Slot>,
    ) {
        let Source {
            inside,
            value: tree,
            ..
        } = source;
        if let Some(word) = constant::value(self.subject, inside, tree) {
            found.insert(Slot::Known(word.into()));
            return;
        }
        let part = |value: &'a Tree, found: &mut BTreeSet<Slot>| {
            self.add(Source { value, ..source }, context, depth, found);
        };
        match kind(tree) {
            "Identifier" => {
                if let Some(variable) = tree["referencedDeclaration"].as_i64() {
                    self.variable(variable, context, depth, found);
                }
            }
            "MemberAccess"
                if tree["memberName"] == "data" && tree["expression"]["name"] == "msg" =>
            {
                found.insert(Slot::Chosen(0));
            }
            // A part of what was handed in; what lies in storage was not.
            "MemberAccess" | "IndexAccess" | "IndexRangeAccess" => {
                let base = match kind(tree) {
                    "MemberAccess" => &tree["expression"],
                    _ => &tree["baseExpression"],
                };
                if !is_pointer(base) && is_wide(tree) {
                    let mut whole = BTreeSet::new();
                    part(base, &mut whole);
                    found.extend(chosen(&whole));
                }
            }
            "TupleExpression" => {
                if let Some([one]) = tree["components"].as_array() {
                    part(one, found);
                }
            }
            "Conditional" => {
                part(&tree["trueExpression"], found);
                part(&tree["falseExpression"], found);
            }
            "BinaryOperation"
                if matches!(tree["operator"].as_str(), Some("+" | "-" | "^" | "|")) =>
            {
                let sides = ["leftExpression", "rightExpression"].map(|side| {
                    let mut values = BTreeSet::new();
                    part(&tree[side], &mut values);
                    values
                });
                found.extend(moved(&sides));
            }
            "FunctionCall" if tree["kind"] == "typeConversion" => {
                if is_wide(tree)
                    && let Some(value) = tree["arguments"].get(0)
                {
                    part(value, found);
                }
            }
            "FunctionCall" => self.call(source, context, depth, found),
            _ => {}
        }
    }

    fn call(
        &self,
        source: Source<'a>,
        context: Option<&Context<'_, 'a>>,
        depth: usize,
        found: &mut BTreeSet<Slot>,
    ) {
        let callee = &source.value["expression"];
        if let Some(called) = self.subject.graph.target(&source.inside, callee) {
            let here = Context {
                arguments: bindings::arguments(source, called),
                before: context,
            };
            let results = called.tree["returnParameters"]["parameters"].as_array();
            if let Some([result]) = results {
                self.variable(id(result), Some(&here), depth, found);
            }
        } else if matches!(
            callee["memberName"].as_str(),
            Some("decode" | "wrap" | "unwrap")
        ) && let Some(value) = source.value["arguments"].get(0)
        {
            self.add(Source { value, ..source }, context, depth, found);
        }
    }

    fn variable(
        &self,
        variable: i64,
        context: Option<&Context<'_, 'a>>,
        depth: usize,
        found: &mut BTreeSet<Slot>,
    ) {
        if let Some(here) = context {
            let given = here.arguments.iter().find(|(to, _)| *to == variable);
            if let Some((_, source)) = given {
                return self.add(*source, here.before, depth, found);
            }
        }
        let Some(node) = self.subject.index.get(variable) else {
            return;
        };
        if node.tree["mutability"] == "immutable" || node.tree["constant"] == true {
            for source in bindings::fixed(self.subject, node) {
                self.add(source, None, depth, found);
            }
            return;
        }
        // What lies in storage is nothing that a caller hands in.
        if node.tree["stateVariable"] == true {
            return;
        }
        let own = parameters(self.entry.tree).iter();
        if own.clone().any(|one| id(one) == variable) {
            if is_wide(node.tree) {
                found.insert(Slot::Chosen(variable));
            }
            return;
        }
        for source in self.bindings.of_variable(variable) {
            self.add(*source, context, depth, found);
        }
    }

    fn yul(
        &self,
        source: Source<'a>,
        block: &'a Tree,
        context: Option<&Context<'_, 'a>>,
        depth: usize,
        found: &mut BTreeSet<Slot>,
    ) {
        let tree = source.value;
        let part = |value: &'a Tree| {
            let mut values = BTreeSet::new();
            self.add(Source { value, ..source }, context, depth, &mut values);
            values
        };
        let name = tree["functionName"]["name"].as_str().unwrap_or_default();
        match kind(tree) {
            "YulLiteral" => {
                let number = tree["value"]
                    .as_str()
                    .and_then(|text| text.parse::<U256>().ok());
                found.extend(number.map(|number| Slot::Known(number.into())));
            }
            "YulIdentifier" => match declared(block, tree) {
                Some(variable) => self.variable(variable, context, depth, found),
                None => {
                    let name = tree["name"].as_str().unwrap_or_default();
                    for source in self.bindings.of_assembly(block, name) {
                        self.add(*source, context, depth, found);
                    }
                }
            },
            "YulFunctionCall" if name == "calldataload" => {
                found.insert(Slot::Chosen(0));
            }
            "YulFunctionCall" if name == "not" => {
                if let Some(value) = tree["arguments"].get(0)
                    && let Some(Slot::Known(word)) = part(value).first()
                {
                    let word = !U256::from_be_bytes(word.0);
                    found.insert(Slot::Known(word.into()));
                }
            }
            "YulFunctionCall" if name == "mload" => {
                if let Some(place) = tree["arguments"].get(0) {
                    found.extend(chosen(&part(place)));
                }
            }
            "YulFunctionCall" if matches!(name, "add" | "sub" | "xor" | "or") => {
                if let Some([left, right]) = tree["arguments"].as_array() {
                    let sides = [part(left), part(right)];
                    found.extend(moved(&sides));
                    if let [Some(Slot::Known(left)), Some(Slot::Known(right))] =
                        sides.each_ref().map(BTreeSet::first)
                    {
                        let [left, right] = [*left, *right].map(|word| U256::from_be_bytes(word.0));
                        let word = match name {
                            "add" => left.wrapping_add(right),
                            "sub" => left.wrapping_sub(right),
                            "xor" => left ^ right,
                            _ => left | right,
                        };
                        found.insert(Slot::Known(word.into()));
                    }
                }
            }
            "YulFunctionCall" => {
                for result in results(block, name) {
                    for source in self.bindings.of_assembly(block, result) {
                        self.add(*source, context, depth, found);
                    }
                }
            }
            _ => {}
        }
    }

    /// Adds what the variables in a condition can be.
    pub(super) fn mentioned(&self, condition: Source<'a>, found: &mut BTreeSet<Slot>) {
        visit(condition.value, &mut |value| {
            if matches!(kind(value), "Identifier" | "YulIdentifier")
                || value["functionName"]["name"] == "calldataload"
            {
                self.add(Source { value, ..condition }, None, MAX_DEPTH, found);
            }
        });
    }
}

/// What is as good as chosen: something chosen, so and so far from something that is known.
fn moved(sides: &[BTreeSet<Slot>; 2]) -> Vec<Slot> {
    let known = sides.iter().all(|side| !side.is_empty());
    let all = sides.iter().flat_map(chosen);
    all.filter(|_| known).collect()
}

/// Whether a value of this type can be any slot, or holds one that can.
fn is_wide(tree: &Tree) -> bool {
    let name = tree["typeDescriptions"]["typeString"].as_str();
    let name = name.unwrap_or_default();
    let narrow = name.split(' ').next().is_some_and(|first| {
        let digits = first
            .strip_prefix("uint")
            .or(first.strip_prefix("int"))
            .or(first.strip_prefix("bytes"));
        match first {
            "bytes32" | "uint256" | "int256" | "bytes" => false,
            "address" | "bool" | "contract" | "enum" => true,
            _ => digits.is_some_and(|digits| digits.bytes().all(|one| one.is_ascii_digit())),
        }
    });
    !narrow
}

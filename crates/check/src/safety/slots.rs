//! Slots that functions write by number: constants, and what a caller hands in.

mod asked;
mod bindings;
mod erased;
mod told;

use super::{Subject, constant, guard::runs};
use alloy_primitives::{B256, U256};
pub(super) use asked::asked;
use bindings::{Bindings, declared, is_pointer, parameters, results};
use cutover_types::source::{Node, Reached, Tree, id, kind, visit};
pub(super) use erased::erased;
use std::{cell::Cell, collections::BTreeSet, rc::Rc};
pub(super) use told::is_told;

/// Longest way a slot is followed, and most steps for all that one function writes.
const MAX_DEPTH: usize = 32;
const MAX_STEPS: usize = 4_000;

/// Which slot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Known(B256),
    /// The caller hands it in: the parameter's id, zero for the data of the call as it is.
    Chosen(i64),
}

/// An expression of Solidity, or of the assembly of a block, and the function it is in.
#[derive(Clone, Copy)]
struct Source<'a> {
    inside: Node<'a>,
    block: Option<&'a Tree>,
    value: &'a Tree,
}

/// What one call hands to the function it calls.
struct Context<'c, 'a> {
    arguments: Vec<(i64, Source<'a>)>,
    before: Option<&'c Self>,
}

/// What a function writes by number.
pub(super) struct Slots {
    pub(super) written: BTreeSet<Slot>,
    /// Whether something is asked of what the caller hands in for a slot.
    pub(super) asked: bool,
}

/// The slots that a function which can be called writes, with all that runs in it.
pub(super) fn slots_of<'a>(subject: &Subject<'a>, entry: Node<'a>) -> Rc<Slots> {
    let key = id(entry.tree);
    let known = subject.written.borrow().get(&key).cloned();
    known.unwrap_or_else(|| {
        let found = Rc::new(slots(subject, entry, &runs(subject, entry)));
        subject.written.borrow_mut().insert(key, Rc::clone(&found));
        found
    })
}

/// The slots that a function which can be called writes; `inside` is all that runs in it.
pub(super) fn slots<'a>(subject: &Subject<'a>, entry: Node<'a>, inside: &[Reached<'a>]) -> Slots {
    let mut slots = Slots {
        written: BTreeSet::new(),
        asked: false,
    };
    let writes: Vec<_> = inside.iter().flat_map(|one| writes(one.node)).collect();
    if writes.is_empty() {
        return slots;
    }
    let evaluator = Evaluator::of(subject, entry, inside);
    for write in &writes {
        evaluator.add(*write, None, MAX_DEPTH, &mut slots.written);
    }
    let chosen = |slot: &&Slot| matches!(slot, Slot::Chosen(_));
    if slots.written.iter().any(|slot| chosen(&slot)) {
        let mut asked = BTreeSet::new();
        for condition in inside.iter().flat_map(|one| conditions(one.node)) {
            evaluator.mentioned(condition, &mut asked);
        }
        slots.asked = asked.intersection(&slots.written).any(|slot| chosen(&slot));
    }
    slots
}

/// What expressions can be in all that runs in a function, as far as that is written in the source or
/// handed in.
pub(super) struct Values<'s, 'a> {
    evaluator: Evaluator<'s, 'a>,
}

impl<'s, 'a> Values<'s, 'a> {
    pub(super) fn of(subject: &'s Subject<'a>, entry: Node<'a>, inside: &[Reached<'a>]) -> Self {
        Self {
            evaluator: Evaluator::of(subject, entry, inside),
        }
    }

    pub(super) fn all(&self, inside: Node<'a>, value: &'a Tree) -> BTreeSet<Slot> {
        self.evaluator.steps.set(MAX_STEPS);
        let source = Source {
            inside,
            block: None,
            value,
        };
        let mut found = BTreeSet::new();
        self.evaluator.add(source, None, MAX_DEPTH, &mut found);
        found
    }
}

/// What names the slots that a function writes.
fn writes(inside: Node<'_>) -> Vec<Source<'_>> {
    let mut found = Vec::new();
    visit(inside.tree, &mut |tree| {
        let block = None;
        let target = match kind(tree) {
            "Assignment" => &tree["leftHandSide"],
            "UnaryOperation" if tree["operator"] != "!" => &tree["subExpression"],
            "InlineAssembly" => {
                visit(&tree["AST"], &mut |part| {
                    if part["functionName"]["name"] == "sstore"
                        && let Some(value) = part["arguments"].get(0)
                    {
                        let block = Some(tree);
                        found.push(Source {
                            inside,
                            block,
                            value,
                        });
                    }
                });
                return;
            }
            _ => return,
        };
        let value = &target["expression"];
        if kind(target) == "MemberAccess" && is_pointer(value) {
            found.push(Source {
                inside,
                block,
                value,
            });
        }
    });
    found
}

/// What a function asks before it goes on.
fn conditions(inside: Node<'_>) -> Vec<Source<'_>> {
    let mut found = Vec::new();
    visit(inside.tree, &mut |tree| {
        let mut add = |block, value| {
            found.push(Source {
                inside,
                block,
                value,
            })
        };
        match kind(tree) {
            "IfStatement" | "Conditional" => add(None, &tree["condition"]),
            "FunctionCall"
                if matches!(
                    tree["expression"]["name"].as_str(),
                    Some("require" | "assert")
                ) =>
            {
                add(None, &tree["arguments"]);
            }
            "InlineAssembly" => visit(&tree["AST"], &mut |part| match kind(part) {
                "YulIf" => add(Some(tree), &part["condition"]),
                "YulSwitch" => add(Some(tree), &part["expression"]),
                _ => {}
            }),
            _ => {}
        }
    });
    found
}

struct Evaluator<'s, 'a> {
    subject: &'s Subject<'a>,
    entry: Node<'a>,
    bindings: Bindings<'a>,
    steps: Cell<usize>,
}

impl<'s, 'a> Evaluator<'s, 'a> {
    /// For what runs in a function that can be called.
    fn of(subject: &'s Subject<'a>, entry: Node<'a>, inside: &[Reached<'a>]) -> Self {
        Self {
            subject,
            entry,
            bindings: Bindings::of(subject, inside),
            steps: Cell::new(MAX_STEPS),
        }
    }

    /// Adds all that an expression can be.
    fn add(
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
    fn mentioned(&self, condition: Source<'a>, found: &mut BTreeSet<Slot>) {
        visit(condition.value, &mut |value| {
            if matches!(kind(value), "Identifier" | "YulIdentifier")
                || value["functionName"]["name"] == "calldataload"
            {
                self.add(Source { value, ..condition }, None, MAX_DEPTH, found);
            }
        });
    }
}

fn chosen(slots: &BTreeSet<Slot>) -> impl Iterator<Item = Slot> {
    let all = slots.iter().copied();
    all.filter(|slot| matches!(slot, Slot::Chosen(_)))
}

/// What is as good as chosen: something chosen, so and so far from something that is known.
fn moved(sides: &[BTreeSet<Slot>; 2]) -> Vec<Slot> {
    let known = sides.iter().all(|side| !side.is_empty());
    let all = sides.iter().flat_map(chosen);
    all.filter(|_| known).collect()
}

/// Whether a name in assembly is the slot of a variable.
fn is_variable_slot(tree: &Tree) -> bool {
    let name = tree["name"].as_str().unwrap_or_default();
    name.ends_with(".slot") || name.ends_with("_slot")
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

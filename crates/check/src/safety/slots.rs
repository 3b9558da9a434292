//! Slots that functions write by number: constants, and what a caller hands in.

mod asked;
mod bindings;
mod erased;
mod evaluator;
mod told;

use super::{Subject, guard::runs};
use alloy_primitives::B256;
pub(super) use asked::asked;
use bindings::{declared, is_pointer};
use cutover_types::source::{Node, Reached, Tree, id, kind, visit};
pub(super) use erased::erased;
use evaluator::Evaluator;
use std::{collections::BTreeSet, rc::Rc};
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

fn chosen(slots: &BTreeSet<Slot>) -> impl Iterator<Item = Slot> {
    let all = slots.iter().copied();
    all.filter(|slot| matches!(slot, Slot::Chosen(_)))
}

/// Whether a name in assembly is the slot of a variable.
fn is_variable_slot(tree: &Tree) -> bool {
    let name = tree["name"].as_str().unwrap_or_default();
    name.ends_with(".slot") || name.ends_with("_slot")
}

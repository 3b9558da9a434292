//! Whether all that a function writes by number can be told.

use super::{Evaluator, MAX_DEPTH, Source, Subject, asked::is_variable, is_variable_slot};
use cutover_types::source::{Node, Reached, kind, visit};
use std::collections::BTreeSet;

/// Whether every slot that assembly writes or points at is one whose number shows, a variable's, or
/// a hash of something.
pub(in crate::safety) fn is_told<'a>(
    subject: &Subject<'a>,
    entry: Node<'a>,
    inside: &[Reached<'a>],
) -> bool {
    let targets: Vec<_> = inside.iter().flat_map(|one| targets(one.node)).collect();
    if targets.is_empty() {
        return true;
    }
    let evaluator = Evaluator::of(subject, entry, inside);
    targets.into_iter().all(|target| {
        if is_variable(subject, &target) || target.value["functionName"]["name"] == "keccak256" {
            return true;
        }
        let mut found = BTreeSet::new();
        evaluator.add(target, None, MAX_DEPTH, &mut found);
        !found.is_empty()
    })
}

/// What assembly writes at and lets pointers point at.
fn targets(inside: Node<'_>) -> Vec<Source<'_>> {
    let mut found = Vec::new();
    visit(inside.tree, &mut |tree| {
        if kind(tree) != "InlineAssembly" {
            return;
        }
        visit(&tree["AST"], &mut |part| {
            let value = match kind(part) {
                "YulFunctionCall" if part["functionName"]["name"] == "sstore" => {
                    part["arguments"].get(0)
                }
                "YulAssignment" => {
                    let pointer = part["variableNames"].get(0).is_some_and(is_variable_slot);
                    pointer.then(|| &part["value"])
                }
                _ => None,
            };
            found.extend(value.map(|value| Source {
                inside,
                block: Some(tree),
                value,
            }));
        });
    });
    found
}

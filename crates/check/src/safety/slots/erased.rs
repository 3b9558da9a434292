//! Words at slots by number that a function sets back.

use super::{Evaluator, MAX_DEPTH, Slot, Source, Subject, is_pointer};
use alloy_primitives::B256;
use cutover_types::source::{Node, Reached, kind, visit};
use std::collections::BTreeSet;

/// The slots into which a function puts zero, or something that cannot be told.
pub(in crate::safety) fn erased<'a>(
    subject: &Subject<'a>,
    entry: Node<'a>,
    inside: &[Reached<'a>],
) -> BTreeSet<B256> {
    let stores: Vec<_> = inside.iter().flat_map(|one| stores(one.node)).collect();
    let mut found = BTreeSet::new();
    if stores.is_empty() {
        return found;
    }
    let evaluator = Evaluator::of(subject, entry, inside);
    let all = |source| {
        let mut values = BTreeSet::new();
        evaluator.add(source, None, MAX_DEPTH, &mut values);
        values
    };
    for store in stores {
        let slots = all(store.to);
        let values = store.value.map(all).unwrap_or_default();
        let sets = |value: &Slot| matches!(value, Slot::Known(word) if !word.is_zero());
        if values.is_empty() || !values.iter().all(sets) {
            found.extend(slots.into_iter().filter_map(|slot| match slot {
                Slot::Known(slot) => Some(slot),
                Slot::Chosen(_) => None,
            }));
        }
    }
    found
}

/// A word that is written; what, where the source shows it.
struct Store<'a> {
    to: Source<'a>,
    value: Option<Source<'a>>,
}

fn stores(inside: Node<'_>) -> Vec<Store<'_>> {
    let mut found = Vec::new();
    visit(inside.tree, &mut |tree| {
        let source = |block, value| Source {
            inside,
            block,
            value,
        };
        let (target, value) = match kind(tree) {
            "InlineAssembly" => {
                let block = Some(tree);
                visit(&tree["AST"], &mut |part| {
                    if part["functionName"]["name"] == "sstore"
                        && let Some([to, value]) = part["arguments"].as_array()
                    {
                        found.push(Store {
                            to: source(block, to),
                            value: Some(source(block, value)),
                        });
                    }
                });
                return;
            }
            "Assignment" => {
                let plain = (tree["operator"] == "=").then(|| &tree["rightHandSide"]);
                (&tree["leftHandSide"], plain)
            }
            "UnaryOperation" => (&tree["subExpression"], None),
            _ => return,
        };
        // The one member of what OpenZeppelin's and Solady's libraries put at a slot.
        let pointer = &target["expression"];
        if kind(target) == "MemberAccess" && target["memberName"] == "value" && is_pointer(pointer)
        {
            found.push(Store {
                to: source(None, pointer),
                value: value.map(|value| source(None, value)),
            });
        }
    });
    found
}

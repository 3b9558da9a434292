//! Entries of mappings that functions set, by the mapping's slot and by their keys.

use crate::safety::{
    Subject,
    guard::runs,
    initializers::versions::shape,
    slots::{Slot, Values},
};
use alloy_primitives::{B256, U256, keccak256};
use cutover_types::source::{Node, Tree, kind, visit};
use std::collections::BTreeSet;

/// Most entries that are told apart.
const MAX_ENTRIES: usize = 200;

/// An entry of a mapping.
pub(super) struct Keyed {
    slot: U256,
    keys: Vec<Key>,
}

struct Key {
    /// What it can be, where that is all written in the source.
    words: Option<BTreeSet<B256>>,
    text: String,
}

impl Keyed {
    /// Whether both are one; `None` where that is not known.
    pub(super) fn is(&self, other: &Keyed) -> Option<bool> {
        if self.slot != other.slot {
            return Some(false);
        }
        let mut same = self.keys.len() == other.keys.len();
        for (one, other) in self.keys.iter().zip(&other.keys) {
            match (&one.words, &other.words) {
                (Some(one), Some(other)) if one.is_disjoint(other) => return Some(false),
                (Some(_), Some(_)) => {}
                _ => same &= one.text == other.text,
            }
        }
        same.then_some(true)
    }
}

/// The entries that some functions set, of mappings at `slots` by the variable's id.
pub(super) fn written<'a>(
    subject: &Subject<'a>,
    entries: &[Node<'a>],
    slots: &dyn Fn(i64) -> Vec<U256>,
) -> Vec<Keyed> {
    let mut found = Vec::new();
    for entry in entries {
        let inside = runs(subject, *entry);
        let values = Values::of(subject, *entry, &inside);
        for one in inside.iter() {
            visit(one.node.tree, &mut |tree| {
                let target = match kind(tree) {
                    "Assignment" if tree["rightHandSide"]["value"] != "false" => {
                        &tree["leftHandSide"]
                    }
                    "UnaryOperation" if tree["operator"] == "++" => &tree["subExpression"],
                    _ => return,
                };
                let (base, indexes) = apart(target);
                let named = base["referencedDeclaration"].as_i64();
                if indexes.is_empty() || found.len() >= MAX_ENTRIES {
                    return;
                }
                for slot in named.map(slots).into_iter().flatten() {
                    let keys = indexes.iter().map(|index| Key {
                        words: words(&values, one.node, index),
                        text: shape(index),
                    });
                    found.push(Keyed {
                        slot,
                        keys: keys.collect(),
                    });
                }
            });
        }
    }
    found
}

/// A mapping and its keys, the first one first.
fn apart(mut tree: &Tree) -> (&Tree, Vec<&Tree>) {
    let mut indexes = Vec::new();
    while kind(tree) == "IndexAccess" {
        indexes.push(&tree["indexExpression"]);
        tree = &tree["baseExpression"];
    }
    indexes.reverse();
    (tree, indexes)
}

fn words<'a>(values: &Values<'_, 'a>, inside: Node<'a>, index: &'a Tree) -> Option<BTreeSet<B256>> {
    if kind(index) == "Literal" && index["kind"] == "string" {
        return Some([keccak256(index["value"].as_str()?)].into());
    }
    let all = values.all(inside, index).into_iter();
    let all = all.map(|slot| match slot {
        Slot::Known(word) => Some(word),
        Slot::Chosen(_) => None,
    });
    let all: Option<BTreeSet<_>> = all.collect();
    all.filter(|all| !all.is_empty())
}

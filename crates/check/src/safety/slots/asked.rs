//! Words at slots by number that a function looks at before it writes them.

use super::{
    Evaluator, MAX_DEPTH, Slot, Source, Subject, declared, is_pointer, is_variable_slot, slots_of,
};
use crate::safety::guard::runs;
use alloy_primitives::B256;
use cutover_types::source::{Node, id, kind, visit};
use std::collections::BTreeSet;

/// The words that a function reads and writes.
pub(in crate::safety) struct Asked {
    /// Those that assembly reads where it can stop, and that stay written.
    pub(in crate::safety) stop: BTreeSet<B256>,
    /// Those that are read as a member of a struct, with the member's id.
    pub(in crate::safety) members: Vec<(i64, B256)>,
    /// All of them.
    pub(in crate::safety) all: BTreeSet<B256>,
    /// Whether assembly that can stop reads any word but a variable's.
    pub(in crate::safety) by_assembly: bool,
}

pub(in crate::safety) fn asked<'a>(subject: &Subject<'a>, entry: Node<'a>) -> Asked {
    let mut inside = runs(subject, entry).to_vec();
    let reads: Vec<_> = inside.iter().flat_map(|one| reads(one.node)).collect();
    let evaluator = Evaluator::of(subject, entry, &inside);
    // What a modifier sets back when the body has run shuts nothing.
    inside.retain(|one| kind(one.node.tree) == "ModifierDefinition");
    let back = super::erased(subject, entry, &inside);
    let written = slots_of(subject, entry);
    let mut found = Asked {
        stop: BTreeSet::new(),
        members: Vec::new(),
        all: BTreeSet::new(),
        by_assembly: false,
    };
    for read in reads {
        let mut slots = BTreeSet::new();
        evaluator.add(read.at, None, MAX_DEPTH, &mut slots);
        found.by_assembly |= read.stops && !is_variable(subject, &read.at);
        for slot in slots.intersection(&written.written) {
            let Slot::Known(slot) = *slot else {
                continue;
            };
            found.all.insert(slot);
            if read.stops && !back.contains(&slot) {
                found.stop.insert(slot);
            }
            found.members.extend(read.member.map(|one| (one, slot)));
        }
    }
    found
}

/// Whether assembly names a variable's slot.
pub(super) fn is_variable(subject: &Subject<'_>, source: &Source<'_>) -> bool {
    let named = source.block.and_then(|block| declared(block, source.value));
    let named = named.and_then(|id| subject.index.get(id));
    named.is_some_and(|one| one.tree["stateVariable"] == true && is_variable_slot(source.value))
}

/// A word that is read.
struct Read<'a> {
    at: Source<'a>,
    /// Whether the assembly it is read in can stop.
    stops: bool,
    member: Option<i64>,
}

fn reads(inside: Node<'_>) -> Vec<Read<'_>> {
    let mut found = Vec::new();
    let mut only_written = BTreeSet::new();
    visit(inside.tree, &mut |tree| match kind(tree) {
        "Assignment" if tree["operator"] == "=" => {
            only_written.insert(id(&tree["leftHandSide"]));
        }
        "MemberAccess" if is_pointer(&tree["expression"]) && !only_written.contains(&id(tree)) => {
            found.push(Read {
                at: Source {
                    inside,
                    block: None,
                    value: &tree["expression"],
                },
                stops: false,
                member: tree["referencedDeclaration"].as_i64(),
            });
        }
        "InlineAssembly" => {
            let mut stops = false;
            visit(&tree["AST"], &mut |part| {
                let called = part["functionName"]["name"].as_str();
                stops |= matches!(called, Some("revert" | "invalid" | "stop"));
            });
            visit(&tree["AST"], &mut |part| {
                if part["functionName"]["name"] == "sload"
                    && let Some(value) = part["arguments"].get(0)
                {
                    found.push(Read {
                        at: Source {
                            inside,
                            block: Some(tree),
                            value,
                        },
                        stops,
                        member: None,
                    });
                }
            });
        }
        _ => {}
    });
    found
}

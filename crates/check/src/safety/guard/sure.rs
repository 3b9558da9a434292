//! Which writes a call cannot do without, whatever its caller hands in and whenever it comes.

use super::{
    Subject, conditions::ends, flow::Flow, leaves, marks::Marks, ways::Inside, ways::ways,
    writes::Write,
};
use cutover_types::source::{Node, Tree, id, kind, visit};
use std::collections::HashSet;

/// What is not the contract's own state to decide.
const CHOICE: [Marks; 5] = [
    Marks::CHOSEN,
    Marks::BLOCK,
    Marks::ANSWER,
    Marks::SENDER,
    Marks::ORIGIN,
];

/// What a call may leave out.
pub(super) struct Skips {
    /// Nodes in branches that its caller or the block decides about.
    parts: HashSet<*const Tree>,
    /// Functions that run whatever they decide.
    sure: HashSet<i64>,
}

impl Skips {
    pub(super) fn of<'a>(subject: &Subject<'a>, flow: &Flow<'_, 'a>, inside: &Inside<'a>) -> Self {
        let mut skips = Self {
            parts: HashSet::new(),
            sure: HashSet::new(),
        };
        for one in inside.all.iter() {
            skips.read(subject, flow, &one.node);
        }
        let mut next: Vec<_> = inside.all.first().map(|one| one.node).into_iter().collect();
        while let Some(function) = next.pop() {
            if skips.sure.insert(id(function.tree)) {
                let onward = ways(subject, &function).into_iter();
                let onward =
                    onward.filter(|way| !skips.parts.contains(&std::ptr::from_ref(way.at)));
                next.extend(onward.map(|way| way.to));
            }
        }
        skips
    }

    /// Whether a write may not happen.
    pub(super) fn may_skip(&self, write: &Write<'_>) -> bool {
        self.parts.contains(&std::ptr::from_ref(write.at))
            || !self.sure.contains(&id(write.inside.tree))
    }

    fn read<'a>(&mut self, subject: &Subject<'a>, flow: &Flow<'_, 'a>, function: &Node<'a>) {
        let mut left = false;
        let statements = function.tree["body"]["statements"].as_array();
        for statement in statements.into_iter().flatten() {
            if left {
                self.add(statement);
            }
            visit(statement, &mut |tree| {
                let condition = &tree["condition"];
                let chosen = || {
                    let marks = flow.of(function, condition);
                    CHOICE.iter().any(|one| marks.any(*one))
                };
                match kind(tree) {
                    "IfStatement" if chosen() => {
                        let [yes, no] = [&tree["trueBody"], &tree["falseBody"]];
                        let stops = |body| ends(subject, function, body);
                        // Where the other way reverts, this one is the only one.
                        if !stops(no) {
                            self.add(yes);
                        }
                        if !stops(yes) {
                            self.add(no);
                        }
                        left |= leaves(tree);
                    }
                    "WhileStatement" | "ForStatement" if chosen() => self.add(&tree["body"]),
                    _ => {}
                }
            });
        }
    }

    fn add(&mut self, tree: &Tree) {
        visit(tree, &mut |part| {
            self.parts.insert(std::ptr::from_ref(part));
        });
    }
}

//! The calls of bases' initializers an initializer makes, in their order.

use crate::{
    rules,
    safety::{Subject, guard::runs},
};
use cutover_types::source::{Node, Tree, allows, id, kind};
use std::collections::HashSet;

/// Functions deeper than this are not followed.
const MAX_NESTING: usize = 16;
/// Most nodes that are looked at.
const MAX_NODES: usize = 100_000;

/// A call of a base's initializer.
pub(super) struct Event<'a> {
    /// The function it stands in.
    pub(super) inside: Node<'a>,
    /// The call.
    pub(super) tree: &'a Tree,
    /// What is called.
    pub(super) called: Node<'a>,
    /// Initializers that run in it, this one too.
    pub(super) runs: HashSet<i64>,
    /// Whether an annotation lets it be a second call.
    pub(super) again_allowed: bool,
    /// Which way was taken at each fork before it.
    forks: Vec<(i64, usize)>,
}

impl Event<'_> {
    /// Whether both can happen in one transaction.
    pub(super) fn meets(&self, other: &Self) -> bool {
        !self
            .forks
            .iter()
            .any(|(at, way)| other.forks.iter().any(|(a, w)| a == at && w != way))
    }
}

/// Calls of `initializers` that run in a function. `None` when there is too much to look at.
pub(super) fn events<'a>(
    subject: &Subject<'a>,
    function: Node<'a>,
    initializers: &HashSet<i64>,
) -> Option<Vec<Event<'a>>> {
    let mut walk = Walk {
        subject,
        initializers,
        found: Vec::new(),
        stack: vec![id(function.tree)],
        forks: Vec::new(),
        again_allowed: false,
        nodes: MAX_NODES,
    };
    walk.tree(function, &function.tree["body"])?;
    Some(walk.found)
}

struct Walk<'s, 'a> {
    subject: &'s Subject<'a>,
    initializers: &'s HashSet<i64>,
    found: Vec<Event<'a>>,
    stack: Vec<i64>,
    forks: Vec<(i64, usize)>,
    again_allowed: bool,
    nodes: usize,
}

impl<'a> Walk<'_, 'a> {
    fn tree(&mut self, inside: Node<'a>, tree: &'a Tree) -> Option<()> {
        self.nodes = self.nodes.checked_sub(1)?;
        match tree.as_array() {
            Some(items) => items.iter().try_for_each(|item| self.tree(inside, item)),
            None if tree.is_object() => {
                let before = self.again_allowed;
                self.again_allowed |= allows(tree, rules::DUPLICATE_INITIALIZER_CALL.id, false);
                let done = self.node(inside, tree);
                self.again_allowed = before;
                done
            }
            None => Some(()),
        }
    }

    fn node(&mut self, inside: Node<'a>, tree: &'a Tree) -> Option<()> {
        match kind(tree) {
            "IfStatement" => {
                self.tree(inside, &tree["condition"])?;
                self.ways(inside, tree, [&tree["trueBody"], &tree["falseBody"]])
            }
            "Conditional" => {
                self.tree(inside, &tree["condition"])?;
                self.ways(
                    inside,
                    tree,
                    [&tree["trueExpression"], &tree["falseExpression"]],
                )
            }
            "TryStatement" => {
                self.tree(inside, &tree["externalCall"])?;
                self.ways(
                    inside,
                    tree,
                    tree["clauses"].as_array().into_iter().flatten(),
                )
            }
            "FunctionCall" => {
                self.tree(inside, &tree["arguments"])?;
                self.call(inside, tree)
            }
            _ => tree
                .fields()
                .map(|(_, field)| field)
                .filter(|field| field.is_object() || field.is_array())
                .try_for_each(|field| self.tree(inside, field)),
        }
    }

    fn ways(
        &mut self,
        inside: Node<'a>,
        tree: &Tree,
        ways: impl IntoIterator<Item = &'a Tree>,
    ) -> Option<()> {
        for (way, body) in ways.into_iter().enumerate() {
            self.forks.push((id(tree), way));
            self.tree(inside, body)?;
            self.forks.pop();
        }
        Some(())
    }

    fn call(&mut self, inside: Node<'a>, tree: &'a Tree) -> Option<()> {
        let callee = &tree["expression"];
        let Some(called) = self.subject.graph.target(&inside, callee) else {
            return self.tree(inside, callee);
        };
        let number = id(called.tree);
        if self.initializers.contains(&number) {
            let inside_it = runs(self.subject, called);
            self.found.push(Event {
                inside,
                tree,
                called,
                runs: inside_it
                    .iter()
                    .map(|one| id(one.node.tree))
                    .filter(|id| self.initializers.contains(id))
                    .collect(),
                again_allowed: self.again_allowed,
                forks: self.forks.clone(),
            });
        } else if !self.stack.contains(&number) && self.stack.len() < MAX_NESTING {
            self.stack.push(number);
            self.tree(called, &called.tree["body"])?;
            self.stack.pop();
        }
        Some(())
    }
}

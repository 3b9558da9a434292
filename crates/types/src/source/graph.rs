//! What the functions of one contract run, for those who ask again and again.

use super::{
    Index, Node, Tree,
    reach::{Bases, Reached, follow, starts},
};
use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    rc::Rc,
};

/// The functions and modifiers of one contract with what they refer to. Each is looked into once,
/// when it is first asked for.
pub struct CallGraph<'a> {
    index: &'a Index<'a>,
    linearized: &'a [Node<'a>],
    bases: Bases<'a, 'a>,
    starts: OnceCell<Vec<Node<'a>>>,
    all: OnceCell<Vec<Reached<'a>>>,
    references: RefCell<HashMap<Key, Rc<[Node<'a>]>>>,
}

/// A node's place in memory and its contract, which say all that is looked at.
type Key = (usize, Option<i64>);

impl<'a> CallGraph<'a> {
    /// The graph of a contract and its bases, most derived first.
    pub fn new(index: &'a Index<'a>, linearized: &'a [Node<'a>]) -> Self {
        Self {
            index,
            linearized,
            bases: Bases::new(linearized),
            starts: OnceCell::new(),
            all: OnceCell::new(),
            references: RefCell::default(),
        }
    }

    /// All that can run after deployment.
    pub fn all(&self) -> &[Reached<'a>] {
        self.all.get_or_init(|| self.reachable(|_| true))
    }

    /// [`reachable`](super::reachable) in this contract.
    pub fn reachable(&self, enter: impl FnMut(&Node<'a>) -> bool) -> Vec<Reached<'a>> {
        let starts = self
            .starts
            .get_or_init(|| starts(self.index, self.linearized));
        self.reachable_from(starts.clone(), enter)
    }

    /// [`reachable_from`](super::reachable_from) in this contract.
    pub fn reachable_from(
        &self,
        starts: Vec<Node<'a>>,
        enter: impl FnMut(&Node<'a>) -> bool,
    ) -> Vec<Reached<'a>> {
        follow(self.index, starts, enter, |node| self.references(node))
    }

    /// The function or modifier that runs in the contract where the node `tree` inside `from` names
    /// one; `None` when it names something else or another contract's function.
    pub fn target(&self, from: &Node<'_>, tree: &Tree) -> Option<Node<'a>> {
        self.bases.target(self.index, from, tree)
    }

    fn references(&self, node: &Node<'a>) -> Rc<[Node<'a>]> {
        let key = (std::ptr::from_ref(node.tree) as usize, node.contract);
        let known = self.references.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let found: Rc<[_]> = self.bases.references(self.index, node).into();
            self.references.borrow_mut().insert(key, Rc::clone(&found));
            found
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{CallGraph, SourceUnit, Sources, reachable, reachable_from};
    use serde_json::json;

    #[test]
    fn a_graph_answers_like_the_functions_without_memory() {
        let call = |id: i64| json!({ "nodeType": "Identifier", "referencedDeclaration": id });
        let ahead = |id: i64| {
            json!({ "nodeType": "MemberAccess", "referencedDeclaration": id,
                    "expression": { "nodeType": "Identifier", "name": "super" } })
        };
        let function = |id: i64, name: &str, visibility: &str, body: serde_json::Value| {
            json!({ "nodeType": "FunctionDefinition", "id": id, "name": name,
                    "visibility": visibility, "body": [body] })
        };
        let ast = json!({ "nodeType": "SourceUnit", "nodes": [
            { "nodeType": "ContractDefinition", "id": 1, "linearizedBaseContracts": [1], "nodes": [
                function(11, "f", "internal", json!([])), function(12, "g", "public", call(11))] },
            { "nodeType": "ContractDefinition", "id": 2, "linearizedBaseContracts": [2, 1], "nodes": [
                function(21, "f", "internal", ahead(11)), function(22, "h", "public", call(12))] },
            { "nodeType": "ContractDefinition", "id": 3, "linearizedBaseContracts": [3, 2, 1], "nodes": [
                function(31, "f", "internal", ahead(11))] }] });
        let sources = Sources {
            units: [("a.sol".to_owned(), SourceUnit::new(None, ast).into())].into(),
        };
        let index = sources.index();
        for contract in 1..=3 {
            let bases = index.linearized(&index.get(contract).unwrap()).unwrap();
            let graph = CallGraph::new(&index, &bases);
            let all = format!("{:?}", reachable(&index, &bases, |_| true));
            for _ in 0..2 {
                assert_eq!(format!("{:?}", graph.all()), all);
                assert_eq!(format!("{:?}", graph.reachable(|_| true)), all);
                for start in [12, 31, 22] {
                    let start = vec![index.get(start).unwrap()];
                    for skipped in [0, 21, 11] {
                        let enter = |node: &super::Node<'_>| super::super::id(node.tree) != skipped;
                        let expected = reachable_from(&index, &bases, start.clone(), enter);
                        let found = graph.reachable_from(start.clone(), enter);
                        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
                    }
                }
            }
        }
    }
}

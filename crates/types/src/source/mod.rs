//! Source units and the compiler's syntax trees of them.

mod definitions;
mod excerpt;
mod graph;
mod reach;
mod tree;

pub use excerpt::Excerpt;
pub use graph::CallGraph;
pub use reach::{
    Reached, allowances, allows, constructors, dispatch, entry_points, is_constructor,
    is_from_outside, is_own, reachable, reachable_from, unresolved,
};

pub use tree::Tree;

use crate::layout::SourceLine;
use alloy_primitives::map::HashMap;
use definitions::Definitions;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// One source file as the compiler saw it.
#[derive(Debug)]
pub struct SourceUnit {
    /// Its text, when it is at hand; without it there are no line numbers.
    pub text: Option<Arc<str>>,
    /// solc's compact syntax tree.
    pub ast: Tree,
    definitions: OnceLock<Definitions>,
}

impl SourceUnit {
    /// A unit of this text and tree.
    pub fn new(text: Option<Arc<str>>, ast: impl Into<Tree>) -> Self {
        Self {
            text,
            ast: ast.into(),
            definitions: OnceLock::new(),
        }
    }

    fn definitions(&self) -> &Definitions {
        self.definitions.get_or_init(|| Definitions::of(&self.ast))
    }
}

impl Clone for SourceUnit {
    /// The clone's tree may be changed: its definitions are looked for again.
    fn clone(&self) -> Self {
        Self::new(self.text.clone(), self.ast.clone())
    }
}

impl PartialEq for SourceUnit {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.ast == other.ast
    }
}

/// Source units of one compilation, by unit name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Units by name; shared, because their trees are large.
    pub units: BTreeMap<String, Arc<SourceUnit>>,
}

/// A definition inside a syntax tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The unit it is in.
    pub unit: &'a str,
    /// Id of the contract around it, if any.
    pub contract: Option<i64>,
    /// The tree.
    pub tree: &'a Tree,
}

/// Definitions of [`Sources`] by id: contracts, functions, modifiers, variables, types.
#[derive(Clone, Debug, Default)]
pub struct Index<'a> {
    nodes: HashMap<i64, Node<'a>>,
    contracts: Vec<Node<'a>>,
    texts: BTreeMap<&'a str, &'a str>,
}

/// Trees deeper than this are not followed: they come from files.
const MAX_DEPTH: usize = 512;

impl Sources {
    /// Indexes the definitions.
    pub fn index(&self) -> Index<'_> {
        let mut index = Index::default();
        let all = self.units.values();
        let count = all.map(|unit| unit.definitions().count()).sum();
        index.nodes.reserve(count);
        for (name, unit) in &self.units {
            if let Some(text) = &unit.text {
                index.texts.insert(name, text);
            }
            unit.definitions().each(&unit.ast, |found| {
                let node = Node {
                    unit: name,
                    contract: found.owner,
                    tree: found.tree,
                };
                index.nodes.insert(found.id, node);
                if found.is_contract {
                    index.contracts.push(node);
                }
            });
        }
        index.contracts.sort_by_key(|node| id(node.tree));
        index
    }
}

impl<'a> Index<'a> {
    /// The definition with this id.
    pub fn get(&self, id: i64) -> Option<Node<'a>> {
        self.nodes.get(&id).copied()
    }

    /// Every contract, interface and library, by id.
    pub fn contracts(&self) -> Vec<Node<'a>> {
        self.contracts.clone()
    }

    /// The contract `unit:name`.
    pub fn contract(&self, qualified: &str) -> Option<Node<'a>> {
        let (unit, name) = qualified.rsplit_once(':')?;
        let mut contracts = self.contracts.iter();
        contracts
            .find(|node| node.unit == unit && node.tree["name"] == name)
            .copied()
    }

    /// The contract and its bases, most derived first. `None` when a base is not at hand.
    pub fn linearized(&self, contract: &Node<'a>) -> Option<Vec<Node<'a>>> {
        contract.tree["linearizedBaseContracts"]
            .as_array()?
            .iter()
            .map(|id| self.get(id.as_i64()?))
            .collect()
    }

    /// The comment right above a node, where the compiler keeps none in the tree.
    pub fn comment_above(&self, unit: &str, tree: &Tree) -> Option<String> {
        let text = self.texts.get(unit)?;
        let start: usize = tree["src"].as_str()?.split(':').next()?.parse().ok()?;
        let before = text.get(..start)?.trim_end();
        if let Some(block) = before.strip_suffix("*/") {
            return Some(block.get(block.rfind("/**")?..)?.to_owned());
        }
        let mut lines: Vec<_> = before
            .lines()
            .rev()
            .take_while(|line| line.trim_start().starts_with("///"))
            .collect();
        lines.reverse();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Where a node of `unit` starts.
    pub fn line(&self, unit: &str, tree: &Tree) -> Option<SourceLine> {
        let text = self.texts.get(unit)?;
        let start: usize = tree["src"].as_str()?.split(':').next()?.parse().ok()?;
        let before = text.as_bytes().get(..start)?;
        Some(SourceLine {
            file: unit.to_owned(),
            line: before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1,
        })
    }
}

/// The kind of a node.
pub fn kind(tree: &Tree) -> &str {
    tree.kind()
}

/// The id of a node.
pub fn id(tree: &Tree) -> i64 {
    tree.id().unwrap_or_default()
}

/// The text of a node's documentation, which is a string before solc 0.6.3 and a node after.
pub fn documentation(tree: &Tree) -> &str {
    let found = &tree["documentation"];
    let text = found.as_str().or_else(|| found["text"].as_str());
    text.unwrap_or_default()
}

/// Whether a contract definition is an interface.
pub fn is_interface(tree: &Tree) -> bool {
    tree["contractKind"] == "interface"
}

/// Calls `f` on every node of a tree, outer ones first.
pub fn visit<'a>(tree: &'a Tree, f: &mut impl FnMut(&'a Tree)) {
    visit_while(tree, &mut |node| {
        f(node);
        true
    });
}

/// Like [`visit`], but looks into a node only when `f` says so.
pub fn visit_while<'a>(tree: &'a Tree, f: &mut impl FnMut(&'a Tree) -> bool) {
    walk(tree, 0, f);
}

fn walk<'a>(tree: &'a Tree, depth: usize, f: &mut impl FnMut(&'a Tree) -> bool) {
    if depth > MAX_DEPTH {
        return;
    }
    if tree.is_object() && !f(tree) {
        return;
    }
    for (_, inside) in tree.inside() {
        walk(inside, depth + 1, f);
    }
}

//! Which functions a contract can run: from its entry points through calls, modifiers, libraries.

use super::{Index, Node, Tree, documentation, id, is_interface, kind, visit};
use std::collections::{HashMap, HashSet, VecDeque};

/// A function or modifier the contract can run.
#[derive(Clone, Debug)]
pub struct Reached<'a> {
    /// The definition.
    pub node: Node<'a>,
    /// The function the way begins at.
    pub entry: Node<'a>,
    /// Names of the functions on the way, the entry point first, this one last; a library's
    /// with the library's name.
    pub path: Vec<String>,
}

/// Longest call path that is kept for messages.
const MAX_PATH: usize = 16;

/// Functions and modifiers that `linearized` (most derived first) can run after deployment.
/// `enter` says whether to look into one; it is asked once for each.
pub fn reachable<'a>(
    index: &Index<'a>,
    linearized: &[Node<'a>],
    enter: impl FnMut(&Node<'a>) -> bool,
) -> Vec<Reached<'a>> {
    reachable_from(index, linearized, starts(index, linearized), enter)
}

/// What can run first.
pub(super) fn starts<'a>(index: &Index<'a>, linearized: &[Node<'a>]) -> Vec<Node<'a>> {
    let mut starts = entry_points(linearized);
    starts.extend(chosen_at_construction(index, &Bases::new(linearized)));
    starts
}

/// Like [`reachable`], from some functions only.
pub fn reachable_from<'a>(
    index: &Index<'a>,
    linearized: &[Node<'a>],
    starts: Vec<Node<'a>>,
    enter: impl FnMut(&Node<'a>) -> bool,
) -> Vec<Reached<'a>> {
    let bases = Bases::new(linearized);
    follow(index, starts, enter, |node| bases.references(index, node))
}

/// Follows references from some functions on.
pub(super) fn follow<'a, R: AsRef<[Node<'a>]>>(
    index: &Index<'a>,
    starts: Vec<Node<'a>>,
    mut enter: impl FnMut(&Node<'a>) -> bool,
    mut references: impl FnMut(&Node<'a>) -> R,
) -> Vec<Reached<'a>> {
    let mut seen = HashSet::new();
    let mut found: Vec<Reached<'a>> = Vec::new();
    // With each the place in `found` of what it was come from.
    let mut queue: VecDeque<_> = starts.into_iter().map(|node| (node, None)).collect();
    while let Some((node, before)) = queue.pop_front() {
        if !seen.insert(id(node.tree)) || !enter(&node) {
            continue;
        }
        let before = before.and_then(|before: usize| found.get(before));
        let entry = before.map_or(node, |before| before.entry);
        let mut path = before.map_or_else(Vec::new, |before| before.path.clone());
        if path.len() < MAX_PATH {
            path.push(label(index, &node));
        }
        for target in references(&node).as_ref() {
            if !seen.contains(&id(target.tree)) {
                queue.push_back((*target, Some(found.len())));
            }
        }
        found.push(Reached { node, entry, path });
    }
    found
}

/// Functions that can be called from outside, each as its most derived override, and what runs
/// when nothing fits.
pub fn entry_points<'a>(linearized: &[Node<'a>]) -> Vec<Node<'a>> {
    let mut keys = HashSet::new();
    let mut found = Vec::new();
    for contract in linearized.iter().filter(|node| !is_interface(node.tree)) {
        for function in functions(contract) {
            let tree = function.tree;
            let open = matches!(tree["visibility"].as_str(), Some("public" | "external"));
            if open && !is_constructor(tree) && keys.insert(key(tree)) {
                found.push(function);
            }
        }
    }
    found
}

/// The constructors, most derived first.
pub fn constructors<'a>(linearized: &[Node<'a>]) -> Vec<Node<'a>> {
    linearized
        .iter()
        .flat_map(functions)
        .filter(|function| is_constructor(function.tree))
        .collect()
}

/// Names of functions and modifiers that run inside `from` and whose source is not at hand.
pub fn unresolved(index: &Index<'_>, from: &Node<'_>) -> Vec<String> {
    let mut names = Vec::new();
    visit(from.tree, &mut |tree| {
        let runs_here = tree["typeDescriptions"]["typeIdentifier"]
            .as_str()
            .is_some_and(|id| {
                [
                    "t_function_internal",
                    "t_function_delegatecall",
                    "t_modifier",
                ]
                .iter()
                .any(|start| id.starts_with(start))
            });
        // Builtins have no declaration: negative, or a wrapped 32-bit number in solc-js.
        let builtin = |id: i64| id <= 0 || id > i64::from(i32::MAX);
        if let Some(id) = tree["referencedDeclaration"].as_i64()
            && runs_here
            && !builtin(id)
            && index.get(id).is_none()
        {
            let name = tree["name"].as_str().or(tree["memberName"].as_str());
            names.push(name.unwrap_or("?").to_owned());
        }
    });
    names.sort();
    names.dedup();
    names
}

/// The function that runs when `function` is called on the contract: its most derived override.
pub fn dispatch<'a>(linearized: &[Node<'a>], function: Node<'a>) -> Node<'a> {
    let inside = linearized
        .iter()
        .any(|contract| Some(id(contract.tree)) == function.contract);
    if !inside || function.tree["visibility"] == "private" {
        return function;
    }
    let all = linearized
        .iter()
        .filter(|contract| !is_interface(contract.tree));
    let same_name = all
        .flat_map(functions)
        .filter(|one| name(one.tree) == name(function.tree));
    let mut with_body = same_name.filter(|one| !one.tree["body"].is_null());
    with_body
        .find(|one| overrides(one.tree, function.tree))
        .unwrap_or(function)
}

/// Whether documentation allows the unsafe construct `rule`, only here or in all it reaches.
pub fn allows(tree: &Tree, rule: &str, reachable_only: bool) -> bool {
    let text = documentation(tree);
    let allowed = |tag| arguments(text, tag).any(|word| word == rule);
    (!reachable_only && allowed(ALLOW[0])) || allowed(ALLOW[1])
}

/// Every word of the annotations that allow unsafe constructs.
pub fn allowances(tree: &Tree) -> impl Iterator<Item = &str> {
    let text = documentation(tree);
    ALLOW.iter().flat_map(|tag| arguments(text, tag))
}

const ALLOW: [&str; 2] = [
    "@custom:oz-upgrades-unsafe-allow",
    "@custom:oz-upgrades-unsafe-allow-reachable",
];

/// Words after a tag of a documentation text, up to the next tag.
fn arguments<'a>(text: &'a str, tag: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    text.lines().flat_map(move |line| {
        let mut words = line.split_whitespace().peekable();
        if let Some(first) = words.next_if(|word| word.starts_with('@')) {
            inside = first == tag;
        }
        words.filter(move |_| inside)
    })
}

/// Whether a function is a constructor.
pub fn is_constructor(tree: &Tree) -> bool {
    tree["kind"] == "constructor" || tree["isConstructor"] == true
}

/// Internal functions that a constructor or a declaration puts into a variable, to be called
/// later through it.
fn chosen_at_construction<'a>(index: &Index<'a>, bases: &Bases<'_, 'a>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    let starts = constructors(bases.linearized);
    let during = follow(
        index,
        starts,
        |_| true,
        |node| bases.references(index, node),
    );
    for place in during {
        let mut called = HashSet::new();
        visit(place.node.tree, &mut |tree| {
            if kind(tree) == "FunctionCall" {
                called.insert(id(&tree["expression"]));
            }
        });
        visit(place.node.tree, &mut |tree| {
            if matches!(kind(tree), "Identifier" | "MemberAccess") && !called.contains(&id(tree)) {
                found.extend(bases.target(index, &place.node, tree));
            }
        });
    }
    for contract in bases.linearized {
        for tree in contract.tree["nodes"].as_array().into_iter().flatten() {
            if kind(tree) == "VariableDeclaration" {
                let from = Node {
                    tree: &tree["value"],
                    contract: Some(id(contract.tree)),
                    ..*contract
                };
                found.extend(bases.references(index, &from));
            }
        }
    }
    found.retain(|node| kind(node.tree) == "FunctionDefinition");
    found
}

/// A contract and its bases, with their functions by name.
pub(super) struct Bases<'b, 'a> {
    linearized: &'b [Node<'a>],
    /// Functions with a body and the place of their contract, most derived first.
    by_name: HashMap<&'a str, Vec<(usize, Node<'a>)>>,
}

impl<'b, 'a> Bases<'b, 'a> {
    pub(super) fn new(linearized: &'b [Node<'a>]) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for (place, contract) in linearized.iter().enumerate() {
            if is_interface(contract.tree) {
                continue;
            }
            for function in functions(contract).filter(|one| !one.tree["body"].is_null()) {
                let same_name = by_name.entry(name(function.tree)).or_default();
                same_name.push((place, function));
            }
        }
        Self {
            linearized,
            by_name,
        }
    }

    /// What the nodes inside one name.
    pub(super) fn references(&self, index: &Index<'a>, from: &Node<'a>) -> Vec<Node<'a>> {
        let mut found = Vec::new();
        visit(from.tree, &mut |tree| {
            found.extend(self.target(index, from, tree));
        });
        found
    }

    /// The function or modifier that runs in the contract where the node `tree` inside `from` names
    /// one; `None` when it names something else or another contract's function.
    pub(super) fn target(
        &self,
        index: &Index<'a>,
        from: &Node<'_>,
        tree: &Tree,
    ) -> Option<Node<'a>> {
        let target = tree["referencedDeclaration"]
            .as_i64()
            .or_else(|| tree["function"].as_i64())
            .and_then(|id| index.get(id))?;
        if !matches!(
            kind(target.tree),
            "FunctionDefinition" | "ModifierDefinition"
        ) {
            return None;
        }
        let Some(owner) = target.contract else {
            return Some(target);
        };
        if is_from_outside(tree) {
            // A call from outside runs the last override, and elsewhere it runs what is there.
            let own = is_own(&tree["expression"]);
            return own.then(|| self.first(0, target.tree)).flatten();
        }
        let position = |owner: i64| {
            let mut bases = self.linearized.iter();
            bases.position(|base| id(base.tree) == owner)
        };
        let Some(place) = position(owner) else {
            // Another contract's function is its own affair; a library's runs in this one.
            return index
                .get(owner)
                .is_some_and(|node| node.tree["contractKind"] == "library")
                .then_some(target);
        };
        let qualifier = &tree["expression"];
        if kind(tree) == "MemberAccess" && qualifier["name"] == "super" {
            let here = from
                .contract
                .and_then(position)
                .map_or(place, |here| here + 1);
            return Some(self.first(here, target.tree).unwrap_or(target));
        }
        // `Base.f` and a modifier written `Base.m` name one definition and no override of it.
        let named = kind(tree) == "MemberAccess"
            || (kind(tree) == "IdentifierPath"
                && tree["name"].as_str().is_some_and(|name| name.contains('.')));
        let fixed = named || target.tree["visibility"] == "private";
        let found = (!fixed).then(|| self.first(0, target.tree)).flatten();
        Some(found.unwrap_or(target))
    }

    /// The first implementation of what `wanted` declares, from a place on.
    fn first(&self, start: usize, wanted: &Tree) -> Option<Node<'a>> {
        let all = self.by_name.get(name(wanted))?.iter();
        let mut later = all.filter(|(place, _)| *place >= start);
        let found = later.find(|(_, one)| overrides(one.tree, wanted));
        found.map(|(_, one)| *one)
    }
}

/// Whether a node names a function as other contracts see it.
pub fn is_from_outside(tree: &Tree) -> bool {
    let type_id = tree["typeDescriptions"]["typeIdentifier"].as_str();
    kind(tree) == "MemberAccess" && type_id.is_some_and(|id| id.starts_with("t_function_external"))
}

/// Whether an expression is the contract's own address: `this`, whatever it is converted to.
pub fn is_own(mut tree: &Tree) -> bool {
    loop {
        tree = match kind(tree) {
            "FunctionCall" if tree["kind"] == "typeConversion" => &tree["arguments"][0],
            "TupleExpression" => &tree["components"][0],
            _ => return kind(tree) == "Identifier" && tree["name"] == "this",
        };
    }
}

/// Whether two definitions of one name are overrides of one another.
fn overrides(one: &Tree, other: &Tree) -> bool {
    // Keys are dear.
    std::ptr::eq(one, other) || key(one) == key(other)
}

fn functions<'a>(contract: &Node<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    let (unit, owner) = (contract.unit, id(contract.tree));
    contract.tree["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|tree| matches!(kind(tree), "FunctionDefinition" | "ModifierDefinition"))
        .map(move |tree| Node {
            unit,
            contract: Some(owner),
            tree,
        })
}

/// Overrides share it: name and parameter types without their location.
fn key(tree: &Tree) -> String {
    let mut key = format!("{} {}(", kind(tree), name(tree));
    for parameter in tree["parameters"]["parameters"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let text = parameter["typeDescriptions"]["typeString"]
            .as_str()
            .unwrap_or_default();
        key.push_str(&text.replace(" calldata", "").replace(" memory", ""));
        key.push(',');
    }
    key
}

/// A function's name as a reader of the source would say it.
fn label(index: &Index<'_>, node: &Node<'_>) -> String {
    let library = node
        .contract
        .and_then(|id| index.get(id))
        .filter(|owner| owner.tree["contractKind"] == "library");
    match library {
        Some(library) => format!("{}.{}", name(library.tree), name(node.tree)),
        None => name(node.tree).to_owned(),
    }
}

fn name(tree: &Tree) -> &str {
    match tree["name"].as_str() {
        Some("") | None => tree["kind"].as_str().unwrap_or("fallback"),
        Some(name) => name,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn annotations_end_at_the_next_tag_and_not_at_the_line() {
        let tree = Tree::from(json!({ "documentation": { "text":
            "@custom:oz-upgrades-unsafe-allow constructor\n delegatecall\n@dev selfdestruct" } }));
        assert!(allows(&tree, "constructor", false));
        assert!(allows(&tree, "delegatecall", false));
        assert!(!allows(&tree, "delegatecall", true));
        assert!(!allows(&tree, "selfdestruct", false));
        let said = |text: &str| Tree::from(json!({ "documentation": text }));
        let tree = said("not @custom:oz-upgrades-unsafe-allow constructor");
        assert!(!allows(&tree, "constructor", false));
        let tree = said("@custom:oz-upgrades-unsafe-allow-reachable delegatecall");
        assert!(allows(&tree, "delegatecall", true));
        assert!(allows(&tree, "delegatecall", false));
    }

    #[test]
    fn odd_trees_are_read_as_far_as_they_go() {
        let unit = |ast: serde_json::Value| {
            let unit = crate::source::SourceUnit::new(None, ast);
            crate::source::Sources {
                units: [("a.sol".to_owned(), unit.into())].into(),
            }
        };
        let call = |id: i64| {
            json!({ "nodeType": "Identifier", "referencedDeclaration": id,
            "name": "f", "typeDescriptions": { "typeIdentifier": "t_function_internal_" } })
        };
        // Two functions that call each other, one without a name, one that is not there.
        let sources = unit(json!({ "nodeType": "SourceUnit", "nodes": [{
            "nodeType": "ContractDefinition", "id": 1, "linearizedBaseContracts": [1], "nodes": [
                { "nodeType": "FunctionDefinition", "id": 2, "name": "f", "visibility": "public",
                  "body": [call(3), call(99), call(4_294_967_281), call(-1)] },
                { "nodeType": "FunctionDefinition", "id": 3, "visibility": "internal",
                  "body": [call(2), call(3)] },
                { "nodeType": "FunctionDefinition" }, 7, null ] }] }));
        let index = sources.index();
        let contract = index.get(1).unwrap();
        let found = reachable(&index, &index.linearized(&contract).unwrap(), |_| true);
        let paths: Vec<_> = found.iter().map(|one| one.path.join(" ")).collect();
        assert_eq!(paths, ["f", "f fallback"]);
        assert_eq!(unresolved(&index, &found[0].node), ["f"]);
        assert!(unresolved(&index, &found[1].node).is_empty());
    }
}

//! Which functions a contract can run: from its entry points through calls, modifiers, libraries.

use super::{Index, Node, documentation, id, is_interface, kind, visit};
use serde_json::Value;
use std::collections::{HashSet, VecDeque};

/// A function or modifier the contract can run.
#[derive(Clone, Debug)]
pub struct Reached<'a> {
    /// The definition.
    pub node: Node<'a>,
    /// Names of the functions on the way, the entry point first, this one last.
    pub path: Vec<String>,
}

/// Longest call path that is kept for messages.
const MAX_PATH: usize = 16;

/// Functions and modifiers that `linearized` (most derived first) can run after deployment.
/// `enter` says whether to look into one; it is asked once for each.
pub fn reachable<'a>(
    index: &Index<'a>,
    linearized: &[Node<'a>],
    mut enter: impl FnMut(&Node<'a>) -> bool,
) -> Vec<Reached<'a>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut queue: VecDeque<_> = entries(linearized)
        .into_iter()
        .map(|node| (node, Vec::new()))
        .collect();
    while let Some((node, mut path)) = queue.pop_front() {
        if !seen.insert(id(node.tree)) || !enter(&node) {
            continue;
        }
        if path.len() < MAX_PATH {
            path.push(name(node.tree).to_owned());
        }
        for target in references(index, linearized, &node) {
            queue.push_back((target, path.clone()));
        }
        found.push(Reached { node, path });
    }
    found
}

/// The function that runs when `function` is called on the contract: its most derived override.
pub fn dispatch<'a>(linearized: &[Node<'a>], function: Node<'a>) -> Node<'a> {
    let inside = linearized
        .iter()
        .any(|contract| Some(id(contract.tree)) == function.contract);
    if !inside || function.tree["visibility"] == "private" {
        return function;
    }
    first(linearized, function.tree).unwrap_or(function)
}

/// Whether documentation allows the unsafe construct `rule`, only here or in all it reaches.
pub fn allows(tree: &Value, rule: &str, reachable_only: bool) -> bool {
    documentation(tree).lines().any(|line| {
        let Some(rest) = line.split("@custom:oz-upgrades-unsafe-allow").nth(1) else {
            return false;
        };
        let (rest, reachable) = match rest.strip_prefix("-reachable") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        (reachable || !reachable_only) && rest.split_whitespace().any(|word| word == rule)
    })
}

fn entries<'a>(linearized: &[Node<'a>]) -> Vec<Node<'a>> {
    let mut keys = HashSet::new();
    let mut found = Vec::new();
    for contract in linearized.iter().filter(|node| !is_interface(node.tree)) {
        for function in functions(contract) {
            let tree = function.tree;
            let constructor = tree["kind"] == "constructor" || tree["isConstructor"] == true;
            let open = matches!(tree["visibility"].as_str(), Some("public" | "external"));
            if open && !constructor && keys.insert(key(tree)) {
                found.push(function);
            }
        }
    }
    found
}

fn references<'a>(index: &Index<'a>, linearized: &[Node<'a>], from: &Node<'a>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    visit(from.tree, &mut |tree| {
        let Some(target) = tree["referencedDeclaration"]
            .as_i64()
            .or_else(|| tree["function"].as_i64())
            .and_then(|id| index.get(id))
        else {
            return;
        };
        if !matches!(
            kind(target.tree),
            "FunctionDefinition" | "ModifierDefinition"
        ) {
            return;
        }
        let Some(owner) = target.contract else {
            found.push(target);
            return;
        };
        let position = |id: i64| {
            linearized
                .iter()
                .position(|base| super::id(base.tree) == id)
        };
        let Some(place) = position(owner) else {
            // Another contract's function is its own affair; a library's runs in this one.
            if index
                .get(owner)
                .is_some_and(|node| node.tree["contractKind"] == "library")
            {
                found.push(target);
            }
            return;
        };
        let qualifier = &tree["expression"];
        if kind(tree) == "MemberAccess" && qualifier["name"] == "super" {
            let here = from
                .contract
                .and_then(position)
                .map_or(place, |here| here + 1);
            let next = linearized.get(here..).unwrap_or_default();
            found.push(first(next, target.tree).unwrap_or(target));
        } else if kind(tree) == "MemberAccess" {
            found.push(target);
        } else {
            found.push(dispatch(linearized, target));
        }
    });
    found
}

fn first<'a>(linearized: &[Node<'a>], wanted: &Value) -> Option<Node<'a>> {
    let wanted_key = key(wanted);
    linearized
        .iter()
        .filter(|contract| !is_interface(contract.tree))
        .flat_map(functions)
        // Most differ by their name; keys are dear.
        .filter(|function| name(function.tree) == name(wanted))
        .find(|function| key(function.tree) == wanted_key && !function.tree["body"].is_null())
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
fn key(tree: &Value) -> String {
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

fn name(tree: &Value) -> &str {
    match tree["name"].as_str() {
        Some("") | None => tree["kind"].as_str().unwrap_or("fallback"),
        Some(name) => name,
    }
}

//! The initializers of a contract, and the versions they lead to.

use crate::Side;
use cutover_types::source::{Index, Node, Tree};
use std::collections::BTreeMap;

/// A function that initializes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Initializer {
    /// The version it leads to; `None` when it is no constant that could be read.
    pub(super) version: Option<u64>,
    /// Whether it is the first one: `initializer`, not `reinitializer(…)`.
    pub(super) first: bool,
}

/// Public initializers by name, as the most derived contract has them. `None` without a syntax tree.
pub(super) fn of(side: &Side<'_>) -> Option<BTreeMap<String, Initializer>> {
    let index = side.index()?;
    let contract = index.contract(side.contract?)?;
    let mut found = BTreeMap::new();
    let mut seen = Vec::new();
    for base in index.linearized(&contract)? {
        for tree in base.tree["nodes"].as_array().into_iter().flatten() {
            let open = matches!(tree["visibility"].as_str(), Some("public" | "external"));
            let name = tree["name"].as_str().unwrap_or_default();
            if tree["nodeType"] != "FunctionDefinition" || !open || name.is_empty() {
                continue;
            }
            // An override replaces what it overrides, modifiers included.
            let selector = tree["functionSelector"].as_str().unwrap_or(name);
            if seen.contains(&selector) {
                continue;
            }
            seen.push(selector);
            if let Some(initializer) = initializer(&index, tree) {
                found.insert(name.to_owned(), initializer);
            }
        }
    }
    Some(found)
}

fn initializer(index: &Index<'_>, function: &Tree) -> Option<Initializer> {
    function["modifiers"]
        .as_array()?
        .iter()
        .find_map(|modifier| match modifier["modifierName"]["name"].as_str() {
            Some("initializer") => Some(Initializer {
                version: Some(1),
                first: true,
            }),
            Some("reinitializer") => Some(Initializer {
                version: number(index, &modifier["arguments"][0], 0),
                first: false,
            }),
            _ => None,
        })
}

/// A literal, a conversion of one, or a constant.
fn number(index: &Index<'_>, tree: &Tree, depth: usize) -> Option<u64> {
    if depth > 8 {
        return None;
    }
    match tree["nodeType"].as_str()? {
        "Literal" => {
            let text = tree["value"].as_str()?.replace('_', "");
            match text.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok(),
                None => text.parse().ok(),
            }
        }
        "FunctionCall" if tree["kind"] == "typeConversion" => {
            number(index, &tree["arguments"][0], depth + 1)
        }
        "Identifier" | "MemberAccess" => {
            let Node { tree, .. } = index.get(tree["referencedDeclaration"].as_i64()?)?;
            let constant = tree["mutability"] == "constant" || tree["constant"] == true;
            constant.then(|| number(index, &tree["value"], depth + 1))?
        }
        _ => None,
    }
}

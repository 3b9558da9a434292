//! Structs at slots of their own: ERC-7201 namespaces, and the same without an annotation.
//!
//! The root slot is read from the code that uses it (`assembly { $.slot := ROOT }`), because an
//! annotation says where a namespace should be and the code where it is.

use crate::{
    evaluate::{Evaluator, erc7201},
    join::tag,
    placement::{Placer, members},
};
use alloy_primitives::B256;
use cutover_types::{
    StorageLayout,
    source::{Index, Node, documentation, kind, reachable, visit},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Adds the namespaces a contract declares or uses to its layout.
pub(crate) fn add<'a>(layout: &mut StorageLayout, index: &Index<'a>, linearized: &[Node<'a>]) {
    let used = used(index, linearized);
    let mut placer = Placer::new(index);
    let mut known = BTreeSet::new();
    for (definition, id) in annotated(index, linearized, &used) {
        let key = definition.tree["id"].as_i64().unwrap_or_default();
        if !known.insert(key) {
            continue;
        }
        if layout.namespaces.contains_key(&id) {
            layout
                .unplaced
                .push(format!("namespace `{id}` is declared twice"));
            continue;
        }
        let roots = used.get(&key);
        match roots
            .map(|roots| roots.iter().copied().collect::<Vec<_>>())
            .as_deref()
        {
            // Declared but never used: it is where its id says.
            None => {
                if let Some(name) = id.strip_prefix("erc7201:") {
                    layout
                        .namespace_roots
                        .insert(id.clone(), erc7201(name.as_bytes()));
                }
            }
            Some([Some(root)]) => {
                layout.namespace_roots.insert(id.clone(), *root);
            }
            Some([None]) => {}
            Some(_) => layout
                .unplaced
                .push(format!("namespace `{id}` is used at several root slots")),
        }
        lay_out(&mut placer, layout, id, &definition);
    }
    for (key, roots) in &used {
        let Some(definition) = index.get(*key).filter(|_| !known.contains(key)) else {
            continue;
        };
        for root in roots.iter().flatten() {
            let id = root.to_string();
            if layout.namespaces.contains_key(&id) {
                continue;
            }
            layout.namespace_roots.insert(id.clone(), *root);
            lay_out(&mut placer, layout, id, &definition);
        }
    }
    for (id, info) in placer.types {
        layout.types.entry(id).or_insert(info);
    }
}

fn lay_out<'a>(
    placer: &mut Placer<'a, '_>,
    layout: &mut StorageLayout,
    id: String,
    definition: &Node<'a>,
) {
    match placer.place(&members(definition), 0) {
        Ok((items, _)) => {
            layout.namespaces.insert(id, items);
        }
        Err(why) => layout
            .unplaced
            .push(format!("namespace `{id}` could not be laid out: {why}")),
    }
}

/// Annotated structs of the contract, its bases, and the libraries whose functions it runs.
fn annotated<'a>(
    index: &Index<'a>,
    linearized: &[Node<'a>],
    used: &BTreeMap<i64, BTreeSet<Option<B256>>>,
) -> Vec<(Node<'a>, String)> {
    let mut found = Vec::new();
    for contract in linearized.iter().rev() {
        for tree in contract.tree["nodes"].as_array().into_iter().flatten() {
            if kind(tree) == "StructDefinition" {
                let node = Node {
                    unit: contract.unit,
                    contract: contract.tree["id"].as_i64(),
                    tree,
                };
                found.extend(location(index, &node).map(|id| (node, id)));
            }
        }
    }
    for key in used.keys() {
        if let Some(node) = index.get(*key) {
            found.extend(location(index, &node).map(|id| (node, id)));
        }
    }
    found
}

/// The id after `@custom:storage-location`.
fn location(index: &Index<'_>, definition: &Node<'_>) -> Option<String> {
    let wanted = "@custom:storage-location";
    let documented = documentation(definition.tree);
    if !documented.is_empty() {
        return tag(documented, wanted);
    }
    // Before solc 0.8.20 the tree has no documentation of structs: the comment above tells.
    let comment = index.comment_above(definition.unit, definition.tree)?;
    tag(&comment, wanted)
}

/// Structs that assembly places, each with its root slots; `None` is one that could not be read.
fn used<'a>(index: &Index<'a>, linearized: &[Node<'a>]) -> BTreeMap<i64, BTreeSet<Option<B256>>> {
    let mut found: BTreeMap<i64, BTreeSet<Option<B256>>> = BTreeMap::new();
    for function in reachable(index, linearized, |_| true) {
        let evaluator = Evaluator::new(index, linearized, function.node);
        visit(function.node.tree, &mut |tree| {
            if kind(tree) != "InlineAssembly" {
                return;
            }
            for (pointer, value) in slot_assignments(tree) {
                if let Some(definition) = struct_of(index, pointer) {
                    let root = evaluator.assembly(tree, value);
                    found.entry(definition).or_default().insert(root);
                }
            }
        });
    }
    found
}

/// `x.slot := value` in an assembly block, with the declaration of `x`.
fn slot_assignments(assembly: &Value) -> Vec<(i64, &Value)> {
    let mut found = Vec::new();
    visit(&assembly["AST"], &mut |tree| {
        if kind(tree) != "YulAssignment" {
            return;
        }
        for name in tree["variableNames"].as_array().into_iter().flatten() {
            let text = name["name"].as_str().unwrap_or_default();
            if text.ends_with(".slot") || text.ends_with("_slot") {
                let declared = external(assembly, name);
                found.extend(declared.map(|id| (id, &tree["value"])));
            }
        }
    });
    found
}

/// The Solidity declaration an identifier of an assembly block refers to.
pub(crate) fn external(assembly: &Value, identifier: &Value) -> Option<i64> {
    let references = assembly["externalReferences"].as_array()?;
    references
        .iter()
        .find(|reference| reference["src"] == identifier["src"])?["declaration"]
        .as_i64()
}

/// The struct a storage pointer points at.
fn struct_of(index: &Index<'_>, pointer: i64) -> Option<i64> {
    let name = &index.get(pointer)?.tree["typeName"];
    let id = name["referencedDeclaration"]
        .as_i64()
        .or_else(|| name["pathNode"]["referencedDeclaration"].as_i64())?;
    (kind(index.get(id)?.tree) == "StructDefinition").then_some(id)
}

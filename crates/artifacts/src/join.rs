//! What the syntax tree adds to a layout: enum members, underlying types, lines, annotations,
//! namespaces.

use crate::{namespaces, placement};
use cutover_types::{
    StorageItem, StorageLayout,
    source::{Index, Node, documentation, is_interface},
};

/// Completes a layout.
pub(crate) fn join(layout: &mut StorageLayout, index: &Index<'_>, linearized: &[Node<'_>]) {
    namespaces::add(layout, index, linearized);
    for (id, info) in &mut layout.types {
        let Some(node) = declaration(id).and_then(|id| index.get(id)) else {
            continue;
        };
        if id.starts_with("t_enum(") {
            info.enum_values = Some(placement::names(node.tree));
        } else if id.starts_with("t_userDefinedValueType(") {
            let name = &node.tree["underlyingType"];
            info.underlying = name["typeDescriptions"]["typeIdentifier"]
                .as_str()
                .map(|id| id.trim_start_matches("t_").to_owned());
        }
        for member in info.members.iter_mut().flatten() {
            annotate(member, index);
        }
    }
    for item in &mut layout.storage {
        annotate(item, index);
    }
    for item in layout.namespaces.values_mut().flatten() {
        annotate(item, index);
    }
}

/// State variables that take storage, in storage order.
pub(crate) fn state_variables<'a>(linearized: &[Node<'a>]) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    for contract in linearized
        .iter()
        .rev()
        .filter(|one| !is_interface(one.tree))
    {
        for tree in contract.tree["nodes"].as_array().into_iter().flatten() {
            let stored = tree["nodeType"] == "VariableDeclaration"
                && tree["constant"] != true
                && !matches!(tree["mutability"].as_str(), Some("constant" | "immutable"))
                && tree["storageLocation"] != "transient";
            if stored {
                found.push(Node {
                    unit: contract.unit,
                    contract: contract.tree["id"].as_i64(),
                    tree,
                });
            }
        }
    }
    found
}

fn annotate(item: &mut StorageItem, index: &Index<'_>) {
    let Some(node) = index.get(item.ast_id) else {
        return;
    };
    if node.tree["name"] != item.label.as_str() {
        return;
    }
    // solc names the contract that is laid out; what tells equal names apart is the declaring one.
    if let Some(owner) = node.contract.and_then(|id| index.get(id)) {
        let name = owner.tree["name"].as_str().unwrap_or_default();
        item.contract = format!("{}:{name}", owner.unit);
    }
    item.source = index.line(node.unit, node.tree);
    let text = documentation(node.tree);
    item.renamed_from = tag(text, "@custom:oz-renamed-from");
    item.retyped_from = tag(text, "@custom:oz-retyped-from");
}

/// What follows a tag, up to the end of the line.
pub(crate) fn tag(text: &str, tag: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.split(tag).nth(1)?;
        let value = rest.strip_prefix(char::is_whitespace)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    })
}

/// The id at the end of `t_enum(Name)12` or `t_struct(Name)12_storage`.
fn declaration(id: &str) -> Option<i64> {
    let tail = &id[id.rfind(')')? + 1..];
    tail.trim_end_matches("_storage").parse().ok()
}

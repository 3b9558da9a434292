//! Structs at slots of their own: ERC-7201 namespaces, and the same without an annotation.
//!
//! The root slot is read from the code that uses it (`assembly { $.slot := ROOT }`), because an
//! annotation says where a namespace should be and the code where it is.

use crate::{
    evaluate::Variables,
    join::tag,
    placement::{Placer, members},
    uses::{self, Roots, owner},
};
use alloy_primitives::B256;
use cutover_types::{
    StorageLayout,
    layout::{NamespaceStruct, erc7201},
    source::{Index, Node, documentation, id, kind},
};
use std::collections::{BTreeMap, BTreeSet};

/// Adds the namespaces a contract declares or uses to its layout.
pub(crate) fn add<'a>(layout: &mut StorageLayout, index: &Index<'a>, linearized: &[Node<'a>]) {
    let uses = uses::read(index, linearized, &Variables::of(layout, index));
    let mut builder = Builder {
        placer: Placer::new(index),
        index,
        layout,
    };
    // Structs without an annotation, by root; several can share one.
    let mut bare: BTreeMap<B256, Vec<(Node<'a>, Option<String>)>> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for (definition, name) in annotated(index, linearized, &uses.structs) {
        let key = id(definition.tree);
        if named.insert(key) {
            let others = builder.annotated(&definition, &name, uses.structs.get(&key));
            for (root, constant) in others {
                bare.entry(root).or_default().push((definition, constant));
            }
        }
    }
    let unnamed = uses.structs.iter().filter(|(key, _)| !named.contains(key));
    for (key, roots) in unnamed.chain(&uses.pointers) {
        let Some(definition) = index.get(*key) else {
            continue;
        };
        if roots.contains(&None) && kind(definition.tree) == "StructDefinition" {
            builder.computed(&definition);
        }
        for root in roots.iter().flatten() {
            let place = bare.entry(root.slot).or_default();
            if place.iter().all(|(known, _)| id(known.tree) != *key) {
                place.push((definition, root.constant.clone()));
            }
        }
    }
    for (root, definitions) in bare {
        let several = definitions.len() > 1;
        for (definition, constant) in definitions {
            let name = definition.tree["name"].as_str().unwrap_or_default();
            let id = if several {
                format!("{root} {name}")
            } else {
                root.to_string()
            };
            builder.layout.namespace_roots.insert(id.clone(), root);
            let declared = NamespaceStruct {
                constant,
                ..NamespaceStruct::default()
            };
            builder.place(id, &definition, declared);
        }
    }
    let types = builder.placer.types;
    for (id, info) in types {
        layout.types.entry(id).or_insert(info);
    }
    layout.slots = uses.words;
    layout.strays = uses.strays;
    layout.slot_users = uses.users;
}

struct Builder<'a, 'i> {
    placer: Placer<'a, 'i>,
    index: &'i Index<'a>,
    layout: &'i mut StorageLayout,
}

impl<'a> Builder<'a, '_> {
    /// Adds an annotated struct; returns the roots it is used at besides its own.
    fn annotated(
        &mut self,
        definition: &Node<'a>,
        name: &str,
        used: Option<&Roots>,
    ) -> Vec<(B256, Option<String>)> {
        if self.layout.namespaces.contains_key(name) {
            self.layout
                .unplaced
                .push(format!("namespace `{name}` is declared twice"));
            return Vec::new();
        }
        let meant = name
            .strip_prefix("erc7201:")
            .map(|name| erc7201(name.as_bytes()));
        let unread = used.is_some_and(|roots| roots.contains(&None));
        let mut found: BTreeMap<B256, Option<String>> = BTreeMap::new();
        for root in used.into_iter().flatten().flatten() {
            found.insert(root.slot, root.constant.clone());
        }
        let own = match (used, meant, found.len()) {
            // Declared but never used: it is where its id says.
            (None, meant, _) => meant,
            (_, _, 1) if !unread => found.keys().next().copied(),
            // The struct is also used elsewhere.
            (_, Some(meant), _) if !unread && found.contains_key(&meant) => Some(meant),
            (_, _, 0 | 1) => None,
            _ => {
                self.layout
                    .unplaced
                    .push(format!("namespace `{name}` is used at several root slots"));
                None
            }
        };
        let mut constant = None;
        if let Some(root) = own {
            constant = found.remove(&root).flatten();
            self.layout.namespace_roots.insert(name.to_owned(), root);
        }
        let declared = NamespaceStruct {
            annotated: true,
            constant,
            ..NamespaceStruct::default()
        };
        self.place(name.to_owned(), definition, declared);
        found.into_iter().collect()
    }

    /// Adds a struct whose slots are only known at run time: its members can be compared.
    fn computed(&mut self, definition: &Node<'a>) {
        let owner = owner(self.index, definition);
        let owner = owner.rsplit(':').next().unwrap_or_default();
        let name = definition.tree["name"].as_str().unwrap_or_default();
        let declared = NamespaceStruct {
            computed: true,
            ..NamespaceStruct::default()
        };
        self.place(format!("{owner}.{name}"), definition, declared);
    }

    fn place(&mut self, key: String, definition: &Node<'a>, declared: NamespaceStruct) {
        let structure = kind(definition.tree) == "StructDefinition";
        let declarations = if structure {
            members(definition)
        } else {
            vec![*definition]
        };
        match self.placer.place(&declarations, 0) {
            Ok((mut items, _)) => {
                if !structure {
                    // A pointer's name is nothing that is stored.
                    items
                        .iter_mut()
                        .for_each(|item| "value".clone_into(&mut item.label));
                }
                let name = definition.tree["name"].as_str().unwrap_or_default();
                let declared = NamespaceStruct {
                    name: name.to_owned(),
                    contract: owner(self.index, definition),
                    source: self.index.line(definition.unit, definition.tree),
                    ..declared
                };
                self.layout.namespace_structs.insert(key.clone(), declared);
                self.layout.namespaces.insert(key, items);
            }
            Err(why) => self
                .layout
                .unplaced
                .push(format!("namespace `{key}` could not be laid out: {why}")),
        }
    }
}

/// Annotated structs of the contract, its bases, and the libraries whose functions it runs.
fn annotated<'a>(
    index: &Index<'a>,
    linearized: &[Node<'a>],
    used: &BTreeMap<i64, Roots>,
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
    let find = |text: &str| {
        let value = tag(text, "@custom:storage-location")?;
        value.split_whitespace().next().map(str::to_owned)
    };
    let documented = documentation(definition.tree);
    if !documented.is_empty() {
        return find(documented);
    }
    // Before solc 0.8.20 the tree has no documentation of structs: the comment above tells.
    find(&index.comment_above(definition.unit, definition.tree)?)
}

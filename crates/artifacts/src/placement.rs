//! Solidity's storage rules, for what solc does not lay out itself: namespaces, and contracts of
//! compilers older than 0.5.13.

use crate::{evaluate::Evaluator, functions::Functions, join};
use alloy_primitives::U256;
use cutover_types::{
    StorageItem, StorageLayout, TypeInfo,
    source::{Index, Node, Tree, kind},
};
use std::collections::{BTreeMap, BTreeSet};

/// Types nested deeper than this are refused.
pub(crate) const MAX_DEPTH: usize = 64;

/// Lays out a contract, its bases first.
pub(crate) fn contract(
    index: &Index<'_>,
    linearized: &[Node<'_>],
) -> Result<StorageLayout, String> {
    let mut placer = Placer::new(index);
    let (mut storage, _) = placer.place(&join::state_variables(linearized), 0)?;
    let base = base_slot(index, linearized)?;
    for item in storage.iter_mut().filter(|_| !base.is_zero()) {
        let relative: U256 = item.slot.parse().unwrap_or_default();
        item.slot = base.wrapping_add(relative).to_string();
    }
    Ok(StorageLayout {
        storage,
        types: placer.types,
        ..StorageLayout::default()
    })
}

/// Where storage begins: what `layout at` says, or slot 0.
fn base_slot(index: &Index<'_>, linearized: &[Node<'_>]) -> Result<U256, String> {
    let specifier = linearized.first().map(|one| &one.tree["storageLayout"]);
    let Some(specifier) = specifier.filter(|one| one.is_object()) else {
        return Ok(U256::ZERO);
    };
    Evaluator::new(index, linearized, &Functions::default())
        .constant(&specifier["baseSlotExpression"])
        .ok_or_else(|| "the slot after `layout at` could not be worked out".to_owned())
}

/// Names of an enum's values.
pub(crate) fn names(definition: &Tree) -> Vec<String> {
    let members = definition["members"].as_array().into_iter().flatten();
    members
        .filter_map(|member| member["name"].as_str().map(str::to_owned))
        .collect()
}

/// Places variables and collects their types.
pub(crate) struct Placer<'a, 'i> {
    index: &'i Index<'a>,
    pub(crate) types: BTreeMap<String, TypeInfo>,
    open: BTreeSet<String>,
}

/// A type's place in storage.
struct Sized {
    id: String,
    bytes: U256,
    /// Starts a slot and lets nothing follow in its last one.
    whole: bool,
}

impl<'a, 'i> Placer<'a, 'i> {
    pub(crate) fn new(index: &'i Index<'a>) -> Self {
        Self {
            index,
            types: BTreeMap::new(),
            open: BTreeSet::new(),
        }
    }

    /// Places declarations one after the other; also returns the size in bytes, in whole slots.
    pub(crate) fn place(
        &mut self,
        declarations: &[Node<'a>],
        depth: usize,
    ) -> Result<(Vec<StorageItem>, U256), String> {
        let word = U256::from(32);
        let mut slot = U256::ZERO;
        let mut offset = U256::ZERO;
        let mut items = Vec::new();
        for node in declarations {
            let label = node.tree["name"].as_str().unwrap_or_default();
            let sized = self
                .sized(&node.tree["typeName"], depth)
                .map_err(|why| format!("`{label}`: {why}"))?;
            if !offset.is_zero() && (sized.whole || offset + sized.bytes > word) {
                slot += U256::from(1);
                offset = U256::ZERO;
            }
            items.push(StorageItem {
                ast_id: node.tree["id"].as_i64().unwrap_or_default(),
                contract: self.qualified(node),
                label: label.to_owned(),
                offset: offset.saturating_to(),
                slot: slot.to_string(),
                type_id: sized.id,
                renamed_from: None,
                retyped_from: None,
                source: None,
            });
            if sized.whole {
                slot = slot.saturating_add(sized.bytes.div_ceil(word));
            } else {
                offset += sized.bytes;
            }
        }
        if !offset.is_zero() || items.is_empty() {
            slot = slot.saturating_add(U256::from(1));
        }
        Ok((items, slot.saturating_mul(word)))
    }

    fn qualified(&self, node: &Node<'a>) -> String {
        let contract = node.contract.and_then(|id| self.index.get(id));
        match contract {
            Some(contract) => format!(
                "{}:{}",
                contract.unit,
                contract.tree["name"].as_str().unwrap_or_default()
            ),
            None => node.unit.to_owned(),
        }
    }

    fn sized(&mut self, name: &Tree, depth: usize) -> Result<Sized, String> {
        if depth > MAX_DEPTH {
            return Err("its type is nested too deep".to_owned());
        }
        match kind(name) {
            "ElementaryTypeName" => self.elementary(name),
            "UserDefinedTypeName" => self.user_defined(name, depth),
            "Mapping" => {
                let key = self.sized(&name["keyType"], depth + 1)?.id;
                // Keys are hashed, not stored: solc says so in their names.
                let key = match key.as_str() {
                    "t_string_storage" | "t_bytes_storage" => {
                        let memory = key.replace("_storage", "_memory_ptr");
                        let info = info("bytes", label(&name["keyType"]), 32);
                        self.types.entry(memory.clone()).or_insert(info);
                        memory
                    }
                    _ => key,
                };
                let value = self.sized(&name["valueType"], depth + 1)?.id;
                let id = format!("t_mapping({key},{value})");
                let mut info = info("mapping", label(name), 32);
                info.key = Some(key);
                info.value = Some(value);
                Ok(self.whole(id, info, U256::from(32)))
            }
            "ArrayTypeName" => self.array(name, depth),
            "FunctionTypeName" => {
                let bytes = if name["visibility"] == "external" {
                    24
                } else {
                    8
                };
                let id = identifier(name).to_owned();
                Ok(self.inplace(id, info("inplace", label(name), bytes), bytes))
            }
            other => Err(format!("types of the kind `{other}` are not known")),
        }
    }

    fn elementary(&mut self, name: &Tree) -> Result<Sized, String> {
        let id = identifier(name);
        if id.starts_with("t_string") || id.starts_with("t_bytes_") {
            let (id, label) = if id.starts_with("t_string") {
                ("t_string_storage", "string")
            } else {
                ("t_bytes_storage", "bytes")
            };
            let info = info("bytes", label.to_owned(), 32);
            return Ok(self.whole(id.to_owned(), info, U256::from(32)));
        }
        let digits = |prefix: &str| id.strip_prefix(prefix).and_then(|n| n.parse::<u64>().ok());
        let bytes = match id {
            "t_bool" | "t_byte" => Some(1),
            "t_address" | "t_address_payable" => Some(20),
            _ => digits("t_uint")
                .or_else(|| digits("t_int"))
                .map(|bits| bits / 8)
                .or_else(|| digits("t_bytes")),
        };
        let bytes = bytes
            .filter(|bytes| (1..=32).contains(bytes))
            .ok_or_else(|| format!("the size of `{id}` is not known"))?;
        Ok(self.inplace(id.to_owned(), info("inplace", label(name), bytes), bytes))
    }

    fn user_defined(&mut self, name: &Tree, depth: usize) -> Result<Sized, String> {
        let id = name["referencedDeclaration"]
            .as_i64()
            .or_else(|| name["pathNode"]["referencedDeclaration"].as_i64());
        let node = id
            .and_then(|id| self.index.get(id))
            .ok_or("the declaration of its type is not at hand")?;
        let declared = node.tree["name"].as_str().unwrap_or_default();
        let key = node.tree["id"].as_i64().unwrap_or_default();
        match kind(node.tree) {
            "ContractDefinition" => {
                let id = format!("t_contract({declared}){key}");
                Ok(self.inplace(id, info("inplace", label(name), 20), 20))
            }
            "EnumDefinition" => {
                let values = names(node.tree);
                // Before solc 0.8 an enum can have more than 256 values.
                let bytes = match values.len() {
                    0..=0x100 => 1,
                    0x101..=0x1_0000 => 2,
                    _ => 3,
                };
                let id = format!("t_enum({declared}){key}");
                Ok(self.inplace(id, info("inplace", label(name), bytes), bytes))
            }
            "UserDefinedValueTypeDefinition" => {
                let under = self.sized(&node.tree["underlyingType"], depth + 1)?;
                let bytes = under.bytes.saturating_to();
                let id = format!("t_userDefinedValueType({declared}){key}");
                Ok(self.inplace(id, info("inplace", label(name), bytes), bytes))
            }
            "StructDefinition" => self.structure(&node, label(name), depth),
            other => Err(format!("`{declared}` is a {other}, which is no type")),
        }
    }

    /// Lays out a struct and returns the id of its type.
    fn structure(&mut self, node: &Node<'a>, label: String, depth: usize) -> Result<Sized, String> {
        let declared = node.tree["name"].as_str().unwrap_or_default();
        let key = node.tree["id"].as_i64().unwrap_or_default();
        let id = format!("t_struct({declared}){key}_storage");
        if let Some(known) = self.types.get(&id) {
            let bytes = known.number_of_bytes.parse().unwrap_or_default();
            return Ok(Sized {
                id,
                bytes,
                whole: true,
            });
        }
        if !self.open.insert(id.clone()) {
            // Inside itself, behind a mapping or a dynamic array: its size does not matter there.
            return Ok(Sized {
                id,
                bytes: U256::from(32),
                whole: true,
            });
        }
        let (items, bytes) = self.place(&members(node), depth + 1)?;
        self.open.remove(&id);
        let mut info = info("inplace", label, 0);
        info.number_of_bytes = bytes.to_string();
        info.members = Some(items);
        Ok(self.whole(id, info, bytes))
    }

    fn array(&mut self, name: &Tree, depth: usize) -> Result<Sized, String> {
        let base = self.sized(&name["baseType"], depth + 1)?;
        let id = identifier(name);
        let length = id
            .trim_end_matches("_ptr")
            .trim_end_matches("_storage")
            .rsplit('$')
            .next()
            .unwrap_or_default();
        let full = format!("t_array({}){length}_storage", base.id);
        if length == "dyn" {
            let mut info = info("dynamic_array", label(name), 32);
            info.base = Some(base.id);
            return Ok(self.whole(full, info, U256::from(32)));
        }
        let length: U256 = length
            .parse()
            .map_err(|_| "the length of its array is not known".to_owned())?;
        let word = U256::from(32);
        let slots = if base.whole {
            length.saturating_mul(base.bytes.div_ceil(word))
        } else {
            length.div_ceil(word / base.bytes)
        };
        let bytes = slots.saturating_mul(word);
        let mut info = info("inplace", label(name), 0);
        info.number_of_bytes = bytes.to_string();
        info.base = Some(base.id);
        Ok(self.whole(full, info, bytes))
    }

    fn whole(&mut self, id: String, info: TypeInfo, bytes: U256) -> Sized {
        self.types.entry(id.clone()).or_insert(info);
        Sized {
            id,
            bytes,
            whole: true,
        }
    }

    fn inplace(&mut self, id: String, info: TypeInfo, bytes: u64) -> Sized {
        self.types.entry(id.clone()).or_insert(info);
        Sized {
            id,
            bytes: U256::from(bytes),
            whole: false,
        }
    }
}

/// The members of a struct, as declarations.
pub(crate) fn members<'a>(node: &Node<'a>) -> Vec<Node<'a>> {
    let list = node.tree["members"].as_array().into_iter().flatten();
    list.map(|tree| Node { tree, ..*node }).collect()
}

fn identifier(name: &Tree) -> &str {
    name["typeDescriptions"]["typeIdentifier"]
        .as_str()
        .unwrap_or_default()
}

fn label(name: &Tree) -> String {
    let text = name["typeDescriptions"]["typeString"].as_str();
    text.unwrap_or_default()
        .replace(" storage ref", "")
        .replace(" storage pointer", "")
}

fn info(encoding: &str, label: String, bytes: u64) -> TypeInfo {
    TypeInfo {
        encoding: encoding.to_owned(),
        label,
        number_of_bytes: bytes.to_string(),
        key: None,
        value: None,
        base: None,
        members: None,
        enum_values: None,
        underlying: None,
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! Vyper's types, described as solc describes Solidity's.
//!
//! What has a length word in front of it, `DynArray`, `String` and `Bytes`, is a struct of the length
//! and an array: then the rules for structs and arrays say what may grow.

use super::ByPath;
use cutover_types::{StorageItem, TypeInfo, text::terminal};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Types nested deeper than this are refused.
const MAX_DEPTH: usize = 64;

/// One source file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module<'a> {
    pub(super) path: &'a str,
    tree: &'a Value,
}

/// The contract's file and all it imports.
pub(super) struct Modules<'a> {
    main: &'a Value,
    by_path: ByPath<'a>,
}

impl<'a> Modules<'a> {
    pub(super) fn of(tree: &'a Value) -> Self {
        let imports = tree["imports"].as_array().into_iter().flatten();
        let by_path = imports
            .filter_map(|module| Some((module["resolved_path"].as_str()?, module)))
            .collect();
        Self {
            main: &tree["ast"],
            by_path,
        }
    }

    pub(super) fn main(&self) -> Module<'a> {
        Module {
            path: self.main["path"].as_str().unwrap_or_default(),
            tree: self.main,
        }
    }

    /// The module that another imports under a name.
    pub(super) fn imported(&self, module: Module<'a>, name: &str) -> Option<Module<'a>> {
        let info = module.nodes().find_map(|node| {
            let info = &node["import_info"];
            (info["alias"] == name).then_some(info)
        })?;
        let tree = self.by_path.get(info["resolved_path"].as_str()?).copied()?;
        Some(Module {
            path: tree["path"].as_str().unwrap_or_default(),
            tree,
        })
    }

    /// How many variables the modules with these names declare in storage.
    pub(super) fn variables<'n>(&self, contracts: impl Iterator<Item = &'n str>) -> usize {
        let named: BTreeSet<_> = contracts.collect();
        let mut modules = vec![self.main()];
        modules.extend(self.by_path.values().copied().map(|tree| Module {
            path: tree["path"].as_str().unwrap_or_default(),
            tree,
        }));
        let main = self.main().qualified();
        modules
            .iter()
            .filter(|module| {
                let name = module.qualified();
                name == main || named.contains(name.as_str())
            })
            .map(|module| module.nodes().filter(|node| is_stored(node)).count())
            .sum()
    }
}

impl<'a> Module<'a> {
    /// `dir/Token.vy:Token`.
    pub(super) fn qualified(&self) -> String {
        let file = self.path.rsplit('/').next().unwrap_or_default();
        let name = file.split('.').next().unwrap_or_default();
        format!("{}:{name}", self.path)
    }

    pub(super) fn variable(&self, name: &str) -> Option<&'a Value> {
        let mut variables = self.nodes().filter(|node| is_stored(node));
        variables.find(|node| node["target"]["id"] == name)
    }

    fn nodes(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.tree["body"].as_array().into_iter().flatten()
    }

    fn definition(&self, kind: &str, name: &str) -> Option<&'a Value> {
        self.nodes()
            .find(|node| node["ast_type"] == kind && node["name"] == name)
    }

    /// The value of a constant that is a plain number.
    fn constant(&self, name: &str) -> Option<u64> {
        let node = self.nodes().find(|node| {
            node["ast_type"] == "VariableDecl"
                && node["is_constant"] == true
                && node["target"]["id"] == name
        })?;
        node["value"]["value"].as_u64()
    }
}

fn is_stored(node: &Value) -> bool {
    node["ast_type"] == "VariableDecl"
        && ["is_constant", "is_immutable", "is_transient"]
            .iter()
            .all(|flag| node[*flag] != true)
}

/// Types met so far.
pub(super) struct Types<'a> {
    modules: &'a Modules<'a>,
    pub(super) described: BTreeMap<String, TypeInfo>,
}

impl<'a> Types<'a> {
    pub(super) fn new(modules: &'a Modules<'a>) -> Self {
        Self {
            modules,
            described: BTreeMap::new(),
        }
    }

    /// Slots a described type takes.
    pub(super) fn slots(&self, id: &str) -> Option<u64> {
        let bytes: u64 = self.described.get(id)?.number_of_bytes.parse().ok()?;
        Some(bytes.div_ceil(32))
    }

    /// The id of the type an annotation names.
    pub(super) fn id(
        &mut self,
        annotation: &Value,
        module: Module<'a>,
        depth: usize,
    ) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err("its type is nested too deep".to_owned());
        }
        match annotation["ast_type"].as_str() {
            Some("Name") => {
                self.named(annotation["id"].as_str().unwrap_or_default(), module, depth)
            }
            Some("Attribute") => {
                let alias = annotation["value"]["id"].as_str().unwrap_or_default();
                let inner = self
                    .modules
                    .imported(module, alias)
                    .ok_or_else(|| format!("module `{}` is not at hand", terminal(alias, 80)))?;
                let name = annotation["attr"].as_str().unwrap_or_default();
                self.named(name, inner, depth)
            }
            Some("Subscript") => self.subscript(annotation, module, depth),
            _ => Err("its type is written in a way that is not known".to_owned()),
        }
    }

    /// A type of one word. Vyper gives even a `bool` the whole slot, which solc's own types never
    /// take: it is described as a type of that size that is made of what it is called.
    pub(super) fn word(&mut self, name: &str) -> String {
        let id = format!("t_userDefinedValueType({name})");
        let mut word = info("inplace", name, 32);
        word.underlying = Some(name.to_owned());
        self.add(&id, word);
        id
    }

    fn named(&mut self, name: &str, module: Module<'a>, depth: usize) -> Result<String, String> {
        if is_elementary(name) {
            return Ok(self.word(name));
        }
        if let Some(node) = module.definition("StructDef", name) {
            return self.structure(name, node, module, depth);
        }
        if let Some(node) = module.definition("FlagDef", name) {
            let names = node["body"].as_array().into_iter().flatten();
            let names = names.filter_map(|one| one["value"]["id"].as_str());
            let mut flag = info("inplace", &format!("flag {name}"), 32);
            flag.enum_values = Some(names.map(str::to_owned).collect());
            let id = format!("t_enum({}.{name})", module.path);
            self.add(&id, flag);
            return Ok(id);
        }
        let imported = module.nodes().any(|node| {
            let names = [&node["name"], &node["alias"], &node["import_info"]["alias"]];
            matches!(node["ast_type"].as_str(), Some("Import" | "ImportFrom"))
                && names.iter().any(|one| **one == name)
        });
        // An interface is the address behind it; that it takes one slot is compared with the layout.
        if imported || module.definition("InterfaceDef", name).is_some() {
            return Ok(self.word("address"));
        }
        Err(format!("`{}` is not declared", terminal(name, 80)))
    }

    fn subscript(
        &mut self,
        annotation: &Value,
        module: Module<'a>,
        depth: usize,
    ) -> Result<String, String> {
        let slice = match annotation["slice"]["ast_type"].as_str() {
            Some("Index") => &annotation["slice"]["value"],
            _ => &annotation["slice"],
        };
        let arguments = slice["elements"].as_array().map(Vec::as_slice);
        let head = annotation["value"]["id"].as_str().unwrap_or_default();
        match (head, arguments) {
            ("HashMap", Some([key, value])) => {
                let key = self.id(key, module, depth + 1)?;
                let value = self.id(value, module, depth + 1)?;
                let label = format!("HashMap[{}, {}]", self.label(&key), self.label(&value));
                let id = format!("t_mapping({key},{value})");
                let mut mapping = info("mapping", &label, 32);
                mapping.key = Some(key);
                mapping.value = Some(value);
                self.add(&id, mapping);
                Ok(id)
            }
            ("DynArray", Some([item, length])) => {
                let item = self.id(item, module, depth + 1)?;
                let length = number(length, module)?;
                let label = format!("DynArray[{}, {length}]", self.label(&item));
                let items = self.array(&item, length)?;
                self.counted("DynArray", &label, items)
            }
            ("String" | "Bytes", None) => {
                let length = number(slice, module)?;
                let byte = "t_bytes1".to_owned();
                self.add(&byte, info("inplace", "bytes1", 1));
                let bytes = self.array(&byte, length)?;
                self.counted(head, &format!("{head}[{length}]"), bytes)
            }
            _ => {
                let item = self.id(&annotation["value"], module, depth + 1)?;
                let length = number(slice, module)?;
                self.array(&item, length)
            }
        }
    }

    /// A length word and an array.
    fn counted(&mut self, name: &str, label: &str, items: String) -> Result<String, String> {
        let length = self.word("uint256");
        let slots = self.slots(&items).unwrap_or_default();
        let bytes = slots.checked_add(1).and_then(|slots| slots.checked_mul(32));
        let id = format!("t_struct({name}){items}_storage");
        let mut counted = info("inplace", label, bytes.ok_or("it is too large")?);
        counted.members = Some(vec![member("length", 0, length), member("items", 1, items)]);
        self.add(&id, counted);
        Ok(id)
    }

    fn array(&mut self, item: &str, length: u64) -> Result<String, String> {
        let size: u64 = self
            .described
            .get(item)
            .and_then(|info| info.number_of_bytes.parse().ok())
            .ok_or("the size of its elements is not known")?;
        let bytes = size
            .checked_mul(length)
            .and_then(|bytes| bytes.checked_next_multiple_of(32));
        let id = format!("t_array({item}){length}_storage");
        let label = format!("{}[{length}]", self.label(item));
        let mut array = info("inplace", &label, bytes.ok_or("it is too large")?);
        array.base = Some(item.to_owned());
        self.add(&id, array);
        Ok(id)
    }

    fn structure(
        &mut self,
        name: &str,
        node: &Value,
        module: Module<'a>,
        depth: usize,
    ) -> Result<String, String> {
        let id = format!("t_struct({}.{name})_storage", module.path);
        if self.described.contains_key(&id) {
            return Ok(id);
        }
        let mut members = Vec::new();
        let mut slot = 0_u64;
        for field in node["body"].as_array().into_iter().flatten() {
            let label = field["target"]["id"].as_str().unwrap_or_default();
            let kind = self.id(&field["annotation"], module, depth + 1)?;
            let slots = self
                .slots(&kind)
                .ok_or("the size of a member is not known")?;
            members.push(member(label, slot, kind));
            slot = slot.checked_add(slots).ok_or("it is too large")?;
        }
        let bytes = slot.checked_mul(32).ok_or("it is too large")?;
        let mut structure = info("inplace", &format!("struct {name}"), bytes);
        structure.members = Some(members);
        self.add(&id, structure);
        Ok(id)
    }

    fn label(&self, id: &str) -> String {
        self.described
            .get(id)
            .map_or_else(|| id.to_owned(), |info| info.label.clone())
    }

    fn add(&mut self, id: &str, info: TypeInfo) {
        self.described.entry(id.to_owned()).or_insert(info);
    }
}

/// A number, or a constant that is one.
fn number(node: &Value, module: Module<'_>) -> Result<u64, String> {
    let value = match node["ast_type"].as_str() {
        Some("Int") => node["value"].as_u64(),
        Some("Name") => module.constant(node["id"].as_str().unwrap_or_default()),
        _ => None,
    };
    value.ok_or_else(|| "a length in its type is no plain number".to_owned())
}

fn is_elementary(name: &str) -> bool {
    let sized = |prefix: &str| {
        let digits = name.strip_prefix(prefix).unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(name, "address" | "bool" | "decimal")
        || ["uint", "int", "bytes"].into_iter().any(sized)
}

fn member(label: &str, slot: u64, type_id: String) -> StorageItem {
    StorageItem {
        ast_id: 0,
        contract: String::new(),
        label: label.to_owned(),
        offset: 0,
        slot: slot.to_string(),
        type_id,
        renamed_from: None,
        retyped_from: None,
        source: None,
    }
}

fn info(encoding: &str, label: &str, bytes: u64) -> TypeInfo {
    TypeInfo {
        encoding: encoding.to_owned(),
        label: label.to_owned(),
        number_of_bytes: bytes.to_string(),
        key: None,
        value: None,
        base: None,
        members: None,
        enum_values: None,
        underlying: None,
    }
}

//! Where a contract's code places things at slots it computes itself: `x.slot := …`, `sload`,
//! `sstore`, and OpenZeppelin's `StorageSlot`.

use crate::{
    evaluate::{Evaluator, Expression, Found, Root, Variables, Yul},
    functions::{Functions, declaration, parameters, references},
};
use alloy_primitives::B256;
use cutover_types::{
    layout::{SlotUse, SlotUser},
    source::{Index, Node, Tree, kind, visit},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Root slots of one declaration; `None` is one that could not be read.
pub(crate) type Roots = BTreeSet<Option<Root>>;

/// What a contract's code places where.
#[derive(Default)]
pub(crate) struct Uses {
    /// Structs, by the id of their definition.
    pub(crate) structs: BTreeMap<i64, Roots>,
    /// Mappings and arrays, by the id of the pointer that is placed.
    pub(crate) pointers: BTreeMap<i64, Roots>,
    /// Single words.
    pub(crate) words: BTreeMap<B256, SlotUse>,
    /// Functions that name slots without a constant.
    pub(crate) users: BTreeMap<String, SlotUser>,
    /// Writes at some distance from a variable, by its name.
    pub(crate) strays: BTreeMap<String, SlotUse>,
}

/// Reads the uses in all functions a contract can run.
pub(crate) fn read<'a>(index: &Index<'a>, linearized: &[Node<'a>], variables: &Variables) -> Uses {
    let functions = Functions::of(index, linearized);
    let evaluator = Evaluator::new(index, linearized, &functions).with(variables);
    let mut reader = Reader {
        index,
        variables,
        evaluator,
        uses: Uses::default(),
    };
    for function in &functions.reached {
        visit(function.tree, &mut |tree| {
            if kind(tree) == "InlineAssembly" {
                if tree["AST"].is_object() {
                    reader.assembly(*function, tree);
                } else {
                    reader.text(*function, tree);
                }
            }
        });
    }
    reader.uses
}

struct Reader<'a, 'i> {
    index: &'i Index<'a>,
    variables: &'i Variables,
    evaluator: Evaluator<'a, 'i>,
    uses: Uses,
}

impl<'a> Reader<'a, '_> {
    fn assembly(&mut self, function: Node<'a>, block: &'a Tree) {
        let references = references(block);
        visit(&block["AST"], &mut |tree| match kind(tree) {
            "YulAssignment" => {
                for pointer in placed(tree, &references) {
                    let value = &tree["value"];
                    let found = self
                        .evaluator
                        .roots(function, Expression::Yul(Yul { block, value }));
                    let inside = inside_a_variable(value);
                    self.strays(function, tree, &found);
                    let own = |root: &Root| self.is_own(root);
                    let mut roots: Roots = found
                        .roots
                        .into_iter()
                        .map(|root| root.filter(|root| !own(root)))
                        .collect();
                    if inside {
                        roots.remove(&None);
                    }
                    self.place(function, tree, pointer, roots);
                }
            }
            "YulFunctionCall" => {
                let written = tree["functionName"]["name"] == "sstore";
                if !written && tree["functionName"]["name"] != "sload" {
                    return;
                }
                let value = &tree["arguments"][0];
                let found = self
                    .evaluator
                    .roots(function, Expression::Yul(Yul { block, value }));
                if written {
                    self.strays(function, block, &found);
                }
                self.word(function, block, found.roots, written, None);
            }
            _ => {}
        });
    }

    /// Assembly before solc 0.6, which is only a text.
    fn text(&mut self, function: Node<'a>, block: &'a Tree) {
        let text = block["operations"].as_str().unwrap_or_default();
        let named: HashMap<&str, i64> = block["externalReferences"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(Tree::fields)
            .filter_map(|(name, of)| Some((name, of["declaration"].as_i64()?)))
            .collect();
        for (call, written) in [("sload(", false), ("sstore(", true)] {
            for (_, rest) in text
                .match_indices(call)
                .map(|(at, _)| text.split_at(at + call.len()))
            {
                let end = rest.find([',', ')', '(']).unwrap_or(rest.len());
                if let Some(id) = named.get(rest[..end].trim()) {
                    let found = self.evaluator.roots(function, Expression::Variable(*id));
                    self.word(function, block, found.roots, written, None);
                }
            }
        }
    }

    /// Whether a slot belongs to the variable it is worked out from.
    fn is_own(&self, root: &Root) -> bool {
        let variable = root.variable;
        variable.is_some_and(|id| self.variables.holds(id, root.slot))
    }

    /// Notes what is written at slots that could not be read, at some distance from a variable.
    fn strays(&mut self, function: Node<'_>, tree: &Tree, found: &Found) {
        for id in &found.near {
            let Some(label) = self.variables.label(*id) else {
                continue;
            };
            let strays = &mut self.uses.strays;
            strays.entry(label.to_owned()).or_insert_with(|| SlotUse {
                contract: owner(self.index, &function),
                source: self.index.line(function.unit, tree),
                written: true,
                ..SlotUse::default()
            });
        }
    }

    /// Notes who names slots without a constant.
    fn users(&mut self, roots: &Roots) {
        let roots = roots.iter().flatten();
        for root in roots.filter(|one| one.constant.is_none() && one.variable.is_none()) {
            let Some(function) = self.index.get(root.function) else {
                continue;
            };
            let name = self.signature(&function);
            let user = self.uses.users.entry(name).or_insert_with(|| SlotUser {
                slots: BTreeSet::new(),
                contract: owner(self.index, &function),
                source: self.index.line(function.unit, function.tree),
            });
            user.slots.insert(root.slot);
        }
    }

    /// `Contract.function(uint256,address)`.
    fn signature(&self, function: &Node<'_>) -> String {
        let contract = function.contract.and_then(|id| self.index.get(id));
        let contract = contract.as_ref().and_then(|one| one.tree["name"].as_str());
        let types: Vec<_> = parameters(function.tree)
            .iter()
            .filter_map(|one| one["typeDescriptions"]["typeString"].as_str())
            .collect();
        let name = function.tree["name"].as_str().unwrap_or_default();
        format!(
            "{}.{name}({})",
            contract.unwrap_or_default(),
            types.join(",")
        )
    }

    fn place(&mut self, function: Node<'_>, tree: &Tree, pointer: i64, roots: Roots) {
        self.users(&roots);
        let index = self.index;
        let Some(node) = index.get(pointer) else {
            return;
        };
        let name = &node.tree["typeName"];
        let definition = name["referencedDeclaration"]
            .as_i64()
            .or_else(|| name["pathNode"]["referencedDeclaration"].as_i64())
            .and_then(|id| Some((id, index.get(id)?)));
        match definition {
            Some((id, node)) if kind(node.tree) == "StructDefinition" => match word(index, &node) {
                Some(kind) => self.word(function, tree, roots, true, Some(kind)),
                None => self.uses.structs.entry(id).or_default().extend(roots),
            },
            None if matches!(kind(name), "Mapping" | "ArrayTypeName") => {
                self.uses.pointers.entry(pointer).or_default().extend(roots);
            }
            _ => {}
        }
    }

    fn word(
        &mut self,
        function: Node<'_>,
        tree: &Tree,
        roots: Roots,
        written: bool,
        kind: Option<String>,
    ) {
        self.users(&roots);
        for root in roots.into_iter().flatten() {
            if self.is_own(&root) {
                continue;
            }
            let variable = root.variable.and_then(|id| self.variables.label(id));
            let words = &mut self.uses.words;
            let found = words.entry(root.slot).or_insert_with(|| SlotUse {
                contract: owner(self.index, &function),
                source: self.index.line(function.unit, tree),
                ..SlotUse::default()
            });
            found.written |= written;
            found.variable = found.variable.take().or(variable.map(str::to_owned));
            found.constant = found.constant.take().or(root.constant);
            found.kind = found.kind.take().or_else(|| kind.clone());
        }
    }
}

/// Whether a slot is worked out from a variable's: an element of an array, a value of a mapping.
fn inside_a_variable(value: &Tree) -> bool {
    let mut found = false;
    visit(value, &mut |tree| {
        let name = tree["name"].as_str().unwrap_or_default();
        found |= name == "keccak256" || name.ends_with(".slot") || name.ends_with("_slot");
    });
    found
}

/// `Source.sol:Contract` around a node, or the file alone.
pub(crate) fn owner(index: &Index<'_>, node: &Node<'_>) -> String {
    match node.contract.and_then(|id| index.get(id)) {
        Some(contract) => format!(
            "{}:{}",
            contract.unit,
            contract.tree["name"].as_str().unwrap_or_default()
        ),
        None => node.unit.to_owned(),
    }
}

/// The declarations behind `x.slot := …`, before solc 0.7 `x_slot := …`.
fn placed(assignment: &Tree, references: &HashMap<&str, i64>) -> Vec<i64> {
    let names = assignment["variableNames"].as_array().into_iter().flatten();
    names
        .filter(|name| {
            let text = name["name"].as_str().unwrap_or_default();
            text.ends_with(".slot") || text.ends_with("_slot")
        })
        .filter_map(|name| declaration(references, name))
        .collect()
}

/// The type inside one of the structs of OpenZeppelin's `StorageSlot`, each a single word.
fn word(index: &Index<'_>, definition: &Node<'_>) -> Option<String> {
    let library = index.get(definition.contract?)?.tree["name"].as_str()?;
    let members = definition.tree["members"].as_array()?;
    match members {
        [one] if library.starts_with("StorageSlot") && one["name"] == "value" => {
            let name = one["typeDescriptions"]["typeString"].as_str();
            name.map(str::to_owned)
        }
        _ => None,
    }
}

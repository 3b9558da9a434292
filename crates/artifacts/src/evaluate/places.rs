//! Slots of variables, and of the members of the structs they hold.

use super::{Evaluated, Evaluator, Stop, as_word};
use alloy_primitives::{B256, U256};
use cutover_types::{
    StorageItem, StorageLayout,
    source::{Index, Tree, kind},
};
use std::collections::HashMap;

/// Where a layout has its variables, by the ids of their declarations.
#[derive(Default)]
pub(crate) struct Variables {
    all: HashMap<i64, Place>,
    /// How many slots behind the start of its struct a member is.
    members: HashMap<i64, U256>,
}

struct Place {
    label: String,
    first: U256,
    slots: U256,
}

impl Variables {
    pub(crate) fn of(layout: &StorageLayout, index: &Index<'_>) -> Self {
        let mut variables = Self::default();
        // Ids of another compilation would be somebody else's.
        let declared = |item: &StorageItem| {
            let node = index.get(item.ast_id)?;
            (node.tree["name"] == item.label.as_str()).then_some(item.ast_id)
        };
        for item in &layout.storage {
            let info = layout.types.get(&item.type_id);
            let size = info.and_then(|info| info.number_of_bytes.parse::<U256>().ok());
            let (Some(id), Ok(first), Some(size)) = (declared(item), item.slot.parse(), size)
            else {
                continue;
            };
            let end = size.saturating_add(U256::from(item.offset));
            let place = Place {
                label: item.label.clone(),
                first,
                slots: end.div_ceil(U256::from(32)),
            };
            variables.all.insert(id, place);
        }
        let types = layout.types.values();
        for member in types.flat_map(|info| info.members.iter().flatten()) {
            if let (Some(id), Ok(slot)) = (declared(member), member.slot.parse()) {
                variables.members.insert(id, slot);
            }
        }
        variables
    }

    pub(crate) fn label(&self, id: i64) -> Option<&str> {
        self.all.get(&id).map(|place| place.label.as_str())
    }

    /// Whether a slot is one of a variable's own.
    pub(crate) fn holds(&self, id: i64, slot: B256) -> bool {
        let slot = U256::from_be_bytes(slot.0);
        let place = self.all.get(&id);
        place.is_some_and(|place| slot.wrapping_sub(place.first) < place.slots)
    }
}

/// Whether a name in assembly is the slot of something.
pub(super) fn is_slot(name: &str) -> bool {
    name.ends_with(".slot") || name.ends_with("_slot")
}

impl<'a> Evaluator<'a, '_> {
    /// Whether an id is that of a state variable in storage.
    pub(super) fn is_stored(&self, id: i64) -> bool {
        let node = self.index.get(id);
        node.is_some_and(|node| {
            let fixed = matches!(
                node.tree["mutability"].as_str(),
                Some("constant" | "immutable")
            );
            node.tree["stateVariable"] == true && node.tree["constant"] != true && !fixed
        })
    }

    /// The slot of a state variable.
    pub(super) fn place(&mut self, id: i64) -> Evaluated<U256> {
        let place = self.variables.and_then(|variables| variables.all.get(&id));
        let place = place.ok_or(Stop::Unknown)?;
        self.variable.get_or_insert(id);
        Ok(place.first)
    }

    /// The slot that a storage pointer gets.
    pub(super) fn pointer(
        &mut self,
        tree: &'a Tree,
        frame: usize,
        depth: usize,
    ) -> Evaluated<U256> {
        self.step(depth)?;
        let declared = tree["referencedDeclaration"].as_i64();
        match (kind(tree), declared) {
            ("Identifier" | "MemberAccess", Some(id)) if self.is_stored(id) => self.place(id),
            ("Identifier", Some(id)) => {
                let datum = self.variable(id, frame, depth + 1)?;
                as_word(Some(datum))
            }
            ("MemberAccess", Some(id)) => {
                let variables = self.variables.ok_or(Stop::Unknown)?;
                let behind = *variables.members.get(&id).ok_or(Stop::Unknown)?;
                let start = self.pointer(&tree["expression"], frame, depth + 1)?;
                Ok(start.wrapping_add(behind))
            }
            ("FunctionCall", _) => self.word(tree, frame, depth + 1),
            _ => Err(Stop::Unknown),
        }
    }
}

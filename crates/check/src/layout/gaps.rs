//! Storage gaps: arrays nobody reads, kept so that later variables have room.

use cutover_types::{
    StorageItem, StorageLayout, TypeInfo,
    source::{Sources, visit},
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashSet},
};

/// Tells gaps from variables in one layout.
pub(super) struct Gaps<'a> {
    types: &'a BTreeMap<String, TypeInfo>,
    sources: Option<&'a Sources>,
    /// Declarations that some code refers to; looked for when there is something like a gap.
    used: OnceCell<HashSet<i64>>,
}

impl<'a> Gaps<'a> {
    pub(super) fn of(layout: &'a StorageLayout, sources: Option<&'a Sources>) -> Self {
        Self {
            types: &layout.types,
            sources,
            used: OnceCell::new(),
        }
    }

    /// Whether an item holds nothing. A gap by name that code refers to is a variable.
    pub(super) fn contains(&self, item: &StorageItem) -> bool {
        let fixed_array = self.types.get(&item.type_id).is_some_and(|info| {
            info.encoding == "inplace"
                && item.type_id.starts_with("t_array(")
                && info.base.as_deref().is_some_and(|base| {
                    // Rows of structs or mappings are data even when this version leaves them alone.
                    ["t_uint", "t_int", "t_bytes", "t_bool", "t_address"]
                        .iter()
                        .any(|head| base.starts_with(head))
                        && !base.starts_with("t_bytes_storage")
                })
        });
        if !fixed_array || !says_gap(&item.label) {
            return false;
        }
        match self.sources {
            Some(sources) => {
                let used = self.used.get_or_init(|| used(sources));
                !used.contains(&item.ast_id)
            }
            None => item
                .label
                .trim_start_matches('_')
                .eq_ignore_ascii_case("gap"),
        }
    }
}

/// Declarations that some code refers to.
fn used(sources: &Sources) -> HashSet<i64> {
    let mut used = HashSet::new();
    for unit in sources.units.values() {
        visit(&unit.ast, &mut |tree| {
            used.extend(tree["referencedDeclaration"].as_i64());
            if tree["nodeType"] == "InlineAssembly" {
                used.extend(assembly(tree));
            }
        });
    }
    used
}

fn says_gap(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    lower.starts_with('_') && (lower.contains("gap") || lower.contains("reserved"))
        || lower.starts_with("gap")
        || lower.ends_with("gap")
        || lower.starts_with("reserved")
}

fn assembly(tree: &serde_json::Value) -> Vec<i64> {
    let mut found = Vec::new();
    for reference in tree["externalReferences"].as_array().into_iter().flatten() {
        found.extend(reference["declaration"].as_i64());
        // Before solc 0.6 the reference is wrapped in its name.
        for inner in reference
            .as_object()
            .into_iter()
            .flat_map(|map| map.values())
        {
            found.extend(inner["declaration"].as_i64());
        }
    }
    found
}

//! Storage gaps: arrays nobody reads, kept so that later variables have room.

use cutover_types::{
    StorageItem, StorageLayout, TypeInfo,
    source::{Sources, Tree, id, kind, visit},
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashSet},
};

/// Why an array counts as a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Its name says so, and no code refers to it.
    Name,
    /// It is the last of its contract, private, and no code refers to it.
    Shape,
}

/// Tells gaps from variables in one layout.
pub(crate) struct Gaps<'a> {
    types: &'a BTreeMap<String, TypeInfo>,
    sources: Option<&'a Sources>,
    /// What the syntax trees say; looked for when there is something like a gap.
    seen: OnceCell<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Declarations that some code refers to.
    used: HashSet<i64>,
    /// Private state variables declared last in their contract.
    last: HashSet<i64>,
}

impl<'a> Gaps<'a> {
    pub(crate) fn of(layout: &'a StorageLayout, sources: Option<&'a Sources>) -> Self {
        Self {
            types: &layout.types,
            sources,
            seen: OnceCell::new(),
        }
    }

    /// Whether an item holds nothing, and what says so. An array that code refers to is a variable.
    pub(crate) fn sign(&self, item: &StorageItem) -> Option<Sign> {
        let base = self.elements(item)?;
        let Some(sources) = self.sources else {
            let name = item.label.trim_start_matches('_').to_ascii_lowercase();
            return (name == "gap" || item.label.starts_with("__gap_")).then_some(Sign::Name);
        };
        let seen = self.seen.get_or_init(|| look(sources));
        if seen.used.contains(&item.ast_id) {
            return None;
        }
        if says_gap(&item.label) {
            return Some(Sign::Name);
        }
        let words = matches!(base, "t_uint256" | "t_bytes32");
        let shape = words
            && item.label.starts_with('_')
            && seen.last.contains(&item.ast_id)
            && !says_retired(&item.label);
        shape.then_some(Sign::Shape)
    }

    /// The element type of a fixed array of simple values: rows of structs or mappings are data
    /// even when this version leaves them alone.
    fn elements(&self, item: &StorageItem) -> Option<&str> {
        let info = self.types.get(&item.type_id)?;
        let base = info.base.as_deref()?;
        let simple = ["t_uint", "t_int", "t_bytes", "t_bool", "t_address"]
            .iter()
            .any(|head| base.starts_with(head));
        let gap = info.encoding == "inplace"
            && item.type_id.starts_with("t_array(")
            && simple
            && !base.starts_with("t_bytes_storage");
        gap.then_some(base)
    }
}

/// Reads the syntax trees.
fn look(sources: &Sources) -> Seen {
    let mut seen = Seen::default();
    for unit in sources.units.values() {
        visit(&unit.ast, &mut |tree| {
            seen.used.extend(tree["referencedDeclaration"].as_i64());
            match kind(tree) {
                "InlineAssembly" => seen.used.extend(assembly(tree)),
                "ContractDefinition" => seen.last.extend(last(tree)),
                _ => {}
            }
        });
    }
    seen
}

/// Names people give to gaps: `__gap`, `_gap_Base`, `__safe_upgrade_gap`, `_reservedSlots`.
fn says_gap(label: &str) -> bool {
    const GAPS: [&str; 6] = [
        "gap",
        "reserved",
        "padding",
        "filler",
        "placeholder",
        "spare",
    ];
    const BESIDE: [&str; 12] = [
        "storage",
        "slot",
        "slots",
        "space",
        "upgrade",
        "upgrades",
        "safe",
        "for",
        "future",
        "use",
        "of",
        "variables",
    ];
    let words = words(label);
    let gap = |word: &String| GAPS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()));
    let plain = words.iter().any(gap)
        && words.iter().all(|word| {
            gap(word) || BESIDE.contains(&word.as_str()) || word.chars().all(|c| c.is_ascii_digit())
        });
    plain || label.starts_with("__") && words.iter().any(|word| word == "gap")
}

/// Names of variables that were used once and may still hold something.
fn says_retired(label: &str) -> bool {
    const RETIRED: [&str; 9] = [
        "deprecated",
        "retired",
        "legacy",
        "old",
        "removed",
        "unused",
        "spacer",
        "dead",
        "obsolete",
    ];
    words(label)
        .iter()
        .any(|word| RETIRED.iter().any(|retired| word.starts_with(retired)))
}

/// The words of a name, by underscores and capitals, in lower case.
fn words(label: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for c in label.chars() {
        let breaks = c == '_' || lower && c.is_ascii_uppercase();
        if breaks && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c != '_' {
            word.push(c.to_ascii_lowercase());
        }
        lower = c.is_ascii_lowercase();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The last state variable of a contract, when it is private.
fn last(contract: &Tree) -> Option<i64> {
    let nodes = contract["nodes"].as_array()?;
    let variable = nodes.iter().rev().find(|node| {
        kind(node) == "VariableDeclaration"
            && node["constant"] != true
            && node["mutability"] != "immutable"
    })?;
    (variable["visibility"] == "private").then(|| id(variable))
}

fn assembly(tree: &Tree) -> Vec<i64> {
    let mut found = Vec::new();
    for reference in tree["externalReferences"].as_array().into_iter().flatten() {
        found.extend(reference["declaration"].as_i64());
        // Before solc 0.6 the reference is wrapped in its name.
        for (_, inner) in reference.fields() {
            found.extend(inner["declaration"].as_i64());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_gaps_are_told_from_names_of_data() {
        for gap in [
            "__gap",
            "_gap",
            "____gap",
            "gap",
            "__GAP",
            "__gap_Ownable",
            "__OwnableGap",
            "__safe_upgrade_gap",
            "_reserved",
            "reservedSlots",
            "__reserved1",
            "_gap50",
            "reservedForFutureUse",
            "_padding",
            "__gap2",
        ] {
            assert!(says_gap(gap), "{gap}");
        }
        for data in [
            "priceGap",
            "_gap_of_day",
            "gapData",
            "reservedFunds",
            "_reserves",
            "reserveRatios",
            "slots",
            "future",
            "spacer_1_0_20",
            "_gapped",
        ] {
            assert!(!says_gap(data), "{data}");
        }
    }
}

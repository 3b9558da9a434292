//! The way from a variable to one value in it.

use super::value::Shape;
use crate::{
    layout::{StorageItem, StorageLayout, erc7201},
    text,
};
use alloy_primitives::{B256, U256, hex};
use std::collections::HashMap;

/// Characters of a string key that are shown.
const MAX_KEY: usize = 64;

/// One step into a variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member of a struct.
    Member(String),
    /// A key of a mapping: the padded word, or the bytes of a string.
    Key(Vec<u8>),
    /// An index of an array.
    Index(u64),
}

/// A variable and the steps into it: the same for two layouts when it is the same value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The variable, with its namespace or contract where the name alone is not unique.
    pub variable: String,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A path with its text.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) path: Path,
    pub(super) label: String,
}

impl At {
    fn root(variable: String, label: String) -> Self {
        let steps = Vec::new();
        Self {
            path: Path { variable, steps },
            label,
        }
    }

    /// A member, by what it is called in paths and what it is called in its layout.
    pub(super) fn member(&self, name: &str, label: &str) -> Self {
        self.then(Step::Member(name.to_owned()), &format!(".{label}"))
    }

    pub(super) fn key(&self, key: Vec<u8>, shape: &Shape) -> Self {
        let label = format!("[{}]", key_label(&key, shape));
        self.then(Step::Key(key), &label)
    }

    pub(super) fn index(&self, index: u64) -> Self {
        self.then(Step::Index(index), &format!("[{index}]"))
    }

    fn then(&self, step: Step, label: &str) -> Self {
        let mut steps = self.path.steps.clone();
        steps.push(step);
        Self {
            path: Path {
                variable: self.path.variable.clone(),
                steps,
            },
            label: format!("{}{label}", self.label),
        }
    }
}

/// A mapping key as a person writes it.
pub fn key_label(key: &[u8], shape: &Shape) -> String {
    match (shape, <[u8; 32]>::try_from(key)) {
        (Shape::Bytes { .. }, _) | (_, Err(_)) => match std::str::from_utf8(key) {
            Ok(text) => format!("\"{}\"", text::terminal(text, MAX_KEY)),
            Err(_) => hex::encode_prefixed(key.get(..MAX_KEY).unwrap_or(key)),
        },
        (shape, Ok(word)) => shape.key(word.into()),
    }
}

/// The root slot of an ERC-7201 id, with or without its prefix.
pub fn namespace_root(id: &str) -> B256 {
    erc7201(id.strip_prefix("erc7201:").unwrap_or(id).as_bytes())
}

/// A variable of a layout with its place.
#[derive(Clone, Debug)]
pub(super) struct Root<'a> {
    pub(super) at: At,
    pub(super) item: &'a StorageItem,
    pub(super) slot: U256,
}

/// What a layout calls an item.
pub(super) type Names<'n, 'a> = &'n dyn Fn(&'a StorageItem) -> &'a str;

/// Every variable of a layout, namespaces included, and what cannot be placed. `guess`: a namespace whose
/// root the source does not show is looked for where its id says.
pub(super) fn roots<'a>(
    layout: &'a StorageLayout,
    names: Names<'_, 'a>,
    guess: bool,
) -> (Vec<Root<'a>>, Vec<String>) {
    let mut roots = Vec::new();
    let mut unplaced = Vec::new();
    let mut place =
        |before: &str, base: U256, item: &'a StorageItem| match item.slot.parse::<U256>() {
            Ok(slot) => roots.push(Root {
                at: At::root(
                    format!("{before}{}", names(item)),
                    format!("{before}{}", item.label),
                ),
                item,
                slot: base.wrapping_add(slot),
            }),
            Err(_) => unplaced.push(format!("the slot of `{}` is no number", item.label)),
        };
    let mut count: HashMap<&str, usize> = HashMap::new();
    for item in &layout.storage {
        *count.entry(names(item)).or_default() += 1;
    }
    for item in &layout.storage {
        let name = names(item);
        let contract = item.contract.rsplit(':').next().unwrap_or_default();
        match count.get(name) {
            Some(1) | None => place("", U256::ZERO, item),
            // Private variables of several bases may share a name.
            Some(_) => place(&format!("{contract}."), U256::ZERO, item),
        }
    }
    let mut rootless = Vec::new();
    for (id, items) in &layout.namespaces {
        let name = id.strip_prefix("erc7201:").unwrap_or(id);
        let root = match layout.namespace_roots.get(id) {
            Some(root) => *root,
            None if guess && !id.starts_with("0x") => namespace_root(id),
            None => {
                rootless.push(format!("the root slot of namespace `{name}` is not known"));
                continue;
            }
        };
        for item in items {
            place(&format!("{name}."), U256::from_be_bytes(root.0), item);
        }
    }
    unplaced.extend(rootless);
    (roots, unplaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_root_is_the_standards_example() {
        // OpenZeppelin 5.x Ownable.
        assert_eq!(
            namespace_root("openzeppelin.storage.Ownable").to_string(),
            "0x9016d09d72d40fdae2fd8ceac6b6234c7706214fd39c1cd1e609a0528c199300"
        );
    }
}

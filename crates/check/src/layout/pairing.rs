//! Which variable of the reader is which of the writer: by place first, then by name.

use super::{
    Way,
    place::{Placed, short},
};
use alloy_primitives::U512;
use cutover_types::StorageItem;
use std::collections::HashMap;

/// Counterparts, both ways.
pub(super) struct Matches {
    /// For each of the writer's variables the index of the reader's.
    pub(super) after: Vec<Option<usize>>,
    /// For each of the reader's variables the index of the writer's.
    pub(super) before: Vec<Option<usize>>,
}

/// A sign that two variables are one.
#[derive(Clone, Copy)]
enum Sign {
    /// An annotation says so.
    Annotated,
    /// Same name, same declaring contract.
    Declared,
    /// Same name, declaring contract of the same name in another file.
    Contract,
    /// Same name.
    Label,
}

/// From the surest sign to the weakest; in the same place before elsewhere.
const SIGNS: [(Sign, bool); 8] = [
    (Sign::Annotated, true),
    (Sign::Declared, true),
    (Sign::Declared, false),
    (Sign::Contract, true),
    (Sign::Contract, false),
    (Sign::Label, true),
    (Sign::Label, false),
    (Sign::Annotated, false),
];

/// Finds the counterparts.
pub(super) fn pair_up(before: &[Placed<'_>], after: &[Placed<'_>], way: Way) -> Matches {
    let mut matches = Matches {
        after: vec![None; before.len()],
        before: vec![None; after.len()],
    };
    let here: HashMap<U512, usize> = starts(after);
    for (sign, in_place) in SIGNS {
        let elsewhere = if in_place {
            HashMap::new()
        } else {
            named(sign, after, way)
        };
        for (i, old) in before.iter().enumerate() {
            if matches.after[i].is_some() {
                continue;
            }
            let free = |j: &usize| {
                matches.before[*j].is_none() && sign.holds(old.item, after[*j].item, way)
            };
            let found = if in_place {
                here.get(&old.range.start).copied().filter(free)
            } else {
                sign.wanted(old.item, way).into_iter().find_map(|key| {
                    let found = elsewhere.get(&key)?;
                    found.iter().copied().find(free)
                })
            };
            if let Some(j) = found {
                matches.after[i] = Some(j);
                matches.before[j] = Some(i);
            }
        }
    }
    matches
}

/// Variables by where they start.
pub(super) fn starts(items: &[Placed<'_>]) -> HashMap<U512, usize> {
    let starts = items.iter().enumerate();
    starts.map(|(i, placed)| (placed.range.start, i)).collect()
}

type Key<'a> = (&'a str, &'a str);

/// The reader's variables under everything a writer's variable may look for.
fn named<'a>(sign: Sign, after: &[Placed<'a>], way: Way) -> HashMap<Key<'a>, Vec<usize>> {
    let mut named: HashMap<_, Vec<_>> = HashMap::new();
    for (j, new) in after.iter().enumerate() {
        for key in sign.offered(new.item, way) {
            named.entry(key).or_default().push(j);
        }
    }
    named
}

impl Sign {
    fn holds(self, old: &StorageItem, new: &StorageItem, way: Way) -> bool {
        match self {
            // Equal names need no annotation, and an old one must not hide exchanged bases.
            Self::Annotated => old.label != new.label && says_renamed(old, new, way),
            Self::Declared => old.label == new.label && old.contract == new.contract,
            Self::Contract => {
                old.label == new.label && short(&old.contract) == short(&new.contract)
            }
            Self::Label => old.label == new.label,
        }
    }

    /// The keys under which the writer's variable looks for its counterpart.
    fn wanted(self, old: &StorageItem, way: Way) -> Vec<Key<'_>> {
        match self {
            Self::Annotated => {
                let mut keys = vec![("", old.label.as_str())];
                keys.extend(old.renamed_from.as_deref().map(|from| ("", from)));
                if way == Way::Back {
                    keys.reverse();
                }
                keys
            }
            named => vec![named.key(old)],
        }
    }

    fn offered(self, new: &StorageItem, way: Way) -> Vec<Key<'_>> {
        match self {
            Self::Annotated => {
                let mut keys = Vec::new();
                keys.extend(new.renamed_from.as_deref().map(|from| ("", from)));
                if way == Way::Back {
                    keys.push(("", new.label.as_str()));
                }
                keys
            }
            named => vec![named.key(new)],
        }
    }

    fn key(self, item: &StorageItem) -> Key<'_> {
        match self {
            Self::Declared => (&item.contract, &item.label),
            Self::Contract => (short(&item.contract), &item.label),
            Self::Label | Self::Annotated => ("", &item.label),
        }
    }
}

/// Whether green's annotation says that the two are one variable. It is green's on the way back too.
fn says_renamed(old: &StorageItem, new: &StorageItem, way: Way) -> bool {
    let (blue, green) = match way {
        Way::Forward => (old, new),
        Way::Back => (new, old),
    };
    green
        .renamed_from
        .as_ref()
        .is_some_and(|from| *from == blue.label || Some(from) == blue.renamed_from.as_ref())
}

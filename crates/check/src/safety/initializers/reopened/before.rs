//! What blue has put into storage.

use super::{
    Laid,
    entries::{self, Keyed},
};
use crate::safety::{
    Subject,
    guard::{all_sets, runs},
    initializers::{
        places::{Place, Places},
        versions::{shape, signature},
    },
    slots::{Slot, slots_of},
};
use alloy_primitives::B256;
use cutover_types::source::{Node, entry_points, visit};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Where blue puts anything but zero.
pub(super) struct Before {
    places: Vec<Place>,
    /// The words that it writes by number, first slots of namespaces as well.
    words: BTreeSet<B256>,
    entries: Vec<Keyed>,
    /// What runs in its initializers, by signature.
    code: HashMap<String, BTreeSet<String>>,
}

impl Before {
    pub(super) fn of<'b>(blue: &Laid<'_, 'b>, begun: &[Node<'b>]) -> Self {
        let subject = blue.subject;
        let places = Places::new(blue.layout);
        let first = begun.first();
        let ids = first.map(|first| all_sets(subject, *first));
        let ids = ids.unwrap_or_default();
        let mut found = Self {
            places: ids
                .iter()
                .flat_map(|id| places.of(subject, *id))
                .copied()
                .collect(),
            words: BTreeSet::new(),
            entries: Vec::new(),
            code: begun
                .iter()
                .map(|one| (signature(one), code(subject, *one)))
                .collect(),
        };
        let roots: HashSet<_> = blue.layout.namespace_roots.values().collect();
        let entries = entry_points(subject.linearized);
        for entry in &entries {
            for slot in &slots_of(subject, *entry).written {
                let Slot::Known(slot) = *slot else {
                    continue;
                };
                found.words.insert(slot);
                // A pointer to a namespace is not its first slot.
                if !roots.contains(&slot) {
                    found.places.push(Place {
                        slot: slot.into(),
                        offset: 0,
                        size: 32,
                    });
                }
            }
        }
        let mapping = |id| places.of_mapping(subject, id).to_vec();
        if ids.iter().any(|id| !mapping(*id).is_empty()) {
            found.entries = entries::written(subject, &entries, &mapping);
        }
        found
    }

    pub(super) fn wrote(&self, place: &Place) -> bool {
        self.places.iter().any(|one| one.meets(place))
    }

    /// Whether it writes a word by its number, or a variable that lies there.
    pub(super) fn wrote_word(&self, slot: &B256) -> bool {
        let word = Place {
            slot: (*slot).into(),
            offset: 0,
            size: 32,
        };
        self.words.contains(slot) || self.wrote(&word)
    }

    /// Whether it writes an entry of a mapping; `None` where that is not known.
    pub(super) fn has(&self, entry: &Keyed) -> Option<bool> {
        let mut known = Some(false);
        for one in &self.entries {
            match entry.is(one) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = None,
            }
        }
        known
    }

    /// Whether the same code ran there.
    pub(super) fn has_same<'a>(&self, subject: &Subject<'a>, entry: Node<'a>) -> bool {
        let before = self.code.get(&signature(&entry));
        before.is_some_and(|before| *before == code(subject, entry))
    }
}

/// What runs in a function, and the constants in it.
fn code<'a>(subject: &Subject<'a>, entry: Node<'a>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for one in runs(subject, entry).iter() {
        found.insert(shape(one.node.tree));
        visit(one.node.tree, &mut |tree| {
            let named = tree["referencedDeclaration"].as_i64();
            let named = named.or_else(|| tree["declaration"].as_i64());
            let constant = named
                .and_then(|id| subject.index.get(id))
                .filter(|named| named.tree["constant"] == true);
            found.extend(constant.map(|constant| shape(constant.tree)));
        });
    }
    found
}

//! Stored values under blue's layout and under green's, side by side.

use super::Live;
use crate::Side;
use alloy_primitives::B256;
use cutover_types::{
    StorageItem, StorageLayout,
    live::LiveValue,
    storage::{Entry, Explained, Keys, Limits, Path, Step, Walk, explain, walk},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Rows of a report.
const MAX_ROWS: usize = 200;
/// Notes on what was not read.
const MAX_NOTES: usize = 20;

/// Both readings of the proxy's storage.
#[derive(Default)]
pub(super) struct Values {
    rows: Vec<Row>,
    /// Slots without which more cannot be said.
    pub(super) missing: BTreeSet<B256>,
    /// What was left out.
    pub(super) notes: Vec<String>,
    /// What blue's and green's layouts say of the slots the recording touched.
    pub(super) explained: [BTreeMap<B256, Vec<Explained>>; 2],
    /// Mapping entries and array elements among them.
    pub(super) entries: u64,
}

/// One value with what the findings need to know of it.
pub(super) struct Row {
    pub(super) value: LiveValue,
    /// The variables it belongs to, as paths begin: blue's and green's.
    pub(super) variables: Vec<String>,
    /// What blue keeps where a variable only green has reads.
    pub(super) over: Option<String>,
    /// Whether both were read.
    pub(super) known: bool,
    /// Whether every byte read for it is zero.
    pub(super) zero: bool,
}

impl Values {
    /// The rows of the report, changed ones first, and how many are left out.
    pub(super) fn rows(self) -> (Vec<LiveValue>, u64) {
        let mut rows: Vec<LiveValue> = self
            .rows
            .into_iter()
            .map(|row| row.value)
            .filter(|value| value.blue.is_some() || value.green.is_some())
            .collect();
        rows.sort_by_key(|value| !value.changed);
        let omitted = rows.len().saturating_sub(MAX_ROWS) as u64;
        rows.truncate(MAX_ROWS);
        (rows, omitted)
    }

    /// The values, as the findings look at them.
    pub(super) fn all(&self) -> &[Row] {
        &self.rows
    }
}

/// Reads what is stored, as far as it is known.
pub(super) fn read(blue: &Side<'_>, green: &Side<'_>, live: &Live) -> Values {
    let mut values = Values::default();
    let mut keys = Keys::default();
    let names = Names::of(blue.layout, green.layout);
    if let Some(seen) = &live.seen {
        let touched: BTreeSet<B256> = seen
            .touched
            .iter()
            .chain(seen.written.keys())
            .copied()
            .collect();
        for (side, found) in [blue.layout, green.layout]
            .iter()
            .zip(&mut values.explained)
        {
            if let Some(layout) = side {
                *found = explain(layout, &seen.preimages, &touched);
            }
        }
        let blue_places = values.explained[0].values().flatten();
        let paths: BTreeSet<&Path> = blue_places.map(|place| &place.path).collect();
        for path in &paths {
            keys.add(path);
        }
        let is_entry = |path: &&&Path| {
            let mut steps = path.steps.iter();
            steps.any(|step| !matches!(step, Step::Member(_)))
        };
        values.entries = paths.iter().filter(is_entry).count() as u64;
        // Green's own mappings, should the recording have been made with green in place.
        for place in values.explained[1].values().flatten() {
            if !names.green.contains_key(place.path.variable.as_str()) {
                keys.add(&place.path);
            }
        }
    }
    let walk_of = |layout: Option<&StorageLayout>, alias: bool| match layout {
        Some(layout) => walk(
            layout,
            &|item: &StorageItem| {
                if alias {
                    names.alias(item)
                } else {
                    &item.label
                }
            },
            &keys,
            &live.words,
            Limits::default(),
        ),
        None => Walk::default(),
    };
    let (before, after) = (walk_of(blue.layout, false), walk_of(green.layout, true));
    values
        .missing
        .extend(before.missing.iter().chain(&after.missing));
    for note in before.notes.iter().chain(&after.notes) {
        if values.notes.len() < MAX_NOTES && !values.notes.contains(note) {
            values.notes.push(note.clone());
        }
    }
    values.rows = side_by_side(&before.entries, &after.entries, live);
    values
        .notes
        .extend(unread(values.rows.iter().map(|row| &row.value)));
    values
}

/// What green's variables are called in blue.
struct Names<'a> {
    /// Labels of blue.
    blue: HashSet<&'a str>,
    /// Labels of green.
    green: HashMap<&'a str, ()>,
}

impl<'a> Names<'a> {
    fn of(blue: Option<&'a StorageLayout>, green: Option<&'a StorageLayout>) -> Self {
        let labels = |layout: Option<&'a StorageLayout>| {
            let layout = layout.into_iter();
            layout.flat_map(|layout| {
                let members = layout
                    .types
                    .values()
                    .flat_map(|info| info.members.iter().flatten());
                let namespaces = layout.namespaces.values().flatten();
                let items = layout.storage.iter().chain(namespaces).chain(members);
                items.map(|item| item.label.as_str())
            })
        };
        Self {
            blue: labels(blue).collect(),
            green: labels(green).map(|label| (label, ())).collect(),
        }
    }

    /// A renamed variable goes by its old name.
    fn alias<'i>(&self, item: &'i StorageItem) -> &'i str {
        match &item.renamed_from {
            Some(from)
                if self.blue.contains(from.as_str()) && !self.green.contains_key(from.as_str()) =>
            {
                from
            }
            _ => &item.label,
        }
    }
}

fn side_by_side(before: &[Entry], after: &[Entry], live: &Live) -> Vec<Row> {
    let by_path: HashMap<&Path, &Entry> = after.iter().map(|entry| (&entry.path, entry)).collect();
    let known: HashSet<&Path> = before.iter().map(|entry| &entry.path).collect();
    let roots: HashSet<&str> = before.iter().map(|e| e.path.variable.as_str()).collect();
    let mut in_blue: HashMap<B256, Vec<&Entry>> = HashMap::new();
    let mut in_green: HashMap<B256, Vec<&Entry>> = HashMap::new();
    for (entries, by_slot) in [(before, &mut in_blue), (after, &mut in_green)] {
        for entry in entries {
            by_slot.entry(entry.slot).or_default().push(entry);
        }
    }
    let over = |by_slot: &HashMap<B256, Vec<&Entry>>, entry: &Entry| -> Vec<Entry> {
        let there = by_slot.get(&entry.slot).into_iter().flatten();
        there
            .filter(|other| overlap(entry, other))
            .map(|other| (*other).clone())
            .collect()
    };
    let mut rows = Vec::new();
    let mut taken: HashSet<Path> = HashSet::new();
    for old in before {
        let here = over(&in_green, old);
        let new = match by_path.get(&old.path) {
            Some(new) => Some((*new).clone()),
            // By another name at the same place; what has a place of its own in blue is not that.
            None => here.into_iter().find(|new| !known.contains(&new.path)),
        };
        if let Some(new) = &new {
            taken.insert(new.path.clone());
        }
        rows.push(pair(old, new.as_ref(), live));
    }
    for new in after {
        let element = matches!(new.path.steps.last(), Some(Step::Index(_)));
        // More elements only because the length is read elsewhere: the length says it.
        if taken.contains(&new.path)
            || known.contains(&new.path)
            || (element && roots.contains(new.path.variable.as_str()))
        {
            continue;
        }
        rows.push(only_green(new, &over(&in_blue, new), live));
    }
    rows
}

fn pair(old: &Entry, new: Option<&Entry>, live: &Live) -> Row {
    let text = |entry: &Entry| entry.reading.as_ref().map(|reading| reading.text.clone());
    let blue = text(old);
    let green = new.and_then(text);
    let known = blue.is_some() && (green.is_some() || new.is_none());
    let differs = blue.is_some() && green.is_some() && blue != green;
    let same_bytes = new.is_some_and(|new| same_bytes(old, new));
    let zero = [Some(old), new]
        .into_iter()
        .flatten()
        .all(|entry| entry.reading.as_ref().is_some_and(|reading| reading.zero));
    let mut variables = vec![old.path.variable.clone()];
    let mut other = None;
    if let Some(new) = new {
        variables.push(new.path.variable.clone());
        variables.push(root(&new.label).to_owned());
        other = (new.label != old.label).then(|| new.label.clone());
    }
    Row {
        value: LiveValue {
            variable: old.label.clone(),
            type_label: old.type_label.clone(),
            slot: old.slot,
            offset: old.offset,
            blue,
            blue_not_read: not_read(old, live),
            green,
            green_not_read: new.and_then(|new| not_read(new, live)),
            green_variable: other,
            changed: differs && !same_bytes,
        },
        variables,
        over: None,
        known,
        zero,
    }
}

/// A variable that blue does not have begins with what lies there.
fn only_green(new: &Entry, over: &[Entry], live: &Live) -> Row {
    let zero = new.reading.as_ref().is_some_and(|reading| reading.zero);
    let shown: Vec<String> = over
        .iter()
        .take(3)
        .map(|old| match &old.reading {
            Some(reading) => format!("{} = {}", old.label, reading.text),
            None => format!("{}, not read", old.label),
        })
        .collect();
    Row {
        value: LiveValue {
            variable: new.label.clone(),
            type_label: new.type_label.clone(),
            slot: new.slot,
            offset: new.offset,
            blue: None,
            blue_not_read: None,
            green_not_read: not_read(new, live),
            green: new.reading.as_ref().map(|reading| reading.text.clone()),
            green_variable: None,
            changed: new.reading.is_some() && !zero,
        },
        variables: vec![new.path.variable.clone(), root(&new.label).to_owned()],
        over: (!shown.is_empty()).then(|| shown.join(", ")),
        known: new.reading.is_some(),
        zero,
    }
}

/// The same bytes, shown in two ways that mean the same: an enum and the number it is.
fn same_bytes(old: &Entry, new: &Entry) -> bool {
    let same = (old.slot, old.offset, old.size) == (new.slot, new.offset, new.size);
    let (one, two) = (&old.type_label, &new.type_label);
    let pair = |a: &str, b: &str| a.starts_with("enum ") && b == "uint8";
    same && (pair(one, two) || pair(two, one))
}

fn overlap(one: &Entry, two: &Entry) -> bool {
    one.offset < two.offset.saturating_add(two.size)
        && two.offset < one.offset.saturating_add(one.size)
}

/// The variable a label begins with.
fn root(label: &str) -> &str {
    label.split('[').next().unwrap_or(label)
}

/// Why a value was not read.
fn not_read(entry: &Entry, live: &Live) -> Option<String> {
    let lacks = entry.lacks?;
    let refused = live.refused.get(&lacks);
    Some(refused.map_or_else(|| "not asked for".to_owned(), String::clone))
}

/// What the node did not give, by reason.
fn unread<'a>(values: impl Iterator<Item = &'a LiveValue>) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for value in values {
        let (blue, green) = (&value.blue_not_read, &value.green_not_read);
        if let Some(why) = blue {
            let label = format!("`{}`", value.variable);
            by_reason.entry(why).or_default().push(label);
        }
        if let (Some(why), None) = (green, blue) {
            let label = value.green_variable.as_ref().unwrap_or(&value.variable);
            let label = format!("`{label}` of green");
            by_reason.entry(why).or_default().push(label);
        }
    }
    by_reason
        .into_iter()
        .take(MAX_NOTES)
        .map(|(why, labels)| {
            let shown = labels.get(..6).unwrap_or(&labels).join(", ");
            let more = match labels.len().saturating_sub(6) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{shown}{more}: {why}")
        })
        .collect()
}

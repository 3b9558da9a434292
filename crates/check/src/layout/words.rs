//! Single words at constant slots: `sload`, `sstore`, OpenZeppelin's `StorageSlot`.

use super::{
    Outcome, Pair, Way,
    gaps::Gaps,
    overlaps,
    place::{Range, short},
};
use crate::rules;
use alloy_primitives::B256;
use cutover_types::{
    Finding, Severity, StorageItem, StorageLayout, abi::PROXY_SLOTS, layout::SlotUse,
};

pub(super) fn compare(
    pair: Pair<'_>,
    blue_gaps: &Gaps<'_>,
    green_gaps: &Gaps<'_>,
    outcome: &mut Outcome,
) {
    let (blue, green) = (Places::of(pair.blue), Places::of(pair.green));
    for (slot, before) in &pair.blue.slots {
        if is_proxy(*slot) {
            continue;
        }
        if let Some(place) = blue.at(*slot) {
            // What lies in a variable or a namespace is compared there, a word in a gap is not.
            let after = green.at(*slot);
            if before.written
                && place.is_gap(blue_gaps)
                && let Some(after) = after.filter(|after| !after.is_gap(green_gaps))
            {
                let found = covered(pair.way, *slot, before, after, &mut outcome.unknown);
                outcome.findings.extend(found);
            }
            continue;
        }
        if let Some(after) = green.at(*slot) {
            let found = covered(pair.way, *slot, before, after, &mut outcome.unknown);
            outcome.findings.extend(found);
            continue;
        }
        match pair.green.slots.get(slot) {
            Some(after) => outcome
                .findings
                .extend(retyped(pair.way, *slot, before, after)),
            None if pair.green_side.sources.is_none() => {}
            None => {
                // A rollback leaves green's own words where they are.
                let gone = || (pair.way == Way::Forward).then(|| gone(*slot, before));
                let found = moved(pair, *slot, before).or_else(gone);
                outcome.findings.extend(found);
            }
        }
    }
    strays(pair, outcome);
    if pair.way == Way::Back {
        return;
    }
    for (slot, after) in &pair.green.slots {
        if let Some(Place::Variable(item)) = green.at(*slot)
            && after.written
            && !pair.blue.slots.contains_key(slot)
        {
            let mut finding = finding(rules::STORAGE_OVERLAP, *slot, after);
            finding.severity = Severity::Warning;
            finding.message = format!(
                "{} is written directly, and `{}` is stored there",
                named(*slot, after),
                item.label
            );
            outcome.findings.push(finding);
        }
    }
}

/// New variables that may lie where the writer writes at some distance from a variable.
fn strays(pair: Pair<'_>, outcome: &mut Outcome) {
    let mut fresh = outcome
        .fresh
        .iter()
        .filter(|one| one.place.is_some() && one.scope.is_none());
    let Some(new) = fresh.next() else {
        return;
    };
    let more = if fresh.next().is_some() {
        " and others"
    } else {
        ""
    };
    for (variable, written) in &pair.blue.strays {
        outcome.unknown.push(format!(
            "{} of {} writes at slots that it works out from the one of `{variable}`, and `{}`{more} of {} may lie there: where it writes only shows at run time",
            short(&written.contract),
            pair.way.writer(),
            new.label,
            pair.way.reader()
        ));
    }
}

/// A word of blue that something else of green lies over.
fn covered(
    way: Way,
    slot: B256,
    before: &SlotUse,
    after: Place<'_>,
    unknown: &mut Vec<String>,
) -> Option<Finding> {
    match after {
        Place::Variable(item) => {
            let mut finding = finding(rules::STORAGE_OVERLAP, slot, before);
            finding.label = Some(item.label.clone());
            finding.source.clone_from(&item.source);
            finding.message = format!(
                "`{}` of {} lies over {}, where {} keeps a value",
                item.label,
                way.reader(),
                named(slot, before),
                way.writer()
            );
            Some(finding)
        }
        Place::Namespace(id) => {
            unknown.push(format!(
                "{} is a single word in {} and part of namespace `{id}` in {}: whether it means the same cannot be told",
                named(slot, before),
                way.writer(),
                way.reader()
            ));
            None
        }
    }
}

fn retyped(way: Way, slot: B256, before: &SlotUse, after: &SlotUse) -> Option<Finding> {
    let (was, is) = (before.kind.as_ref()?, after.kind.as_ref()?);
    if was == is {
        return None;
    }
    let mut finding = finding(rules::TYPECHANGE, slot, after);
    finding.message = format!(
        "{} holds `{is}` for {}, and {} keeps `{was}` there",
        named(slot, after),
        way.reader(),
        way.writer()
    );
    Some(finding)
}

/// A word that has the same name and is at another slot.
fn moved(pair: Pair<'_>, slot: B256, before: &SlotUse) -> Option<Finding> {
    let name = |one: &SlotUse| (one.constant.clone(), one.variable.clone());
    if name(before) == (None, None) {
        return None;
    }
    let mut same = pair.green.slots.iter().filter(|(other, after)| {
        name(after) == name(before)
            && short(&after.contract) == short(&before.contract)
            && !pair.blue.slots.contains_key(*other)
    });
    let (Some((to, after)), None) = (same.next(), same.next()) else {
        return None;
    };
    let mut finding = finding(rules::NAMESPACE_MOVED, slot, after);
    finding.message = match pair.way {
        Way::Forward => format!("{} moves to {to}", named(slot, before)),
        Way::Back => format!("{} of green is at {to} in blue", named(slot, before)),
    };
    Some(finding)
}

fn gone(slot: B256, before: &SlotUse) -> Finding {
    let mut finding = finding(rules::SLOT_GONE, slot, before);
    finding.message = format!("{} is used by blue and not by green", named(slot, before));
    finding
}

fn finding(rule: &'static rules::Rule, slot: B256, used: &SlotUse) -> Finding {
    Finding {
        label: Some(used.constant.clone().unwrap_or_else(|| slot.to_string())),
        source: used.source.clone(),
        ..rule.finding(&used.contract, String::new())
    }
}

fn named(slot: B256, used: &SlotUse) -> String {
    match (&used.constant, &used.variable) {
        (Some(constant), _) => format!("`{constant}` at {slot}"),
        (None, Some(variable)) => format!("slot {slot}, worked out from `{variable}`"),
        (None, None) => format!("slot {slot}"),
    }
}

fn is_proxy(slot: B256) -> bool {
    PROXY_SLOTS.iter().any(|(known, _)| *known == slot)
}

/// What lies over a slot.
#[derive(Clone, Copy)]
enum Place<'a> {
    Variable(&'a StorageItem),
    Namespace(&'a str),
}

impl Place<'_> {
    fn is_gap(self, gaps: &Gaps<'_>) -> bool {
        matches!(self, Self::Variable(item) if gaps.sign(item).is_some())
    }
}

/// Variables and namespaces of a layout in order of their bytes.
struct Places<'a> {
    all: Vec<(Range, Place<'a>)>,
}

impl<'a> Places<'a> {
    fn of(layout: &'a StorageLayout) -> Self {
        let mut all = Vec::new();
        for item in &layout.storage {
            let range = Range::of(item, layout.types.get(&item.type_id));
            all.extend(range.map(|range| (range, Place::Variable(item))));
        }
        for (id, members) in &layout.namespaces {
            let range = overlaps::namespace(layout, id, members);
            all.extend(range.map(|range| (range, Place::Namespace(id))));
        }
        all.sort_by_key(|(range, _)| *range);
        Self { all }
    }

    /// The last thing that begins before the end of a slot, if it reaches into it.
    fn at(&self, slot: B256) -> Option<Place<'a>> {
        let wanted = overlaps::word(slot);
        let next = self
            .all
            .partition_point(|(range, _)| range.start < wanted.end);
        let (range, place) = self.all.get(next.checked_sub(1)?)?;
        range.overlaps(&wanted).then_some(*place)
    }
}

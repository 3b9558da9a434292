//! One list of variables against another: what stayed, moved, went and came.

use super::{
    Fresh, Outcome, Way,
    gaps::Sign,
    kinds::{Answer, Kinds, cut},
    pairing::{self, Matches},
    place::{self, Placed, short},
    retype,
};
use crate::{Options, rules};
use alloy_primitives::U512;
use cutover_types::{Finding, Severity, StorageItem};
use std::collections::{HashMap, HashSet};

/// A list of variables that share one coordinate system: a contract's, a struct's, a namespace's.
pub(super) struct Frame<'a, 'k> {
    pub(super) kinds: &'a Kinds<'k>,
    pub(super) options: &'a Options,
    pub(super) contract: &'a str,
    /// The namespace, when it is not the contract itself.
    pub(super) scope: Option<&'a str>,
}

/// Both lists in the order of their places, and who is who.
pub(super) struct Lists<'a> {
    pub(super) before: Vec<Placed<'a>>,
    pub(super) after: Vec<Placed<'a>>,
    pub(super) before_gaps: Vec<Placed<'a>>,
    pub(super) after_gaps: Vec<Placed<'a>>,
    pub(super) matches: Matches,
}

impl Frame<'_, '_> {
    /// Adds what is wrong to `outcome`.
    pub(super) fn compare(
        &self,
        blue: &[StorageItem],
        green: &[StorageItem],
        outcome: &mut Outcome,
    ) {
        let name = || self.scope.unwrap_or(self.contract);
        if !self.kinds.spend(blue.len() + green.len()) {
            let why = format!("{} has too much in it to be compared", name());
            if !outcome.unknown.contains(&why) {
                outcome.unknown.push(why);
            }
            return;
        }
        match self.lists(blue, green) {
            Some(lists) => self.report(&lists, outcome),
            None => outcome.unknown.push(format!(
                "the layout of {} has items without a place or a type",
                name()
            )),
        }
    }

    /// Takes gaps out and finds counterparts for the rest.
    fn lists<'i>(&self, blue: &'i [StorageItem], green: &'i [StorageItem]) -> Option<Lists<'i>> {
        let kinds = self.kinds;
        let before = place::placed(blue, kinds.blue)?;
        let after = place::placed(green, kinds.green)?;
        let (before_gaps, before): (Vec<_>, Vec<_>) = before
            .into_iter()
            .partition(|one| kinds.blue_gaps.sign(one.item).is_some());
        let data: HashSet<_> = before
            .iter()
            .map(|one| (short(&one.item.contract), one.item.label.as_str()))
            .collect();
        let (after_gaps, after): (Vec<_>, Vec<_>) = after.into_iter().partition(|one| {
            // What blue uses stays a variable when green keeps it and just stops using it.
            let kept = kinds.way == Way::Forward
                && data.contains(&(short(&one.item.contract), one.item.label.as_str()));
            !kept && kinds.green_gaps.sign(one.item).is_some()
        });
        let matches = pairing::pair_up(&before, &after, kinds.way);
        Some(Lists {
            before,
            after,
            before_gaps,
            after_gaps,
            matches,
        })
    }

    fn report(&self, lists: &Lists<'_>, outcome: &mut Outcome) {
        let Lists {
            before,
            after,
            matches,
            ..
        } = lists;
        let here: HashMap<U512, usize> = pairing::starts(after);
        let mut explained = HashSet::new();
        for (i, old) in before.iter().enumerate() {
            let room = before
                .get(i + 1)
                .map_or(U512::MAX, |next| next.range.start - old.range.start);
            let in_place = here.get(&old.range.start).copied();
            match matches.after[i] {
                Some(j) if after[j].range.start == old.range.start => {
                    self.retyped(old, &after[j], room, outcome);
                }
                Some(j) => {
                    let other = in_place.and_then(|here| matches.before[here]);
                    match other {
                        Some(k) if before[k].range.start == after[j].range.start => {
                            // Said once, at the lower of the two.
                            if i < k {
                                let found = self.swapped(old.item, after[j].item, before[k].item);
                                outcome.findings.push(found);
                            }
                        }
                        _ => outcome.findings.push(self.moved(old, &after[j], lists)),
                    }
                }
                None => match in_place.filter(|j| matches.before[*j].is_none()) {
                    Some(j) => {
                        explained.insert(j);
                        self.renamed(old, &after[j], room, outcome);
                    }
                    // A rollback leaves green's own variables where they are.
                    None if self.kinds.way == Way::Back => {}
                    None => outcome.findings.push(self.deleted(old.item)),
                },
            }
        }
        for (j, new) in after.iter().enumerate() {
            if matches.before[j].is_some() || explained.contains(&j) {
                continue;
            }
            match place::hit(before, &new.range) {
                Some(over) => outcome.findings.push(self.inserted(new, over.item, lists)),
                None => {
                    outcome.findings.extend(self.assumed_gap(new, lists));
                    outcome.fresh.push(self.fresh(new.item));
                }
            }
        }
    }

    fn retyped(&self, old: &Placed<'_>, new: &Placed<'_>, room: U512, outcome: &mut Outcome) {
        let (was, is) = (&old.item.type_id, &new.item.type_id);
        let (rule, why) = match self.kinds.compare(was, is, room) {
            Answer::Same => return,
            Answer::Unknown(why) => {
                outcome.unknown.push(format!("`{}`: {why}", old.item.label));
                return;
            }
            Answer::Lossy(why) if self.kinds.way == Way::Back => (rules::LOSSY, why),
            Answer::Lossy(why) | Answer::Changed(why) => (rules::TYPECHANGE, why),
        };
        if !self.retype_is_annotated(old, new) {
            outcome.findings.push(self.typechange(rule, new.item, &why));
        }
    }

    fn renamed(&self, old: &Placed<'_>, new: &Placed<'_>, room: U512, outcome: &mut Outcome) {
        let (was, is) = (&old.item.type_id, &new.item.type_id);
        let fits = match self.kinds.compare(was, is, room) {
            Answer::Same => true,
            Answer::Lossy(_) if self.kinds.way == Way::Back => true,
            Answer::Unknown(why) => {
                outcome.unknown.push(format!("`{}`: {why}", old.item.label));
                true
            }
            Answer::Lossy(_) | Answer::Changed(_) => self.retype_is_annotated(old, new),
        };
        outcome.findings.push(if fits {
            self.rename(old.item, new.item)
        } else {
            self.replaced(old.item, new.item)
        });
    }

    /// Whether green says that the bytes mean the same under both types.
    fn retype_is_annotated(&self, old: &Placed<'_>, new: &Placed<'_>) -> bool {
        let label = |info: Option<&cutover_types::TypeInfo>| info.map(|info| bare(&info.label));
        let old_label = label(self.kinds.blue.types.get(&old.item.type_id));
        let new_label = label(self.kinds.green.types.get(&new.item.type_id));
        // An annotation that is left over from an earlier version explains no change of today.
        if old_label == new_label || old.range != new.range {
            return false;
        }
        let (annotated, blue) = match self.kinds.way {
            Way::Forward => (&new.item.retyped_from, old_label),
            Way::Back => (&old.item.retyped_from, new_label),
        };
        annotated.is_some()
            && annotated.as_deref().map(bare) == blue
            && retype::keeps_the_bytes(self.kinds, [old, new].map(|one| one.item.type_id.as_str()))
    }

    /// Says so when an array counted as a gap only by its looks and something new takes from it.
    fn assumed_gap(&self, new: &Placed<'_>, lists: &Lists<'_>) -> Option<Finding> {
        let gap = place::hit(&lists.before_gaps, &new.range)?;
        let by_shape = self.kinds.blue_gaps.sign(gap.item) == Some(Sign::Shape);
        (by_shape && self.kinds.way == Way::Forward).then(|| self.taken_for_gap(new.item, gap.item))
    }

    fn fresh(&self, item: &StorageItem) -> Fresh {
        Fresh {
            label: item.label.clone(),
            contract: if item.contract.is_empty() {
                self.contract.to_owned()
            } else {
                item.contract.clone()
            },
            place: Some((item.slot.clone(), item.offset)),
            source: item.source.clone(),
            scope: self.scope.map(str::to_owned),
        }
    }
}

/// Compares the members of two structs.
pub(super) fn members(
    kinds: &Kinds<'_>,
    before: &[StorageItem],
    after: &[StorageItem],
    name: &str,
) -> Answer {
    let frame = Frame {
        kinds,
        options: kinds.options,
        contract: "",
        scope: None,
    };
    let mut outcome = Outcome::default();
    frame.compare(before, after, &mut outcome);
    let name_only = name.trim_start_matches("struct ");
    kinds.note_fresh(outcome.fresh.into_iter().map(|fresh| Fresh {
        label: format!("{name_only}.{}", fresh.label),
        place: None,
        ..fresh
    }));
    let said = |finding: &Finding| cut(format!("in `{name}`, {}", finding.message));
    let worst = outcome
        .findings
        .iter()
        .min_by_key(|finding| finding.severity);
    match (worst, outcome.unknown.pop()) {
        (Some(found), _) if found.severity == Severity::Error => Answer::Changed(said(found)),
        (_, Some(why)) => Answer::Unknown(format!("in `{name}`, {why}")),
        (Some(found), None) if found.severity == Severity::Warning => Answer::Lossy(said(found)),
        _ => Answer::Same,
    }
}

/// A type's name without the words that say what sort of type it is.
fn bare(label: &str) -> String {
    label
        .split_whitespace()
        .filter(|word| !matches!(*word, "contract" | "struct" | "enum"))
        .collect::<Vec<_>>()
        .join(" ")
}

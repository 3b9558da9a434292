//! Which variable of green is which of blue: by place first, then by name.

use super::{
    Outcome,
    kinds::{Answer, Kinds},
    place::{self, Range},
};
use crate::{Options, rules};
use alloy_primitives::U512;
use cutover_types::{Finding, Severity, StorageItem, StorageLayout};

/// A list of variables that share one coordinate system: a contract's, a struct's, a namespace's.
pub(super) struct Frame<'a> {
    pub(super) kinds: &'a Kinds<'a>,
    pub(super) options: &'a Options,
    pub(super) contract: &'a str,
    /// The namespace, when it is not the contract itself.
    pub(super) scope: Option<&'a str>,
}

/// An item with its range.
#[derive(Clone, Copy)]
struct Placed<'a> {
    item: &'a StorageItem,
    range: Range,
}

impl Frame<'_> {
    /// Adds what is wrong to `outcome`.
    pub(super) fn compare(
        &self,
        blue: &[StorageItem],
        green: &[StorageItem],
        outcome: &mut Outcome,
    ) {
        let kinds = self.kinds;
        let (Some(before), Some(after)) = (placed(blue, kinds.blue), placed(green, kinds.green))
        else {
            outcome.unknown.push(format!(
                "the layout of {} has items without a place or a type",
                self.scope.unwrap_or(self.contract)
            ));
            return;
        };
        let before: Vec<_> = before
            .into_iter()
            .filter(|placed| !kinds.blue_gaps.contains(placed.item))
            .collect();
        let after: Vec<_> = after
            .into_iter()
            .filter(|placed| !kinds.green_gaps.contains(placed.item))
            .collect();
        let matched = pair_up(&before, &after);
        self.report(&before, &after, &matched, outcome);
    }

    fn report(
        &self,
        before: &[Placed<'_>],
        after: &[Placed<'_>],
        matched: &[Option<usize>],
        outcome: &mut Outcome,
    ) {
        let origin = |green: usize| matched.iter().position(|found| *found == Some(green));
        let mut explained = vec![false; after.len()];
        for (i, old) in before.iter().enumerate() {
            let here = after
                .iter()
                .position(|new| new.range.start == old.range.start);
            match (matched[i], here) {
                (Some(j), _) if after[j].range.start == old.range.start => {
                    self.retyped(old, &after[j], before, outcome);
                }
                (Some(j), here) => {
                    let other = here.and_then(origin);
                    match other {
                        Some(k) if before[k].range.start == after[j].range.start => {
                            // Said once, at the lower of the two.
                            if old.range.start < before[k].range.start {
                                outcome
                                    .findings
                                    .push(self.swapped(old, &after[j], before[k].item));
                            }
                        }
                        _ => outcome.findings.push(self.moved(old.item, after[j].item)),
                    }
                }
                (None, Some(j)) if origin(j).is_none() => {
                    explained[j] = true;
                    self.renamed(old, &after[j], before, outcome);
                }
                (None, _) => outcome.findings.push(self.deleted(old.item)),
            }
        }
        for (j, new) in after.iter().enumerate() {
            if origin(j).is_some() || explained[j] {
                continue;
            }
            if let Some(hit) = before.iter().find(|old| old.range.overlaps(&new.range)) {
                outcome.findings.push(self.inserted(new.item, hit.item));
            }
        }
    }

    fn retyped(
        &self,
        old: &Placed<'_>,
        new: &Placed<'_>,
        before: &[Placed<'_>],
        outcome: &mut Outcome,
    ) {
        match self.types(old, new, before) {
            Answer::Same => {}
            Answer::Unknown(why) => outcome.unknown.push(format!("`{}`: {why}", old.item.label)),
            Answer::Changed(why) => {
                if !self.retype_is_annotated(old, new) {
                    outcome.findings.push(self.finding(
                        rules::TYPECHANGE,
                        new.item,
                        format!("the type of `{}` changes: {why}", new.item.label),
                    ));
                }
            }
        }
    }

    fn renamed(
        &self,
        old: &Placed<'_>,
        new: &Placed<'_>,
        before: &[Placed<'_>],
        outcome: &mut Outcome,
    ) {
        let (was, is) = (&old.item.label, &new.item.label);
        let fits = match self.types(old, new, before) {
            Answer::Same => true,
            Answer::Unknown(why) => {
                outcome.unknown.push(format!("`{was}`: {why}"));
                true
            }
            Answer::Changed(_) => self.retype_is_annotated(old, new),
        };
        let mut finding = if fits {
            self.finding(
                rules::RENAME,
                new.item,
                format!("`{was}` is called `{is}` now"),
            )
        } else {
            let label = |id: &str, layout: &StorageLayout| {
                layout
                    .types
                    .get(id)
                    .map_or(id.to_owned(), |info| info.label.clone())
            };
            self.finding(
                rules::REPLACE,
                new.item,
                format!(
                    "`{is}` of type `{}` takes the place of `{was}` of type `{}`",
                    label(&new.item.type_id, self.kinds.green),
                    label(&old.item.type_id, self.kinds.blue)
                ),
            )
        };
        if fits {
            finding.help = format!(
                "if it is the same variable, write `/// @custom:oz-renamed-from {was}` above `{is}`"
            );
            if self.options.allow_renames {
                finding.severity = Severity::Note;
            }
        }
        outcome.findings.push(finding);
    }

    fn types(&self, old: &Placed<'_>, new: &Placed<'_>, before: &[Placed<'_>]) -> Answer {
        let room = before
            .iter()
            .filter(|other| other.range.start > old.range.start)
            .map(|other| other.range.start - old.range.start)
            .min()
            .unwrap_or(U512::MAX);
        self.kinds
            .compare(&old.item.type_id, &new.item.type_id, room)
    }

    fn retype_is_annotated(&self, old: &Placed<'_>, new: &Placed<'_>) -> bool {
        let Some(annotated) = &new.item.retyped_from else {
            return false;
        };
        let Some(info) = self.kinds.blue.types.get(&old.item.type_id) else {
            return false;
        };
        bare(annotated) == bare(&info.label) && old.range == new.range
    }

    fn swapped(&self, old: &Placed<'_>, new: &Placed<'_>, other: &StorageItem) -> Finding {
        let (one, two) = (named(old.item, other), named(other, old.item));
        self.finding(
            rules::SWAP,
            new.item,
            format!(
                "{one} and {two} exchange places: {} and {}",
                place::shown(old.item),
                place::shown(other)
            ),
        )
    }

    fn moved(&self, old: &StorageItem, new: &StorageItem) -> Finding {
        self.finding(
            rules::LAYOUTCHANGE,
            new,
            format!(
                "`{}` moves from {} to {}",
                old.label,
                place::shown(old),
                place::shown(new)
            ),
        )
    }

    fn deleted(&self, old: &StorageItem) -> Finding {
        self.finding(
            rules::DELETE,
            old,
            format!("`{}` at {} is gone", old.label, place::shown(old)),
        )
    }

    fn inserted(&self, new: &StorageItem, over: &StorageItem) -> Finding {
        self.finding(
            rules::INSERT,
            new,
            format!(
                "`{}` is new and takes {}, where blue keeps `{}`",
                new.label,
                place::shown(new),
                over.label
            ),
        )
    }

    fn finding(&self, rule: &'static rules::Rule, item: &StorageItem, message: String) -> Finding {
        let contract = if item.contract.is_empty() {
            self.contract
        } else {
            &item.contract
        };
        let message = match self.scope {
            Some(scope) => format!("{scope}: {message}"),
            None => message,
        };
        Finding {
            label: Some(item.label.clone()),
            slot: Some(item.slot.clone()),
            offset: Some(item.offset),
            source: item.source.clone(),
            ..rule.finding(contract, message)
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
        options: &Options::default(),
        contract: "",
        scope: None,
    };
    let mut outcome = Outcome::default();
    frame.compare(before, after, &mut outcome);
    match (outcome.findings.into_iter().next(), outcome.unknown.pop()) {
        (Some(first), _) => Answer::Changed(format!("in `{name}`, {}", first.message)),
        (None, Some(why)) => Answer::Unknown(format!("in `{name}`, {why}")),
        (None, None) => Answer::Same,
    }
}

fn placed<'a>(items: &'a [StorageItem], layout: &StorageLayout) -> Option<Vec<Placed<'a>>> {
    items
        .iter()
        .map(|item| {
            let range = Range::of(item, layout.types.get(&item.type_id))?;
            Some(Placed { item, range })
        })
        .collect()
}

/// For each of blue the index of its counterpart in green.
fn pair_up(before: &[Placed<'_>], after: &[Placed<'_>]) -> Vec<Option<usize>> {
    let mut matched = vec![None; before.len()];
    let mut taken = vec![false; after.len()];
    // From the surest sign of identity to the weakest; at the same place before elsewhere.
    let same_place = |a: &Placed<'_>, b: &Placed<'_>| a.range.start == b.range.start;
    let declared = |a: &Placed<'_>, b: &Placed<'_>| {
        a.item.label == b.item.label && a.item.contract == b.item.contract
    };
    let contract = |a: &Placed<'_>, b: &Placed<'_>| {
        a.item.label == b.item.label && short(&a.item.contract) == short(&b.item.contract)
    };
    let label = |a: &Placed<'_>, b: &Placed<'_>| a.item.label == b.item.label;
    let annotated = |a: &Placed<'_>, b: &Placed<'_>| {
        b.item
            .renamed_from
            .as_ref()
            .is_some_and(|from| *from == a.item.label || Some(from) == a.item.renamed_from.as_ref())
    };
    type Sign<'s> = &'s dyn Fn(&Placed<'_>, &Placed<'_>) -> bool;
    let signs: [(Sign<'_>, bool); 9] = [
        (&annotated, true),
        (&declared, true),
        (&declared, false),
        (&contract, true),
        (&contract, false),
        (&label, true),
        (&label, false),
        (&annotated, true),
        (&annotated, false),
    ];
    for (sign, in_place) in signs {
        for (i, old) in before.iter().enumerate() {
            if matched[i].is_some() {
                continue;
            }
            let found = after.iter().enumerate().position(|(j, new)| {
                !taken[j] && sign(old, new) && (!in_place || same_place(old, new))
            });
            if let Some(j) = found {
                matched[i] = Some(j);
                taken[j] = true;
            }
        }
    }
    matched
}

fn short(contract: &str) -> &str {
    contract.rsplit(':').next().unwrap_or(contract)
}

/// A type's name without the words that say what sort of type it is.
fn bare(label: &str) -> String {
    label
        .split_whitespace()
        .filter(|word| !matches!(*word, "contract" | "struct" | "enum"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `` `x` ``, or `` `A.x` `` when the other has the same name.
fn named(item: &StorageItem, other: &StorageItem) -> String {
    if item.label == other.label {
        format!("`{}.{}`", short(&item.contract), item.label)
    } else {
        format!("`{}`", item.label)
    }
}

//! Findings about variables, in words.

use super::{
    Way,
    align::{Frame, Lists},
    place::{self, Placed, short},
};
use crate::rules::{self, Rule};
use cutover_types::{Finding, Severity, StorageItem, StorageLayout};

/// What to do about what only a rollback breaks.
const NO_ROLLBACK: &str = "plan no rollback once green has written, or migrate these values first";

impl Frame<'_, '_> {
    pub(super) fn typechange(&self, rule: &'static Rule, item: &StorageItem, why: &str) -> Finding {
        let message = match self.kinds.way {
            Way::Forward => format!("the type of `{}` changes: {why}", item.label),
            Way::Back => format!(
                "blue reads `{}` differently from what green stores: {why}",
                item.label
            ),
        };
        self.finding(rule, item, message)
    }

    pub(super) fn rename(&self, old: &StorageItem, new: &StorageItem) -> Finding {
        let (was, is) = (&old.label, &new.label);
        let (blue, green) = match self.kinds.way {
            Way::Forward => (was, is),
            Way::Back => (is, was),
        };
        let message = match self.kinds.way {
            Way::Forward => format!("`{was}` is called `{is}` now"),
            Way::Back => format!("`{was}` of green is `{is}` in blue"),
        };
        let mut finding = self.finding(rules::RENAME, new, message);
        finding.help = format!(
            "if it is the same variable, write `/// @custom:oz-renamed-from {blue}` above `{green}`"
        );
        if self.options.allow_renames {
            finding.severity = Severity::Note;
        }
        finding
    }

    pub(super) fn replaced(&self, old: &StorageItem, new: &StorageItem) -> Finding {
        let label = |id: &str, layout: &StorageLayout| {
            let info = layout.types.get(id);
            info.map_or(id.to_owned(), |info| info.label.clone())
        };
        let was = label(&old.type_id, self.kinds.blue);
        let is = label(&new.type_id, self.kinds.green);
        let message = match self.kinds.way {
            Way::Forward => format!(
                "`{}` of type `{is}` takes the place of `{}` of type `{was}`",
                new.label, old.label
            ),
            Way::Back => format!(
                "blue has `{}` of type `{is}` where green stores `{}` of type `{was}`",
                new.label, old.label
            ),
        };
        self.finding(rules::REPLACE, new, message)
    }

    pub(super) fn swapped(
        &self,
        old: &StorageItem,
        new: &StorageItem,
        other: &StorageItem,
    ) -> Finding {
        let (one, two) = (named(old, other), named(other, old));
        let mut finding = self.finding(
            rules::SWAP,
            new,
            format!(
                "{one} and {two} exchange places: {} and {}",
                place::shown(old),
                place::shown(other)
            ),
        );
        if self.kinds.way == Way::Forward {
            let (first, second) = (short(&old.contract), short(&other.contract));
            finding.help = if first == second {
                format!("declare {one} before {two} again")
            } else {
                format!("put `{first}` before `{second}` again in the order of inheritance")
            };
        }
        finding
    }

    pub(super) fn moved(&self, old: &Placed<'_>, new: &Placed<'_>, lists: &Lists<'_>) -> Finding {
        let (from, to) = (place::shown(old.item), place::shown(new.item));
        let label = &old.item.label;
        let message = match self.kinds.way {
            Way::Forward => format!("`{label}` moves from {from} to {to}"),
            Way::Back => format!("`{label}` is at {from} in green and at {to} in blue"),
        };
        let mut finding = self.finding(rules::LAYOUTCHANGE, new.item, message);
        if self.kinds.way == Way::Forward
            && let Some(advice) = lists.undo_move(old, new)
        {
            finding.help = advice;
        }
        finding
    }

    pub(super) fn deleted(&self, old: &StorageItem) -> Finding {
        let label = &old.label;
        let fate = self.kinds.fates.get(label).filter(|_| self.scope.is_none());
        let at = place::shown(old);
        let message = match fate {
            Some(fate) => format!("`{label}` at {at} is {fate} now: what is stored is not read"),
            None => format!("`{label}` at {at} is gone"),
        };
        let mut finding = self.finding(rules::DELETE, old, message);
        if fate.is_some() {
            finding.help = format!(
                "keep the declaration of `{label}` in storage and give the new one another name"
            );
        }
        finding
    }

    pub(super) fn inserted(
        &self,
        new: &Placed<'_>,
        over: &StorageItem,
        lists: &Lists<'_>,
    ) -> Finding {
        let (label, at) = (&new.item.label, place::shown(new.item));
        let message = match self.kinds.way {
            Way::Forward => format!(
                "`{label}` is new and takes {at}, where blue keeps `{}`",
                over.label
            ),
            Way::Back => format!(
                "blue's `{label}` is at {at}, where green keeps `{}`",
                over.label
            ),
        };
        let mut finding = self.finding(rules::INSERT, new.item, message);
        if self.kinds.way == Way::Forward
            && let Some(advice) = lists.take_from_gap(new)
        {
            finding.help = advice;
        }
        finding
    }

    pub(super) fn taken_for_gap(&self, new: &StorageItem, gap: &StorageItem) -> Finding {
        self.finding(
            rules::ASSUMED_GAP,
            new,
            format!(
                "`{}` takes {} from `{}`, which counts as a gap because it is private, last and unused",
                new.label,
                place::shown(new),
                gap.label
            ),
        )
    }

    fn finding(&self, rule: &'static Rule, item: &StorageItem, message: String) -> Finding {
        let contract = if item.contract.is_empty() {
            self.contract
        } else {
            &item.contract
        };
        let message = match self.scope {
            Some(scope) => format!("{scope}: {message}"),
            None => message,
        };
        let mut finding = Finding {
            label: Some(item.label.clone()),
            slot: Some(item.slot.clone()),
            offset: Some(item.offset),
            source: item.source.clone(),
            ..rule.finding(contract, message)
        };
        if self.kinds.way == Way::Back {
            finding.help = NO_ROLLBACK.to_owned();
        }
        finding
    }
}

/// `` `x` ``, or `` `A.x` `` when the other has the same name.
fn named(item: &StorageItem, other: &StorageItem) -> String {
    if item.label == other.label {
        format!("`{}.{}`", short(&item.contract), item.label)
    } else {
        format!("`{}`", item.label)
    }
}

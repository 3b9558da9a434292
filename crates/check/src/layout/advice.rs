//! What would undo a finding, where it can be worked out: the gap's length, the order.

use super::{
    align::Lists,
    place::{Placed, length, short},
};
use alloy_primitives::U512;

const WORD: U512 = U512::from_limbs([32, 0, 0, 0, 0, 0, 0, 0]);

impl Lists<'_> {
    /// What puts a moved variable back.
    pub(super) fn undo_move(&self, old: &Placed<'_>, new: &Placed<'_>) -> Option<String> {
        let up = new.range.start > old.range.start;
        if let Some(advice) = self.gap_length(old, new) {
            return Some(advice);
        }
        if self.all_moved_alike(old, new) {
            return Some(
                "restore the base slot: the whole contract moved, as `layout at` does".to_owned(),
            );
        }
        if up {
            let index = self.matches.before.iter().zip(&self.after);
            let added = index
                .filter(|(from, one)| from.is_none() && one.range.start < new.range.start)
                .map(|(_, one)| one.item)
                .next_back()?;
            return Some(format!(
                "declare `{}` after all others instead of before `{}`",
                added.label, new.item.label
            ));
        }
        let index = self.matches.after.iter().zip(&self.before);
        let gone = index
            .filter(|(to, one)| to.is_none() && one.range.start < old.range.start)
            .map(|(_, one)| one.item)
            .next_back()?;
        Some(format!(
            "keep `{}` declared before `{}`",
            gone.label, old.item.label
        ))
    }

    /// Whether nothing came, went or stayed, and everything moved as far.
    fn all_moved_alike(&self, old: &Placed<'_>, new: &Placed<'_>) -> bool {
        let shift = new.range.start.wrapping_sub(old.range.start);
        self.before.len() == self.after.len()
            && self
                .matches
                .after
                .iter()
                .zip(&self.before)
                .all(|(to, one)| {
                    let moved = |j: usize| self.after[j].range.start.wrapping_sub(one.range.start);
                    to.map(moved) == Some(shift)
                })
    }

    /// The length that makes the gap before a moved variable right, when the gap is to blame: the
    /// variable before it did not move as far.
    fn gap_length(&self, old: &Placed<'_>, new: &Placed<'_>) -> Option<String> {
        let gap = self
            .after_gaps
            .iter()
            .rfind(|gap| gap.range.start < new.range.start)?;
        let shift =
            |from: &Placed<'_>, to: &Placed<'_>| to.range.start.wrapping_sub(from.range.start);
        let shifted = shift(old, new);
        let before = self.after.iter().enumerate().rev().find_map(|(j, one)| {
            let from = self.matches.before[j].filter(|_| one.range.start < gap.range.start)?;
            Some(shift(&self.before[from], one))
        });
        if before == Some(shifted) {
            return None;
        }
        let has = length(&gap.item.type_id).map(U512::from)?;
        // Elements of a word each: other gaps are too rare to work out.
        if gap.range.end - gap.range.start != has.checked_mul(WORD)? {
            return None;
        }
        let up = new.range.start > old.range.start;
        let bytes = if up {
            shifted
        } else {
            old.range.start - new.range.start
        };
        let words = bytes / WORD;
        if words * WORD != bytes {
            return None;
        }
        let wanted = if up {
            has.checked_sub(words)?
        } else {
            has.checked_add(words)?
        };
        let name = format!("`{}.{}`", short(&gap.item.contract), gap.item.label);
        Some(if wanted.is_zero() {
            format!("remove {name}: its room is used up")
        } else {
            format!("make {name} {wanted} elements long instead of {has}")
        })
    }

    /// Where a new variable can go instead: into the gap of its own contract.
    pub(super) fn take_from_gap(&self, new: &Placed<'_>) -> Option<String> {
        let gap = self.before_gaps.iter().find(|gap| {
            short(&gap.item.contract) == short(&new.item.contract)
                && gap.range.start > new.range.start
        })?;
        let has = length(&gap.item.type_id).map(U512::from)?;
        if gap.range.end - gap.range.start != has.checked_mul(WORD)? {
            return None;
        }
        let size = new.range.end - new.range.start;
        let slots = size.div_ceil(WORD);
        let left = has.checked_sub(slots)?;
        Some(format!(
            "declare `{}` right before `{}` and make that {left} elements long instead of {has}",
            new.item.label, gap.item.label
        ))
    }
}

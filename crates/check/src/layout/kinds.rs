//! Types: is what blue stored as one type read back unchanged as the other?

use super::{
    Fresh, Pair, Way, align,
    fates::Fates,
    gaps::Gaps,
    place::{self, length},
    search::{Next, Search},
    values::{Head, changed, enums, head, signature, user_values},
};
use crate::Options;
use alloy_primitives::{U256, U512};
use cutover_types::{StorageLayout, TypeInfo};
use std::cell::RefCell;

/// Characters of an answer.
const MAX_WHY: usize = 1000;
/// More new members than anyone reads.
const MAX_FRESH: usize = 100;

/// The answer for two types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Every value reads back the same.
    Same,
    /// Most do; some that can be stored have no meaning for the reader: which.
    Lossy(String),
    /// It does not: why.
    Changed(String),
    /// Nobody can tell: why.
    Unknown(String),
}

/// Compares types of two layouts.
pub(super) struct Kinds<'a> {
    pub(super) blue: &'a StorageLayout,
    pub(super) green: &'a StorageLayout,
    pub(super) blue_gaps: &'a Gaps<'a>,
    pub(super) green_gaps: &'a Gaps<'a>,
    /// What became of variables green has no longer.
    pub(super) fates: &'a Fates<'a>,
    pub(super) options: &'a Options,
    pub(super) way: Way,
    search: RefCell<Search<'a>>,
    fresh: RefCell<Vec<Fresh>>,
}

impl<'a> Kinds<'a> {
    pub(super) fn new(
        pair: Pair<'a>,
        blue_gaps: &'a Gaps<'a>,
        green_gaps: &'a Gaps<'a>,
        fates: &'a Fates<'a>,
    ) -> Self {
        Self {
            blue: pair.blue,
            green: pair.green,
            blue_gaps,
            green_gaps,
            fates,
            options: pair.options,
            way: pair.way,
            search: RefCell::default(),
            fresh: RefCell::default(),
        }
    }

    /// Compares two types; green's may take up to `room` bytes.
    pub(super) fn compare(&self, blue: &str, green: &str, room: U512) -> Answer {
        let found = (
            self.blue.types.get_key_value(blue),
            self.green.types.get_key_value(green),
        );
        let (Some((blue, old)), Some((green, new))) = found else {
            return Answer::Unknown(format!(
                "the layout does not describe `{blue}` or `{green}`"
            ));
        };
        let next = self.search.borrow_mut().enter((blue, green, room));
        let mark = match next {
            Next::Compare(mark) => mark,
            Next::Known(answer) => return answer,
            Next::GiveUp => {
                return Answer::Unknown(format!(
                    "`{}` is too deep or too large to be compared",
                    old.label
                ));
            }
        };
        let answer = self.inside((blue, old), (green, new), room);
        self.search.borrow_mut().leave(mark, &answer);
        answer
    }

    /// Counts the comparison of so many variables. `false` when it has become too much.
    pub(super) fn spend(&self, work: usize) -> bool {
        self.search.borrow_mut().spend(work)
    }

    /// Notes what only the reader has inside a type.
    pub(super) fn note_fresh(&self, found: impl IntoIterator<Item = Fresh>) {
        let mut fresh = self.fresh.borrow_mut();
        for one in found {
            if !fresh.contains(&one) && fresh.len() < MAX_FRESH {
                fresh.push(one);
            }
        }
    }

    /// What was noted.
    pub(super) fn fresh(&self) -> Vec<Fresh> {
        self.fresh.take()
    }

    fn inside(
        &self,
        (blue, old): (&str, &TypeInfo),
        (green, new): (&str, &TypeInfo),
        room: U512,
    ) -> Answer {
        match (head(blue), head(green)) {
            (Head::Struct, Head::Struct) => self.structs(old, new, room),
            (Head::Mapping, Head::Mapping) => self.mappings(old, new),
            (Head::Array, Head::Array) => self.arrays((blue, old), (green, new), room),
            (Head::Enum, Head::Enum) => enums(old, new, self.way),
            (Head::Address, Head::Address) => Answer::Same,
            (Head::UserValue, _) | (_, Head::UserValue) => user_values((blue, old), (green, new)),
            (Head::Enum, Head::Elementary) if green == "t_uint8" && old.number_of_bytes == "1" => {
                Answer::Same
            }
            (Head::Elementary, Head::Enum) if blue == "t_uint8" && new.number_of_bytes == "1" => {
                Answer::Lossy(format!(
                    "`{}` becomes `{}`: a stored number that is none of its members makes reading revert",
                    old.label, new.label
                ))
            }
            (Head::Function, Head::Function) if signature(old) == signature(new) => Answer::Same,
            (Head::Elementary, Head::Elementary)
                if blue == green && old.number_of_bytes == new.number_of_bytes =>
            {
                Answer::Same
            }
            _ => changed(old, new),
        }
    }

    fn structs(&self, old: &TypeInfo, new: &TypeInfo, room: U512) -> Answer {
        let (Some(before), Some(after)) = (&old.members, &new.members) else {
            return Answer::Unknown(format!("the members of `{}` are not known", old.label));
        };
        let grows = match place::size(new) {
            Some(size) => size > room,
            None => return Answer::Unknown(format!("the size of `{}` is no number", new.label)),
        };
        match align::members(self, before, after, &old.label) {
            // What a member's own change explains needs no second reason.
            Answer::Same | Answer::Lossy(_) if grows => Answer::Changed(format!(
                "`{}` grows from {} to {} bytes and runs into what follows",
                old.label, old.number_of_bytes, new.number_of_bytes
            )),
            answer => answer,
        }
    }

    fn mappings(&self, old: &TypeInfo, new: &TypeInfo) -> Answer {
        let (Some(old_key), Some(new_key), Some(old_value), Some(new_value)) =
            (&old.key, &new.key, &old.value, &new.value)
        else {
            return Answer::Unknown(format!("`{}` is not described in full", old.label));
        };
        let key = self.compare(old_key, new_key, U512::from(32));
        if matches!(key, Answer::Changed(_) | Answer::Unknown(_)) {
            return key.within("mapping key");
        }
        let value = self.compare(old_value, new_value, U512::MAX);
        match (value, key) {
            (Answer::Same, Answer::Lossy(_)) => Answer::Lossy(format!(
                "mapping key: entries of `{}` under members that `{}` does not have are out of reach",
                old.label, new.label
            )),
            (value, _) => value.within("mapping value"),
        }
    }

    fn arrays(
        &self,
        (blue, old): (&str, &TypeInfo),
        (green, new): (&str, &TypeInfo),
        room: U512,
    ) -> Answer {
        let (Some(old_base), Some(new_base)) = (&old.base, &new.base) else {
            return Answer::Unknown(format!("`{}` is not described in full", old.label));
        };
        match (length(blue), length(green)) {
            (None, None) => {}
            (Some(before), Some(after)) if before <= after => {
                if before < after {
                    self.note_fresh([Fresh {
                        label: format!(
                            "elements {before} to {} of `{}`",
                            after - U256::ONE,
                            new.label
                        ),
                        contract: String::new(),
                        place: None,
                        source: None,
                        scope: None,
                    }]);
                }
                if place::size(new).is_none_or(|size| size > room) {
                    let grows = match before == after {
                        true => format!("each element of `{}` grows, and the last", new.label),
                        false => format!("`{}` grows to `{}` and", old.label, new.label),
                    };
                    return Answer::Changed(format!("{grows} runs into what follows"));
                }
            }
            // On the way back the last elements are green's own, and wait for it.
            (Some(_), Some(_)) if self.way == Way::Back => {}
            (Some(_), Some(_)) => {
                return Answer::Changed(format!(
                    "`{}` shrinks to `{}`: its last elements are lost",
                    old.label, new.label
                ));
            }
            _ => return changed(old, new),
        }
        let (Some(before), Some(after)) = (
            self.blue.types.get(old_base),
            self.green.types.get(new_base),
        ) else {
            return Answer::Unknown(format!("the elements of `{}` are not described", old.label));
        };
        // Elements keep their place only when they keep their size.
        let Some(size) = place::size(before) else {
            return Answer::Unknown(format!("the size of `{}` is no number", before.label));
        };
        if before.number_of_bytes != after.number_of_bytes {
            return Answer::Changed(format!(
                "array element changes size: `{}` has {} bytes, `{}` has {}",
                before.label, before.number_of_bytes, after.label, after.number_of_bytes
            ));
        }
        self.compare(old_base, new_base, size)
            .within("array element")
    }
}

impl Answer {
    fn within(self, place: &str) -> Self {
        match self {
            Self::Changed(why) => Self::Changed(cut(format!("{place}: {why}"))),
            Self::Lossy(why) => Self::Lossy(cut(format!("{place}: {why}"))),
            Self::Unknown(why) => Self::Unknown(cut(format!("{place}: {why}"))),
            Self::Same => Self::Same,
        }
    }
}

/// Answers grow with every level, and names come from files: keeps both ends.
pub(super) fn cut(why: String) -> String {
    let count = why.chars().count();
    if count <= MAX_WHY {
        return why;
    }
    let head: String = why.chars().take(MAX_WHY / 2).collect();
    let tail: String = why.chars().skip(count - MAX_WHY / 2).collect();
    format!("{head} … {tail}")
}

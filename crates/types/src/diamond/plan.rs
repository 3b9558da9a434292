//! The cut that upgrades one facet of a diamond, planned from what the new facet offers and what its
//! author wants of it.

use super::{Action, FacetCut, PLACES, Routes, Selector, apply, entry, inverse, pattern, replace};
use crate::{Argument, UpgradePath, UpgradeStep, text};
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Functions and their signatures.
pub type Functions = BTreeMap<Selector, String>;

/// Slots at which a diamond's table of selectors is looked for, besides the standards' places.
const LOW_SLOTS: u64 = 64;
/// Functions that a message lists.
const LISTED: usize = 6;

/// What becomes of functions that only the old facet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The diamond has them no more.
    Remove,
    /// The old facet goes on answering them.
    Keep,
}

/// What the author says beyond the new facet's functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What becomes of functions that only the old facet has; nothing is planned without a word on it.
    pub lost: Option<Lost>,
    /// Functions of the new facet that the diamond shall not have of it.
    pub leave_out: BTreeSet<Selector>,
}

/// A cut with its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The facet that is left.
    pub old: Address,
    /// The facet that comes.
    pub new: Address,
    /// What is sent.
    pub cuts: Vec<FacetCut>,
    /// What undoes it.
    pub back: Vec<FacetCut>,
    /// Functions that stay with the old facet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Selector>,
    /// The signatures that are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: Functions,
}

/// Why no cut can be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Two facets cannot answer the same function.
    #[error("green clashes with other facets: {}", listed(.clashes))]
    Clashes {
        /// The functions, each with who answers it.
        clashes: Vec<String>,
    },
    /// Nobody said what becomes of them.
    #[error("green does not have what facet {old} answers: {}", listed(.functions))]
    Lost {
        /// The facet.
        old: Address,
        /// The functions.
        functions: Vec<String>,
    },
    /// The new facet answers nothing the old one did.
    #[error(
        "green has none of the functions that are replaced: nothing would show which facet the diamond runs"
    )]
    NothingShared,
    /// A function to leave out that is not there.
    #[error("green has no function {0} to leave out")]
    NotThere(Selector),
    /// Where the diamond keeps its table was not found out.
    #[error("where the diamond keeps who answers {0} is not known")]
    NoSlot(String),
    /// The upgrade is no cut.
    #[error("the upgrade of {0} is not a diamond's cut")]
    NoCut(Address),
}

fn listed(items: &[String]) -> String {
    let shown: Vec<_> = items.iter().take(LISTED).map(String::as_str).collect();
    let more = match items.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// The selector and, where it is known, the signature.
fn named(names: &Functions, selector: Selector) -> String {
    match names.get(&selector) {
        Some(name) => text::terminal(name, 120),
        None => selector.to_string(),
    }
}

/// Plans the cut that puts `new`, with `functions`, in the place of `old`. `names` may know more
/// signatures than those of the new facet.
///
/// # Errors
/// When the facets clash, when functions would be lost that nobody spoke of, or when nothing would move.
pub fn plan(
    before: &Routes,
    old: Address,
    new: Address,
    functions: &Functions,
    names: &Functions,
    wishes: &Wishes,
) -> Result<Cut, PlanError> {
    if let Some(unknown) = wishes
        .leave_out
        .iter()
        .find(|left| !functions.contains_key(*left))
    {
        return Err(PlanError::NotThere(*unknown));
    }
    let wanted: BTreeSet<Selector> = functions
        .keys()
        .filter(|selector| !wishes.leave_out.contains(*selector))
        .copied()
        .collect();
    let replacement = replace(before, old, new, &wanted);
    let mut known = names.clone();
    known.extend(functions.clone());
    if !replacement.contested.is_empty() {
        let told = replacement.contested.iter().map(|selector| {
            let facet = before.get(selector).copied().unwrap_or_default();
            format!("{} of {facet}", named(&known, *selector))
        });
        return Err(PlanError::Clashes {
            clashes: told.collect(),
        });
    }
    let is_removal = |cut: &FacetCut| cut.action == Action::Remove;
    let lost: Vec<Selector> = replacement
        .cuts
        .iter()
        .filter(|cut| is_removal(cut))
        .flat_map(|cut| cut.selectors.clone())
        .collect();
    let mut cuts = replacement.cuts;
    let mut kept = Vec::new();
    match wishes.lost {
        None if !lost.is_empty() => {
            return Err(PlanError::Lost {
                old,
                functions: lost.iter().map(|one| named(&known, *one)).collect(),
            });
        }
        Some(Lost::Keep) => {
            cuts.retain(|cut| !is_removal(cut));
            kept = lost;
        }
        Some(Lost::Remove) | None => {}
    }
    let back = inverse(before, &cuts);
    let touched = || cuts.iter().flat_map(|cut| &cut.selectors).chain(&kept);
    let names = touched()
        .filter_map(|selector| Some((*selector, known.get(selector)?.clone())))
        .collect();
    Ok(Cut {
        old,
        new,
        cuts,
        back,
        kept,
        names,
    })
}

impl Cut {
    /// Whether it is a cut of a diamond that answers as `before` says, and its way back undoes it.
    pub fn fits(&self, before: &Routes) -> bool {
        apply(before, &self.cuts).is_ok() && inverse(before, &self.cuts) == self.back
    }

    /// What it does, one line for each action.
    pub fn words(&self) -> Vec<String> {
        let list = |selectors: &[Selector]| {
            let names: Vec<_> = selectors
                .iter()
                .map(|one| named(&self.names, *one))
                .collect();
            names.join(", ")
        };
        let mut words: Vec<_> = self
            .cuts
            .iter()
            .map(|cut| {
                let functions = list(&cut.selectors);
                match cut.action {
                    Action::Add => format!("adds {functions} by {}", cut.facet),
                    Action::Replace => {
                        format!("replaces {functions} of {} by {}", self.old, cut.facet)
                    }
                    Action::Remove => format!("removes {functions} of {}", self.old),
                }
            })
            .collect();
        if !self.kept.is_empty() {
            words.push(format!(
                "leaves {} to the old facet {}",
                list(&self.kept),
                self.old
            ));
        }
        words
    }

    /// `path`, which replaces every function of the old facet, made to send this cut and its way back.
    ///
    /// # Errors
    /// When `path` is no cut, or no slot shows which facet is installed.
    pub fn path(&self, path: &UpgradePath, before: &Routes) -> Result<UpgradePath, PlanError> {
        let changed = |steps: &[UpgradeStep], cuts: &[FacetCut], facet: Address| {
            let [step] = steps else { return None };
            let (first, rest) = step.arguments.split_first()?;
            let is_cut = step.name() == "diamondCut" && matches!(first, Argument::Pattern(_));
            let mut arguments = vec![Argument::Pattern(pattern(cuts, facet))];
            arguments.extend_from_slice(rest);
            is_cut.then(|| {
                vec![UpgradeStep {
                    arguments,
                    ..step.clone()
                }]
            })
        };
        let no_cut = || PlanError::NoCut(path.proxy);
        let mut cut = path.clone();
        cut.steps = changed(&path.steps, &self.cuts, self.new).ok_or_else(no_cut)?;
        if !path.steps_with_data.is_empty() {
            let steps = changed(&path.steps_with_data, &self.cuts, self.new);
            cut.steps_with_data = steps.ok_or_else(no_cut)?;
        }
        cut.steps_back = changed(&path.steps, &self.back, self.old).ok_or_else(no_cut)?;
        cut.slot = self.slot(path.slot, before)?;
        Ok(cut)
    }

    /// A slot that holds the old facet before the cut and the new one after it.
    fn slot(&self, slot: B256, before: &Routes) -> Result<B256, PlanError> {
        let replaced = self
            .cuts
            .iter()
            .find(|cut| cut.action == Action::Replace)
            .and_then(|cut| cut.selectors.first())
            .ok_or(PlanError::NothingShared)?;
        match place(before, self.old, slot) {
            Some(base) => Ok(entry(*replaced, base)),
            None => Err(PlanError::NoSlot(named(&self.names, *replaced))),
        }
    }
}

/// Where the table begins whose entry for a function of `facet` is `slot`.
pub fn place(before: &Routes, facet: Address, slot: B256) -> Option<B256> {
    let selectors = || before.iter().filter(|(_, by)| **by == facet);
    let low = (0..LOW_SLOTS).map(|number| B256::from(U256::from(number)));
    PLACES
        .into_iter()
        .chain(low)
        .find(|base| selectors().any(|(selector, _)| entry(*selector, *base) == slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diamond::{LIBRARY, SOLIDSTATE},
        inspection::CodeAt,
    };
    use alloy_primitives::{Bytes, hex};

    const PROXY: Address = Address::repeat_byte(0xdd);
    const OLD: Address = Address::repeat_byte(1);
    const OTHER: Address = Address::repeat_byte(2);
    const NEW: Address = Address::repeat_byte(9);

    fn selector(number: u8) -> Selector {
        Selector::with_last_byte(number)
    }

    fn before() -> Routes {
        Routes::from([(selector(1), OLD), (selector(2), OLD), (selector(7), OTHER)])
    }

    fn functions(numbers: &[u8]) -> Functions {
        let each = |number: &u8| (selector(*number), format!("f{number}()"));
        numbers.iter().map(each).collect()
    }

    fn planned(numbers: &[u8], wishes: &Wishes) -> Result<Cut, PlanError> {
        let names = functions(&[1, 7]);
        plan(&before(), OLD, NEW, &functions(numbers), &names, wishes)
    }

    #[test]
    fn what_is_lost_is_removed_or_kept_but_never_in_silence() {
        let lost = planned(&[2, 3], &Wishes::default()).unwrap_err();
        assert_eq!(
            lost.to_string(),
            format!("green does not have what facet {OLD} answers: f1()")
        );
        let wish = |lost| Wishes {
            lost: Some(lost),
            ..Wishes::default()
        };
        let removed = planned(&[2, 3], &wish(Lost::Remove)).unwrap();
        assert!(removed.fits(&before()));
        assert_eq!(
            removed.words(),
            [
                format!("adds f3() by {NEW}"),
                format!("replaces f2() of {OLD} by {NEW}"),
                format!("removes f1() of {OLD}"),
            ]
        );
        let kept = planned(&[2, 3], &wish(Lost::Keep)).unwrap();
        assert!(kept.fits(&before()));
        let after = apply(&before(), &kept.cuts).unwrap();
        assert_eq!(after[&selector(1)], OLD);
        assert_eq!(
            kept.words()[2],
            format!("leaves f1() to the old facet {OLD}")
        );
        for cut in [removed, kept] {
            let after = apply(&before(), &cut.cuts).unwrap();
            assert_eq!(apply(&after, &cut.back), Ok(before()));
        }
    }

    #[test]
    fn clashes_with_another_facet_are_refused_unless_left_out() {
        let error = planned(&[1, 2, 7], &Wishes::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("green clashes with other facets: f7() of {OTHER}")
        );
        let wishes = Wishes {
            leave_out: BTreeSet::from([selector(7)]),
            ..Wishes::default()
        };
        let cut = planned(&[1, 2, 7], &wishes).unwrap();
        assert_eq!(apply(&before(), &cut.cuts).unwrap()[&selector(7)], OTHER);
        assert_eq!(
            planned(&[1, 2], &wishes),
            Err(PlanError::NotThere(selector(7)))
        );
    }

    fn path(slot: B256) -> UpgradePath {
        let plain = "[($implementation,1,[0x00000001,0x00000002])]";
        let step = |arguments| {
            let function = "diamondCut((address,uint8,bytes4[])[],address,bytes)";
            UpgradeStep::new(OTHER, PROXY, function, arguments)
        };
        let cut = Argument::Pattern(plain.into());
        let nobody = Argument::Value(Address::ZERO.to_string());
        let nothing = Argument::Value("0x".into());
        let mut path = UpgradePath::of(PROXY, slot, vec![step(vec![cut.clone(), nobody, nothing])]);
        path.steps_with_data = vec![step(vec![cut, Argument::Implementation, Argument::Data])];
        path.verb_with_data = Some(crate::Verb::Steps);
        path
    }

    #[test]
    fn a_path_sends_the_cut_there_and_its_inverse_back() {
        let wishes = Wishes {
            lost: Some(Lost::Remove),
            ..Wishes::default()
        };
        let cut = planned(&[2, 3], &wishes).unwrap();
        let at = |address| CodeAt {
            address,
            code_hash: B256::ZERO,
        };
        for base in [LIBRARY, SOLIDSTATE, B256::with_last_byte(5)] {
            let changed = cut
                .path(&path(entry(selector(1), base)), &before())
                .unwrap();
            // The first function is gone after the cut: its slot would show nothing.
            assert_eq!(changed.slot, entry(selector(2), base));
            let data = |path: &UpgradePath, to, data: &Bytes| {
                path.calls(&at(to), data).unwrap()[0].call.data.clone()
            };
            let nothing = Bytes::new();
            let forward = data(&changed, NEW, &nothing);
            assert_eq!(forward, data(&changed.again(), NEW, &nothing));
            let back = data(&changed.back(), OLD, &nothing);
            let count = |data: &Bytes, address: Address| {
                let found = data.windows(20).filter(|part| *part == address.as_slice());
                found.count()
            };
            assert_eq!((count(&forward, NEW), count(&forward, OLD)), (2, 0));
            assert_eq!((count(&back, NEW), count(&back, OLD)), (0, 2));
            let with = data(&changed, NEW, &Bytes::from_static(&hex!("aabb")));
            assert_eq!(count(&with, NEW), 3, "green runs the initializer");
        }
        let elsewhere = cut.path(&path(B256::repeat_byte(3)), &before());
        assert_eq!(elsewhere, Err(PlanError::NoSlot("f2()".into())));
        let upgrade = UpgradeStep::new(OTHER, PROXY, "upgradeTo(address)", Vec::new());
        let other = UpgradePath::of(PROXY, B256::ZERO, vec![upgrade]);
        assert_eq!(cut.path(&other, &before()), Err(PlanError::NoCut(PROXY)));
    }

    #[test]
    fn a_facet_that_shares_nothing_is_not_followed() {
        let wishes = Wishes {
            lost: Some(Lost::Remove),
            ..Wishes::default()
        };
        let cut = planned(&[3], &wishes).unwrap();
        let path = path(entry(selector(1), LIBRARY));
        assert_eq!(cut.path(&path, &before()), Err(PlanError::NothingShared));
    }
}

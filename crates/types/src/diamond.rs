//! Cuts of diamonds (EIP-2535): what must be sent to put one facet in another's place, and to undo it.

mod plan;

pub use plan::{Cut, Functions, Lost, PlanError, Wishes, place, plan};

use alloy_primitives::{Address, B256, FixedBytes, b256, keccak256};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The first four bytes of calldata.
pub type Selector = FixedBytes<4>;
/// Which facet answers which selector.
pub type Routes = BTreeMap<Selector, Address>;

/// LibDiamond's storage.
pub const LIBRARY: B256 = b256!("c8fcad8db84d3cc18b4c41d551ea0ee66dd599cde068d998e57d5e09332c131c");
/// ZKsync's: one less.
pub const ZKSYNC: B256 = b256!("c8fcad8db84d3cc18b4c41d551ea0ee66dd599cde068d998e57d5e09332c131b");
/// SolidState's `DiamondBase`.
pub const SOLIDSTATE: B256 =
    b256!("177481ac65e4292921c69f62d1cc7f57541261e5d61c8175cf4e36a01c9bfc93");
/// Where the table of selectors begins.
pub const PLACES: [B256; 3] = [LIBRARY, ZKSYNC, SOLIDSTATE];

/// A contract that answers some of a proxy's selectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// Where its code is.
    pub address: Address,
    /// What it answers.
    pub selectors: Vec<Selector>,
}

/// What `diamondCut` does with selectors, by EIP-2535's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Selectors nobody answers yet.
    Add = 0,
    /// Selectors that another facet answers.
    Replace = 1,
    /// Selectors that nobody shall answer any more.
    Remove = 2,
}

/// One entry of a cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetCut {
    /// The facet; zero for [`Action::Remove`].
    pub facet: Address,
    /// What to do.
    pub action: Action,
    /// With which selectors.
    pub selectors: Vec<Selector>,
}

/// A cut that puts one facet in another's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// What to send.
    pub cuts: Vec<FacetCut>,
    /// Selectors that the new facet has too, but that other facets answer: left to them.
    pub contested: Vec<Selector>,
}

/// Why a cut cannot be made: a diamond would refuse it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutError {
    /// Added twice.
    #[error("{0} is answered already")]
    Exists(Selector),
    /// Replaced or removed, but not there.
    #[error("nobody answers {0}")]
    Missing(Selector),
    /// Replaced with the facet that answers it.
    #[error("{0} is answered by that facet already")]
    Same(Selector),
}

/// Who answers what, of what a proxy's facets say.
pub fn routes(facets: &[Facet]) -> Routes {
    let each = |facet: &Facet| {
        let address = facet.address;
        let selectors = facet.selectors.clone();
        selectors
            .into_iter()
            .map(move |selector| (selector, address))
    };
    facets.iter().flat_map(each).collect()
}

/// The slot of `selector` in a mapping at `base`.
pub fn entry(selector: Selector, base: B256) -> B256 {
    let mut preimage = [0; 64];
    preimage[..4].copy_from_slice(selector.as_slice());
    preimage[32..].copy_from_slice(base.as_slice());
    keccak256(preimage)
}

/// The cut after which `new`, with `selectors`, answers in the place of `old`: it replaces what both
/// have, adds what only `new` has and removes what only `old` had. Nothing when they are the same.
pub fn replace(
    before: &Routes,
    old: Address,
    new: Address,
    selectors: &BTreeSet<Selector>,
) -> Replacement {
    let mut changes = BTreeMap::new();
    let mut contested = Vec::new();
    for selector in selectors {
        match before.get(selector) {
            None => {
                changes.insert(*selector, (Action::Add, new));
            }
            Some(facet) if *facet == old && old != new => {
                changes.insert(*selector, (Action::Replace, new));
            }
            Some(facet) if *facet == old => {}
            Some(_) => contested.push(*selector),
        }
    }
    for (selector, facet) in before {
        if *facet == old && !selectors.contains(selector) {
            changes.insert(*selector, (Action::Remove, Address::ZERO));
        }
    }
    Replacement {
        cuts: grouped(changes),
        contested,
    }
}

/// The cut that undoes `cuts` on a diamond that answered as `before` says: what was replaced or removed
/// goes back to whom it was, what was added is removed.
pub fn inverse(before: &Routes, cuts: &[FacetCut]) -> Vec<FacetCut> {
    let changes = cuts.iter().flat_map(|cut| {
        cut.selectors.iter().filter_map(|selector| {
            let old = before.get(selector).copied();
            let undo = match (cut.action, old) {
                (Action::Add, _) => (Action::Remove, Address::ZERO),
                (Action::Replace, Some(facet)) => (Action::Replace, facet),
                (Action::Remove, Some(facet)) => (Action::Add, facet),
                (Action::Replace | Action::Remove, None) => return None,
            };
            Some((*selector, undo))
        })
    });
    grouped(changes)
}

/// Who answers what after `cuts`, by the rules of EIP-2535.
///
/// # Errors
/// Where a diamond would refuse.
pub fn apply(before: &Routes, cuts: &[FacetCut]) -> Result<Routes, CutError> {
    let mut routes = before.clone();
    for cut in cuts {
        for selector in &cut.selectors {
            let facet = routes.get(selector).copied();
            match (cut.action, facet) {
                (Action::Add, Some(_)) => return Err(CutError::Exists(*selector)),
                (Action::Replace | Action::Remove, None) => {
                    return Err(CutError::Missing(*selector));
                }
                (Action::Replace, Some(facet)) if facet == cut.facet => {
                    return Err(CutError::Same(*selector));
                }
                (Action::Add | Action::Replace, _) => {
                    routes.insert(*selector, cut.facet);
                }
                (Action::Remove, _) => {
                    routes.remove(selector);
                }
            }
        }
    }
    Ok(routes)
}

/// The cuts in Solidity's notation, with `$implementation` where `new` stands: an
/// [`Argument::Pattern`](crate::Argument::Pattern) for any facet with the same selectors.
pub fn pattern(cuts: &[FacetCut], new: Address) -> String {
    let entries: Vec<_> = cuts
        .iter()
        .map(|cut| {
            let facet = if cut.facet == new && cut.action != Action::Remove {
                "$implementation".to_owned()
            } else {
                cut.facet.to_string()
            };
            let selectors: Vec<_> = cut.selectors.iter().map(ToString::to_string).collect();
            format!("({facet},{},[{}])", cut.action as u8, selectors.join(","))
        })
        .collect();
    format!("[{}]", entries.join(","))
}

/// One entry for each action and facet, in a fixed order.
fn grouped(changes: impl IntoIterator<Item = (Selector, (Action, Address))>) -> Vec<FacetCut> {
    let mut groups: BTreeMap<(Action, Address), BTreeSet<Selector>> = BTreeMap::new();
    for (selector, change) in changes {
        groups.entry(change).or_default().insert(selector);
    }
    groups
        .into_iter()
        .map(|((action, facet), selectors)| FacetCut {
            facet,
            action,
            selectors: selectors.into_iter().collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection, prelude::*};

    const OLD: Address = Address::repeat_byte(1);
    const NEW: Address = Address::repeat_byte(9);

    fn selector(number: u8) -> Selector {
        Selector::with_last_byte(number)
    }

    fn routes() -> impl Strategy<Value = Routes> {
        collection::btree_map(
            (0_u8..24).prop_map(selector),
            (1_u8..4).prop_map(Address::repeat_byte),
            0..24,
        )
    }

    fn selectors() -> impl Strategy<Value = BTreeSet<Selector>> {
        collection::btree_set((0_u8..24).prop_map(selector), 0..24)
    }

    proptest! {
        #[test]
        fn a_cut_and_its_inverse_leave_the_diamond_as_it_was(
            before in routes(),
            selectors in selectors(),
        ) {
            let cut = replace(&before, OLD, NEW, &selectors);
            let after = apply(&before, &cut.cuts).unwrap();
            prop_assert!(!after.values().any(|facet| *facet == OLD));
            for selector in &selectors {
                let other = before.get(selector).is_some_and(|facet| *facet != OLD);
                prop_assert_eq!(cut.contested.contains(selector), other);
                prop_assert_eq!(after.get(selector) == Some(&NEW), !other);
            }
            for (selector, facet) in before.iter().filter(|(_, facet)| **facet != OLD) {
                prop_assert_eq!(after.get(selector), Some(facet));
            }
            let back = inverse(&before, &cut.cuts);
            prop_assert_eq!(apply(&after, &back), Ok(before.clone()));
            // Forward again is the inverse of the way back.
            prop_assert_eq!(inverse(&after, &back), cut.cuts);
        }

        #[test]
        fn a_facet_replaced_by_itself_changes_what_changed(
            before in routes(),
            selectors in selectors(),
        ) {
            let cut = replace(&before, OLD, OLD, &selectors);
            let after = apply(&before, &cut.cuts).unwrap();
            prop_assert_eq!(apply(&after, &inverse(&before, &cut.cuts)), Ok(before));
        }
    }

    #[test]
    fn a_pattern_names_the_new_facet_by_its_placeholder() {
        let before = Routes::from([(selector(1), OLD), (selector(2), OLD)]);
        let wanted = BTreeSet::from([selector(2), selector(3)]);
        let cut = replace(&before, OLD, NEW, &wanted);
        assert_eq!(
            pattern(&cut.cuts, NEW),
            "[($implementation,0,[0x00000003]),($implementation,1,[0x00000002]),\
             (0x0000000000000000000000000000000000000000,2,[0x00000001])]"
        );
    }

    #[test]
    fn what_a_diamond_refuses_is_refused() {
        let before = Routes::from([(selector(1), OLD)]);
        let cut = |action, facet, number| {
            let cut = FacetCut {
                facet,
                action,
                selectors: vec![selector(number)],
            };
            apply(&before, &[cut])
        };
        assert_eq!(cut(Action::Add, NEW, 1), Err(CutError::Exists(selector(1))));
        assert_eq!(
            cut(Action::Replace, OLD, 1),
            Err(CutError::Same(selector(1)))
        );
        assert_eq!(
            cut(Action::Remove, Address::ZERO, 2),
            Err(CutError::Missing(selector(2)))
        );
    }
}

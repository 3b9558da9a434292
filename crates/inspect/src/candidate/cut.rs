//! The cut that installs a candidate in a diamond.

use super::Candidate;
use crate::{error::InspectError, inspect::subject, routes::after, session::Session};
use alloy_primitives::{Address, B256, U256, keccak256};
use cutover_types::{
    UpgradePath,
    diamond::{self, Cut, PlanError, Routes},
    inspection::ProxyFacts,
};
use std::collections::BTreeSet;

/// Slots of an array that are looked at: no facet has more functions, no diamond more facets.
const LONGEST: u64 = 256;

/// The cut and the path that sends it; nothing when the candidate's functions are not known.
pub(super) fn cut(
    path: &UpgradePath,
    proxy: &ProxyFacts,
    candidate: &Candidate,
) -> Result<Option<(Cut, UpgradePath)>, PlanError> {
    let Some(functions) = &candidate.functions else {
        return Ok(None);
    };
    let before = diamond::routes(&proxy.facets);
    let (old, new) = (proxy.implementation.address, candidate.address);
    let none = diamond::Functions::new();
    let cut = diamond::plan(&before, old, new, functions, &none, &candidate.wishes)?;
    let path = cut.path(path, &before)?;
    Ok(Some((cut, path)))
}

/// The slots of the diamond's own table when the way back restored what it says: only the order of its
/// lists may differ then. Nothing when it answers otherwise than before, or where its table is not known.
pub(super) async fn restored(
    session: &mut Session,
    path: &UpgradePath,
    cut: &Cut,
    before: &Routes,
) -> Result<BTreeSet<B256>, InspectError> {
    let now = match subject(session, path.proxy).await? {
        Ok(subject) => subject.routes.map(|routes| diamond::routes(&routes.facets)),
        Err(_) => None,
    };
    let base = diamond::place(before, cut.old, path.slot);
    Ok(match base.filter(|_| now.as_ref() == Some(before)) {
        Some(base) => table(base, cut, before),
        None => BTreeSet::new(),
    })
}

/// Every slot that one of LibDiamond's three versions or SolidState's keeps who answers what in.
fn table(base: B256, cut: &Cut, before: &Routes) -> BTreeSet<B256> {
    let changed = cut.cuts.iter().flat_map(|cut| &cut.selectors);
    let selectors = before.keys().chain(changed);
    let mut slots: BTreeSet<_> = selectors.map(|one| diamond::entry(*one, base)).collect();
    let array = |place: B256, slots: &mut BTreeSet<B256>| {
        let first = keccak256(place);
        slots.insert(place);
        slots.extend((0..LONGEST).map(|index| after(first, index)));
    };
    let facets: BTreeSet<Address> = before.values().copied().chain([cut.new]).collect();
    for offset in [1, 2] {
        let place = after(base, offset);
        array(place, &mut slots);
        for facet in &facets {
            // A list of functions, and the facet's position behind it.
            let entry = keccak256([facet.into_word(), place].concat());
            array(entry, &mut slots);
            slots.insert(after(entry, 1));
        }
        let eights = (0..LONGEST).map(|index| B256::from(U256::from(index)));
        slots.extend(eights.map(|index| keccak256([index, place].concat())));
    }
    slots
}

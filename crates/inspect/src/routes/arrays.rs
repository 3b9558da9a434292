//! What a diamond without a loupe keeps in storage: LibDiamond's three versions, ZKsync's and
//! SolidState's.

use super::{FACETS, Routes, SELECTORS, Table, after, gather};
use crate::{code, error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256, keccak256};
use cutover_types::{
    Missing,
    diamond::{Facet, LIBRARY as DIAMOND, SOLIDSTATE, Selector, ZKSYNC, entry},
};

/// How the selectors are listed.
#[derive(Clone, Copy)]
enum List {
    /// `mapping(address => selectors)` at 1, `address[]` at 2.
    ByFacet,
    /// `mapping(uint256 => eight selectors)` at the first, their number at the second.
    Packed(u64, u64),
    /// `bytes4[]` at 1.
    Array,
}

pub(super) async fn facets(
    session: &mut Session,
    proxy: Address,
    code: &[u8],
) -> Result<Option<Routes>, InspectError> {
    let forms = [
        (DIAMOND, List::ByFacet),
        (DIAMOND, List::Packed(1, 2)),
        (DIAMOND, List::Array),
        (ZKSYNC, List::ByFacet),
        (SOLIDSTATE, List::Packed(2, 1)),
        (SOLIDSTATE, List::Packed(1, 2)),
    ];
    let first = [DIAMOND, ZKSYNC, SOLIDSTATE]
        .into_iter()
        .flat_map(|base| [1, 2].map(|offset| (proxy, after(base, offset))));
    session.prefetch(first.map(slot)).await?;
    for (base, list) in forms {
        let mut shelf = Shelf {
            session: &mut *session,
            proxy,
            // Named in the code, what it holds decides.
            decides: code::has_word(code, base),
        };
        let selectors = shelf.selectors(base, list).await?;
        if selectors.is_empty() {
            continue;
        }
        let entries = selectors.iter().map(|selector| entry(*selector, base));
        let values = shelf.values(entries.collect()).await?;
        let mut facets: Vec<Facet> = Vec::new();
        for (selector, value) in selectors.into_iter().zip(values) {
            gather(&mut facets, facet_in(value), selector);
        }
        if !facets.is_empty() {
            let mut routes = Routes::new(Table::Diamond(Some(base)), facets);
            routes
                .notes
                .push("it has no loupe: its facets are read from storage".into());
            return Ok(Some(routes));
        }
    }
    Ok(None)
}

struct Shelf<'a> {
    session: &'a mut Session,
    proxy: Address,
    decides: bool,
}

impl Shelf<'_> {
    async fn selectors(&mut self, base: B256, list: List) -> Result<Vec<Selector>, InspectError> {
        match list {
            List::ByFacet => {
                let place = after(base, 2);
                let count = self.count(place, FACETS).await?;
                let first = keccak256(place);
                let slots = (0..count).map(|index| after(first, index));
                let facets = self.values(slots.collect()).await?;
                let mut selectors = Vec::new();
                for facet in facets {
                    let facet = B256::from(facet);
                    if facet[..12] != [0; 12] || facet.is_zero() {
                        return Ok(Vec::new());
                    }
                    let place = keccak256([facet, after(base, 1)].concat());
                    let left = SELECTORS - selectors.len();
                    selectors.extend(self.array(place, left).await?);
                }
                Ok(selectors)
            }
            List::Packed(mapping, number) => {
                let count = self.count(after(base, number), SELECTORS).await?;
                let mapping = after(base, mapping);
                let slots = (0..count.div_ceil(8))
                    .map(|index| keccak256([B256::from(U256::from(index)), mapping].concat()));
                let words = self.values(slots.collect()).await?;
                let packed = words.iter().flat_map(|word| {
                    let word = word.to_be_bytes::<32>();
                    std::array::from_fn::<_, 8, _>(|at| Selector::from_slice(&word[at * 4..][..4]))
                });
                Ok(packed.take(count as usize).collect())
            }
            List::Array => self.array(after(base, 1), SELECTORS).await,
        }
    }

    /// A `bytes4[]`: the first of eight stands lowest.
    async fn array(&mut self, place: B256, most: usize) -> Result<Vec<Selector>, InspectError> {
        let count = self.count(place, most).await?;
        let first = keccak256(place);
        let slots = (0..count.div_ceil(8)).map(|index| after(first, index));
        let words = self.values(slots.collect()).await?;
        let packed = words.iter().flat_map(|word| {
            let word = word.to_be_bytes::<32>();
            std::array::from_fn::<_, 8, _>(|at| Selector::from_slice(&word[28 - at * 4..][..4]))
        });
        Ok(packed.take(count as usize).collect())
    }

    /// A number of things; none when it is more than anyone has.
    async fn count(&mut self, place: B256, most: usize) -> Result<u64, InspectError> {
        let values = self.values(vec![place]).await?;
        let count = values.first().and_then(|value| u64::try_from(*value).ok());
        Ok(count.filter(|count| *count <= most as u64).unwrap_or(0))
    }

    async fn values(&mut self, slots: Vec<B256>) -> Result<Vec<U256>, InspectError> {
        let wanted = slots.iter().map(|place| slot((self.proxy, *place)));
        self.session.prefetch(wanted).await?;
        let mut values = Vec::new();
        for place in slots {
            match self.session.slot(self.proxy, place).await? {
                Some(value) => values.push(value),
                None if self.decides => {
                    return Err(self.session.cannot_tell(slot((self.proxy, place))));
                }
                None => values.push(U256::ZERO),
            }
        }
        Ok(values)
    }
}

fn slot((address, slot): (Address, B256)) -> Missing {
    Missing::Slot { address, slot }
}

/// A facet with its position: below the position, or above it.
fn facet_in(value: U256) -> Address {
    let word = value.to_be_bytes::<32>();
    let at = if word[..8] == [0; 8] { 12 } else { 0 };
    Address::from_slice(&word[at..at + 20])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facets_are_read_above_and_below_their_position() {
        let facet = Address::repeat_byte(0xab);
        let low = U256::from_be_bytes(facet.into_word().0);
        let position = U256::from(3);
        assert_eq!(facet_in(low), facet);
        assert_eq!(facet_in(low | position << 160), facet);
        assert_eq!(facet_in(low << 96 | position), facet);
        assert_eq!(facet_in(U256::ZERO), Address::ZERO);
    }
}

//! Proxies that forward only the calls they know: who answers which selector, and whether a call with
//! it really goes there.

mod arrays;
mod followed;
mod getters;
mod loupe;
mod registries;

use crate::{code, error::InspectError, session::Session, trace::Forward};
use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::SolCall;
use cutover_types::{
    Missing,
    diamond::{Facet, PLACES, Selector},
    inspection::Location,
};
use followed::followed;

/// ERC-7546's dictionary.
const DICTIONARY: B256 = b256!("267691be3525af8a813d30db0c9e2bad08f63baecf6dceb85e2cf3676cff56f4");

/// Facets that are looked at, and selectors of all of them together.
const FACETS: usize = 64;
const SELECTORS: usize = 1024;
/// What decides where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// EIP-2535: the diamond's own storage, at one of the known places if it is one.
    Diamond(Option<B256>),
    /// 0x: a registry with a history for each selector.
    ZeroEx,
    /// ERC-1538, with the signatures each delegate was given.
    Erc1538(Vec<(Address, String)>),
    /// ERC-7546: another contract.
    Dictionary(Address),
    /// Chainlink: the functions that ask the aggregator.
    Aggregator,
}

/// Who answers what.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    pub(crate) table: Table,
    /// The proxy's own functions are in none.
    pub(crate) facets: Vec<Facet>,
    pub(crate) conflicts: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Routes {
    fn new(table: Table, facets: Vec<Facet>) -> Self {
        Self {
            table,
            facets,
            conflicts: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Whether a facet answers `selector`.
    pub(crate) fn answers(&self, selector: [u8; 4]) -> bool {
        let selector = Selector::from(selector);
        self.facets
            .iter()
            .any(|facet| facet.selectors.contains(&selector))
    }

    /// What the facet at `address` answers.
    pub(crate) fn selectors(&self, address: Address) -> &[Selector] {
        let facet = self.facets.iter().find(|facet| facet.address == address);
        facet.map_or(&[], |facet| facet.selectors.as_slice())
    }
}

alloy_sol_types::sol! {
    interface IRouting {
        struct Cut { address facet; uint8 action; bytes4[] selectors; }
        function diamondCut(Cut[] cut, address init, bytes data) external;
        function facets() external;
        function facetAddresses() external;
        function facetAddress(bytes4 selector) external;
        function facetFunctionSelectors(address facet) external;
        function supportsInterface(bytes4 id) external;
        function owner() external;
        function transferOwnership(address next) external;
        function extend(bytes4 selector, address implementation) external;
        function rollback(bytes4 selector, address implementation) external;
        function migrate(address target, bytes data, address next) external;
        function updateContract(address delegate, string signatures, string message) external;
        function delegateAddresses() external;
    }
}

/// Functions with which a proxy is run rather than used.
const HOUSEKEEPING: [[u8; 4]; 13] = [
    IRouting::diamondCutCall::SELECTOR,
    IRouting::facetsCall::SELECTOR,
    IRouting::facetAddressesCall::SELECTOR,
    IRouting::facetAddressCall::SELECTOR,
    IRouting::facetFunctionSelectorsCall::SELECTOR,
    IRouting::supportsInterfaceCall::SELECTOR,
    IRouting::ownerCall::SELECTOR,
    IRouting::transferOwnershipCall::SELECTOR,
    IRouting::extendCall::SELECTOR,
    IRouting::rollbackCall::SELECTOR,
    IRouting::migrateCall::SELECTOR,
    IRouting::updateContractCall::SELECTOR,
    IRouting::delegateAddressesCall::SELECTOR,
];

/// Who answers which selector, when `proxy` decides by selector; `fallback` is where it sends calls that
/// it does not know.
///
/// # Errors
/// When the node refuses something that decides it.
pub(crate) async fn routes(
    session: &mut Session,
    proxy: Address,
    code: &[u8],
    fallback: Option<&Forward>,
) -> Result<Option<(Forward, Routes)>, InspectError> {
    let asked = fallback.and_then(|forward| forward.question.as_ref());
    if let Some(Location::Call(dictionary)) = fallback.map(|forward| &forward.location)
        && asked.is_some_and(|question| registries::asks_dictionary(question))
    {
        let found = registries::dictionary(session, *dictionary).await?;
        return followed(session, proxy, found).await;
    }
    if fallback.is_none() && code::has_word(code, DICTIONARY) {
        let slot = Missing::Slot {
            address: proxy,
            slot: DICTIONARY,
        };
        let Some(value) = session.slot(proxy, DICTIONARY).await? else {
            return Err(session.cannot_tell(slot));
        };
        let dictionary = Address::from_word(value.into());
        let found = registries::dictionary(session, dictionary).await?;
        return followed(session, proxy, found).await;
    }
    if fallback.is_some() && !PLACES.iter().any(|base| code::has_word(code, *base)) {
        return Ok(None);
    }
    if code::has_delegatecall(code) {
        let loupe = loupe::facets(session, proxy).await?;
        if let Some(found) = followed(session, proxy, loupe).await? {
            return Ok(Some(found));
        }
        let arrays = arrays::facets(session, proxy, code).await?;
        if let Some(found) = followed(session, proxy, arrays).await? {
            return Ok(Some(found));
        }
        let registry = registries::zeroex(session, proxy, code).await?;
        if let Some(found) = followed(session, proxy, registry).await? {
            return Ok(Some(found));
        }
        let registry = registries::erc1538(session, proxy).await?;
        if let Some(found) = followed(session, proxy, registry).await? {
            return Ok(Some(found));
        }
    }
    getters::aggregator(session, proxy, code).await
}

/// How likely a facet is what the proxy is for.
fn rank(facet: &Facet) -> usize {
    let keeps_house = facet
        .selectors
        .iter()
        .any(|selector| HOUSEKEEPING.contains(&selector.0));
    facet.selectors.len() + if keeps_house { 0 } else { SELECTORS }
}

/// Cuts what is more than anyone has; whether there was more.
fn bound(facets: &mut Vec<Facet>) -> bool {
    let all = facets.len();
    facets.truncate(FACETS);
    let mut left = SELECTORS;
    let mut cut = all > FACETS;
    for facet in facets.iter_mut() {
        cut |= facet.selectors.len() > left;
        facet.selectors.truncate(left);
        left -= facet.selectors.len();
    }
    facets.retain(|facet| !facet.selectors.is_empty());
    cut
}

/// Adds a selector to the facet it belongs to.
fn gather(facets: &mut Vec<Facet>, address: Address, selector: Selector) {
    if address.is_zero() {
        return;
    }
    match facets.iter_mut().find(|facet| facet.address == address) {
        Some(facet) if facet.selectors.contains(&selector) => {}
        Some(facet) => facet.selectors.push(selector),
        None => facets.push(Facet {
            address,
            selectors: vec![selector],
        }),
    }
}

/// The slot `offset` after `base`.
pub(crate) fn after(base: B256, offset: u64) -> B256 {
    U256::from_be_bytes(base.0)
        .wrapping_add(U256::from(offset))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;
    use cutover_types::diamond::{LIBRARY as DIAMOND, SOLIDSTATE, ZKSYNC};

    fn facet(byte: u8, selectors: usize) -> Facet {
        let selectors = (0..selectors)
            .map(|number| Selector::from((number as u32).to_be_bytes()))
            .collect();
        Facet {
            address: Address::repeat_byte(byte),
            selectors,
        }
    }

    #[test]
    fn storage_places_are_the_hashes_their_authors_define() {
        assert_eq!(DIAMOND, keccak256("diamond.standard.diamond.storage"));
        assert_eq!(after(ZKSYNC, 1), DIAMOND);
        assert_eq!(
            SOLIDSTATE,
            keccak256("solidstate.contracts.storage.DiamondBase")
        );
    }

    #[test]
    fn hostile_tables_are_cut() {
        let mut facets: Vec<_> = (0..200).map(|byte| facet(byte, 100)).collect();
        assert!(bound(&mut facets));
        let all: usize = facets.iter().map(|facet| facet.selectors.len()).sum();
        assert_eq!(all, SELECTORS);
        let mut few = vec![facet(1, 3)];
        assert!(!bound(&mut few));
        assert_eq!(few[0].selectors.len(), 3);
    }

    #[test]
    fn housekeeping_ranks_behind_any_other_facet() {
        let mut house = facet(1, 500);
        house.selectors.push(IRouting::ownerCall::SELECTOR.into());
        assert!(rank(&facet(2, 1)) > rank(&house));
    }
}

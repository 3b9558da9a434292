//! Tables that are not a diamond's: 0x's, ERC-1538's and ERC-7546's.

use super::{FACETS, Routes, SELECTORS, Table, gather};
use crate::{
    code::has_selector,
    error::InspectError,
    session::{Played, Session},
};
use alloy_primitives::{Address, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use cutover_types::diamond::Selector;
use serde_json::json;
use std::collections::BTreeSet;

/// Signatures of one delegate, in bytes.
const SIGNATURES: usize = 1 << 13;

alloy_sol_types::sol! {
    interface IZeroEx {
        event ProxyFunctionUpdated(bytes4 indexed selector, address oldImpl, address newImpl);
        function getFunctionImplementation(bytes4 selector) external view returns (address);
        function extend(bytes4 selector, address implementation) external;
        function rollback(bytes4 selector, address implementation) external;
        function getRollbackLength(bytes4 selector) external view returns (uint256);
        function getRollbackEntryAtIndex(bytes4 selector, uint256 index) external view returns (address);
        function migrate(address target, bytes data, address next) external;
        function owner() external view returns (address);
        function transferOwnership(address next) external;
    }
    interface IErc1538 {
        function delegateAddresses() external view returns (address[]);
        function delegateFunctionSignatures(address delegate) external view returns (string);
    }
    interface IDictionary {
        function getImplementation(bytes4 selector) external view returns (address);
        function supportsInterfaces() external view returns (bytes4[]);
    }
}

/// 0x tells one selector at a time; which there are, its events tell.
pub(super) async fn zeroex(
    session: &mut Session,
    proxy: Address,
    code: &[u8],
) -> Result<Option<Routes>, InspectError> {
    if !has_selector(code, IZeroEx::getFunctionImplementationCall::SELECTOR) {
        return Ok(None);
    }
    let mut selectors = BTreeSet::from(
        [
            IZeroEx::extendCall::SELECTOR,
            IZeroEx::rollbackCall::SELECTOR,
            IZeroEx::getRollbackLengthCall::SELECTOR,
            IZeroEx::getRollbackEntryAtIndexCall::SELECTOR,
            IZeroEx::migrateCall::SELECTOR,
            IZeroEx::ownerCall::SELECTOR,
            IZeroEx::transferOwnershipCall::SELECTOR,
        ]
        .map(Selector::from),
    );
    let filter = json!([{
        "address": proxy,
        "fromBlock": "0x0",
        "toBlock": format!("{:#x}", session.block.number),
        "topics": [IZeroEx::ProxyFunctionUpdated::SIGNATURE_HASH],
    }]);
    let logs = session.logs(filter).await;
    let unread = logs.is_err();
    for log in logs.unwrap_or_default() {
        let topic: Option<alloy_primitives::B256> = log["topics"][1]
            .as_str()
            .and_then(|topic| topic.parse().ok());
        if let Some(topic) = topic.filter(|_| selectors.len() < SELECTORS) {
            selectors.insert(Selector::from_slice(&topic[..4]));
        }
    }
    let questions = selectors.iter().map(|selector| {
        let question = IZeroEx::getFunctionImplementationCall {
            selector: *selector,
        };
        (proxy, question.abi_encode())
    });
    let answers = session.ask(questions.collect::<Vec<_>>()).await?;
    if let Some(missing) = answers.iter().find_map(|played| played.guesses().next()) {
        return Err(session.cannot_tell(missing));
    }
    let mut facets = Vec::new();
    for (selector, answer) in selectors.iter().zip(&answers) {
        gather(&mut facets, answer.address().unwrap_or_default(), *selector);
    }
    let mut routes = Routes::new(Table::ZeroEx, facets);
    if !routes.answers(IZeroEx::extendCall::SELECTOR) && routes.facets.is_empty() {
        return Ok(None);
    }
    if unread {
        routes.notes.push(
            "the node does not give the proxy's events: only the functions every such proxy has are \
             known"
                .into(),
        );
    }
    Ok(Some(routes))
}

/// ERC-1538 lists its delegates and the signatures of each.
pub(super) async fn erc1538(
    session: &mut Session,
    proxy: Address,
) -> Result<Option<Routes>, InspectError> {
    let question = IErc1538::delegateAddressesCall {}.abi_encode();
    let answers = session.ask([(proxy, question)]).await?;
    if let Some(missing) = answers.first().and_then(|played| played.guesses().next()) {
        return Err(session.cannot_tell(missing));
    }
    let delegates: Vec<_> = answers
        .first()
        .filter(|played| played.answer().is_some_and(|said| said.len() < SIGNATURES))
        .and_then(Played::returns::<IErc1538::delegateAddressesCall>)
        .unwrap_or_default()
        .into_iter()
        .take(FACETS)
        .collect();
    let questions = delegates.iter().map(|delegate| {
        let question = IErc1538::delegateFunctionSignaturesCall {
            delegate: *delegate,
        };
        (proxy, question.abi_encode())
    });
    let answers = session.ask(questions.collect::<Vec<_>>()).await?;
    let mut facets = Vec::new();
    let mut said = Vec::new();
    for (delegate, answer) in delegates.into_iter().zip(&answers) {
        let text = answer.returns::<IErc1538::delegateFunctionSignaturesCall>();
        let Some(text) = text.filter(|text| is_signatures(text)) else {
            continue;
        };
        for signature in text.split_inclusive(')') {
            let hash = keccak256(signature);
            gather(&mut facets, delegate, Selector::from_slice(&hash[..4]));
        }
        said.push((delegate, text));
    }
    Ok((!facets.is_empty()).then(|| Routes::new(Table::Erc1538(said), facets)))
}

/// Signatures one after the other, and nothing else.
fn is_signatures(text: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || b"_$(),[]".contains(&byte);
    text.len() <= SIGNATURES && text.ends_with(')') && text.bytes().all(character)
}

/// Whether a proxy asked for the implementation of one selector.
pub(super) fn asks_dictionary(question: &[u8]) -> bool {
    question.starts_with(&IDictionary::getImplementationCall::SELECTOR) && question.len() == 36
}

/// ERC-7546's dictionary lists the selectors it has.
pub(super) async fn dictionary(
    session: &mut Session,
    dictionary: Address,
) -> Result<Option<Routes>, InspectError> {
    let question = IDictionary::supportsInterfacesCall {}.abi_encode();
    let answers = session.ask([(dictionary, question)]).await?;
    if let Some(missing) = answers.first().and_then(|played| played.guesses().next()) {
        return Err(session.cannot_tell(missing));
    }
    let selectors: BTreeSet<_> = answers
        .first()
        .filter(|played| played.answer().is_some_and(|said| said.len() < 1 << 16))
        .and_then(Played::returns::<IDictionary::supportsInterfacesCall>)
        .unwrap_or_default()
        .into_iter()
        .take(SELECTORS)
        .collect();
    let questions = selectors.iter().map(|selector| {
        let question = IDictionary::getImplementationCall {
            selector: *selector,
        };
        (dictionary, question.abi_encode())
    });
    let answers = session.ask(questions.collect::<Vec<_>>()).await?;
    let mut facets = Vec::new();
    for (selector, answer) in selectors.iter().zip(&answers) {
        gather(&mut facets, answer.address().unwrap_or_default(), *selector);
    }
    Ok((!facets.is_empty()).then(|| Routes::new(Table::Dictionary(dictionary), facets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signatures_are_taken_for_signatures() {
        assert!(is_signatures("sell(uint256)buy((address,bytes4[])[])"));
        for wrong in ["", "a b()", "a()\n", "a();", "é()", "a"] {
            assert!(!is_signatures(wrong), "{wrong:?}");
        }
        assert!(!is_signatures(&"a()".repeat(SIGNATURES)));
    }
}

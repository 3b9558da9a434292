//! Chainlink's aggregator proxy has no fallback: each of its functions asks the aggregator.

use super::{Routes, Table};
use crate::{
    code::has_selector,
    error::InspectError,
    session::{Session, stranger},
    trace::{Forward, place},
};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use cutover_types::{
    CallKind,
    diamond::{Facet, Selector},
};

alloy_sol_types::sol! {
    interface IAggregatorProxy {
        function aggregator() external view returns (address);
        function proposedAggregator() external view returns (address);
        function confirmAggregator(address aggregator) external;
        function latestRoundData() external view;
        function latestAnswer() external view;
    }
}

pub(super) async fn aggregator(
    session: &mut Session,
    proxy: Address,
    code: &[u8],
) -> Result<Option<(Forward, Routes)>, InspectError> {
    let needed = [
        IAggregatorProxy::aggregatorCall::SELECTOR,
        IAggregatorProxy::proposedAggregatorCall::SELECTOR,
        IAggregatorProxy::confirmAggregatorCall::SELECTOR,
    ];
    if !needed.iter().all(|selector| has_selector(code, *selector)) {
        return Ok(None);
    }
    let question = IAggregatorProxy::aggregatorCall {}.abi_encode();
    let answers = session.ask([(proxy, question)]).await?;
    let Some(answer) = answers.first() else {
        return Ok(None);
    };
    if let Some(missing) = answer.guesses().next() {
        return Err(session.cannot_tell(missing));
    }
    let Some(target) = answer.address() else {
        return Ok(None);
    };
    let Some(location) = place(&answer.reads, proxy, target) else {
        return Ok(None);
    };
    let calls = [
        IAggregatorProxy::latestRoundDataCall::SELECTOR,
        IAggregatorProxy::latestAnswerCall::SELECTOR,
    ];
    for selector in calls {
        let played = session.call(stranger(), proxy, selector.to_vec()).await?;
        let carried = played.outcomes.first().is_some_and(|outcome| {
            outcome.calls.iter().any(|frame| {
                frame.depth == 1
                    && matches!(frame.kind, CallKind::Call | CallKind::StaticCall)
                    && frame.to == target
                    && frame.input.as_ref() == selector
            })
        });
        if !carried {
            continue;
        }
        let facet = Facet {
            address: target,
            selectors: calls.map(Selector::from).to_vec(),
        };
        let forward = Forward {
            target,
            location,
            kind: Some(CallKind::Call),
            question: None,
            fixed: false,
            next: None,
            unread: None,
        };
        return Ok(Some((forward, Routes::new(Table::Aggregator, vec![facet]))));
    }
    Ok(None)
}

//! Chainlink's aggregator proxy: the owner proposes an aggregator, then confirms it.

use super::{Kind, Recognized, Subject};
use crate::{
    authority,
    error::InspectError,
    routes::Table,
    session::{Played, Session},
};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep};

alloy_sol_types::sol! {
    interface IProposed {
        function proposedAggregator() external view returns (address);
    }
}

pub(super) struct Aggregator;

#[async_trait(?Send)]
impl Kind for Aggregator {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let table = subject.routes.as_ref().map(|routes| &routes.table);
        let (Some(Table::Aggregator), Some(slot)) = (table, subject.forward.location.slot()) else {
            return Ok(None);
        };
        let proxy = subject.proxy;
        let mut found = Recognized::new(ProxyKind::ChainlinkAggregator);
        let question = IProposed::proposedAggregatorCall {}.abi_encode();
        let answers = session.ask([(proxy, question)]).await?;
        if let Some(next) = answers.first().and_then(Played::address) {
            found.notes.push(format!("{next} is proposed already"));
        }
        found
            .notes
            .push("each change, the way back too, begins a new phase: round ids rise".into());
        let step = |function| {
            UpgradeStep::new(
                Address::ZERO,
                proxy,
                function,
                vec![Argument::Implementation],
            )
        };
        let steps = vec![
            step("proposeAggregator(address)"),
            step("confirmAggregator(address)"),
        ];
        let path = UpgradePath::of(proxy, slot, steps);
        authority::paths(session, path, subject.forward.target, &mut found).await?;
        found.admin = found.paths.first().map(|path| path.from);
        Ok(Some(found))
    }
}

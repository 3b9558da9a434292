//! Beacon proxies: the implementation is what the beacon answers, and one upgrade of the beacon moves
//! every proxy of it.

use super::{Kind, Recognized, Subject, admin};
use crate::{authority, error::InspectError, session::Session, trace::slot_holding};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    ProxyKind, UpgradePath, Verb,
    abi::{BEACON_SLOT, IBeacon},
    inspection::Location,
};

pub(super) struct Beacon;

#[async_trait(?Send)]
impl Kind for Beacon {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Location::Call(beacon) = subject.forward.location else {
            return Ok(None);
        };
        let question = IBeacon::implementationCall {}.abi_encode();
        if subject.forward.question.as_ref().map(|q| q.as_ref()) != Some(question.as_slice()) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::BeaconProxy);
        found.beacon = Some(beacon);
        // 5.x asks the beacon in its code and writes the slot for show.
        if let Ok(Some(claimed)) = admin::address_in(session, subject.proxy, BEACON_SLOT).await?
            && claimed != beacon
        {
            found.conflicts.push(format!(
                "the beacon slot says {claimed}, but the proxy asks {beacon}"
            ));
        }
        let implementation = subject.forward.target;
        let answers = session.ask([(beacon, question)]).await?;
        let slot = answers
            .first()
            .and_then(|played| slot_holding(&played.reads, beacon, implementation));
        let Some(slot) = slot else {
            found.notes.push(format!(
                "where the beacon {beacon} keeps the implementation is not known"
            ));
            return Ok(Some(found));
        };
        let path = UpgradePath {
            proxy: subject.proxy,
            verb: Verb::BeaconUpgradeTo,
            verb_with_data: None,
            from: Address::ZERO,
            to: beacon,
            holder: beacon,
            slot,
            steps: Vec::new(),
            steps_with_data: Vec::new(),
            steps_back: Vec::new(),
            steps_again: Vec::new(),
        };
        authority::paths(session, path, implementation, &mut found).await?;
        Ok(Some(found))
    }
}

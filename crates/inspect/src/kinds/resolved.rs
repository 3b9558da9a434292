//! Optimism's `ResolvedDelegateProxy`, both builds: an address manager answers for a name.

use super::{Kind, Recognized, Subject, admin, own};
use crate::{
    error::{InspectError, key},
    session::Session,
    trace::slot_holding,
};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, abi::IProxy, inspection::Location, text,
};

/// Bytes of a name that is believed.
const NAME: usize = 256;

alloy_sol_types::sol! {
    function getAddress(string name) external view returns (address);
}

pub(super) struct ResolvedDelegate;

#[async_trait(?Send)]
impl Kind for ResolvedDelegate {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let (Location::Call(manager), Some(question)) =
            (&subject.forward.location, &subject.forward.question)
        else {
            return Ok(None);
        };
        let (proxy, manager) = (subject.proxy, *manager);
        let asked = getAddressCall::abi_decode(question)
            .ok()
            .filter(|asked| asked.name.len() <= NAME && asked.abi_encode() == **question);
        let Some(getAddressCall { name }) = asked else {
            return Ok(None);
        };
        // It keeps the manager in a mapping from its own address.
        let kept = own::mapping_slot(proxy.into_word().as_slice(), 1);
        let keeps = admin::address_in(session, proxy, kept).await?;
        if keeps != Ok(Some(manager)) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::ResolvedDelegate);
        found.notes.push(format!(
            "every proxy that asks {manager} for \"{}\" moves with it; no address there pauses them",
            text::terminal(&name, 64)
        ));
        let answers = session
            .ask([
                (manager, question.to_vec()),
                (manager, IProxy::ownerCall {}.abi_encode()),
            ])
            .await?;
        let [answer, owner] = answers.as_slice() else {
            return Ok(None);
        };
        let Some(slot) = slot_holding(&answer.reads, manager, subject.forward.target) else {
            found.notes.push(format!(
                "where {manager} keeps the implementation is not known"
            ));
            return Ok(Some(found));
        };
        let seat = match owner.guesses().next() {
            Some(missing) => Err(format!("the node does not give {}", key(&missing))),
            None => Ok(owner.address()),
        };
        let through_owner = match seat {
            Ok(Some(holder)) => {
                let place = (manager, slot);
                admin::through_contract(session, proxy, holder, place, &mut found).await?
            }
            _ => false,
        };
        if !through_owner {
            let step = UpgradeStep::new(
                Address::ZERO,
                manager,
                "setAddress(string,address)",
                vec![Argument::Value(name), Argument::Implementation],
            );
            let path = UpgradePath::of(proxy, slot, vec![step]).held_by(manager);
            own::sent_by(&seat, "address manager's owner", path, &mut found);
        }
        Ok(Some(found))
    }
}

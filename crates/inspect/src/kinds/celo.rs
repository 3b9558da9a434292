//! Celo's `Proxy`: the admin slot holds an owner, and every function begins with an underscore.

use super::{Kind, Recognized, Subject, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::Address;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb, abi::IMPLEMENTATION_SLOT,
    inspection::Location,
};

pub(super) struct Celo;

#[async_trait(?Send)]
impl Kind for Celo {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let functions = [
            "_setImplementation(address)",
            "_setAndInitializeImplementation(address,bytes)",
        ];
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT)
            || !own::dispatches(&subject.code, &functions)
        {
            return Ok(None);
        }
        let getters = ["_getOwner()", "_getImplementation()"];
        let [owner, implementation] = own::says(session, proxy, getters).await?;
        let Some(seat) = owner.seat() else {
            return Ok(None);
        };
        if !implementation.is(subject.forward.target) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::CeloProxy);
        let step =
            |function, arguments| vec![UpgradeStep::new(Address::ZERO, proxy, function, arguments)];
        let plain = step(functions[0], vec![Argument::Implementation]);
        let mut path = UpgradePath::of(proxy, IMPLEMENTATION_SLOT, plain);
        path.verb_with_data = Some(Verb::Steps);
        path.steps_with_data = step(functions[1], vec![Argument::Implementation, Argument::Data]);
        own::sent_by(&seat, "owner", path, &mut found);
        Ok(Some(found))
    }
}

//! Decentraland's `Proxy` over `DelegateProxy`: the upgrade always runs `initialize(bytes)`.

use super::{Kind, Recognized, Subject, own};
use crate::{authority, error::InspectError, session::Session};
use alloy_primitives::Address;
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep, inspection::Location};

const UPGRADE: &str = "upgrade(address,bytes)";

pub(super) struct Decentraland;

#[async_trait(?Send)]
impl Kind for Decentraland {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Location::Slot(slot) = subject.forward.location else {
            return Ok(None);
        };
        if !own::dispatches(&subject.code, &[UPGRADE]) {
            return Ok(None);
        }
        let (proxy, implementation) = (subject.proxy, subject.forward.target);
        let getters = ["proxyOwner()", "currentContract()"];
        let [owner, current] = own::says(session, proxy, getters).await?;
        if !current.is(implementation) {
            return Ok(None);
        }
        let holder = owner.address();
        let mut found = Recognized::new(ProxyKind::DecentralandStorage);
        found.admin = holder;
        found
            .notes
            .push("an upgrade runs initialize(bytes) of the new implementation".into());
        let step = UpgradeStep::new(
            Address::ZERO,
            proxy,
            UPGRADE,
            vec![Argument::Implementation, Argument::Data],
        );
        let path = UpgradePath::of(proxy, slot, vec![step]);
        match holder {
            Some(owner) => found.paths.push(path.sent_by(owner)),
            None => authority::paths(session, path, implementation, &mut found).await?,
        }
        Ok(Some(found))
    }
}

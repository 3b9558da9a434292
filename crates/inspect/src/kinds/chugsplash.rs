//! Optimism's `L1ChugSplashProxy`: its owner writes any slot, the implementation's among them.

use super::{Kind, Recognized, Subject, admin, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::Address;
use async_trait::async_trait;
use cutover_types::{
    Argument, CallKind, ProxyKind, UpgradePath, UpgradeStep,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::Location,
};

pub(super) struct L1ChugSplash;

#[async_trait(?Send)]
impl Kind for L1ChugSplash {
    /// While its owner says that an upgrade is under way it forwards nothing.
    fn forwards_by(&self, kind: Option<CallKind>) -> bool {
        matches!(kind, None | Some(CallKind::DelegateCall))
    }

    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let functions = ["setStorage(bytes32,bytes32)", "setCode(bytes)"];
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT)
            || !own::dispatches(&subject.code, &functions)
        {
            return Ok(None);
        }
        let getters = ["getOwner()", "getImplementation()"];
        let to_nobody = own::says_to(session, proxy, Address::ZERO, getters).await?;
        let to_strangers = own::says(session, proxy, getters).await?;
        let claimed = to_nobody[0].seat();
        if claimed.is_none()
            || !to_nobody[1].is(subject.forward.target)
            || to_strangers != [own::Own::Silent, own::Own::Silent]
        {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::L1ChugSplash);
        found
            .notes
            .push("its owner can also write any other slot of it".into());
        if subject.forward.kind.is_none() {
            found
                .notes
                .push("its owner says that an upgrade is under way: it is paused".into());
        }
        let seat = admin::address_in(session, proxy, ADMIN_SLOT).await?;
        let slot = IMPLEMENTATION_SLOT;
        let through_owner = match seat {
            Ok(Some(holder)) => {
                let place = (proxy, slot);
                admin::through_contract(session, proxy, holder, place, &mut found).await?
            }
            _ => false,
        };
        if !through_owner {
            let arguments = vec![Argument::Value(slot.to_string()), Argument::Implementation];
            let step = UpgradeStep::new(Address::ZERO, proxy, functions[0], arguments);
            let path = UpgradePath::of(proxy, slot, vec![step]);
            own::sent_by(&seat, "owner", path, &mut found);
        }
        Ok(Some(found))
    }
}

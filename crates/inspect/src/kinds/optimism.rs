//! Optimism's `Proxy.sol`. It hands its admin's other calls on, and tells its admin and implementation
//! to nobody but the admin and the zero address.

use super::{Kind, Recognized, Subject, admin, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::Address;
use async_trait::async_trait;
use cutover_types::{
    ProxyKind, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::Location,
};

pub(super) struct Optimism;

#[async_trait(?Send)]
impl Kind for Optimism {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT)
            || !admin::dispatches_upgrades(&subject.code)
        {
            return Ok(None);
        }
        let getters = ["admin()", "implementation()"];
        let to_nobody = own::says_to(session, proxy, Address::ZERO, getters).await?;
        let to_strangers = own::says(session, proxy, getters).await?;
        let seat = admin::address_in(session, proxy, ADMIN_SLOT).await?;
        let claimed = to_nobody[0].seat();
        let told = to_nobody[1].is(subject.forward.target) && claimed.is_some();
        if !told || to_strangers != [own::Own::Silent, own::Own::Silent] {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::OptimismProxy);
        match seat {
            Ok(Some(holder)) if claimed == Some(Ok(Some(holder))) => {
                if !admin::obeys(session, subject, holder).await? {
                    return Ok(None);
                }
                let direct = (Verb::UpgradeTo, Some(Verb::UpgradeToAndCall));
                let slot = IMPLEMENTATION_SLOT;
                admin::through(session, subject, holder, slot, direct, &mut found).await?;
            }
            Ok(None) if claimed == Some(Ok(None)) => {
                found.shut = Some("it has no admin: nobody can upgrade it".into());
            }
            // Who would be told as the zero address is, is not known either.
            Ok(_) | Err(_) => return Ok(None),
        }
        Ok(Some(found))
    }
}

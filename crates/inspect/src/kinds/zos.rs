//! zos `AdminUpgradeabilityProxy`: USDC, BUSD, PYUSD.

use super::{Kind, Recognized, Subject, admin};
use crate::{code::has_word, error::InspectError, session::Session};
use async_trait::async_trait;
use cutover_types::{
    ProxyKind, UpgradePath, Verb,
    abi::{ZOS_ADMIN_SLOT, ZOS_IMPLEMENTATION_SLOT},
    inspection::Location,
};

pub(super) struct ZosAdmin;

#[async_trait(?Send)]
impl Kind for ZosAdmin {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(ZOS_IMPLEMENTATION_SLOT) {
            return Ok(None);
        }
        let mut zos = Recognized::new(ProxyKind::ZosAdmin);
        let holder = match admin::address_in(session, subject.proxy, ZOS_ADMIN_SLOT).await? {
            Ok(Some(holder)) => Ok(holder),
            Ok(None) => Err(("it has no admin: nobody can upgrade it".into(), false)),
            Err(unread) => Err((unread, true)),
        };
        let holder = match holder {
            Ok(holder) => holder,
            Err((why, someone)) => {
                // The kind with an owner shares the implementation slot, so the code must tell.
                let looks = has_word(&subject.code, ZOS_ADMIN_SLOT)
                    && admin::dispatches_upgrades(&subject.code);
                if someone {
                    zos.unsent = Some((
                        direct_path(subject),
                        format!("its admin is not known: {why}"),
                    ));
                }
                zos.notes.push(why);
                return Ok(looks.then_some(zos));
            }
        };
        let refused = admin::refusals(session, subject.proxy, &[holder]).await?;
        if refused.iter().all(Option::is_none) || !admin::obeys(session, subject, holder).await? {
            return Ok(None);
        }
        let direct = (Verb::UpgradeTo, Some(Verb::UpgradeToAndCall));
        let slot = ZOS_IMPLEMENTATION_SLOT;
        admin::through(session, subject, holder, slot, direct, &mut zos).await?;
        Ok(Some(zos))
    }
}

/// The admin's own call, from nobody yet.
fn direct_path(subject: &Subject) -> UpgradePath {
    UpgradePath::one_call(
        subject.proxy,
        ZOS_IMPLEMENTATION_SLOT,
        Verb::UpgradeTo,
        Some(Verb::UpgradeToAndCall),
    )
}

//! OpenZeppelin's transparent proxy. Up to 4.x it obeys the admin in its slot, from 5.0 on the
//! ProxyAdmin in its code, whatever the slot says.

use super::{Kind, Recognized, Subject, admin};
use crate::{code, error::InspectError, session::Session};
use alloy_primitives::{Address, hex};
use async_trait::async_trait;
use cutover_types::{
    ProxyKind, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::Location,
};

/// `ProxyDeniedAdminAccess()`.
const DENIED: [u8; 4] = hex!("d2b576ec");
/// Constants of a proxy's code that are asked whether they are the admin.
const CANDIDATES: usize = 16;

pub(super) struct Transparent;

#[async_trait(?Send)]
impl Kind for Transparent {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT) {
            return Ok(None);
        }
        let in_slot = admin::address_in(session, subject.proxy, ADMIN_SLOT).await?;
        if let Some(holder) = immutable_admin(session, subject).await? {
            let mut found = Recognized::new(ProxyKind::TransparentV5);
            match in_slot {
                Ok(Some(claimed)) if claimed == holder => {}
                Ok(claimed) => found.conflicts.push(format!(
                    "the admin slot says {}, but the proxy obeys {holder}, which stands in its code",
                    claimed.unwrap_or_default()
                )),
                Err(unread) => found.notes.push(unread),
            }
            let direct = (Verb::UpgradeToAndCall, Some(Verb::UpgradeToAndCall));
            let slot = IMPLEMENTATION_SLOT;
            admin::through(session, subject, holder, slot, direct, &mut found).await?;
            return Ok(Some(found));
        }
        let Ok(Some(holder)) = in_slot else {
            return Ok(None);
        };
        let refused = admin::refusals(session, subject.proxy, &[holder]).await?;
        if refused.iter().all(Option::is_none) || !admin::obeys(session, subject, holder).await? {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::Transparent);
        let direct = (Verb::UpgradeTo, Some(Verb::UpgradeToAndCall));
        let slot = IMPLEMENTATION_SLOT;
        admin::through(session, subject, holder, slot, direct, &mut found).await?;
        Ok(Some(found))
    }
}

/// The address in the code whose unknown calls the proxy denies as its admin's.
async fn immutable_admin(
    session: &mut Session,
    subject: &Subject,
) -> Result<Option<Address>, InspectError> {
    let candidates: Vec<_> = code::addresses(&subject.code)
        .into_iter()
        .take(CANDIDATES)
        .collect();
    let refusals = admin::refusals(session, subject.proxy, &candidates).await?;
    Ok(candidates
        .into_iter()
        .zip(refusals)
        .find(|(_, refusal)| refusal.as_deref() == Some(&DENIED))
        .map(|(candidate, _)| candidate))
}

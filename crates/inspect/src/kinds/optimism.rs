//! Optimism's `Proxy.sol`. It hands its admin's other calls on, and tells its admin and implementation
//! to nobody but the admin and the zero address.

use super::{Kind, Recognized, Subject, admin, own};
use crate::{
    error::InspectError,
    session::{Script, Session, request, stranger},
};
use alloy_primitives::{Address, Bytes, keccak256};
use async_trait::async_trait;
use cutover_types::{
    Missing, ProxyKind, UpgradePath, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::Location,
};
use std::collections::BTreeMap;

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
                found.vacant = Some(UpgradePath::one_call(
                    proxy,
                    IMPLEMENTATION_SLOT,
                    Verb::UpgradeTo,
                    Some(Verb::UpgradeToAndCall),
                ));
            }
            Err(unread) if tells_nobody(session, &subject.code).await? => {
                let path = UpgradePath::one_call(
                    proxy,
                    IMPLEMENTATION_SLOT,
                    Verb::UpgradeTo,
                    Some(Verb::UpgradeToAndCall),
                );
                let why = format!("its admin is not known: {unread}");
                found.notes.push(why.clone());
                found.unsent = Some((path, why));
            }
            Ok(_) | Err(_) => return Ok(None),
        }
        Ok(Some(found))
    }
}

/// Whether a new proxy of the same code, whose admin is known, tells it to the zero address and not to
/// strangers: what the real one does cannot be seen where its admin is not.
async fn tells_nobody(session: &mut Session, code: &Bytes) -> Result<bool, InspectError> {
    let [copy, admin] = ["a copy", "its admin"]
        .map(|name| Address::from_word(keccak256(format!("cutover: {name} of a proxy"))));
    // The zero address is the admin of the copy, whose slots are empty.
    let mut change = own::selector("changeAdmin(address)").to_vec();
    change.extend(admin.into_word());
    let ask = own::selector("admin()").to_vec();
    let script = Script {
        steps: vec![
            request(Address::ZERO, copy, change),
            request(Address::ZERO, copy, ask.clone()),
            request(stranger(), copy, ask),
        ],
        planted: BTreeMap::from([(copy, code.clone())]),
        ..Script::default()
    };
    let played = session.play(&script).await?;
    let told = |index: usize| {
        played.outcomes.get(index).is_some_and(|outcome| {
            outcome.status.is_success() && outcome.output[..] == admin.into_word()[..]
        })
    };
    let asker = Missing::Account {
        address: Address::ZERO,
    };
    let sure = played.guesses().all(|missing| missing == asker);
    Ok(sure && told(1) && !told(2))
}

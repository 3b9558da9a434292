//! UUPS: the implementation upgrades the proxy. OpenZeppelin up to 4.9 has `upgradeTo`, 5.x and Solady
//! only `upgradeToAndCall`; before 4.5 it did not answer `proxiableUUID`.

use super::{Kind, Recognized, Subject, admin};
use crate::{
    authority,
    code::{has_selector, has_word},
    error::InspectError,
    session::{Played, Session},
};
use alloy_primitives::{B256, U256, b256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    ProxyKind, UpgradePath, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT, IProxy},
    inspection::Location,
};

/// `eip1967.proxy.rollback`, hashed, minus one.
const ROLLBACK_SLOT: B256 =
    b256!("4910fdfa16fed3260ed0e7147f7cc6da11a60208b5b9406d12a635614ffd9143");

/// Whether the question was answered, or may have been had the node given all state.
fn answered(played: &Played) -> bool {
    played.guesses().next().is_some()
        || played
            .outcomes
            .first()
            .is_some_and(|outcome| outcome.status.is_success() && outcome.output.len() >= 32)
}

pub(super) struct Uups;

#[async_trait(?Send)]
impl Kind for Uups {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT) {
            return Ok(None);
        }
        let implementation = subject.forward.target;
        let questions = [
            IProxy::proxiableUUIDCall {}.abi_encode(),
            IProxy::UPGRADE_INTERFACE_VERSIONCall {}.abi_encode(),
        ];
        let answers = session
            .ask(questions.map(|data| (implementation, data)))
            .await?;
        let [uuid, version] = answers.as_slice() else {
            return Ok(None);
        };
        let code = session.code(implementation).await?.unwrap_or_default();
        let version = version.returns::<IProxy::UPGRADE_INTERFACE_VERSIONCall>();
        let newest = version.as_deref() == Some("5.0.0");
        let plain = has_selector(&code, IProxy::upgradeToCall::SELECTOR);
        let with_data = has_selector(&code, IProxy::upgradeToAndCallCall::SELECTOR);
        let (kind, verb) = match uuid.word() {
            Some(slot) if slot != U256::from_be_bytes(IMPLEMENTATION_SLOT.0) => return Ok(None),
            // Its upgrades are tested by going back at once, in a flag of its own.
            None if plain && has_word(&code, ROLLBACK_SLOT) && !answered(uuid) => {
                (ProxyKind::UupsV41, Verb::UpgradeTo)
            }
            None => return Ok(None),
            Some(_) if plain && !newest => (ProxyKind::UupsV45, Verb::UpgradeTo),
            Some(_) if with_data && newest => (ProxyKind::UupsV5, Verb::UpgradeToAndCall),
            Some(_) if with_data => (ProxyKind::UupsSolady, Verb::UpgradeToAndCall),
            Some(_) => return Ok(None),
        };
        let mut found = Recognized::new(kind);
        if let Ok(Some(claimed)) = admin::address_in(session, subject.proxy, ADMIN_SLOT).await? {
            found.conflicts.push(format!(
                "the admin slot says {claimed}, but the proxy does not obey it"
            ));
        }
        let path = UpgradePath::one_call(
            subject.proxy,
            IMPLEMENTATION_SLOT,
            verb,
            Some(Verb::UpgradeToAndCall),
        );
        authority::paths(session, path, implementation, &mut found).await?;
        Ok(Some(found))
    }
}

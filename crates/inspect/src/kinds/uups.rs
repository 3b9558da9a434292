//! UUPS: the implementation upgrades the proxy. OpenZeppelin 4.5 to 4.9 has `upgradeTo`, 5.x only
//! `upgradeToAndCall`.

use super::{Kind, Recognized, Subject, admin};
use crate::{authority, code::has_selector, error::InspectError, session::Session};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    ProxyKind, UpgradePath, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT, IProxy},
    inspection::Location,
};

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
        if uuid.word() != Some(U256::from_be_bytes(IMPLEMENTATION_SLOT.0)) {
            return Ok(None);
        }
        let code = session.code(implementation).await?.unwrap_or_default();
        let version = version.returns::<IProxy::UPGRADE_INTERFACE_VERSIONCall>();
        let (kind, verb) = if version.as_deref() != Some("5.0.0")
            && has_selector(&code, IProxy::upgradeToCall::SELECTOR)
        {
            (ProxyKind::UupsV45, Verb::UpgradeTo)
        } else if has_selector(&code, IProxy::upgradeToAndCallCall::SELECTOR) {
            (ProxyKind::UupsV5, Verb::UpgradeToAndCall)
        } else {
            return Ok(None);
        };
        let mut found = Recognized::new(kind);
        if let Ok(Some(claimed)) = admin::address_in(session, subject.proxy, ADMIN_SLOT).await? {
            found.conflicts.push(format!(
                "the admin slot says {claimed}, but the proxy does not obey it"
            ));
        }
        let path = UpgradePath {
            proxy: subject.proxy,
            verb,
            verb_with_data: Some(Verb::UpgradeToAndCall),
            from: Address::ZERO,
            to: subject.proxy,
            holder: subject.proxy,
            slot: IMPLEMENTATION_SLOT,
            steps: Vec::new(),
            steps_with_data: Vec::new(),
            steps_back: Vec::new(),
            steps_again: Vec::new(),
        };
        authority::paths(session, path, implementation, &mut found).await?;
        Ok(Some(found))
    }
}

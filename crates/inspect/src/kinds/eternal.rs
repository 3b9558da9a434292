//! POA's eternal storage proxy: each upgrade needs a higher version number than the one before, the way
//! back too.

use super::{Kind, Recognized, Subject, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256};
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep, Verb, inspection::Location};

const UPGRADE: &str = "upgradeTo(uint256,address)";
const UPGRADE_WITH_DATA: &str = "upgradeToAndCall(uint256,address,bytes)";

pub(super) struct EternalStorage;

#[async_trait(?Send)]
impl Kind for EternalStorage {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let getters = ["upgradeabilityOwner()", "version()"];
        let Location::Slot(slot) = subject.forward.location else {
            return Ok(None);
        };
        if !own::dispatches(&subject.code, &[UPGRADE, getters[0], getters[1]]) {
            return Ok(None);
        }
        let proxy = subject.proxy;
        let [owner, version] = own::says(session, proxy, getters).await?;
        let (Some(seat), Some(version)) = (owner.seat(), version.number()) else {
            return Ok(None);
        };
        let mut found = Recognized::new(ProxyKind::EternalStorage);
        let version = match version {
            Ok(version) => version,
            Err(unread) => {
                found.admin = seat.ok().flatten();
                let why =
                    "each upgrade needs a higher version than its present one, which is not known";
                found.notes.push(format!("{why}: {unread}"));
                return Ok(Some(found));
            }
        };
        let Some(path) = upgrade(proxy, slot, version) else {
            found.shut = Some(format!(
                "its version is {version}: no upgrade can have a higher one that leaves a way back"
            ));
            return Ok(Some(found));
        };
        found.notes.push(format!(
            "it has version {version}, and each upgrade needs a higher one: the way back too"
        ));
        own::sent_by(&seat, "owner", path, &mut found);
        Ok(Some(found))
    }
}

/// To the version after `version`, back under the next and there again under the one after that.
fn upgrade(proxy: Address, slot: B256, version: U256) -> Option<UpgradePath> {
    let step = |after: u64, function: &str, data: Option<Argument>| {
        let number = version.checked_add(U256::from(after))?;
        let mut arguments = vec![
            Argument::Value(number.to_string()),
            Argument::Implementation,
        ];
        arguments.extend(data);
        let step = UpgradeStep::new(Address::ZERO, proxy, function, arguments);
        Some(vec![step])
    };
    let mut path = UpgradePath::of(proxy, slot, step(1, UPGRADE, None)?);
    path.verb_with_data = Some(Verb::Steps);
    path.steps_with_data = step(1, UPGRADE_WITH_DATA, Some(Argument::Data))?;
    path.steps_back = step(2, UPGRADE, None)?;
    path.steps_again = step(3, UPGRADE, None)?;
    Some(path)
}

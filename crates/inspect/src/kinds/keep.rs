//! Keep's delegate proxy: an upgrade is started, and completed after a delay of the proxy's own.

use super::{Kind, Recognized, Subject, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::Address;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, abi::IMPLEMENTATION_SLOT, inspection::Location,
};

pub(super) struct Keep;

#[async_trait(?Send)]
impl Kind for Keep {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let functions = ["upgradeTo(address,bytes)", "completeUpgrade()"];
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT)
            || !own::dispatches(&subject.code, &functions)
        {
            return Ok(None);
        }
        let getters = [
            "admin()",
            "implementation()",
            "upgradeTimeDelay()",
            "newImplementation()",
            "upgradeInitiatedTimestamp()",
        ];
        let [admin, implementation, delay, next, since] =
            own::says(session, proxy, getters).await?;
        let (Some(seat), Some(_)) = (admin.seat(), next.seat()) else {
            return Ok(None);
        };
        if !implementation.is(subject.forward.target) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::KeepTimelock);
        let wait = delay.word().map(u64::try_from).and_then(Result::ok);
        match wait {
            Some(wait) => found.notes.push(format!(
                "each upgrade, the way back too, waits {wait} seconds"
            )),
            None => found.notes.push(format!(
                "its delay is not known or beyond all time: {delay:?}"
            )),
        }
        if let Some(next) = next.address() {
            let started = since.word().unwrap_or_default();
            found.notes.push(format!(
                "an upgrade to {next} was started at {started} and is not completed yet; starting another drops it"
            ));
        }
        let start = UpgradeStep::new(
            Address::ZERO,
            proxy,
            functions[0],
            vec![Argument::Implementation, Argument::Data],
        );
        let complete = UpgradeStep {
            wait_seconds: wait.unwrap_or_default(),
            ..UpgradeStep::new(Address::ZERO, proxy, functions[1], Vec::new())
        };
        let path = UpgradePath::of(proxy, IMPLEMENTATION_SLOT, vec![start, complete]);
        own::sent_by(&seat, "admin", path, &mut found);
        Ok(Some(found))
    }
}

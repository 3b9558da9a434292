//! Lido's `OssifiableProxy`, both builds: its admin can give up upgrades for good.

use super::{Kind, Recognized, Subject, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::Address;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb, abi::IMPLEMENTATION_SLOT,
    inspection::Location,
};

const PLAIN: &str = "proxy__upgradeTo(address)";
const AND_CALL: &str = "proxy__upgradeToAndCall(address,bytes)";
/// The last argument makes it call even without data.
const AND_CALL_FORCED: &str = "proxy__upgradeToAndCall(address,bytes,bool)";

pub(super) struct Ossifiable;

#[async_trait(?Send)]
impl Kind for Ossifiable {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT)
            || !own::dispatches(&subject.code, &[PLAIN, "proxy__getAdmin()"])
        {
            return Ok(None);
        }
        let [admin] = own::says(session, proxy, ["proxy__getAdmin()"]).await?;
        let Some(seat) = admin.seat() else {
            return Ok(None);
        };
        let mut found = Recognized::new(ProxyKind::Ossifiable);
        let step =
            |function, arguments| vec![UpgradeStep::new(Address::ZERO, proxy, function, arguments)];
        let plain = step(PLAIN, vec![Argument::Implementation]);
        let mut path = UpgradePath::of(proxy, IMPLEMENTATION_SLOT, plain);
        let mut with_data = vec![Argument::Implementation, Argument::Data];
        let and_call = if own::dispatches(&subject.code, &[AND_CALL_FORCED]) {
            with_data.push(Argument::Value("false".into()));
            Some(AND_CALL_FORCED)
        } else {
            own::dispatches(&subject.code, &[AND_CALL]).then_some(AND_CALL)
        };
        if let Some(function) = and_call {
            path.verb_with_data = Some(Verb::Steps);
            path.steps_with_data = step(function, with_data);
        }
        if seat == Ok(None) {
            found.shut = Some("it is ossified: nobody can ever upgrade it again".into());
            found.vacant = Some(path);
            return Ok(Some(found));
        }
        found
            .notes
            .push("its admin can ossify it: then nothing can be upgraded or rolled back".into());
        own::sent_by(&seat, "admin", path, &mut found);
        Ok(Some(found))
    }
}

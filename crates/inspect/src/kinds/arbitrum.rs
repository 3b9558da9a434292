//! Arbitrum's `AdminFallbackProxy` and `RollupProxy`: the admin's calls go to one implementation,
//! everyone else's to another.

use super::{Kind, Recognized, Subject, admin, own};
use crate::{
    error::InspectError,
    session::Session,
    trace::{forwarding, unknown_call},
};
use alloy_primitives::{Address, B256, b256};
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::Location,
};

/// `keccak256("eip1967.proxy.implementation.secondary") - 1`.
const SECONDARY_SLOT: B256 =
    b256!("2b1dbce74324248c222f0ec2d5ed7bd323cfc425b336f0253c5ccfda7265546d");

pub(super) struct DoubleLogic;

#[async_trait(?Send)]
impl Kind for DoubleLogic {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(SECONDARY_SLOT) {
            return Ok(None);
        }
        let proxy = subject.proxy;
        let mut found = Recognized::new(ProxyKind::ArbitrumDoubleLogic);
        let seat = admin::address_in(session, proxy, ADMIN_SLOT).await?;
        let first = match admin::address_in(session, proxy, IMPLEMENTATION_SLOT).await? {
            Ok(first) => first.unwrap_or_default(),
            Err(unread) => {
                found.notes.push(unread);
                return Ok(Some(found));
            }
        };
        if let Ok(Some(holder)) = seat {
            let data = unknown_call(proxy);
            let played = session.call(holder, proxy, data.clone()).await?;
            let outcome = played.outcomes.first();
            let goes = outcome
                .and_then(|outcome| forwarding(&outcome.calls, proxy, &data))
                .map(|(_, frame)| frame.to);
            if goes != Some(first) {
                found.conflicts.push(format!(
                    "the implementation slot says {first}, but calls of the admin go to {}",
                    goes.unwrap_or_default()
                ));
            }
            found.notes.push(format!(
                "calls of the admin {holder} go to {first}, all others to {}: an upgrade moves the \
                 second, the way back sets both as they are now",
                subject.forward.target
            ));
        }
        let step =
            |function, arguments| UpgradeStep::new(Address::ZERO, proxy, function, arguments);
        let second = step(
            "upgradeSecondaryTo(address)",
            vec![Argument::Implementation],
        );
        let mut path = UpgradePath::of(proxy, SECONDARY_SLOT, vec![second.clone()]);
        path.verb_with_data = Some(Verb::Steps);
        path.steps_with_data = vec![step(
            "upgradeSecondaryToAndCall(address,bytes)",
            vec![Argument::Implementation, Argument::Data],
        )];
        // Whoever moved the first meanwhile: the way back restores the pair.
        let keep = vec![Argument::Value(first.to_string())];
        path.steps_back = vec![step("upgradeTo(address)", keep), second];
        own::sent_by(&seat, "admin", path, &mut found);
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, keccak256};

    #[test]
    fn the_slot_is_the_hash_of_its_name() {
        let hash = keccak256("eip1967.proxy.implementation.secondary");
        let minus_one = U256::from_be_bytes(hash.0) - U256::from(1);
        assert_eq!(SECONDARY_SLOT, B256::from(minus_one));
    }
}

//! Polygon's proxies with an ERC-897 face: `UpgradableProxy` in slots of its own, and the older one
//! whose owner stands in ordinary storage.

use super::{Kind, Recognized, Subject, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256, b256};
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep, Verb, inspection::Location};

/// `keccak256("matic.network.proxy.implementation")`.
const MATIC_SLOT: B256 = b256!("baab7dbf64751104133af04abc7d9979f0fda3b059a322a8333f533d3f32bf7f");
const UPDATE: &str = "updateImplementation(address)";
const UPDATE_AND_CALL: &str = "updateAndCall(address,bytes)";
/// ERC-897: 1 forwards for ever, 2 can be upgraded.
const UPGRADEABLE: U256 = U256::from_limbs([2, 0, 0, 0]);

pub(super) struct Polygon;

#[async_trait(?Send)]
impl Kind for Polygon {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let Location::Slot(slot) = subject.forward.location else {
            return Ok(None);
        };
        // `updateImplementation` of a Sequence wallet is the implementation's, not the proxy's.
        if !own::dispatches(&subject.code, &[UPDATE, "implementation()", "proxyType()"]) {
            return Ok(None);
        }
        let kind = if slot == MATIC_SLOT {
            ProxyKind::PolygonUpgradable
        } else {
            ProxyKind::Eip897Owned
        };
        let getters = ["implementation()", "proxyType()", "proxyOwner()", "owner()"];
        let [implementation, proxy_type, proxy_owner, owner] =
            own::says(session, proxy, getters).await?;
        // The staking contracts' build has `owner` over the same slots.
        let of_slots = proxy_owner.seat().filter(|_| slot == MATIC_SLOT);
        let Some(seat) = of_slots.or_else(|| owner.seat()) else {
            return Ok(None);
        };
        if !implementation.is(subject.forward.target) || proxy_type.word() != Some(UPGRADEABLE) {
            return Ok(None);
        }
        let mut found = Recognized::new(kind);
        let step =
            |function, arguments| vec![UpgradeStep::new(Address::ZERO, proxy, function, arguments)];
        let mut path = UpgradePath::of(proxy, slot, step(UPDATE, vec![Argument::Implementation]));
        if own::dispatches(&subject.code, &[UPDATE_AND_CALL]) {
            path.verb_with_data = Some(Verb::Steps);
            path.steps_with_data = step(
                UPDATE_AND_CALL,
                vec![Argument::Implementation, Argument::Data],
            );
        }
        own::sent_by(&seat, "owner", path, &mut found);
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn the_slot_is_the_hash_of_its_name() {
        assert_eq!(MATIC_SLOT, keccak256("matic.network.proxy.implementation"));
    }
}

//! Axelar's proxies: the implementation upgrades them, and asks for the code hash of the next one. The
//! gateway keeps its implementation in a mapping, by the key that others use as a slot.

use super::{Kind, Recognized, Subject, admin, clones::behind, own};
use crate::{
    error::InspectError,
    session::{Session, stranger},
};
use alloy_primitives::{Address, B256, b256};
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, abi::IMPLEMENTATION_SLOT, inspection::Location,
};

/// `keccak256("owner")`.
const OWNER_SLOT: B256 = b256!("02016836a56b71f0d02689e69e326f4f4c1b9057164ef592671cf0d37c8040c0");
/// The entry of [`IMPLEMENTATION_SLOT`] in the address mapping of Axelar's `EternalStorage`.
const GATEWAY_SLOT: B256 =
    b256!("11141f466c69fd409e1990e063b49cd6d61ed2ecff27a2e402e259ca6b9a01a3");
/// `keccak256("governance") - 1`, a key of the same mapping.
const GOVERNANCE: B256 = b256!("abea6fd3db56a6e6d0242111b43ebb13d1c42709651c032c7894962023a1f909");
const UPGRADE: &str = "upgrade(address,bytes32,bytes)";

/// `Proxy`, `InitProxy` and `FinalProxy`.
pub(super) struct Axelar;
/// `FixedProxy`.
pub(super) struct Fixed;
/// `AxelarGatewayProxy`.
pub(super) struct Gateway;

#[async_trait(?Send)]
impl Kind for Axelar {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let of_proxy = own::dispatches(&subject.code, &["implementation()", "setup(bytes)"]);
        let can_be_final = own::dispatches(&subject.code, &["isFinal()"]);
        let in_slot = subject.forward.location == Location::Slot(IMPLEMENTATION_SLOT);
        // The final implementation stands at an address that is computed.
        if !of_proxy || !(in_slot || can_be_final) {
            return Ok(None);
        }
        let getters = ["implementation()", "isFinal()"];
        let [implementation, is_final] = own::says(session, proxy, getters).await?;
        if !implementation.is(subject.forward.target) || !is_ours(session, subject).await? {
            return Ok(None);
        }
        if can_be_final && is_final.word().is_some_and(|word| !word.is_zero()) {
            let mut found = Recognized::new(ProxyKind::AxelarFinal);
            found.shut = Some("its implementation is final: nobody can ever upgrade it".into());
            return Ok(Some(found));
        }
        if !in_slot || !own::implements(session, subject, UPGRADE).await? {
            return Ok(None);
        }
        let mut found = Recognized::new(if can_be_final {
            ProxyKind::AxelarFinal
        } else {
            ProxyKind::AxelarProxy
        });
        if can_be_final {
            found.notes.push(
                "its owner can give it a final implementation: there is no way back from that"
                    .into(),
            );
        }
        let seat = admin::address_in(session, proxy, OWNER_SLOT).await?;
        let pending = session
            .ask([(proxy, own::selector("pendingOwner()").to_vec())])
            .await?;
        if let Some(next) = pending.first().and_then(|answer| answer.address()) {
            found.notes.push(format!(
                "{next} is its pending owner: it can take over by accepting"
            ));
        }
        identity(session, proxy, &mut found).await?;
        let path = upgrade(proxy, IMPLEMENTATION_SLOT);
        own::sent_by(&seat, "owner", path, &mut found);
        Ok(Some(found))
    }
}

#[async_trait(?Send)]
impl Kind for Fixed {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        if subject.forward.location != Location::Code
            || !own::dispatches(&subject.code, &["implementation()", "setup(bytes)"])
            || own::dispatches(&subject.code, &["isFinal()"])
        {
            return Ok(None);
        }
        let [implementation] = own::says(session, proxy, ["implementation()"]).await?;
        if !implementation.is(subject.forward.target)
            || !crate::code::has_address(&subject.code, subject.forward.target)
            || !is_ours(session, subject).await?
        {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::AxelarFixed);
        behind(
            session,
            subject,
            "its implementation is fixed in its code",
            &mut found,
        )
        .await?;
        Ok(Some(found))
    }
}

#[async_trait(?Send)]
impl Kind for Gateway {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        if subject.forward.location != Location::Slot(GATEWAY_SLOT) {
            return Ok(None);
        }
        let key = |key: B256| [&own::selector("getAddress(bytes32)")[..], &key[..]].concat();
        let questions = [key(IMPLEMENTATION_SLOT), key(GOVERNANCE)];
        let [implementation, governance] =
            own::answers(session, proxy, stranger(), questions).await?;
        let Some(seat) = governance.seat() else {
            return Ok(None);
        };
        if !implementation.is(subject.forward.target)
            || !own::implements(session, subject, UPGRADE).await?
        {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::AxelarGateway);
        identity(session, proxy, &mut found).await?;
        let path = upgrade(proxy, GATEWAY_SLOT);
        match seat {
            // Gateways before version 6 obey a vote of admins.
            Ok(None) => {
                let why = "it has no governance contract: whom it obeys is not known".to_owned();
                found.notes.push(why.clone());
                found.unsent = Some((path, why));
            }
            seat => own::sent_by(&seat, "governance", path, &mut found),
        }
        Ok(Some(found))
    }
}

fn upgrade(proxy: Address, slot: B256) -> UpgradePath {
    let step = UpgradeStep::new(
        Address::ZERO,
        proxy,
        UPGRADE,
        vec![Argument::Implementation, Argument::CodeHash, Argument::Data],
    );
    UpgradePath::of(proxy, slot, vec![step])
}

/// Whether the proxy itself takes `setup` and does nothing, since its implementation's is not for strangers,
/// and the implementation has an identity.
async fn is_ours(session: &mut Session, subject: &Subject) -> Result<bool, InspectError> {
    let mut setup = own::selector("setup(bytes)").to_vec();
    setup.extend([[0; 31].as_slice(), &[0x20], &[0; 32]].concat());
    let [answer] = own::answers(session, subject.proxy, stranger(), [setup]).await?;
    let swallows = matches!(&answer, own::Own::Said(data) if data.is_empty());
    Ok(swallows && own::implements(session, subject, "contractId()").await?)
}

async fn identity(
    session: &mut Session,
    proxy: Address,
    found: &mut Recognized,
) -> Result<(), InspectError> {
    let answers = session
        .ask([(proxy, own::selector("contractId()").to_vec())])
        .await?;
    if let Some(id) = answers.first().and_then(|answer| answer.word()) {
        found.notes.push(format!(
            "an implementation whose contractId() is not {} is refused",
            B256::from(id)
        ));
    }
    found
        .notes
        .push("data of an upgrade is handed to setup(bytes) of the new implementation".into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, keccak256};

    #[test]
    fn the_slots_are_the_hashes_of_their_names() {
        assert_eq!(OWNER_SLOT, keccak256("owner"));
        let entry = own::mapping_slot(IMPLEMENTATION_SLOT.as_slice(), 2);
        assert_eq!(GATEWAY_SLOT, entry);
        let governance = U256::from_be_bytes(keccak256("governance").0) - U256::from(1);
        assert_eq!(GOVERNANCE, B256::from(governance));
    }
}

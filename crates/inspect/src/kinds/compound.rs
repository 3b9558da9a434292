//! Compound's proxies. Forks rename their getters and move their slots: the functions that upgrade, and
//! what executing them writes, tell the kind.

use super::{Kind, Recognized, Subject, own};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256, keccak256};
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, Receiver, UpgradePath, UpgradeStep,
    abi::{IMPLEMENTATION_SLOT, ZOS_IMPLEMENTATION_SLOT},
    inspection::Location,
};

/// The two-step `Unitroller`.
pub(super) struct Unitroller;
/// `CErc20Delegator`.
pub(super) struct Delegator;
/// `GovernorBravoDelegator`.
pub(super) struct GovernorDelegator;

/// The slot of the implementation, where it is ordinary storage.
fn slot(subject: &Subject) -> Option<B256> {
    match subject.forward.location {
        Location::Slot(slot) if ![IMPLEMENTATION_SLOT, ZOS_IMPLEMENTATION_SLOT].contains(&slot) => {
            Some(slot)
        }
        _ => None,
    }
}

#[async_trait(?Send)]
impl Kind for Unitroller {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let functions = [
            "_setPendingImplementation(address)",
            "_acceptImplementation()",
        ];
        let Some(slot) = slot(subject).filter(|_| own::dispatches(&subject.code, &functions))
        else {
            return Ok(None);
        };
        let getters = ["admin()", "pendingAdmin()"];
        let [admin, next_admin] = own::says(session, proxy, getters).await?;
        let Some(seat) = admin.seat() else {
            return Ok(None);
        };
        let mut found = Recognized::new(ProxyKind::CompoundUnitroller);
        own::note_pending(&next_admin, "admin", &mut found);
        if let Ok(Some(holder)) = seat {
            let pending = proposed(session, proxy, holder, functions[0]).await?;
            own::note_proposed(pending, &mut found);
        }
        if !own::implements(session, subject, "_become(address)").await? {
            found.notes.push(
                "today's implementation has no _become(address): it cannot be returned to".into(),
            );
        }
        let propose = UpgradeStep::new(
            Address::ZERO,
            proxy,
            functions[0],
            vec![Argument::Implementation],
        );
        let accept = UpgradeStep {
            to: Receiver::Implementation,
            ..UpgradeStep::new(
                Address::ZERO,
                proxy,
                "_become(address)",
                vec![Argument::Proxy],
            )
        };
        let path = UpgradePath::of(proxy, slot, vec![propose, accept]);
        own::sent_by(&seat, "admin", path, &mut found);
        Ok(Some(found))
    }
}

/// What stood where a proposal of `admin` is written.
async fn proposed(
    session: &mut Session,
    proxy: Address,
    admin: Address,
    function: &str,
) -> Result<Option<Address>, InspectError> {
    let marker = Address::from_word(keccak256("cutover: a proposal"));
    let mut data = own::selector(function).to_vec();
    data.extend(marker.into_word());
    let played = session.call(admin, proxy, data).await?;
    let marked = U256::from_be_bytes(marker.into_word().0);
    let before = played
        .outcomes
        .first()
        .and_then(|outcome| outcome.diff.get(&proxy))
        .and_then(|account| {
            let mut changes = account.storage.values();
            changes.find(|change| change.after == marked)
        })
        .map(|change| Address::from_word(change.before.into()));
    Ok(before.filter(|address| !address.is_zero()))
}

/// A proxy of `kind` that itself says whose code it runs and who its admin is, and that admin.
async fn delegator(
    session: &mut Session,
    subject: &Subject,
    kind: ProxyKind,
) -> Result<Option<(Recognized, own::Seat)>, InspectError> {
    let getters = ["implementation()", "admin()", "pendingAdmin()"];
    let [implementation, admin, next_admin] = own::says(session, subject.proxy, getters).await?;
    let seat = admin.seat();
    let Some(seat) = seat.filter(|_| implementation.is(subject.forward.target)) else {
        return Ok(None);
    };
    let mut found = Recognized::new(kind);
    own::note_pending(&next_admin, "admin", &mut found);
    Ok(Some((found, seat)))
}

#[async_trait(?Send)]
impl Kind for Delegator {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let function = "_setImplementation(address,bool,bytes)";
        let Some(slot) = slot(subject).filter(|_| own::dispatches(&subject.code, &[function]))
        else {
            return Ok(None);
        };
        let kind = ProxyKind::CompoundDelegator;
        let Some((mut found, seat)) = delegator(session, subject, kind).await? else {
            return Ok(None);
        };
        found.notes.push(
            "data of an upgrade is handed to _becomeImplementation(bytes) of the new implementation"
                .into(),
        );
        // First with leave for the old implementation to resign, as Compound does it.
        for resigns in ["true", "false"] {
            let arguments = vec![
                Argument::Implementation,
                Argument::Value(resigns.into()),
                Argument::Data,
            ];
            let step = UpgradeStep::new(Address::ZERO, proxy, function, arguments);
            own::sent_by(
                &seat,
                "admin",
                UpgradePath::of(proxy, slot, vec![step]),
                &mut found,
            );
            if found.paths.is_empty() {
                break;
            }
        }
        Ok(Some(found))
    }
}

#[async_trait(?Send)]
impl Kind for GovernorDelegator {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let function = "_setImplementation(address)";
        let Some(slot) = slot(subject)
            .filter(|slot| *slot == B256::with_last_byte(2))
            .filter(|_| own::dispatches(&subject.code, &[function]))
        else {
            return Ok(None);
        };
        let kind = ProxyKind::CompoundGovernorDelegator;
        let Some((mut found, seat)) = delegator(session, subject, kind).await? else {
            return Ok(None);
        };
        found
            .notes
            .push("it governs its own upgrades: a broken one cannot vote itself back".into());
        let step = UpgradeStep::new(
            Address::ZERO,
            proxy,
            function,
            vec![Argument::Implementation],
        );
        own::sent_by(
            &seat,
            "admin",
            UpgradePath::of(proxy, slot, vec![step]),
            &mut found,
        );
        Ok(Some(found))
    }
}

//! Accounts that a key delegates to a contract (EIP-7702), and relays that keep what they run in the
//! account's own storage.

use super::{Kind, Recognized, Subject, clones::behind, recognize};
use crate::{code, error::InspectError, session::Session, trace::Forward};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    ProxyKind, UpgradePath, UpgradeStep, abi::IMPLEMENTATION_SLOT, inspection::Location,
    upgrade::Argument,
};

alloy_sol_types::sol! {
    function admin() external view returns (address);
}

pub(super) struct Eip7702;

#[async_trait(?Send)]
impl Kind for Eip7702 {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(delegate) = code::delegation(&subject.code) else {
            return Ok(None);
        };
        let mut found = Recognized::new(ProxyKind::Eip7702);
        let by_key = format!(
            "no call changes it: the account's key signs a new EIP-7702 authorization, or one for \
             {delegate} to return"
        );
        match subject.forward.next.as_deref() {
            Some(next) if !next.fixed => {
                found.kind = ProxyKind::Eip7702Relay;
                relayed(session, subject, delegate, next, &mut found).await?;
            }
            _ => {
                behind(
                    session,
                    subject,
                    "the delegate stands in the account's code",
                    &mut found,
                )
                .await?;
                // The key can change that.
                found.shut = None;
            }
        }
        found.admin = Some(subject.proxy);
        found.notes.push(by_key.clone());
        found.without_call = Some(by_key);
        Ok(Some(found))
    }
}

/// What the relay runs: named in the account, else the relay's own default, which its admin may change
/// for every account that has not chosen.
async fn relayed(
    session: &mut Session,
    subject: &Subject,
    relay: Address,
    next: &Forward,
    found: &mut Recognized,
) -> Result<(), InspectError> {
    found.notes.push(format!(
        "the account is delegated to {relay}, which runs {} in it",
        next.target
    ));
    found.runs = Some(next.clone());
    if next.location.slot() == Some(IMPLEMENTATION_SLOT) {
        let inner = Subject {
            proxy: subject.proxy,
            code: session.code(relay).await?.unwrap_or_default(),
            forward: next.clone(),
            routes: None,
        };
        let inner = Box::pin(recognize(session, &inner)).await?;
        found.paths = inner.paths;
        found.unsent = inner.unsent;
        found.notes.extend(inner.notes);
        return Ok(());
    }
    if next.location != Location::Call(relay) {
        return Ok(());
    }
    found.beacon = Some(relay);
    let admin = session.ask([(relay, adminCall {}.abi_encode())]).await?;
    if let Some(admin) = admin.first().and_then(|played| played.address()) {
        let step = UpgradeStep::new(
            admin,
            relay,
            "upgrade(address)",
            vec![Argument::Implementation],
        );
        found.paths.push(UpgradePath {
            holder: relay,
            ..UpgradePath::of(subject.proxy, IMPLEMENTATION_SLOT, vec![step])
        });
    }
    Ok(())
}

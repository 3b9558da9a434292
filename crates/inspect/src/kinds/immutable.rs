//! Proxies that obey an admin in their code by OpenZeppelin's 4.x interface: hardhat-deploy's, which also
//! write it to the slot, and Aave's, which leave the slot empty and are upgraded through an addresses
//! provider that runs the new implementation's initializer each time.

use super::{Kind, Recognized, Subject, admin};
use crate::{code, error::InspectError, session::Session};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT, IProxy},
    inspection::Location,
};

/// Constants of a proxy's code that are asked whether they are the admin.
const CANDIDATES: usize = 16;

alloy_sol_types::sol! {
    interface IAddressesProvider {
        function getPool() external view returns (address);
        function getPoolConfigurator() external view returns (address);
        function getLendingPool() external view returns (address);
        function getLendingPoolConfigurator() external view returns (address);
    }
}

/// What a provider answers about `proxy`, and the function that replaces it.
const ROLES: [([u8; 4], &str); 4] = [
    (
        IAddressesProvider::getPoolCall::SELECTOR,
        "setPoolImpl(address)",
    ),
    (
        IAddressesProvider::getPoolConfiguratorCall::SELECTOR,
        "setPoolConfiguratorImpl(address)",
    ),
    (
        IAddressesProvider::getLendingPoolCall::SELECTOR,
        "setLendingPoolImpl(address)",
    ),
    (
        IAddressesProvider::getLendingPoolConfiguratorCall::SELECTOR,
        "setLendingPoolConfiguratorImpl(address)",
    ),
];

pub(super) struct ImmutableAdmin;

#[async_trait(?Send)]
impl Kind for ImmutableAdmin {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT)
            || !admin::dispatches_upgrades(&subject.code)
        {
            return Ok(None);
        }
        let Some(holder) = obeyed(session, subject).await? else {
            return Ok(None);
        };
        let in_slot = admin::address_in(session, subject.proxy, ADMIN_SLOT).await?;
        let writes_slot = code::has_word(&subject.code, ADMIN_SLOT);
        let mut found = Recognized::new(match in_slot {
            Ok(None) => ProxyKind::AaveImmutableAdmin,
            Ok(Some(_)) => ProxyKind::OptimizedTransparent,
            // Only the code can tell: Aave's does not know the slot.
            Err(_) if writes_slot => ProxyKind::OptimizedTransparent,
            Err(_) => ProxyKind::AaveImmutableAdmin,
        });
        match in_slot {
            Ok(Some(claimed)) if claimed != holder => found.conflicts.push(format!(
                "the admin slot says {claimed}, but the proxy obeys {holder}, which stands in its code"
            )),
            Err(unread) => found.notes.push(unread),
            Ok(_) => {}
        }
        if found.kind == ProxyKind::AaveImmutableAdmin {
            found.reinitializes = through_provider(session, subject, holder, &mut found).await?;
            if found.reinitializes {
                found.admin = Some(holder);
                return Ok(Some(found));
            }
        }
        let direct = (Verb::UpgradeTo, Some(Verb::UpgradeToAndCall));
        let slot = IMPLEMENTATION_SLOT;
        admin::through(session, subject, holder, slot, direct, &mut found).await?;
        Ok(Some(found))
    }
}

/// The address in the code that the proxy obeys, and whose unknown calls it keeps.
async fn obeyed(session: &mut Session, subject: &Subject) -> Result<Option<Address>, InspectError> {
    let candidates: Vec<_> = code::addresses(&subject.code)
        .into_iter()
        .take(CANDIDATES)
        .collect();
    let refused = admin::refusals(session, subject.proxy, &candidates).await?;
    for (candidate, refusal) in candidates.into_iter().zip(refused) {
        if refusal.is_some() && admin::obeys(session, subject, candidate).await? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// Adds the way through Aave's addresses provider, if the admin is one that runs this proxy.
async fn through_provider(
    session: &mut Session,
    subject: &Subject,
    provider: Address,
    found: &mut Recognized,
) -> Result<bool, InspectError> {
    let owner = IProxy::ownerCall {}.abi_encode();
    let questions = ROLES.iter().map(|(question, _)| question.to_vec());
    let questions: Vec<_> = questions
        .chain([owner])
        .map(|data| (provider, data))
        .collect();
    let answers = session.ask(questions).await?;
    let role = ROLES.iter().zip(&answers);
    let Some(((_, function), _)) = role
        .into_iter()
        .find(|(_, answer)| answer.address() == Some(subject.proxy))
    else {
        return Ok(false);
    };
    let Some(owner) = answers.last().and_then(|answer| answer.address()) else {
        found.notes.push(format!(
            "who owns the addresses provider {provider} is not known"
        ));
        return Ok(true);
    };
    let step = UpgradeStep::new(owner, provider, function, vec![Argument::Implementation]);
    found.paths.push(UpgradePath::of(
        subject.proxy,
        IMPLEMENTATION_SLOT,
        vec![step],
    ));
    found.notes.push(
        "each upgrade runs the initializer of the new implementation, which needs a higher revision \
         than any before"
            .into(),
    );
    Ok(true)
}

//! Proxies that obey one admin: whether strangers and the admin are told apart, and the way through a
//! ProxyAdmin.

use super::{Recognized, Subject};
use crate::{
    code::has_selector,
    error::{InspectError, key},
    prove::announced,
    session::{Played, Script, Session, request},
    trace::{forwarding, unknown_call},
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use cutover_types::{
    Missing, UpgradePath, Verb,
    abi::{IProxy, IProxyAdmin},
};

alloy_sol_types::sol! {
    function proxyType(address proxy) external view returns (uint8);
}

/// What `proxy` does with an unknown call from each of `senders`: `Some(revert data)` when it refuses
/// it itself, `None` when it forwards it or accepts it.
pub(super) async fn refusals(
    session: &mut Session,
    proxy: Address,
    senders: &[Address],
) -> Result<Vec<Option<Vec<u8>>>, InspectError> {
    let data = unknown_call(proxy);
    let scripts: Vec<_> = senders
        .iter()
        .map(|sender| Script {
            steps: vec![request(*sender, proxy, data.clone())],
            ..Script::default()
        })
        .collect();
    let played = session.play_all(&scripts).await?;
    let refusal = |played: &Played| {
        let outcome = played.outcomes.first()?;
        (!outcome.status.is_success() && forwarding(&outcome.calls, proxy, &data).is_none())
            .then(|| outcome.output.to_vec())
    };
    Ok(played.iter().map(refusal).collect())
}

/// Whether the proxy itself answers its admin's `upgradeTo` as OpenZeppelin's do. Other kinds keep their
/// admin in the same slot and are upgraded in another way.
pub(super) async fn obeys(
    session: &mut Session,
    subject: &Subject,
    admin: Address,
) -> Result<bool, InspectError> {
    let proxy = subject.proxy;
    let implementation = subject.forward.target;
    let data = IProxy::upgradeToCall {
        newImplementation: implementation,
    };
    let played = session.call(admin, proxy, data.abi_encode()).await?;
    let payer = Missing::Account { address: admin };
    if played.guesses().any(|missing| missing != payer) {
        return Ok(dispatches_upgrades(&subject.code));
    }
    let outcome = played.outcomes.first();
    Ok(outcome.is_some_and(|outcome| {
        outcome.status.is_success() && announced(outcome, proxy, implementation)
    }))
}

/// Whether the code compares calldata with `upgradeTo` and `upgradeToAndCall`.
pub(super) fn dispatches_upgrades(code: &[u8]) -> bool {
    has_selector(code, IProxy::upgradeToCall::SELECTOR)
        && has_selector(code, IProxy::upgradeToAndCallCall::SELECTOR)
}

/// An address in a slot; `None` when it is empty, an error text when the node refuses it.
pub(super) async fn address_in(
    session: &mut Session,
    holder: Address,
    slot: B256,
) -> Result<Result<Option<Address>, String>, InspectError> {
    Ok(match session.slot(holder, slot).await? {
        None => Err(format!(
            "the node does not give {}",
            key(&Missing::Slot {
                address: holder,
                slot
            })
        )),
        Some(value) => Ok((value != U256::ZERO).then(|| Address::from_word(B256::from(value)))),
    })
}

/// Adds the ways to upgrade a proxy that obeys `admin`: through the ProxyAdmin it is, or by a call
/// from itself with the verbs of `direct`.
pub(super) async fn through(
    session: &mut Session,
    subject: &Subject,
    admin: Address,
    slot: B256,
    direct: (Verb, Option<Verb>),
    into: &mut Recognized,
) -> Result<(), InspectError> {
    let proxy = subject.proxy;
    if !through_contract(session, proxy, admin, (proxy, slot), into).await? {
        into.paths.push(UpgradePath {
            from: admin,
            ..UpgradePath::one_call(proxy, slot, direct.0, direct.1)
        });
    }
    Ok(())
}

/// Adds the way through the contract that `admin` is, for an implementation in the slot `place`; `true`
/// when that is a ProxyAdmin, which makes no other call.
pub(super) async fn through_contract(
    session: &mut Session,
    proxy: Address,
    admin: Address,
    place: (Address, B256),
    into: &mut Recognized,
) -> Result<bool, InspectError> {
    into.admin = Some(admin);
    if session.code(admin).await?.is_none() {
        into.notes.push(format!(
            "the node does not give {}: whether it is a ProxyAdmin is not known",
            key(&Missing::Account { address: admin })
        ));
    }
    let questions = [
        IProxy::ownerCall {}.abi_encode(),
        IProxy::UPGRADE_INTERFACE_VERSIONCall {}.abi_encode(),
        IProxyAdmin::getProxyAdminCall { proxy }.abi_encode(),
        // Optimism's: told the wrong kind of the proxy, it does not find itself its admin.
        proxyTypeCall { proxy }.abi_encode(),
    ];
    let answers = session.ask(questions.map(|data| (admin, data))).await?;
    let [owner, version, administers, proxy_type] = answers.as_slice() else {
        return Ok(false);
    };
    let newest = version
        .returns::<IProxy::UPGRADE_INTERFACE_VERSIONCall>()
        .as_deref()
        == Some("5.0.0");
    let is_proxy_admin =
        newest || administers.address() == Some(admin) || proxy_type.word().is_some();
    let verb = if newest {
        Verb::AdminUpgradeAndCall
    } else {
        Verb::AdminUpgrade
    };
    let path = UpgradePath {
        from: owner.address().unwrap_or_default(),
        to: admin,
        holder: place.0,
        ..UpgradePath::one_call(proxy, place.1, verb, Some(Verb::AdminUpgradeAndCall))
    };
    if !path.from.is_zero() {
        into.paths.push(path);
    } else if is_proxy_admin {
        match owner.guesses().next() {
            Some(missing) => {
                let why = format!(
                    "who owns the ProxyAdmin {admin} is not known: the node does not give {}",
                    key(&missing)
                );
                into.notes.push(why.clone());
                into.unsent = Some((path, why));
            }
            None => into
                .notes
                .push(format!("nobody owns the ProxyAdmin {admin}")),
        }
    }
    Ok(is_proxy_admin)
}

//! Aragon's proxies: apps whose implementation the kernel answers, pinned apps, and the kernel itself.

use super::{Kind, Recognized, Subject};
use crate::{
    authority,
    error::InspectError,
    session::{Played, Session},
    trace::slot_holding,
};
use alloy_primitives::{Address, B256, U256, b256};
use alloy_sol_types::{SolCall, SolEvent};
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep, inspection::Location};
use serde_json::{Value, json};

/// `keccak256("aragonOS.appStorage.pinnedCode")`.
const PINNED: B256 = b256!("dee64df20d65e53d7f51cb6ab6d921a0a6a638a91e942e1d8d02df28e31c038e");
/// `keccak256("base")`: the namespace of the apps' implementations.
const APP_BASES: B256 = b256!("f1f3eb40f5bc1ad1344716ced8b8a0431d840b5783aea1fd01786bc26f35ac0f");
/// `keccak256("core")`: the namespace of the kernel's own.
const CORE: B256 = b256!("c681a85306374a5ab27f0bbc385296a54bcd314a1948b6cf61c4ea1bc44bb9f8");
/// The kernel's id in it.
const KERNEL: B256 = b256!("3b4bf6bf3ad5000ecf0f989d5befde585c6860fea3e574a4fab4c49d1c177d9c");
/// `keccak256("APP_MANAGER_ROLE")`.
const ROLE: B256 = b256!("b6d92708f3d4817afc106147d969e229ced5c46e65e0a5002a0d391287762bd0");
/// Role holders that are tried at most.
const LIMIT: usize = 16;

alloy_sol_types::sol! {
    interface IKernel {
        function getApp(bytes32 namespace, bytes32 appId) external view returns (address);
        function acl() external view returns (address);
        function hasPermission(address who, address where, bytes32 what, bytes how) external view returns (bool);
        function proxyType() external view returns (uint256);
        function kernel() external view returns (address);
    }
    event SetPermission(address indexed entity, address indexed app, bytes32 indexed role, bool allowed);
}

/// `AppProxyUpgradeable`: all proxies of one app move together.
pub(super) struct AragonApp;

#[async_trait(?Send)]
impl Kind for AragonApp {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let (Location::Call(kernel), Some(question)) =
            (&subject.forward.location, &subject.forward.question)
        else {
            return Ok(None);
        };
        let kernel = *kernel;
        let Ok(asked) = IKernel::getAppCall::abi_decode(question) else {
            return Ok(None);
        };
        if asked.namespace != APP_BASES {
            return Ok(None);
        }
        let answers = session.ask([(kernel, question.to_vec())]).await?;
        let slot = answers
            .first()
            .and_then(|played| slot_holding(&played.reads, kernel, subject.forward.target));
        let mut found = Recognized::new(ProxyKind::AragonApp);
        found.admin = Some(kernel);
        found.notes.push(format!(
            "every proxy of the app {} in the kernel {kernel} moves with it",
            asked.appId
        ));
        let Some(slot) = slot else {
            found.notes.push(format!(
                "where the kernel {kernel} keeps the implementation is not known"
            ));
            return Ok(Some(found));
        };
        set_app(session, subject, kernel, (asked, slot), &mut found).await?;
        Ok(Some(found))
    }
}

/// `AppProxyPinned`: the implementation it was made with, for ever.
pub(super) struct AragonPinned;

#[async_trait(?Send)]
impl Kind for AragonPinned {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(PINNED) {
            return Ok(None);
        }
        let question = IKernel::proxyTypeCall {}.abi_encode();
        let answers = session.ask([(subject.proxy, question)]).await?;
        if answers.first().and_then(Played::word) != Some(U256::from(1)) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::AragonAppPinned);
        found.shut = Some("it is pinned to its implementation: nobody can upgrade it".into());
        Ok(Some(found))
    }
}

/// `KernelProxy`: upgraded by the kernel it runs.
pub(super) struct AragonKernel;

#[async_trait(?Send)]
impl Kind for AragonKernel {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Location::Slot(slot) = subject.forward.location else {
            return Ok(None);
        };
        let proxy = subject.proxy;
        let own = IKernel::getAppCall {
            namespace: CORE,
            appId: KERNEL,
        };
        let questions = [
            own.abi_encode(),
            IKernel::proxyTypeCall {}.abi_encode(),
            IKernel::aclCall {}.abi_encode(),
        ];
        let answers = session.ask(questions.map(|data| (proxy, data))).await?;
        let [runs, form, _] = answers.as_slice() else {
            return Ok(None);
        };
        if runs.address() != Some(subject.forward.target)
            || slot_holding(&runs.reads, proxy, subject.forward.target) != Some(slot)
            || form.word() != Some(U256::from(2))
        {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::AragonKernel);
        found.notes.push(
            "the kernel decides over its own upgrades: a broken one cannot be replaced".into(),
        );
        set_app(session, subject, proxy, (own, slot), &mut found).await?;
        Ok(Some(found))
    }
}

/// Adds the way through `kernel.setApp`, from everyone who may.
async fn set_app(
    session: &mut Session,
    subject: &Subject,
    kernel: Address,
    (app, slot): (IKernel::getAppCall, B256),
    found: &mut Recognized,
) -> Result<(), InspectError> {
    let step = UpgradeStep::new(
        Address::ZERO,
        kernel,
        "setApp(bytes32,bytes32,address)",
        vec![
            Argument::Value(app.namespace.to_string()),
            Argument::Value(app.appId.to_string()),
            Argument::Implementation,
        ],
    );
    let path = UpgradePath::of(subject.proxy, slot, vec![step]).held_by(kernel);
    let holders = holders(session, kernel).await?;
    if holders.is_empty() {
        return authority::paths(session, path, subject.forward.target, found).await;
    }
    let paths = holders
        .into_iter()
        .map(|holder| path.clone().sent_by(holder));
    found.paths.extend(paths);
    Ok(())
}

/// Who was given the role to change apps, from the events of the access control list, as far as the
/// kernel confirms it; the newest first.
async fn holders(session: &mut Session, kernel: Address) -> Result<Vec<Address>, InspectError> {
    let question = IKernel::aclCall {}.abi_encode();
    let answers = session.ask([(kernel, question)]).await?;
    let Some(acl) = answers.first().and_then(Played::address) else {
        return Ok(Vec::new());
    };
    let filter = json!([{
        "address": acl,
        "fromBlock": "0x0",
        "toBlock": format!("{:#x}", session.block.number),
        "topics": [SetPermission::SIGNATURE_HASH, null, kernel.into_word(), ROLE],
    }]);
    let logs: Vec<Value> = match session.logs(filter).await {
        Ok(logs) => logs,
        Err(error) => {
            tracing::debug!(%error, "who has the role is not known");
            return Ok(Vec::new());
        }
    };
    let mut named = Vec::new();
    for log in logs.iter().rev() {
        let entity = log["topics"][1].as_str().and_then(|t| t.parse().ok());
        if let Some(entity) = entity.map(Address::from_word)
            && named.len() < LIMIT
            && !named.contains(&entity)
        {
            named.push(entity);
        }
    }
    let questions: Vec<_> = named
        .iter()
        .map(|who| IKernel::hasPermissionCall {
            who: *who,
            r#where: kernel,
            what: ROLE,
            how: Default::default(),
        })
        .map(|question| (kernel, question.abi_encode()))
        .collect();
    let answers = session.ask(questions).await?;
    let confirmed = named
        .into_iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.word() == Some(U256::from(1)))
        .map(|(who, _)| who);
    Ok(confirmed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn the_constants_are_the_hashes_of_their_names() {
        assert_eq!(PINNED, keccak256("aragonOS.appStorage.pinnedCode"));
        assert_eq!(APP_BASES, keccak256("base"));
        assert_eq!(CORE, keccak256("core"));
        assert_eq!(ROLE, keccak256("APP_MANAGER_ROLE"));
    }
}

//! Proxies with an owner of their own and setters that no other kind shares: OpenSea's, POA's eternal
//! storage and Decentraland's.

use super::{Kind, Recognized, Subject};
use crate::{authority, code::has_selector, error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb, abi::IProxy, inspection::Location,
};

alloy_sol_types::sol! {
    interface IOwned {
        function proxyType() external view returns (uint256);
        function proxyOwner() external view returns (address);
        function upgradeabilityOwner() external view returns (address);
        function version() external view returns (uint256);
        function currentContract() external view returns (address);
        function implementation() external view returns (address);
    }

    interface IEternal {
        function upgradeTo(uint256 version, address implementation) external;
    }

    interface IDecentraland {
        function upgrade(address newContract, bytes data) external;
    }
}

/// The slot the implementation stands in, whole.
fn slot(subject: &Subject) -> Option<B256> {
    match subject.forward.location {
        Location::Slot(slot) => Some(slot),
        _ => None,
    }
}

async fn owner(
    session: &mut Session,
    proxy: Address,
    questions: [Vec<u8>; 2],
) -> Result<(Option<Address>, Option<U256>), InspectError> {
    let answers = session.ask(questions.map(|data| (proxy, data))).await?;
    let [owner, other] = answers.as_slice() else {
        return Ok((None, None));
    };
    Ok((owner.address(), other.word()))
}

/// OpenSea's `OwnableDelegateProxy`: the implementation in slot 0, each user's own owner in slot 1.
pub(super) struct OpenSea;

#[async_trait(?Send)]
impl Kind for OpenSea {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let first = slot(subject) == Some(B256::ZERO);
        if !first || !has_selector(&subject.code, IProxy::upgradeToCall::SELECTOR) {
            return Ok(None);
        }
        let questions = [
            IOwned::upgradeabilityOwnerCall {}.abi_encode(),
            IOwned::proxyTypeCall {}.abi_encode(),
        ];
        let (holder, form) = owner(session, subject.proxy, questions).await?;
        let Some(holder) = holder.filter(|_| form == Some(U256::from(2))) else {
            return Ok(None);
        };
        let second = session.slot(subject.proxy, B256::with_last_byte(1)).await?;
        if second != Some(U256::from_be_bytes(holder.into_word().0)) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::OpenSeaOwned);
        found.admin = Some(holder);
        found.paths.push(UpgradePath {
            proxy: subject.proxy,
            verb: Verb::UpgradeTo,
            verb_with_data: Some(Verb::UpgradeToAndCall),
            from: holder,
            to: subject.proxy,
            holder: subject.proxy,
            slot: B256::ZERO,
            steps: Vec::new(),
            steps_with_data: Vec::new(),
            steps_back: Vec::new(),
            steps_again: Vec::new(),
        });
        Ok(Some(found))
    }
}

/// POA's eternal storage proxy: each upgrade needs a higher version number than the one before, the
/// way back too.
pub(super) struct EternalStorage;

#[async_trait(?Send)]
impl Kind for EternalStorage {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(slot) = slot(subject) else {
            return Ok(None);
        };
        if !has_selector(&subject.code, IEternal::upgradeToCall::SELECTOR) {
            return Ok(None);
        }
        let proxy = subject.proxy;
        let questions = [
            IOwned::upgradeabilityOwnerCall {}.abi_encode(),
            IOwned::versionCall {}.abi_encode(),
        ];
        let (holder, Some(version)) = owner(session, proxy, questions).await? else {
            return Ok(None);
        };
        let mut found = Recognized::new(ProxyKind::EternalStorage);
        found.admin = holder;
        let Some(holder) = holder else {
            found.shut = Some("it has no owner: nobody can upgrade it".into());
            return Ok(Some(found));
        };
        let step = |after: u64, function: &str, data: Option<Argument>| {
            let number = version.checked_add(U256::from(after))?;
            let mut arguments = vec![
                Argument::Value(number.to_string()),
                Argument::Implementation,
            ];
            arguments.extend(data);
            Some(vec![UpgradeStep::new(holder, proxy, function, arguments)])
        };
        let plain = "upgradeTo(uint256,address)";
        let with_data = "upgradeToAndCall(uint256,address,bytes)";
        let (Some(there), Some(data), Some(back), Some(again)) = (
            step(1, plain, None),
            step(1, with_data, Some(Argument::Data)),
            step(2, plain, None),
            step(3, plain, None),
        ) else {
            found.shut = Some(format!(
                "its version is {version}: no upgrade can have a higher one that leaves a way back"
            ));
            return Ok(Some(found));
        };
        let mut path = UpgradePath::of(proxy, slot, there);
        path.verb_with_data = Some(Verb::Steps);
        path.steps_with_data = data;
        path.steps_back = back;
        path.steps_again = again;
        found.notes.push(format!(
            "it has version {version}, and each upgrade needs a higher one: the way back too"
        ));
        found.paths.push(path);
        Ok(Some(found))
    }
}

/// Decentraland's `Proxy`: the upgrade always runs `initialize(bytes)`.
pub(super) struct Decentraland;

#[async_trait(?Send)]
impl Kind for Decentraland {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(slot) = slot(subject) else {
            return Ok(None);
        };
        if !has_selector(&subject.code, IDecentraland::upgradeCall::SELECTOR) {
            return Ok(None);
        }
        let proxy = subject.proxy;
        let questions = [
            IOwned::proxyOwnerCall {}.abi_encode(),
            IOwned::currentContractCall {}.abi_encode(),
        ];
        let (holder, current) = owner(session, proxy, questions).await?;
        let implementation = subject.forward.target;
        if current != Some(U256::from_be_bytes(implementation.into_word().0)) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::DecentralandStorage);
        found.admin = holder;
        found
            .notes
            .push("an upgrade runs initialize(bytes) of the new implementation".into());
        let step = UpgradeStep::new(
            holder.unwrap_or_default(),
            proxy,
            "upgrade(address,bytes)",
            vec![Argument::Implementation, Argument::Data],
        );
        let path = UpgradePath::of(proxy, slot, vec![step]);
        match holder {
            Some(_) => found.paths.push(path),
            None => authority::paths(session, path, implementation, &mut found).await?,
        }
        Ok(Some(found))
    }
}

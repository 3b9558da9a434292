//! ERC-7936 (draft): several versions at once, one of them the default.

use super::{Kind, Recognized, Subject};
use crate::{authority, code::has_selector, error::InspectError, session::Session};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep};

alloy_sol_types::sol! {
    interface IVersioned {
        function registerVersion(bytes32 version, address implementation) external;
        function setDefaultVersion(bytes32 version) external;
        function getDefaultVersion() external view returns (bytes32);
        function getImplementation(bytes32 version) external view returns (address);
    }
}

pub(super) struct Versioned;

#[async_trait(?Send)]
impl Kind for Versioned {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(slot) = subject.forward.location.slot() else {
            return Ok(None);
        };
        let needed = [
            IVersioned::registerVersionCall::SELECTOR,
            IVersioned::setDefaultVersionCall::SELECTOR,
        ];
        if !needed
            .iter()
            .all(|selector| has_selector(&subject.code, *selector))
        {
            return Ok(None);
        }
        let proxy = subject.proxy;
        let question = IVersioned::getDefaultVersionCall {}.abi_encode();
        let answers = session.ask([(proxy, question)]).await?;
        let Some(version) = answers
            .first()
            .and_then(|answer| answer.returns::<IVersioned::getDefaultVersionCall>())
        else {
            return Ok(None);
        };
        let question = IVersioned::getImplementationCall { version }.abi_encode();
        let answers = session.ask([(proxy, question)]).await?;
        let implementation = subject.forward.target;
        if answers.first().and_then(|answer| answer.address()) != Some(implementation) {
            return Ok(None);
        }
        let step =
            |function, arguments| UpgradeStep::new(Address::ZERO, proxy, function, arguments);
        // A version is named after its implementation: a name nobody else gives.
        let steps = vec![
            step(
                "registerVersion(bytes32,address)",
                vec![Argument::Implementation, Argument::Implementation],
            ),
            step("setDefaultVersion(bytes32)", vec![Argument::Implementation]),
        ];
        let again = steps[1..].to_vec();
        let mut path = UpgradePath::of(proxy, slot, steps);
        path.steps_again = again;
        path.steps_back = vec![step(
            "setDefaultVersion(bytes32)",
            vec![Argument::Value(version.to_string())],
        )];
        let mut found = Recognized::new(ProxyKind::Erc7936);
        found.notes.push(format!(
            "{version} is the default of several versions: former ones stay callable, and one that is \
             registered already needs setDefaultVersion only"
        ));
        authority::paths(session, path, implementation, &mut found).await?;
        found.admin = found.paths.first().map(|path| path.from);
        Ok(Some(found))
    }
}

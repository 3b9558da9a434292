//! EIP-1822, the first UUPS: the standard names the slot and the question both implementations must
//! answer, but not the function that upgrades.

use super::{Kind, Recognized, Subject};
use crate::{authority, code::has_selector, error::InspectError, session::Session};
use alloy_primitives::{B256, U256, b256, keccak256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, abi::IProxy, inspection::Location,
};

/// `PROXIABLE`, hashed.
const PROXIABLE: B256 = b256!("c5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7");
/// What the standard's example and its users call it.
const FUNCTIONS: [&str; 4] = [
    "updateCode(address)",
    "updateCodeAddress(address)",
    "upgradeTo(address)",
    "upgrade(address)",
];

pub(super) struct Eip1822;

#[async_trait(?Send)]
impl Kind for Eip1822 {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        if subject.forward.location != Location::Slot(PROXIABLE) {
            return Ok(None);
        }
        let implementation = subject.forward.target;
        let question = IProxy::proxiableUUIDCall {}.abi_encode();
        let answers = session.ask([(implementation, question)]).await?;
        let answer = answers.first().and_then(|played| played.word());
        if answer != Some(U256::from_be_bytes(PROXIABLE.0)) {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::Eip1822);
        let code = session.code(implementation).await?.unwrap_or_default();
        let known = FUNCTIONS.into_iter().find(|function| {
            let hash = keccak256(function);
            has_selector(&code, [hash[0], hash[1], hash[2], hash[3]])
        });
        let Some(function) = known else {
            found
                .notes
                .push("the function of the implementation that upgrades is not known".into());
            return Ok(Some(found));
        };
        let step = UpgradeStep::new(
            Default::default(),
            subject.proxy,
            function,
            vec![Argument::Implementation],
        );
        let path = UpgradePath::of(subject.proxy, PROXIABLE, vec![step]);
        authority::paths(session, path, implementation, &mut found).await?;
        Ok(Some(found))
    }
}

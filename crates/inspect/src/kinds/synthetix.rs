//! Synthetix' `Proxy`: it calls its target instead of running its code, unless told to, so the state is
//! the target's.

use super::{Kind, Recognized, Subject};
use crate::{authority, code::has_selector, error::InspectError, session::Session};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{Argument, CallKind, ProxyKind, UpgradePath, UpgradeStep, abi::IProxy};

alloy_sol_types::sol! {
    interface ISynthetixProxy {
        function target() external view returns (address);
        function nominatedOwner() external view returns (address);
        function setTarget(address target) external;
    }
}

pub(super) struct SynthetixProxy;

#[async_trait(?Send)]
impl Kind for SynthetixProxy {
    fn forwards_by(&self, kind: Option<CallKind>) -> bool {
        matches!(kind, Some(CallKind::Call | CallKind::DelegateCall))
    }

    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(slot) = subject.forward.location.slot() else {
            return Ok(None);
        };
        if !has_selector(&subject.code, ISynthetixProxy::setTargetCall::SELECTOR) {
            return Ok(None);
        }
        let questions = [
            ISynthetixProxy::targetCall {}.abi_encode(),
            ISynthetixProxy::nominatedOwnerCall {}.abi_encode(),
            IProxy::ownerCall {}.abi_encode(),
        ];
        let proxy = subject.proxy;
        let answers = session.ask(questions.map(|data| (proxy, data))).await?;
        let [target, nominated, owner] = answers.as_slice() else {
            return Ok(None);
        };
        let implementation = subject.forward.target;
        if target.address() != Some(implementation) || nominated.word().is_none() {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::SynthetixCallProxy);
        found.admin = owner.address();
        if let Some(next) = nominated.address() {
            found
                .notes
                .push(format!("{next} is nominated: it can take the ownership"));
        }
        if subject.forward.kind == Some(CallKind::Call) {
            found.notes.push(
                "a state contract of its own, if the target has one, must be handed to the new target \
                 as well (associatedContract)"
                    .into(),
            );
        }
        let step = UpgradeStep::new(
            Address::ZERO,
            proxy,
            "setTarget(address)",
            vec![Argument::Implementation],
        );
        let path = UpgradePath::of(proxy, slot, vec![step]);
        authority::paths(session, path, implementation, &mut found).await?;
        Ok(Some(found))
    }
}

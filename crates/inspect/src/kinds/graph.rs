//! The Graph's `GraphProxy`: the admin proposes an implementation, which then accepts.

use super::{Kind, Recognized, Subject, admin, own};
use crate::{
    error::{InspectError, key},
    session::Session,
};
use alloy_primitives::{Address, B256, b256};
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, Receiver, UpgradePath, UpgradeStep, Verb,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    inspection::Location,
};

/// `keccak256("eip1967.proxy.pendingImplementation") - 1`.
const PENDING_SLOT: B256 =
    b256!("9e5eddc59e0b171f57125ab86bee043d9128098c3a6b9adb4f2e86333c2f6f8c");

pub(super) struct Graph;

#[async_trait(?Send)]
impl Kind for Graph {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let proxy = subject.proxy;
        let functions = [
            "upgradeTo(address)",
            "acceptUpgrade()",
            "acceptUpgradeAndCall(bytes)",
            "pendingImplementation()",
        ];
        if subject.forward.location != Location::Slot(IMPLEMENTATION_SLOT)
            || !own::dispatches(&subject.code, &functions)
        {
            return Ok(None);
        }
        // The forwarding itself reads the admin, so it is known here.
        let seat = admin::address_in(session, proxy, ADMIN_SLOT).await?;
        let Ok(Some(holder)) = seat else {
            return Ok(None);
        };
        let getters = ["admin()", "implementation()", "pendingImplementation()"];
        let [says_admin, says_implementation, says_pending] =
            own::says_to(session, proxy, holder, getters).await?;
        if !says_admin.is(holder)
            || !says_implementation.is(subject.forward.target)
            || says_pending.seat().is_none()
        {
            return Ok(None);
        }
        let mut found = Recognized::new(ProxyKind::GraphProxy);
        match admin::address_in(session, proxy, PENDING_SLOT).await? {
            Ok(pending) => own::note_proposed(pending, &mut found),
            Err(unread) => found.notes.push(unread),
        }
        found
            .notes
            .push("an implementation without acceptProxy(address) can never be installed".into());
        let answers = session
            .ask(["governor()", "pendingGovernor()"].map(|f| (holder, own::selector(f).to_vec())))
            .await?;
        let governor = answers.first().map(|answer| match answer.guesses().next() {
            Some(missing) => Err(format!("the node does not give {}", key(&missing))),
            None => Ok(answer.address()),
        });
        match governor {
            Some(governor @ (Ok(Some(_)) | Err(_))) => {
                let path = through_admin(proxy, holder);
                own::sent_by(&governor, "governor", path, &mut found);
                if let Some(next) = answers.get(1).and_then(|answer| answer.address()) {
                    found.notes.push(format!(
                        "{next} is the pending governor: it can take over by accepting"
                    ));
                }
                found.admin = Some(holder);
            }
            _ => own::sent_by(&seat, "admin", directly(proxy), &mut found),
        }
        Ok(Some(found))
    }
}

/// By the governor of a `GraphProxyAdmin`.
fn through_admin(proxy: Address, admin: Address) -> UpgradePath {
    let step = |function, arguments| UpgradeStep::new(Address::ZERO, admin, function, arguments);
    let propose = step(
        "upgrade(address,address)",
        vec![Argument::Proxy, Argument::Implementation],
    );
    let accept = step(
        "acceptProxy(address,address)",
        vec![Argument::Implementation, Argument::Proxy],
    );
    let accept_and_call = step(
        "acceptProxyAndCall(address,address,bytes)",
        vec![Argument::Implementation, Argument::Proxy, Argument::Data],
    );
    two_forms(proxy, propose, accept, accept_and_call)
}

/// By an admin that makes the calls itself.
fn directly(proxy: Address) -> UpgradePath {
    let propose = UpgradeStep::new(
        Address::ZERO,
        proxy,
        "upgradeTo(address)",
        vec![Argument::Implementation],
    );
    let accept = |function, arguments| UpgradeStep {
        to: Receiver::Implementation,
        ..UpgradeStep::new(Address::ZERO, proxy, function, arguments)
    };
    two_forms(
        proxy,
        propose,
        accept("acceptProxy(address)", vec![Argument::Proxy]),
        accept(
            "acceptProxyAndCall(address,bytes)",
            vec![Argument::Proxy, Argument::Data],
        ),
    )
}

fn two_forms(
    proxy: Address,
    propose: UpgradeStep,
    accept: UpgradeStep,
    accept_and_call: UpgradeStep,
) -> UpgradePath {
    let mut path = UpgradePath::of(proxy, IMPLEMENTATION_SLOT, vec![propose.clone(), accept]);
    path.verb_with_data = Some(Verb::Steps);
    path.steps_with_data = vec![propose, accept_and_call];
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, keccak256};

    #[test]
    fn the_slot_is_the_hash_of_its_name() {
        let hash = keccak256("eip1967.proxy.pendingImplementation");
        let minus_one = U256::from_be_bytes(hash.0) - U256::from(1);
        assert_eq!(PENDING_SLOT, B256::from(minus_one));
    }
}

//! Proxies with one implementation for each selector that are no diamonds: 0x's, ERC-1538's and
//! ERC-7546's. What is upgraded is one implementation, for all of its selectors.

use super::{Kind, Recognized, Subject};
use crate::{authority, error::InspectError, routes::Table, session::Session, trace::slot_holding};
use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{Argument, ProxyKind, UpgradePath, UpgradeStep, diamond::Selector};

/// Calls in one upgrade at most.
const CALLS: usize = 64;

alloy_sol_types::sol! {
    interface IHistory {
        function getRollbackLength(bytes4 selector) external view returns (uint256);
    }
    interface IDictionary {
        function getImplementation(bytes4 selector) external view returns (address);
    }
}

/// One call for each selector.
fn each(
    selectors: &[Selector],
    to: Address,
    function: &str,
    implementation: &Argument,
) -> Option<Vec<UpgradeStep>> {
    let step = |selector: &Selector| {
        let arguments = vec![
            Argument::Value(selector.to_string()),
            implementation.clone(),
        ];
        UpgradeStep::new(Address::ZERO, to, function, arguments)
    };
    (selectors.len() <= CALLS).then(|| selectors.iter().map(step).collect())
}

fn too_many(found: &mut Recognized, selectors: usize) {
    found.notes.push(format!(
        "it has {selectors} selectors: more calls than one upgrade should take"
    ));
}

/// 0x's proxy remembers what each selector ran before.
pub(super) struct ZeroEx;

#[async_trait(?Send)]
impl Kind for ZeroEx {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(routes) = subject.routes.as_ref() else {
            return Ok(None);
        };
        let (Table::ZeroEx, Some(slot)) = (&routes.table, subject.forward.location.slot()) else {
            return Ok(None);
        };
        let (proxy, implementation) = (subject.proxy, subject.forward.target);
        let mut found = Recognized::new(ProxyKind::ZeroEx);
        found.told(subject, routes);
        let selectors = routes.selectors(implementation);
        let current = Argument::Value(implementation.to_string());
        let (Some(there), Some(back)) = (
            each(
                selectors,
                proxy,
                "extend(bytes4,address)",
                &Argument::Implementation,
            ),
            each(selectors, proxy, "rollback(bytes4,address)", &current),
        ) else {
            too_many(&mut found, selectors.len());
            return Ok(Some(found));
        };
        let mut path = UpgradePath::of(proxy, slot, there);
        path.steps_back = back;
        if let Some(selector) = selectors.first() {
            let question = IHistory::getRollbackLengthCall {
                selector: *selector,
            };
            let answers = session.ask([(proxy, question.abi_encode())]).await?;
            if let Some(length) = answers.first().and_then(|answer| answer.word()) {
                found.notes.push(format!(
                    "its own history holds {length} former implementations of {selector}: \
                     rollback(bytes4,address) returns to any of them"
                ));
            }
        }
        authority::paths(session, path, implementation, &mut found).await?;
        found.admin = found.paths.first().map(|path| path.from);
        Ok(Some(found))
    }
}

/// ERC-1538 names functions by their signatures.
pub(super) struct Erc1538;

#[async_trait(?Send)]
impl Kind for Erc1538 {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(routes) = subject.routes.as_ref() else {
            return Ok(None);
        };
        let (Table::Erc1538(said), Some(slot)) = (&routes.table, subject.forward.location.slot())
        else {
            return Ok(None);
        };
        let (proxy, implementation) = (subject.proxy, subject.forward.target);
        let mut found = Recognized::new(ProxyKind::Erc1538);
        found.told(subject, routes);
        let Some((_, signatures)) = said
            .iter()
            .find(|(delegate, _)| *delegate == implementation)
        else {
            return Ok(Some(found));
        };
        let step = UpgradeStep::new(
            Address::ZERO,
            proxy,
            "updateContract(address,string,string)",
            vec![
                Argument::Implementation,
                Argument::Value(signatures.clone()),
                Argument::Value(String::new()),
            ],
        );
        let path = UpgradePath::of(proxy, slot, vec![step]);
        authority::paths(session, path, implementation, &mut found).await?;
        found.admin = found.paths.first().map(|path| path.from);
        Ok(Some(found))
    }
}

/// ERC-7546: every proxy of one dictionary moves with it.
pub(super) struct Erc7546;

#[async_trait(?Send)]
impl Kind for Erc7546 {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some(routes) = subject.routes.as_ref() else {
            return Ok(None);
        };
        let Table::Dictionary(dictionary) = routes.table else {
            return Ok(None);
        };
        let implementation = subject.forward.target;
        let mut found = Recognized::new(ProxyKind::Erc7546);
        found.told(subject, routes);
        found.beacon = Some(dictionary);
        found.notes.push(format!(
            "every proxy of the dictionary {dictionary} moves with it"
        ));
        let selectors = routes.selectors(implementation);
        let Some(first) = selectors.first() else {
            return Ok(Some(found));
        };
        let question = IDictionary::getImplementationCall { selector: *first };
        let answers = session.ask([(dictionary, question.abi_encode())]).await?;
        let slot = answers
            .first()
            .and_then(|answer| slot_holding(&answer.reads, dictionary, implementation));
        let Some(slot) = slot else {
            found.notes.push(format!(
                "where the dictionary {dictionary} keeps its implementations is not known"
            ));
            return Ok(Some(found));
        };
        let function = "setImplementation(bytes4,address)";
        let Some(steps) = each(selectors, dictionary, function, &Argument::Implementation) else {
            too_many(&mut found, selectors.len());
            return Ok(Some(found));
        };
        let path = UpgradePath::of(subject.proxy, slot, steps).held_by(dictionary);
        authority::paths(session, path, implementation, &mut found).await?;
        Ok(Some(found))
    }
}

//! Diamonds (EIP-2535). What is upgraded is one facet: the report shows the cut that puts another
//! contract in its place, for all of its selectors.

use super::{Kind, Recognized, Subject};
use crate::{
    authority,
    code::has_selector,
    error::InspectError,
    routes::{Routes, Table},
    session::{Played, Session, stranger},
    watch::Read,
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb,
    abi::IProxy,
    diamond::{self, Action, FacetCut, ZKSYNC},
};

/// EIP-2535's function.
const CUT: &str = "diamondCut((address,uint8,bytes4[])[],address,bytes)";
/// Venus' function.
const BARE_CUT: &str = "diamondCut((address,uint8,bytes4[])[])";

alloy_sol_types::sol! {
    struct Cut { address facet; uint8 action; bytes4[] selectors; }
    interface IStandard {
        function diamondCut(Cut[] cut, address init, bytes data) external;
    }
    interface IVenus {
        function diamondCut(Cut[] cut) external;
        function admin() external view returns (address);
    }
    interface IZkSync {
        function getAdmin() external view returns (address);
    }
}

pub(super) struct Diamond;

#[async_trait(?Send)]
impl Kind for Diamond {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Some((routes, Table::Diamond(base))) = subject.routes.as_ref().map(|r| (r, &r.table))
        else {
            return Ok(None);
        };
        if *base == Some(ZKSYNC) {
            return zksync(session, subject, routes).await.map(Some);
        }
        let mut found = Recognized::new(ProxyKind::Diamond);
        found.told(subject, routes);
        let Some(slot) = subject.forward.location.slot() else {
            let note = "where it keeps its facets is not known: no cut can be proven";
            found.notes.push(note.into());
            return Ok(Some(found));
        };
        let Some(path) = cut(subject, routes, slot) else {
            found.shut = Some("it has no diamondCut: nobody can change its facets".into());
            return Ok(Some(found));
        };
        authority::paths(session, path.clone(), subject.forward.target, &mut found).await?;
        if found.paths.is_empty() && renounced(session, subject, &path).await? {
            found.unsent = None;
            found.shut = Some("its owner is the zero address: nobody can change its facets".into());
        }
        found.admin = found.paths.first().map(|path| path.from);
        Ok(Some(found))
    }
}

/// The cut that replaces the facet the report is about.
fn cut(subject: &Subject, routes: &Routes, slot: B256) -> Option<UpgradePath> {
    let implementation = subject.forward.target;
    let there = |selector| routes.answers(selector) || has_selector(&subject.code, selector);
    let cuts = [FacetCut {
        facet: implementation,
        action: Action::Replace,
        selectors: routes.selectors(implementation).to_vec(),
    }];
    let cuts = Argument::Pattern(diamond::pattern(&cuts, implementation));
    let step = |function: &str, arguments| {
        UpgradeStep::new(Address::ZERO, subject.proxy, function, arguments)
    };
    if there(IStandard::diamondCutCall::SELECTOR) {
        let nobody = Argument::Value(Address::ZERO.to_string());
        let nothing = Argument::Value("0x".into());
        let plain = step(CUT, vec![cuts.clone(), nobody, nothing]);
        let mut path = UpgradePath::of(subject.proxy, slot, vec![plain]);
        // The new facet runs the initializer.
        let arguments = vec![cuts, Argument::Implementation, Argument::Data];
        path.steps_with_data = vec![step(CUT, arguments)];
        path.verb_with_data = Some(Verb::Steps);
        return Some(path);
    }
    there(IVenus::diamondCutCall::SELECTOR)
        .then(|| UpgradePath::of(subject.proxy, slot, vec![step(BARE_CUT, vec![cuts])]))
}

/// Whether a cut is refused after looking at the very slot that says that nobody owns it.
async fn renounced(
    session: &mut Session,
    subject: &Subject,
    path: &UpgradePath,
) -> Result<bool, InspectError> {
    let questions = [
        IProxy::ownerCall {}.abi_encode(),
        IVenus::adminCall {}.abi_encode(),
    ];
    let proxy = subject.proxy;
    let answers = session.ask(questions.map(|data| (proxy, data))).await?;
    let Some(call) = path.call(subject.forward.target, &Default::default()) else {
        return Ok(false);
    };
    let refused = session.call(stranger(), call.to, call.data).await?;
    let succeeded = refused
        .outcomes
        .first()
        .is_none_or(|outcome| outcome.status.is_success());
    if succeeded || refused.guesses().next().is_some() {
        return Ok(false);
    }
    let empty =
        |read: &&Read| matches!(read, Read::Slot(at, _, value) if *at == proxy && value.is_zero());
    Ok(answers
        .iter()
        .filter(|answer| answer.word() == Some(U256::ZERO))
        .any(|answer| {
            let mut slots = answer.reads.iter().filter(empty);
            slots.any(|slot| refused.reads.contains(slot))
        }))
}

/// ZKsync's diamond is changed by protocol versions only, which its chain type manager sends.
async fn zksync(
    session: &mut Session,
    subject: &Subject,
    routes: &Routes,
) -> Result<Recognized, InspectError> {
    let mut found = Recognized::new(ProxyKind::DiamondZkSync);
    found.told(subject, routes);
    let question = IZkSync::getAdminCall {}.abi_encode();
    let answers = session.ask([(subject.proxy, question)]).await?;
    found.admin = answers.first().and_then(Played::address);
    found.shut = Some(
        "it is upgraded by protocol versions that its chain type manager sends, and the version only \
         rises: there is no way back"
            .into(),
    );
    Ok(found)
}

//! The kinds of proxy, one file each. A new kind is a file and a line in [`KINDS`].

mod admin;
mod aggregator;
mod aragon;
mod arbitrum;
mod axelar;
mod beacon;
mod celo;
mod chugsplash;
mod clones;
mod compound;
mod constant;
mod decentraland;
mod diamond;
mod eip1822;
mod eip7702;
pub(crate) mod elsewhere;
mod erc7760;
mod eternal;
mod graph;
mod immutable;
mod keep;
mod migrations;
mod optimism;
mod ossifiable;
mod own;
mod owned;
mod polygon;
mod resolved;
pub(crate) mod safe;
mod selectors;
mod sequence;
mod starkware;
mod synthetix;
mod transparent;
mod unknown;
mod uups;
mod versions;
mod zos;

use crate::{error::InspectError, routes::Routes, session::Session, trace::Forward};
use alloy_primitives::{Address, Bytes};
use async_trait::async_trait;
use cutover_types::{CallKind, ProxyKind, UpgradePath, diamond::Facet, inspection::Location};

/// A proxy of a known kind.
#[derive(Clone, Debug)]
pub(crate) struct Recognized {
    pub(crate) kind: ProxyKind,
    pub(crate) admin: Option<Address>,
    pub(crate) beacon: Option<Address>,
    /// Ways to upgrade it, the likeliest first; each still has to be proven.
    pub(crate) paths: Vec<UpgradePath>,
    /// When nobody was found who sends it: the call from the zero address, and why.
    pub(crate) unsent: Option<(UpgradePath, String)>,
    /// The upgrade that is sent by a seat in which nobody sits: whether anybody can fill it is tried.
    pub(crate) vacant: Option<UpgradePath>,
    /// Who answers what, for kinds that have one implementation for each selector.
    pub(crate) facets: Vec<Facet>,
    /// Why nobody can upgrade it, for a proxy that is known to be immutable.
    pub(crate) shut: Option<String>,
    /// How it is upgraded when no call does it.
    pub(crate) without_call: Option<String>,
    /// Whether each upgrade runs an initializer that accepts no implementation twice: only another one
    /// shows that the way is open.
    pub(crate) reinitializes: bool,
    /// The forwarding that ends at what it runs, when the first target is a proxy itself.
    pub(crate) runs: Option<Forward>,
    /// Signs that point at another kind or implementation.
    pub(crate) conflicts: Vec<String>,
    /// Why what it runs, and who upgrades it, is not all told.
    pub(crate) untold: Vec<String>,
    /// What could not be looked at.
    pub(crate) notes: Vec<String>,
}

impl Recognized {
    pub(crate) fn new(kind: ProxyKind) -> Self {
        Self {
            kind,
            admin: None,
            beacon: None,
            paths: Vec::new(),
            unsent: None,
            vacant: None,
            facets: Vec::new(),
            shut: None,
            without_call: None,
            reinitializes: false,
            runs: None,
            conflicts: Vec::new(),
            untold: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl Recognized {
    /// Takes over who answers what.
    fn told(&mut self, subject: &Subject, routes: &Routes) {
        self.facets.clone_from(&routes.facets);
        self.conflicts.extend(routes.conflicts.iter().cloned());
        self.notes.extend(routes.notes.iter().cloned());
        let selectors: usize = routes.facets.iter().map(|f| f.selectors.len()).sum();
        self.notes.push(format!(
            "{} contracts answer {selectors} selectors; shown is {}, which answers {}",
            routes.facets.len(),
            subject.forward.target,
            routes.selectors(subject.forward.target).len()
        ));
    }
}

/// The proxy that is looked at, and what is known of it before its kind is.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) proxy: Address,
    pub(crate) code: Bytes,
    pub(crate) forward: Forward,
    /// Who answers what, when it decides by selector.
    pub(crate) routes: Option<Routes>,
}

/// How one kind of proxy is told from the others.
#[async_trait(?Send)]
pub(crate) trait Kind: Sync {
    /// Whether a proxy of this kind forwards an unknown call of a stranger in this way; `None`: not at
    /// all.
    fn forwards_by(&self, kind: Option<CallKind>) -> bool {
        kind == Some(CallKind::DelegateCall)
    }

    /// Whether `subject` is of this kind, and how it is upgraded then.
    ///
    /// # Errors
    /// When the node could not be asked. State it refuses is no error here: the kind is then told from
    /// the rest, or `None`.
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError>;
}

/// Every kind, in the order they are tried: the stricter first.
pub(crate) const KINDS: &[&dyn Kind] = &[
    &clones::Clones,
    &eip7702::Eip7702,
    &erc7760::Erc7760,
    &sequence::SequenceWallet,
    &eip1822::Eip1822,
    &zos::ZosAdmin,
    &owned::ZOS_OWNED,
    &owned::TRUEUSD,
    &owned::EIP173,
    &immutable::ImmutableAdmin,
    &transparent::Transparent,
    &optimism::Optimism,
    &chugsplash::L1ChugSplash,
    &resolved::ResolvedDelegate,
    &arbitrum::DoubleLogic,
    &graph::Graph,
    &keep::Keep,
    &celo::Celo,
    &ossifiable::Ossifiable,
    &axelar::Axelar,
    &axelar::Fixed,
    &axelar::Gateway,
    &polygon::Polygon,
    &starkware::StarkWare,
    &compound::Unitroller,
    &compound::Delegator,
    &compound::GovernorDelegator,
    &uups::Uups,
    &beacon::Beacon,
    &versions::Versioned,
    &aragon::AragonApp,
    &aragon::AragonPinned,
    &aragon::AragonKernel,
    &synthetix::SynthetixProxy,
    &safe::Safe,
    &owned::OPENSEA,
    &eternal::EternalStorage,
    &decentraland::Decentraland,
    // What is left: only where the target stands is known.
    &constant::LibraryConstant,
    &constant::PackedSlot,
];

/// The kinds that decide by selector.
const ROUTED: &[&dyn Kind] = &[
    &diamond::Diamond,
    &selectors::ZeroEx,
    &selectors::Erc1538,
    &selectors::Erc7546,
    &aggregator::Aggregator,
];

/// The kind of `subject`; [`ProxyKind::Unknown`] when none claims it.
pub(crate) async fn recognize(
    session: &mut Session,
    subject: &Subject,
) -> Result<Recognized, InspectError> {
    let by = subject.forward.kind;
    let fitting: Vec<_> = match subject.routes {
        Some(_) => ROUTED.iter().collect(),
        None => KINDS.iter().filter(|kind| kind.forwards_by(by)).collect(),
    };
    for kind in fitting {
        if let Some(recognized) = kind.recognize(session, subject).await? {
            return whole(session, subject, recognized).await;
        }
    }
    let unknown = unknown::unknown(session, subject).await?;
    whole(session, subject, unknown).await
}

/// What is said of every kind.
async fn whole(
    session: &mut Session,
    subject: &Subject,
    mut recognized: Recognized,
) -> Result<Recognized, InspectError> {
    share(&mut recognized, subject);
    elsewhere::elsewhere(session, subject, &mut recognized).await?;
    if let (Some(why), false) = (&recognized.shut, recognized.untold.is_empty()) {
        let untold = recognized.untold.join("; ");
        recognized.without_call = Some(format!("{why}; but {untold}"));
        recognized.shut = None;
    }
    Ok(recognized)
}

/// Tells the paths whose slot holds more than the implementation where in it that is.
fn share(recognized: &mut Recognized, subject: &Subject) {
    let forward = recognized.runs.as_ref().unwrap_or(&subject.forward);
    let Location::Packed { slot, offset } = forward.location else {
        return;
    };
    let unsent = recognized.unsent.iter_mut().map(|(path, _)| path);
    for path in recognized.paths.iter_mut().chain(unsent) {
        if (path.holder, path.slot) == (subject.proxy, slot) {
            path.offset = offset;
        }
    }
}

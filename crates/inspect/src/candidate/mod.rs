//! The way back, before going forward: upgrade, rollback and upgrade again are executed one after the
//! other in one state, with the candidate that is meant to be installed.

mod cut;
mod effects;
mod left;
mod obeys;
mod place;
mod reasons;
mod rehearsal;
mod senders;
mod way;

use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, Bytes};
use cutover_types::{
    Inspection, ProxyKind, StorageLayout, diamond,
    inspection::{CandidateFacts, RoundTrip},
};
use place::Placed;
use reasons::Uups;
use rehearsal::{Rehearsal, Side};

/// What is meant to be installed.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The reference it was given as.
    pub reference: String,
    /// Where it is, or is going to be.
    pub address: Address,
    /// Its code.
    pub code: CandidateCode,
    /// Calldata the upgrade runs on the proxy.
    pub initializer: Bytes,
    /// Its storage layout, for names.
    pub layout: Option<StorageLayout>,
    /// The facet of a diamond that it replaces; the one that is used most when `None`.
    pub facet: Option<Address>,
    /// What it offers, for the cut of a diamond, where that is known.
    pub functions: Option<diamond::Functions>,
    /// What that cut shall do besides.
    pub wishes: diamond::Wishes,
}

/// Where a candidate's code comes from.
#[derive(Clone, Debug)]
pub enum CandidateCode {
    /// From the chain.
    Deployed,
    /// Constructed by this code with its arguments.
    Creation(Bytes),
    /// Runtime code whose immutables may not be right.
    Runtime(Bytes),
}

/// Goes forward, back and forward again. From then on `session` supposes what that changed.
pub(crate) async fn rehearse(
    session: &mut Session,
    inspection: &Inspection,
    candidate: &Candidate,
) -> Result<CandidateFacts, InspectError> {
    let mut facts = CandidateFacts {
        reference: candidate.reference.clone(),
        address: candidate.address,
        code_hash: B256::ZERO,
        forward: Vec::new(),
        back: Vec::new(),
        forward_again: Vec::new(),
        verdict: RoundTrip::Unknown,
        why: Vec::new(),
        left: Vec::new(),
        obeys: None,
        cut: None,
    };
    let Some(proxy) = &inspection.proxy else {
        facts.why.push("it is not a proxy".into());
        return Ok(facts);
    };
    let placed = match place::place(session, candidate).await? {
        Ok(placed) => placed,
        Err(why) => {
            facts.why.push(why);
            return Ok(facts);
        }
    };
    facts.code_hash = placed.at.code_hash;
    let Some(upgrade) = &inspection.upgrade else {
        facts.why.push("no call is known that upgrades it".into());
        return Ok(facts);
    };
    if placed.at.address == proxy.implementation.address {
        facts
            .why
            .push("the proxy runs the candidate already".into());
        return Ok(facts);
    }
    let mut path = upgrade.path.clone();
    if proxy.kind == ProxyKind::Diamond {
        match cut::cut(&path, proxy, candidate) {
            Ok(Some((cut, by))) => {
                facts.why.extend(cut.words());
                (facts.cut, path) = (Some(cut), by);
            }
            Ok(None) => facts.why.push(
                "its functions are not known, and are taken to be those of the facet it replaces"
                    .into(),
            ),
            Err(why) => {
                facts.verdict = RoundTrip::No;
                facts.why.push(why.to_string());
                return Ok(facts);
            }
        }
    }
    let uups = matches!(
        proxy.kind,
        ProxyKind::UupsV41
            | ProxyKind::UupsV45
            | ProxyKind::UupsV5
            | ProxyKind::UupsSolady
            | ProxyKind::Eip1822
            | ProxyKind::Erc7760Uups
    );
    let round = Rehearsal {
        candidate,
        inspection,
        path: &path,
        before: diamond::routes(&proxy.facets),
        uups: uups.then_some(upgrade.path.slot),
        blue: Side {
            name: "blue",
            uups: Uups::of(session, proxy.implementation.address).await?,
            at: proxy.implementation.clone(),
        },
        green: Side {
            name: "green",
            uups: Uups::of(session, placed.at.address).await?,
            at: placed.at.clone(),
        },
    };
    round.play(session, &mut facts).await?;
    facts.why.extend(facts.obeys.iter().flat_map(obeys::words));
    if facts.verdict == RoundTrip::No && !upgrade.proven && facts.back.is_empty() {
        facts.verdict = RoundTrip::Unknown;
        let why = upgrade.why.as_deref().unwrap_or("nobody was found who can");
        facts
            .why
            .push(format!("how it is upgraded is not proven: {why}"));
    }
    assume(&placed, &mut facts);
    Ok(facts)
}

/// Says what placing code that nobody constructed leaves open.
fn assume(placed: &Placed, facts: &mut CandidateFacts) {
    if !placed.as_given {
        return;
    }
    facts.why.push(
        "its runtime code was put there as given, not constructed: immutables may differ once it is deployed".into(),
    );
    if facts.verdict == RoundTrip::No {
        facts.verdict = RoundTrip::Unknown;
    }
}

//! What is said to answer a selector is tried: each is sent to the proxy, and counts for whom it reaches.

use super::{FACETS, Routes, SELECTORS, Table, bound, gather, rank};
use crate::{
    error::InspectError,
    functions::{functions, without_metadata},
    session::{Played, Script, Session, request, stranger},
    trace::{Forward, forwarding, place, unknown_call},
};
use alloy_primitives::{Address, Bytes, hex};
use cutover_evm::Request;
use cutover_types::{
    CallFrame, CallKind,
    diamond::{Facet, PLACES, Selector, entry},
    inspection::Location,
};
use std::collections::{BTreeMap, BTreeSet};

/// Enough to find a facet; little enough that what the facet then does is soon over.
const GAS: u64 = 100_000;
/// Contradictions that are named.
const CONFLICTS: usize = 16;
/// Selectors of facets' code that are tried though nobody names them.
const UNNAMED: usize = 256;
/// Functions of tokens, vaults and owned contracts, which a diamond may answer without saying so.
const COMMON: [[u8; 4]; 16] = [
    // transfer, transferFrom, approve, balanceOf, totalSupply, allowance
    hex!("a9059cbb"),
    hex!("23b872dd"),
    hex!("095ea7b3"),
    hex!("70a08231"),
    hex!("18160ddd"),
    hex!("dd62ed3e"),
    // mint, burn, deposit, withdraw, execute, multicall
    hex!("40c10f19"),
    hex!("42966c68"),
    hex!("d0e30db0"),
    hex!("2e1a7d4d"),
    hex!("b61d27f6"),
    hex!("ac9650d8"),
    // diamondCut, owner, transferOwnership, upgradeTo
    hex!("1f931c1c"),
    hex!("8da5cb5b"),
    hex!("f2fde38b"),
    hex!("3659cfe6"),
];

/// Sends every selector and sees where it arrives. The facet that is used most is what the proxy "runs",
/// unless the user names one: housekeeping aside, the one with the most selectors.
pub(super) async fn followed(
    session: &mut Session,
    proxy: Address,
    routes: Option<Routes>,
) -> Result<Option<(Forward, Routes)>, InspectError> {
    let Some(mut routes) = routes else {
        return Ok(None);
    };
    clean(&mut routes, proxy);
    let asked: Vec<_> = routes
        .facets
        .iter()
        .flat_map(|facet| {
            facet
                .selectors
                .iter()
                .map(|selector| (facet.address, *selector))
        })
        .collect();
    let played = probe(session, proxy, asked.iter().map(|(_, selector)| *selector)).await?;
    let mut tried = Tried::default();
    let mut named = BTreeSet::new();
    for ((facet, selector), played) in asked.iter().zip(&played) {
        let first = named.insert(*facet);
        match reached(played, proxy, *selector) {
            Some(to) => tried.went(*facet, *selector, to),
            None => match played.guesses().next() {
                Some(missing) if first => return Err(session.cannot_tell(missing)),
                Some(_) => tried.unread(*facet, *selector),
                None => tried.nowhere(*facet, *selector),
            },
        }
    }
    if tried.confirmed.is_empty() {
        return Ok(None);
    }
    if matches!(routes.table, Table::Diamond(_)) {
        unnamed(session, proxy, &asked, &mut tried).await?;
    }
    let best = tried.facets.iter().filter_map(|facet| {
        let first = *tried.confirmed.get(&facet.address)?;
        let rank = match session.facet == Some(facet.address) {
            true => usize::MAX,
            false => rank(facet),
        };
        Some((rank, first))
    });
    // The first of equals.
    let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let Some((_, selector)) = best else {
        return Ok(None);
    };
    let shown = asked
        .iter()
        .zip(&played)
        .find(|((_, asked), _)| *asked == selector);
    let Some(forward) = shown.and_then(|(_, played)| forward(played, proxy, selector)) else {
        return Ok(None);
    };
    if let (Table::Diamond(base), Some(slot)) = (&mut routes.table, forward.location.slot()) {
        *base = PLACES
            .into_iter()
            .find(|base| entry(selector, *base) == slot);
    }
    let Tried {
        facets,
        conflicts,
        unread,
        ..
    } = tried;
    routes.facets = facets;
    let more = conflicts.len().saturating_sub(CONFLICTS);
    routes
        .conflicts
        .extend(conflicts.into_iter().take(CONFLICTS));
    if more > 0 {
        routes
            .conflicts
            .push(format!("and {more} more selectors that go elsewhere"));
    }
    if unread > 0 {
        routes.notes.push(format!(
            "where {unread} of its selectors go could not be seen: the node does not give the state"
        ));
    }
    Ok(Some((forward, routes)))
}

/// Selectors where they arrive, and what contradicts the table.
#[derive(Default)]
struct Tried {
    facets: Vec<Facet>,
    /// Facets that are reached, with the first selector that does.
    confirmed: BTreeMap<Address, Selector>,
    conflicts: Vec<String>,
    unread: usize,
}

impl Tried {
    fn went(&mut self, said: Address, selector: Selector, to: Address) {
        gather(&mut self.facets, to, selector);
        if to == said {
            self.confirmed.entry(to).or_insert(selector);
        } else {
            let conflict = format!("{said} is said to answer {selector}, which goes to {to}");
            self.conflicts.push(conflict);
        }
    }

    fn nowhere(&mut self, said: Address, selector: Selector) {
        gather(&mut self.facets, said, selector);
        let conflict = format!("{said} is said to answer {selector}, which goes nowhere");
        self.conflicts.push(conflict);
    }

    fn unread(&mut self, said: Address, selector: Selector) {
        gather(&mut self.facets, said, selector);
        self.unread += 1;
    }
}

/// Every selector once, functions of the proxy itself and what is more than anyone has left out.
fn clean(routes: &mut Routes, proxy: Address) {
    let mut facets = Vec::new();
    let mut left = 4 * SELECTORS;
    for facet in std::mem::take(&mut routes.facets) {
        // The proxy's own functions need no facet.
        if facet.address == proxy {
            continue;
        }
        for selector in facet.selectors.into_iter().take(left) {
            left -= 1;
            gather(&mut facets, facet.address, selector);
        }
    }
    if bound(&mut facets) || left == 0 {
        let note = format!("only {FACETS} facets and {SELECTORS} selectors were looked at");
        routes.notes.push(note);
    }
    routes.facets = facets;
}

/// Adds to `tried` what the proxy answers and its table does not name: functions of the facets' code, and those
/// that many contracts have.
async fn unnamed(
    session: &mut Session,
    proxy: Address,
    asked: &[(Address, Selector)],
    tried: &mut Tried,
) -> Result<(), InspectError> {
    let unknown = unknown_call(proxy);
    let open = session.call(stranger(), proxy, unknown.clone()).await?;
    let goes = open.outcomes.first();
    if goes.is_some_and(|outcome| forwarding(&outcome.calls, proxy, &unknown).is_some()) {
        // One facet answers everything else.
        return Ok(());
    }
    let mut untold: BTreeSet<_> = COMMON.map(Selector::from).into();
    for facet in tried.confirmed.keys().copied().collect::<Vec<_>>() {
        let code = session.code(facet).await?.unwrap_or_default();
        let found = functions(without_metadata(&code)).unwrap_or_default();
        untold.extend(found.selectors.into_iter().map(Selector::from));
    }
    for (_, selector) in asked {
        untold.remove(selector);
    }
    let untold: Vec<_> = untold.into_iter().take(UNNAMED).collect();
    let played = probe(session, proxy, untold.iter().copied()).await?;
    for (selector, played) in untold.into_iter().zip(&played) {
        if let Some(to) = reached(played, proxy, selector) {
            gather(&mut tried.facets, to, selector);
            let conflict = format!("{to} answers {selector}, which its table does not name");
            tried.conflicts.push(conflict);
        }
    }
    Ok(())
}

/// One call with each selector and nothing else, so that little is done with it.
async fn probe(
    session: &mut Session,
    proxy: Address,
    selectors: impl Iterator<Item = Selector>,
) -> Result<Vec<Played>, InspectError> {
    let scripts: Vec<_> = selectors
        .map(|selector| Script {
            steps: vec![Request {
                gas_limit: Some(GAS),
                ..request(stranger(), proxy, Bytes::copy_from_slice(&selector[..]))
            }],
            ..Script::default()
        })
        .collect();
    session.play_all(&scripts).await
}

/// Whom a call with this selector reaches.
fn reached(played: &Played, proxy: Address, selector: Selector) -> Option<Address> {
    let calls = &played.outcomes.first()?.calls;
    let (_, frame) = forwarding(calls, proxy, &selector[..])?;
    Some(frame.to)
}

fn forward(played: &Played, proxy: Address, selector: Selector) -> Option<Forward> {
    let calls = &played.outcomes.first()?.calls;
    let (at, frame) = forwarding(calls, proxy, &selector[..])?;
    let location =
        place(&played.reads, proxy, frame.to).unwrap_or_else(|| asked(&calls[..at], frame.to));
    Some(Forward {
        target: frame.to,
        location,
        kind: Some(frame.kind),
        question: None,
        fixed: false,
        next: None,
        unread: None,
    })
}

/// Which contract gave the address.
fn asked(calls: &[CallFrame], target: Address) -> Location {
    let answered = calls.iter().rev().find(|frame| {
        frame.depth == 1
            && matches!(frame.kind, CallKind::StaticCall | CallKind::Call)
            && frame.output.get(..32) == Some(target.into_word().as_slice())
    });
    answered.map_or(Location::Code, |frame| Location::Call(frame.to))
}

//! Ways to try once the candidate's own code may decide who upgrades, and by which call.

use super::way::Way;
use crate::{code, error::InspectError, inspect::subject, kinds, session::Session};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{ProxyKind, UpgradePath, Verb, abi::IProxy, inspection::CodeAt};

/// Senders that are tried besides those the recognition names.
const LIMIT: usize = 24;

/// Ways back.
pub(super) struct Ways {
    pub(super) paths: Vec<UpgradePath>,
    /// Why there may be others.
    pub(super) unknown: Option<String>,
}

/// Ways back on the state `forward` left: the one that was found before, then those of the kind the
/// proxy is now, from whoever that obeys, then from every address the upgrade named and every one in
/// the candidate's code.
pub(super) async fn back(
    session: &mut Session,
    path: &UpgradePath,
    forward: &Way,
    green: &CodeAt,
) -> Result<Ways, InspectError> {
    let mut ways = Ways {
        paths: vec![path.back()],
        unknown: None,
    };
    let Ok(subject) = subject(session, path.proxy).await? else {
        return Ok(ways);
    };
    let now = kinds::recognize(session, &subject).await?;
    let code = session.code(green.address).await?.unwrap_or_default();
    let has = |selector| code::has_selector(&code, selector);
    let template = match (now.paths.first(), &now.unsent) {
        (Some(path), _) | (None, Some((path, _))) => Some(path.clone()),
        (None, None) if now.kind == ProxyKind::UupsV5 => Some(UpgradePath {
            verb: Verb::UpgradeToAndCall,
            ..path.clone()
        }),
        (None, None) if has(IProxy::upgradeToCall::SELECTOR) => Some(path.clone()),
        (None, None) => None,
    };
    ways.unknown = now.unsent.as_ref().map(|(_, why)| why.clone());
    // Today's sender first: who upgrades should be who rolls back.
    if let Some(template) = &template {
        add(&mut ways.paths, template.clone().sent_by(path.from));
    }
    for path in now.paths {
        add(&mut ways.paths, path);
    }
    if let Some(template) = template.filter(|template| template.to == template.proxy) {
        let logs = forward.outcomes.iter().flat_map(|outcome| &outcome.logs);
        let named = logs.flat_map(|log| {
            let data = log.data.data.chunks_exact(32).take(8).map(<[u8]>::to_vec);
            let topics = log.topics().iter().skip(1).map(|topic| topic.to_vec());
            topics.chain(data).collect::<Vec<_>>()
        });
        let mut extra: Vec<Address> = Vec::new();
        for word in named.take(256) {
            if word[..12] == [0; 12] && word[12..20] != [0; 8] {
                extra.push(Address::from_slice(&word[12..]));
            }
        }
        extra.extend(code::addresses(&code));
        for from in extra.into_iter().take(LIMIT) {
            add(&mut ways.paths, template.clone().sent_by(from));
        }
    }
    Ok(ways)
}

/// Ways forward again when the same call is refused: without data, then by whoever is obeyed now.
pub(super) async fn again(
    session: &mut Session,
    path: &UpgradePath,
    data: &Bytes,
) -> Result<Vec<(UpgradePath, Bytes)>, InspectError> {
    let mut paths = vec![path.clone()];
    if let Ok(subject) = subject(session, path.proxy).await? {
        for found in kinds::recognize(session, &subject).await?.paths {
            add(&mut paths, found);
        }
    }
    let mut ways: Vec<_> = Vec::new();
    for (index, path) in paths.into_iter().enumerate() {
        // The first was tried with the data already.
        if index > 0 && !data.is_empty() {
            ways.push((path.clone(), data.clone()));
        }
        if index > 0 || !data.is_empty() {
            ways.push((path, Bytes::new()));
        }
    }
    Ok(ways)
}

fn add(paths: &mut Vec<UpgradePath>, path: UpgradePath) {
    if !paths.contains(&path) {
        paths.push(path);
    }
}

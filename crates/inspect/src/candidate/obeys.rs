//! Whom the proxy obeys once it runs the candidate: an upgrade can move the power to upgrade without a
//! word.

use crate::{error::InspectError, inspect::report, session::Session};
use alloy_primitives::Address;
use cutover_types::{
    Inspection,
    inspection::{Obeys, PowerPath},
    progress::Silent,
};

/// Who gains and who loses the power to upgrade, on the state that the upgrade left after `seconds`;
/// `None` when nobody does, or when it is not known who has it today.
pub(super) async fn moved(
    session: &mut Session,
    today: &Inspection,
    seconds: u64,
) -> Result<Option<Obeys>, InspectError> {
    let before = proven(today);
    if before.is_empty() {
        return Ok(None);
    }
    // The past is known, and the facet that was asked about may be gone.
    let past = std::mem::replace(&mut session.wants_past, false);
    let facet = session.facet.take();
    let then = report(session, today.address, &Silent).await;
    (session.wants_past, session.facet) = (past, facet);
    let then = match then {
        Ok(then) => then,
        Err(InspectError::Chain { proxy, source }) => {
            return Err(InspectError::Chain { proxy, source });
        }
        Err(error) => {
            return Ok(Some(Obeys {
                unknown: vec![error.to_string()],
                ..Obeys::default()
            }));
        }
    };
    let after = proven(&then);
    // A wait that is running gets shorter while the upgrade itself waits.
    let wait = |path: &PowerPath| (seconds == 0).then_some(path.delay_seconds);
    let key = |path: &PowerPath| -> (Vec<Address>, Option<u64>, Option<u64>) {
        (path.route.clone(), path.signers, wait(path))
    };
    let without = |paths: &[PowerPath], others: &[PowerPath]| -> Vec<PowerPath> {
        let missing = |path: &&PowerPath| !others.iter().any(|other| key(other) == key(path));
        paths.iter().filter(missing).cloned().collect()
    };
    let known: Vec<_> = today
        .power
        .iter()
        .flat_map(|power| &power.unknown)
        .collect();
    let unknown = then.power.iter().flat_map(|power| &power.unknown);
    let obeys = Obeys {
        lost: without(&before, &after),
        gained: without(&after, &before),
        unknown: unknown
            .filter(|why| !known.iter().any(|known| sort(known) == sort(why)))
            .cloned()
            .collect(),
    };
    Ok((obeys != Obeys::default()).then_some(obeys))
}

/// A reason without the names in it: those of blue's functions and of green's differ.
fn sort(why: &str) -> String {
    let mut parts = why.split('(');
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.split_once(')'));
    rest.fold(first.to_owned(), |words, (_, rest)| words + rest)
}

fn proven(inspection: &Inspection) -> Vec<PowerPath> {
    let paths = inspection.power.iter().flat_map(|power| &power.paths);
    paths.filter(|path| path.proven).cloned().collect()
}

/// The same in words.
pub(super) fn words(obeys: &Obeys) -> Vec<String> {
    let list = |paths: &[PowerPath]| {
        let words: Vec<_> = paths.iter().map(|path| path.words.as_str()).collect();
        match words.is_empty() {
            true => "nobody that is known".to_owned(),
            false => words.join("; "),
        }
    };
    let mut said = Vec::new();
    if !obeys.lost.is_empty() || !obeys.gained.is_empty() {
        said.push(format!(
            "the upgrade moves the power to upgrade: gained by {}, lost by {}",
            list(&obeys.gained),
            list(&obeys.lost)
        ));
    }
    if let Some(why) = obeys.unknown.first() {
        said.push(format!(
            "whom the proxy obeys after the upgrade is not fully known: {why}"
        ));
    }
    said
}

//! What a proxy runs for some calls only: its code may hand calls on to more than one address, and the call that
//! was tried went to one of them.

use super::{Recognized, Subject};
use crate::{error::InspectError, session::Session, targets::Source};
use alloy_primitives::Address;
use cutover_types::ProxyKind;
use std::collections::BTreeSet;

/// Targets that are named.
const NAMED: usize = 4;

/// Says which other addresses the proxy's own code hands calls on to.
pub(super) async fn elsewhere(
    session: &mut Session,
    subject: &Subject,
    found: &mut Recognized,
) -> Result<(), InspectError> {
    // Those that decide by selector, and one that looks at its slot until the final one is there.
    if subject.routes.is_some() || found.kind == ProxyKind::AxelarFinal {
        return Ok(());
    }
    let targets = session.targets(&subject.code);
    let others: Vec<_> = targets
        .any
        .iter()
        .filter(|source| !is_shown(source, subject, &targets.any))
        .take(NAMED)
        .collect();
    for source in others {
        let mut words = words(source, subject.proxy);
        if let Source::Slot(slot) = source
            && let Some(value) = session.slot(subject.proxy, *slot).await?
        {
            let there = Address::from_word(value.into());
            if found
                .notes
                .iter()
                .any(|note| note.contains(&there.to_string()))
            {
                continue;
            }
            words = match there.is_zero() {
                true => format!("{words}, which is empty"),
                false => format!("{there}, {words}"),
            };
        }
        let why = format!("for some calls it runs {words}");
        found
            .untold
            .push(format!("{why}: who decides what that is was not looked at"));
        found.conflicts.push(why);
    }
    Ok(())
}

/// Whether this is where the call went that was tried, as far as the code tells; or an upgrade's first call, to
/// whom its sender or the answer to a check names.
fn is_shown(source: &Source, subject: &Subject, all: &BTreeSet<Source>) -> bool {
    let forward = &subject.forward;
    let shown = forward.location.slot();
    match source {
        Source::Code(target) => *target == forward.target,
        Source::Slot(slot) => Some(*slot) == shown,
        // A slot whose key is computed, where none that is written out is the one.
        Source::Storage => shown.is_some_and(|shown| !all.contains(&Source::Slot(shown))),
        Source::Answer | Source::Caller | Source::Other => true,
    }
}

/// An address by where it is from.
pub(crate) fn words(source: &Source, proxy: Address) -> String {
    match source {
        Source::Code(target) => format!("{target}, which stands in its code"),
        Source::Slot(slot) => format!("what stands in slot {slot} of {proxy}"),
        Source::Storage => format!("what stands in a computed slot of {proxy}"),
        Source::Answer => "what another contract answers".into(),
        Source::Caller => "what the caller names".into(),
        Source::Other => "an address that was not followed".into(),
    }
}

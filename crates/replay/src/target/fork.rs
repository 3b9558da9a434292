//! The same transaction on anvil, beside what ran in process.

use super::Place;
use crate::{
    anvil::{AnvilEngine, limits},
    base::Base,
    engine::{Engine as _, Job, Step},
    exact::agrees,
};
use alloy_primitives::Address;
use cutover_types::{
    Outcome, State,
    replay::{Difference, DifferenceKind},
};
use std::{collections::BTreeSet, sync::Arc};

/// Why the fork gave no answer that counts.
pub(super) struct NoAnswer {
    pub(super) why: String,
    /// Whether it is the control that failed.
    pub(super) control: bool,
    /// Whether it is something no fork in anvil can do.
    pub(super) limit: bool,
}

/// Runs both sides on the fork; blue must reproduce the receipt there too.
pub(super) async fn on_anvil(
    place: &Place<'_>,
    base: &Base,
    anvil: &mut AnvilEngine,
    green_view: &Arc<dyn State>,
    step: Option<&Step>,
    known: &(Outcome, Outcome),
) -> Result<(Outcome, Outcome), NoAnswer> {
    let exact = place.exact;
    let limit = |outcome: &Outcome| limits(outcome, place.environment, &exact.transaction);
    let explain = |outcome: &Outcome, control: bool, why: String| {
        let limit = limit(outcome);
        NoAnswer {
            why: match limit {
                Some(limit) => format!("the transaction {limit} ({why})"),
                None => why,
            },
            control,
            limit: limit.is_some(),
        }
    };
    let job = Job {
        environment: place.environment,
        view: exact.view(base),
        upgrade: None,
        transaction: &exact.transaction,
    };
    let no_control = |why: String| explain(&known.0, true, why);
    let blue = anvil
        .execute(&job)
        .await
        .map_err(|error| no_control(format!("blue on anvil: {error}")))?
        .outcome;
    let index = usize::try_from(exact.target.index).unwrap_or(usize::MAX);
    agrees(&blue, place.block, index).map_err(|why| no_control(format!("on anvil {why}")))?;
    let job = Job {
        view: green_view.clone(),
        upgrade: step,
        ..job
    };
    let no_green = |why: String| explain(&known.1, false, why);
    let executed = anvil
        .execute(&job)
        .await
        .map_err(|error| no_green(format!("green on anvil: {error}")))?;
    let mut green = executed.outcome;
    // Only the in-process engine sees what is read of the environment.
    green.environment.clone_from(&known.1.environment);
    if green.status != known.1.status
        && let Some(limit) = limit(&known.1)
    {
        return Err(NoAnswer {
            why: format!("the transaction {limit}"),
            control: false,
            limit: true,
        });
    }
    Ok((blue, green))
}

/// What two engines say differently about one side.
pub(super) fn disagreements(side: &str, revm: &Outcome, anvil: &Outcome) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut push = |place: String, revm: String, anvil: String| {
        if revm != anvil && found.len() < 20 {
            found.push(Difference {
                what: DifferenceKind::Engine,
                place: format!("{side} {place}"),
                blue: format!("revm: {revm}"),
                green: format!("anvil: {anvil}"),
            });
        }
    };
    push(
        "status".into(),
        revm.status.is_success().to_string(),
        anvil.status.is_success().to_string(),
    );
    push(
        "gas".into(),
        revm.gas_used.to_string(),
        anvil.gas_used.to_string(),
    );
    push(
        "output".into(),
        revm.output.to_string(),
        anvil.output.to_string(),
    );
    push(
        "logs".into(),
        format!("{:?}", revm.logs),
        format!("{:?}", anvil.logs),
    );
    let addresses: BTreeSet<Address> = revm.diff.keys().chain(anvil.diff.keys()).copied().collect();
    for address in addresses {
        let (r, a) = (revm.diff.get(&address), anvil.diff.get(&address));
        let show = |diff: Option<&cutover_types::AccountDiff>| {
            diff.map_or_else(String::new, |diff| {
                let storage: Vec<String> = diff
                    .storage
                    .iter()
                    .map(|(slot, change)| format!("{slot}={:#x}", change.after))
                    .collect();
                format!(
                    "balance {:?} nonce {:?} {}",
                    diff.balance
                        .as_ref()
                        .map(|change| change.after.wrapping_sub(change.before)),
                    diff.nonce.as_ref().map(|change| change.after),
                    storage.join(" ")
                )
            })
        };
        push(address.to_string(), show(r), show(a));
    }
    found
}

//! The way back, executed on the state green leaves.

use crate::{
    base::MAX_WAVES,
    carry::{Carry, Drifted},
    compare::reason,
    engine::{EngineError, RevmEngine, Step},
    modes::{End, Ran, Upgraded},
    names::{label, names},
    setup::Setup,
    view::Layered,
};
use alloy_primitives::{Address, B256, Bytes};
use cutover_evm::execute;
use cutover_types::{
    Missing, Outcome, Outflow, State, StepCall, UpgradePath,
    execution::{Change, Status, merge_diff},
    inspection::CodeAt,
    replay::RollbackRun,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Slots listed as not coming back.
const MAX_LOSSY: usize = 100;

/// Goes back and forward again after the traffic, and lists what stays different.
pub(crate) async fn rehearse(setup: &Setup, ran: &Ran) -> RollbackRun {
    let calls = |path: UpgradePath, to: &CodeAt| path.calls(to, &Bytes::new()).unwrap_or_default();
    let back = calls(setup.path.back(), &setup.blue);
    let again = calls(setup.path.again(), &setup.green_at());
    let first = |calls: &[StepCall]| {
        let first = calls.first();
        first.map(|step| step.call.data.clone()).unwrap_or_default()
    };
    let plan = RollbackRun {
        rehearsed: false,
        status: None,
        back: first(&back),
        forward_again: first(&again),
        back_then: back.iter().skip(1).cloned().collect(),
        forward_again_then: again.iter().skip(1).cloned().collect(),
        forward_again_status: None,
        lossy: Vec::new(),
        why: None,
    };
    let installed = ran.upgraded.as_ref().is_some_and(Upgraded::works);
    let Some(mut end) = ran.end.clone().filter(|_| installed) else {
        return RollbackRun {
            why: Some("green was never installed, so there is nothing to go back from".into()),
            ..plan
        };
    };
    let mut carry = ran.installed.clone().unwrap_or_default();
    carry.join(ran.carry.clone());
    let carry = Arc::new(carry);
    for _ in 0..MAX_WAVES {
        let mut run = plan.clone();
        run.lossy = lossy(setup, &carry);
        let taken = ran.outflows.iter().map(Outflow::words);
        run.lossy
            .extend(taken.map(|taken| format!("the upgrade itself took {taken}")));
        match attempt(setup, &end, &carry, [&back, &again], &mut run) {
            Ok(()) => return run,
            Err(missing) => {
                if let Err(why) = end.base.fill(&missing).await {
                    run.why = Some(format!(
                        "the call {} could not be executed: {why}",
                        if run.rehearsed {
                            "forward again"
                        } else {
                            "back"
                        }
                    ));
                    return run;
                }
            }
        }
    }
    plan
}

/// Back, a few transactions on blue, and forward again; `Err` names state that is not known.
fn attempt(
    setup: &Setup,
    end: &End,
    carry: &Arc<Carry>,
    calls: [&[StepCall]; 2],
    run: &mut RollbackRun,
) -> Result<(), BTreeSet<Missing>> {
    let left: Arc<dyn State> = Arc::new(Drifted::new(end.state(), carry.clone()));
    let [back, again] = calls;
    let Some((after, back)) = call(setup, end, &left, back, setup.blue.address, run)? else {
        return Ok(());
    };
    probe(setup, end, carry, &back, run);
    call(setup, end, &after, again, setup.green.address, run)?;
    Ok(())
}

type Called = Option<(Arc<dyn State>, Outcome)>;

/// One of the two calls. The first is the way back.
fn call(
    setup: &Setup,
    end: &End,
    view: &Arc<dyn State>,
    calls: &[StepCall],
    implementation: Address,
    run: &mut RollbackRun,
) -> Result<Called, BTreeSet<Missing>> {
    let step = step(setup, &**view, calls, implementation);
    let revm = RevmEngine {
        speculate: end.base.grows(),
    };
    let back = !run.rehearsed;
    let mut note = |status: Status, why: Option<String>| {
        run.rehearsed = true;
        run.why = why;
        if back {
            run.status = Some(status);
        } else {
            run.forward_again_status = Some(status);
        }
    };
    let ready = setup.prepare(&end.environment, view, calls, step);
    let done = ready.and_then(|step| {
        let (after, mut outcome) = revm.upgrade(&end.environment, view, &step)?;
        // What went before the last call came with it.
        let mut diff = step.place;
        merge_diff(&mut diff, &outcome.diff);
        outcome.diff = diff;
        Ok((after, outcome))
    });
    match done {
        Ok((after, outcome)) => {
            note(outcome.status, None);
            Ok(Some((after, outcome)))
        }
        Err(EngineError::Missing(missing)) => Err(missing),
        Err(EngineError::Upgrade { outcome, why }) => {
            // Success with the wrong implementation is no success.
            let status = match outcome.status {
                Status::Success => Status::Revert,
                other => other,
            };
            let name = if back {
                "the call back"
            } else {
                "the call forward again"
            };
            note(status, Some(why.replacen("the upgrade call", name, 1)));
            Ok(None)
        }
        Err(other) => {
            run.why = Some(other.to_string());
            Ok(None)
        }
    }
}

/// Runs the last transactions on blue over what green left: those that now end otherwise are part of
/// what does not come back.
fn probe(setup: &Setup, end: &End, carry: &Arc<Carry>, back: &Outcome, run: &mut RollbackRun) {
    for last in &end.last {
        let exact: Arc<dyn State> = Arc::new(last.prefix.over(end.base.known()));
        let left: Arc<dyn State> = Arc::new(Drifted::new(exact, carry.clone()));
        let view = Layered::share(left, back.diff.clone());
        // What cannot be told here says nothing about the way back.
        let Ok(outcome) = execute(&*view, &end.environment, &last.transaction) else {
            continue;
        };
        if last.blue.status.is_success() && !outcome.status.is_success() {
            let why = reason(&outcome, setup.green.abi.as_ref()).unwrap_or_default();
            run.lossy.push(format!(
                "transaction {} succeeded on blue and fails on it after the way back: {why}",
                last.transaction.hash
            ));
        }
    }
}

fn step(setup: &Setup, view: &dyn State, calls: &[StepCall], implementation: Address) -> Step {
    // Blue and green are in the state by now; only the sender may have to be assumed.
    let mut place = setup
        .step(view, &mut BTreeSet::new())
        .map(|step| step.place)
        .unwrap_or_default();
    if let Some(green) = place.get_mut(&setup.green.address) {
        green.nonce.get_or_insert(Change {
            before: 0,
            after: 1,
        });
    }
    setup.last(calls, place, implementation)
}

/// Slots of the proxy that keep what green wrote.
fn lossy(setup: &Setup, carry: &Carry) -> Vec<String> {
    let kept: BTreeMap<B256, _> = carry
        .slots
        .iter()
        .filter(|((address, slot), _)| {
            *address == setup.proxy && (*address, *slot) != setup.pointer()
        })
        .map(|((_, slot), carried)| (*slot, carried))
        .collect();
    let more = kept.len().saturating_sub(MAX_LOSSY);
    let shown: BTreeSet<B256> = kept.keys().copied().take(MAX_LOSSY).collect();
    let layouts = [&setup.green.layout, &setup.green.blue_layout];
    let found: Vec<_> = layouts
        .into_iter()
        .flatten()
        .map(|layout| names(layout, shown.clone(), Vec::new))
        .collect();
    let mut lossy: Vec<String> = kept
        .iter()
        .take(MAX_LOSSY)
        .map(|(slot, carried)| {
            let name = found.iter().find_map(|found| label(found, *slot));
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            format!(
                "slot {slot}{name}: blue {:#x}, green {:#x}",
                carried.blue, carried.green
            )
        })
        .collect();
    if more > 0 {
        lossy.push(format!("and {more} more slots"));
    }
    lossy
}

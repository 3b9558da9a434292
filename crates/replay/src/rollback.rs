//! The way back, executed on the state green leaves.

use crate::{
    carry::{Carry, Drifted},
    engine::{RevmEngine, Step},
    modes::{End, Ran},
    names::{Names, label},
    setup::Setup,
};
use alloy_primitives::{Address, Bytes};
use cutover_types::{
    State,
    execution::{Change, Status},
    replay::RollbackRun,
};
use std::{collections::BTreeSet, sync::Arc};

/// Slots listed as not coming back.
const MAX_LOSSY: usize = 100;

/// Goes back and forward again after the traffic, and lists what stays different.
pub(crate) fn rehearse(setup: &Setup, ran: &Ran) -> RollbackRun {
    let call = |to: Address| {
        setup
            .path
            .call(to, &Bytes::new())
            .map(|call| call.data)
            .unwrap_or_default()
    };
    let mut run = RollbackRun {
        rehearsed: false,
        status: None,
        back: call(setup.blue.address),
        forward_again: call(setup.green.address),
        forward_again_status: None,
        lossy: Vec::new(),
        why: None,
    };
    let upgraded = ran
        .upgraded
        .as_ref()
        .is_some_and(|upgraded| upgraded.outcome.status.is_success());
    let Some(end) = ran.end.as_ref().filter(|_| upgraded) else {
        run.why = Some("green was never installed, so there is nothing to go back from".into());
        return run;
    };
    let mut carry = ran.installed.clone().unwrap_or_default();
    carry.join(ran.carry.clone());
    let carry = Arc::new(carry);
    run.lossy = lossy(setup, &carry);
    let left: Arc<dyn State> = Arc::new(Drifted::new(end.state.clone(), carry));
    let Some(after) = there(setup, end, &left, &mut run) else {
        return run;
    };
    again(setup, end, &after, &mut run);
    run
}

/// The call back.
fn there(
    setup: &Setup,
    end: &End,
    left: &Arc<dyn State>,
    run: &mut RollbackRun,
) -> Option<Arc<dyn State>> {
    let step = step(setup, &**left, run.back.clone(), setup.blue.address);
    match RevmEngine::default().upgrade(&end.environment, left, &step) {
        Ok((after, outcome)) => {
            run.rehearsed = true;
            run.status = Some(outcome.status);
            Some(after)
        }
        Err(crate::engine::EngineError::Upgrade { outcome, why }) => {
            run.rehearsed = true;
            // Success with the wrong implementation is no way back.
            run.status = Some(match outcome.status {
                Status::Success => Status::Revert,
                other => other,
            });
            run.why = Some(why.replacen("the upgrade call", "the call back", 1));
            None
        }
        Err(other) => {
            run.why = Some(format!("the call back could not be executed: {other}"));
            None
        }
    }
}

/// The call forward again, after it.
fn again(setup: &Setup, end: &End, after: &Arc<dyn State>, run: &mut RollbackRun) {
    let step = step(
        setup,
        &**after,
        run.forward_again.clone(),
        setup.green.address,
    );
    match RevmEngine::default().upgrade(&end.environment, after, &step) {
        Ok((_, outcome)) => run.forward_again_status = Some(outcome.status),
        Err(crate::engine::EngineError::Upgrade { outcome, why }) => {
            run.forward_again_status = Some(match outcome.status {
                Status::Success => Status::Revert,
                other => other,
            });
            run.why = Some(why.replacen("the upgrade call", "going forward again", 1));
        }
        Err(other) => {
            run.why = Some(format!(
                "going forward again could not be executed: {other}"
            ));
        }
    }
}

fn step(setup: &Setup, view: &dyn State, data: Bytes, implementation: Address) -> Step {
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
    Step {
        from: setup.path.from,
        to: setup.path.to,
        data,
        place,
        pointer: setup.pointer(),
        green: implementation,
    }
}

/// Slots of the proxy that keep what green wrote.
fn lossy(setup: &Setup, carry: &Carry) -> Vec<String> {
    let layouts = [&setup.green.layout, &setup.green.blue_layout];
    let names: Vec<Names<'_>> = layouts.into_iter().flatten().map(Names::new).collect();
    let kept: Vec<String> = carry
        .slots
        .iter()
        .filter(|((address, slot), _)| {
            *address == setup.proxy && (*address, *slot) != setup.pointer()
        })
        .map(|((_, slot), carried)| {
            let name = label(&names, *slot, &[])
                .map(|name| format!(" ({name})"))
                .unwrap_or_default();
            format!(
                "slot {slot}{name}: blue {:#x}, green {:#x}",
                carried.blue, carried.green
            )
        })
        .collect();
    let more = kept.len().saturating_sub(MAX_LOSSY);
    let mut lossy: Vec<String> = kept.into_iter().take(MAX_LOSSY).collect();
    if more > 0 {
        lossy.push(format!("and {more} more slots"));
    }
    lossy
}

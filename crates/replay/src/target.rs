//! One transaction: blue, green, and what that means.

mod fork;
mod sides;

use crate::{
    anvil::{AnvilEngine, limits},
    base::{Base, MAX_WAVES},
    carry::{Carry, Drifted},
    compare::{Context, differences},
    engine::{EngineError, Executed, Job, RevmEngine, Step},
    exact::Exact,
    setup::Setup,
    verdict::verdict,
    view::Layered,
};
use alloy_primitives::{Address, Bytes, FixedBytes};
use cutover_evm::Environment;
use cutover_types::{
    Assumption, CallKind, Outcome, RecordedBlock, State, TransactionVerdict,
    execution::Status,
    replay::{Difference, DifferenceKind, EngineName, TransactionReport},
};
use fork::{disagreements, on_anvil};
use sides::Sides;
use std::{collections::BTreeSet, sync::Arc};

/// What executes in one worker.
pub(crate) struct Engines {
    pub(crate) revm: RevmEngine,
    pub(crate) anvil: Option<AnvilEngine>,
}

/// Where a transaction stands.
pub(crate) struct Place<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) block: &'a RecordedBlock,
    pub(crate) environment: &'a Environment,
    pub(crate) exact: &'a Exact,
}

/// What came of one transaction.
pub(crate) struct Taken {
    pub(crate) report: TransactionReport,
    /// Both sides in process, when both ran: what the carry is made of.
    pub(crate) ran: Option<(Outcome, Outcome)>,
    /// The upgrade before it, with what it needed.
    pub(crate) upgrade: Option<(Step, Outcome)>,
    /// Executions.
    pub(crate) executed: u64,
}

/// Green in process.
enum Green {
    Ran {
        executed: Box<Executed>,
        step: Option<Step>,
        /// The state the transaction ran on.
        view: Arc<dyn State>,
        /// The state the upgrade ran on.
        before: Arc<dyn State>,
        /// Carried slots it read that somebody else changed.
        drifted: Option<Arc<Drifted>>,
    },
    Invalid {
        reason: String,
        step: Option<Step>,
    },
    Upgrade {
        step: Step,
        outcome: Box<Outcome>,
        why: String,
    },
    Unknown(String),
}

/// Takes one transaction through blue and green. With `carry`, green runs on what green left;
/// with `upgrade`, the upgrade runs first.
pub(crate) async fn take(
    place: &Place<'_>,
    base: &mut Base,
    engines: &mut Engines,
    carry: Option<&Arc<Carry>>,
    upgrade: bool,
    assumptions: &mut BTreeSet<Assumption>,
) -> Taken {
    let exact = place.exact;
    let mut taken = Taken {
        report: TransactionReport {
            hash: exact.target.hash,
            block: place.block.header.number,
            index: exact.target.index,
            reach: exact.target.reach,
            selector: direct_selector(place),
            verdict: TransactionVerdict::Inconclusive,
            why: None,
            control_held: false,
            blue: None,
            green: None,
            differences: Vec::new(),
        },
        ran: None,
        upgrade: None,
        executed: 0,
    };
    let blue = match &exact.control {
        Ok(blue) => blue,
        Err(why) => {
            taken.report.why = Some(why.clone());
            return taken;
        }
    };
    taken.report.selector = selector(blue, place.setup.proxy).or(taken.report.selector);
    let sides = Sides::of(place, base);
    taken.report.blue = Some(sides.blue(blue));
    taken.report.control_held = true;
    let green = green(place, base, &engines.revm, carry, upgrade, assumptions).await;
    taken.executed += 1;
    let (executed, step, view, before, drifted) = match green {
        Green::Unknown(why) => {
            taken.report.why = Some(format!("green: {why}"));
            return taken;
        }
        Green::Upgrade { step, outcome, why } => {
            taken.report.why = Some(why);
            taken.upgrade = Some((step, *outcome));
            return taken;
        }
        Green::Invalid { reason, step } => {
            drop(step);
            not_included(&mut taken.report, blue, &reason, place.setup);
            // Green did nothing, so whatever blue changed is different from here on.
            taken.ran = Some((blue.clone(), nothing()));
            return taken;
        }
        Green::Ran {
            executed,
            step,
            view,
            before,
            drifted,
        } => (executed, step, view, before, drifted),
    };
    if let (Some(step), Some(outcome)) = (&step, &executed.upgrade) {
        taken.upgrade = Some((step.clone(), outcome.clone()));
    }
    if let Some((address, slot)) = drifted.and_then(|drifted| drifted.stale().pop_first()) {
        taken.report.green = Some(sides.green(&executed.outcome));
        taken.report.why = Some(format!(
            "slot {slot} of {address}, which green left different, changed outside the recording"
        ));
        return taken;
    }
    let mut both = (blue.clone(), executed.outcome.clone());
    let mut engine_differences = Vec::new();
    if let Some(anvil) = &mut engines.anvil {
        taken.executed += 2;
        let ran = on_anvil(place, base, anvil, &before, step.as_ref(), &both).await;
        match ran {
            // revm can tell, and why anvil cannot is known.
            Err(no) if no.limit && place.setup.options.engine == EngineName::Both => {
                conclude(&mut taken.report, place, base, &both, &*view);
                taken.report.why = Some(format!("on revm only: {}", no.why));
                taken.ran = Some(both);
                return taken;
            }
            Err(no) => {
                taken.report.control_held = !no.control;
                taken.report.green = Some(sides.green(&executed.outcome));
                taken.report.why = Some(no.why);
                taken.ran = Some(both);
                return taken;
            }
            Ok(forked) if place.setup.options.engine == EngineName::Both => {
                engine_differences.extend(disagreements("blue", &both.0, &forked.0));
                engine_differences.extend(disagreements("green", &both.1, &forked.1));
            }
            Ok(forked) => both = forked,
        }
    }
    conclude(&mut taken.report, place, base, &both, &*view);
    if !engine_differences.is_empty() {
        match limits(blue, place.environment, &exact.transaction) {
            Some(limit) => {
                taken.report.why = Some(format!("anvil differs: the transaction {limit}"))
            }
            None => {
                taken.report.verdict = TransactionVerdict::Inconclusive;
                taken.report.why = Some("revm and anvil disagree".into());
                taken.report.differences.extend(engine_differences);
            }
        }
    }
    taken.ran = Some((blue.clone(), executed.outcome));
    taken
}

/// Compares the two sides and writes the verdict.
fn conclude(
    report: &mut TransactionReport,
    place: &Place<'_>,
    base: &Base,
    (blue, green): &(Outcome, Outcome),
    green_view: &dyn State,
) {
    let setup = place.setup;
    let blue_view = place.exact.view(base);
    let pointer = setup.pointer();
    let sides = Sides::of(place, base);
    let live = sides.live;
    let context = Context {
        proxy: setup.proxy,
        blue: live,
        green: setup.green.address,
        pointer,
        fees: place.exact.fees,
        abi: setup.green.abi.as_ref(),
        layout: setup.green.layout.as_ref(),
        blue_layout: setup.green.blue_layout.as_ref(),
        views: [&*blue_view, green_view],
    };
    let (blue_side, green_side) = (sides.blue(blue), sides.green(green));
    let passed_by = blue_side.ran && !green_side.ran;
    report.blue = Some(blue_side);
    report.green = Some(green_side);
    report.differences = differences(blue, green, &context);
    (report.verdict, report.why) = verdict(
        blue.status,
        Some(green.status),
        &report.differences,
        report.selector,
        &setup.options.expected,
    );
    if passed_by {
        if !is_worse(report.verdict) {
            report.verdict = TransactionVerdict::Inconclusive;
        }
        report.why = Some(format!(
            "blue's code ran in it, green's did not: the proxy does not send this to {}",
            setup.green.address
        ));
    }
    // People would look for the reason in green's code.
    if report.why.is_none() && !report.differences.is_empty() {
        report.why = elsewhere(place, blue, live);
    }
}

/// A way to reach blue's implementation that does not lead through the proxy, and so not to green.
fn elsewhere(place: &Place<'_>, blue: &Outcome, live: Address) -> Option<String> {
    use alloy_consensus::Transaction as _;
    let list = place.exact.transaction.envelope.access_list();
    if list.is_some_and(|list| list.iter().any(|item| item.address == live)) {
        return Some(format!(
            "its access list names the implementation {live}, so green costs 2,500 gas more to reach"
        ));
    }
    let other = blue
        .calls
        .iter()
        .find(|frame| frame.to == live && frame.from != place.setup.proxy)?;
    Some(format!(
        "{} also calls {live}, which the upgrade does not change: whichever comes second reaches it \
         2,500 gas cheaper on blue",
        other.from
    ))
}

/// Green cannot take the transaction at all.
fn not_included(report: &mut TransactionReport, blue: &Outcome, reason: &str, setup: &Setup) {
    report.differences = vec![Difference {
        what: DifferenceKind::Status,
        place: "transaction".into(),
        blue: match blue.status {
            Status::Success => "success".into(),
            Status::Revert => "revert".into(),
            Status::Halt => "halt".into(),
        },
        green: format!("not includable: {reason}"),
    }];
    (report.verdict, report.why) = verdict(
        blue.status,
        None,
        &report.differences,
        report.selector,
        &setup.options.expected,
    );
}

/// Runs green in process, fetching what only green reads where there is a node.
async fn green(
    place: &Place<'_>,
    base: &mut Base,
    revm: &RevmEngine,
    carry: Option<&Arc<Carry>>,
    upgrade: bool,
    assumptions: &mut BTreeSet<Assumption>,
) -> Green {
    for _ in 0..MAX_WAVES {
        let exact = place.exact.view(base);
        let drifted = carry.map(|carry| Arc::new(Drifted::new(exact.clone(), carry.clone())));
        let view: Arc<dyn State> = match &drifted {
            Some(drifted) => drifted.clone(),
            None => exact,
        };
        let step = if upgrade {
            let needs = place.setup.needs(&*view);
            // What the node cannot give either is then an assumption, and said.
            if base.grows() && !needs.is_empty() && base.fill(&needs).await.is_ok() {
                continue;
            }
            let step = match place.setup.step(&*view, assumptions) {
                Ok(step) => step,
                Err(error) => return Green::Unknown(error.to_string()),
            };
            let (setup, environment) = (place.setup, place.environment);
            match setup.prepare(environment, &view, &setup.forward, step.clone()) {
                Ok(step) => Some(step),
                Err(EngineError::Missing(missing)) => {
                    if let Err(why) = base.fill(&missing).await {
                        return Green::Unknown(why);
                    }
                    continue;
                }
                Err(EngineError::Upgrade { outcome, why }) => {
                    return Green::Upgrade { step, outcome, why };
                }
                Err(other) => return Green::Unknown(other.to_string()),
            }
        } else {
            None
        };
        let job = Job {
            environment: place.environment,
            view: view.clone(),
            upgrade: step.as_ref(),
            transaction: &place.exact.transaction,
        };
        let missing = match revm.run(&job) {
            Ok(executed) => {
                let before = view.clone();
                let view = match (&step, &executed.upgrade) {
                    (Some(step), Some(outcome)) => Layered::share(
                        Layered::share(view, step.place.clone()),
                        outcome.diff.clone(),
                    ),
                    _ => view,
                };
                return Green::Ran {
                    executed: Box::new(executed),
                    step,
                    view,
                    before,
                    drifted,
                };
            }
            Err(EngineError::Missing(missing)) => missing,
            Err(EngineError::Invalid { reason }) => return Green::Invalid { reason, step },
            Err(EngineError::Upgrade { outcome, why }) => {
                return match step {
                    Some(step) => Green::Upgrade { step, outcome, why },
                    None => Green::Unknown(why),
                };
            }
            Err(other) => return Green::Unknown(other.to_string()),
        };
        if let Err(why) = base.fill(&missing).await {
            return Green::Unknown(why);
        }
    }
    Green::Unknown("it never stops asking for state".into())
}

fn is_worse(verdict: TransactionVerdict) -> bool {
    matches!(
        verdict,
        TransactionVerdict::Changed | TransactionVerdict::Regressed
    )
}

fn nothing() -> Outcome {
    Outcome {
        status: Status::Revert,
        halt: None,
        gas_used: 0,
        output: Bytes::new(),
        created: None,
        logs: Vec::new(),
        diff: Default::default(),
        calls: Vec::new(),
        environment: Default::default(),
    }
}

/// The function of the proxy a transaction calls first.
fn selector(outcome: &Outcome, proxy: Address) -> Option<FixedBytes<4>> {
    outcome
        .calls
        .iter()
        .filter(|frame| frame.to == proxy && frame.kind != CallKind::DelegateCall)
        .find_map(|frame| frame.input.get(..4).map(FixedBytes::from_slice))
}

/// The same from the transaction alone, when it could not be executed.
fn direct_selector(place: &Place<'_>) -> Option<FixedBytes<4>> {
    use alloy_consensus::Transaction as _;
    let envelope = &place.exact.transaction.envelope;
    if envelope.to() != Some(place.setup.proxy) {
        return None;
    }
    envelope.input().get(..4).map(FixedBytes::from_slice)
}

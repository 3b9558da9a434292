//! The two ways to run: each transaction on its own exact state, or green's own state carried on.

use crate::{
    anvil::AnvilEngine,
    base::{Base, MAX_WAVES},
    carry::Carry,
    engine::{EngineError, RevmEngine},
    error::ReplayError,
    exact::{Prepared, prepare},
    outflow,
    setup::Setup,
    target::{Engines, Place, Taken, take},
    view::Layered,
};
use alloy_primitives::Bytes;
use cutover_evm::{Changes, Environment, SignedTransaction};
use cutover_types::{
    Assumption, Outcome, Outflow, RecordedBlock, State, Target,
    execution::Status,
    replay::{EngineName, TransactionReport, UpgradeRun},
};
use std::{collections::BTreeSet, sync::Arc};

/// Transactions tried again after the way back.
const PROBES: usize = 3;

/// The upgrade as it went.
#[derive(Clone, Debug)]
pub(crate) struct Upgraded {
    pub(crate) outcome: Outcome,
    pub(crate) why: Option<String>,
}

impl Upgraded {
    /// Whether green was installed by it.
    pub(crate) fn works(&self) -> bool {
        self.why.is_none()
    }

    pub(crate) fn describe(&self, setup: &Setup, outflows: &[Outflow]) -> UpgradeRun {
        UpgradeRun {
            from: setup.path.from,
            to: setup.path.to,
            data: first_data(setup),
            then: setup.forward.iter().skip(1).cloned().collect(),
            initializer: setup.green.initializer.clone(),
            status: self.outcome.status,
            gas: self.outcome.gas_used,
            outflows: outflows.to_vec(),
            why: self.why.clone(),
        }
    }
}

/// What came of some transactions, in chain order.
pub(crate) struct Ran {
    pub(crate) reports: Vec<TransactionReport>,
    pub(crate) assumptions: BTreeSet<Assumption>,
    /// The first upgrade that was executed.
    pub(crate) upgraded: Option<Upgraded>,
    /// The most that the upgrade took from the proxy.
    pub(crate) outflows: Vec<Outflow>,
    /// What the upgrade itself made different, when it ran before every transaction anew.
    pub(crate) installed: Option<Carry>,
    /// Where green and blue ended apart.
    pub(crate) carry: Carry,
    /// Where it all ended.
    pub(crate) end: Option<End>,
    pub(crate) executed: u64,
}

/// The last block, for what comes after the traffic.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) environment: Environment,
    pub(crate) base: Base,
    /// The last transactions whose control held, newest last.
    pub(crate) last: Vec<Last>,
}

/// A transaction as blue ran it.
#[derive(Clone)]
pub(crate) struct Last {
    pub(crate) transaction: SignedTransaction,
    pub(crate) prefix: Changes,
    pub(crate) blue: Outcome,
}

impl End {
    /// The chain's state after the last transaction.
    pub(crate) fn state(&self) -> Arc<dyn State> {
        match self.last.last() {
            None => self.base.known(),
            Some(last) => Layered::share(
                Arc::new(last.prefix.over(self.base.known())),
                last.blue.diff.clone(),
            ),
        }
    }
}

/// A block to run, with the transactions wanted of it.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) block: Arc<RecordedBlock>,
    pub(crate) wanted: Vec<Target>,
}

impl Ran {
    pub(crate) fn new() -> Self {
        Self {
            reports: Vec::new(),
            assumptions: BTreeSet::new(),
            upgraded: None,
            outflows: Vec::new(),
            installed: None,
            carry: Carry::default(),
            end: None,
            executed: 0,
        }
    }

    /// Adds what a later block gave.
    pub(crate) fn join(&mut self, later: Self) {
        self.reports.extend(later.reports);
        self.assumptions.extend(later.assumptions);
        self.executed += later.executed;
        if self.upgraded.is_none() {
            self.upgraded = later.upgraded;
        }
        if self.installed.is_none() {
            self.installed = later.installed;
        }
        self.took(later.outflows);
        self.carry.join(later.carry);
        if later.end.is_some() {
            self.end = later.end;
        }
    }

    /// Keeps the largest of each.
    fn took(&mut self, outflows: Vec<Outflow>) {
        for flow in outflows {
            match self
                .outflows
                .iter_mut()
                .find(|known| known.token == flow.token)
            {
                Some(known) if known.amount < flow.amount => *known = flow,
                Some(_) => {}
                None => self.outflows.push(flow),
            }
        }
    }

    fn upgrade(&mut self, setup: &Setup, taken: &Taken, carried: bool) {
        let Some((step, outcome)) = &taken.upgrade else {
            return;
        };
        self.took(outflow::of(setup, step, outcome));
        if self.upgraded.as_ref().is_some_and(Upgraded::works) {
            return;
        }
        // A transaction that has no upgrade to run on does not run on green.
        let works = taken.ran.is_some() || taken.report.green.is_some();
        if works {
            let mut installed = Carry::default();
            installed.place(&step.place);
            installed.place(&outcome.diff);
            if carried {
                self.carry.join(installed);
            } else {
                self.installed = Some(installed);
            }
        }
        self.upgraded = Some(Upgraded {
            outcome: outcome.clone(),
            why: (!works).then(|| taken.report.why.clone().unwrap_or_default()),
        });
    }
}

async fn engines(
    setup: &Setup,
    block: &RecordedBlock,
    base: &Base,
) -> Result<Engines, ReplayError> {
    let anvil = match setup.options.engine {
        EngineName::Revm => None,
        EngineName::Anvil | EngineName::Both => Some(
            AnvilEngine::start(
                setup.chain_id,
                block,
                base.known(),
                setup.options.anvil.as_ref(),
            )
            .await?,
        ),
    };
    Ok(Engines {
        revm: RevmEngine {
            speculate: base.grows(),
        },
        anvil,
    })
}

fn first_data(setup: &Setup) -> Bytes {
    let first = setup.forward.first();
    first.map(|step| step.call.data.clone()).unwrap_or_default()
}

fn base(setup: &Setup, block: &Arc<RecordedBlock>) -> Base {
    Base::new(block.clone(), setup.options.node.clone())
}

/// The upgrade on the state of a block's parent, with no transaction after it.
pub(crate) async fn upgrade_alone(
    setup: &Setup,
    block: &RecordedBlock,
    base: &mut Base,
) -> Result<UpgradeRun, ReplayError> {
    let environment = Environment::of(setup.chain_id, &block.header)?;
    let revm = RevmEngine {
        speculate: base.grows(),
    };
    let mut run = UpgradeRun {
        from: setup.path.from,
        to: setup.path.to,
        data: first_data(setup),
        then: setup.forward.iter().skip(1).cloned().collect(),
        initializer: setup.green.initializer.clone(),
        status: Status::Halt,
        gas: 0,
        outflows: Vec::new(),
        why: None,
    };
    for _ in 0..MAX_WAVES {
        let view: Arc<dyn State> = base.known();
        let step = setup.step(&*view, &mut BTreeSet::new())?;
        let ready = setup.prepare(&environment, &view, &setup.forward, step);
        let done = ready.and_then(|step| revm.upgrade(&environment, &view, &step));
        let missing = match done {
            Ok((_, outcome)) => {
                run.status = outcome.status;
                run.gas = outcome.gas_used;
                return Ok(run);
            }
            Err(EngineError::Upgrade { outcome, why }) => {
                run.status = outcome.status;
                run.gas = outcome.gas_used;
                run.why = Some(why);
                return Ok(run);
            }
            Err(EngineError::Missing(missing)) => missing,
            Err(other) => {
                run.why = Some(other.to_string());
                return Ok(run);
            }
        };
        if let Err(why) = base.fill(&missing).await {
            run.why = Some(format!("it could not be executed: {why}"));
            return Ok(run);
        }
    }
    run.why = Some("it never stops asking for state".into());
    Ok(run)
}

/// One block on its own: every transaction on the exact state it had.
pub(crate) async fn isolated(setup: &Setup, work: &Work) -> Result<Ran, ReplayError> {
    let mut ran = Ran::new();
    let mut base = base(setup, &work.block);
    let prepared = prepare(setup.chain_id, &work.block, &work.wanted, &mut base).await?;
    let mut engines = engines(setup, &work.block, &base).await?;
    run(
        setup,
        work,
        &prepared,
        &mut base,
        &mut engines,
        &mut ran,
        false,
    )
    .await;
    Ok(ran)
}

/// The next block of a sequence: green runs on what green left.
pub(crate) async fn sequential(
    setup: &Setup,
    work: &Work,
    ran: &mut Ran,
) -> Result<(), ReplayError> {
    let mut base = base(setup, &work.block);
    let prepared = prepare(setup.chain_id, &work.block, &work.wanted, &mut base).await?;
    let mut engines = engines(setup, &work.block, &base).await?;
    run(setup, work, &prepared, &mut base, &mut engines, ran, true).await;
    Ok(())
}

async fn run(
    setup: &Setup,
    work: &Work,
    prepared: &Prepared,
    base: &mut Base,
    engines: &mut Engines,
    ran: &mut Ran,
    carried: bool,
) {
    ran.executed += prepared.executed;
    for exact in &prepared.targets {
        let place = Place {
            setup,
            block: &work.block,
            environment: &prepared.environment,
            exact,
        };
        let upgraded = ran.upgraded.as_ref().is_some_and(Upgraded::works);
        let carry = (carried && upgraded).then(|| Arc::new(ran.carry.clone()));
        let upgrade = carry.is_none();
        let taken = take(
            &place,
            base,
            engines,
            carry.as_ref(),
            upgrade,
            &mut ran.assumptions,
        )
        .await;
        let before = exact.view(base);
        ran.upgrade(setup, &taken, carried);
        ran.executed += taken.executed;
        if let Some((blue, green)) = &taken.ran {
            ran.carry.absorb(blue, green, &*before, Some(&exact.fees));
        }
        ran.reports.push(taken.report);
    }
    let held = prepared.targets.iter().filter_map(|exact| {
        Some(Last {
            transaction: exact.transaction.clone(),
            prefix: exact.prefix.clone(),
            blue: exact.control.as_ref().ok()?.clone(),
        })
    });
    let mut last: Vec<Last> = held.collect();
    last.drain(..last.len().saturating_sub(PROBES));
    if !last.is_empty() {
        ran.end = Some(End {
            environment: prepared.environment.clone(),
            base: base.clone(),
            last,
        });
    }
}

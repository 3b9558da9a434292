//! The two ways to run: each transaction on its own exact state, or green's own state carried on.

use crate::{
    anvil::AnvilEngine,
    base::Base,
    carry::Carry,
    engine::RevmEngine,
    error::ReplayError,
    exact::{Prepared, prepare},
    setup::Setup,
    target::{Engines, Place, Taken, take},
    view::Layered,
};
use cutover_evm::Environment;
use cutover_types::{
    Assumption, Outcome, RecordedBlock, State, Target,
    replay::{EngineName, TransactionReport},
};
use std::{collections::BTreeSet, sync::Arc};

/// The upgrade as it went.
#[derive(Clone, Debug)]
pub(crate) struct Upgraded {
    pub(crate) from: alloy_primitives::Address,
    pub(crate) to: alloy_primitives::Address,
    pub(crate) outcome: Outcome,
}

/// What came of some transactions, in chain order.
pub(crate) struct Ran {
    pub(crate) reports: Vec<TransactionReport>,
    pub(crate) assumptions: BTreeSet<Assumption>,
    /// The first upgrade that was executed.
    pub(crate) upgraded: Option<Upgraded>,
    /// What the upgrade itself made different, when it ran before every transaction anew.
    pub(crate) installed: Option<Carry>,
    /// Where green and blue ended apart.
    pub(crate) carry: Carry,
    /// Where it all ended.
    pub(crate) end: Option<End>,
    pub(crate) executed: u64,
}

/// The chain's state after the last transaction that ran.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) environment: Environment,
    pub(crate) state: Arc<dyn State>,
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
        self.carry.join(later.carry);
        if later.end.is_some() {
            self.end = later.end;
        }
    }

    fn upgrade(&mut self, taken: &Taken, carried: bool) {
        let Some((step, outcome)) = &taken.upgrade else {
            return;
        };
        if self
            .upgraded
            .as_ref()
            .is_some_and(|done| done.outcome.status.is_success())
        {
            return;
        }
        if outcome.status.is_success() {
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
            from: step.from,
            to: step.to,
            outcome: outcome.clone(),
        });
    }
}

async fn engines(
    setup: &Setup,
    block: &RecordedBlock,
    grows: bool,
) -> Result<Engines, ReplayError> {
    let anvil = match setup.options.engine {
        EngineName::Revm => None,
        EngineName::Anvil | EngineName::Both => {
            Some(AnvilEngine::start(setup.chain_id, block, setup.options.anvil.as_ref()).await?)
        }
    };
    Ok(Engines {
        revm: RevmEngine { speculate: grows },
        anvil,
    })
}

fn base(setup: &Setup, block: &RecordedBlock) -> Base {
    Base::new(
        Arc::new(block.state.clone()),
        setup.options.node.clone(),
        block.header.number.saturating_sub(1),
    )
}

/// One block on its own: every transaction on the exact state it had.
pub(crate) async fn isolated(setup: &Setup, work: &Work) -> Result<Ran, ReplayError> {
    let mut ran = Ran::new();
    let mut base = base(setup, &work.block);
    let prepared = prepare(setup.chain_id, &work.block, &work.wanted, &mut base).await?;
    let mut engines = engines(setup, &work.block, base.grows()).await?;
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
    let mut engines = engines(setup, &work.block, base.grows()).await?;
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
        let upgraded = ran
            .upgraded
            .as_ref()
            .is_some_and(|done| done.outcome.status.is_success());
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
        ran.upgrade(&taken, carried);
        ran.executed += taken.executed;
        if let Some((blue, green)) = &taken.ran {
            ran.carry.absorb(blue, green, &*before, Some(&exact.fees));
        }
        if let Ok(blue) = &exact.control {
            ran.end = Some(End {
                environment: prepared.environment.clone(),
                state: Layered::share(before, blue.diff.clone()),
            });
        }
        ran.reports.push(taken.report);
    }
}

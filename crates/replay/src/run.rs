//! The replay from end to end.

use crate::{
    base::Base,
    error::ReplayError,
    modes::{self, Ran, Work},
    options::{Green, Options},
    rollback::rehearse,
    setup::Setup,
    summary,
};
use cutover_chain::RecordingFolder;
use cutover_types::{
    RecordedBlock, Recording, ReplayReport,
    progress::Progress,
    recording::Target,
    replay::{Mode, Summary, UpgradeRun},
};
use futures::{StreamExt as _, stream};
use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// What a replay gives.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The report: the same bytes for the same inputs.
    pub report: ReplayReport,
    /// How long it took, which is not part of it.
    pub speed: Speed,
}

/// How fast a replay was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Speed {
    /// Transactions executed, counting both sides and the ones before them in their blocks.
    pub executed: u64,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} executions in {:.2} s: {:.0} a second",
            self.executed,
            self.took.as_secs_f64(),
            self.per_second()
        )
    }
}

impl Speed {
    /// Transactions a second.
    pub fn per_second(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let executed = self.executed as f64;
        executed / self.took.as_secs_f64().max(1e-9)
    }
}

/// Replays a recording on blue and on green.
///
/// # Errors
/// When nothing can be replayed at all; what goes wrong with one transaction is in its report.
pub async fn run(
    folder: &RecordingFolder,
    green: &Green,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Replayed, ReplayError> {
    let load = |number| Ok(folder.block(number)?);
    replay(folder.manifest(), &load, green, options, progress).await
}

/// Reads a recorded block.
type Load<'a> = &'a (dyn Fn(u64) -> Result<Arc<RecordedBlock>, ReplayError> + Sync);

/// [`run`], from wherever the blocks come.
pub(crate) async fn replay(
    recording: &Recording,
    load: Load<'_>,
    green: &Green,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Replayed, ReplayError> {
    let began = Instant::now();
    let plan = plan(recording, options.partition)?;
    let nothing = || ReplayError::NoTransactions {
        proxy: recording.proxy,
    };
    let (first, _) = plan.first_key_value().ok_or_else(nothing)?;
    let first = load(*first)?;
    let mut base = Base::new(first.clone(), options.node.clone());
    let setup = Arc::new(Setup::new(recording, green, options, &first, &mut base).await?);
    let total: usize = plan.values().map(Vec::len).sum();
    progress.start("replaying", u64::try_from(total).ok());
    let ran = match options.mode {
        Mode::Isolated => isolated(&setup, &plan, load, progress).await,
        Mode::Sequential => sequential(&setup, &plan, load, progress).await,
    };
    progress.finish();
    let ran = ran?;
    let upgrade = match &ran.upgraded {
        Some(upgraded) => upgraded.describe(&setup, &ran.outflows),
        // No control held, but the upgrade itself may work all the same.
        None => modes::upgrade_alone(&setup, &first, &mut base).await?,
    };
    let report = report(&setup, recording, &ran, upgrade).await;
    Ok(Replayed {
        report,
        speed: Speed {
            executed: ran.executed,
            took: began.elapsed(),
        },
    })
}

/// The wanted transactions of each block, in chain order.
fn plan(
    recording: &Recording,
    partition: Option<(u64, u64)>,
) -> Result<BTreeMap<u64, Vec<Target>>, ReplayError> {
    let (part, parts) = partition.unwrap_or((1, 1));
    if part == 0 || part > parts {
        return Err(ReplayError::NoSuchPart { part, parts });
    }
    let all: u128 = recording
        .blocks
        .iter()
        .map(|block| block.targets.len() as u128)
        .sum();
    let bound = |part: u64| all * u128::from(part) / u128::from(parts);
    let wanted = bound(part - 1)..bound(part);
    let mut plan: BTreeMap<u64, Vec<Target>> = BTreeMap::new();
    let mut position = 0u128;
    for block in &recording.blocks {
        for target in &block.targets {
            if wanted.contains(&position) {
                plan.entry(block.number).or_default().push(target.clone());
            }
            position += 1;
        }
    }
    Ok(plan)
}

/// Blocks side by side, each in a thread of its own; results in chain order.
async fn isolated(
    setup: &Arc<Setup>,
    plan: &BTreeMap<u64, Vec<Target>>,
    load: Load<'_>,
    progress: &dyn Progress,
) -> Result<Ran, ReplayError> {
    let mut results = stream::iter(plan)
        .map(|(number, wanted)| async move {
            let work = Work {
                block: load(*number)?,
                wanted: wanted.clone(),
            };
            let setup = setup.clone();
            let here = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || here.block_on(modes::isolated(&setup, &work)))
                .await
                .map_err(|error| ReplayError::Worker(error.to_string()))?
        })
        .buffered(setup.options.jobs.clamp(1, 256));
    let mut all = Ran::new();
    while let Some(ran) = results.next().await {
        let ran = ran?;
        progress.advance(ran.reports.len() as u64);
        all.join(ran);
    }
    Ok(all)
}

/// Blocks one after the other.
async fn sequential(
    setup: &Arc<Setup>,
    plan: &BTreeMap<u64, Vec<Target>>,
    load: Load<'_>,
    progress: &dyn Progress,
) -> Result<Ran, ReplayError> {
    let mut ran = Ran::new();
    for (number, wanted) in plan {
        let work = Work {
            block: load(*number)?,
            wanted: wanted.clone(),
        };
        let setup = setup.clone();
        let here = tokio::runtime::Handle::current();
        ran = tokio::task::spawn_blocking(move || {
            here.block_on(async {
                modes::sequential(&setup, &work, &mut ran).await?;
                Ok::<_, ReplayError>(ran)
            })
        })
        .await
        .map_err(|error| ReplayError::Worker(error.to_string()))??;
        progress.advance(wanted.len() as u64);
    }
    Ok(ran)
}

async fn report(
    setup: &Setup,
    recording: &Recording,
    ran: &Ran,
    upgrade: UpgradeRun,
) -> ReplayReport {
    ReplayReport {
        engine: setup.options.engine,
        mode: setup.options.mode,
        chain_id: setup.chain_id,
        proxy: setup.proxy,
        window: recording.window,
        blue: setup.blue.clone(),
        green: setup.green_at(),
        upgrade,
        cut: setup.options.cut.clone(),
        summary: Summary::of(&ran.reports),
        selectors: summary::selectors(&ran.reports, setup.green.abi.as_ref()),
        transactions: ran.reports.clone(),
        rollback: rehearse(setup, ran).await,
        partition: setup.options.partition,
        assumptions: ran.assumptions.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests;

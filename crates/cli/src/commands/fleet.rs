//! `cutover inspect` of many: a list, the proxies of a beacon, what a factory made.

mod list;

use super::inspect::stop;
use crate::{
    context::Context,
    exit::{Exit, OrStop, inconclusive, usage},
    output::json_line,
};
use alloy_primitives::Address;
use clap::Args;
use cutover_chain::Node;
use cutover_inspect::{
    InspectError,
    fleet::{Fleet, FleetOptions, named_by_factory, users_of_beacon},
};
use cutover_report::{Report, fleet_line};
use cutover_types::{
    file::Inputs,
    fleet::{FleetMember, FleetSummary},
    progress::{Progress, Silent},
};
use serde::Serialize;
use std::{io::IsTerminal, path::PathBuf};

/// The schema of every line.
const COMMAND: &str = "inspect-fleet";

/// Which proxies, when they are many.
#[derive(Clone, Debug, Args)]
pub(super) struct Many {
    /// Inspect every proxy of this beacon that announced it in a log
    #[arg(long, group = "fleet", value_name = "ADDRESS", value_parser = cutover_types::address::parse)]
    beacon: Option<Address>,
    /// Inspect the addresses in a file, one on a line; `#` begins a comment
    #[arg(long, group = "fleet", value_name = "LIST")]
    file: Option<PathBuf>,
    /// Inspect every proxy that this contract's logs name
    #[arg(long, group = "fleet", value_name = "ADDRESS", value_parser = cutover_types::address::parse)]
    factory: Option<Address>,
    /// First block whose logs are searched for proxies of a beacon or factory
    #[arg(
        long,
        requires = "fleet",
        conflicts_with = "file",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    from_block: u64,
    /// Prove the upgrade and the rollback of each of many, as for a single proxy
    #[arg(long, requires = "fleet")]
    prove: bool,
}

/// Where the addresses come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Beacon(Address),
    File(PathBuf),
    Factory(Address),
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a, T> {
    line: &'static str,
    #[serde(flatten)]
    content: &'a T,
}

/// Why the looking ended early.
enum Early {
    Inspect(Box<InspectError>),
    Output(eyre::Report),
    /// Nobody reads any more (`| head`).
    Enough,
}

impl From<InspectError> for Early {
    fn from(error: InspectError) -> Self {
        Self::Inspect(Box::new(error))
    }
}

impl Many {
    /// Where the addresses come from, if many are asked for.
    pub(super) fn source(&self) -> Option<Source> {
        let beacon = self.beacon.map(Source::Beacon);
        let factory = self.factory.map(Source::Factory);
        beacon.or(factory).or(self.file.clone().map(Source::File))
    }

    pub(super) async fn run(
        &self,
        source: Source,
        block: Option<u64>,
        context: &Context,
    ) -> eyre::Result<Exit> {
        let mut inputs = Inputs::new();
        let listed = match &source {
            Source::File(path) => list::read(path, &mut inputs, context)?,
            _ => Vec::new(),
        };
        let node = context.node().await?;
        let (fleet, addresses) = self.find(&node, &source, listed, block, context).await?;
        context.on_interrupt("the lines printed so far are right; the rest was not looked at");
        let options = FleetOptions {
            prove: self.prove,
            beacon: self.beacon,
            proxies_only: !matches!(source, Source::File(_)),
        };
        let bar = context.progress();
        // A bar among the lines would be torn by them.
        let shown = std::io::stdout().is_terminal();
        let progress: &dyn Progress = if shown { &Silent } else { &bar };
        progress.start("inspecting", Some(addresses.len() as u64));
        let mut print = |member: &FleetMember| print(member, &inputs, context);
        let looked = fleet.look(&addresses, options, progress, &mut print).await;
        progress.finish();
        let summary = match looked {
            Ok(summary) => summary,
            Err(Early::Inspect(error)) => return Err(stop(*error)),
            Err(Early::Output(error)) => return Err(error),
            Err(Early::Enough) => return Ok(Exit::Ok),
        };
        let again = "try again, or with --block and a block that is final";
        let same = fleet
            .still_there()
            .await
            .or_stop(Exit::Inconclusive, again)?;
        if !same {
            let number = fleet.block().number;
            let message = format!("the chain replaced block {number} meanwhile");
            return Err(inconclusive(message, again));
        }
        let (calls, trips) = (node.stats().calls, fleet.round_trips());
        let output = &context.output;
        output.note(&format!("{calls} calls in {trips} round trips"));
        show(&summary, &inputs, context)?;
        Ok(match summary.could_not_tell {
            0 => Exit::Ok,
            _ => Exit::Inconclusive,
        })
    }

    async fn find(
        &self,
        node: &Node,
        source: &Source,
        listed: Vec<Address>,
        block: Option<u64>,
        context: &Context,
    ) -> eyre::Result<(Fleet, Vec<Address>)> {
        let named = match source {
            Source::Beacon(named) | Source::Factory(named) => *named,
            Source::File(_) => listed.first().copied().unwrap_or_default(),
        };
        let fleet = Fleet::open(node, named, block).await.map_err(stop)?;
        if let Source::Beacon(beacon) = source
            && !fleet.is_beacon(*beacon).await.map_err(stop)?
        {
            return Err(usage(
                format!("{beacon} is no beacon: it answers no implementation()"),
                "give the beacon's address: `cutover inspect` shows the one of a proxy",
            ));
        }
        if let Source::Factory(factory) = source
            && !fleet.has_code(*factory).await.map_err(stop)?
        {
            return Err(usage(
                format!("{factory} has no code: it made no proxies"),
                "give the address of the contract that makes them, or list the proxies with --file",
            ));
        }
        let newest = fleet.block().number;
        if self.from_block > newest && !matches!(source, Source::File(_)) {
            let from = self.from_block;
            return Err(usage(
                format!("--from-block {from} is after block {newest}, which is looked at"),
                "give the block in which the first of them was made",
            ));
        }
        let bar = context.progress();
        let found = match source {
            Source::File(_) => return Ok((fleet, listed)),
            Source::Beacon(beacon) => users_of_beacon(&fleet, *beacon, self.from_block, &bar).await,
            Source::Factory(factory) => {
                named_by_factory(&fleet, *factory, self.from_block, &bar).await
            }
        };
        if let (Source::Beacon(who) | Source::Factory(who), Ok([])) = (source, found.as_deref()) {
            let from = self.from_block;
            context.output.note(&format!(
                "no log from block {from} to {newest} names a proxy of {who}: give an earlier --from-block, or \
                 list the proxies with --file"
            ));
        }
        let hint = "narrow the search with --from-block, use another node, or list the addresses with --file";
        Ok((fleet, found.or_stop(Exit::Inconclusive, hint)?))
    }
}

fn print(member: &FleetMember, inputs: &Inputs, context: &Context) -> Result<(), Early> {
    let text = match context.output.json {
        true => line("address", member, inputs).map_err(Early::Output)?,
        false => fleet_line(member),
    };
    match context.output.stream(&text) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Early::Enough),
        Err(error) => Err(Early::Output(error)),
    }
}

fn show(summary: &FleetSummary, inputs: &Inputs, context: &Context) -> eyre::Result<()> {
    let text = match context.output.json {
        true => line("summary", summary, inputs)?,
        false => format!("\n{}", summary.document().text(&context.style())),
    };
    context.output.print(&text)
}

fn line<T: Serialize>(line: &'static str, content: &T, inputs: &Inputs) -> eyre::Result<String> {
    json_line(COMMAND, inputs, &Line { line, content })
}

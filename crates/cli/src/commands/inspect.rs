//! `cutover inspect`: which proxy this is, who can upgrade it, and the way back.

mod output;

use crate::{
    context::{Context, chain_stop},
    exit::{Exit, chain, inconclusive},
};
use alloy_primitives::Address;
use clap::Args;
use cutover_inspect::InspectError;
use cutover_types::file::Inputs;

/// Show a proxy: its kind, its implementation, how it is upgraded and by whom, and the way back
///
/// Nothing is sent. The upgrade and the rollback are executed on local state to prove them.
/// "Not a proxy" and "could not tell" are different answers: the first exits 0, the second 14.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Address of the proxy; `proxy` in cutover.toml when not given
    #[arg(value_parser = cutover_types::address::parse)]
    proxy: Option<Address>,
    /// Block to look at; the latest when not given
    #[arg(long, value_name = "NUMBER")]
    block: Option<u64>,
    #[command(flatten)]
    output: output::OutputArguments,
}

impl Inspect {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        self.output.refuse_nonsense(context)?;
        let proxy = context.proxy(self.proxy)?;
        let node = context.node().await?;
        let inspection = cutover_inspect::inspect(&node, proxy, self.block, &context.progress())
            .await
            .map_err(stop)?;
        let staged = self.output.stage(context, &inspection)?;
        context.run.write(&inspection, &Inputs::new())?;
        staged.show(context)?;
        Ok(Exit::Ok)
    }
}

/// What an inspection that failed means for the command.
pub(super) fn stop(error: InspectError) -> eyre::Report {
    match &error {
        InspectError::Chain { source, .. } => chain_stop(source),
        _ => inconclusive(
            chain(&error),
            "use a node that has this state, for example an archive node",
        ),
    }
}

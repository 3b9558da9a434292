//! `cutover status`: where the proxy stands, and where record and chain disagree.

use crate::{
    context::Context,
    exit::{Exit, OrStop, usage},
};
use clap::Args;
use cutover_rollout::Journal;
use cutover_types::{Format, Proposal, file::Inputs, rollout::JOURNAL_FILE};

/// Show what the proxy runs now, what the journal says it should run, and what to do next
#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let proposal = context
            .run
            .read_unchecked_if_there::<Proposal>("cutover propose")?;
        let path = context.run.file(JOURNAL_FILE);
        if proposal.is_none() && !path.exists() {
            return Err(usage(
                format!(
                    "{} has neither {} nor {JOURNAL_FILE}",
                    context.run.path().display(),
                    Proposal::FILE
                ),
                "run `cutover propose` first, or name the run folder with --run",
            ));
        }
        let journal = Journal::read(&path).or_stop(Exit::Usage, "")?;
        let node = context.node().await?;
        let standing = cutover_rollout::status(
            &node,
            &journal,
            proposal.as_ref().map(|stored| &stored.content),
        )
        .await
        .or_stop(Exit::Inconclusive, "")?;
        let inputs: Inputs = proposal
            .iter()
            .map(|stored| ("proposal".to_owned(), stored.as_input()))
            .collect();
        context.output.show("status", &inputs, &standing, || {
            cutover_report::Report::document(&standing).text(&context.style())
        })?;
        Ok(if standing.disagreements.is_empty() {
            Exit::Ok
        } else {
            Exit::Inconclusive
        })
    }
}

//! `cutover rollback`: the way back.

use crate::{
    commands::upgrade::{Follow, finish, journal, refuse_unless_account},
    context::Context,
    exit::{Exit, OrStop},
    signer::SignerArgs,
};
use clap::Args;
use cutover_rollout::{Executed, Rollout, Uninterrupted};
use cutover_types::{Format, Inspection, Proposal, ReplayReport};

/// Return to the implementation the rollback pointer names
///
/// The same path as the upgrade: preflight, journal, send, follow until final, and read the slot.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The journal is lost: make the rollback pointer again from the proposal and the chain
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    signer: SignerArgs,
}

impl Rollback {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        // The way back stays open when a report it once rested on has moved.
        let proposal = context.run.read_unchecked::<Proposal>("cutover propose")?;
        refuse_unless_account(&proposal.content)?;
        let node = context
            .node_on(proposal.content.chain_id, Proposal::FILE)
            .await?;
        let signer = self.signer.unlock().await?;
        let mut journal = journal(context)?;
        if self.rebuild {
            let replay = context
                .run
                .read_unchecked::<ReplayReport>("cutover replay")?;
            let inspection = context
                .run
                .read_unchecked::<Inspection>("cutover inspect")?;
            let executed = Executed {
                replay: &replay.content,
                inspection: &inspection.content,
            };
            let (made, digest) = (&proposal.content, proposal.digest);
            cutover_rollout::rebuild(&node, made, digest, &executed, &mut journal)
                .await
                .or_stop(Exit::PreflightRefused, "")?;
        }
        context.on_interrupt(
            "run the same command again: it goes on with the same signed transaction",
        );
        let progress = context.progress();
        let options = self.follow.options();
        // The journal alone is not believed; where this is gone, the calls are executed.
        let replay = context
            .run
            .read_unchecked_if_there::<ReplayReport>("cutover replay")
            .unwrap_or_else(|error| {
                let text = format!("{error}: the way back is executed in its place");
                context.output.warn(&text);
                None
            });
        let run = Rollout {
            node: &node,
            signer: &signer,
            journal: &mut journal,
            progress: &progress,
            checkpoints: &Uninterrupted,
            options: &options,
        };
        let replay = replay.as_ref().map(|replay| &replay.content);
        let outcome = cutover_rollout::rollback(run, replay).await;
        drop(progress);
        finish(context, "rollback", &proposal, outcome)
    }
}

//! `cutover upgrade`: the transaction, followed to finality.

use crate::{
    commands::record,
    context::Context,
    exit::{Exit, OrStop, chain, stop, usage},
    run_folder::Stored,
    signer::SignerArgs,
};
use alloy_primitives::{Address, B256};
use clap::Args;
use cutover_chain::RecordingFolder;
use cutover_rollout::{
    Current, Executed, Finality, Journal, Options, Rollout, RolloutError, Uninterrupted,
};
use cutover_types::{
    Account, CheckReport, Format, Input, Inspection, Proposal, ReplayReport, State as _,
    deployment::Deployment, proposal::Evidence, rollout::JOURNAL_FILE,
};
use std::{path::PathBuf, time::Duration};

/// Send the proposed upgrade and follow it until its block is final
///
/// Everything the proposal rests on is looked at again first; every refusal is shown and nothing is
/// sent. The way back and the signed transaction are in the journal before anything leaves this
/// machine, so an interrupted run goes on with the same bytes and nothing is sent twice.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The recording; `recording` in the run folder when not given
    folder: Option<PathBuf>,
    /// Accept this many inconclusive transactions in the replay
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    allow_inconclusive: u64,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    signer: SignerArgs,
}

/// How a transaction is followed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transaction")]
pub(crate) struct Follow {
    /// Settle for this many blocks on top, on chains that have no finality
    #[arg(long, value_name = "COUNT")]
    confirmations: Option<u64>,
    /// Stop following after this long; the next run goes on
    #[arg(long, value_name = "SECONDS")]
    patience: Option<u64>,
    #[command(flatten)]
    price: Price,
    /// The transaction of the journal is in no block: sign it again, at the same nonce for a higher fee
    #[arg(long)]
    replace: bool,
    /// Seconds between two looks at the chain
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    poll: f64,
}

/// What gas may cost.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transaction")]
pub(crate) struct Price {
    /// Highest fee per gas, in wei
    #[arg(long, value_name = "WEI")]
    pub(super) max_fee: Option<u128>,
}

impl Follow {
    pub(super) fn options(&self) -> Options {
        Options {
            finality: self
                .confirmations
                .map_or(Finality::Finalized, Finality::Confirmations),
            poll: Duration::from_secs_f64(self.poll.clamp(0.05, 3_600.0)),
            patience: self.patience.map(Duration::from_secs),
            max_fee: self.price.max_fee,
            through: None,
            replace: self.replace,
        }
    }
}

impl Upgrade {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let proposal = context.run.read::<Proposal>("cutover propose")?;
        refuse_unless_account(&proposal.content)?;
        let check = context.run.read::<CheckReport>("cutover check")?;
        let replay = context.run.read::<ReplayReport>("cutover replay")?;
        let folder = self
            .folder
            .clone()
            .unwrap_or_else(|| context.run.file(record::FOLDER));
        let inspection = context.run.read::<Inspection>("cutover inspect")?;
        let folder = record::open(&folder)?;
        let recording = folder.manifest().digest;
        refuse_unless_named(
            &proposal,
            &[
                ("inspect", Some(inspection.as_input())),
                ("check", Some(check.as_input())),
                ("replay", Some(replay.as_input())),
                ("recording", None),
            ],
        )?;
        let of_recording = [
            ("proposal.json", &proposal.inputs),
            ("replay.json", &replay.inputs),
        ];
        for (file, inputs) in of_recording {
            if inputs.get("recording").map(|input| input.digest) != Some(recording) {
                return Err(stale(file, "the recording has changed since it was made"));
            }
        }
        let deployed = replay.inputs.get("green");
        if let Some(deployed) =
            deployed.filter(|green| green.file.as_deref() == Some(Deployment::FILE))
        {
            refuse_unless_named(&proposal, &[("deploy", Some(deployed.clone()))])?;
        }
        let proxy_code = code_of(&folder, proposal.content.proxy)?;
        let node = context
            .node_on(proposal.content.chain_id, Proposal::FILE)
            .await?;
        if let Some(cut) = &proposal.content.cut {
            for does in cut.words() {
                context.output.note(&format!("the cut {does}"));
            }
        }
        for warning in inspection.content.warnings() {
            context.output.warn(&warning);
        }
        let signer = self.signer.unlock().await?;
        let mut journal = journal(context)?;
        context.on_interrupt(
            "run the same command again: it goes on with the same signed transaction",
        );
        let digests = Evidence {
            check: check.digest,
            replay: replay.digest,
            recording,
        };
        let current = Current {
            digests: &digests,
            check: &check.content,
            executed: Executed {
                replay: &replay.content,
                inspection: &inspection.content,
            },
            proxy_code,
            allow_inconclusive: self.allow_inconclusive,
        };
        let progress = context.progress();
        let options = self.follow.options();
        let run = Rollout {
            node: &node,
            signer: &signer,
            journal: &mut journal,
            progress: &progress,
            checkpoints: &Uninterrupted,
            options: &options,
        };
        let outcome =
            cutover_rollout::upgrade(run, &proposal.content, proposal.digest, &current).await;
        drop(progress);
        finish(context, "upgrade", &proposal, outcome)
    }
}

/// The proposal must name every file it rests on as that file is now: one it does not name could be
/// exchanged unseen.
fn refuse_unless_named(
    proposal: &Stored<Proposal>,
    files: &[(&str, Option<Input>)],
) -> eyre::Result<()> {
    for (name, file) in files {
        let named = proposal.inputs.get(*name);
        if named.is_none() || file.is_some() && named != file.as_ref() {
            let why = match named {
                None => format!("its inputs do not name {name}"),
                Some(_) => format!("its input {name} is not the file that is read"),
            };
            return Err(stale("proposal.json", &why));
        }
    }
    Ok(())
}

fn stale(file: &str, why: &str) -> eyre::Report {
    let again = match file {
        "replay.json" => "run `cutover replay` again, then `cutover propose`",
        _ => "make it again with `cutover propose`",
    };
    stop(
        Exit::PreflightRefused,
        format!("{file} is stale: {why}"),
        again,
    )
}

/// Hash of an account's code at the newest recorded block, where the recording knows it.
fn code_of(folder: &RecordingFolder, address: Address) -> eyre::Result<Option<B256>> {
    let Some(newest) = folder.manifest().blocks.last() else {
        return Ok(None);
    };
    let block = folder
        .block(newest.number)
        .or_stop(Exit::Usage, "record it again with `cutover record`")?;
    let account = block.state.account(address).ok();
    Ok(account
        .filter(Account::has_code)
        .map(|account| account.code_hash))
}

/// A Safe's transaction is signed and sent by its owners, not by one key of this machine.
pub(super) fn refuse_unless_account(proposal: &Proposal) -> eyre::Result<()> {
    if proposal.authority.kind == "account" {
        return Ok(());
    }
    Err(stop(
        Exit::PreflightRefused,
        format!(
            "{} is a {}: its owners sign the proposal",
            proposal.authority.address, proposal.authority.kind
        ),
        "hand them proposal.html; `cutover status` shows when it is done",
    ))
}

/// Opens the journal for writing.
pub(super) fn journal(context: &Context) -> eyre::Result<Journal> {
    let journal = Journal::open(&context.run.file(JOURNAL_FILE)).or_stop(Exit::Usage, "")?;
    for note in journal.notes() {
        context.output.warn(note);
    }
    Ok(journal)
}

/// Shows and keeps the receipt, or says why there is none.
pub(super) fn finish(
    context: &Context,
    command: &str,
    proposal: &Stored<Proposal>,
    outcome: Result<cutover_types::rollout::Receipt, RolloutError>,
) -> eyre::Result<Exit> {
    let inputs = [("proposal".to_owned(), proposal.as_input())].into();
    match outcome {
        Ok(receipt) => {
            context.run.write(&receipt, &inputs)?;
            context.output.show(command, &inputs, &receipt, || {
                cutover_report::Report::document(&receipt).text(&context.style())
            })?;
            Ok(Exit::Ok)
        }
        Err(RolloutError::Refused(refusals)) => {
            let unknown = !refusals.is_empty()
                && refusals
                    .iter()
                    .all(cutover_rollout::PreflightError::is_inconclusive);
            for refusal in &refusals {
                context.output.warn(&chain(refusal));
            }
            let exit = if unknown {
                Exit::Inconclusive
            } else {
                Exit::PreflightRefused
            };
            let count = refusals.len();
            Err(stop(
                exit,
                format!(
                    "nothing was sent: {count} reason{}",
                    if count == 1 { "" } else { "s" }
                ),
                "",
            ))
        }
        Err(error) => {
            let message = chain(&error);
            Err(match &error {
                RolloutError::Journal(_)
                | RolloutError::OtherJournal { .. }
                | RolloutError::NoPointer => usage(
                    message,
                    "`cutover rollback --rebuild` makes the pointer again from the proposal and the chain",
                ),
                RolloutError::Failed { .. } => stop(
                    Exit::RollbackAdvised,
                    message,
                    "the call changed nothing, and `cutover status` shows what the proxy runs; find out why before you try again",
                ),
                RolloutError::SlotNotMoved { .. } => stop(
                    Exit::RollbackAdvised,
                    message,
                    "run `cutover status`, then `cutover rollback`",
                ),
                RolloutError::MovedSince { .. } => stop(
                    Exit::RollbackAdvised,
                    message,
                    "`cutover status` shows who moved it and what to do; running this again would send it anew",
                ),
                RolloutError::StillPending { block: Some(_), .. } => stop(
                    Exit::Inconclusive,
                    message,
                    "run the same command again: it goes on where it stopped",
                ),
                RolloutError::StillPending { block: None, .. }
                | RolloutError::NotAccepted { .. } => stop(
                    Exit::Inconclusive,
                    message,
                    "run the same command again: it goes on where it stopped; with --replace it pays more for a transaction that is in no block",
                ),
                RolloutError::NotReplaced { .. } => stop(
                    Exit::Inconclusive,
                    message,
                    "without --replace the same command goes on with the transaction it has",
                ),
                error if error.is_inconclusive() => stop(
                    Exit::Inconclusive,
                    message,
                    "run the same command again: it goes on where it stopped",
                ),
                _ => stop(Exit::PreflightRefused, message, "run `cutover status`"),
            })
        }
    }
}

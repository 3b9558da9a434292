//! One file per command.

mod check;
mod code;
mod cut;
mod demo;
mod deploy;
mod doctor;
mod fleet;
mod init;
mod inspect;
mod propose;
mod record;
mod replay;
mod rollback;
mod shell;
mod status;
mod upgrade;

use crate::{context::Context, exit::Exit};
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Inspect(inspect::Inspect),
    Record(record::Record),
    Check(check::Check),
    Deploy(deploy::Deploy),
    Replay(Box<replay::Replay>),
    Propose(propose::Propose),
    Upgrade(upgrade::Upgrade),
    Rollback(rollback::Rollback),
    Status(status::Status),
    Demo(demo::Demo),
    Doctor(doctor::Doctor),
    Completions(shell::Completions),
    #[command(hide = true)]
    Man(shell::Man),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        match self {
            Self::Init(command) => command.run(context),
            Self::Inspect(command) => command.run(context).await,
            Self::Record(command) => command.run(context).await,
            Self::Check(command) => command.run(context).await,
            Self::Deploy(command) => command.run(context).await,
            Self::Replay(command) => command.run(context).await,
            Self::Propose(command) => command.run(context).await,
            Self::Upgrade(command) => command.run(context).await,
            Self::Rollback(command) => command.run(context).await,
            Self::Status(command) => command.run(context).await,
            Self::Demo(command) => command.run(context).await,
            Self::Doctor(command) => command.run(context).await,
            Self::Completions(command) => command.run(context),
            Self::Man(command) => command.run(),
        }
    }
}

//! Shell completions and man pages, both made from the arguments themselves.

use crate::{Arguments, context::Context, exit::Exit};
use clap::{Args, CommandFactory};
use std::{io, path::PathBuf};

/// Print a completion script for a shell
///
/// For bash: `cutover completions bash > ~/.local/share/bash-completion/completions/cutover`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(self, _context: &Context) -> eyre::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut Arguments::command(),
            "cutover",
            &mut script,
        );
        io::Write::write_all(&mut io::stdout().lock(), &script)?;
        Ok(Exit::Ok)
    }
}

/// Write man pages into a folder
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(self) -> eyre::Result<Exit> {
        std::fs::create_dir_all(&self.folder)?;
        clap_mangen::generate_to(Arguments::command(), &self.folder)?;
        Ok(Exit::Ok)
    }
}

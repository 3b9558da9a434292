//! `--keep`: green goes on running after the command.

use crate::{commands::record, exit::inconclusive};
use cutover_replay::{Green, Kept, Options};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};
use url::Url;

/// The two processes that are left running.
pub(super) struct Running {
    /// Where green's fork listens.
    pub(super) url: Url,
    /// The fork.
    pub(super) fork: u32,
    /// What serves the recording to it.
    pub(super) server: u32,
}

/// Starts a server of the recording that outlives this process, and green's fork on it.
pub(super) async fn keep(
    recording: &Path,
    green: &Green,
    options: &Options,
) -> eyre::Result<Running> {
    let folder = record::open(recording)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["record", "serve"]).arg(recording);
    // Where the recording knows better, it is asked first.
    for address in cutover_replay::fresh_accounts(green, options, &folder) {
        command.args(["--fresh", &address.to_string()]);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C in the terminal is for whoever runs there next.
        .process_group(0)
        .spawn()?;
    let stdout = child.stdout.take();
    let server = Server(Some(child));
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        std::io::Result::Ok(line)
    })
    .await??;
    let archive = Url::parse(line.trim()).map_err(|_| {
        inconclusive(
            "the recording could not be served",
            "try `cutover record serve`",
        )
    })?;
    let Kept { url, pid } = cutover_replay::keep_green(&folder, archive, green, options)
        .await
        .map_err(super::stop)?;
    Ok(Running {
        url,
        fork: pid,
        server: server.release(),
    })
}

/// Ends with this value, unless it is released.
struct Server(Option<Child>);

impl Server {
    fn release(mut self) -> u32 {
        self.0.take().map_or(0, |child| child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

//! A command of the demo's: interrupted, not killed, when the demo is.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::{io::AsyncReadExt, process::Child};

/// How long an interrupted command may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running command. Dropped, it gets the interrupt a terminal would send it, so that it ends what it
/// started itself.
pub(super) struct Step(pub(super) Child);

impl Step {
    /// What it printed, and how it ended.
    pub(super) async fn finish(&mut self) -> io::Result<(String, ExitStatus)> {
        let mut bytes = Vec::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_end(&mut bytes).await?;
        }
        let status = self.0.wait().await?;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), status))
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        // Already waited for: its number may be another process's by now.
        let Some(id) = self.0.id() else { return };
        let _ = std::process::Command::new("sh")
            .args(["-c", "kill -INT \"$0\"", &id.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.start_kill();
    }
}

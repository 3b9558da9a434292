//! Exit codes, and errors that carry one.

use std::{fmt, process::ExitCode};

/// Why the process ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, and the answer is yes.
    Ok = 0,
    /// Something nobody foresaw.
    Unexpected = 1,
    /// The arguments or the files given cannot be used.
    Usage = 2,
    /// `check` found something that blocks.
    CheckBlocked = 10,
    /// `replay` found a difference nobody explained.
    ReplayDiverged = 11,
    /// Something that must hold before sending does not.
    PreflightRefused = 12,
    /// The upgrade went wrong: its transaction failed, or did something else.
    RollbackAdvised = 13,
    /// Could not tell, which is never "ok".
    Inconclusive = 14,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit codes as `--help` shows them.
pub(crate) const HELP: &str = "\
Exit codes:
    0  ok
    1  unexpected error
    2  the arguments or files given cannot be used
   10  check blocked the upgrade
   11  replay found a difference
   12  preflight refused: nothing was sent
   13  the transaction failed, or roll back advised
   14  inconclusive: could not tell, which is never ok
  130  interrupted; files are as they were, or say how to go on";

/// An error with its exit code and what to do about it.
#[derive(Debug)]
pub(crate) struct Stop {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What, and where.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Stop {}

/// Arguments or files that cannot be used.
pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> eyre::Report {
    stop(Exit::Usage, message, hint)
}

/// Could not tell.
pub(crate) fn inconclusive(message: impl Into<String>, hint: impl Into<String>) -> eyre::Report {
    stop(Exit::Inconclusive, message, hint)
}

/// An error with its exit code; an empty hint is none.
pub(crate) fn stop(
    exit: Exit,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> eyre::Report {
    let hint = hint.into();
    eyre::Report::new(Stop {
        exit,
        message: message.into(),
        hint: (!hint.is_empty()).then_some(hint),
    })
}

/// Adds an exit code and a hint to any error, keeping its causes in the message.
pub(crate) trait OrStop<T> {
    /// Ends the command with `exit` and `hint`.
    fn or_stop(self, exit: Exit, hint: impl Into<String>) -> eyre::Result<T>;
}

impl<T, E: std::error::Error> OrStop<T> for Result<T, E> {
    fn or_stop(self, exit: Exit, hint: impl Into<String>) -> eyre::Result<T> {
        self.map_err(|error| stop(exit, chain(&error), hint))
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    cutover_types::text::terminal(&text.replace('\n', "; "), 2_000)
}

//! stdout carries the result and nothing else; everything else goes to stderr.

use crate::exit::chain;
use cutover_types::{file::Inputs, json};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// When stdout is a terminal and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The JSON of a result, with its schema.
pub(crate) fn json<T: Serialize>(
    command: &str,
    inputs: &Inputs,
    content: &T,
) -> eyre::Result<String> {
    Ok(json::to_text(&Document::new(command, inputs, content))?)
}

/// The same on one line, for results that are many.
pub(crate) fn json_line<T: Serialize>(
    command: &str,
    inputs: &Inputs,
    content: &T,
) -> eyre::Result<String> {
    let document = json::canonical(&Document::new(command, inputs, content))?;
    Ok(format!("{document}\n"))
}

/// How results and messages are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Results as JSON.
    pub(crate) json: bool,
    /// Colour on stdout.
    pub(crate) color: bool,
    /// Colour on stderr.
    color_stderr: bool,
    /// No progress, no notes.
    pub(crate) quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, color: Color, quiet: bool) -> Self {
        let on = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none(),
        };
        Self {
            json,
            color: on(io::stdout().is_terminal()),
            color_stderr: on(io::stderr().is_terminal()),
            quiet,
        }
    }

    /// Columns of the terminal, or 100.
    pub(crate) fn width(&self) -> usize {
        std::env::var("COLUMNS")
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|width| (40..=400).contains(width))
            .unwrap_or(100)
    }

    /// Prints the result: `text`, or the JSON of `content` with its schema.
    pub(crate) fn show<T: Serialize>(
        &self,
        command: &str,
        inputs: &Inputs,
        content: &T,
        text: impl FnOnce() -> String,
    ) -> eyre::Result<()> {
        let shown = if self.json {
            self::json(command, inputs, content)?
        } else {
            text()
        };
        self.print(&shown)
    }

    /// Prints text as it is.
    pub(crate) fn print(&self, shown: &str) -> eyre::Result<()> {
        self.stream(shown).map(drop)
    }

    /// Prints text as it is; `false` when nobody reads any more.
    pub(crate) fn stream(&self, shown: &str) -> eyre::Result<bool> {
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(shown.as_bytes())
            .and_then(|()| stdout.flush())
        {
            // The reader had enough (`| head`).
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }

    /// A note for people, on stderr.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{message}");
        }
    }

    /// What must be known whatever the options, on stderr.
    pub(crate) fn tell(&self, message: &str) {
        let _ = writeln!(io::stderr().lock(), "{message}");
    }

    /// A warning, on stderr.
    pub(crate) fn warn(&self, message: &str) {
        let label = if self.color_stderr {
            "\u{1b}[33mwarning\u{1b}[0m"
        } else {
            "warning"
        };
        let _ = writeln!(io::stderr().lock(), "{label}: {message}");
    }

    /// The error that ends the command, on stderr.
    pub(crate) fn error(&self, message: &str, hint: Option<&str>) {
        let (error, help) = if self.color_stderr {
            ("\u{1b}[31merror\u{1b}[0m", "\u{1b}[36mhelp\u{1b}[0m")
        } else {
            ("error", "help")
        };
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{error}: {message}");
        if let Some(hint) = hint {
            let _ = writeln!(stderr, " {help}: {hint}");
        }
    }

    /// The error behind a report.
    pub(crate) fn unexpected(&self, report: &eyre::Report) {
        self.error(&chain(report.as_ref()), None);
    }
}

#[derive(Serialize)]
struct Document<'a, T> {
    schema: String,
    tool_version: &'static str,
    inputs: &'a Inputs,
    #[serde(flatten)]
    content: &'a T,
}

impl<'a, T> Document<'a, T> {
    fn new(command: &str, inputs: &'a Inputs, content: &'a T) -> Self {
        Self {
            schema: format!("cutover/{command}/1"),
            tool_version: env!("CARGO_PKG_VERSION"),
            inputs,
            content,
        }
    }
}

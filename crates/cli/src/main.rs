//! The `cutover` command: arguments, run folder, output, exit codes.

mod commands;
mod config;
mod context;
mod exit;
mod output;
mod progress;
mod run_folder;
mod signer;
mod staged;
mod target;

use clap::Parser;
use commands::Command;
use context::{Context, Global};
use exit::{Exit, Stop};
use output::{Color, Output};
use std::{process::ExitCode, sync::Arc, time::Duration};

/// Syntax trees are a million small values made on several threads, where the usual allocator asks
/// the system for every page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long an interrupted command may take to put its things away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Upgrades proxy contracts the blue-green way.
///
/// Cutover runs the implementation that is live (blue) beside the candidate (green) on recorded
/// transactions, checks storage layout and upgrade safety, and only then makes the upgrade, with
/// the way back rehearsed.
///
/// One upgrade, from left to right: inspect, record, check, deploy, replay, propose, upgrade, and,
/// if needed, rollback. Each step reads the files of the ones before it from the run folder and
/// adds one.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, after_help = exit::HELP, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    let output = Output::new(
        arguments.global.json,
        arguments.global.color,
        arguments.global.quiet,
    );
    trace(&arguments.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&format!("cannot start: {error}"), None);
            return Exit::Unexpected.into();
        }
    };
    let outcome = runtime.block_on(async {
        let context = Arc::new(Context::new(arguments.global, output)?);
        let (interrupt, interrupted) = tokio::sync::oneshot::channel();
        tokio::spawn(watch(Arc::clone(&context), interrupt));
        tokio::select! {
            outcome = arguments.command.run(&context) => outcome,
            Ok(()) = interrupted => {
                // Work in other threads that finds its runtime gone panics: that is how it ends.
                std::panic::set_hook(Box::new(|_| {}));
                cutover_chain::anvil::end_all();
                Err(interruption(&context))
            }
        }
    });
    // What runs in other threads fails soon without the runtime; files are only ever replaced whole.
    runtime.shutdown_timeout(PATIENCE);
    match outcome {
        Ok(exit) => exit.into(),
        Err(report) => show(&output, report).into(),
    }
}

/// What is wrong with the arguments on one line, as every other error; help and version as they are.
fn refused(error: &clap::Error) -> ExitCode {
    let rendered = error.render().to_string();
    let mut parts = rendered.split("\n\n").map(|part| {
        let words: Vec<_> = part.split_whitespace().collect();
        words.join(" ")
    });
    let first = parts.next().unwrap_or_default();
    let Some(what) = first.strip_prefix("error: ") else {
        error.exit();
    };
    let tip = parts.find_map(|part| part.strip_prefix("tip: ").map(|tip| format!("{tip}; ")));
    let hint = format!("{}`--help` shows what it takes", tip.unwrap_or_default());
    let output = Output::new(false, Color::Auto, false);
    output.error(&cutover_types::text::terminal(what, 2_000), Some(&hint));
    Exit::Usage.into()
}

/// Passes Ctrl-C on, and ends the program when nobody takes it: a command that computes does not look.
async fn watch(context: Arc<Context>, interrupt: tokio::sync::oneshot::Sender<()>) {
    if tokio::signal::ctrl_c().await.is_err() || interrupt.send(()).is_err() {
        return;
    }
    tokio::time::sleep(4 * PATIENCE).await;
    cutover_chain::anvil::end_all();
    let code = show(&context.output, interruption(&context));
    std::process::exit(code as i32);
}

fn interruption(context: &Context) -> eyre::Report {
    exit::stop(Exit::Interrupted, "interrupted", context.interrupt_hint())
}

/// Shows the error that ends the command.
fn show(output: &Output, report: eyre::Report) -> Exit {
    match report.downcast_ref::<Stop>() {
        Some(stop) => {
            output.error(&stop.message, stop.hint.as_deref());
            stop.exit
        }
        None => {
            output.unexpected(&report);
            Exit::Unexpected
        }
    }
}

fn trace(global: &Global) {
    let level = match global.verbose {
        0 => "error",
        1 => {
            "cutover=info,cutover_chain=info,cutover_record=info,cutover_replay=info,cutover_rollout=info"
        }
        _ => "debug",
    };
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("CUTOVER_LOG").unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}

//! `cutover demo`: the whole of it on a local chain with real contracts.

mod step;
mod traffic;
mod world;

use crate::{
    context::Context,
    exit::{Exit, OrStop, stop, usage},
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};
use tokio::process::Command;
use world::{MNEMONIC, Places, Vault, World};

/// The environment variable the demo's commands read their mnemonic from.
const MNEMONIC_ENV: &str = "CUTOVER_DEMO_MNEMONIC";

/// Run one whole upgrade on a local chain with real contracts, then two that must be stopped
///
/// A vault behind OpenZeppelin's transparent proxy, a UUPS proxy and a beacon with three proxies:
/// inspected, recorded, checked, deployed, replayed, proposed, upgraded, confirmed and rolled back
/// with the very commands you would type. Then a candidate with a variable in the wrong place and one
/// with another fee, each stopped by the step that should. The run folders are left to look at.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The Foundry project with the demo's contracts
    #[arg(long, value_name = "DIR", default_value = "contracts")]
    contracts: PathBuf,
}

impl Demo {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let started = Instant::now();
        let places = Places::find(&self.contracts)?;
        if context.run.path().exists() {
            let demo = context.run.file("demo");
            if !demo.exists() {
                return Err(usage(
                    format!(
                        "{} already exists and is not a demo's",
                        context.run.path().display()
                    ),
                    "choose another folder with --run",
                ));
            }
            std::fs::remove_dir_all(context.run.path())?;
        }
        std::fs::create_dir_all(context.run.path())?;
        std::fs::write(
            context.run.file("demo"),
            "made by `cutover demo`; it may be removed\n",
        )?;

        let progress = context.progress();
        cutover_types::progress::Progress::start(&progress, "deploying version 1", None);
        let world = World::build(&places).await?;
        let (sent, first, last) = traffic::drive(&world, &progress).await?;
        drop(progress);
        let story = Story {
            program: std::env::current_exe()?,
            contracts: places.contracts.clone(),
            run: context.run.path().to_path_buf(),
            world: &world,
            window: (first, last),
        };
        say(&format!(
            "A local chain with a vault behind three kinds of proxy (transparent {}, UUPS {}, beacon {}\n\
             and {} more on the same beacon). {sent} transactions ran through them in blocks {first} to {last}.",
            world.vaults[0].proxy,
            world.vaults[1].proxy,
            world.vaults[2].proxy,
            world.siblings.len()
        ));
        for (index, vault) in world.vaults.iter().enumerate() {
            story.upgrade(vault, index == 0).await?;
        }
        story.wrong(&world.vaults[0]).await?;
        say(&format!(
            "\nDone in {:.0} s. Look at {}: one folder per proxy, with every report, the recording and the journal.",
            started.elapsed().as_secs_f64(),
            context.run.path().display()
        ));
        Ok(Exit::Ok)
    }
}

struct Story<'a> {
    program: PathBuf,
    contracts: PathBuf,
    run: PathBuf,
    world: &'a World,
    window: (u64, u64),
}

impl Story<'_> {
    /// One upgrade there and back.
    async fn upgrade(&self, vault: &Vault, in_full: bool) -> eyre::Result<()> {
        let run = self.run.join(vault.kind);
        heading(&format!(
            "{} proxy: version 1 to version 2, and back",
            vault.kind
        ));
        let proxy = vault.proxy.to_string();
        let (from, to) = (self.window.0.to_string(), self.window.1.to_string());
        self.step(&run, in_full, &["inspect", &proxy], Exit::Ok)
            .await?;
        self.step(
            &run,
            in_full,
            &["record", &proxy, "--from-block", &from, "--to-block", &to],
            Exit::Ok,
        )
        .await?;
        self.check(&run, in_full, vault, vault.green, Exit::Ok)
            .await?;
        self.signed(&run, in_full, &["deploy", "--green", vault.green])
            .await?;
        self.step(&run, in_full, &["replay"], Exit::Ok).await?;
        self.step(&run, in_full, &["propose"], Exit::Ok).await?;
        self.signed(&run, in_full, &["upgrade"]).await?;
        self.step(&run, in_full, &["status"], Exit::Ok).await?;
        self.signed(&run, in_full, &["rollback"]).await
    }

    /// Two candidates that must not pass.
    async fn wrong(&self, vault: &Vault) -> eyre::Result<()> {
        heading("a wrong version 2: a variable inserted in the middle");
        let run = self.run.join("wrong-layout");
        let kind = vault.kind;
        self.check(&run, true, vault, vault.shifted, Exit::CheckBlocked)
            .await?;
        heading("another wrong version 2: the storage is right, the fee is not");
        let run = self.run.join("wrong-fee");
        self.check(&run, true, vault, vault.other_fee, Exit::Ok)
            .await?;
        let recording = self.run.join(kind).join("recording").display().to_string();
        self.step(
            &run,
            true,
            &["replay", &recording, "--green", vault.other_fee],
            Exit::ReplayDiverged,
        )
        .await
    }

    /// Checks a candidate, and blue against what really runs.
    async fn check(
        &self,
        run: &Path,
        in_full: bool,
        vault: &Vault,
        green: &str,
        expected: Exit,
    ) -> eyre::Result<()> {
        let proxy = vault.proxy.to_string();
        let versions = ["check", "--blue", vault.blue, "--green", green];
        let context = ["--kind", vault.kind, "--live", &proxy];
        self.step(run, in_full, &[&versions[..], &context].concat(), expected)
            .await
    }

    /// A step that signs, while the chain goes on making blocks.
    async fn signed(&self, run: &Path, in_full: bool, arguments: &[&str]) -> eyre::Result<()> {
        let arguments = [arguments, &["--mnemonic-env", MNEMONIC_ENV]].concat();
        let blocks = async {
            loop {
                let _ = self.world.node().call::<Value>("evm_mine", json!([])).await;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            outcome = self.step(run, in_full, &arguments, Exit::Ok) => outcome,
            () = blocks => Ok(()),
        }
    }

    /// Runs one command as a user would, shows it, and insists on its exit code.
    async fn step(
        &self,
        run: &Path,
        in_full: bool,
        arguments: &[&str],
        expected: Exit,
    ) -> eyre::Result<()> {
        say(&format!("\n$ cutover {}", arguments.join(" ")));
        let needs_project = matches!(arguments.first(), Some(&"check" | &"deploy" | &"replay"));
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--run").arg(run);
        if needs_project {
            command.arg("--root").arg(&self.contracts);
        }
        let mut child = command
            .env("ETH_RPC_URL", self.world.anvil.url().as_str())
            .env(MNEMONIC_ENV, MNEMONIC)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .stdout(Stdio::piped())
            .spawn()
            .map(step::Step)
            .or_stop(Exit::Unexpected, "")?;
        let (text, status) = child.finish().await.or_stop(Exit::Unexpected, "")?;
        if in_full {
            say(text.trim_end());
        } else {
            let is_verdict = |line: &&str| line.starts_with(['✓', '✗']);
            let shown = text
                .lines()
                .find(is_verdict)
                .or_else(|| text.lines().find(|line| !line.trim().is_empty()));
            say(shown.unwrap_or_default());
        }
        let code = status.code();
        if code != Some(i32::from(expected as u8)) {
            return Err(stop(
                Exit::Unexpected,
                format!(
                    "`cutover {}` ended with {code:?}, the demo expected {}",
                    arguments.join(" "),
                    expected as u8
                ),
                "this is a bug; the run folder shows how far it came",
            ));
        }
        if expected != Exit::Ok {
            say(&format!(
                "(stopped, exit code {}: as it should be)",
                expected as u8
            ));
        }
        Ok(())
    }
}

fn heading(text: &str) {
    say(&format!(
        "\n── {text} {}",
        "─".repeat(80_usize.saturating_sub(text.chars().count()))
    ));
}

#[allow(
    clippy::print_stdout,
    reason = "the story is the result of this command"
)]
fn say(text: &str) {
    println!("{text}");
}

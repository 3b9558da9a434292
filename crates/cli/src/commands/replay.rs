//! `cutover replay`: blue against green, transaction by transaction.

mod keep;
mod window;

use crate::{
    commands::{
        code,
        cut::{self, CutArguments, recorded_cut},
        deploy, record,
    },
    context::Context,
    exit::{Exit, OrStop, chain, inconclusive, usage},
};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use clap::{Args, ValueEnum};
use cutover_artifacts::{Code, Need};
use cutover_replay::{ExpectedRule, Green, GreenCode, Options, ReplayError};
use cutover_types::{
    CheckReport, Format, Inspection, ReplayReport,
    deployment::Deployment,
    diamond::Functions,
    file::{Input, Inputs},
    replay::{DifferenceKind, EngineName, Mode},
};
use serde::{Deserialize, de::value::StrDeserializer};
use std::path::PathBuf;

/// Run the recorded transactions on blue and on green and say what differs
///
/// Green is installed by the very call that will be sent. A transaction counts only if blue
/// reproduces its real receipt; otherwise it is inconclusive, with the reason. The way back is
/// executed on the state green leaves. Exits 0 when nothing differs but gas, 11 when something does,
/// 14 when it cannot tell, as when no transaction ran green's code. Needs no node; with one, state that only green reads is fetched.
#[derive(Debug, Args)]
#[command(after_long_help = code::HELP)]
pub(crate) struct Replay {
    /// The recording; `recording` in the run folder when not given
    folder: Option<PathBuf>,
    /// The candidate; what `cutover deploy` deployed when not given
    #[arg(long, value_name = "REF")]
    green: Option<String>,
    /// The address green gets on the fork; follows from its code when not given
    #[arg(long, value_name = "ADDRESS", value_parser = cutover_types::address::parse)]
    green_address: Option<Address>,
    /// ABI-encoded constructor arguments of green
    #[arg(long, value_name = "HEX", default_value = "0x")]
    constructor_args: Bytes,
    /// Calldata the upgrade runs on the proxy
    #[arg(long, value_name = "HEX", default_value = "0x")]
    initializer: Bytes,
    /// What executes: a fork in anvil, revm in process, or both compared with each other
    #[arg(long, value_enum, default_value = "anvil")]
    engine: EngineArgument,
    /// Each transaction on the exact state it had, or green's own writes carried forward
    #[arg(long, value_enum, default_value = "isolated")]
    mode: ModeArgument,
    /// Blocks at once
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Only part K of N of the transactions, for several machines
    #[arg(long, value_name = "K/N", value_parser = partition)]
    partition: Option<(u64, u64)>,
    /// Accept this many inconclusive transactions
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    allow_inconclusive: u64,
    /// Leave green running as an anvil fork and print its URL
    #[arg(long)]
    keep: bool,
    /// The project green is compiled in
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The compiler for green
    #[arg(long, value_name = "PATH")]
    green_solc: Option<PathBuf>,
    #[command(flatten)]
    cut: CutArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EngineArgument {
    Anvil,
    Revm,
    Both,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArgument {
    Isolated,
    Sequential,
}

fn partition(text: &str) -> Result<(u64, u64), String> {
    let parts = text
        .split_once('/')
        .and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((k, n)) if (1..=n).contains(&k) => Ok((k, n)),
        _ => Err("give K/N with 1 ≤ K ≤ N, for example 1/4".to_owned()),
    }
}

impl Replay {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let path = self
            .folder
            .clone()
            .unwrap_or_else(|| context.run.file(record::FOLDER));
        let folder = record::open(&path)?;
        let (green, functions, green_input) = self.green(context).await?;
        let inspection = context
            .run
            .read_if_there::<Inspection>("cutover inspect")
            .or_else(|error| match recorded_cut(folder.manifest()) {
                true => Err(error),
                false => Ok(None),
            })?;
        let cut = self.cut.plan(
            context,
            inspection.as_ref(),
            folder.manifest(),
            green.address,
            functions.as_ref(),
        )?;
        let (cut, upgrade) = cut.unzip();
        let node = context.node_if_any().await?;
        let options = Options {
            engine: match self.engine {
                EngineArgument::Anvil => EngineName::Anvil,
                EngineArgument::Revm => EngineName::Revm,
                EngineArgument::Both => EngineName::Both,
            },
            mode: match self.mode {
                ModeArgument::Isolated => Mode::Isolated,
                ModeArgument::Sequential => Mode::Sequential,
            },
            jobs: usize::from(self.jobs),
            partition: self.partition,
            node,
            expected: expected(context)?,
            upgrade,
            cut,
            ..Options::default()
        };
        for warning in window::warnings(&folder) {
            context.output.warn(&warning);
        }
        let progress = context.progress();
        let replayed = cutover_replay::run(&folder, &green, &options, &progress)
            .await
            .map_err(stop)?;
        drop(progress);
        let mut inputs = Inputs::from([
            (
                "recording".to_owned(),
                Input {
                    digest: folder.manifest().digest,
                    file: None,
                },
            ),
            ("green".to_owned(), green_input),
        ]);
        if let Some(inspection) = inspection.filter(|_| replayed.report.cut.is_some()) {
            inputs.insert("inspect".to_owned(), inspection.as_input());
        }
        context.run.write(&replayed.report, &inputs)?;
        context
            .output
            .show("replay", &inputs, &replayed.report, || {
                cutover_report::replay(&replayed.report, &context.style())
            })?;
        let speed = replayed.speed;
        context.output.note(&format!(
            "{} executed in {:.2} s, {:.0} a second",
            speed.executed,
            speed.took.as_secs_f64(),
            speed.per_second()
        ));
        if self.keep {
            let kept = keep::keep(&path, &green, &options).await?;
            context.output.tell(&format!(
                "green is at {}; its state is served by process {}, the fork is process {}: `kill {} {}` ends both",
                kept.url, kept.server, kept.fork, kept.fork, kept.server
            ));
        }
        Ok(self.exit(&replayed.report))
    }

    fn exit(&self, report: &ReplayReport) -> Exit {
        let summary = &report.summary;
        if summary.changed + summary.regressed > 0 || !report.upgrade.unexpected().is_empty() {
            Exit::ReplayDiverged
        } else if summary.inconclusive > self.allow_inconclusive || summary.ran_green == 0 {
            Exit::Inconclusive
        } else {
            Exit::Ok
        }
    }

    async fn green(&self, context: &Context) -> eyre::Result<(Green, Option<Functions>, Input)> {
        let layouts = context
            .run
            .read_if_there::<CheckReport>("cutover check")
            .ok()
            .flatten();
        let (address, code, abi, layout, functions, input) = match &self.green {
            None => {
                let deployed = context.run.read::<Deployment>("cutover deploy")?;
                let node = context
                    .node_on(deployed.content.chain_id, Deployment::FILE)
                    .await?;
                let runtime = code::code_at(&node, deployed.content.address).await?;
                if keccak256(&runtime) != deployed.content.code_hash {
                    return Err(usage(
                        format!(
                            "the code at {} is no longer the one that was deployed",
                            deployed.content.address
                        ),
                        "run `cutover deploy` again",
                    ));
                }
                (
                    deployed.content.address,
                    GreenCode::Runtime(runtime),
                    deployed.content.abi.clone(),
                    None,
                    // Made by a version that did not write them down.
                    Some(deployed.content.functions.clone()).filter(|all| !all.is_empty()),
                    deployed.as_input(),
                )
            }
            Some(reference) => {
                let root = context.root(self.root.as_deref());
                let loaded = code::load(
                    context,
                    reference,
                    root,
                    self.green_solc.clone(),
                    Need {
                        ast: false,
                        ..Need::ALL
                    },
                )
                .await?;
                let (address, code) = self.place(&loaded)?;
                let input = code::as_input(&loaded)?;
                let functions = loaded.abi.as_ref().map(cut::functions);
                (address, code, loaded.abi, loaded.layout, functions, input)
            }
        };
        let stored = |items: &[cutover_types::StorageItem]| cutover_types::StorageLayout {
            storage: items.to_vec(),
            ..Default::default()
        };
        let green = Green {
            address: self.green_address.unwrap_or(address),
            code,
            initializer: self.initializer.clone(),
            abi,
            layout: layout.or_else(|| {
                layouts
                    .as_ref()
                    .map(|stored_check| stored(&stored_check.content.layouts.green))
            }),
            blue_layout: layouts
                .as_ref()
                .map(|stored_check| stored(&stored_check.content.layouts.blue)),
        };
        Ok((green, functions, input))
    }

    fn place(&self, loaded: &Code) -> eyre::Result<(Address, GreenCode)> {
        if loaded.creation.is_some() {
            let init_code = deploy::init_code(loaded, &self.constructor_args)?;
            return Ok((
                deploy::create2_address(B256::ZERO, &init_code),
                GreenCode::Creation(init_code.into()),
            ));
        }
        let runtime = loaded.runtime.clone().ok_or_else(|| {
            usage(
                format!("{} has no code", loaded.reference),
                "an interface or abstract contract cannot be green",
            )
        })?;
        let on_chain = self.green.as_deref().and_then(|text| text.parse().ok());
        let code = GreenCode::Runtime(runtime);
        Ok((on_chain.unwrap_or_else(|| code.default_address()), code))
    }
}

fn expected(context: &Context) -> eyre::Result<Vec<ExpectedRule>> {
    let rule = |rule: &crate::config::Expected| {
        let what = match &rule.what {
            None => None,
            Some(text) => {
                let deserializer: StrDeserializer<'_, serde::de::value::Error> =
                    serde::de::IntoDeserializer::into_deserializer(text.as_str());
                Some(DifferenceKind::deserialize(deserializer).or_stop(
                    Exit::Usage,
                    "correct `what` under [[expected]] in cutover.toml",
                )?)
            }
        };
        Ok(ExpectedRule {
            selector: rule.selector,
            what,
            place: rule.place.clone(),
            reason: rule.reason.clone(),
        })
    };
    context.config.expected.iter().map(rule).collect()
}

fn stop(error: ReplayError) -> eyre::Report {
    let message = chain(&error);
    match error {
        ReplayError::Folder(_) => usage(message, "record it again with `cutover record`"),
        ReplayError::NoUpgradePath { .. } => usage(
            message,
            "record again with a node that can answer `cutover inspect`",
        ),
        _ => inconclusive(message, ""),
    }
}

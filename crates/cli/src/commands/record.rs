//! `cutover record`: the transactions that reach a proxy and the state they need.

use crate::{
    context::{Context, chain_stop, chain_stop_saying},
    exit::{Exit, OrStop, chain, inconclusive, usage},
};
use alloy_primitives::{Address, B256, Bytes};
use clap::{Args, Subcommand};
use cutover_chain::{ChainError, Facade, Node, NodeStats, RecordingArchive, RecordingFolder};
use cutover_record::{Plan, RecordError};
use cutover_types::{
    Inspection, ProxyKind, Recording, Window,
    file::{Input, Inputs},
    progress::Progress,
    recording::Incomplete,
};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The recording's place in the run folder.
pub(super) const FOLDER: &str = "recording";

/// Record the transactions that reach a proxy, and the state they ran on
///
/// Works with any archive node. The recording is a folder that needs no node afterwards: signed
/// transactions, receipts, and the state they read, each checked against the block's own hashes. An
/// interrupted recording goes on where it stopped.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Record {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    collect: Collect,
}

#[derive(Debug, Subcommand)]
enum Action {
    Verify(Verify),
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Collect {
    /// Address of the proxy; `proxy` in cutover.toml when not given
    #[arg(value_parser = cutover_types::address::parse)]
    proxy: Option<Address>,
    /// First block
    #[arg(long, value_name = "NUMBER", requires = "to_block")]
    from_block: Option<u64>,
    /// Last block
    #[arg(long, value_name = "NUMBER", requires = "from_block")]
    to_block: Option<u64>,
    /// The newest COUNT blocks instead
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["from_block", "to_block"], value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    last: Option<u64>,
    /// Only these transactions; may be given several times
    #[arg(long, value_name = "HASH", num_args = 1..)]
    tx: Vec<B256>,
    /// Stop after this many transactions, earliest first
    #[arg(long, value_name = "COUNT")]
    max_transactions: Option<u64>,
    /// Do not ask for Merkle proofs
    #[arg(long)]
    no_proofs: bool,
    /// Replace another recording in the same folder
    #[arg(long)]
    overwrite: bool,
    /// Folder to write; `recording` in the run folder when not given
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Check a recording against itself: hashes, roots, signatures, proofs, and execution
///
/// Trusts nothing but the block hashes you give with --block-hash; without them, the ones in it.
#[derive(Debug, Args)]
struct Verify {
    /// The recording
    folder: PathBuf,
    /// A block hash you trust; may be given several times
    #[arg(long, value_name = "HASH", num_args = 1..)]
    block_hash: Vec<B256>,
}

/// Serve a recording as an archive node on loopback, until Ctrl-C
///
/// `anvil --fork-url URL --fork-block-number N` forks it; what was never recorded is an error that
/// names the account or slot.
#[derive(Debug, Args)]
struct Serve {
    /// The recording
    folder: PathBuf,
    /// Port on 127.0.0.1; 0 picks one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Take this account, where the recording does not know it, for an empty one; may be given
    /// several times
    ///
    /// A fork asks for an account before it puts code there. This is an assumption about the chain.
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    fresh: Vec<Address>,
}

#[derive(Serialize)]
struct Shown<'a> {
    proxy: Address,
    chain_id: u64,
    window: Window,
    transactions: u64,
    direct: u64,
    internal: u64,
    accounts: u64,
    slots: u64,
    codes: u64,
    proofs: Proofs,
    discovery: cutover_types::recording::Discovery,
    may_have_missed: &'a [String],
    digest: B256,
    node: NodeStats,
    incomplete: &'a [Incomplete],
}

#[derive(Serialize)]
struct Proofs {
    accounts: u64,
    slots: u64,
}

impl Record {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        match self.action {
            None => self.collect.run(context).await,
            Some(Action::Verify(verify)) => verify.run(context).await,
            Some(Action::Serve(serve)) => serve.run(context).await,
        }
    }
}

fn orderly(window: Window) -> eyre::Result<Window> {
    if window.from == 0 || window.from > window.to {
        return Err(usage(
            format!("blocks {} to {} are no window", window.from, window.to),
            "--from-block must be at least 1 and not after --to-block",
        ));
    }
    Ok(window)
}

/// The facet that `inspect` was about, if the proxy is a diamond.
fn facet(context: &Context, proxy: Address) -> Option<Address> {
    let inspected = context.run.read_if_there::<Inspection>("cutover inspect");
    let inspection = inspected.ok().flatten()?.content;
    let facts = inspection.proxy.filter(|_| inspection.address == proxy)?;
    (facts.kind == ProxyKind::Diamond).then_some(facts.implementation.address)
}

impl Collect {
    async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let proxy = context.proxy(self.proxy)?;
        if let (Some(from), Some(to)) = (self.from_block, self.to_block) {
            orderly(Window { from, to })?;
        }
        let node = context.node().await?;
        let window = self.window(&node).await?;
        let into = self
            .output
            .clone()
            .unwrap_or_else(|| context.run.file(FOLDER));
        let progress = context.progress();
        let found = cutover_inspect::inspect_before(
            &node,
            proxy,
            window.from,
            facet(context, proxy),
            &progress,
        )
        .await;
        let inspection = match found {
            Ok(inspection) if inspection.proxy.is_none() => {
                let code: Bytes = node
                    .call(
                        "eth_getCode",
                        serde_json::json!([proxy, format!("0x{:x}", window.from - 1)]),
                    )
                    .await
                    .map_err(|error| chain_stop(&error))?;
                if cutover_inspect::has_delegatecall(&code) {
                    progress.warn(&format!(
                            "{proxy} forwards no unknown call; it is recorded as one that routes by selector, \
                             and how it is upgraded is not known"
                        ));
                    None
                } else {
                    return Err(usage(
                        format!(
                            "{proxy} is not a proxy at block {}",
                            inspection.block.number
                        ),
                        "check the address and the chain; `cutover inspect` says what was seen",
                    ));
                }
            }
            Ok(inspection) => inspection.upgrade.zip(inspection.proxy),
            Err(error) => {
                if let cutover_inspect::InspectError::Chain {
                    source: source @ ChainError::NoSuchBlock { .. },
                    ..
                } = &error
                {
                    return Err(chain_stop(source));
                }
                progress.warn(&format!(
                    "how {proxy} is upgraded is not known, so the recording cannot say: {}",
                    chain(&error)
                ));
                None
            }
        };
        let (upgrade, also) = match inspection {
            Some((upgrade, facts)) => {
                let also = cutover_inspect::upgrade_requests(&upgrade.path, &facts.implementation);
                (Some(upgrade.path), also)
            }
            None => (None, Vec::new()),
        };
        let plan = Plan {
            proxy,
            window,
            only: self.tx.clone(),
            max_transactions: self.max_transactions,
            upgrade,
            also,
            proofs: !self.no_proofs,
            // The run folder holds one recording at a time; elsewhere it is somebody's evidence.
            overwrite: self.overwrite || self.output.is_none(),
            ..Plan::new(proxy, window)
        };
        context.on_interrupt(format!(
            "the same command goes on where it stopped ({}.partial)",
            into.display()
        ));
        let recording = cutover_record::collect(&node, &plan, &into, &progress)
            .await
            .map_err(stop)?;
        drop(progress);
        if recording.counts.transactions == 0 {
            context.output.note(&format!(
                "no transaction reaches {proxy} in blocks {} to {}",
                window.from, window.to
            ));
        }
        show(context, &recording, node.stats())?;
        Ok(if recording.incomplete.is_empty() {
            Exit::Ok
        } else {
            Exit::Inconclusive
        })
    }

    async fn window(&self, node: &Node) -> eyre::Result<Window> {
        let window = match (self.from_block, self.to_block, self.last) {
            (Some(from), Some(to), _) => Window { from, to },
            (_, _, Some(count)) => {
                let to = node.latest().await.map_err(|error| chain_stop(&error))?;
                Window {
                    from: (to + 1).saturating_sub(count).max(1),
                    to,
                }
            }
            _ => {
                return Err(usage(
                    "no blocks are named",
                    "give --from-block and --to-block, or --last",
                ));
            }
        };
        orderly(window)
    }
}

fn show(context: &Context, recording: &Recording, node: NodeStats) -> eyre::Result<()> {
    let counts = recording.counts;
    let shown = Shown {
        proxy: recording.proxy,
        chain_id: recording.chain_id,
        window: recording.window,
        transactions: counts.transactions,
        direct: counts.direct,
        internal: counts.internal,
        accounts: counts.accounts,
        slots: counts.slots,
        codes: counts.codes,
        proofs: Proofs {
            accounts: counts.proven_accounts,
            slots: counts.proven_slots,
        },
        discovery: recording.discovery,
        may_have_missed: &recording.may_have_missed,
        digest: recording.digest,
        node,
        incomplete: &recording.incomplete,
    };
    context.output.show("record", &Inputs::new(), &shown, || {
        cutover_report::recording(recording, &context.style())
    })
}

fn stop(error: RecordError) -> eyre::Report {
    match &error {
        RecordError::Chain(source) | RecordError::Block { source, .. } => {
            chain_stop_saying(source, chain(&error))
        }
        RecordError::Window { .. } => usage(chain(&error), "name other blocks"),
        RecordError::UnknownTransaction { .. }
        | RecordError::OutsideWindow { .. }
        | RecordError::NotThrough { .. } => usage(chain(&error), "correct --tx, or the blocks"),
        RecordError::Folder(_) => usage(
            chain(&error),
            "choose another folder with -o, or give --overwrite",
        ),
        _ => inconclusive(
            chain(&error),
            "what was recorded so far is kept; the same command goes on",
        ),
    }
}

impl Verify {
    async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let folder = open(&self.folder)?;
        let (folder, report) = tokio::task::spawn_blocking(move || {
            let report = cutover_record::verify(&folder, &self.block_hash);
            (folder, report)
        })
        .await?;
        let inputs = Inputs::from([(
            "recording".to_owned(),
            Input {
                digest: folder.manifest().digest,
                file: None,
            },
        )]);
        context.output.show("record-verify", &inputs, &report, || {
            cutover_report::verification(&report, &context.style())
        })?;
        Ok(if report.verified {
            Exit::Ok
        } else {
            Exit::Inconclusive
        })
    }
}

impl Serve {
    async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let folder = open(&self.folder)?;
        let archive = RecordingArchive::new(Arc::new(folder)).with_fresh(self.fresh);
        let facade = Facade::start(Arc::new(archive), self.port)
            .await
            .or_stop(Exit::Usage, "choose another port with --port")?;
        let url = facade.url();
        context.output.show(
            "record-serve",
            &Inputs::new(),
            &Served {
                url: url.to_string(),
            },
            || format!("{url}\n"),
        )?;
        context.on_interrupt("");
        std::future::pending::<()>().await;
        Ok(Exit::Ok)
    }
}

#[derive(Serialize)]
struct Served {
    url: String,
}

/// Opens a recording, or says what is wrong with it.
pub(super) fn open(path: &Path) -> eyre::Result<RecordingFolder> {
    RecordingFolder::open(path).or_stop(
        Exit::Usage,
        "record it again with `cutover record`, or name another folder",
    )
}

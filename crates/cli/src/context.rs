//! What every command has: options, configuration, run folder, output.

use crate::{
    config::Config,
    exit::{Exit, OrStop, inconclusive, stop, usage},
    output::{Color, Output},
    progress::Bar,
    run_folder::RunFolder,
};
use alloy_primitives::Address;
use clap::Args;
use cutover_artifacts::{Cache, Shelf};
use cutover_chain::{ChainError, Node, Notice, Policy};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};
use url::Url;

/// Options every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Global {
    /// JSON-RPC endpoint of the node; `[rpc] url` in cutover.toml when not given
    #[arg(
        long,
        global = true,
        env = "ETH_RPC_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    rpc_url: Option<String>,
    /// Run folder: the files of one upgrade
    #[arg(long, global = true, default_value = "cutover-run", value_name = "DIR")]
    run: PathBuf,
    /// Configuration file; ./cutover.toml when it exists
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Compile again, whatever was compiled before
    #[arg(long, global = true)]
    no_cache: bool,
    /// No progress and no notes, only the result and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    global: Global,
    /// Where results and messages go.
    pub(crate) output: Output,
    /// `cutover.toml`.
    pub(crate) config: Config,
    /// The run folder.
    pub(crate) run: RunFolder,
    shelf: OnceLock<Arc<Shelf>>,
    hint: Mutex<String>,
}

impl Context {
    pub(crate) fn new(global: Global, output: Output) -> eyre::Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        let run = RunFolder::new(global.run.clone());
        Ok(Self {
            global,
            output,
            config,
            run,
            shelf: OnceLock::new(),
            hint: Mutex::new("files are as they were".to_owned()),
        })
    }

    /// What loads of code share.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        let shelf = self.shelf.get_or_init(|| {
            let cache = if self.global.no_cache {
                Cache::off()
            } else {
                Cache::from_env()
            };
            Arc::new(Shelf::new(cache))
        });
        Arc::clone(shelf)
    }

    /// What to say when Ctrl-C ends the command now.
    pub(crate) fn on_interrupt(&self, hint: impl Into<String>) {
        if let Ok(mut slot) = self.hint.lock() {
            *slot = hint.into();
        }
    }

    pub(crate) fn interrupt_hint(&self) -> String {
        self.hint
            .lock()
            .map(|hint| hint.clone())
            .unwrap_or_default()
    }

    /// How reports are drawn on stdout.
    pub(crate) fn style(&self) -> cutover_report::Style {
        cutover_report::Style::new(self.output.width(), self.output.color)
    }

    /// A progress bar on stderr.
    pub(crate) fn progress(&self) -> Bar {
        Bar::new(self.output)
    }

    /// The endpoint, if one is configured.
    pub(crate) fn rpc_url(&self) -> eyre::Result<Option<Url>> {
        let Some(text) = self
            .global
            .rpc_url
            .as_ref()
            .or(self.config.rpc.url.as_ref())
        else {
            return Ok(None);
        };
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            // The text may hold an API key, so it is not repeated.
            .ok_or_else(|| {
                usage(
                    "the node's address is not an http or https URL",
                    "for example --rpc-url http://127.0.0.1:8545",
                )
            })?;
        Ok(Some(url))
    }

    /// The node, if one is configured, with its chain id checked against `cutover.toml`.
    pub(crate) async fn node_if_any(&self) -> eyre::Result<Option<Node>> {
        let Some(url) = self.rpc_url()? else {
            return Ok(None);
        };
        let output = self.output;
        let notice = Notice::new(move |line| output.note(line));
        let policy = Policy {
            notice: Some(notice),
            ..Policy::default()
        };
        let node = Node::new(url, policy);
        let found = node.chain_id().await.or_stop(
            Exit::Inconclusive,
            "is the node running, and is the address right?",
        )?;
        if let Some(expected) = self.config.chain_id
            && found != expected
        {
            return Err(usage(
                format!("the node is on chain {found}, cutover.toml says {expected}"),
                "use a node of that chain with --rpc-url, or correct chain_id in cutover.toml",
            ));
        }
        Ok(Some(node))
    }

    /// The node.
    pub(crate) async fn node(&self) -> eyre::Result<Node> {
        self.node_if_any().await?.ok_or_else(|| {
            usage(
                "no node is configured",
                "give --rpc-url, set ETH_RPC_URL, or put `url` under [rpc] in cutover.toml",
            )
        })
    }

    /// The node, refused unless it is on this chain.
    pub(crate) async fn node_on(&self, chain_id: u64, because: &str) -> eyre::Result<Node> {
        let node = self.node().await?;
        let found = node.chain_id().await.or_stop(Exit::Inconclusive, "")?;
        if found != chain_id {
            return Err(stop(
                Exit::PreflightRefused,
                format!("the node is on chain {found}, {because} is of chain {chain_id}"),
                "use a node of that chain",
            ));
        }
        Ok(node)
    }

    /// The proxy: the argument, or the one in `cutover.toml`.
    pub(crate) fn proxy(&self, argument: Option<Address>) -> eyre::Result<Address> {
        argument.or(self.config.proxy).ok_or_else(|| {
            usage(
                "no proxy is named",
                "give its address, or put `proxy` in cutover.toml (`cutover init`)",
            )
        })
    }

    /// The Solidity project: the argument, the one in `cutover.toml`, or the working directory.
    pub(crate) fn root(&self, argument: Option<&Path>) -> PathBuf {
        argument
            .map(Path::to_path_buf)
            .or_else(|| self.config.root.clone())
            .unwrap_or_else(|| PathBuf::from("."))
    }
}

/// A chain error as the end of a command: what the node cannot give is "could not tell", what the
/// user asked for wrongly is usage.
pub(crate) fn chain_stop(error: &ChainError) -> eyre::Report {
    chain_stop_saying(error, crate::exit::chain(error))
}

/// [`chain_stop`] with a message that says more than the error does.
pub(crate) fn chain_stop_saying(error: &ChainError, message: String) -> eyre::Report {
    match error {
        ChainError::NoSuchBlock { .. } => usage(message, "choose a block the node has"),
        ChainError::Lie { .. } => inconclusive(message, "do not trust this node; use another"),
        ChainError::Pruned { .. } => inconclusive(
            message,
            "use an archive node that still holds this block's state",
        ),
        _ => inconclusive(message, "try again, or use another node"),
    }
}

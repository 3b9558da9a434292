//! How an anvil is started.

use crate::{error::ChainError, node::Policy, programs::find_program};
use cutover_types::Hardfork;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use url::Url;

/// The variable in which anvil alone is told the address it forks from.
const UPSTREAM: &str = "CUTOVER_UPSTREAM";

/// How an anvil is started. The default is a chain of its own without accounts, mining at once.
#[derive(Clone, Default)]
pub struct AnvilOptions {
    /// The program; found on its own when absent.
    pub program: Option<PathBuf>,
    /// The node to fork from. Its address never shows in a list of processes.
    pub fork_url: Option<Url>,
    /// The block to fork at.
    pub fork_block: Option<u64>,
    /// EIP-155 chain id; a fork's own when absent.
    pub chain_id: Option<u64>,
    /// The rules; without, those of the fork block, or the newest.
    pub hardfork: Option<Hardfork>,
    /// Funded accounts.
    pub accounts: u8,
    /// Port of 127.0.0.1; a free one when absent.
    pub port: Option<u16>,
    /// Seconds between blocks; without, a block for every transaction.
    pub block_time: Option<u64>,
    /// Only [`super::Anvil::mine`] makes blocks.
    pub no_mining: bool,
    /// Every address may send unsigned.
    pub impersonate: bool,
    /// Further arguments.
    pub extra: Vec<String>,
    /// How long it may take to start; 60 s when absent.
    pub patience: Option<Duration>,
}

impl fmt::Debug for AnvilOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fork = self.fork_url.as_ref().map(crate::rpc::endpoint);
        f.debug_struct("AnvilOptions")
            .field("program", &self.program)
            .field("fork", &fork)
            .field("fork_block", &self.fork_block)
            .field("chain_id", &self.chain_id)
            .field("hardfork", &self.hardfork)
            .field("extra", &self.extra)
            .finish_non_exhaustive()
    }
}

impl AnvilOptions {
    /// A fork of `url` after `block` that takes recorded transactions in the order they are sent, and
    /// mines when told.
    pub fn green(url: Url, block: u64, hardfork: Hardfork) -> Self {
        let extra = [
            // Recorded transactions may be funded earlier in their block.
            "--disable-pool-balance-checks",
            // It would overwrite what the chain has at that address.
            "--disable-default-create2-deployer",
            "--disable-min-priority-fee",
            "--no-storage-caching",
            "--no-rate-limit",
        ];
        Self {
            fork_url: Some(url),
            fork_block: Some(block),
            hardfork: Some(hardfork),
            no_mining: true,
            impersonate: true,
            extra: extra.map(str::to_owned).to_vec(),
            ..Self::default()
        }
    }

    pub(super) fn find(&self) -> Result<PathBuf, ChainError> {
        self.program
            .clone()
            .or_else(|| find_program("CUTOVER_ANVIL", "anvil"))
            .ok_or_else(|| super::failed(format!("there is none: {}", super::version::advice())))
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience.unwrap_or(Duration::from_secs(60))
    }

    /// How calls are made: each once, and on a fork far fewer at a time than it has threads.
    pub(super) fn policy(&self) -> Policy {
        let once = Policy::once();
        match self.fork_url {
            Some(_) => Policy {
                concurrency: 4,
                max_batch: 4,
                ..once
            },
            None => once,
        }
    }

    pub(super) fn command(&self, program: &Path, home: &Path) -> Result<Command, ChainError> {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", home)
            .env("TMPDIR", home)
            .env("NO_COLOR", "1")
            .env("FOUNDRY_DISABLE_NIGHTLY_WARNING", "1")
            .current_dir(home)
            .args(["--host", "127.0.0.1", "--order", "fifo"])
            // With one for each core, as many traces of a fork at a time lock it up for good.
            .args(["--threads", "16"])
            .args(["--port", &self.port.unwrap_or(0).to_string()])
            .args(["--accounts", &self.accounts.to_string()]);
        if let Some(url) = &self.fork_url {
            // Through an alias, because every process of the machine can read another's arguments.
            let alias = format!("[rpc_endpoints]\nupstream = \"${{{UPSTREAM}}}\"\n");
            fs::write(home.join("foundry.toml"), alias)
                .map_err(|error| super::failed(format!("no file for its settings: {error}")))?;
            command
                .env(UPSTREAM, url.as_str())
                .args(["--fork-url", "upstream"]);
            for name in [
                "HTTPS_PROXY",
                "https_proxy",
                "ALL_PROXY",
                "NO_PROXY",
                "SSL_CERT_FILE",
                "SSL_CERT_DIR",
            ] {
                if url.scheme() == "https"
                    && let Some(value) = std::env::var_os(name)
                {
                    command.env(name, value);
                }
            }
        }
        let mut pair = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                command.args([name, &value]);
            }
        };
        pair(
            "--fork-block-number",
            self.fork_block.map(|block| block.to_string()),
        );
        pair("--chain-id", self.chain_id.map(|id| id.to_string()));
        pair(
            "--hardfork",
            self.hardfork.map(|fork| fork.name().to_owned()),
        );
        pair(
            "--block-time",
            self.block_time.map(|seconds| seconds.to_string()),
        );
        if self.no_mining {
            command.arg("--no-mining");
        }
        if self.impersonate {
            command.arg("--auto-impersonate");
        }
        command.args(&self.extra);
        Ok(command)
    }

    /// Takes the address it forks from out of what anvil says.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let Some(url) = &self.fork_url else {
            return text.to_owned();
        };
        let mut text = text.replace(url.as_str(), &crate::rpc::endpoint(url));
        let secrets = url
            .path_segments()
            .into_iter()
            .flatten()
            .chain(url.password())
            .chain(url.query())
            .filter(|part| part.len() >= 6);
        for secret in secrets {
            text = text.replace(secret, "…");
        }
        text
    }
}

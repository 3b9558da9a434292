//! `cutover init`: writes cutover.toml.

use crate::{
    config::{Config, FILE, Rpc},
    context::Context,
    exit::{Exit, usage},
    run_folder::write_atomically,
};
use alloy_primitives::Address;
use clap::Args;
use cutover_types::file::Inputs;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Write cutover.toml for a Foundry or Hardhat project
///
/// Says once which proxy this project upgrades, on which chain, and where the sources are, so that
/// the other commands need no arguments. An existing file is never overwritten.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Address of the proxy
    #[arg(value_parser = cutover_types::address::parse)]
    proxy: Address,
    /// The Solidity project
    #[arg(long, default_value = ".", value_name = "DIR")]
    root: PathBuf,
    /// EIP-155 chain id; nodes of other chains will be refused
    #[arg(long, value_name = "ID")]
    chain_id: Option<u64>,
}

#[derive(Serialize)]
struct Made {
    file: String,
    project: &'static str,
    proxy: Address,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> eyre::Result<Exit> {
        if Path::new(FILE).exists() {
            return Err(usage(
                format!("{FILE} already exists"),
                "edit it, or remove it first",
            ));
        }
        let project = project_kind(&self.root).ok_or_else(|| {
            usage(
                format!("{} is no Solidity project", self.root.display()),
                "give --root the folder with foundry.toml, hardhat.config.*, truffle-config.js or contracts/",
            )
        })?;
        let config = Config {
            proxy: Some(self.proxy),
            chain_id: self.chain_id,
            root: (self.root != Path::new(".")).then(|| self.root.clone()),
            // The URL itself may hold a key; it stays in the environment.
            rpc: Rpc::default(),
            ..Config::default()
        };
        let text = format!(
            "# Cutover: one proxy, its project, and what is accepted or expected of its next upgrade.\n\
             # The node comes from --rpc-url or ETH_RPC_URL, or from `url` under [rpc].\n{}",
            toml::to_string(&config)?
        );
        write_atomically(Path::new(FILE), text.as_bytes())?;
        let made = Made {
            file: FILE.to_owned(),
            project,
            proxy: self.proxy,
        };
        context.output.show("init", &Inputs::new(), &made, || {
            format!("wrote {FILE} for a {project} project\n")
        })?;
        Ok(Exit::Ok)
    }
}

fn project_kind(root: &Path) -> Option<&'static str> {
    let has = |name: &str| root.join(name).exists();
    if has("foundry.toml") {
        Some("Foundry")
    } else if ["js", "ts", "cjs", "mjs"]
        .iter()
        .any(|ending| has(&format!("hardhat.config.{ending}")))
    {
        Some("Hardhat")
    } else if has("truffle-config.js") {
        Some("Truffle")
    } else if has("contracts") || has("src") {
        Some("Solidity")
    } else {
        None
    }
}

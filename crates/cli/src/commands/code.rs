//! Code references on the command line.

use crate::{
    context::{Context, chain_stop},
    exit::{Exit, OrStop, chain, stop, usage},
};
use alloy_primitives::{Address, Bytes};
use cutover_artifacts::{ArtifactError, Code, LoadOptions, Need, Reference};
use cutover_chain::Node;
use cutover_types::{file::Input, json};
use std::path::PathBuf;

/// What a reference may be, for `--help`.
pub(super) const HELP: &str = "\
A code reference is one of:
  Source.sol:Contract                 compiled in the project at --root
  Token.vy                            Vyper, compiled in the project at --root
  out/Token.sol/Token.json            an artifact (Foundry, Hardhat, Truffle)
  build-info.json#Source.sol:Token    one contract of a build info, of solc's standard JSON (input,
                                      output or both), of a Sourcify or Etherscan file
  .openzeppelin/mainnet.json#0x…      the layout OpenZeppelin's plugin recorded of an implementation
  code:FILE                           runtime bytecode, hex or binary
  0x…                                 an address on the chain

A file is known by its content; `#` may be left out when it holds one contract.";

/// Loads the code a reference names, from disk or from the newest block of the chain.
pub(super) async fn load(
    context: &Context,
    text: &str,
    root: PathBuf,
    solc: Option<PathBuf>,
    need: Need,
) -> eyre::Result<Code> {
    load_at(context, text, root, solc, need, None).await
}

/// [`load`], an address at a block of the chain.
pub(super) async fn load_at(
    context: &Context,
    text: &str,
    root: PathBuf,
    solc: Option<PathBuf>,
    need: Need,
    block: Option<u64>,
) -> eyre::Result<Code> {
    let reference = Reference::parse(text).or_stop(Exit::Usage, "")?;
    if let Some(address) = reference.address() {
        let node = context.node().await?;
        let runtime = code_at_block(&node, address, block).await?;
        return Ok(Code {
            reference: text.to_owned(),
            runtime: Some(runtime),
            missing: vec![format!(
                "{address} is bytecode on the chain: it has no layout and no source"
            )],
            ..Code::default()
        });
    }
    let options = LoadOptions { root, solc, need };
    // The compiler runs as a child process and takes seconds.
    let shelf = context.shelf();
    let loaded = move || cutover_artifacts::load_with(&reference, &options, &shelf);
    let mut code = tokio::task::spawn_blocking(loaded)
        .await?
        .map_err(refused)?;
    for note in &code.notes {
        context.output.warn(note);
    }
    // Reports say it too: what was not looked at is the source the reader may have had in mind.
    code.missing.append(&mut code.notes);
    Ok(code)
}

/// The code at an address; an address without code is refused.
pub(super) async fn code_at(node: &Node, address: Address) -> eyre::Result<Bytes> {
    code_at_block(node, address, None).await
}

/// The code at an address after a block, the newest when it is not given.
pub(super) async fn code_at_block(
    node: &Node,
    address: Address,
    block: Option<u64>,
) -> eyre::Result<Bytes> {
    let block = block.map_or("latest".to_owned(), |number| format!("{number:#x}"));
    let code: Bytes = node
        .call("eth_getCode", serde_json::json!([address, block]))
        .await
        .map_err(|error| chain_stop(&error))?;
    if code.is_empty() {
        return Err(usage(
            format!("there is no code at {address}"),
            "check the address and the chain",
        ));
    }
    Ok(code)
}

fn refused(error: ArtifactError) -> eyre::Report {
    match &error {
        ArtifactError::NoLayout { .. } => stop(Exit::Inconclusive, chain(&error), ""),
        _ => usage(chain(&error), ""),
    }
}

/// What was loaded, as an input of a report.
pub(super) fn as_input(code: &Code) -> eyre::Result<Input> {
    Ok(Input {
        digest: json::digest(&(&code.contract, &code.creation, &code.runtime, &code.layout))?,
        file: None,
    })
}

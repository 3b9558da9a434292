//! `cutover propose`: forward, back, forward again, and the page a signer reads.

use crate::{
    commands::{code, record},
    context::{Context, chain_stop},
    exit::{Exit, stop, usage},
    run_folder::write_atomically,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use clap::Args;
use cutover_chain::Node;
use cutover_inspect::{Agreed, Approved};
use cutover_propose::{Options, Reports, Runtimes, SafeFacts};
use cutover_types::{
    CheckReport, Inspection, Proposal, ReplayReport, UpgradePath,
    deployment::Deployment,
    file::{Input, Inputs},
    inspection::Controller,
};
use std::{collections::BTreeSet, path::PathBuf};

sol! {
    interface ISafeFacts {
        function VERSION() external view returns (string);
        function nonce() external view returns (uint256);
        function domainSeparator() external view returns (bytes32);
    }
}

/// The page for signers in the run folder.
const PAGE: &str = "proposal.html";

/// Make the proposal from the reports, for an account or a Safe
///
/// Refuses, with every reason, when the check is not passed, the replay shows a difference, the way
/// back was not rehearsed, or the reports are not about the same code. Writes proposal.json and
/// proposal.html, the one page a signer reads.
#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// The recording; `recording` in the run folder when not given
    folder: Option<PathBuf>,
    /// Calldata the upgrade runs on the proxy; the same as given to `replay`
    #[arg(long, value_name = "HEX", default_value = "0x")]
    initializer: Bytes,
    /// Blocks after which the proposal must be made again
    #[arg(long, value_name = "COUNT", default_value_t = 50_400, value_parser = clap::value_parser!(u64).range(..=Proposal::MOST_BLOCKS))]
    expires_in: u64,
    /// Accept this many inconclusive transactions
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    allow_inconclusive: u64,
    /// Go on although the checked blue is not the code that runs: its layout is taken on trust
    #[arg(long)]
    trust_blue: bool,
    /// Nonce of the Safe for the upgrade; its next one when not given
    #[arg(long, value_name = "NONCE")]
    safe_nonce: Option<u64>,
}

impl Propose {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let inspection = context.run.read::<Inspection>("cutover inspect")?;
        let check = context.run.read::<CheckReport>("cutover check")?;
        let replay = context.run.read::<ReplayReport>("cutover replay")?;
        let deployment = context.run.read_if_there::<Deployment>("cutover deploy")?;
        let folder = self
            .folder
            .clone()
            .unwrap_or_else(|| context.run.file(record::FOLDER));
        let folder = record::open(&folder)?;
        let recording = folder.manifest().digest;
        let replayed: BTreeSet<_> = replay.content.transactions.iter().map(|t| t.hash).collect();
        let incomplete = folder.manifest().incomplete.iter();
        let unrecorded = incomplete
            .filter(|t| !replayed.contains(&t.transaction))
            .count() as u64;
        if replay.inputs.get("recording").map(|input| input.digest) != Some(recording) {
            return Err(stop(
                Exit::PreflightRefused,
                "replay.json is stale: the recording has changed since it was made",
                "run `cutover replay` again",
            ));
        }
        let node = context
            .node_on(inspection.content.chain_id, "inspect.json")
            .await?;
        let block = node.latest().await.map_err(|error| chain_stop(&error))?;
        let green = code::code_at(&node, replay.content.green.address).await?;
        let blue = code::code_at(&node, replay.content.blue.address).await?;
        let safe = match safe_in(&inspection.content) {
            Some(address) => {
                let several = inspection.content.upgrade.iter();
                let several = several.flat_map(|upgrade| &upgrade.then).next().is_some();
                Some(self.safe_facts(&node, address, several).await?)
            }
            None => None,
        };
        let reports = Reports {
            inspection: &inspection.content,
            check: &check.content,
            check_digest: check.digest,
            replay: &replay.content,
            replay_digest: replay.digest,
            recording_digest: recording,
        };
        let options = Options {
            initializer: self.initializer.clone(),
            block,
            expires_in_blocks: self.expires_in,
            allow_inconclusive: self.allow_inconclusive,
            unrecorded,
            runtimes: Some(Runtimes {
                blue: &blue,
                green: &green,
            }),
            trust_blue: self.trust_blue,
            safe,
        };
        let mut proposal = cutover_propose::propose(&reports, &options)
            .map_err(|error| refused(context, &error))?;
        if let Some(upgrade) = inspection.content.upgrade.as_ref() {
            proposal.executed = self
                .agreed(context, &node, &proposal, &upgrade.path)
                .await?;
        }
        let mut inputs = Inputs::from([
            ("inspect".to_owned(), inspection.as_input()),
            ("check".to_owned(), check.as_input()),
            ("replay".to_owned(), replay.as_input()),
            (
                "recording".to_owned(),
                Input {
                    digest: recording,
                    file: None,
                },
            ),
        ]);
        if let Some(deployment) = &deployment {
            inputs.insert("deploy".to_owned(), deployment.as_input());
        }
        for warning in inspection.content.warnings() {
            context.output.warn(&warning);
        }
        let own = context.run.write(&proposal, &inputs)?;
        let page =
            cutover_report::signers_page(&proposal, &check.content, &replay.content, own.digest);
        write_atomically(&context.run.file(PAGE), page.as_bytes())?;
        context.output.show("propose", &inputs, &proposal, || {
            cutover_report::Report::document(&proposal).text(&context.style())
        })?;
        context.output.note(&format!(
            "the signer's page is {}",
            context.run.file(PAGE).display()
        ));
        Ok(Exit::Ok)
    }

    async fn safe_facts(
        &self,
        node: &Node,
        address: Address,
        several: bool,
    ) -> eyre::Result<SafeFacts> {
        let version = String::abi_decode(&ask(node, address, ISafeFacts::VERSIONCall {}).await?)
            .unwrap_or_default();
        let nonce = U256::abi_decode(&ask(node, address, ISafeFacts::nonceCall {}).await?)
            .unwrap_or_default();
        // Versions before 1.3.0 compute it differently or do not answer.
        let domain_separator = match ask(node, address, ISafeFacts::domainSeparatorCall {}).await {
            Ok(answer) => B256::abi_decode(&answer).ok(),
            Err(_) => None,
        };
        let nonce = match self.safe_nonce {
            Some(nonce) => nonce,
            None => u64::try_from(nonce).map_err(|_| {
                usage(
                    format!("the Safe {address} answers an impossible nonce"),
                    "",
                )
            })?,
        };
        let mut multi_send = None;
        if several {
            for known in cutover_propose::safe::multi_sends(&version) {
                let question = serde_json::json!([known.address, "latest"]);
                let code: Bytes = node
                    .call("eth_getCode", question)
                    .await
                    .map_err(|error| chain_stop(&error))?;
                if keccak256(&code) == known.code_hash {
                    multi_send = Some(known);
                    break;
                }
            }
        }
        Ok(SafeFacts {
            address,
            version,
            nonce,
            multi_send,
            domain_separator,
        })
    }

    /// Has the Safe's owners execute what is proposed, locally: a transaction that its guard refuses, or
    /// that does something else, is not handed to signers.
    async fn agreed(
        &self,
        context: &Context,
        node: &Node,
        proposal: &Proposal,
        path: &UpgradePath,
    ) -> eyre::Result<Option<String>> {
        if proposal.authority.kind != "safe" {
            return Ok(None);
        }
        if self.safe_nonce.is_some() {
            context.output.warn(
                "the Safe's transactions were not executed: with --safe-nonce others may go before them",
            );
            return Ok(None);
        }
        let path = UpgradePath {
            holder: proposal.holder,
            slot: proposal.slot,
            offset: proposal.offset,
            ..path.clone()
        };
        let (green, blue) = (proposal.green.address, proposal.blue.address);
        let ways = [
            (&proposal.forward, green),
            (&proposal.back, blue),
            (&proposal.forward_again, green),
        ];
        let transactions: Vec<_> = ways
            .into_iter()
            .zip(&proposal.hashes)
            .map(|((call, runs), hashes)| Approved {
                call,
                hash: hashes.safe_tx_hash,
                runs,
            })
            .collect();
        let safe = proposal.authority.address;
        let agreed = cutover_inspect::agree(node, safe, &path, &transactions)
            .await
            .map_err(super::inspect::stop)?;
        match agreed {
            Agreed::Done(words) => Ok(Some(words)),
            Agreed::Refused(why) => Err(stop(
                Exit::PreflightRefused,
                format!("nothing is proposed: {why}"),
                "look at the Safe's guard; `cutover inspect` shows it",
            )),
            Agreed::Unknown(why) => {
                context
                    .output
                    .warn(&format!("the Safe's transactions were not executed: {why}"));
                Ok(None)
            }
        }
    }
}

fn refused(context: &Context, error: &cutover_propose::ProposeError) -> eyre::Report {
    for refusal in &error.refusals {
        context.output.warn(&refusal.to_string());
    }
    let count = error.refusals.len();
    stop(
        Exit::PreflightRefused,
        format!(
            "nothing is proposed: {count} reason{}",
            if count == 1 { "" } else { "s" }
        ),
        "mend what the warnings name and run the steps again",
    )
}

/// The Safe the proxy obeys, if that is what it obeys.
fn safe_in(inspection: &Inspection) -> Option<Address> {
    let obeys = inspection.upgrade.as_ref()?.path.from;
    let mut open: Vec<&Controller> = inspection.controllers.iter().collect();
    while let Some(controller) = open.pop() {
        if controller.address == obeys {
            return (controller.kind == "safe").then_some(obeys);
        }
        open.extend(&controller.members);
    }
    None
}

async fn ask(node: &Node, to: Address, call: impl SolCall) -> eyre::Result<Bytes> {
    let request = serde_json::json!([{"to": to, "data": Bytes::from(call.abi_encode())}, "latest"]);
    node.call("eth_call", request)
        .await
        .map_err(|error| chain_stop(&error))
}

//! `cutover doctor`: what there is and what is missing.

use crate::{context::Context, exit::Exit};
use clap::Args;
use cutover_chain::{Node, Policy, find_program};
use cutover_report::Item;
use cutover_types::file::Inputs;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// Say which anvil, solc and node there are, what they can do, and what is missing
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

#[derive(Serialize)]
struct Findings {
    healthy: bool,
    items: Vec<Item>,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> eyre::Result<Exit> {
        let mut items = vec![
            program(
                "anvil",
                "CUTOVER_ANVIL",
                "the green fork; `--engine revm` works without",
                false,
            )
            .await,
            program(
                "solc",
                "CUTOVER_SOLC",
                "compiling `Source.sol:Contract`; artifacts work without",
                false,
            )
            .await,
            program("git", "", "`check --blue-rev`", false).await,
        ];
        match context.rpc_url()? {
            None => items.push(Item {
                name: "node".into(),
                found: None,
                needed_for: "inspect, record, deploy, upgrade, rollback".into(),
                help: Some("give --rpc-url or set ETH_RPC_URL".into()),
                required: false,
            }),
            Some(url) => items.extend(
                node(&Node::new(
                    url,
                    Policy {
                        attempts: 2,
                        ..Policy::default()
                    },
                ))
                .await,
            ),
        }
        let findings = Findings {
            healthy: items
                .iter()
                .all(|item| item.found.is_some() || !item.required),
            items,
        };
        context
            .output
            .show("doctor", &Inputs::new(), &findings, || {
                cutover_report::doctor(&findings.items).text(&context.style())
            })?;
        Ok(if findings.healthy {
            Exit::Ok
        } else {
            Exit::Inconclusive
        })
    }
}

async fn program(name: &str, variable: &str, needed_for: &str, required: bool) -> Item {
    let path = find_program(variable, name);
    let found = match &path {
        Some(path) => Some(format!("{} ({})", version(path).await, path.display())),
        None => None,
    };
    let help = found.is_none().then(|| match variable {
        "" => format!("install {name}"),
        variable => format!("put {name} on PATH, name it in {variable}, or run scripts/setup"),
    });
    Item {
        name: name.to_owned(),
        found,
        needed_for: needed_for.to_owned(),
        help,
        required,
    }
}

async fn version(path: &Path) -> String {
    let output = tokio::process::Command::new(path)
        .arg("--version")
        .stdin(std::process::Stdio::null())
        .output()
        .await;
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.contains(|c: char| c.is_ascii_digit()))
        .unwrap_or("does not answer --version");
    cutover_types::text::terminal(line.trim(), 80)
}

/// What the node can do, each found by asking.
async fn node(node: &Node) -> Vec<Item> {
    let item = |name: &str, found: Option<String>, needed_for: &str, required| Item {
        name: name.to_owned(),
        help: found
            .is_none()
            .then(|| "use another node, or do without".to_owned()),
        found,
        needed_for: needed_for.to_owned(),
        required,
    };
    let chain = node.chain_id().await.ok();
    let latest = node.latest().await.ok();
    let mut items = vec![item(
        "node",
        chain
            .zip(latest)
            .map(|(chain, latest)| format!("chain {chain}, block {latest}")),
        "inspect, record, deploy, upgrade, rollback",
        true,
    )];
    let Some(latest) = latest else { return items };
    let number = format!("0x{latest:x}");
    let zero = alloy_primitives::Address::ZERO;
    let probes = [
        (
            "debug_traceBlockByNumber",
            json!([number, {"tracer": "callTracer"}]),
            "recording every internal call",
        ),
        (
            "eth_getBlockReceipts",
            json!([number]),
            "recording in few requests",
        ),
        (
            "eth_getProof",
            json!([zero, [], number]),
            "recordings that prove their state",
        ),
        (
            "eth_feeHistory",
            json!(["0x1", "latest", []]),
            "fees of what is sent",
        ),
    ];
    for (method, parameters, needed_for) in probes {
        let answer = node.call::<Value>(method, parameters).await;
        items.push(item(
            method,
            answer.ok().map(|_| "answers".to_owned()),
            needed_for,
            false,
        ));
    }
    items
}

//! A proposal in the order a signer reads it.

use crate::{Document, Line, Report, Tone, document::Block, hex};
use alloy_primitives::B256;
use alloy_sol_types::SolCall;
use cutover_types::{
    Call, Proposal, StepCall,
    abi::{IBeacon, IProxy, IProxyAdmin},
    inspection::CodeAt,
    proposal::{Precondition, SafeHashes},
    upgrade::{Verb, batch},
};

impl Report for Proposal {
    fn document(&self) -> Document {
        let mut document = Document::new("Proposal");
        change(&mut document, self);
        hashes(&mut document, self);
        document.heading("Steps");
        document.steps(crate::inspection::words(&self.steps));
        calls(&mut document, self);
        conditions(&mut document, self);
        evidence(&mut document, self);
        document
    }
}

/// What changes, in one sentence, and who acts.
pub(crate) fn change(document: &mut Document, proposal: &Proposal) {
    let initializer = if proposal.forward.data == proposal.forward_again.data {
        ", without initializer"
    } else {
        ", and runs an initializer"
    };
    let line = Line::from("Proxy ")
        .code(hex::address(proposal.proxy))
        .text(format!(" on chain {} leaves ", proposal.chain_id))
        .code(hex::address(proposal.blue.address))
        .text(" for ")
        .code(hex::address(proposal.green.address))
        .text(initializer)
        .text(".");
    document.paragraph(line);
    let code = |at: &CodeAt| {
        Line::default()
            .code(hex::address(at.address))
            .and(Tone::Dim, format!("  code {}", at.code_hash))
    };
    if let Some(executed) = &proposal.executed {
        document.paragraph(Line::of(Tone::Good, executed.clone()));
    }
    document.facts(vec![
        ("blue", code(&proposal.blue)),
        ("green", code(&proposal.green)),
        (
            "authority",
            Line::from(format!("{} ", proposal.authority.kind))
                .code(hex::address(proposal.authority.address)),
        ),
        (
            "slot",
            Line::default()
                .code(proposal.slot.to_string())
                .text(" of ")
                .code(hex::address(proposal.holder)),
        ),
        (
            "expires",
            format!("after block {}", hex::count(proposal.expires)).into(),
        ),
    ]);
}

/// What the hardware wallet shows.
pub(crate) fn hashes(document: &mut Document, proposal: &Proposal) {
    let names = ["Forward", "Back", "Forward again"];
    for (hashes, name) in proposal.hashes.iter().zip(names) {
        document.heading(format!("{name}: what your device shows"));
        document.facts(device(hashes));
    }
}

fn device(hashes: &SafeHashes) -> Vec<(&'static str, Line)> {
    let grouped = |hash: B256| Line::default().code(hex::grouped(hash));
    vec![
        ("safe", Line::default().code(hex::address(hashes.safe))),
        ("nonce", hashes.nonce.to_string().into()),
        ("domain hash", grouped(hashes.domain)),
        ("message hash", grouped(hashes.message)),
        (
            "safeTxHash",
            Line::default().code(hashes.safe_tx_hash.to_string()),
        ),
        ("", grouped(hashes.safe_tx_hash)),
    ]
}

/// The three calls, decoded, with their calldata in full.
pub(crate) fn calls(document: &mut Document, proposal: &Proposal) {
    document.heading("Calls");
    let more = |name: &'static str, steps: &'_ [StepCall]| -> Vec<(&'static str, Call)> {
        steps.iter().map(|step| (name, step.call.clone())).collect()
    };
    let mut calls = vec![("forward", proposal.forward.clone())];
    calls.extend(more("forward, then", &proposal.forward_then));
    calls.push(("back", proposal.back.clone()));
    calls.extend(more("back, then", &proposal.back_then));
    calls.push(("forward again", proposal.forward_again.clone()));
    calls.extend(more("forward again, then", &proposal.forward_again_then));
    let parts = |(name, call): (&'static str, Call)| {
        let inner = batch::unpack(&call).unwrap_or_default();
        let inner = inner.into_iter().map(|call| ("in the batch", call));
        [(name, call)].into_iter().chain(inner)
    };
    let calls: Vec<_> = calls.into_iter().flat_map(parts).collect();
    for (name, call) in &calls {
        let operation = match call.operation {
            0 => Line::of(Tone::Good, "CALL"),
            1 => Line::of(Tone::Bad, "DELEGATECALL"),
            other => Line::of(Tone::Bad, format!("operation {other}")),
        };
        let value = if call.value.is_zero() {
            Line::from("0 wei")
        } else {
            Line::of(Tone::Bad, format!("{} wei", call.value))
        };
        document.facts(vec![
            (*name, decoded(call)),
            ("to", Line::default().code(hex::address(call.to))),
            ("value", value),
            ("operation", operation),
        ]);
        document.blocks.push(Block::Hex(call.data.to_string()));
    }
}

/// The call in words; unknown bytes are said to be unknown.
fn decoded(call: &Call) -> Line {
    let data = &call.data;
    let named =
        |verb: Verb, arguments: &[(&str, String)], tail: Option<&alloy_primitives::Bytes>| {
            let mut line = Line::of(Tone::Strong, verb.name()).text("(");
            for (index, (name, value)) in arguments.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                line = line.text(format!("{comma}{name} ")).code(value.clone());
            }
            if let Some(tail) = tail {
                line = if tail.is_empty() {
                    line.text(", no data")
                } else {
                    line.text(", data ").code(hex::data(tail))
                };
            }
            line.text(")")
        };
    let address = hex::address;
    if let Some(calls) = batch::unpack(call) {
        return Line::of(Tone::Strong, "multiSend")
            .text(format!(
                " of {} calls, all or none, by the code of ",
                calls.len()
            ))
            .code(address(call.to));
    }
    if let Ok(call) = IProxyAdmin::upgradeCall::abi_decode_validate(data) {
        let arguments = [
            ("proxy", address(call.proxy)),
            ("implementation", address(call.implementation)),
        ];
        return named(Verb::AdminUpgrade, &arguments, None);
    }
    if let Ok(call) = IProxyAdmin::upgradeAndCallCall::abi_decode_validate(data) {
        let arguments = [
            ("proxy", address(call.proxy)),
            ("implementation", address(call.implementation)),
        ];
        return named(Verb::AdminUpgradeAndCall, &arguments, Some(&call.data));
    }
    if let Ok(call) = IProxy::upgradeToAndCallCall::abi_decode_validate(data) {
        let arguments = [("implementation", address(call.newImplementation))];
        return named(Verb::UpgradeToAndCall, &arguments, Some(&call.data));
    }
    // A beacon's `upgradeTo` is the same four bytes and the same argument.
    if let Ok(call) = IBeacon::upgradeToCall::abi_decode_validate(data) {
        let arguments = [("implementation", address(call.newImplementation))];
        return named(Verb::UpgradeTo, &arguments, None);
    }
    Line::of(Tone::Bad, "unknown calldata").text(format!(", {} bytes", data.len()))
}

/// What must hold when it is sent.
pub(crate) fn conditions(document: &mut Document, proposal: &Proposal) {
    let items = proposal
        .preconditions
        .iter()
        .map(|condition| match condition {
            Precondition::ChainId { expected } => format!("the chain id is {expected}").into(),
            Precondition::Implementation {
                holder, expected, ..
            } => Line::from("the implementation slot of ")
                .code(hex::address(*holder))
                .text(" holds ")
                .code(hex::address(*expected)),
            Precondition::CodeHash { address, expected } => Line::from("the code at ")
                .code(hex::address(*address))
                .text(" has hash ")
                .code(hex::short(*expected)),
        });
    document.section("Preconditions", items.collect());
}

/// What it rests on.
pub(crate) fn evidence(document: &mut Document, proposal: &Proposal) {
    document.heading("Evidence");
    let digest = |hash: B256| Line::default().code(hash.to_string());
    document.facts(vec![
        ("check", digest(proposal.evidence.check)),
        ("replay", digest(proposal.evidence.replay)),
        ("recording", digest(proposal.evidence.recording)),
    ]);
}

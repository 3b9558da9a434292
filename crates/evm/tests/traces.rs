//! Calls and changes of real transactions are those an archive node's tracers tell.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr
)]

mod support;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use cutover_evm::{BlockRun, Environment};
use cutover_types::{CallFrame, CallKind, StateDiff, Status};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TraceFile {
    call_tracer: Vec<Traced>,
    prestate_tracer_diff: Vec<PrestateDiff>,
}

#[derive(Deserialize)]
struct Traced {
    r#type: String,
    from: Address,
    to: Option<Address>,
    #[serde(default)]
    value: Option<U256>,
    input: Bytes,
    #[serde(default)]
    output: Bytes,
    error: Option<String>,
    #[serde(default)]
    calls: Vec<Traced>,
}

#[derive(Deserialize)]
struct PrestateDiff {
    pre: BTreeMap<Address, Side>,
    post: BTreeMap<Address, Side>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Side {
    balance: Option<U256>,
    nonce: Option<u64>,
    code_hash: Option<B256>,
    #[serde(default)]
    storage: BTreeMap<B256, B256>,
}

/// One line per call, as both can tell it.
fn lines(call: &Traced, depth: u32, into: &mut Vec<String>) {
    let kind = call.r#type.as_str();
    let value = match kind {
        "DELEGATECALL" | "STATICCALL" => U256::ZERO,
        _ => call.value.unwrap_or_default(),
    };
    let ended = match call.error.as_deref() {
        None => Status::Success,
        Some("execution reverted") => Status::Revert,
        Some(_) => Status::Halt,
    };
    into.push(format!(
        "{depth} {kind} {} {} {value} {} {} {ended:?}",
        call.from,
        call.to.unwrap_or_default(),
        call.input,
        call.output
    ));
    for inner in &call.calls {
        lines(inner, depth + 1, into);
    }
}

fn line(call: &CallFrame) -> String {
    let kind = match call.kind {
        CallKind::Call => "CALL",
        CallKind::CallCode => "CALLCODE",
        CallKind::DelegateCall => "DELEGATECALL",
        CallKind::StaticCall => "STATICCALL",
        CallKind::Create => "CREATE",
        CallKind::Create2 => "CREATE2",
        CallKind::SelfDestruct => "SELFDESTRUCT",
    };
    let CallFrame {
        depth,
        from,
        to,
        value,
        input,
        output,
        status,
        ..
    } = call;
    format!("{depth} {kind} {from} {to} {value} {input} {output} {status:?}")
}

/// What changed: account, what, before, after.
type Changes = BTreeSet<(Address, String, U256, U256)>;

fn traced_changes(diff: &PrestateDiff) -> Changes {
    let mut changes = Changes::new();
    let addresses: BTreeSet<_> = diff.pre.keys().chain(diff.post.keys()).collect();
    for address in addresses {
        let pre = diff.pre.get(address).cloned().unwrap_or_default();
        // An account absent afterwards is gone.
        let gone = !diff.post.contains_key(address);
        let post = diff.post.get(address).cloned().unwrap_or_default();
        let mut note = |what: String, before: U256, after: U256| {
            if before != after {
                changes.insert((*address, what, before, after));
            }
        };
        let balance = pre.balance.unwrap_or_default();
        let after = post.balance.or((!gone).then_some(balance));
        note("balance".into(), balance, after.unwrap_or_default());
        let nonce = pre.nonce.unwrap_or_default();
        let after = post.nonce.or((!gone).then_some(nonce));
        note(
            "nonce".into(),
            U256::from(nonce),
            U256::from(after.unwrap_or_default()),
        );
        let code = pre.code_hash.unwrap_or(KECCAK256_EMPTY);
        let after = post.code_hash.or((!gone).then_some(code));
        note(
            "code".into(),
            code.into(),
            after.unwrap_or(KECCAK256_EMPTY).into(),
        );
        for slot in pre.storage.keys().chain(post.storage.keys()) {
            let at = |side: &Side| side.storage.get(slot).copied().unwrap_or_default();
            note(slot.to_string(), at(&pre).into(), at(&post).into());
        }
    }
    changes
}

fn our_changes(diff: &StateDiff) -> Changes {
    let mut changes = Changes::new();
    for (address, account) in diff {
        if let Some(balance) = &account.balance {
            changes.insert((*address, "balance".into(), balance.before, balance.after));
        }
        if let Some(nonce) = &account.nonce {
            let (before, after) = (U256::from(nonce.before), U256::from(nonce.after));
            changes.insert((*address, "nonce".into(), before, after));
        }
        if let Some(code) = &account.code {
            let (before, after) = (keccak256(&code.before), keccak256(&code.after));
            changes.insert((*address, "code".into(), before.into(), after.into()));
        }
        for (slot, change) in &account.storage {
            changes.insert((*address, slot.to_string(), change.before, change.after));
        }
    }
    changes
}

#[test]
fn calls_and_changes_are_those_of_the_tracers() {
    let Some(data) = support::data() else { return };
    let (mut calls, mut changes) = (0, 0);
    for number in support::numbers(&data) {
        let traces = data.join(format!("blocks/trace-{number}.json.gz"));
        if !traces.exists() {
            continue;
        }
        let traces: TraceFile = support::read(&traces);
        let block = support::block(&data, number);
        let environment = Environment::of(1, &block.header).unwrap();
        let mut run = BlockRun::new(&block.state, environment);
        run.begin().unwrap();
        for (index, tx) in block.transactions.iter().enumerate() {
            let outcome = run.next(tx).unwrap();
            let at = format!("{number}/{index} {}", tx.hash);

            let mut expected = Vec::new();
            lines(&traces.call_tracer[index], 0, &mut expected);
            let ours: Vec<_> = outcome.calls.iter().map(line).collect();
            assert_eq!(ours, expected, "{at}");
            calls += ours.len();

            let ours = our_changes(&outcome.diff);
            let expected = traced_changes(&traces.prestate_tracer_diff[index]);
            let only: Vec<_> = ours.symmetric_difference(&expected).collect();
            assert!(only.is_empty(), "{at}: {only:#?}");
            changes += ours.len();
        }
    }
    eprintln!("{calls} calls and {changes} changes are those of the tracers");
}

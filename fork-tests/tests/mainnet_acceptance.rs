//! USDC's real transactions of September 2021 to March 2026, through the command alone: recorded from a
//! node, then replayed with no node on the implementation USDC got half a year later, on its own, and
//! on one that is wrong.
#![allow(clippy::unwrap_used)]

#[path = "mainnet_acceptance/recordings.rs"]
mod recordings;

#[path = "mainnet_acceptance/evidence.rs"]
mod evidence;

mod support;

use recordings::{USDC_NEW, USDC_OLD, recordings};
use serde_json::Value;
use std::collections::BTreeMap;

/// The last block whose USDC runs the old implementation.
const LAST_OLD: u64 = 18_884_864;
/// A small block before the upgrade: six transactions.
const SMALL: u64 = 18_426_253;

fn summary(report: &Value) -> BTreeMap<&str, u64> {
    let summary = report["summary"].as_object().unwrap().iter();
    summary
        .filter_map(|(name, count)| Some((name.as_str(), count.as_u64()?)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn transactions(report: &Value) -> &Vec<Value> {
    report["transactions"].as_array().unwrap()
}

fn verdict(transaction: &Value) -> &str {
    transaction["verdict"].as_str().unwrap()
}

fn why(transaction: &Value) -> &str {
    transaction["why"].as_str().unwrap_or_default()
}

fn differences(transaction: &Value) -> Vec<&str> {
    let differences = transaction["differences"].as_array().unwrap().iter();
    differences
        .map(|difference| difference["what"].as_str().unwrap())
        .collect()
}

#[test]
fn real_upgrade_costs_less_gas_and_changes_nothing_else() {
    let Some(all) = recordings() else { return };
    let green = all.code(18_988_207, USDC_NEW);
    let mut reports = Vec::new();
    for engine in ["anvil", "revm", "both"] {
        for mode in ["isolated", "sequential"] {
            let how = ["--engine", engine, "--mode", mode];
            let ran = all.replay(&all.block(SMALL).folder, &green, &how).ended(0);
            let report = ran.json();
            let expected = [
                ("control_held", 6),
                ("gas_only", 6),
                ("ran_green", 6),
                ("transactions", 6),
            ];
            assert_eq!(summary(&report), expected.into(), "{how:?}");
            let gas = &report["summary"]["gas"];
            assert!(gas["green"].as_u64() < gas["blue"].as_u64(), "{gas}");
            assert_eq!(report["upgrade"]["status"], "success");
            for way in ["status", "forward_again_status"] {
                assert_eq!(report["rollback"][way], "success", "{how:?}");
            }
            let assumptions: Vec<&str> = report["assumptions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|assumption| assumption["assumption"].as_str().unwrap())
                .collect();
            assert_eq!(assumptions, ["funded", "empty", "code_placed"], "{how:?}");
            reports.push(report);
        }
    }
    // Whatever executes, the transactions are told alike.
    for report in &reports[1..] {
        assert_eq!(report["transactions"], reports[0]["transactions"]);
    }
}

#[test]
fn same_report_twice_is_the_same_bytes() {
    let Some(all) = recordings() else { return };
    let green = all.code(18_988_207, USDC_NEW);
    let once = || {
        let ran = all.replay(&all.block(SMALL).folder, &green, &["--engine", "both"]);
        ran.ended(0).stdout
    };
    assert_eq!(once(), once());
}

#[test]
fn slot_that_only_green_reads_is_named_and_never_zero() {
    let Some(all) = recordings() else { return };
    let green = all.code(18_988_207, USDC_NEW);
    let folder = &all.block(16_146_267).folder;
    let report = all
        .replay(folder, &green, &["--engine", "both"])
        .ended(14)
        .json();
    assert_eq!(transactions(&report).len(), 25);
    let mut unknown = 0;
    for transaction in transactions(&report) {
        match verdict(transaction) {
            "gas_only" => {}
            "inconclusive" => {
                unknown += 1;
                assert!(
                    why(transaction).starts_with("green: slot 0x")
                        && why(transaction).ends_with("is not in the recorded state"),
                    "{}",
                    why(transaction)
                );
            }
            other => panic!("{other}: {transaction}"),
        }
    }
    assert!(unknown > 0);
    let accepted = [
        "--engine",
        "revm",
        "--allow-inconclusive",
        &unknown.to_string(),
    ];
    all.replay(folder, &green, &accepted).ended(0);
}

#[test]
fn own_code_at_another_address_is_identical() {
    let Some(all) = recordings() else { return };
    let green = all.code(SMALL, USDC_OLD);
    for mode in ["isolated", "sequential"] {
        let how = ["--engine", "both", "--mode", mode];
        let report = all
            .replay(&all.block(SMALL).folder, &green, &how)
            .ended(0)
            .json();
        let expected = [
            ("control_held", 6),
            ("identical", 6),
            ("ran_green", 6),
            ("transactions", 6),
        ];
        assert_eq!(summary(&report), expected.into(), "{mode}");
    }
}

/// Fails every `transfer` with `Error("no transfers")`; hands everything else to the old implementation.
fn no_transfers() -> String {
    let is_transfer = "60003560e01c63a9059cbb14604557";
    let delegate = format!(
        "3660006000376000600036600073{}5af43d600060003e6040573d6000fd5b3d6000f3",
        &USDC_OLD[2..]
    );
    let revert = "5b6308c379a060e01b6000526020600452600c6024526b6e6f207472616e7366657273\
                  60a01b60445260646000fd";
    format!("0x{is_transfer}{delegate}{revert}")
}

#[test]
fn green_that_refuses_transfers_is_caught_with_its_reason() {
    let Some(all) = recordings() else { return };
    let green = all.write_code("no-transfers", &no_transfers());
    for engine in ["anvil", "revm", "both"] {
        let ran = all.replay(&all.block(SMALL).folder, &green, &["--engine", engine]);
        let report = ran.ended(11).json();
        let mut told = 0;
        for transaction in transactions(&report) {
            if transaction["selector"] != "0xa9059cbb" {
                // The rest goes one call further than on blue.
                assert_eq!(verdict(transaction), "changed", "{transaction}");
                assert_eq!(differences(transaction), ["call", "gas"]);
                continue;
            }
            assert_eq!(verdict(transaction), "regressed", "{transaction}");
            let reason = &transaction["green"]["reason"];
            if transaction["reach"] == "direct" {
                told += 1;
                assert_eq!(reason, "no transfers");
            } else {
                // The pool between says it in its own words.
                assert_eq!(reason, "TF");
            }
        }
        assert_eq!(told, 3);
        assert_eq!(report["summary"]["regressed"], 5, "{engine}");
    }
}

/// Searchers who pay the block's builder by the gas they have left: other gas, another payment.
const PAY_BY_GAS: [(u64, u64); 6] = [
    (18_884_864, 3),
    (18_884_864, 5),
    (18_884_864, 10),
    (18_884_864, 15),
    (18_884_864, 19),
    (24_628_607, 18),
];

/// A transaction of EIP-7702 that anvil's fork refunds too much: told by revm alone.
const ONLY_REVM: (u64, u64) = (24_647_140, 29);

#[test]
fn engines_agree_on_every_transaction_of_every_block() {
    let Some(all) = recordings() else { return };
    let green = all.code(18_988_207, USDC_NEW);
    let (mut held, mut paid_by_gas, mut only_revm) = (0, Vec::new(), Vec::new());
    for block in &all.blocks {
        let ran = all.replay(&block.folder, &green, &["--engine", "both"]);
        let report = ran.json();
        held += report["summary"]["control_held"].as_u64().unwrap();
        for transaction in transactions(&report) {
            let place = (block.number, transaction["index"].as_u64().unwrap());
            assert!(
                !differences(transaction).contains(&"engine"),
                "{place:?}: {transaction}"
            );
            if why(transaction).contains("on revm only") {
                only_revm.push(place);
            }
            match verdict(transaction) {
                // On its own code USDC differs only where an address is warm.
                "gas_only" => {
                    let warm = why(transaction).contains("2,500 gas");
                    assert!(block.number <= LAST_OLD || warm, "{place:?}: {transaction}");
                }
                "identical" => assert!(block.number > LAST_OLD, "{place:?}"),
                "inconclusive" => {
                    assert!(block.number <= LAST_OLD, "{place:?}: {transaction}");
                    assert!(
                        why(transaction).starts_with("green: slot 0x"),
                        "{place:?}: {transaction}"
                    );
                }
                "changed" => {
                    assert_eq!(
                        differences(transaction),
                        ["balance", "balance", "gas"],
                        "{place:?}: {transaction}"
                    );
                    paid_by_gas.push(place);
                }
                other => panic!("{other} {place:?}: {transaction}"),
            }
        }
        let count = |name: &str| report["summary"][name].as_u64().unwrap();
        let expected = match (count("changed") + count("regressed"), count("inconclusive")) {
            (0, 0) => 0,
            (0, _) => 14,
            _ => 11,
        };
        assert_eq!(ran.code, Some(expected), "{}", block.number);
    }
    assert_eq!(held, 235);
    assert_eq!(paid_by_gas, PAY_BY_GAS);
    assert_eq!(only_revm, [ONLY_REVM]);
}

#[test]
fn sequential_replay_holds_its_control() {
    let Some(all) = recordings() else { return };
    let green = all.code(18_988_207, USDC_NEW);
    // Failed transactions, BLOCKHASH, blobs, EIP-7702, and two with much traffic.
    for number in [
        15_537_394, 15_538_827, 19_923_400, 22_615_247, 24_628_608, 24_647_140,
    ] {
        let block = all.block(number);
        let how = ["--engine", "revm", "--mode", "sequential"];
        let report = all.replay(&block.folder, &green, &how).json();
        let held = &report["summary"]["control_held"];
        assert_eq!(held, &block.said["transactions"], "{}", block.number);
        assert_eq!(report["summary"]["regressed"], 0, "{}", block.number);
    }
}

//! USDC's storage at a real block, as far as the data has it.

use crate::support::{MainnetNode, cutover, mainnet_data, root, run, scratch};
use alloy_primitives::{Address, U256, keccak256};
use serde_json::Value;
use std::{path::Path, process::Command};

const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
/// Somebody pauses, reads the name and mints in it.
const BLOCK: u64 = 24_647_140;

/// FiatTokenV2_2's variables; `before` comes in front of the balances.
fn source(name: &str, before: &str) -> String {
    format!(
        "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.28;\ncontract {name} {{
    address private _owner; address public pauser; bool public paused; address public blacklister;
    mapping(address => bool) internal _deprecatedBlacklisted;
    string public name; string public symbol; uint8 public decimals; string public currency;
    address public masterMinter; bool internal initialized; {before}
    mapping(address => uint256) internal balances;
    mapping(address => mapping(address => uint256)) internal allowed;
    uint256 internal totalSupply_; mapping(address => bool) internal minters;
    mapping(address => uint256) internal minterAllowed; address private _rescuer;
    bytes32 private _deprecatedDomainSeparator;
    mapping(address => mapping(bytes32 => bool)) private _authorizationStates;
    mapping(address => uint256) private _permitNonces; uint8 internal _initializedVersion;
}}\n"
    )
}

fn check(folder: &Path, url: &str) -> Command {
    let mut command = cutover(folder);
    let parent = (BLOCK - 1).to_string();
    let solc = root().join(".tools/solc/solc-0.8.28");
    if solc.is_file() {
        command.env("CUTOVER_SOLC", solc);
    }
    command
        .args([
            "check",
            "--blue",
            "Usdc.sol:Usdc",
            "--green",
            "Shifted.sol:Shifted",
        ])
        .args(["--live", USDC, "--block", &parent, "--rpc-url", url])
        .args(["--json", "-q", "--recording", "recording"]);
    command
}

#[test]
fn real_balances_are_read_for_the_keys_a_recording_shows() {
    let Some(data) = mainnet_data() else { return };
    let node = MainnetNode::start::<&str>(&data, &[]);
    let folder = scratch("live_storage_usdc");
    for (name, before) in [("Usdc", ""), ("Shifted", "uint256 public cap;")] {
        let file = folder.join(format!("{name}.sol"));
        std::fs::write(file, source(name, before)).unwrap();
    }
    let number = BLOCK.to_string();
    run(cutover(&folder)
        .args(["record", USDC, "--rpc-url", &node.url, "--json", "-q"])
        .args([
            "--from-block",
            &number,
            "--to-block",
            &number,
            "-o",
            "recording",
        ]))
    .ended(0);

    let report = run(&mut check(&folder, &node.url)).ended(10).json();
    let live = &report["live"];
    assert_eq!(live["block"]["number"], BLOCK - 1);
    // The source is made up; what runs is USDC's own.
    assert_eq!(live["code"]["match"], "different");
    assert_eq!(live["code"]["compiler"], "0.6.12");
    let values = live["values"].as_array().unwrap();
    let blue = |variable: &str| {
        let found = values.iter().find(|value| value["variable"] == variable);
        found
            .and_then(|value| value["blue"].as_str())
            .map(str::to_owned)
    };
    assert_eq!(blue("name").as_deref(), Some("\"USD Coin\""));
    assert_eq!(
        blue("pauser").as_deref(),
        Some("0x4914f61d25e5C567143774B76EdbF4D5109a8566")
    );
    assert_eq!(
        blue("totalSupply_"),
        Some(0x00c6_024b_fe14_2480_u64.to_string())
    );
    // What the data does not have is not zero.
    assert_eq!((blue("symbol"), blue("masterMinter")), (None, None));
    let not_read = live["not_read"].to_string();
    assert!(
        not_read.contains("`symbol`") && not_read.contains("the node does not have this state"),
        "{not_read}"
    );

    let mut read = 0;
    for value in values {
        let name = value["variable"].as_str().unwrap();
        let Some(key) = name
            .strip_prefix("balances[")
            .and_then(|rest| rest.strip_suffix(']'))
        else {
            continue;
        };
        let key: Address = key.parse().unwrap();
        let base = U256::from(9).to_be_bytes::<32>();
        let slot = keccak256([key.into_word().0, base].concat());
        assert_eq!(value["slot"], slot.to_string(), "{name}");
        assert!(value["blue"].as_str().unwrap().parse::<U256>().is_ok());
        read += 1;
    }
    assert!(read >= 20, "only {read} balances");
    // Every slot the transactions wrote is a variable's.
    assert_eq!(live["unexplained"], Value::Null);
    assert!(live["recording"]["written"].as_u64().unwrap() > 20);
    assert!(live["recording"]["entries"].as_u64().unwrap() > 40);
}

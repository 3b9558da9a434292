//! Real upgradeable contracts: the rules must not cry wolf.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use cutover_artifacts::{Code, LoadOptions, Need, Reference, load};
use cutover_check::{Kind, Options, check};
use cutover_types::{LayoutVerdict, SafetyVerdict};
use std::{fs, path::Path};
use support::view;

mod support;

const COIN: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.22;
import {ERC20Upgradeable} from \"@openzeppelin/contracts-upgradeable/token/ERC20/ERC20Upgradeable.sol\";
import {UUPSUpgradeable} from \"@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol\";
import {OwnableUpgradeable} from \"@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol\";
contract Coin is BASES {
    uint256 cap;
    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() { _disableInitializers(); }
    function initialize(address owner) external initializer {
        __ERC20_init(\"Coin\", \"C\");
        __Ownable_init(owner);
    }
    function _authorizeUpgrade(address) internal override onlyOwner {}
}";

fn coin(bases: &str, change: impl Fn(&str) -> String) -> Code {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tools = here.ancestors().map(|up| up.join(".tools/node_modules"));
    let packages = tools.find(|folder| folder.join("@openzeppelin").is_dir());
    let project = tempfile::tempdir().unwrap();
    let packages = packages.expect("no packages: run scripts/setup");
    std::os::unix::fs::symlink(packages, project.path().join("node_modules")).unwrap();
    fs::write(
        project.path().join("Coin.sol"),
        change(&COIN.replace("BASES", bases)),
    )
    .unwrap();
    let options = LoadOptions {
        root: project.path().to_owned(),
        solc: None,
        need: Need::ALL,
    };
    load(&Reference::parse("Coin.sol:Coin").unwrap(), &options).unwrap()
}

#[test]
fn a_sound_upgrade_passes_and_a_lost_base_does_not() {
    let all = "ERC20Upgradeable, UUPSUpgradeable, OwnableUpgradeable";
    let blue = coin(all, str::to_owned);
    let options = Options {
        kind: Some(Kind::Uups),
        ..Options::default()
    };
    // The order of bases does not matter: their storage is in namespaces.
    let bases = "OwnableUpgradeable, ERC20Upgradeable, UUPSUpgradeable";
    let green = coin(bases, |text| {
        text.replace("uint256 cap;", "uint256 cap; uint256 fee;")
    });
    let report = check(&view(&blue), &view(&green), &options);
    assert_eq!(
        report.layout_verdict,
        LayoutVerdict::Compatible,
        "{report:#?}"
    );
    assert_eq!(
        report.safety_verdict,
        SafetyVerdict::Safe,
        "{:#?}",
        report.findings
    );
    assert_eq!(report.findings, []);
    assert_eq!(report.not_checked, Vec::<String>::new());

    let green = coin("ERC20Upgradeable, UUPSUpgradeable", |text| {
        text.replace("__Ownable_init(owner);", "owner;")
            .replace("override onlyOwner", "override")
    });
    let report = check(&view(&blue), &view(&green), &options);
    let rules: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.blocks())
        .map(|finding| finding.rule.as_str())
        .collect();
    assert_eq!(
        rules,
        ["delete-namespace", "unprotected-upgrade"],
        "{:#?}",
        report.findings
    );
}

//! Layouts that come without Solidity syntax trees: recorded by OpenZeppelin, compiled by Vyper.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use cutover_artifacts::{ArtifactError, LoadOptions, Need, Reference, load};
use cutover_check::{Options, check};
use cutover_types::{CheckReport, LayoutVerdict, SafetyVerdict};
use std::{fs, path::Path};

fn report(root: &Path, blue: &str, green: &str) -> CheckReport {
    let load = |reference: &str| {
        let options = LoadOptions {
            root: root.to_owned(),
            solc: None,
            need: Need::ALL,
        };
        load(&Reference::parse(reference).unwrap(), &options).unwrap()
    };
    let (blue, green) = (load(blue), load(green));
    check(
        &support::view(&blue),
        &support::view(&green),
        &Options::default(),
    )
}

/// The source of the recorded layout.
const BOX: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
contract Box {
  enum E { A, B } struct S { uint128 a; address b; uint256[3] c; }
  type U is uint128;
  /// @custom:storage-location erc7201:my.box
  struct Main { uint256 x; S s; mapping(address => S[]) m; }
  address owner; bool f; E e; U u;
  mapping(address => mapping(uint256 => S)) deep;
  S[] list; string name; uint256[5] __gap;
  /// @custom:oz-renamed-from old
  uint256 fresh;
  function x() external view returns (uint256) { Main storage $; assembly { $.slot := ROOT } return $.x; }
}";
const ROOT: &str = "0xe0e1c06b03ed2f30d5fd0d0c2ac0a4ab49c8ecf1f5f4d50f7cde2cbbf1f1a900";

#[test]
fn a_recorded_layout_is_compared_though_it_has_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let root = cutover_types::layout::erc7201(b"my.box").to_string();
    let manifest = include_str!("../../artifacts/tests/fixtures/openzeppelin.json");
    fs::write(folder.path().join("mainnet.json"), manifest).unwrap();
    let cases = [
        ("fresh;", "fresh;", LayoutVerdict::Compatible),
        ("fresh;", "fresh; uint256 more;", LayoutVerdict::Compatible),
        (
            "uint256[5] __gap;",
            "uint256[4] __gap; uint256 more;",
            LayoutVerdict::Compatible,
        ),
        ("bool f; E e;", "E e; bool f;", LayoutVerdict::Incompatible),
        ("E { A, B }", "E { B, A }", LayoutVerdict::Incompatible),
        ("U is uint128", "U is int128", LayoutVerdict::Incompatible),
        (
            "Main { uint256 x; S s;",
            "Main { S s; uint256 x;",
            LayoutVerdict::Incompatible,
        ),
        (
            "S { uint128 a;",
            "S { uint64 a;",
            LayoutVerdict::Incompatible,
        ),
        (ROOT, ROOT, LayoutVerdict::Incompatible),
    ];
    for (from, to, expected) in cases {
        let slot = if from == ROOT { ROOT } else { &root };
        let source = BOX.replace("ROOT", slot).replace(from, to);
        fs::write(folder.path().join("Box.sol"), source).unwrap();
        let report = report(folder.path(), "mainnet.json", "Box.sol:Box");
        assert_eq!(
            report.layout_verdict, expected,
            "{to}: {:?} {:?}",
            report.findings, report.not_checked
        );
        let told = report.not_checked.join("; ");
        assert!(told.contains("a manifest holds no source"), "{told}");
    }
}

const TOKEN: &str = "# pragma version ^0.4.0
flag Roles:
    ADMIN
    USER
struct Point:
    a: uint8
    c: int128[3]
owner: public(address)
balances: HashMap[address, HashMap[uint256, Point]]
roles: Roles
name: String[40]
list: DynArray[Point, 5]
grid: uint8[4][2]
paused: bool
";

#[test]
fn vyper_is_compared_with_vyper_and_with_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("old")).unwrap();
    fs::write(folder.path().join("old/Token.vy"), TOKEN).unwrap();
    // Where Python has no virtual environments `scripts/setup` goes on without Vyper.
    let options = LoadOptions {
        root: folder.path().to_owned(),
        solc: None,
        need: Need::ALL,
    };
    let token = load(&Reference::parse("old/Token.vy").unwrap(), &options);
    if let Err(ArtifactError::NoVyper) = token {
        println!("skipped: no Vyper");
        return;
    }
    let cases = [
        ("paused", "paused", LayoutVerdict::Compatible),
        (
            "paused: bool",
            "paused: bool\nmore: uint256",
            LayoutVerdict::Compatible,
        ),
        ("    USER", "    USER\n    GUEST", LayoutVerdict::Compatible),
        ("String[40]", "String[60]", LayoutVerdict::Compatible),
        ("String[40]", "String[33]", LayoutVerdict::Incompatible),
        ("String[40]", "String[100]", LayoutVerdict::Incompatible),
        (
            "    ADMIN\n    USER",
            "    USER\n    ADMIN",
            LayoutVerdict::Incompatible,
        ),
        ("a: uint8", "a: int128", LayoutVerdict::Incompatible),
        ("Point, 5]", "Point, 6]", LayoutVerdict::Incompatible),
        ("roles: Roles\n", "", LayoutVerdict::Incompatible),
        (
            "HashMap[address,",
            "HashMap[bytes32,",
            LayoutVerdict::Incompatible,
        ),
        (
            "paused: bool",
            "paused: uint256",
            LayoutVerdict::Incompatible,
        ),
    ];
    for (from, to, expected) in cases {
        fs::write(folder.path().join("Token.vy"), TOKEN.replace(from, to)).unwrap();
        let report = report(folder.path(), "old/Token.vy", "Token.vy");
        assert_eq!(
            report.layout_verdict, expected,
            "{to}: {:?} {:?}",
            report.findings, report.not_checked
        );
        assert_eq!(report.safety_verdict, SafetyVerdict::Inconclusive);
    }
    let solidity = "contract Token { address owner; }";
    fs::write(folder.path().join("Token.sol"), solidity).unwrap();
    let report = report(folder.path(), "old/Token.vy", "Token.sol:Token");
    assert_eq!(report.layout_verdict, LayoutVerdict::Inconclusive);
}

#[test]
fn an_annotation_that_allows_nothing_is_told_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let source = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
contract A {
  /// @custom:oz-upgrades-unsafe-allow state-variable-immutable struct-definition
  uint256 immutable x = 1;
  /// @custom:oz-upgrades-unsafe-allow delegatcall
  function f(address to) external { (bool ok,) = to.delegatecall(\"\"); require(ok); }
  /// @custom:oz-upgrades-unsafe-allow-reachable delete
  function g() external {}
}";
    fs::write(folder.path().join("A.sol"), source).unwrap();
    let report = report(folder.path(), "A.sol:A", "A.sol:A");
    let told: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.rule == "waiver-unknown-rule")
        .map(|finding| {
            (
                finding.source.as_ref().unwrap().line,
                finding.message.as_str(),
            )
        })
        .collect();
    let [(7, typo), (9, layout)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(typo.contains("nearest are `delegatecall`"), "{typo}");
    assert!(layout.contains("no safety rule"), "{layout}");
    assert!(report.findings.iter().any(|one| one.rule == "delegatecall"));
    assert!(
        !report
            .findings
            .iter()
            .any(|one| one.rule == "state-variable-immutable")
    );
}

#[test]
fn an_opcode_is_shown_with_the_function_its_way_begins_at() {
    let folder = tempfile::tempdir().unwrap();
    let source = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
library L {
  function go(address to) internal {
    (bool ok,) = to.delegatecall(\"\"); require(ok);
  }
}
contract A {
  function run(address to) external { _run(to); }
  function _run(address to) internal { L.go(to); }
}";
    fs::write(folder.path().join("A.sol"), source).unwrap();
    let report = report(folder.path(), "A.sol:A", "A.sol:A");
    let mut found = report.findings.iter();
    let found = found.find(|one| one.rule == "delegatecall").unwrap();
    assert!(
        found.message.contains("run → _run → L.go"),
        "{}",
        found.message
    );
    let spans: Vec<_> = found
        .spans
        .iter()
        .map(|span| (span.line, span.column))
        .collect();
    assert_eq!(spans, [(5, 18), (9, 12)]);
    assert_eq!(found.spans[1].note, "the way there begins in `run`");
}

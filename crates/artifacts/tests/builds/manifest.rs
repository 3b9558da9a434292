//! Out of the manifests of OpenZeppelin's plugins.

use crate::project::{get, write};
use serde_json::json;

/// Written by OpenZeppelin's upgrades-core 1.46.0 for this source.
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
}";

#[test]
fn a_manifest_without_variables_is_an_empty_contract_only_when_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let types = json!({ "t_address": { "label": "address", "numberOfBytes": "20" } });
    for (layout, is_empty) in [
        (
            json!({ "storage": [], "types": {}, "layoutVersion": "1.2" }),
            true,
        ),
        (
            json!({ "storage": [], "types": types, "layoutVersion": "1.2" }),
            false,
        ),
        (json!({ "storage": [], "types": {} }), false),
        (json!({ "types": {} }), false),
    ] {
        let impls = json!({ "a": { "address": "0x2222222222222222222222222222222222222222", "layout": layout } });
        let manifest = json!({ "manifestVersion": "3.2", "proxies": [], "impls": impls });
        write(folder.path(), "a.json", manifest.to_string());
        let code = get(folder.path(), "a.json").unwrap();
        assert_eq!(code.layout.is_some(), is_empty, "{layout}");
        let told = code.missing.join("; ");
        assert_eq!(
            told.contains("not known") || told.contains("no layout"),
            !is_empty,
            "{told}"
        );
    }
}

#[test]
fn a_manifest_holds_the_layout_of_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../fixtures/openzeppelin.json");
    write(folder.path(), ".openzeppelin/mainnet.json", text);
    write(folder.path(), "contracts/Box.sol", BOX);
    let source = get(folder.path(), "contracts/Box.sol:Box")
        .unwrap()
        .layout
        .unwrap();
    let file = ".openzeppelin/mainnet.json";
    for end in ["", "#ab12", "#0x2222222222222222222222222222222222222222"] {
        let read = get(folder.path(), &format!("{file}{end}")).unwrap();
        assert!(read.layout_is_whole && read.sources.is_none());
        let layout = read.layout.unwrap();
        let places = |items: &[cutover_types::StorageItem]| -> Vec<_> {
            let places = items.iter().map(|one| {
                (
                    one.label.clone(),
                    one.slot.clone(),
                    one.offset,
                    one.renamed_from.clone(),
                )
            });
            places.collect()
        };
        assert_eq!(places(&layout.storage), places(&source.storage));
        let id = "erc7201:my.box";
        assert_eq!(
            places(&layout.namespaces[id]),
            places(&source.namespaces[id])
        );
        assert_eq!(layout.unplaced, Vec::<String>::new());
        for item in &layout.storage {
            let (ours, theirs) = (&layout.types[&item.type_id], &source.types[&item.type_id]);
            let shape = |one: &cutover_types::TypeInfo| {
                let mut one = one.clone();
                one.members = None;
                one
            };
            assert_eq!(shape(ours), shape(theirs), "{}", item.label);
        }
    }
    let proxy = format!("{file}#0x1111111111111111111111111111111111111111");
    let error = get(folder.path(), &proxy).unwrap_err().to_string();
    assert!(error.contains("is a proxy"), "{error}");
}

//! Syntax trees with parts missing or pointing anywhere: judged, not died of.

#![allow(clippy::unwrap_used)]

use cutover_check::{Kind, Options, Side, check};
use cutover_types::source::{SourceUnit, Sources};
use serde_json::{Value, json};
use solc::compile;

#[path = "support/solc.rs"]
mod solc;

const SOURCE: &str = r#"pragma solidity ^0.8.28;
library R { function run(address t, bytes memory d) internal { (bool ok,) = t.delegatecall(d); require(ok); } }
contract I { modifier initializer() { _; } modifier reinitializer(uint64) { _; } modifier onlyInitializing() { _; } }
contract A is I { uint256 a; function __A_init() internal onlyInitializing { if (a == 0) { a = 1; } else { _more(); } } function _more() internal { a = 2; } }
contract B is A { uint256 b; function __B_init() internal onlyInitializing { __A_init(); b = 1; } }
contract T is B {
    bytes32 constant SLOT = bytes32(uint256(keccak256("a")) - 1);
    address immutable helper = address(this);
    function (uint256) internal pure returns (uint256) immutable twice = _twice;
    constructor() initializer { __B_init(); }
    function initialize(uint256 x) external initializer { __B_init(); a = x; }
    function again() external reinitializer(2) { __A_init(); }
    function _twice(uint256 x) internal pure returns (uint256) { return x * 2; }
    function proxiableUUID() external pure returns (bytes32) { return SLOT; }
    function upgradeToAndCall(address to, bytes memory d) public payable { _authorizeUpgrade(to); R.run(to, d); R.run(helper, d); b = twice(b); T(to).proxiableUUID(); }
    function _authorizeUpgrade(address to) internal view { require(msg.sender != to); address h = helper; assembly { if iszero(h) { revert(0, 0) } } }
}"#;

fn tree() -> Value {
    let input = json!({
        "language": "Solidity",
        "sources": { "T.sol": { "content": SOURCE } },
        "settings": { "outputSelection": { "*": { "": ["ast"] } } },
    });
    let (mut output, _) = compile(&input);
    output["sources"]["T.sol"]["ast"].take()
}

fn judge(blue: &Value, green: &Value) {
    let sources = |ast: &Value| Sources {
        units: [(
            "T.sol".to_owned(),
            SourceUnit::new(None, ast.clone()).into(),
        )]
        .into(),
    };
    let (blue, green) = (sources(blue), sources(green));
    let side = |sources| Side {
        contract: Some("T.sol:T"),
        sources: Some(sources),
        ..Side::default()
    };
    let options = Options {
        kind: Some(Kind::Uups),
        ..Options::default()
    };
    check(&side(&blue), &side(&green), &options);
}

/// Calls `f` with every field of a tree in turn, as `(path of the object, field)`.
fn fields(tree: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match tree {
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                fields(item, &format!("{path}/{place}"), found);
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                found.push((path.to_owned(), name.clone()));
                fields(value, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn trees_with_a_part_missing_are_judged() {
    let whole = tree();
    let mut all = Vec::new();
    fields(&whole, "", &mut all);
    let read = |name: &str| !matches!(name, "src" | "nameLocation" | "typeString" | "isPure");
    for (path, name) in all.iter().filter(|(_, name)| read(name)).step_by(11) {
        let mut damaged = whole.clone();
        let object = damaged.pointer_mut(path).unwrap().as_object_mut().unwrap();
        object.remove(name);
        judge(&whole, &damaged);
        judge(&damaged, &whole);
    }
}

#[test]
fn trees_whose_names_all_mean_the_same_are_judged() {
    let whole = tree();
    let mut all = Vec::new();
    fields(&whole, "", &mut all);
    let of = |wanted: &str| -> Vec<_> {
        let named = all.iter().filter(|(_, name)| name == wanted);
        named.map(|(path, name)| format!("{path}/{name}")).collect()
    };
    let ids = of("id")
        .into_iter()
        .map(|path| whole.pointer(&path).unwrap().clone());
    for id in ids.step_by(17) {
        let mut damaged = whole.clone();
        for path in of("referencedDeclaration")
            .into_iter()
            .chain(of("declaration"))
        {
            *damaged.pointer_mut(&path).unwrap() = id.clone();
        }
        judge(&damaged, &damaged);
    }
}

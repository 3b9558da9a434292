//! Expressions of a real compiler, and trees no compiler makes.

use super::{Evaluator, Variables};
use crate::{
    functions::Functions,
    placement::tests::{compile, newest, trees},
    uses,
};
use alloy_primitives::{B256, U256, keccak256};
use cutover_types::{
    layout::erc7201,
    source::{SourceUnit, Sources, Tree, id, kind},
};
use serde_json::{Value, json};

const CONSTANTS: &str = r#"
    pragma solidity ^0.8.8;
    type Slot is bytes32;
    bytes32 constant FREE = keccak256("free");
    library Ids { string internal constant NAME = "example.main"; bytes4 internal constant SHORT = 0x12345678; }
    contract T {
        bytes32 constant erc = keccak256(abi.encode(uint256(keccak256(bytes(Ids.NAME))) - 1)) & ~bytes32(uint256(0xff));
        bytes32 constant minus = bytes32(uint256(keccak256("a.b")) - 1);
        bytes32 constant literal = 0x183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500;
        bytes32 constant text = "abc";
        bytes32 constant free = FREE;
        bytes32 constant encoded = keccak256(abi.encode("a.b", uint8(3)));
        bytes32 constant packed = keccak256(abi.encodePacked("a.b", uint8(3), Ids.SHORT));
        bytes32 constant raised = bytes32(Ids.SHORT);
        uint256 constant lowered = uint256(uint32(Ids.SHORT));
        uint256 constant rational = 2 ** 255 + (0x4000 + 0) - (1 << 200) / 2;
        uint256 constant top = type(uint256).max >> 8;
        uint160 constant cut = uint160(uint256(keccak256("a.b")));
        Slot constant wrapped = Slot.wrap(keccak256("a.b"));
        bytes32 constant unwrapped = Slot.unwrap(wrapped);
        uint256 constant arithmetic = uint256(7) * 6 / 5 % 5 ** 2 ^ 1;
    }"#;

#[test]
fn constants_have_the_values_solidity_gives_them() {
    let output = compile(
        &newest(),
        [("T.sol".to_owned(), CONSTANTS.to_owned())].into(),
    );
    let sources = trees(&output);
    let index = sources.index();
    let bases = [index.contract("T.sol:T").unwrap()];
    let number = |hash: B256| U256::from_be_bytes(hash.0);
    let hashed = |bytes: &[u8]| number(keccak256(bytes));
    let mut head = [0; 192];
    (head[31], head[63], head[95]) = (64, 3, 3);
    head[96..99].copy_from_slice(b"a.b");
    let expected = [
        ("erc", number(erc7201(b"example.main"))),
        ("minus", hashed(b"a.b") - U256::from(1)),
        ("literal", number(erc7201(b"example.main"))),
        ("text", U256::from(0x616263) << 232),
        ("free", hashed(b"free")),
        ("encoded", hashed(&head[..128])),
        ("packed", hashed(b"a.b\x03\x12\x34\x56\x78")),
        ("raised", U256::from(0x12345678_u64) << 224),
        ("lowered", U256::from(0x12345678_u64)),
        (
            "rational",
            (U256::from(1) << 255) + U256::from(0x4000) - (U256::from(1) << 199),
        ),
        ("top", U256::MAX >> 8),
        ("cut", hashed(b"a.b") & (U256::MAX >> 96)),
        ("wrapped", hashed(b"a.b")),
        ("unwrapped", hashed(b"a.b")),
        ("arithmetic", U256::from(9)),
    ];
    let functions = Functions::default();
    let mut evaluator = Evaluator::new(&index, &bases, &functions);
    let declared = bases[0].tree["nodes"].as_array().unwrap();
    for (name, value) in expected {
        let found = declared.iter().find(|node| node["name"] == name).unwrap();
        assert_eq!(kind(found), "VariableDeclaration");
        let named = json!({
            "nodeType": "Identifier", "referencedDeclaration": id(found),
            "typeDescriptions": { "typeString": found["typeDescriptions"]["typeString"].as_str() },
        });
        let named: &Tree = Box::leak(Box::new(named.into()));
        assert_eq!(evaluator.constant(named), Some(value), "{name}");
    }
}

fn constant(id: i64, value: Value) -> Value {
    json!({
        "nodeType": "VariableDeclaration", "id": id, "name": format!("C{id}"), "constant": true,
        "typeDescriptions": { "typeString": "bytes memory" }, "value": value,
    })
}

fn name(id: i64) -> Value {
    json!({
        "nodeType": "Identifier", "referencedDeclaration": id,
        "typeDescriptions": { "typeString": "bytes memory" },
    })
}

fn joined(parts: &[Value]) -> Value {
    json!({
        "nodeType": "FunctionCall", "kind": "functionCall", "arguments": parts,
        "expression": {
            "nodeType": "MemberAccess", "memberName": "encodePacked",
            "expression": { "nodeType": "Identifier", "name": "abi" },
        },
        "typeDescriptions": { "typeString": "bytes memory" },
    })
}

/// What a tree of constants gives for the first of them.
fn first(constants: Vec<Value>) -> Option<U256> {
    let ast = json!({ "nodeType": "SourceUnit", "nodes": constants });
    let unit = SourceUnit::new(None, ast);
    let sources = Sources {
        units: [("T.sol".to_owned(), unit.into())].into(),
    };
    let hash = Tree::from(json!({
        "nodeType": "FunctionCall", "kind": "functionCall", "arguments": [name(0)],
        "expression": { "nodeType": "Identifier", "name": "keccak256" },
        "typeDescriptions": { "typeString": "bytes32" },
    }));
    let index = sources.index();
    Evaluator::new(&index, &[], &Functions::default()).constant(&hash)
}

#[test]
fn constants_in_a_circle_or_without_end_are_left_alone() {
    let text = |hex: &str| {
        json!({
            "nodeType": "Literal", "kind": "string", "hexValue": hex,
            "typeDescriptions": { "typeString": "literal_string \"\"" },
        })
    };
    assert_eq!(
        first(vec![constant(0, text("616263"))]),
        Some(U256::from_be_bytes(keccak256("abc").0))
    );
    // Itself, and two that name each other.
    assert_eq!(first(vec![constant(0, name(0))]), None);
    assert_eq!(
        first(vec![constant(0, name(1)), constant(1, name(0))]),
        None
    );
    // Forty doublings: a terabyte, or as many steps.
    for last in [text(""), text("61")] {
        let mut chain: Vec<_> = (0..40)
            .map(|id| constant(id, joined(&[name(id + 1), name(id + 1)])))
            .collect();
        chain.push(constant(40, last));
        assert_eq!(first(chain), None);
    }
    // Deeper than anybody writes.
    let deep = (0..100).fold(text("61"), |inner, _| joined(&[inner]));
    assert_eq!(first(vec![constant(0, deep)]), None);
    // Longer than anybody hashes.
    assert_eq!(first(vec![constant(0, text(&"61".repeat(100_000)))]), None);
}

#[test]
fn a_parameter_with_many_callers_costs_a_bounded_number_of_steps() {
    // Each of ten functions calls the next thirty times with its own parameter: 30^10 ways.
    let mut text = String::from("pragma solidity ^0.8.8; contract T { ");
    for i in 0..10 {
        let calls = format!("f{}(p);", i + 1).repeat(30);
        let open = if i == 0 { "external" } else { "internal" };
        text += &format!("function f{i}(bytes32 p) {open} {{ {calls} }}\n");
    }
    text += "function f10(bytes32 p) internal { assembly { sstore(p, 1) } }
        function known() external { f10(bytes32(uint256(7))); } }";
    let output = compile(&newest(), [("T.sol".to_owned(), text)].into());
    let sources = trees(&output);
    let index = sources.index();
    let started = std::time::Instant::now();
    let bases = [index.contract("T.sol:T").unwrap()];
    let found = uses::read(&index, &bases, &Variables::default());
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    assert!(found.words.len() <= 1, "{:?}", found.words);
}

//! What the compiler of the other tests does not write: enums over 256 members, `layout at`.

#![allow(clippy::unwrap_used)]

use cutover_check::{Options, Side, check};
use cutover_types::{CheckReport, LayoutVerdict, StorageLayout, source::Sources};
use serde_json::{Value, json};

fn layout(base: u64, bytes: &str, members: usize) -> StorageLayout {
    let item = |label: &str, slot: u64, kind: &str| -> Value {
        json!({ "contract": "T.sol:T", "label": label, "slot": (base + slot).to_string(), "offset": 0, "type": kind })
    };
    let members: Vec<_> = (0..members).map(|i| format!("M{i}")).collect();
    serde_json::from_value(json!({
        "storage": [item("e", 0, "t_enum(E)1"), item("a", 1, "t_uint256"), item("b", 2, "t_uint256")],
        "types": {
            "t_enum(E)1": { "encoding": "inplace", "label": "enum E", "numberOfBytes": bytes, "enumValues": members },
            "t_uint256": { "encoding": "inplace", "label": "uint256", "numberOfBytes": "32" },
        },
    }))
    .unwrap()
}

fn compare(blue: &StorageLayout, green: &StorageLayout) -> CheckReport {
    let sources = Sources::default();
    let side = |layout| Side {
        contract: Some("T.sol:T"),
        layout: Some(layout),
        sources: Some(&sources),
        ..Side::default()
    };
    check(&side(blue), &side(green), &Options::default())
}

#[test]
fn an_enum_that_outgrows_its_byte_is_another_type() {
    let fits = compare(&layout(0, "1", 255), &layout(0, "1", 256));
    assert_eq!(fits.layout_verdict, LayoutVerdict::Compatible);
    let outgrown = compare(&layout(0, "1", 256), &layout(0, "2", 257));
    assert_eq!(outgrown.layout_verdict, LayoutVerdict::Incompatible);
    assert_eq!(outgrown.findings[0].rule, "typechange");
}

#[test]
fn another_base_slot_moves_everything() {
    let stays = compare(&layout(4096, "1", 2), &layout(4096, "1", 2));
    assert_eq!(stays.layout_verdict, LayoutVerdict::Compatible);
    let moved = compare(&layout(4096, "1", 2), &layout(8192, "1", 2));
    assert_eq!(moved.layout_verdict, LayoutVerdict::Incompatible);
    assert_eq!(moved.findings.len(), 3);
    for finding in &moved.findings {
        assert_eq!(finding.rule, "layoutchange");
        assert!(finding.help.contains("layout at"), "{}", finding.help);
    }
    assert_eq!(moved.rollback.unwrap().verdict, LayoutVerdict::Incompatible);
}

#[test]
fn vyper_gives_every_value_a_word_and_is_compared_like_any_other() {
    let layout = |length: u64| -> StorageLayout {
        let item = |label: &str, slot: u64, kind: &str| -> Value {
            json!({ "contract": "T.vy:T", "label": label, "slot": slot.to_string(), "offset": 0, "type": kind })
        };
        let array = format!("t_array(t_address){length}_storage");
        let word =
            |label: &str| json!({ "encoding": "inplace", "label": label, "numberOfBytes": "32" });
        serde_json::from_value(json!({
            "storage": [item("paused", 0, "t_bool"), item("rate", 1, "t_decimal"), item("owners", 2, &array)],
            "types": {
                "t_bool": word("bool"), "t_decimal": word("decimal"), "t_address": word("address"),
                array: {
                    "encoding": "inplace", "label": "address[]", "base": "t_address",
                    "numberOfBytes": (length * 32).to_string(),
                },
            },
        }))
        .unwrap()
    };
    let same = compare(&layout(3), &layout(3));
    assert_eq!(same.layout_verdict, LayoutVerdict::Compatible);
    let shorter = compare(&layout(3), &layout(2));
    assert_eq!(shorter.layout_verdict, LayoutVerdict::Incompatible);
}

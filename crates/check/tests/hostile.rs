//! Layouts come from files: nonsense gets "inconclusive" and a reason, soon, and never a pass.

#![allow(clippy::unwrap_used)]

use cutover_check::{Options, Side, check};
use cutover_types::{CheckReport, LayoutVerdict, StorageLayout, source::Sources};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

fn item(label: &str, slot: &str, offset: u64, kind: &str) -> Value {
    json!({ "contract": "T.sol:T", "label": label, "slot": slot, "offset": offset, "type": kind })
}

fn inplace(bytes: &str) -> Value {
    json!({ "encoding": "inplace", "label": "some", "numberOfBytes": bytes })
}

fn structure(bytes: &str, members: &[Value]) -> Value {
    json!({ "encoding": "inplace", "label": "struct S", "numberOfBytes": bytes, "members": members })
}

fn layout(storage: &[Value], types: &[(&str, Value)]) -> StorageLayout {
    let mut all = Map::new();
    all.insert("t_uint256".to_owned(), inplace("32"));
    all.insert("t_uint128".to_owned(), inplace("16"));
    all.extend(
        types
            .iter()
            .map(|(id, info)| ((*id).to_owned(), info.clone())),
    );
    serde_json::from_value(json!({ "storage": storage, "types": all })).unwrap()
}

fn compare(blue: &StorageLayout, green: &StorageLayout) -> CheckReport {
    let sources = Sources::default();
    let side = |layout| Side {
        contract: Some("T.sol:T"),
        layout: Some(layout),
        sources: Some(&sources),
        ..Side::default()
    };
    let started = Instant::now();
    let report = check(&side(blue), &side(green), &Options::default());
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    report
}

#[test]
fn a_layout_that_contradicts_itself_gives_no_answer() {
    let max = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    let one = |kind: &str| item("a", "0", 0, kind);
    let cases = [
        (
            "`a` and `b` overlap",
            layout(&[one("t_uint256"), item("b", "0", 16, "t_uint128")], &[]),
        ),
        (
            "is not described",
            layout(&[one("t_struct(Gone)1_storage")], &[]),
        ),
        (
            "is no place",
            layout(&[item("a", "seven", 0, "t_uint256")], &[]),
        ),
        (
            "is no place",
            layout(&[item("a", &format!("{max}0"), 0, "t_uint256")], &[]),
        ),
        (
            "is no place",
            layout(&[item("a", "0", 32, "t_uint128")], &[]),
        ),
        (
            "does not fit",
            layout(&[item("a", "0", 20, "t_uint128")], &[]),
        ),
        (
            "reaches past the end",
            layout(
                &[item("a", max, 0, "t_struct(S)1_storage")],
                &[("t_struct(S)1_storage", structure("64", &[one("t_uint256")]))],
            ),
        ),
        (
            "contains itself",
            layout(
                &[one("t_struct(S)1_storage")],
                &[(
                    "t_struct(S)1_storage",
                    structure("32", &[one("t_struct(S)1_storage")]),
                )],
            ),
        ),
        (
            "contains itself",
            layout(
                &[one("t_struct(A)1_storage")],
                &[
                    (
                        "t_struct(A)1_storage",
                        structure("32", &[one("t_struct(B)2_storage")]),
                    ),
                    (
                        "t_struct(B)2_storage",
                        structure("32", &[one("t_struct(A)1_storage")]),
                    ),
                ],
            ),
        ),
        (
            "reaches past the end",
            layout(
                &[one("t_struct(S)1_storage")],
                &[(
                    "t_struct(S)1_storage",
                    structure("32", &[item("x", "1", 0, "t_uint256")]),
                )],
            ),
        ),
        (
            "which `t_uint8` cannot",
            layout(&[one("t_uint8")], &[("t_uint8", inplace("2"))]),
        ),
        (
            "is no size",
            layout(&[one("t_bool")], &[("t_bool", inplace("0"))]),
        ),
        (
            "is no size",
            layout(&[one("t_bool")], &[("t_bool", inplace("-1"))]),
        ),
        (
            "is no type",
            layout(&[one("t_new")], &[("t_new", inplace("32"))]),
        ),
        (
            "cannot",
            layout(
                &[one("t_array(t_uint256)9_storage")],
                &[(
                    "t_array(t_uint256)9_storage",
                    json!({
                        "encoding": "inplace", "label": "uint256[9]", "numberOfBytes": "32", "base": "t_uint256"
                    }),
                )],
            ),
        ),
        (
            "cannot",
            layout(
                &[one(&format!("t_array(t_big){max}_storage"))],
                &[
                    ("t_big", inplace(max)),
                    (
                        &format!("t_array(t_big){max}_storage"),
                        json!({
                            "encoding": "inplace", "label": "big", "numberOfBytes": max, "base": "t_big"
                        }),
                    ),
                ],
            ),
        ),
    ];
    let sound = layout(&[one("t_uint256")], &[]);
    for (why, bad) in cases {
        for (blue, green) in [(&bad, &bad), (&sound, &bad), (&bad, &sound)] {
            let report = compare(blue, green);
            let ways = [report.rollback.unwrap(), report.mixed.unwrap()];
            assert_eq!(report.layout_verdict, LayoutVerdict::Inconclusive, "{why}");
            assert!(
                report.not_checked.iter().any(|said| said.contains(why)),
                "{why}: {:?}",
                report.not_checked
            );
            for way in ways {
                assert_eq!(way.verdict, LayoutVerdict::Inconclusive, "{why}");
            }
        }
    }
}

/// Each struct holds the next one twice: every path through them would be endless work.
#[test]
fn doubling_types_are_compared_once_each() {
    let chain = |depth: usize, last: &str| {
        let mut types = Vec::new();
        for i in 0..depth {
            let next = if i + 1 == depth {
                last.to_owned()
            } else {
                format!("t_struct(S{})1_storage", i + 1)
            };
            let mapping = format!("t_mapping(t_uint256,{next})");
            let members = [item("a", "0", 0, &mapping), item("b", "1", 0, &mapping)];
            types.push((mapping.clone(), json!({
                "encoding": "mapping", "label": "m", "numberOfBytes": "32", "key": "t_uint256", "value": next
            })));
            types.push((
                format!("t_struct(S{i})1_storage"),
                structure("64", &members),
            ));
        }
        types.push(("t_bytes32".to_owned(), inplace("32")));
        let types: Vec<_> = types
            .iter()
            .map(|(id, info)| (id.as_str(), info.clone()))
            .collect();
        layout(&[item("a", "0", 0, "t_struct(S0)1_storage")], &types)
    };
    let same = compare(&chain(25, "t_uint256"), &chain(25, "t_uint256"));
    assert_eq!(same.layout_verdict, LayoutVerdict::Compatible);
    let other = compare(&chain(25, "t_uint256"), &chain(25, "t_bytes32"));
    assert_eq!(other.layout_verdict, LayoutVerdict::Incompatible);
    // Deeper than is followed.
    let deep = compare(&chain(60, "t_uint256"), &chain(60, "t_uint256"));
    assert_eq!(deep.layout_verdict, LayoutVerdict::Inconclusive);
    assert!(
        deep.not_checked.iter().any(|why| why.contains("too deep")),
        "{:?}",
        deep.not_checked
    );
}

#[test]
fn thousands_of_variables_take_no_time_and_too_many_are_refused() {
    let many = |count: usize, from: usize| {
        let items: Vec<_> = (0..count)
            .map(|i| {
                item(
                    &format!("v{}", (i + from) % count),
                    &i.to_string(),
                    0,
                    "t_uint256",
                )
            })
            .collect();
        layout(&items, &[])
    };
    let report = compare(&many(5000, 0), &many(5000, 0));
    assert_eq!(report.layout_verdict, LayoutVerdict::Compatible);
    let report = compare(&many(5000, 0), &many(5000, 1));
    assert_eq!(report.layout_verdict, LayoutVerdict::Incompatible);
    let report = compare(&many(30_000, 0), &many(30_000, 0));
    assert_eq!(report.layout_verdict, LayoutVerdict::Inconclusive);
}

#[test]
fn names_of_any_length_give_messages_of_some_length() {
    let long = "x".repeat(100_000);
    let mut types = Vec::new();
    for i in 0..30 {
        let next = if i == 29 {
            "t_uint256".to_owned()
        } else {
            format!("t_struct(S{})1_storage", i + 1)
        };
        let info = json!({
            "encoding": "inplace", "label": format!("struct {long}"), "numberOfBytes": "32",
            "members": [item("a", "0", 0, &next)]
        });
        types.push((format!("t_struct(S{i})1_storage"), info));
    }
    let blue: Vec<_> = types
        .iter()
        .map(|(id, info)| (id.as_str(), info.clone()))
        .collect();
    let mut green = blue.clone();
    green[29].1["members"][0]["type"] = json!("t_bytes32");
    green.push(("t_bytes32", inplace("32")));
    let storage = [item("a", "0", 0, "t_struct(S0)1_storage")];
    let report = compare(&layout(&storage, &blue), &layout(&storage, &green));
    assert_eq!(report.layout_verdict, LayoutVerdict::Incompatible);
    assert!(report.findings[0].message.len() < 4000);
}

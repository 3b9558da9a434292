use super::*;
use crate::{Options, Side, check};
use alloy_primitives::keccak256;
use cutover_types::{
    Category, CheckReport, Severity, StorageLayout, Verdict, live::CodeMatch, source::Sources,
};
use serde_json::{Value, json};

fn item(label: &str, slot: u64, offset: u64, of: &str) -> Value {
    json!({"contract": "V.sol:V", "label": label, "offset": offset, "slot": slot.to_string(), "type": of})
}

fn layout(storage: Vec<Value>) -> StorageLayout {
    let simple = |label: &str, size: u64| json!({"encoding": "inplace", "label": label, "numberOfBytes": size.to_string()});
    serde_json::from_value(json!({
        "storage": storage,
        "types": {
            "t_address": simple("address", 20), "t_bool": simple("bool", 1), "t_uint8": simple("uint8", 1),
            "t_uint96": simple("uint96", 12), "t_uint256": simple("uint256", 32),
            "t_mapping(t_address,t_uint256)": {"encoding": "mapping", "label": "mapping(address => uint256)",
                "numberOfBytes": "32", "key": "t_address", "value": "t_uint256"}
        }
    }))
    .unwrap()
}

/// A contract with this layout and nothing else.
fn side(layout: &StorageLayout) -> Side<'_> {
    Side {
        reference: "V.sol:V",
        contract: Some("V.sol:V"),
        layout: Some(layout),
        ..Side::default()
    }
}

fn slot(number: u64) -> B256 {
    U256::from(number).into()
}

fn entry(key: Address, base: u64) -> B256 {
    keccak256([key.into_word().0, slot(base).0].concat())
}

/// Reads what the check wants from `words`; what is not there is zero.
fn settled(
    blue: &Side<'_>,
    green: &Side<'_>,
    mut live: Live,
    words: &BTreeMap<B256, U256>,
) -> CheckReport {
    live.block = Some(BlockId {
        number: 7,
        hash: slot(7),
    });
    loop {
        let more = wanted(blue, green, &live);
        if more.is_empty() {
            break;
        }
        for slot in more {
            let word = words.get(&slot).copied().unwrap_or_default();
            live.words.insert(slot, word);
        }
    }
    check(
        blue,
        green,
        &Options {
            live: Some(live),
            ..Options::default()
        },
    )
}

#[test]
fn a_finding_shows_what_stored_values_become() {
    let blue = layout(vec![
        item("owner", 0, 0, "t_address"),
        item("feeBps", 0, 20, "t_uint96"),
        item("balances", 1, 0, "t_mapping(t_address,t_uint256)"),
        item("spare", 2, 0, "t_uint256"),
    ]);
    let green = layout(vec![
        item("owner", 0, 0, "t_address"),
        item("limit", 1, 0, "t_uint256"),
        item("balances", 2, 0, "t_mapping(t_address,t_uint256)"),
        item("feeBps", 3, 0, "t_uint96"),
    ]);
    let (owner, user) = (Address::repeat_byte(0x7a), Address::repeat_byte(0x11));
    let word = U256::from_be_bytes(owner.into_word().0) | (U256::from(30) << 160);
    let words = BTreeMap::from([(slot(0), word), (entry(user, 1), U256::from(500))]);
    let mut seen = Seen::default();
    seen.preimages
        .add(&[user.into_word().0, slot(1).0].concat());
    seen.touched.insert(entry(user, 1));
    let live = Live {
        seen: Some(seen),
        ..Live::default()
    };
    let report = settled(&side(&blue), &side(&green), live, &words);
    let damage = |label: &str| -> Vec<(String, String, String)> {
        let mut findings = report.findings.iter();
        let finding = findings
            .find(|f| f.label.as_deref() == Some(label))
            .unwrap();
        let damage = finding.damage.iter();
        damage
            .map(|d| (d.variable.clone(), d.blue.clone(), d.green.clone()))
            .collect()
    };
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(damage("feeBps"), [row("feeBps", "30", "0")]);
    assert_eq!(
        damage("balances"),
        [row(&format!("balances[{user}]"), "500", "0")]
    );
    let spare = report
        .findings
        .iter()
        .find(|f| f.label.as_deref() == Some("spare"));
    let spare = &spare.unwrap().message;
    assert!(
        spare.ends_with("(at block 7 every value read of it is zero)"),
        "{spare}"
    );
    assert_eq!(report.verdict, Verdict::Blocked);
    let live = report.live.unwrap();
    assert!(
        live.values
            .iter()
            .any(|v| v.variable == "owner" && !v.changed)
    );
    assert_eq!(live.values.iter().filter(|value| value.changed).count(), 2);
    assert_eq!(live.recording.unwrap().entries, 1);
}

#[test]
fn a_variable_that_only_green_has_begins_with_what_lies_there() {
    let blue = layout(vec![item("owner", 0, 0, "t_address")]);
    let green = layout(vec![
        item("flag", 0, 0, "t_bool"),
        item("owner", 1, 0, "t_address"),
    ]);
    let owner = Address::repeat_byte(0x7a);
    let words = BTreeMap::from([(slot(0), owner.into_word().into())]);
    let report = settled(&side(&blue), &side(&green), Live::default(), &words);
    let live = report.live.unwrap();
    let flag = live
        .values
        .iter()
        .find(|value| value.variable == "flag")
        .unwrap();
    assert_eq!((flag.green.as_deref(), flag.changed), (Some("0x7a"), true));
    let insert = report
        .findings
        .iter()
        .find(|finding| finding.rule == "insert")
        .unwrap();
    assert_eq!(insert.damage[0].blue, format!("owner = {owner}"));
}

#[test]
fn what_the_node_refuses_is_said_and_never_zero() {
    let blue = layout(vec![item("owner", 0, 0, "t_address")]);
    let live = Live {
        refused: BTreeMap::from([(slot(0), "pruned".to_owned())]),
        ..Live::default()
    };
    let report = settled(&side(&blue), &side(&blue), live, &BTreeMap::new());
    let live = report.live.unwrap();
    assert_eq!(live.values, []);
    assert_eq!(live.not_read, ["`owner`: pruned"]);
}

#[test]
fn what_green_reads_elsewhere_and_the_node_refuses_is_no_empty_value() {
    let blue = layout(vec![item("owner", 0, 0, "t_address")]);
    let green = layout(vec![item("owner", 1, 0, "t_address")]);
    let live = Live {
        refused: BTreeMap::from([(slot(1), "pruned".to_owned())]),
        ..Live::default()
    };
    let report = settled(&side(&blue), &side(&green), live, &BTreeMap::new());
    let live = report.live.unwrap();
    let [owner] = live.values.as_slice() else {
        panic!("{:?}", live.values);
    };
    assert_eq!((owner.blue.is_some(), &owner.green), (true, &None));
    assert_eq!(owner.green_not_read.as_deref(), Some("pruned"));
    assert_eq!(live.not_read, ["`owner` of green: pruned"]);
}

#[test]
fn writes_that_no_layout_explains_are_a_warning_unless_green_names_the_slot() {
    let blue = layout(vec![
        item("owner", 0, 0, "t_address"),
        item("balances", 1, 0, "t_mapping(t_address,t_uint256)"),
    ]);
    let named = keccak256("a.slot.of.ours");
    let next = B256::from(U256::from_be_bytes(named.0) + U256::from(1));
    let user = Address::repeat_byte(0x11);
    let code = Bytes::from([&[0x7f], named.as_slice(), &[0x54]].concat());
    let green = Side {
        runtime: Some(&code),
        ..side(&blue)
    };
    let written = |slots: &[B256]| {
        let mut seen = Seen::default();
        seen.preimages
            .add(&[user.into_word().0, slot(1).0].concat());
        seen.written = slots
            .iter()
            .map(|slot| (*slot, B256::repeat_byte(9)))
            .collect();
        Live {
            seen: Some(seen),
            target_slot: Some(slot(30)),
            ..Live::default()
        }
    };
    for (slots, expected) in [
        (
            vec![
                slot(0),
                entry(user, 1),
                // The proxy's own: an upgrade was recorded.
                cutover_types::abi::IMPLEMENTATION_SLOT,
                slot(30),
            ],
            vec![],
        ),
        (vec![slot(40), entry(user, 2)], vec![Severity::Warning]),
        (vec![named, next], vec![Severity::Note]),
        (
            vec![named, slot(40)],
            vec![Severity::Warning, Severity::Note],
        ),
    ] {
        let report = settled(&side(&blue), &green, written(&slots), &BTreeMap::new());
        let found = report
            .findings
            .iter()
            .filter(|f| f.rule == "unexplained-write");
        assert_eq!(
            found.map(|f| f.severity).collect::<Vec<_>>(),
            expected,
            "{slots:?}"
        );
        let listed = report.live.unwrap().unexplained;
        assert!(listed.iter().all(|one| one.value == Some(B256::ZERO)));
    }
}

/// The syntax tree of `V` with these functions: name, modifier, version.
fn sources(functions: &[(&str, &str, Option<u64>)]) -> Sources {
    let functions: Vec<Value> = functions
        .iter()
        .map(|(name, modifier, version)| {
            let literal = |n: &u64| json!({"nodeType": "Literal", "value": n.to_string()});
            json!({"nodeType": "FunctionDefinition", "name": name, "visibility": "external", "modifiers": [
                {"modifierName": {"name": modifier}, "arguments": version.iter().map(literal).collect::<Vec<_>>()}]})
        })
        .collect();
    let ast = json!({"nodeType": "SourceUnit", "nodes": [
        {"nodeType": "ContractDefinition", "id": 1, "name": "V", "linearizedBaseContracts": [1], "nodes": functions}]});
    let unit = cutover_types::source::SourceUnit::new(None, ast);
    Sources {
        units: BTreeMap::from([("V.sol".to_owned(), unit.into())]),
    }
}

#[test]
fn initializers_are_held_against_the_stored_version() {
    let mut counter = item("_initialized", 0, 0, "t_uint8");
    counter["contract"] = json!("I.sol:Initializable");
    let at = |slot: u64| {
        let mut counter = counter.clone();
        counter["slot"] = json!(slot.to_string());
        layout(vec![counter])
    };
    let (here, elsewhere) = (at(0), at(5));
    let init = ("initialize", "initializer", None);
    let to = |name, version| (name, "reinitializer", Some(version));
    let cases = [
        // Stored version, green's layout, blue's functions, green's, what is said.
        (1, &here, vec![init], vec![init], None),
        (0, &here, vec![init], vec![init], Some(Severity::Warning)),
        (1, &elsewhere, vec![init], vec![init], Some(Severity::Error)),
        (1, &here, vec![init], vec![init, to("migrate", 2)], None),
        (
            2,
            &here,
            vec![init],
            vec![init, to("migrate", 2)],
            Some(Severity::Error),
        ),
        (
            255,
            &here,
            vec![init],
            vec![init, to("migrate", 2)],
            Some(Severity::Error),
        ),
        (
            2,
            &here,
            vec![to("migrate", 2)],
            vec![to("migrate", 2)],
            None,
        ),
        (
            1,
            &here,
            vec![to("migrate", 2)],
            vec![to("migrate", 2)],
            Some(Severity::Warning),
        ),
        (
            2,
            &here,
            vec![to("migrate", 2)],
            vec![to("migrate", 2), to("again", 3)],
            None,
        ),
    ];
    for (version, green_layout, before, after, expected) in cases {
        let (before, after) = (sources(&before), sources(&after));
        let blue = Side {
            sources: Some(&before),
            ..side(&here)
        };
        let green = Side {
            sources: Some(&after),
            ..side(green_layout)
        };
        let words = BTreeMap::from([(slot(0), U256::from(version))]);
        let report = settled(&blue, &green, Live::default(), &words);
        let mut found = report.findings.iter();
        let found = found.find(|finding| finding.rule == "initializer-version");
        assert_eq!(
            found.map(|f| f.severity),
            expected,
            "at {version}: {found:?}"
        );
        assert_eq!(
            report.live.unwrap().initialized.unwrap().version,
            Some(version)
        );
    }
}

#[test]
fn an_initialized_version_nobody_can_read_is_inconclusive() {
    let mut counter = item("_initialized", 0, 0, "t_uint8");
    counter["contract"] = json!("I.sol:Initializable");
    let layout = layout(vec![counter]);
    let sources = sources(&[("initialize", "initializer", None)]);
    let blue = Side {
        sources: Some(&sources),
        ..side(&layout)
    };
    let live = Live {
        refused: BTreeMap::from([(slot(0), "pruned".to_owned())]),
        ..Live::default()
    };
    let report = settled(&blue, &blue, live, &BTreeMap::new());
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.not_checked.iter().any(|why| why.contains("pruned")));
}

#[test]
fn blue_that_does_not_run_blocks_and_other_metadata_does_not() {
    let build = |first: u8, patch: u8| {
        let mut code = vec![0x60, first, 0x60, 0, 0x73];
        code.extend([0; 20]);
        code.extend([0xa1, 0x64, b's', b'o', b'l', b'c', 0x43, 0, 8, patch, 0, 10]);
        code
    };
    let filled = |first: u8, patch: u8| {
        let mut code = build(first, patch);
        code[3] = 9;
        code[5..25].fill(0xaa);
        Bytes::from(code)
    };
    let ours = Bytes::from(build(1, 28));
    let blue = Side {
        template: Some(&ours),
        immutables: std::slice::from_ref(&(3..4)),
        links: std::slice::from_ref(&(5..25)),
        compiler: Some("0.8.28+commit.7893614a"),
        ..Side::default()
    };
    for (code, matched, rule) in [
        (filled(1, 28), CodeMatch::Exact, None),
        (
            filled(1, 27),
            CodeMatch::OtherMetadata,
            Some(("other-metadata", Severity::Note)),
        ),
        (
            filled(2, 27),
            CodeMatch::Different,
            Some(("not-live", Severity::Error)),
        ),
    ] {
        let live = Live {
            code,
            ..Live::default()
        };
        let report = settled(&blue, &blue, live, &BTreeMap::new());
        let mut findings = report.findings.iter();
        let found = findings.find(|f| f.category == Category::Chain);
        assert_eq!(found.map(|f| (f.rule.as_str(), f.severity)), rule);
        let code = report.live.unwrap().code;
        assert_eq!(code.matched, matched);
        if matched == CodeMatch::Different {
            assert_eq!(
                (code.first_difference, code.differing_bytes),
                (Some(1), Some(1))
            );
            let message = &found.unwrap().message;
            assert!(
                message.contains("1 of 37 bytes differ, the first at 1; solc 0.8.27"),
                "{message}"
            );
            assert_eq!(report.verdict, Verdict::Blocked);
        } else {
            assert_eq!(code.immutables[0].value.as_ref(), [9]);
            assert_eq!(code.libraries[0].address, Address::repeat_byte(0xaa));
        }
    }
}

/// Rules, severities and labels of what lies over the proxy's own slots.
fn over_the_proxy(
    blue: &StorageLayout,
    green: &StorageLayout,
    target: u64,
    proxy_code: &[u8],
) -> Vec<(Severity, String)> {
    let options = Options {
        live: Some(Live {
            target_slot: Some(slot(target)),
            ..Live::default()
        }),
        proxy_code: Some(proxy_code.to_vec().into()),
        ..Options::default()
    };
    let report = check(&side(blue), &side(green), &options);
    let found = report.findings.into_iter();
    found
        .filter(|finding| finding.rule == "storage-overlap")
        .map(|finding| (finding.severity, finding.label.unwrap_or_default()))
        .collect()
}

#[test]
fn a_new_variable_over_the_slot_of_the_proxys_target_is_an_error() {
    let blue = layout(vec![item("cap", 0, 0, "t_uint256")]);
    let green = layout(vec![
        item("cap", 0, 0, "t_uint256"),
        item("limit", 1, 0, "t_uint256"),
    ]);
    let error = vec![(Severity::Error, "limit".to_owned())];
    assert_eq!(over_the_proxy(&blue, &green, 1, &[]), error);
    assert_eq!(over_the_proxy(&blue, &green, 2, &[]), []);
    // The owner, in a slot that the proxy's code reads: PUSH1 1 SLOAD.
    assert_eq!(over_the_proxy(&blue, &green, 7, &[0x60, 1, 0x54]), error);
}

#[test]
fn a_stand_in_for_the_proxys_variable_is_silent_and_a_flag_over_it_a_warning() {
    let stand_in = layout(vec![
        item("_target", 0, 0, "t_address"),
        item("cap", 1, 0, "t_uint256"),
    ]);
    assert_eq!(over_the_proxy(&stand_in, &stand_in, 0, &[]), []);
    let mapping = layout(vec![item(
        "balances",
        0,
        0,
        "t_mapping(t_address,t_uint256)",
    )]);
    assert_eq!(over_the_proxy(&mapping, &mapping, 0, &[]), []);
    // An initializer's flag over the proxy's owner is never what it was written as.
    let flag = layout(vec![item("initialized", 0, 0, "t_bool")]);
    let warning = vec![(Severity::Warning, "initialized".to_owned())];
    assert_eq!(over_the_proxy(&flag, &flag, 0, &[]), warning);
}

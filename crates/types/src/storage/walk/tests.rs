use super::*;
use crate::storage::{Preimages, explain};
use alloy_primitives::{Address, keccak256};
use serde_json::json;

fn layout() -> StorageLayout {
    let item = |label: &str, slot: u64, offset: u64, of: &str| json!({"contract": "V.sol:V", "label": label, "offset": offset, "slot": slot.to_string(), "type": of});
    let simple = |label: &str, size: u64| json!({"encoding": "inplace", "label": label, "numberOfBytes": size.to_string()});
    serde_json::from_value(json!({
        "storage": [
            item("owner", 0, 0, "t_address"), item("paused", 0, 20, "t_bool"), item("status", 0, 21, "t_enum"),
            item("name", 1, 0, "t_string"), item("list", 2, 0, "t_list"), item("balances", 3, 0, "t_map"),
            item("allowed", 4, 0, "t_nested"), item("accounts", 5, 0, "t_accounts"), item("__gap", 6, 0, "t_gap"),
            item("byName", 16, 0, "t_named")
        ],
        "types": {
            "t_address": simple("address", 20), "t_bool": simple("bool", 1), "t_uint256": simple("uint256", 32),
            "t_uint64": simple("uint64", 8),
            "t_enum": {"encoding": "inplace", "label": "enum V.Status", "numberOfBytes": "1", "enumValues": ["Open", "Closed"]},
            "t_string": {"encoding": "bytes", "label": "string", "numberOfBytes": "32"},
            "t_list": {"encoding": "dynamic_array", "label": "uint64[]", "numberOfBytes": "32", "base": "t_uint64"},
            "t_map": {"encoding": "mapping", "label": "mapping(address => uint256)", "numberOfBytes": "32", "key": "t_address", "value": "t_uint256"},
            "t_nested": {"encoding": "mapping", "label": "…", "numberOfBytes": "32", "key": "t_address", "value": "t_map"},
            "t_account": {"encoding": "inplace", "label": "struct V.Account", "numberOfBytes": "64", "members": [
                item("since", 0, 0, "t_uint64"), item("frozen", 0, 8, "t_bool"), item("amount", 1, 0, "t_uint256")]},
            "t_accounts": {"encoding": "mapping", "label": "…", "numberOfBytes": "32", "key": "t_uint256", "value": "t_account"},
            "t_named": {"encoding": "mapping", "label": "…", "numberOfBytes": "32", "key": "t_string", "value": "t_uint256"},
            "t_gap": {"encoding": "inplace", "label": "uint256[10]", "numberOfBytes": "320", "base": "t_uint256"}
        }
    }))
    .unwrap()
}

fn slot(number: u64) -> B256 {
    U256::from(number).into()
}

fn entry(key: B256, base: B256) -> B256 {
    keccak256([key.0, base.0].concat())
}

fn own(item: &StorageItem) -> &str {
    &item.label
}

/// Reads until nothing is missing; what `words` lacks is zero.
fn read(words: &BTreeMap<B256, U256>, keys: &Keys) -> (BTreeMap<String, String>, Vec<String>) {
    let layout = layout();
    let mut known = BTreeMap::new();
    for _ in 0..8 {
        let walk = walk(&layout, &own, keys, &known, Limits::default());
        if walk.missing.is_empty() {
            let texts = walk
                .entries
                .into_iter()
                .map(|entry| (entry.label, entry.reading.unwrap().text));
            return (texts.collect(), walk.notes);
        }
        for slot in walk.missing {
            known.insert(slot, words.get(&slot).copied().unwrap_or_default());
        }
    }
    panic!("still missing slots");
}

#[test]
fn every_kind_of_value_is_read() {
    let (a, b) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
    let mut words = BTreeMap::new();
    let packed = U256::from_be_bytes(a.into_word().0) | (U256::from(0x0101) << 160);
    words.insert(slot(0), packed);
    let mut short = [0u8; 32];
    short[..5].copy_from_slice(b"Vault");
    short[31] = 10;
    words.insert(slot(1), U256::from_be_bytes(short));
    words.insert(slot(2), U256::from(5));
    words.insert(keccak256(slot(2)), (U256::from(9) << 192) | U256::from(7));
    let account = entry(slot(12), slot(5));
    let amount = U256::from_be_bytes(account.0) + U256::from(1);
    let nested = entry(b.into_word(), entry(a.into_word(), slot(4)));
    let named = keccak256([b"usd".as_slice(), slot(16).as_slice()].concat());
    let mut preimages = Preimages::default();
    for (key, base) in [
        (a.into_word().to_vec(), slot(3)),
        (a.into_word().to_vec(), slot(4)),
        (b.into_word().to_vec(), entry(a.into_word(), slot(4))),
        (slot(12).to_vec(), slot(5)),
        (b"usd".to_vec(), slot(16)),
        // Hashed, but nothing was read there.
        (slot(99).to_vec(), slot(5)),
    ] {
        preimages.add(&[key, base.to_vec()].concat());
    }
    let balance = entry(a.into_word(), slot(3));
    for (slot, value) in [
        (balance, 100),
        (nested, 50),
        (account, (1u64 << 40) | 3),
        (amount.into(), 8),
        (named, 4),
    ] {
        words.insert(slot, U256::from(value));
    }
    let touched: BTreeSet<B256> = words.keys().copied().collect();
    let explained = explain(&layout(), &preimages, &touched);
    assert_eq!(
        explained.len(),
        touched.len(),
        "every slot belongs to a variable"
    );
    let mut keys = Keys::default();
    explained
        .values()
        .flatten()
        .for_each(|place| keys.add(&place.path));

    let (texts, notes) = read(&words, &keys);
    let expected = [
        ("owner".to_owned(), a.to_string()),
        ("paused".into(), "true".into()),
        ("status".into(), "Closed".into()),
        ("name".into(), "\"Vault\"".into()),
        ("list".into(), "5 elements".into()),
        ("list[0]".into(), "7".into()),
        ("list[1]".into(), "0".into()),
        ("list[2]".into(), "0".into()),
        ("list[3]".into(), "9".into()),
        ("list[4]".into(), "0".into()),
        (format!("balances[{a}]"), "100".into()),
        (format!("allowed[{a}][{b}]"), "50".into()),
        ("accounts[12].since".into(), ((1u64 << 40) | 3).to_string()),
        ("accounts[12].frozen".into(), "false".into()),
        ("accounts[12].amount".into(), "8".into()),
        ("byName[\"usd\"]".into(), "4".into()),
    ];
    assert_eq!(texts, BTreeMap::from(expected));
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn hostile_lengths_are_said_and_not_followed() {
    let huge = U256::from(1) << 255;
    for (head, text) in [
        (huge | U256::from(1), "which is no string"),
        (huge | U256::from(0x7e), "which is no string"),
        (U256::from(2 * 40_000 + 1), "… (40000 bytes)"),
    ] {
        let words = BTreeMap::from([(slot(1), head), (slot(2), huge)]);
        let (texts, notes) = read(&words, &Keys::default());
        assert!(texts["name"].contains(text), "{}", texts["name"]);
        assert!(texts["list"].contains("which no array has"));
        assert!(notes.iter().any(|note| note.contains("`balances`")));
    }
    let words = BTreeMap::from([(slot(2), U256::from(1_000_000))]);
    let (texts, notes) = read(&words, &Keys::default());
    assert_eq!(
        texts
            .keys()
            .filter(|name| name.starts_with("list["))
            .count(),
        8
    );
    assert!(
        notes.iter().any(|note| note.contains("8 of 1000000")),
        "{notes:?}"
    );
}

#[test]
fn what_nobody_read_is_missing_not_zero() {
    let layout = layout();
    let walk = walk(
        &layout,
        &own,
        &Keys::default(),
        &BTreeMap::new(),
        Limits::default(),
    );
    assert!(walk.entries.iter().all(|entry| entry.reading.is_none()));
    assert!(walk.missing.contains(&slot(0)) && !walk.missing.contains(&slot(6)));
}

#[test]
fn a_layout_that_contains_itself_ends() {
    let item =
        json!({"contract": "V.sol:V", "label": "a", "offset": 0, "slot": "0", "type": "t_s"});
    let members: Vec<_> = (0..50).map(|_| item.clone()).collect();
    let layout: StorageLayout = serde_json::from_value(json!({
        "storage": [item],
        "types": {"t_s": {"encoding": "inplace", "label": "struct S", "numberOfBytes": "32", "members": members}}
    }))
    .unwrap();
    let walk = walk(
        &layout,
        &own,
        &Keys::default(),
        &BTreeMap::new(),
        Limits::default(),
    );
    assert!(
        walk.notes
            .iter()
            .any(|note| note.starts_with("only the first"))
    );
    explain(
        &layout,
        &Preimages::default(),
        &BTreeSet::from([B256::ZERO]),
    );
}

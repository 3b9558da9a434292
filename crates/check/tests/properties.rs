//! What holds for every layout, whatever its variables.

#![allow(clippy::unwrap_used)]

use cutover_check::{Options, Side, check};
use cutover_types::{
    CheckReport, LayoutVerdict, StorageItem, StorageLayout, TypeInfo, Verdict, source::Sources,
};
use proptest::prelude::*;

/// Type id, label, size in bytes.
const TYPES: [(&str, &str, u64); 8] = [
    ("t_uint256", "uint256", 32),
    ("t_uint128", "uint128", 16),
    ("t_uint8", "uint8", 1),
    ("t_bool", "bool", 1),
    ("t_address", "address", 20),
    ("t_bytes32", "bytes32", 32),
    ("t_string_storage", "string", 32),
    (
        "t_mapping(t_address,t_uint256)",
        "mapping(address => uint256)",
        32,
    ),
];

/// Places variables one after the other, as solc does.
fn layout(kinds: &[usize]) -> StorageLayout {
    let mut layout = StorageLayout::default();
    for (id, label, bytes) in TYPES {
        let mapping = id.starts_with("t_mapping");
        layout.types.insert(
            id.to_owned(),
            TypeInfo {
                encoding: match id {
                    "t_string_storage" => "bytes",
                    _ if mapping => "mapping",
                    _ => "inplace",
                }
                .to_owned(),
                label: label.to_owned(),
                number_of_bytes: bytes.to_string(),
                key: mapping.then(|| "t_address".to_owned()),
                value: mapping.then(|| "t_uint256".to_owned()),
                base: None,
                members: None,
                enum_values: None,
                underlying: None,
            },
        );
    }
    let (mut slot, mut offset) = (0, 0);
    for (i, kind) in kinds.iter().enumerate() {
        let (id, _, bytes) = TYPES[*kind];
        if offset + bytes > 32 {
            (slot, offset) = (slot + 1, 0);
        }
        layout.storage.push(StorageItem {
            ast_id: i64::try_from(i).unwrap(),
            contract: "T.sol:T".to_owned(),
            label: format!("v{i}"),
            offset,
            slot: slot.to_string(),
            type_id: id.to_owned(),
            renamed_from: None,
            retyped_from: None,
            source: None,
        });
        offset += bytes;
    }
    layout
}

/// The first slot nothing is in.
fn end(layout: &StorageLayout) -> u64 {
    let last = layout.storage.last();
    last.map_or(0, |item| item.slot.parse::<u64>().unwrap() + 1)
}

/// Variables, a gap of so many words, and other variables behind it.
fn with_gap(front: &[usize], length: u64, behind: &[usize]) -> StorageLayout {
    let mut all = layout(front);
    let mut slot = end(&all);
    if length > 0 {
        let id = format!("t_array(t_uint256){length}_storage");
        let mut info = all.types["t_uint256"].clone();
        info.label = format!("uint256[{length}]");
        info.number_of_bytes = (length * 32).to_string();
        info.base = Some("t_uint256".to_owned());
        all.types.insert(id.clone(), info);
        all.storage.push(StorageItem {
            ast_id: 1000,
            label: "__gap".to_owned(),
            offset: 0,
            slot: slot.to_string(),
            type_id: id,
            ..layout(&[0]).storage.remove(0)
        });
        slot += length;
    }
    for mut item in layout(behind).storage {
        item.label = format!("behind_{}", item.label);
        item.slot = (slot + item.slot.parse::<u64>().unwrap()).to_string();
        all.storage.push(item);
    }
    all
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

fn kinds(least: usize) -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..TYPES.len(), least..12)
}

proptest! {
    #[test]
    fn a_layout_is_compatible_with_itself(kinds in kinds(0)) {
        let layout = layout(&kinds);
        let report = compare(&layout, &layout);
        prop_assert_eq!(report.layout_verdict, LayoutVerdict::Compatible);
        prop_assert!(report.findings.is_empty());
    }

    #[test]
    fn appended_variables_are_compatible(old in kinds(0), more in kinds(1)) {
        let all: Vec<_> = old.iter().chain(&more).copied().collect();
        let report = compare(&layout(&old), &layout(&all));
        prop_assert_eq!(report.layout_verdict, LayoutVerdict::Compatible);
    }

    #[test]
    fn appended_variables_can_be_rolled_back(old in kinds(0), more in kinds(0)) {
        let all: Vec<_> = old.iter().chain(&more).copied().collect();
        let report = compare(&layout(&old), &layout(&all));
        for way in [report.rollback.unwrap(), report.mixed.unwrap()] {
            prop_assert_eq!(way.verdict, LayoutVerdict::Compatible);
            prop_assert!(way.findings.iter().all(|finding| finding.rule == "stale"));
        }
    }

    #[test]
    fn what_green_adds_is_stale_after_blue_ran(old in kinds(0), more in kinds(1)) {
        let all: Vec<_> = old.iter().chain(&more).copied().collect();
        let report = compare(&layout(&old), &layout(&all));
        let stale: Vec<_> = report.mixed.unwrap().findings.into_iter().map(|f| f.label.unwrap()).collect();
        let added: Vec<_> = (old.len()..all.len()).map(|i| format!("v{i}")).collect();
        prop_assert_eq!(stale, added);
    }

    #[test]
    fn appending_twice_is_appending(a in kinds(0), b in kinds(0), c in kinds(0)) {
        let ab: Vec<_> = a.iter().chain(&b).copied().collect();
        let abc: Vec<_> = ab.iter().chain(&c).copied().collect();
        for (blue, green) in [(&a, &ab), (&ab, &abc), (&a, &abc)] {
            let report = compare(&layout(blue), &layout(green));
            prop_assert_eq!(report.layout_verdict, LayoutVerdict::Compatible);
        }
    }

    #[test]
    fn what_one_way_misreads_so_does_the_other(
        kinds in kinds(2),
        at in any::<prop::sample::Index>(),
        to in 0..TYPES.len(),
    ) {
        let at = at.index(kinds.len());
        prop_assume!(kinds[at] != to);
        let mut other = kinds.clone();
        other[at] = to;
        let report = compare(&layout(&kinds), &layout(&other));
        prop_assert_eq!(report.rollback.unwrap().verdict, LayoutVerdict::Incompatible);
        prop_assert_eq!(report.mixed.unwrap().verdict, LayoutVerdict::Incompatible);
    }

    #[test]
    fn a_variable_moved_anywhere_is_not(
        kinds in kinds(1),
        at in any::<prop::sample::Index>(),
        slot in 0_u64..20,
    ) {
        let blue = layout(&kinds);
        let mut green = blue.clone();
        let item = &mut green.storage[at.index(kinds.len())];
        prop_assume!(item.slot != slot.to_string());
        item.slot = slot.to_string();
        prop_assert_ne!(compare(&blue, &green).layout_verdict, LayoutVerdict::Compatible);
    }

    #[test]
    fn a_gap_shrinks_by_what_is_taken_from_it(
        front in kinds(0),
        taken in kinds(0),
        behind in kinds(1),
        spare in 0_u64..9,
        wrong in 1_u64..4,
        grown in any::<bool>(),
    ) {
        let bare: Vec<_> = front.iter().chain(&taken).copied().collect();
        let (before, after) = (end(&layout(&front)), end(&layout(&bare)));
        let length = after - before + spare;
        let blue = with_gap(&front, length, &behind);
        let exact = with_gap(&bare, spare, &behind);
        let right = compare(&blue, &exact);
        prop_assert_eq!(right.layout_verdict, LayoutVerdict::Compatible);
        prop_assert_eq!(right.rollback.unwrap().verdict, LayoutVerdict::Compatible);

        let off = if grown { spare + wrong } else { spare.wrapping_sub(wrong) };
        prop_assume!(off < 100);
        let report = compare(&blue, &with_gap(&bare, off, &behind));
        prop_assert_eq!(report.layout_verdict, LayoutVerdict::Incompatible);
        // The advice is the length that would have been right.
        if off > 0 {
            let moved = report.findings.iter().find(|f| f.rule == "layoutchange").unwrap();
            let advice = if spare == 0 {
                "remove `T.__gap`".to_owned()
            } else {
                format!("make `T.__gap` {spare} elements long instead of {off}")
            };
            prop_assert!(moved.help.contains(&advice), "{} / {}", advice, moved.help);
        }
    }

    #[test]
    fn a_missing_variable_is_not(kinds in kinds(1), at in any::<prop::sample::Index>()) {
        let blue = layout(&kinds);
        let mut green = blue.clone();
        green.storage.remove(at.index(kinds.len()));
        prop_assert_eq!(compare(&blue, &green).layout_verdict, LayoutVerdict::Incompatible);
    }

    #[test]
    fn swapped_variables_are_not(
        kinds in kinds(2),
        one in any::<prop::sample::Index>(),
        two in any::<prop::sample::Index>(),
    ) {
        let (i, j) = (one.index(kinds.len()), two.index(kinds.len()));
        prop_assume!(i != j);
        let blue = layout(&kinds);
        let mut green = blue.clone();
        let (a, b) = (blue.storage[i].clone(), blue.storage[j].clone());
        (green.storage[i].label, green.storage[j].label) = (b.label, a.label);
        prop_assert_eq!(compare(&blue, &green).layout_verdict, LayoutVerdict::Incompatible);
    }

    #[test]
    fn another_type_is_not(
        kinds in kinds(1),
        at in any::<prop::sample::Index>(),
        to in 0..TYPES.len(),
    ) {
        let at = at.index(kinds.len());
        prop_assume!(kinds[at] != to);
        let mut other = kinds.clone();
        other[at] = to;
        prop_assert_eq!(
            compare(&layout(&kinds), &layout(&other)).layout_verdict,
            LayoutVerdict::Incompatible
        );
    }

    #[test]
    fn nonsense_is_judged_without_a_panic(
        kinds in kinds(1),
        at in any::<prop::sample::Index>(),
        slot in "\\PC{0,80}",
        offset in any::<u64>(),
        id in "(t_struct|t_array|t_mapping|t_enum|\\PC)?\\(?\\PC{0,8}\\)?[0-9]{0,3}",
        size in "[0-9]{0,90}",
    ) {
        let blue = layout(&kinds);
        let mut green = blue.clone();
        let at = at.index(kinds.len());
        let mut info = green.types["t_uint256"].clone();
        info.number_of_bytes = size;
        info.base = Some(id.clone());
        info.members = Some(green.storage.clone());
        green.types.insert(id.clone(), info);
        green.storage[at].slot = slot;
        green.storage[at].offset = offset;
        green.storage[at].type_id = id;
        compare(&blue, &green);
        compare(&green, &blue);
        compare(&green, &green);
    }
}

#[test]
fn without_a_layout_nothing_passes() {
    let layout = layout(&[0]);
    let sources = Sources::default();
    for (blue, green) in [(None, Some(&layout)), (Some(&layout), None), (None, None)] {
        let side = |layout| Side {
            layout,
            sources: Some(&sources),
            ..Side::default()
        };
        let report = check(&side(blue), &side(green), &Options::default());
        assert_eq!(report.layout_verdict, LayoutVerdict::Inconclusive);
        assert_eq!(report.verdict, Verdict::Inconclusive);
        assert!(!report.not_checked.is_empty());
    }
}

#[test]
fn without_syntax_trees_nothing_passes() {
    let layout = layout(&[0]);
    let side = Side {
        layout: Some(&layout),
        ..Side::default()
    };
    let report = check(&side, &side, &Options::default());
    assert_eq!(report.layout_verdict, LayoutVerdict::Inconclusive);
    assert_eq!(report.verdict, Verdict::Inconclusive);
}

#[test]
fn what_may_be_something_else_passes_nothing() {
    let (layout, sources) = (layout(&[0]), Sources::default());
    let doubts = ["a library is the present one".to_owned()];
    let side = Side {
        layout: Some(&layout),
        sources: Some(&sources),
        ..Side::default()
    };
    let blue = Side {
        doubts: &doubts,
        ..side
    };
    let report = check(&blue, &side, &Options::default());
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let told = "blue: a library is the present one".to_owned();
    assert!(report.not_checked.contains(&told), "{report:#?}");
}

#[test]
fn a_namespace_that_could_not_be_seen_is_not_gone() {
    let mut blue = layout(&[0]);
    let green = layout(&[0]);
    blue.namespaces
        .insert("erc7201:app.vault".to_owned(), blue.storage.clone());
    let sources = Sources::default();
    let side = |layout, sources| Side {
        layout: Some(layout),
        sources,
        ..Side::default()
    };
    let blue = side(&blue, Some(&sources));
    for (sources, verdict) in [
        (Some(&sources), LayoutVerdict::Incompatible),
        (None, LayoutVerdict::Inconclusive),
    ] {
        let report = check(&blue, &side(&green, sources), &Options::default());
        assert_eq!(report.layout_verdict, verdict, "{:?}", report.findings);
    }
}

#[test]
fn waivers_count_until_their_day() {
    let (blue, green) = (layout(&[0, 5]), layout(&[0]));
    let sources = Sources::default();
    let waiver = |expires: Option<&str>, variable: &str| cutover_check::WaiverRule {
        rule: "delete".to_owned(),
        contract: Some("T".to_owned()),
        variable: Some(variable.to_owned()),
        by: "ana".to_owned(),
        reason: "never written".to_owned(),
        expires: expires.map(str::to_owned),
    };
    let cases = [
        (waiver(None, "v1"), LayoutVerdict::Compatible, 1),
        (
            waiver(Some("2030-01-02"), "v1"),
            LayoutVerdict::Compatible,
            1,
        ),
        (
            waiver(Some("2030-01-01"), "v1"),
            LayoutVerdict::Incompatible,
            2,
        ),
        (waiver(Some("soon"), "v1"), LayoutVerdict::Incompatible, 2),
        (waiver(None, "v0"), LayoutVerdict::Incompatible, 2),
    ];
    for (waiver, verdict, findings) in cases {
        let side = |layout| Side {
            layout: Some(layout),
            sources: Some(&sources),
            ..Side::default()
        };
        let options = Options {
            waivers: vec![waiver.clone()],
            today: "2030-01-02".to_owned(),
            ..Options::default()
        };
        let report = check(&side(&blue), &side(&green), &options);
        assert_eq!(report.layout_verdict, verdict, "{waiver:?}");
        assert_eq!(report.findings.len(), findings, "{waiver:?}");
    }
}

#[test]
fn every_rule_has_a_name_and_a_way_out() {
    let mut ids: Vec<_> = cutover_check::RULES.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), cutover_check::RULES.len());
    for rule in cutover_check::RULES {
        let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(rule.id.chars().all(kebab), "{}", rule.id);
        assert!(
            !rule.summary.is_empty() && !rule.help.is_empty(),
            "{}",
            rule.id
        );
    }
}

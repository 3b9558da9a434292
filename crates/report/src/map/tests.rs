//! The map as text and as a picture.

use super::{marks::bare, *};
use crate::check_tests::finding;
use cutover_types::{TypeInfo, check::Severity};

/// `label type slot offset`, one a line.
fn layout(variables: &str) -> StorageLayout {
    let mut layout = StorageLayout::default();
    for line in variables.lines() {
        let words: Vec<_> = line.split(' ').collect();
        layout.storage.push(item(&words));
        let size = match words[1] {
            "address" => "20",
            "bool" => "1",
            "uint64" => "8",
            "uint256[40]" => "1280",
            "uint256[39]" => "1248",
            other => other.strip_prefix("bytes:").unwrap_or("32"),
        };
        let info = TypeInfo {
            encoding: "inplace".into(),
            label: words[1].into(),
            number_of_bytes: size.into(),
            key: None,
            value: None,
            base: None,
            members: None,
            enum_values: None,
            underlying: None,
        };
        layout.types.insert(words[1].into(), info);
    }
    layout
}

fn item(words: &[&str]) -> StorageItem {
    StorageItem {
        ast_id: 0,
        contract: "src/VaultV2.sol:VaultV2".into(),
        label: words[0].into(),
        offset: words[3].parse().unwrap(),
        slot: words[2].into(),
        type_id: words[1].into(),
        renamed_from: None,
        retyped_from: None,
        source: None,
    }
}

fn pair() -> (StorageLayout, StorageLayout) {
    let mut start = String::new();
    for slot in 0..30 {
        start.push_str(&format!("base{slot} uint256 {slot} 0\n"));
    }
    let blue = format!(
        "{start}owner address 30 0\npaused bool 30 20\ntotal uint256 31 0\nold uint64 32 0\n\
         rate uint64 33 0\n__gap uint256[40] 34 0"
    );
    let green = format!(
        "{start}owner address 30 0\npaused bool 30 20\nguardian address 31 0\ntotal uint256 32 0\n\
         rates uint64 33 0\nfresh uint256 34 0\n__gap uint256[39] 35 0"
    );
    let (mut blue, mut green) = (layout(&blue), layout(&green));
    for layout in [&mut blue, &mut green] {
        let members = vec![item(&["nonce", "uint64", "0", "8"])];
        layout.namespaces.insert("erc7201:app.main".into(), members);
    }
    let roots = [(&mut blue, 7), (&mut green, 9)];
    for (layout, root) in roots {
        layout
            .namespace_roots
            .insert("erc7201:app.main".into(), B256::repeat_byte(root));
    }
    (blue, green)
}

fn map() -> Map {
    let (blue, green) = pair();
    let mut insert = finding("insert", Severity::Error);
    insert.slot = Some("31".into());
    let mut moved = finding("layoutchange", Severity::Error);
    (moved.label, moved.slot) = (Some("total".into()), Some("32".into()));
    let mut elsewhere = finding("namespace-moved", Severity::Error);
    (elsewhere.label, elsewhere.slot) = (Some("erc7201:app.main".into()), None);
    Map::of(
        ("src/Vault.sol:Vault", Some(&blue)),
        ("src/VaultV2.sol:VaultV2", Some(&green)),
        &[insert, moved, elsewhere],
    )
}

#[test]
fn slots_stand_side_by_side_and_equal_ones_fold() {
    insta::assert_snapshot!("map", map().text(&Style::default()));
    let narrow = map().text(&Style::new(60, true));
    assert!(
        narrow
            .lines()
            .all(|line| !line.contains("src/VaultV2.sol:VaultV2 "))
    );
}

#[test]
fn the_picture_has_a_box_for_each_variable_and_loads_nothing() {
    let svg = map().svg();
    for label in [
        "guardian: address",
        "total: uint256",
        "rates: uint64",
        "nonce: uint64",
    ] {
        assert!(svg.contains(label), "{label}");
    }
    for foreign in ["<script", "<image", "<a ", "@import", "href", "http"] {
        assert!(
            !svg.replace("http://www.w3.org/2000/svg", "")
                .contains(foreign)
        );
    }
    assert!(svg.contains("prefers-color-scheme:dark"));
    assert!(svg.contains("class=\"hatch\"") && svg.contains("class=\"move\""));
}

#[test]
fn a_missing_layout_is_said_and_not_drawn_as_gone() {
    let (blue, _) = pair();
    let map = Map::of(("blue", Some(&blue)), ("green", None), &[]);
    let said = "green has no storage layout: there is nothing to compare";
    assert!(map.text(&Style::default()).contains(said));
    assert!(map.svg().contains(said));
}

#[test]
fn hostile_layouts_stay_small_and_harmless() {
    let mut rows = String::new();
    for slot in 0..5_000 {
        rows.push_str(&format!("<x>\u{1b}[2J{slot} uint256 {slot} 0\n"));
    }
    rows.push_str(&format!(
        "{} bytes:{} {} 31\n",
        "y".repeat(9_000),
        U256::MAX,
        U256::MAX
    ));
    rows.push_str(
        "z bytes:0 1 99\nodd bytes:-1 1 0\nodd bytes:5 0x 0\nw bool 3 18446744073709551615",
    );
    let hostile = layout(&rows);
    let empty = StorageLayout::default();
    let map = Map::of(("<b>", Some(&hostile)), ("\u{202e}", Some(&empty)), &[]);
    let text = map.text(&Style::default());
    assert!(text.contains("more rows") && text.lines().count() < 500);
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    let svg = map.svg();
    assert!(svg.len() < 4 << 20 && !svg.contains("<x>") && !svg.contains("<b>"));
}

#[test]
fn a_type_is_the_same_wherever_it_is_declared() {
    assert_eq!(
        bare("mapping(A.Id => struct A.S[3])"),
        "mapping(Id => struct S[3])"
    );
    assert_eq!(bare("struct B.S"), bare("struct A.S"));
    assert_ne!(bare("struct A.S"), bare("struct A.T"));
}

/// `label type slot offset` of a struct's members, in a layout with one variable of it.
fn with_struct(members: &str, slots: u64) -> StorageLayout {
    let mut inner = layout(members);
    let info = TypeInfo {
        encoding: "inplace".into(),
        label: "struct Vault.Pair".into(),
        number_of_bytes: (slots * 32).to_string(),
        key: None,
        value: None,
        base: None,
        members: Some(std::mem::take(&mut inner.storage)),
        enum_values: None,
        underlying: None,
    };
    inner.types.insert("t_pair".into(), info);
    inner.storage = vec![item(&["pair", "t_pair", "3", "0"])];
    inner
}

fn marks(blue: &StorageLayout, green: &StorageLayout, findings: &[Finding]) -> Vec<(char, String)> {
    let map = Map::of(("b", Some(blue)), ("g", Some(green)), findings);
    let rows = map.frames.iter().flat_map(|frame| &frame.rows);
    let lines = rows.flat_map(|row| match row {
        Row::Slots { lines, .. } => lines.clone(),
        Row::Folded(_) => Vec::new(),
    });
    let cell = |line: Line| (line.mark.sign(), line.green.or(line.blue).unwrap().label);
    lines.map(cell).collect()
}

#[test]
fn structs_are_shown_by_their_members() {
    let blue = with_struct("left uint64 0 0\nright uint256 1 0", 2);
    let more = with_struct("left uint64 0 0\nflag bool 0 8\nright uint256 1 0", 2);
    let marked = |green: &StorageLayout, findings: &[Finding]| -> Vec<String> {
        let all = marks(&blue, green, findings).into_iter();
        all.map(|(sign, label)| format!("{sign}{label}")).collect()
    };
    assert_eq!(
        marked(&more, &[]),
        ["=pair.left", "+pair.flag", "=pair.right"]
    );
    let mut wrong = finding("typechange", Severity::Error);
    (wrong.label, wrong.slot) = (Some("pair".into()), Some("3".into()));
    let other = with_struct("left uint64 0 0\nright address 1 0", 2);
    let wrong = [wrong];
    assert_eq!(marked(&other, &wrong), ["=pair.left", "!pair.right"]);
    // What is wrong does not show in names and types: nothing of it is called the same.
    assert_eq!(marked(&blue, &wrong), ["!pair.left", "!pair.right"]);
    let svg = Map::of(("b", Some(&blue)), ("g", Some(&more)), &[]).svg();
    assert!(svg.contains("pair.flag: bool"));
}

#[test]
fn structs_that_contain_themselves_or_too_much_stay_whole() {
    let mut endless = with_struct("inner t_pair 0 0", 1);
    let two = vec![
        item(&["a", "t_pair", "0", "0"]),
        item(&["b", "t_pair", "0", "0"]),
    ];
    if let Some(info) = endless.types.get_mut("t_pair") {
        info.members = Some(two);
    }
    let map = Map::of(("b", Some(&endless)), ("g", Some(&endless)), &[]);
    assert!(map.text(&Style::default()).lines().count() < 200);
    let members: String = (0..2_000)
        .map(|i| format!("m{i} uint256 {i} 0\n"))
        .collect();
    let large = with_struct(members.trim_end(), 2_000);
    let shown = marks(&large, &large, &[]);
    assert_eq!(shown, [('=', "pair".to_owned())]);
    let outside = with_struct("left uint64 9 0", 1);
    assert_eq!(marks(&outside, &outside, &[]), [('=', "pair".to_owned())]);
}

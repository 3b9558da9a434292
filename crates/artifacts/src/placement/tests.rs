//! Our layouts against solc's, contract by contract.

#[path = "../../tests/support/standard_json.rs"]
mod solc;

use super::{TypeInfo, contract};
use crate::{compilers, join::join, scan::scan};
use cutover_types::{
    StorageLayout,
    layout::erc7201,
    source::{Index, SourceUnit, Sources, is_interface},
};
use serde_json::{Map, Value, json};
use solc::standard_json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

/// One variable of every kind, in an order that packs and breaks slots.
const KINDS: &str = "
    type Wide is uint200; type Flag is bool; type Who is address; interface I {} enum E { A, B }
    contract Base { bool a; I i; uint16[7] packed; E[40] many; Flag[33] flags; }
    contract Second is Base { Who w2; function () external[3] calls; function () internal[5] jumps; bytes31[2] odd; }
    contract T is Second {
        struct In { uint8 a; bytes20 b; bool c; uint256 d; }
        struct Tail { uint256 d; uint8 a; }
        struct Out { uint8 a; In inner; In[2] two; mapping(Wide => In[]) m; Out[] self; Tail[2][3] tails; uint8 after_; }
        uint128 b; Wide w; E e; address payable p; bytes3 c; string s; bytes d; int72 n;
        function (uint256) external returns (bool) f; function () internal g; uint8 z;
        Out out; In[3] row; uint256[2][3] grid; uint8[3][2][2] small; uint8[][3] lists; uint128[3][] rows;
        address[] list; mapping(string => mapping(address => Out)) deep; mapping(bytes => uint8[5]) m5; mapping(E => Flag) m6;
        uint256 constant K = 4; uint24[K * 2] last; uint8 tail; bytes32[] constant_ish; Tail t; bool end;
        address immutable fixed_ = address(1);
    }
    contract Empty {}
    contract Huge { uint8[2**200] big; uint256[2**100][2**100] bigger; uint8 after_; }";

#[test]
fn places_are_those_of_solc() {
    let text = format!("pragma solidity >=0.8.8;\n{KINDS}");
    let output = compile(&newest(), [("T.sol".to_owned(), text)].into());
    assert_eq!(compare(&output), 5);
}

/// What only old compilers take. Their folder is in `CUTOVER_LAYOUT_SOLCS`.
#[test]
fn places_are_those_of_old_and_newer_compilers() {
    let Some(shelf) = std::env::var_os("CUTOVER_LAYOUT_SOLCS") else {
        return;
    };
    let values: Vec<_> = (0..300).map(|i| format!("V{i}")).collect();
    let many = format!(
        "pragma solidity >=0.5.0; contract T {{ enum E {{ {} }} uint8 a; E e; E[20] list; mapping(uint8 => E) m;
         struct S {{ E e; bool b; }} S s; S[3] row; bool z; }}",
        values.join(", ")
    );
    let at = "pragma solidity >=0.8.29; contract B { uint128 a; } contract T is B layout at 0x4000 + 2**130 { uint128 b; uint256 c; }
        contract U layout at 0x10 { struct S { uint256 a; uint8 b; } S s; S[2] t; uint8 z; }";
    for (version, text) in [
        ("0.5.17", &*many),
        ("0.6.12", &many),
        ("0.7.6", &many),
        ("0.8.29", at),
        ("0.8.30", at),
    ] {
        let solc = Path::new(&shelf).join(format!("solc-{version}"));
        let output = compile(&solc, [("T.sol".to_owned(), text.to_owned())].into());
        assert!(compare(&output) > 0, "{version}");
    }
}

/// Where the tree has no comments of structs, and where `x_slot` was written for `x.slot`.
#[test]
fn annotations_of_old_compilers_are_read_from_the_text() {
    let Some(shelf) = std::env::var_os("CUTOVER_LAYOUT_SOLCS") else {
        return;
    };
    for (version, slot) in [
        ("0.6.12", "$_slot"),
        ("0.8.17", "$.slot"),
        ("0.8.28", "$.slot"),
    ] {
        let text = format!(
            "pragma solidity >=0.6.0; library L {{
            /** @custom:storage-location erc7201:example.main */
            struct S {{ uint8 a; uint16 b; }}
            bytes32 constant P = 0x183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500;
            function s() internal pure returns (S storage $) {{ bytes32 p = P; assembly {{ {slot} := p }} }} }}
            contract T {{ function f() external view returns (uint8) {{ return L.s().a; }} }}"
        );
        let solc = Path::new(&shelf).join(format!("solc-{version}"));
        let output = compile(&solc, [("T.sol".to_owned(), text.clone())].into());
        let mut sources = trees(&output);
        let unit = SourceUnit::new(
            Some(text.as_str().into()),
            output["sources"]["T.sol"]["ast"].clone(),
        );
        sources.units.insert("T.sol".to_owned(), unit.into());
        let index = sources.index();
        let bases = [index.contract("T.sol:T").unwrap()];
        let mut layout = StorageLayout::default();
        join(&mut layout, &index, &bases);
        let root = layout.namespace_roots.get("erc7201:example.main");
        assert_eq!(root, Some(&erc7201(b"example.main")), "{version}");
        assert_eq!(layout.namespaces["erc7201:example.main"][1].offset, 1);
    }
}

#[test]
fn places_and_namespaces_in_the_openzeppelin_packages() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut packages = here.ancestors().map(|up| up.join(".tools/node_modules"));
    let packages = packages
        .find(|folder| folder.join("oz-4.9").is_dir())
        .expect("no packages: run scripts/setup");
    // The governors reach most of a package; the rest takes half a minute.
    let parts: &[&str] = match std::env::var_os("CUTOVER_LAYOUT_SOLCS") {
        Some(_) => &["access", "finance", "governance", "proxy", "token", "utils"],
        None => &["governance"],
    };
    let (mut compared, mut named) = (0, 0);
    for package in ["@openzeppelin/contracts-upgradeable", "oz-4.9"] {
        for part in parts {
            let mut files = BTreeMap::new();
            collect(&packages, &packages.join(package).join(part), &mut files);
            let output = compile(&newest(), closed(&packages, files));
            compared += compare(&output);
            named += namespaces(&output);
        }
    }
    assert!(compared > 70, "{compared} contracts");
    assert!(named > 100, "{named} namespaces");
}

/// Every namespace is at the root its id stands for, and nothing is left out.
fn namespaces(output: &Value) -> usize {
    let sources = trees(output);
    let index = sources.index();
    let mut seen = 0;
    for node in index.contracts() {
        let bases = index.linearized(&node).unwrap();
        let name = node.tree["name"].as_str().unwrap();
        let mut layout = StorageLayout::default();
        join(&mut layout, &index, &bases);
        assert_eq!(layout.unplaced, Vec::<String>::new(), "{name}");
        for id in layout.namespaces.keys() {
            let id = id
                .strip_prefix("erc7201:")
                .unwrap_or_else(|| panic!("{name}: {id}"));
            let root = layout.namespace_roots.get(&format!("erc7201:{id}"));
            assert_eq!(root, Some(&erc7201(id.as_bytes())), "{name}: {id}");
            seen += 1;
        }
    }
    seen
}

/// Compares all contracts of an output; the number compared.
fn compare(output: &Value) -> usize {
    let sources = trees(output);
    let index = sources.index();
    let mut compared = 0;
    for (unit, contracts) in output["contracts"].as_object().unwrap() {
        for (name, solc) in contracts.as_object().unwrap() {
            let node = index.contract(&format!("{unit}:{name}")).unwrap();
            if is_interface(node.tree) {
                continue;
            }
            let theirs: StorageLayout =
                serde_json::from_value(solc["storageLayout"].clone()).unwrap();
            same(&index, &format!("{unit}:{name}"), &theirs);
            compared += 1;
        }
    }
    compared
}

fn same(index: &Index<'_>, name: &str, theirs: &StorageLayout) {
    let bases = index.linearized(&index.contract(name).unwrap()).unwrap();
    let ours = contract(index, &bases).unwrap();
    let place = |items: &[super::StorageItem]| -> Vec<_> {
        let items = items.iter();
        items
            .map(|one| (one.label.clone(), one.slot.clone(), one.offset))
            .collect()
    };
    assert_eq!(place(&ours.storage), place(&theirs.storage), "{name}");
    for (id, info) in &theirs.types {
        // Names of function types are written differently and compared by label.
        if id.contains("t_function") {
            continue;
        }
        let own = ours
            .types
            .get(id)
            .unwrap_or_else(|| panic!("{name}: no {id}"));
        let shape = |info: &TypeInfo| {
            (
                info.number_of_bytes.clone(),
                info.label.clone(),
                info.encoding.clone(),
            )
        };
        assert_eq!(shape(own), shape(info), "{name}: {id}");
        let members = |info: &TypeInfo| info.members.as_deref().map(place);
        assert_eq!(members(own), members(info), "{name}: {id}");
    }
}

pub(crate) fn trees(output: &Value) -> Sources {
    let units = output["sources"].as_object().unwrap().iter();
    let units = units.map(|(name, unit)| {
        let unit = SourceUnit::new(None, unit["ast"].clone());
        (name.clone(), unit.into())
    });
    Sources {
        units: units.collect(),
    }
}

pub(crate) fn newest() -> PathBuf {
    let fitting = |version: &semver::Version| (version.minor, version.patch) >= (8, 28);
    let found = compilers().into_iter().find(|one| fitting(&one.version));
    found.expect("no solc 0.8.28: run scripts/setup").path
}

/// The sources below a folder, except what is only for tests.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("mocks") {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "sol") {
            let unit = path.strip_prefix(root).unwrap().to_string_lossy();
            files.insert(unit.into_owned(), fs::read_to_string(&path).unwrap());
        }
    }
}

/// Adds what the files import.
fn closed(root: &Path, mut files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut queue: Vec<_> = files.keys().cloned().collect();
    while let Some(unit) = queue.pop() {
        for import in scan(&files[&unit]).imports {
            let mut path = match import.starts_with('.') {
                true => Path::new(&unit).parent().unwrap().to_owned(),
                false => PathBuf::new(),
            };
            for part in Path::new(&import).components() {
                match part {
                    Component::ParentDir => assert!(path.pop()),
                    Component::Normal(name) => path.push(name),
                    _ => {}
                }
            }
            let unit = path.to_string_lossy().into_owned();
            if !files.contains_key(&unit) {
                let text = fs::read_to_string(root.join(&path)).unwrap();
                files.insert(unit.clone(), text);
                queue.push(unit);
            }
        }
    }
    files
}

pub(crate) fn compile(solc: &Path, files: BTreeMap<String, String>) -> Value {
    let sources: Map<_, _> = files
        .into_iter()
        .map(|(unit, text)| (unit, json!({ "content": text })))
        .collect();
    let input = json!({
        "language": "Solidity",
        "sources": sources,
        "settings": { "outputSelection": { "*": { "": ["ast"], "*": ["storageLayout"] } } },
    });
    standard_json(solc, &input)
}

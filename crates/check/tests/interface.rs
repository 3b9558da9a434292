//! What callers see, and how the code was built: pairs with every finding they must get.

#![allow(clippy::unwrap_used)]

use cutover_check::{Kind, Live, Options, Side, check};
use cutover_types::{Category, CheckReport, ProxyKind, Severity};
use serde_json::json;
use support::{pairs, view};

mod support {
    pub(crate) mod pairs;
    mod solc;
    #[path = "mod.rs"]
    mod view;
    pub(crate) use view::view;
}

/// `# id findings…`: a finding is its rule, with `!` for an error and `?` for a note, and after a
/// colon its label.
const CASES: &str = include_str!("interface.txt");

#[test]
fn every_pair_gets_its_findings_and_none_else() {
    let cases = pairs::parse(CASES);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    pairs::build(&cases, &json!({}), &file);
    let mut wrong = Vec::new();
    for case in &cases {
        let (old, new) = (
            pairs::contract(&file, "old", case.id),
            pairs::contract(&file, "new", case.id),
        );
        let report = check(&view(&old), &view(&new), &options(case.id));
        let found = told(&report);
        if found != case.words {
            wrong.push(format!(
                "{}: {found:?}, expected {:?}\n{:#?}\n{:#?}",
                case.id, case.words, report.findings, report.not_checked
            ));
        }
        for code in [&old, &new] {
            let report = check(&view(code), &view(code), &options(case.id));
            if !told(&report).is_empty() {
                wrong.push(format!("{} against itself: {:?}", case.id, told(&report)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn selectors_come_from_the_code_when_there_is_no_abi() {
    let cases = pairs::parse(CASES);
    let case = cases
        .iter()
        .find(|case| case.id == "function_gone")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    pairs::build(std::slice::from_ref(case), &json!({}), &file);
    let (old, new) = (
        pairs::contract(&file, "old", case.id),
        pairs::contract(&file, "new", case.id),
    );
    let bare = |code| -> Side<'_> {
        Side {
            abi: None,
            sources: None,
            ..view(code)
        }
    };
    let gone = |blue: &Side<'_>, green: &Side<'_>| -> Vec<String> {
        let report = check(blue, green, &Options::default());
        report
            .findings
            .iter()
            .filter(|f| f.rule == "function-removed")
            .filter_map(|f| f.label.clone())
            .collect()
    };
    assert_eq!(gone(&bare(&old), &view(&new)), ["0x42966c68"]);
    assert_eq!(gone(&view(&old), &bare(&new)), ["burn(uint256)"]);
    assert_eq!(gone(&bare(&new), &bare(&old)), Vec::<String>::new());
}

#[test]
fn a_function_that_the_proxy_itself_has_cannot_be_reached() {
    let cases = pairs::parse(
        "
# proxy
old:contract T { function owner() external {} function admin() external {} function implementation() external {} }
new:contract T { fallback() external payable { assembly { if iszero(delegatecall(gas(), 1, 0, 0, 0, 0)) { revert(0, 0) } } }
  function owner() external view returns (address) { return msg.sender; } function admin() external {} function changeAdmin(address) external {} }",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    pairs::build(&cases, &json!({}), &file);
    let (implementation, proxy) = (
        pairs::contract(&file, "old", "proxy"),
        pairs::contract(&file, "new", "proxy"),
    );
    let said = |blue: &Side<'_>, kind, code: bool| {
        let options = Options {
            kind,
            proxy_code: proxy.runtime.clone().filter(|_| code),
            ..Options::default()
        };
        told(&check(blue, &view(&implementation), &options))
    };
    let none = Side::default();
    let same = view(&implementation);
    let transparent = Some(Kind::Transparent);
    // It looks like a transparent proxy: `admin` is kept for the admin, `owner` is not.
    for kind in [None, transparent] {
        assert_eq!(
            said(&none, kind, true),
            ["selector-clash!:owner()", "selector-clash:admin()"]
        );
        assert_eq!(
            said(&same, kind, true),
            ["selector-clash?:owner()", "selector-clash?:admin()"]
        );
    }
    assert_eq!(
        said(&none, transparent, false),
        ["selector-clash:admin()", "selector-clash:implementation()"]
    );
    assert_eq!(said(&same, transparent, false), Vec::<String>::new());
    assert_eq!(said(&none, None, false), Vec::<String>::new());
}

#[test]
fn the_proxys_own_functions_are_those_of_the_kind_that_was_found() {
    let cases = pairs::parse(
        "
# kinds
old:contract T { }
new:contract T { function admin() external {} function upgradeTo(address) external {} function upgradeToAndCall(address, bytes calldata) external payable {} }",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    pairs::build(&cases, &json!({}), &file);
    let green = pairs::contract(&file, "new", "kinds");
    let found = |kind| {
        let options = Options {
            kind: Kind::of(kind),
            live: Some(Live {
                kind: Some(kind),
                ..Live::default()
            }),
            ..Options::default()
        };
        let report = check(&Side::default(), &view(&green), &options);
        let mut clashes: Vec<_> = report
            .findings
            .into_iter()
            .filter(|finding| finding.rule == "selector-clash")
            .map(|finding| (finding.label.unwrap_or_default(), finding.message))
            .collect();
        clashes.sort();
        clashes
    };
    let names = |kind| -> Vec<String> { found(kind).into_iter().map(|(name, _)| name).collect() };
    let up_to_v4 = [
        "admin()",
        "upgradeTo(address)",
        "upgradeToAndCall(address,bytes)",
    ];
    assert_eq!(names(ProxyKind::Transparent), up_to_v4);
    assert_eq!(names(ProxyKind::ZosAdmin), up_to_v4);
    assert_eq!(
        names(ProxyKind::TransparentV5),
        ["upgradeToAndCall(address,bytes)"]
    );
    assert_eq!(names(ProxyKind::UupsV5), Vec::<String>::new());
    let message = &found(ProxyKind::TransparentV5)[0].1;
    assert!(message.contains("transparent one of 5.x"), "{message}");
}

#[test]
fn bugs_of_the_compiler_are_told_where_the_source_triggers_them() {
    let cases = pairs::parse(BUGS);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    pairs::build(&cases, &json!({ "viaIR": true }), &file);
    for case in &cases {
        let (old, new) = (
            pairs::contract(&file, "old", case.id),
            pairs::contract(&file, "new", case.id),
        );
        let of = |compiler, via_ir| {
            let green = Side {
                compiler: Some(compiler),
                via_ir: Some(via_ir),
                optimizer: Some(true),
                ..view(&new)
            };
            let blue = Side {
                compiler: Some(compiler),
                via_ir: Some(via_ir),
                ..view(&old)
            };
            told(&check(&blue, &green, &Options::default()))
        };
        let [version, pipeline, expected @ ..] = case.words.as_slice() else {
            panic!("{}", case.id);
        };
        let via_ir = *pipeline == "ir";
        assert_eq!(of(version, via_ir), expected, "{}", case.id);
        assert_eq!(of("0.8.36", via_ir), Vec::<String>::new(), "{}", case.id);
    }
}

#[test]
fn an_older_evm_version_is_a_proof_and_a_newer_one_a_question() {
    let cases = pairs::parse(
        "
# evm
old:contract T { uint256 a; function f(bytes calldata b) external pure returns (bytes memory) { return b; } }
new:contract T { uint256 a; function f(bytes calldata b) external pure returns (bytes memory) { return b; } }",
    );
    let folder = tempfile::tempdir().unwrap();
    let builds = ["paris", "shanghai", "cancun"].map(|version| {
        let file = folder.path().join(format!("{version}.json"));
        pairs::build(&cases, &json!({ "evmVersion": version }), &file);
        let code = pairs::contract(&file, "new", "evm");
        assert_eq!(code.evm_version.as_deref(), Some(version));
        code
    });
    let told: Vec<Vec<_>> = builds
        .iter()
        .map(|blue| {
            let warned = |green: &_| {
                let report = check(&view(blue), &view(green), &Options::default());
                report.findings.iter().any(|f| f.rule == "newer-evm")
            };
            builds.iter().map(warned).collect()
        })
        .collect();
    assert_eq!(
        told,
        [
            [false, true, true],
            [false, false, true],
            [false, false, false]
        ]
    );
}

/// `# id version pipeline findings…`; the sources are compiled by the solc at hand, as if it were
/// that version.
const BUGS: &str = "
# transient 0.8.30 ir compiler-bug!:TransientStorageClearingHelperCollision
old:contract T { uint256 a; }
new:contract T { uint256 a; uint256 transient t; function f() external { delete t; delete a; } }

# transient_other_type 0.8.30 ir compiler-bug:TransientStorageClearingHelperCollision
old:contract T { uint256 a; }
new:contract T { uint256 a; uint64 transient t; function f() external { delete t; delete a; } }

# transient_legacy 0.8.30 legacy
old:contract T { uint256 a; }
new:contract T { uint256 a; uint256 transient t; function f() external { delete t; delete a; } }

# transient_assigned 0.8.30 ir
old:contract T { uint256 a; }
new:contract T { uint256 a; uint256 transient t; function f() external { t = 0; delete a; } }

# assembly_return 0.8.15 ir compiler-bug:StorageWriteRemovalBeforeConditionalTermination
old:contract T { uint256 a; }
new:contract T { uint256 a; function f() external { a = 1; g(); a = 2; } function g() internal view { if (msg.data.length > 4) return; assembly { return(0, 0) } } }

# assembly_memory 0.8.13 legacy compiler-bug:InlineAssemblyMemorySideEffects
old:contract T { uint256 a; }
new:contract T { uint256 a; function f() external pure { assembly { mstore(0, 1) } } }

# assembly_variables 0.8.13 legacy
old:contract T { uint256 a; }
new:contract T { uint256 a; function f(uint256 x) external pure { assembly { mstore(0, x) } } }

# push_bytes 0.8.14 legacy compiler-bug:DirtyBytesArrayToStorage
old:contract T { bytes b; uint64[] s; uint256[] l; }
new:contract T { bytes b; uint64[] s; uint256[] l; function f() external { b.push(); s.push(); } }

# push_short 0.7.2 ir compiler-bug:DynamicArrayCleanup
old:contract T { uint64[] s; uint256[] l; }
new:contract T { uint64[] s; uint256[] l; function f() external { s.push(); l.push(); } }

# push_value 0.7.2 legacy
old:contract T { bytes b; uint64[] s; uint256[] l; }
new:contract T { bytes b; uint64[] s; uint256[] l; function f() external { b.push(0x01); s.push(1); l.push(); } }
";

fn options(id: &str) -> Options {
    Options {
        kind: id.starts_with("transparent").then_some(Kind::Transparent),
        ..Options::default()
    }
}

/// Findings of the interface, of the compiler and of the chain.
fn told(report: &CheckReport) -> Vec<String> {
    report
        .findings
        .iter()
        .filter(|f| f.category == Category::Interface || f.rule.starts_with("compiler"))
        .map(|f| {
            let mark = match f.severity {
                Severity::Error => "!",
                Severity::Warning => "",
                Severity::Note => "?",
            };
            let label = f.label.as_ref().map(|label| format!(":{label}"));
            format!("{}{mark}{}", f.rule, label.unwrap_or_default())
        })
        .collect()
}

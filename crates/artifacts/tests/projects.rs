//! References of every shape, on projects of every shape. Needs the solc of `scripts/setup`.

#![allow(clippy::unwrap_used)]

use cutover_artifacts::{ArtifactError, Code, LoadOptions, Need, Reference, load, revision};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const TOKEN: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
import {Own} from \"base/Own.sol\";
enum Phase { Draft, Live }
type Shares is uint128;
contract Token is Own {
    Phase phase;
    mapping(address => Shares) shares;
    /// @custom:oz-renamed-from total
    uint256 public supply;
    address immutable maker = msg.sender;
    function made() external view returns (address) { return maker; }
}
contract Other {}
";
const OWN: &str = "// SPDX-License-Identifier: MIT
pragma solidity >= 0.8.0 <0.9.0;
contract Own { address owner; uint256[9] private __gap; }
";

/// A Foundry project: `src/Token.sol` and a library in `lib`.
fn foundry() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "foundry.toml",
        "[profile.default]\nsrc = \"src\"\n",
    );
    write(folder.path(), "remappings.txt", "base/=lib/base/src/\n");
    write(folder.path(), "src/Token.sol", TOKEN);
    write(folder.path(), "lib/base/src/Own.sol", OWN);
    folder
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn get(root: &Path, reference: &str) -> Result<Code, ArtifactError> {
    load(&Reference::parse(reference).unwrap(), &options(root, None))
}

fn options(root: &Path, solc: Option<PathBuf>) -> LoadOptions {
    LoadOptions {
        root: root.to_owned(),
        solc,
        need: Need::ALL,
    }
}

fn labels(code: &Code) -> Vec<String> {
    let layout = code.layout.as_ref().unwrap();
    layout
        .storage
        .iter()
        .map(|item| item.label.clone())
        .collect()
}

#[test]
fn source_of_a_foundry_project() {
    let project = foundry();
    let code = get(project.path(), "src/Token.sol:Token").unwrap();
    assert_eq!(code.contract.as_deref(), Some("src/Token.sol:Token"));
    assert_eq!(
        labels(&code),
        ["owner", "__gap", "phase", "shares", "supply"]
    );
    assert_eq!(code.missing, Vec::<String>::new());
    let layout = code.layout.as_ref().unwrap();
    assert_eq!(layout.storage[0].contract, "lib/base/src/Own.sol:Own");
    assert_eq!(layout.storage[4].renamed_from.as_deref(), Some("total"));
    let place = layout.storage[4].source.as_ref().unwrap();
    assert_eq!((place.file.as_str(), place.line), ("src/Token.sol", 10));
    let phase = &layout.types[&layout.storage[2].type_id];
    assert_eq!(phase.enum_values.as_ref().unwrap(), &["Draft", "Live"]);
    let mut types = layout.types.iter();
    let shares = types
        .find(|(id, _)| id.starts_with("t_userDefined"))
        .unwrap();
    assert_eq!(shares.1.underlying.as_deref(), Some("uint128"));
    assert_eq!(code.immutables.len(), 1);
    assert!(code.require_runtime().is_ok() && code.require_creation().is_ok());
    assert_eq!(code.sources.unwrap().units.len(), 2);
}

#[test]
fn short_names_are_found_below_the_source_folder() {
    let project = foundry();
    let code = get(project.path(), "Token.sol:Token").unwrap();
    assert_eq!(code.contract.as_deref(), Some("src/Token.sol:Token"));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let project = foundry();
    let broken = "pragma solidity ^0.8.0;\n\ncontract Broken { uint256 x = y; }";
    for (name, text) in [
        ("src/a/Twice.sol", "contract A {}"),
        ("src/b/Twice.sol", "contract A {}"),
        ("src/Broken.sol", broken),
        ("src/Lost.sol", "import \"./Gone.sol\"; contract Lost {}"),
        ("src/Old.sol", "pragma solidity 0.4.11; contract Old {}"),
    ] {
        write(project.path(), name, text);
    }
    let cases = [
        (
            "Token.sol:Tokem",
            "no contract `Tokem` in src/Token.sol; there are Token, Other",
        ),
        (
            "Token.sol",
            "is ambiguous in the file: src/Token.sol:Token, src/Token.sol:Other",
        ),
        ("Twice.sol:A", "src/a/Twice.sol, src/b/Twice.sol"),
        ("Nowhere.sol:A", "no contract `Nowhere.sol`"),
        (
            "Broken.sol:Broken",
            "src/Broken.sol:3: Undeclared identifier",
        ),
        ("Lost.sol:Lost", "src/Lost.sol imports `./Gone.sol`"),
        ("Old.sol:Old", "no solc for 0.4.11"),
        ("gone.json", "could not read gone.json"),
    ];
    for (reference, expected) in cases {
        let message = get(project.path(), reference).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message}");
        assert!(message.contains(expected), "{reference}: {message}");
    }
}

#[test]
fn a_program_that_is_no_compiler_is_refused() {
    let project = foundry();
    let options = options(project.path(), Some(PathBuf::from("/bin/true")));
    let error = load(&Reference::parse("Token.sol:Token").unwrap(), &options).unwrap_err();
    assert!(matches!(error, ArtifactError::BadSolc { .. }), "{error}");
}

/// A compiler that answers with what `change` makes of the real answer.
#[cfg(unix)]
fn forged(project: &Path, change: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let found = cutover_artifacts::compilers();
    let real = &found.first().expect("no solc: run scripts/setup").path;
    let path = project.join("forged");
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then exec '{0}' --version; fi\n'{0}' \"$@\" | sed -E '{change}'\n",
        real.canonicalize().unwrap().display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn an_empty_layout_is_not_believed() {
    let project = foundry();
    write(project.path(), "src/One.sol", "contract One { uint256 x; }");
    let empty = r#"s/"storage":\[\{[^]]*\}\]/"storage":[]/"#;
    let options = options(project.path(), Some(forged(project.path(), empty)));
    let error = load(&Reference::parse("One.sol:One").unwrap(), &options).unwrap_err();
    assert!(
        error.to_string().contains("does not lay out storage"),
        "{error}"
    );
}

#[test]
fn artifacts_hold_what_their_tool_put_in() {
    let project = foundry();
    let whole = get(project.path(), "src/Token.sol:Token").unwrap();
    let runtime = whole.runtime.as_ref().unwrap();
    let foundry = json!({
        "abi": whole.abi, "bytecode": { "object": runtime },
        "metadata": { "settings": { "compilationTarget": { "src/Token.sol": "Token" } } },
        "deployedBytecode": {
            "object": runtime, "immutableReferences": { "1": [{ "start": 2, "length": 32 }] }
        },
        "storageLayout": whole.layout,
    });
    write(
        project.path(),
        "out/Token.sol/Token.json",
        &foundry.to_string(),
    );
    let read = get(project.path(), "out/Token.sol/Token.json").unwrap();
    assert_eq!(read.contract.as_deref(), Some("src/Token.sol:Token"));
    assert_eq!(read.runtime.as_ref(), Some(runtime));
    assert_eq!(read.immutables, vec![2..34]);
    assert_eq!(labels(&read), labels(&whole));
    assert!(read.sources.is_none() && read.missing[0].contains("no syntax trees"));

    let hardhat = json!({
        "_format": "hh-sol-artifact-1", "contractName": "Token", "sourceName": "src/Token.sol",
        "abi": whole.abi, "bytecode": "0x6080",
        "deployedBytecode": "0x60__$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa$__60",
        "deployedLinkReferences": { "src/L.sol": { "L": [{ "start": 1, "length": 20 }] } },
    });
    write(project.path(), "artifacts/Token.json", &hardhat.to_string());
    let read = get(project.path(), "artifacts/Token.json").unwrap();
    assert_eq!(read.unlinked, ["src/L.sol:L"]);
    let error = read.require_runtime().unwrap_err().to_string();
    assert_eq!(
        error,
        "artifacts/Token.json is not linked: it needs src/L.sol:L"
    );
    let error = read.require_layout().unwrap_err().to_string();
    assert!(error.contains("--extra-output storageLayout"), "{error}");
}

#[test]
fn code_is_hex_or_binary() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "hex", "0x6001\n");
    fs::write(folder.path().join("bin"), [0x60, 0x01, 0xff]).unwrap();
    write(folder.path(), "odd", "0x600");
    let runtime = |name: &str| get(folder.path(), name).unwrap().runtime.unwrap().to_vec();
    assert_eq!(runtime("code:hex"), [0x60, 1]);
    assert_eq!(runtime("code:bin"), [0x60, 1, 0xff]);
    let wrong = |text: &str| {
        write(folder.path(), "wrong", text);
        get(folder.path(), "code:wrong").unwrap_err().to_string()
    };
    for (text, why) in [
        ("0x600", "3 hex digits, an odd number"),
        ("0x6001o1\n", "digit 5 of the hex is `o`"),
        (
            "6001\n6002\n",
            "digit 5 of the hex is a space or a new line",
        ),
        (
            "0x60__$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa$__60",
            "link it first",
        ),
        ("{\"bytecode\": \"0x6001\"}", "digit 1 of the hex is `{`"),
        ("0x", "empty"),
        ("", "empty"),
    ] {
        let error = wrong(text);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_revision_is_the_project_as_it_was() {
    let project = foundry();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(project.path());
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
    };
    write(project.path(), ".gitignore", "lib/\n");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    write(
        project.path(),
        "src/Token.sol",
        &TOKEN.replace("Phase phase;", ""),
    );
    let old = revision(project.path(), "HEAD").unwrap();
    assert_eq!(
        labels(&get(&old.root(), "Token.sol:Token").unwrap()).len(),
        5
    );
    assert_eq!(
        labels(&get(project.path(), "Token.sol:Token").unwrap()).len(),
        4
    );
    let folder = old.root();
    let told = format!(
        "could not read {}/src/A.sol in {}",
        folder.display(),
        folder.display()
    );
    assert_eq!(
        (old.name(), old.inside_repository(&told).as_str()),
        ("HEAD", "could not read src/A.sol in the repository")
    );
    drop(old);
    assert!(!folder.exists(), "nothing is left behind");
    for wrong in ["--help", "nowhere"] {
        let error = revision(project.path(), wrong).unwrap_err().to_string();
        assert!(error.starts_with("could not take"), "{error}");
    }
}

#[test]
fn a_revision_has_its_submodules_as_they_were() {
    let git = |at: &Path, arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(at);
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        command.args(["-c", "protocol.file.allow=always"]);
        let output = command.args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    let library = tempfile::tempdir().unwrap();
    write(library.path(), "src/Own.sol", OWN);
    git(library.path(), &["init", "-q"]);
    git(library.path(), &["add", "."]);
    git(library.path(), &["commit", "-qm", "one"]);

    let project = foundry();
    fs::remove_dir_all(project.path().join("lib")).unwrap();
    git(project.path(), &["init", "-q"]);
    let from = library.path().to_str().unwrap();
    git(
        project.path(),
        &["submodule", "--quiet", "add", from, "lib/base"],
    );
    git(project.path(), &["add", "."]);
    git(project.path(), &["commit", "-qm", "one"]);

    // The library moves on, in the working tree alone.
    let inner = project.path().join("lib/base");
    write(
        &inner,
        "src/Own.sol",
        &OWN.replace("address owner;", "address owner; uint256 more;"),
    );
    git(&inner, &["commit", "-qam", "two"]);
    let old = revision(project.path(), "HEAD").unwrap();
    let own = || ["lib/base/src/Own.sol", "src/Token.sol"].into_iter();
    assert_eq!(old.doubts(own()), Vec::<String>::new());
    let then = labels(&get(&old.root(), "Token.sol:Token").unwrap());
    let now = labels(&get(project.path(), "Token.sol:Token").unwrap());
    assert!(!then.contains(&"more".to_owned()) && now.contains(&"more".to_owned()));
}

#[test]
fn a_library_that_may_have_changed_is_a_doubt_when_it_is_compiled() {
    let project = foundry();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(project.path());
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        assert!(command.args(arguments).output().unwrap().status.success());
    };
    let put = |path: &str, text: &str| write(project.path(), path, text);
    put(".gitignore", "node_modules/\nlib/\n");
    put("node_modules/@a/b/Base.sol", "");
    put("node_modules/@a/b/package.json", r#"{"version": "1.0.0"}"#);
    let lock = |version: &str, other: &str| {
        let entry = |name: &str, version: &str| {
            format!(r#""node_modules/{name}": {{"version": "{version}"}}"#)
        };
        put(
            "package-lock.json",
            &format!(
                r#"{{"packages": {{{}, {}}}}}"#,
                entry("@a/b", version),
                entry("c", other)
            ),
        );
    };
    lock("1.0.0", "1.0.0");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    let doubts = |unit: &str| {
        revision(project.path(), "HEAD")
            .unwrap()
            .doubts([unit].into_iter())
    };
    let of_package = || doubts("@a/b/Base.sol");
    assert_eq!(of_package(), Vec::<String>::new());
    // Another package moved on; then this one.
    lock("1.0.0", "2.0.0");
    assert_eq!(of_package(), Vec::<String>::new());
    lock("2.0.0", "2.0.0");
    put("node_modules/@a/b/package.json", r#"{"version": "2.0.0"}"#);
    let told = "node_modules/@a/b is not in git, and nothing there says that it was the same then";
    assert!(of_package()[0].starts_with(told), "{:?}", of_package());
    assert_eq!(
        doubts("src/Token.sol"),
        Vec::<String>::new(),
        "it is in git"
    );
    let told = "lib/base is not in git";
    assert!(doubts("lib/base/src/Own.sol")[0].starts_with(told));
    // Without a lock file only a version to the digit says what it was.
    git(&["rm", "-q", "--cached", "package-lock.json"]);
    fs::remove_file(project.path().join("package-lock.json")).unwrap();
    for (asked, sure) in [("2.0.0", true), ("^2.0.0", false)] {
        put(
            "package.json",
            &format!(r#"{{"dependencies": {{"@a/b": "{asked}"}}}}"#),
        );
        git(&["add", "package.json"]);
        git(&["commit", "-qm", asked]);
        assert_eq!(of_package().is_empty(), sure, "{asked}");
    }
}

/// The folder `scripts/setup` installs packages into.
fn packages() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|up| up.join(".tools/node_modules"));
    let mut found = found.filter(|folder| folder.join("@openzeppelin").is_dir());
    found.next().expect("no packages: run scripts/setup")
}

#[cfg(unix)]
#[test]
fn namespaces_of_a_hardhat_project() {
    let project = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(packages(), project.path().join("node_modules")).unwrap();
    let source = "// SPDX-License-Identifier: MIT
        pragma solidity ^0.8.22;
        import {ERC20Upgradeable} from \"@openzeppelin/contracts-upgradeable/token/ERC20/ERC20Upgradeable.sol\";
        import {UUPSUpgradeable} from \"@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol\";
        import {OwnableUpgradeable} from \"@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol\";
        contract Coin is ERC20Upgradeable, UUPSUpgradeable, OwnableUpgradeable {
            uint256 cap;
            function _authorizeUpgrade(address) internal override onlyOwner {}
        }";
    write(project.path(), "contracts/Coin.sol", source);
    let code = get(project.path(), "contracts/Coin.sol:Coin").unwrap();
    let layout = code.layout.unwrap();
    assert_eq!(layout.unplaced, Vec::<String>::new());
    let shown: Vec<_> = layout
        .namespaces
        .iter()
        .map(|(id, members)| {
            (
                id.as_str(),
                layout.namespace_roots[id].to_string(),
                members.len(),
            )
        })
        .collect();
    let expected = [
        (
            "Initializable",
            "0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00",
            2,
        ),
        (
            "ERC20",
            "0x52c63247e1f47db19d5ce0460030c497f067ca4cebf71ba98eeadabe20bace00",
            5,
        ),
        (
            "Ownable",
            "0x9016d09d72d40fdae2fd8ceac6b6234c7706214fd39c1cd1e609a0528c199300",
            1,
        ),
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:?}");
    for (name, root, members) in expected {
        let id = format!("erc7201:openzeppelin.storage.{name}");
        assert!(
            shown.contains(&(id.as_str(), root.to_owned(), members)),
            "{id} in {shown:?}"
        );
    }
}

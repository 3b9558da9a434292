//! The contract that every tool builds, and what is read of it.

use crate::solc::standard_json;
use cutover_artifacts::{ArtifactError, Code, LoadOptions, Need, Reference, compilers, load};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

pub(crate) const BASE: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
abstract contract Base { address owner; uint256[9] private __gap; }
";
pub(crate) const TOKEN: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
import {Base} from \"./Base.sol\";
library Lib { function g(uint256 x) external pure returns (uint256) { return x + 1; } }
contract Token is Base {
    enum Phase { Draft, Live }
    Phase phase;
    mapping(address => uint256) balances;
    function f() external view returns (uint256) { return balances[owner]; }
}
contract Linked { uint256 x; function f() external view returns (uint256) { return Lib.g(x); } }
";
pub(crate) const LABELS: [&str; 4] = ["owner", "__gap", "phase", "balances"];

pub(crate) fn write(root: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(crate) fn get(root: &Path, reference: &str) -> Result<Code, ArtifactError> {
    let options = LoadOptions {
        root: root.to_owned(),
        solc: None,
        need: Need::ALL,
    };
    load(&Reference::parse(reference).unwrap(), &options)
}

pub(crate) fn labels(code: &Code) -> Vec<String> {
    let layout = code
        .layout
        .as_ref()
        .unwrap_or_else(|| panic!("{:?}", code.missing));
    layout
        .storage
        .iter()
        .map(|item| item.label.clone())
        .collect()
}

/// Complete: layout, trees, code.
pub(crate) fn whole(root: &Path, reference: &str) -> Code {
    let code = get(root, reference).unwrap_or_else(|error| panic!("{reference}: {error}"));
    assert_eq!(code.missing, Vec::<String>::new(), "{reference}");
    assert_eq!(labels(&code), LABELS, "{reference}");
    assert!(
        code.sources.is_some() && code.runtime.is_some(),
        "{reference}"
    );
    code
}

pub(crate) fn solc() -> PathBuf {
    let found = compilers().into_iter().find(|one| one.version.minor == 8);
    found
        .expect("no solc: run scripts/setup")
        .path
        .canonicalize()
        .unwrap()
}

pub(crate) fn forge() -> PathBuf {
    let tool = "node_modules/@foundry-rs/forge-linux-amd64/bin/forge";
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = here.ancestors().map(|up| up.join(".tools").join(tool));
    let paths = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&paths).map(|folder| folder.join("forge"));
    let mut found = installed.chain(on_path).filter(|path| path.is_file());
    found.next().expect("no forge: run scripts/setup")
}

/// Builds the Foundry project of a folder.
pub(crate) fn build(root: &Path, arguments: &[&str]) {
    let output = Command::new(forge())
        .args(["build", "--offline", "--use"])
        .arg(solc())
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub(crate) fn foundry() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "foundry.toml", "[profile.default]\n");
    write(folder.path(), "src/Base.sol", BASE);
    write(folder.path(), "src/Token.sol", TOKEN);
    folder
}

/// Standard JSON as Hardhat asks for it: syntax trees, no layout.
pub(crate) fn input(folder: &str) -> Value {
    let wanted = json!({ "*": { "*": ["abi", "evm.bytecode", "evm.deployedBytecode", "evm.methodIdentifiers", "metadata"], "": ["ast"] } });
    json!({
        "language": "Solidity",
        "sources": {
            (format!("{folder}/Base.sol")): { "content": BASE },
            (format!("{folder}/Token.sol")): { "content": TOKEN },
        },
        "settings": { "evmVersion": "paris", "optimizer": { "enabled": true, "runs": 200 }, "outputSelection": wanted },
    })
}

pub(crate) fn compile(input: &Value) -> Value {
    standard_json(&solc(), input)
}

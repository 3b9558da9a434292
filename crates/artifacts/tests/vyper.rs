//! Vyper layouts, from the compiler `scripts/setup` installs.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use cutover_artifacts::{ArtifactError, Code, LoadOptions, Need, Reference, load};
use std::{fs, path::Path};

const TOKEN: &str = "# pragma version ^0.4.0
from ethereum.ercs import IERC20
import own
initializes: own
flag Roles:
    ADMIN
    USER
struct Point:
    a: uint8
    c: int128[3]
SIZE: constant(uint256) = 4
owner: public(address)
balances: HashMap[address, HashMap[uint256, Point]]
roles: Roles
name: String[40]
data: Bytes[100]
list: DynArray[Point, 5]
grid: uint256[SIZE][2]
point: Point
token: IERC20
paused: bool
limit: immutable(uint256)
scratch: transient(uint256)
@deploy
def __init__():
    limit = 4
    own.__init__()
@external
@nonreentrant
def f() -> uint256:
    return limit
";
const OWN: &str = "# pragma version ^0.4.0
admin: address
pending: address
@deploy
def __init__():
    self.admin = msg.sender
";

fn get(root: &Path, reference: &str) -> Result<Code, ArtifactError> {
    let options = LoadOptions {
        root: root.to_owned(),
        solc: None,
        need: Need::ALL,
    };
    load(&Reference::parse(reference).unwrap(), &options)
}

/// Where Python has no virtual environments `scripts/setup` goes on without Vyper.
fn vyper_is_absent() -> bool {
    let folder = project(TOKEN);
    let absent = matches!(get(folder.path(), "Token.vy"), Err(ArtifactError::NoVyper));
    if absent {
        println!("skipped: no Vyper");
    }
    absent
}

fn project(token: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Token.vy"), token).unwrap();
    fs::write(folder.path().join("own.vy"), OWN).unwrap();
    folder
}

#[test]
fn every_variable_has_its_slot_and_its_type() {
    if vyper_is_absent() {
        return;
    }
    let folder = project(TOKEN);
    let code = get(folder.path(), "Token.vy").unwrap();
    assert_eq!(code.contract.as_deref(), Some("Token.vy:Token"));
    assert!(code.compiler.as_deref().unwrap().starts_with("vyper 0.4"));
    assert!(code.layout_is_whole && code.sources.is_none() && code.runtime.is_some());
    let layout = code.layout.unwrap_or_else(|| panic!("{:?}", code.missing));
    let shown: Vec<_> = layout
        .storage
        .iter()
        .map(|item| {
            (
                item.label.as_str(),
                item.slot.as_str(),
                layout.types[&item.type_id].label.as_str(),
            )
        })
        .collect();
    let expected = [
        ("admin", "0", "address"),
        ("pending", "1", "address"),
        ("owner", "2", "address"),
        (
            "balances",
            "3",
            "HashMap[address, HashMap[uint256, struct Point]]",
        ),
        ("roles", "4", "flag Roles"),
        ("name", "5", "String[40]"),
        ("data", "8", "Bytes[100]"),
        ("list", "13", "DynArray[struct Point, 5]"),
        ("grid", "34", "uint256[4][2]"),
        ("point", "42", "struct Point"),
        ("token", "46", "address"),
        ("paused", "47", "bool"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(layout.storage[0].contract, "own.vy:own");
    assert_eq!(layout.storage[2].source.as_ref().unwrap().line, 12);
    let roles = &layout.types[&layout.storage[4].type_id];
    assert_eq!(roles.enum_values.as_ref().unwrap(), &["ADMIN", "USER"]);
    let point = &layout.types[&layout.storage[9].type_id];
    assert_eq!(point.members.as_ref().unwrap()[1].slot, "1");
}

#[test]
fn what_does_not_compile_is_said_in_one_line() {
    if vyper_is_absent() {
        return;
    }
    let folder = project(&TOKEN.replace("paused: bool", "paused: nothing"));
    let error = get(folder.path(), "Token.vy:Token")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("Token.vy does not compile") && !error.contains('\n'),
        "{error}"
    );
    let error = get(folder.path(), "Token.vy:Other")
        .unwrap_err()
        .to_string();
    assert!(error.contains("there are Token"), "{error}");
}

//! Sources are not trusted to be sane: what doubles with each step is left alone soon.

#![allow(clippy::unwrap_used)]

use cutover_artifacts::{LoadOptions, Need, Reference, Shelf, load_with};
use cutover_check::{Options, check};
use support::view;

mod support;

/// Functions that each do something to the next one.
fn chain(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

#[test]
fn what_doubles_with_each_step_is_left_alone() {
    let members = format!("c{}.done", ".n[0]".repeat(30));
    let both = chain(40, |i| {
        let next = i + 1;
        format!("function a{i}() private view returns (bool) {{ return a{next}() && a{next}(); }} ")
    });
    let calls = chain(6, |i| {
        let calls = format!("f{}(); ", i + 1).repeat(60);
        format!("function f{i}() private {{ {calls} }} ")
    });
    let asked = chain(20, |i| {
        let next = i + 1;
        format!(
            "contract C{next} is C{i} {{ function supportsInterface(bytes4 i) public pure virtual override returns (bool) {{
             return super.supportsInterface(i) || super.supportsInterface(i); }} }} "
        )
    });
    let text = format!(
        "pragma solidity ^0.8.20;
         contract Copied {{ struct S {{ bool done; S[] n; }} S s; address o;
            function initialize(address a) external {{ S memory c = s; require(!{members}); o = a; }} }}
         contract Doubled {{ bool done; address o; {both} function a40() private view returns (bool) {{ return done; }}
            function initialize(address a) external {{ require(!a0()); done = true; o = a; }} }}
         contract Calling {{ address o; uint256 x; {calls} function f6() private {{ x = 1; }}
            function initialize(address a) external {{ f0(); o = a; }} }}
         contract C0 {{ function supportsInterface(bytes4 i) public pure virtual returns (bool) {{ return i == 0x01ffc9a7; }} }}
         {asked}"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("T.sol"), text).unwrap();
    let options = LoadOptions {
        root: folder.path().to_owned(),
        solc: None,
        need: Need {
            bytecode: false,
            ..Need::ALL
        },
    };
    for name in ["Copied", "Doubled", "Calling", "C20"] {
        let reference = Reference::parse(&format!("T.sol:{name}")).unwrap();
        let code = load_with(&reference, &options, &Shelf::default()).unwrap();
        // It comes to an end.
        check(&view(&code), &view(&code), &Options::default());
    }
}

//! What `inspect` says of a candidate before anything is sent.

#![allow(clippy::unwrap_used)]

mod support;

use support::stage::{GREEN, Stage, contracts};

#[test]
fn the_way_back_is_told_by_the_exit_code_and_the_three_calls() {
    let stage = Stage::set();
    let proxy = stage.proxy.to_string();
    let contracts = contracts();
    let inspect = |reference: &str, more: &[&str]| {
        let about = ["--json", "inspect", &proxy, "--candidate", reference];
        stage.run(&[&about, ["--root", &contracts].as_slice(), more].concat())
    };
    let ran = inspect(GREEN, &[]);
    let found = ran.ok().json();
    let candidate = &found["candidate"];
    assert_eq!(candidate["verdict"], "yes", "{candidate:#}");
    assert_eq!(candidate["reference"], GREEN);
    for way in ["forward", "back", "forward_again"] {
        let data = candidate[way][0]["data"].as_str().unwrap();
        assert!(data.starts_with("0x4f1ef286"), "{candidate:#}");
        assert_eq!(candidate[way][0]["to"], proxy);
    }
    // No UUPS at all.
    let ran = inspect("src/demo/Asset.sol:Asset", &[]);
    assert_eq!(ran.code, Some(12), "{}{}", ran.stdout, ran.stderr);
    let found = ran.json();
    assert_eq!(found["candidate"]["verdict"], "no");
    assert!(found["candidate"]["back"].as_array().unwrap().is_empty());
    // In words.
    let ran = stage.run(&[
        "inspect",
        &proxy,
        "--candidate",
        GREEN,
        "--root",
        &contracts,
    ]);
    let text = &ran.ok().stdout;
    assert!(text.contains("Forward, back and forward again"), "{text}");
    // Its options mean nothing without one.
    assert_eq!(
        stage
            .run(&["inspect", &proxy, "--initializer", "0x01"])
            .code,
        Some(2)
    );
    assert!(
        !stage
            .run(&["--json", "inspect", &proxy])
            .ok()
            .stdout
            .contains("\"candidate\"")
    );
}

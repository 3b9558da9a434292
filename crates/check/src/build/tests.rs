use super::*;
use crate::Live;
use alloy_primitives::{Address, Bytes, hex};

fn side<'a>(code: &'a Bytes) -> Side<'a> {
    Side {
        reference: "code",
        runtime: Some(code),
        ..Side::default()
    }
}

fn code(hex: &str) -> Bytes {
    hex::decode(hex).unwrap().into()
}

#[test]
fn opcodes_count_only_where_they_can_run() {
    for (text, level, names) in [
        ("", Level::Homestead, vec![]),
        // PUSH1 5f, REVERT
        ("605f60005ffd", Level::Shanghai, vec!["PUSH0"]),
        ("605f6000fd", Level::Byzantium, vec!["REVERT"]),
        // STOP, then data
        ("005f5c1e", Level::Homestead, vec![]),
        // STOP, then a JUMPDEST nobody pushes, then one at 4 that is pushed
        ("6004565b5b5c5d00", Level::Cancun, vec!["TLOAD", "TSTORE"]),
        ("00565b5f5b5c5d00", Level::Homestead, vec![]),
        // a PUSH32 that runs over the end
        ("7f5f5f", Level::Homestead, vec![]),
        ("60011e", Level::Osaka, vec!["CLZ"]),
        // PUSH1, then metadata with 5f in it
        ("6001a164736f6c63435f081c000a", Level::Homestead, vec![]),
    ] {
        assert_eq!(evm::needed(&code(text)), (level, names), "{text}");
    }
}

#[test]
fn a_newer_evm_is_a_warning_until_the_chain_is_known() {
    let (old, shanghai, cancun) = (code("600080fd"), code("5f5ffd"), code("5f5f5f5e"));
    let said = |blue: &Bytes, green: &Bytes, options: &Options| {
        newer_evm(&side(blue), &side(green), options).map(|finding| finding.severity)
    };
    let on = |fork| Options {
        hardfork: Some(fork),
        ..Options::default()
    };
    let over = |code: &Bytes| Options {
        live: Some(Live {
            address: Address::ZERO,
            code: code.clone(),
            ..Live::default()
        }),
        ..Options::default()
    };
    let plain = Options::default();
    for (blue, green, options, expected) in [
        (&old, &shanghai, &plain, Some(Severity::Warning)),
        (&shanghai, &shanghai, &plain, None),
        (&cancun, &shanghai, &plain, None),
        (&shanghai, &cancun, &plain, Some(Severity::Warning)),
        (&old, &cancun, &on(Hardfork::Cancun), None),
        (
            &cancun,
            &cancun,
            &on(Hardfork::London),
            Some(Severity::Error),
        ),
        (&old, &shanghai, &over(&cancun), None),
        (&cancun, &shanghai, &over(&old), Some(Severity::Warning)),
    ] {
        assert_eq!(said(blue, green, options), expected, "{blue} {green}");
    }
}

#[test]
fn creation_code_is_measured() {
    for (length, blocked) in [(49_152, false), (49_153, true)] {
        let creation = Bytes::from(vec![0; length]);
        let green = Side {
            creation: Some(&creation),
            ..Side::default()
        };
        let found = compare(&Side::default(), &green, &Options::default());
        assert_eq!(found.iter().any(Finding::blocks), blocked, "{length}");
    }
}

#[test]
fn another_compiler_is_told_when_it_breaks_something() {
    let built = |compiler, via_ir| Side {
        compiler: Some(compiler),
        via_ir,
        ..Side::default()
    };
    for (blue, green, told) in [
        (
            built("0.8.19+commit.7dd6d404", None),
            built("0.8.28", Some(true)),
            false,
        ),
        (
            built("v0.7.6+commit.7338295f", None),
            built("0.8.28", None),
            true,
        ),
        (
            built("0.8.28", Some(false)),
            built("0.8.28", Some(true)),
            true,
        ),
        (built("vyper 0.8.0", None), built("0.8.0", None), true),
        (built("unknown", None), built("0.8.28", None), false),
    ] {
        let message = compiled_otherwise(&blue, &green);
        assert_eq!(message.is_some(), told, "{message:?}");
    }
}

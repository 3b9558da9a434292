//! Out of files with damage anywhere.

use crate::project::{compile, get, input, write};
use serde_json::{Value, json};

/// Values of a tree, counted.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces or removes the `at`-th value.
fn change(tree: &mut Value, at: &mut usize, with: Option<&Value>) -> bool {
    let children: Vec<&mut Value> = match tree {
        Value::Object(map) => {
            let mut gone = None;
            for (key, value) in map.iter_mut() {
                if *at == 0 {
                    match with {
                        Some(with) => *value = with.clone(),
                        None => gone = Some(key.clone()),
                    }
                    if let Some(key) = gone {
                        map.remove(&key);
                    }
                    return true;
                }
                *at -= 1;
                if change(value, at, with) {
                    return true;
                }
            }
            return false;
        }
        Value::Array(items) => items.iter_mut().collect(),
        _ => return false,
    };
    for value in children {
        if *at == 0 {
            *value = with.cloned().unwrap_or_default();
            return true;
        }
        *at -= 1;
        if change(value, at, with) {
            return true;
        }
    }
    false
}

/// Damage anywhere in a real file never leads to fewer variables without a word.
#[test]
fn a_damaged_file_never_hides_variables() {
    let folder = tempfile::tempdir().unwrap();
    let mut input = input("src");
    let token = "pragma solidity ^0.8.20; contract Token { address owner; uint8 a; mapping(address => uint256) b; }";
    input["sources"] = json!({ "src/Token.sol": { "content": token } });
    input["settings"]["outputSelection"] = json!({ "*": { "*": ["abi", "storageLayout", "evm.deployedBytecode.object"], "": ["ast"] } });
    let output = compile(&input);
    let info = json!({ "solcVersion": "0.8.28", "output": output });
    let manifest: Value =
        serde_json::from_str(include_str!("../fixtures/openzeppelin.json")).unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let odd = [
        json!(null),
        json!([]),
        json!({}),
        json!(-1),
        json!(u64::MAX),
        json!(""),
        json!("é:9"),
        json!("t_array("),
    ];
    for (whole, reference, variables) in [(&info, "a.json#Token", 3), (&manifest, "a.json", 9)] {
        let size = count(whole);
        for _ in 0..150 {
            let mut damaged = whole.clone();
            let mut at = random(size - 1);
            let kind = random(odd.len() + 1);
            change(&mut damaged, &mut at, odd.get(kind));
            write(folder.path(), "a.json", damaged.to_string());
            let Ok(code) = get(folder.path(), reference) else {
                continue;
            };
            if let Some(layout) = &code.layout {
                let complete = code.sources.is_some() || code.layout_is_whole;
                let listed = layout.storage.len();
                // A list of variables that was itself replaced by an empty one is an empty contract's.
                assert!(
                    listed == variables || !complete || code.layout_is_whole && listed == 0,
                    "{damaged}"
                );
            }
        }
    }
}

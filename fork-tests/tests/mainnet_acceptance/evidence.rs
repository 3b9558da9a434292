//! What the recordings hold, whether they hold up, and what a poor node or another proxy makes of them.

use crate::{
    SMALL,
    recordings::{USDC, index, record, recordings},
    support::{MainnetNode, Ran, cutover, mainnet_data, run},
    transactions, why,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[test]
fn recordings_hold_what_the_index_says() {
    let Some(all) = recordings() else { return };
    let (mut direct, mut total) = (0, 0);
    for block in &all.blocks {
        let number = block.number;
        for name in ["direct", "transactions"] {
            assert_eq!(block.said[name], block.indexed[name], "{name} of {number}");
        }
        assert_eq!(block.said["discovery"], "traces", "{number}");
        assert_eq!(block.said["incomplete"], serde_json::json!([]), "{number}");
        direct += block.said["direct"].as_u64().unwrap();
        total += block.said["transactions"].as_u64().unwrap();
    }
    assert_eq!((direct, total), (124, 235));
}

fn verify(folder: &Path) -> Ran {
    run(cutover(folder.parent().unwrap())
        .args(["record", "verify", "--json", "-q"])
        .arg(folder))
}

#[test]
fn recordings_verify_and_one_flipped_byte_does_not() {
    let Some(all) = recordings() else { return };
    for block in &all.blocks {
        let report = verify(&block.folder).ended(0).json();
        assert_eq!(report["verified"], true, "{}", block.number);
        for (name, check) in report["checks"].as_object().unwrap() {
            assert_eq!(check["failed"], 0, "{name} of {}", block.number);
        }
        for name in ["header-hash", "transactions-root", "receipts-root"] {
            let checked = report["checks"][name]["checked"].as_u64();
            assert!(checked >= Some(1), "{name} of {}", block.number);
        }
    }
    let original = &all.block(SMALL).folder;
    let copy = tempfile::tempdir_in(&all.scratch).unwrap();
    let files = files(original);
    for file in &files {
        let target = copy.path().join(file);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(original.join(file), &target).unwrap();
    }
    verify(copy.path()).ended(0);
    assert!(files.len() > 10);
    for file in files.iter().step_by(9).chain(files.last()) {
        let path = copy.path().join(file);
        let bytes = std::fs::read(&path).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        verify(copy.path()).refused(2, &["error: "]);
        std::fs::write(&path, bytes).unwrap();
    }
}

/// Files of a recording, relative to it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for part in ["", "blocks", "codes"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                files.push(Path::new(part).join(entry.file_name()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn poor_provider_gives_the_same_recording() {
    let Some(all) = recordings() else { return };
    let poor = "--fault-rate 0.02 --rate-limit 50 --latency-ms 20 --seed 7";
    let arguments: Vec<&str> = poor.split(' ').collect();
    let node = MainnetNode::start(&all.data, &arguments);
    let folder = all.scratch.join("poor");
    let ran = record(&node.url, USDC, SMALL, &folder).ended(0);
    let said = ran.json();
    assert_eq!(said["digest"], all.block(SMALL).said["digest"]);
    assert!(said["node"]["retries"].as_u64().unwrap() > 0, "{said}");
}

#[test]
fn other_proxies_are_replayed_or_say_what_is_missing() {
    let Some(data) = mainnet_data() else { return };
    let Some(all) = recordings() else { return };
    let node = MainnetNode::start::<&str>(&data, &[]);
    let mut ends = BTreeMap::new();
    for (number, proxies) in index(&data) {
        if ![15_537_394, 19_923_400, 22_615_247, 24_647_140].contains(&number) {
            continue;
        }
        let known = proxies.iter().filter(|proxy| proxy["kind"] == "erc1967");
        for proxy in known.take(4) {
            let address = proxy["address"].as_str().unwrap();
            let folder = all.scratch.join(format!("{address}-{number}"));
            let said = record(&node.url, address, number, &folder).ended(0).json();
            for name in ["direct", "transactions"] {
                assert_eq!(said[name], proxy[name], "{name} of {address} in {number}");
            }
            let green = all.code(number, proxy["implementation"].as_str().unwrap());
            let ran = all.replay(&folder, &green, &["--engine", "both"]);
            *ends.entry(ran.code).or_insert(0) += 1;
            match ran.code {
                Some(0) => {
                    let report = ran.json();
                    let total = &said["transactions"];
                    assert_eq!(&report["summary"]["control_held"], total, "{address}");
                    assert_eq!(&report["summary"]["identical"], total, "{address}");
                }
                // State of the upgrade itself, or of green's calls, is not in the blocks.
                Some(14) => {
                    let report = ran.json();
                    assert_eq!(report["summary"]["control_held"], said["transactions"]);
                    for transaction in transactions(&report) {
                        assert!(why(transaction).contains("is not in the recorded state"));
                    }
                }
                _ => ran.refused(2, &["does not say how", "is upgraded"]),
            }
        }
    }
    assert!(ends[&Some(0)] >= 4, "{ends:?}");
}

//! Recordings that were changed are refused by the name of the file.

use super::{
    PROXY,
    support::{cutover, mainnet_node, run, stage::Stage},
};
use std::{fs, path::Path};

/// Runs `replay` on a copy of a recording with one file changed.
fn replay_of_changed(recording: &Path, file: &Path, change: impl Fn(&mut Vec<u8>)) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    for part in ["", "blocks", "codes"] {
        fs::create_dir(copy.join(part)).unwrap();
        for entry in fs::read_dir(recording.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, copy.join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let target = copy.join(file);
    let mut bytes = fs::read(&target).unwrap();
    change(&mut bytes);
    fs::write(&target, &bytes).unwrap();
    fs::write(folder.path().join("green.hex"), "0x60006000fd").unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    for arguments in [
        ["replay", "copy", "--green", "code:green.hex"].as_slice(),
        &["record", "verify", "copy"],
        &["record", "serve", "copy"],
    ] {
        run(cutover(folder.path()).args(arguments)).refused(2, &[name]);
    }
    assert_eq!(fs::read(&target).unwrap(), bytes);
    assert!(!folder.path().join("cutover-run").exists());
}

fn changed_recordings(recording: &Path) {
    let first = |part: &str| {
        let mut names: Vec<_> = fs::read_dir(recording.join(part))
            .unwrap()
            .map(|entry| Path::new(part).join(entry.unwrap().file_name()))
            .collect();
        names.sort();
        names.remove(0)
    };
    for file in [first("blocks"), first("codes"), "recording.json".into()] {
        replay_of_changed(recording, &file, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        replay_of_changed(recording, &file, |bytes| bytes.truncate(bytes.len() / 2));
        replay_of_changed(recording, &file, Vec::clear);
    }
}

#[test]
fn recording_with_one_byte_changed_or_cut_short_is_refused() {
    let stage = Stage::set();
    stage.record();
    changed_recordings(&stage.run_folder().join("recording"));
}

#[test]
fn recording_of_real_blocks_with_one_byte_changed_or_cut_short_is_refused() {
    let Some(node) = mainnet_node(&[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    run(cutover(folder.path())
        .args([
            "record",
            PROXY,
            "--from-block",
            "24628607",
            "--to-block",
            "24628607",
        ])
        .args(["--rpc-url", &node.url]))
    .ok();
    changed_recordings(&folder.path().join("cutover-run/recording"));
}

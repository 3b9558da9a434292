use super::*;
use alloy_consensus::Header;
use alloy_primitives::{Address, U256};
use alloy_primitives::{B256, Bytes, keccak256};
use cutover_types::{
    Account, Reach, Target, Window,
    recording::{BlockEntry, Counts, Discovery},
};
use std::{collections::BTreeMap, fs, path::Path};

fn block(number: u64) -> RecordedBlock {
    let header = Header {
        number,
        ..Header::default()
    };
    let code = Bytes::from_static(&[0x60, 0x00]);
    let mut state = cutover_types::MemoryState::default();
    let account = Account {
        nonce: 1,
        balance: U256::from(7),
        code_hash: keccak256(&code),
    };
    state.accounts.insert(Address::repeat_byte(1), account);
    state
        .storage
        .entry(Address::repeat_byte(1))
        .or_default()
        .insert(B256::ZERO, U256::from(9));
    state.codes.insert(keccak256(&code), code);
    let target = Target {
        hash: B256::repeat_byte(2),
        index: 0,
        reach: Reach::Direct,
    };
    RecordedBlock {
        hash: header.hash_slow(),
        header,
        parent: None,
        transactions: vec![],
        receipts: vec![],
        targets: vec![target],
        state,
        proofs: None,
    }
}

fn manifest(blocks: &[RecordedBlock]) -> Recording {
    Recording {
        chain_id: 1,
        proxy: Address::repeat_byte(1),
        window: Window { from: 1, to: 9 },
        discovery: Discovery::Traces,
        may_have_missed: vec![],
        blocks: blocks
            .iter()
            .map(|block| BlockEntry {
                number: block.header.number,
                hash: block.hash,
                targets: block.targets.clone(),
            })
            .collect(),
        upgrade: None,
        incomplete: vec![],
        counts: Counts::default(),
        files: BTreeMap::new(),
        digest: B256::ZERO,
    }
}

fn written(path: &Path) -> Recording {
    let blocks = [block(3), block(5)];
    let writer = RecordingWriter::create(path, B256::ZERO, false).unwrap();
    for block in &blocks {
        writer.put_block(block).unwrap();
    }
    writer.finish(manifest(&blocks)).unwrap()
}

#[test]
fn what_was_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let recording = written(&path);
    let opened = RecordingFolder::open(&path).unwrap();
    assert_eq!(opened.manifest(), &recording);
    assert_eq!(*opened.block(5).unwrap(), block(5));
    assert_eq!(opened.block(5).unwrap().state.codes, block(5).state.codes);
    assert!(opened.block(4).is_err());
    assert!(!folder.path().join("recording.partial").exists());
}

#[test]
fn any_changed_byte_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let recording = written(&path);
    for name in recording
        .files
        .keys()
        .map(String::as_str)
        .chain([Recording::FILE])
    {
        let file = path.join(name);
        let good = fs::read(&file).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, &bad).unwrap();
            let opened = RecordingFolder::open(&path);
            // Bytes of the manifest that carry no meaning (its layout, the tool's version) may differ.
            let same = opened
                .is_ok_and(|opened| name == Recording::FILE && opened.manifest() == &recording);
            assert!(
                same || RecordingFolder::open(&path).is_err(),
                "byte {at} of {name}"
            );
            if name != Recording::FILE {
                assert!(!same, "byte {at} of {name}");
            }
        }
        fs::write(&file, &good).unwrap();
        fs::write(&file, &good[..good.len() / 2]).unwrap();
        assert!(RecordingFolder::open(&path).is_err(), "half of {name}");
        fs::write(&file, &good).unwrap();
    }
    assert!(RecordingFolder::open(&path).is_ok());
}

#[test]
fn interrupted_recording_is_taken_up_only_by_the_same_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let writer = RecordingWriter::create(&path, B256::repeat_byte(1), false).unwrap();
    writer.put_block(&block(3)).unwrap();
    drop(writer);
    let again = RecordingWriter::create(&path, B256::repeat_byte(1), false).unwrap();
    assert_eq!(again.resume_block(3), Some(block(3)));
    assert_eq!(again.resume_block(5), None);
    let other = RecordingWriter::create(&path, B256::repeat_byte(2), false).unwrap();
    assert_eq!(other.resume_block(3), None);
}

#[test]
fn half_written_block_is_not_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let writer = RecordingWriter::create(&path, B256::ZERO, false).unwrap();
    writer.put_block(&block(3)).unwrap();
    let file = folder.path().join("recording.partial/blocks/3.json.gz");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 9]).unwrap();
    assert_eq!(writer.resume_block(3), None);
}

#[test]
fn folder_that_is_no_recording_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("thesis.txt"), "years of work").unwrap();
    for overwrite in [false, true] {
        let made = RecordingWriter::create(&path, B256::ZERO, overwrite);
        assert!(matches!(made, Err(FolderError::Exists { .. })));
    }
    let recording = folder.path().join("recording");
    written(&recording);
    assert!(matches!(
        RecordingWriter::create(&recording, B256::ZERO, false),
        Err(FolderError::Exists { .. })
    ));
    let writer = RecordingWriter::create(&recording, B256::ZERO, true).unwrap();
    writer.put_block(&block(8)).unwrap();
    writer.finish(manifest(&[block(8)])).unwrap();
    assert!(RecordingFolder::open(&recording).unwrap().block(8).is_ok());
}

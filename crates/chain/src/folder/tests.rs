use super::*;
use alloy_primitives::{Address, U256};
use cutover_types::{
    Account, Reach, Target, Window,
    recording::{Counts, Discovery},
};
use proptest::prelude::*;
use std::fs;

const CODE: &[u8] = &[0x60, 0x00, 0x60, 0x00, 0xf3];

fn block(number: u64) -> RecordedBlock {
    let header = alloy_consensus::Header {
        number,
        timestamp: 1_700_000_000 + number,
        base_fee_per_gas: Some(7),
        ..Default::default()
    };
    let transaction = Bytes::from_static(b"\x02signed");
    let mut state = MemoryState::default();
    let contract = Account {
        code_hash: keccak256(CODE),
        balance: U256::MAX,
        nonce: 1,
    };
    state.accounts.insert(Address::repeat_byte(1), contract);
    let slots = state.storage.entry(Address::repeat_byte(1)).or_default();
    slots.insert(B256::ZERO, U256::from(7));
    state
        .codes
        .insert(keccak256(CODE), Bytes::from_static(CODE));
    state.block_hashes.insert(number - 1, B256::repeat_byte(3));
    RecordedBlock {
        hash: header.hash_slow(),
        header,
        parent: None,
        targets: vec![Target {
            hash: keccak256(&transaction),
            index: 0,
            reach: Reach::Direct,
        }],
        transactions: vec![transaction],
        receipts: vec![alloy_consensus::ReceiptEnvelope::Eip1559(Default::default())],
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
        files: Default::default(),
        digest: B256::ZERO,
    }
}

fn recorded(path: &Path) -> Recording {
    let blocks = [block(5), block(6)];
    let writer = RecordingWriter::create(path, B256::ZERO, false).unwrap();
    for block in &blocks {
        writer.put_block(block).unwrap();
    }
    writer.finish(manifest(&blocks)).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("recording");
    let written = recorded(&path);
    let folder = RecordingFolder::open(&path).unwrap();
    assert_eq!(folder.manifest(), &written);
    assert_eq!(*folder.block(5).unwrap(), block(5));
    assert_eq!(written.counts.codes, 1);
    assert!(matches!(
        folder.block(7),
        Err(FolderError::NoSuchBlock { number: 7, .. })
    ));
    assert!(!dir.path().join("recording.partial").exists());
}

#[test]
fn the_same_recording_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    assert_eq!(recorded(&one).digest, recorded(&two).digest);
    // Made again in the same place, it is the same recording: nothing is in the way.
    recorded(&one);
}

#[test]
fn an_interrupted_run_is_taken_up_by_the_same_plan_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("recording");
    let plan = B256::repeat_byte(1);
    let writer = RecordingWriter::create(&path, plan, false).unwrap();
    writer.put_block(&block(5)).unwrap();
    drop(writer);
    let again = RecordingWriter::create(&path, plan, false).unwrap();
    assert_eq!(again.resume_block(5), Some(block(5)));
    assert_eq!(again.resume_block(6), None);
    let blocks = [block(5)];
    drop(again.finish(manifest(&blocks)).unwrap());

    let writer = RecordingWriter::create(&path, plan, true).unwrap();
    writer.put_block(&block(6)).unwrap();
    drop(writer);
    let other = RecordingWriter::create(&path, B256::ZERO, true).unwrap();
    assert_eq!(other.resume_block(6), None);
}

#[test]
fn half_written_block_is_not_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("recording");
    let writer = RecordingWriter::create(&path, B256::ZERO, false).unwrap();
    writer.put_block(&block(3)).unwrap();
    let file = dir.path().join("recording.partial/blocks/3.json.gz");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 9]).unwrap();
    assert_eq!(writer.resume_block(3), None);
}

#[test]
fn nothing_is_overwritten_untold() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("recording");
    recorded(&path);
    let blocks = [block(8)];
    let attempt = |overwrite| {
        let writer = RecordingWriter::create(&path, B256::ZERO, overwrite).unwrap();
        writer.put_block(&blocks[0]).unwrap();
        writer.finish(manifest(&blocks))
    };
    assert!(matches!(attempt(false), Err(FolderError::Exists { .. })));
    assert!(RecordingFolder::open(&path).unwrap().block(5).is_ok());
    attempt(true).unwrap();
    assert!(RecordingFolder::open(&path).unwrap().block(8).is_ok());

    let stranger = dir.path().join("stranger");
    fs::create_dir(&stranger).unwrap();
    fs::write(stranger.join("thesis.tex"), "x").unwrap();
    assert!(matches!(
        RecordingWriter::create(&stranger, B256::ZERO, true),
        Err(FolderError::Exists { .. })
    ));
}

#[test]
fn a_manifest_cannot_point_outside() {
    for name in [
        "../secret",
        "/etc/passwd",
        "blocks/../../x",
        "blocks\\x",
        "a/b/c",
        ".hidden",
        "",
    ] {
        assert!(!files::is_safe(name), "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("recording");
    let mut manifest = recorded(&path);
    manifest.files.insert("../secret".into(), B256::ZERO);
    manifest.digest = manifest.compute_digest().unwrap();
    rewrite(&path, &manifest);
    let error = RecordingFolder::open(&path).unwrap_err().to_string();
    assert!(error.contains("outside"), "{error}");
}

#[test]
fn another_version_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("recording");
    recorded(&path);
    let file = path.join(Recording::FILE);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
    let error = RecordingFolder::open(&path).unwrap_err().to_string();
    assert!(error.contains("cutover/recording/2"), "{error}");
}

#[test]
fn a_gzip_bomb_is_not_unpacked() {
    use std::io::Write as _;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(matches!(
        files::unpack(Path::new("x"), &bomb, 1 << 16),
        Err(FolderError::TooLarge { .. })
    ));
}

fn rewrite(path: &Path, manifest: &Recording) {
    let envelope = Envelope {
        format: Recording::FORMAT.into(),
        version: Recording::VERSION,
        tool_version: "test".into(),
        inputs: Inputs::default(),
        content: manifest.clone(),
    };
    let text = cutover_types::json::to_text(&envelope).unwrap();
    fs::write(path.join(Recording::FILE), text).unwrap();
}

/// Everything a reader gets out of a recording, but for who wrote it.
fn read_all(path: &Path) -> Result<(Recording, Inputs, Vec<RecordedBlock>), FolderError> {
    let folder = RecordingFolder::open(path)?;
    let blocks = [5, 6]
        .map(|number| folder.block(number).map(|block| (*block).clone()))
        .into_iter()
        .collect::<Result<_, _>>()?;
    Ok((folder.manifest().clone(), folder.inputs().clone(), blocks))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// A changed byte is noticed, or (white space and letter case of the manifest) changes nothing.
    #[test]
    fn a_flipped_byte_never_changes_what_is_read(file in 0_usize..4, at: prop::sample::Index, flip in 1_u8..) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recording");
        let written = recorded(&path);
        let names: Vec<String> = std::iter::once(Recording::FILE.to_owned())
            .chain(written.files.keys().cloned())
            .collect();
        let original = read_all(&path).unwrap();
        let name = &names[file];
        let mut bytes = fs::read(path.join(name)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(path.join(name), bytes).unwrap();
        match read_all(&path) {
            Err(_) => {}
            Ok(read) => {
                prop_assert_eq!(name.as_str(), Recording::FILE);
                prop_assert_eq!(read, original);
            }
        }
    }
}

//! A journal survives cuts and shows every change.

use super::*;
use proptest::prelude::*;
use std::fs;

fn event(number: u8) -> Event {
    let hash = B256::repeat_byte(number);
    match number % 3 {
        0 => Event::Broadcast { hash },
        1 => Event::Included {
            hash,
            block: u64::from(number) << 40,
            block_hash: hash,
            success: number.is_multiple_of(2),
        },
        _ => Event::Abandoned {
            hash,
            why: "an \"odd\"\nreason\u{1b}".into(),
        },
    }
}

/// A journal of `count` events and its bytes.
fn written(count: u8) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::open(&path).unwrap();
    for number in 0..count {
        journal.append(event(number)).unwrap();
    }
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

fn events(journal: &Journal) -> Vec<Event> {
    let entries = journal.entries().iter();
    entries.map(|entry| entry.event.clone()).collect()
}

#[test]
fn what_was_written_is_read_back_and_goes_on() {
    let (_folder, path, _) = written(4);
    let mut journal = Journal::open(&path).unwrap();
    let head = journal.head();
    let entry = journal.append(event(9)).unwrap().clone();
    assert_eq!((entry.sequence, entry.previous), (4, head));
    drop(journal);
    let journal = Journal::read(&path).unwrap();
    let expected: Vec<_> = [0, 1, 2, 3, 9].map(event).into();
    assert_eq!(events(&journal), expected);
    assert!(journal.notes().is_empty());
}

#[test]
fn only_one_process_writes() {
    let (_folder, path, _) = written(1);
    let first = Journal::open(&path).unwrap();
    assert!(matches!(
        Journal::open(&path),
        Err(JournalError::InUse { .. })
    ));
    assert_eq!(Journal::read(&path).unwrap().entries().len(), 1);
    drop(first);
    Journal::open(&path).unwrap();
}

#[test]
fn a_line_removed_from_the_middle_is_named() {
    let (_folder, path, bytes) = written(3);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<_> = text.lines().collect();
    fs::write(&path, format!("{}\n{}\n", lines[0], lines[2])).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(&error, JournalError::Tampered { line: 2, .. }));
    assert!(error.to_string().ends_with("line 2 says it is entry 2"));
}

#[test]
fn a_journal_of_another_run_cannot_be_continued() {
    let (_folder, path, bytes) = written(1);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let mut read: Line = serde_json::from_str(text.trim()).unwrap();
    read.entry.sequence = 1;
    read.entry.previous = B256::repeat_byte(9);
    let mut forged = bytes;
    forged.extend(render(&read.entry).unwrap());
    forged.push(b'\n');
    fs::write(&path, forged).unwrap();
    let error = Journal::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("line 2 does not follow the line before it"));
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let (_folder, path, before) = written(1);
    let mut journal = Journal::open(&path).unwrap();
    let unreadable = Event::Included {
        hash: B256::ZERO,
        block: u64::MAX,
        block_hash: B256::ZERO,
        success: true,
    };
    journal.append(unreadable).unwrap_err();
    journal.append(event(7)).unwrap();
    drop(journal);
    assert!(fs::read(&path).unwrap().starts_with(&before));
    assert_eq!(Journal::read(&path).unwrap().entries().len(), 2);
}

#[test]
fn any_changed_byte_is_found() {
    let (_folder, path, bytes) = written(3);
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, bytes[at] ^ b'\n', bytes[at]] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if changed == bytes {
                continue;
            }
            fs::write(&path, &changed).unwrap();
            let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
            match Journal::open(&path) {
                Err(JournalError::Tampered { line: named, .. }) => assert_eq!(named, line),
                other => panic!("byte {at} ^ {flip:#x}: {other:?}"),
            }
            assert_eq!(fs::read(&path).unwrap(), changed, "nothing is repaired");
        }
    }
}

#[test]
fn any_cut_leaves_a_prefix_and_loses_no_byte() {
    let (_folder, path, bytes) = written(3);
    for at in 0..=bytes.len() {
        fs::write(&path, &bytes[..at]).unwrap();
        let whole = bytes[..at].iter().filter(|b| **b == b'\n').count();
        let is_unterminated = bytes.get(at) == Some(&b'\n');
        let mut journal = Journal::open(&path).unwrap();
        let count = whole + usize::from(is_unterminated);
        let expected: Vec<_> = (0..count as u8).map(event).collect();
        assert_eq!(events(&journal), expected, "cut at {at}");
        let torn = !is_unterminated && at > 0 && bytes[at - 1] != b'\n';
        assert_eq!(journal.notes().len(), usize::from(torn), "cut at {at}");
        if torn {
            let start = bytes[..at].iter().rposition(|b| *b == b'\n');
            let start = start.map_or(0, |newline| newline + 1);
            let aside = format!("{}.torn-0", path.display());
            assert_eq!(fs::read(&aside).unwrap(), &bytes[start..at]);
            fs::remove_file(aside).unwrap();
        }
        journal.append(event(8)).unwrap();
        drop(journal);
        let journal = Journal::read(&path).unwrap();
        assert_eq!(journal.entries().len(), count + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_byte_put_anywhere_is_found(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (_folder, path, bytes) = written(4);
        let at = place.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        let mut changed = bytes;
        changed[at] = byte;
        fs::write(&path, &changed).unwrap();
        prop_assert!(matches!(Journal::read(&path), Err(JournalError::Tampered { .. })), "{:?}", at);
    }

    #[test]
    fn noise_is_never_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (_folder, path, mut bytes) = written(2);
        bytes.extend(&noise);
        fs::write(&path, &bytes).unwrap();
        if let Ok(journal) = Journal::open(&path) {
            prop_assert_eq!(events(&journal), vec![event(0), event(1)]);
        }
    }
}

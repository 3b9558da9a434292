//! The journal: append-only, on disk before anything happens, and impossible to change unseen.
//!
//! Each line is a [`JournalEntry`] in canonical JSON with a digest of itself; each entry carries the
//! Keccak-256 of the line before. A line counts when its newline is there. A tail without one was cut
//! by a crash before anything that follows it happened: it is set aside and said. Anything else that
//! does not verify is an error that names the line, and nothing is repaired.

use alloy_primitives::{B256, keccak256};
use cutover_types::rollout::{Event, JournalEntry};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// A journal longer than this is not one of ours.
const MAX_BYTES: u64 = 64 << 20;

/// Why a journal cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file system refused.
    #[error("journal {}: could not {doing}", .path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Another process runs on it.
    #[error("journal {} is in use by another run", .path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// A line is not what was written.
    #[error("journal {} was changed: line {line} {why}", .path.display())]
    Tampered {
        /// The journal.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Too long to be a journal.
    #[error("journal {} has {bytes} bytes, more than any journal", .path.display())]
    TooLong {
        /// The journal.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// An earlier append failed: what is on disk is not known until the journal is opened again.
    #[error("journal {} could not be written before: open it again", .path.display())]
    Poisoned {
        /// The journal.
        path: PathBuf,
    },
}

/// An entry as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The entry.
    #[serde(flatten)]
    pub entry: JournalEntry,
    /// Keccak-256 of the entry's canonical JSON.
    pub digest: B256,
}

/// A journal, locked for one process while it is open for writing.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// `None` when only read.
    file: Option<File>,
    entries: Vec<JournalEntry>,
    last: B256,
    length: u64,
    notes: Vec<String>,
    poisoned: bool,
}

impl Journal {
    /// Opens the journal for writing, creating it if there is none; one process at a time.
    ///
    /// # Errors
    /// When another process has it, when it was changed, or when the disk refuses.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let fail = |doing| move |source| io_error(path, doing, source);
        refuse_unless_plain(path)?;
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = options.open(path).map_err(fail("open it"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::InUse { path: path.into() });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(path, "lock it", source)),
        }
        if is_new {
            file.sync_all().map_err(fail("sync it"))?;
            sync_parent(path)?;
        }
        let bytes = read_bounded(path, &file)?;
        let parsed = parse(path, &bytes)?;
        let mut journal = Self {
            path: path.into(),
            file: Some(file),
            entries: parsed.entries,
            last: parsed.last,
            length: parsed.length as u64,
            notes: Vec::new(),
            poisoned: false,
        };
        match parsed.tail {
            Tail::None => {}
            Tail::Unterminated => journal.write(b"\n", "end its last line")?,
            Tail::Torn => journal.set_aside(&bytes[parsed.length..])?,
        }
        Ok(journal)
    }

    /// Reads the journal without locking or repairing it. A missing file is an empty journal.
    ///
    /// # Errors
    /// When it was changed, or cannot be read.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        refuse_unless_plain(path)?;
        let bytes = match File::open(path) {
            Ok(file) => read_bounded(path, &file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io_error(path, "open it", source)),
        };
        let parsed = parse(path, &bytes)?;
        let mut notes = Vec::new();
        if matches!(parsed.tail, Tail::Torn) {
            notes.push(format!(
                "the last line is not complete ({} bytes): it is being written, or a crash cut it",
                bytes.len() - parsed.length
            ));
        }
        Ok(Self {
            path: path.into(),
            file: None,
            entries: parsed.entries,
            last: parsed.last,
            length: parsed.length as u64,
            notes,
            poisoned: false,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What happened, oldest first.
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// What was noticed when it was opened, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Keccak-256 of the last line; zero for an empty journal.
    pub fn head(&self) -> B256 {
        self.last
    }

    /// Writes an event; when this returns it is on disk.
    ///
    /// # Errors
    /// When the disk refuses. The journal takes no further event then: open it again to see what
    /// reached the disk.
    pub fn append(&mut self, event: Event) -> Result<&JournalEntry, JournalError> {
        let entry = JournalEntry {
            sequence: self.entries.len() as u64,
            previous: self.last,
            event,
        };
        let mut line = render(&entry)
            .map_err(|error| io_error(&self.path, "encode an event", error.into()))?;
        // What cannot be read back must not be written: it would lock everyone out of the journal.
        serde_json::from_slice::<Line>(&line)
            .map_err(|error| io_error(&self.path, "encode an event", error.into()))?;
        let digest = keccak256(&line);
        line.push(b'\n');
        self.write(&line, "append to it")?;
        self.last = digest;
        self.entries.push(entry);
        Ok(&self.entries[self.entries.len() - 1])
    }

    fn write(&mut self, bytes: &[u8], doing: &'static str) -> Result<(), JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned {
                path: self.path.clone(),
            });
        }
        let Some(file) = &mut self.file else {
            let source = io::Error::other("it was opened for reading");
            return Err(io_error(&self.path, doing, source));
        };
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(source) = written {
            // After a failed sync nobody knows what is on disk.
            self.poisoned = true;
            return Err(io_error(&self.path, doing, source));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Keeps the torn tail in a file of its own, then cuts it off.
    fn set_aside(&mut self, tail: &[u8]) -> Result<(), JournalError> {
        let path = self.path.clone();
        let fail = |doing| {
            let path = path.clone();
            move |source| io_error(&path, doing, source)
        };
        let mut number = 0_u32;
        let aside = loop {
            let name = format!("{}.torn-{number}", path.display());
            let mut options = OpenOptions::new();
            match options.write(true).create_new(true).open(&name) {
                Ok(mut file) => {
                    file.write_all(tail)
                        .and_then(|()| file.sync_all())
                        .map_err(fail("keep its torn line"))?;
                    break PathBuf::from(name);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(io_error(&path, "keep its torn line", source)),
            }
        };
        sync_parent(&path)?;
        if let Some(file) = &mut self.file {
            file.set_len(self.length)
                .and_then(|()| file.sync_all())
                .map_err(fail("cut its torn line"))?;
        }
        self.notes.push(format!(
            "a crash cut the last line after {} bytes; nothing that follows it had happened; \
             the bytes are in {}",
            tail.len(),
            aside.display()
        ));
        Ok(())
    }
}

impl Drop for Journal {
    /// Said aloud: closing the file does not end the lock while a process that is being started still
    /// holds a copy of every open file.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}

enum Tail {
    None,
    /// A whole line whose newline is missing.
    Unterminated,
    Torn,
}

struct Parsed {
    entries: Vec<JournalEntry>,
    last: B256,
    /// Bytes that are whole lines.
    length: usize,
    tail: Tail,
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Parsed, JournalError> {
    let mut parsed = Parsed {
        entries: Vec::new(),
        last: B256::ZERO,
        length: 0,
        tail: Tail::None,
    };
    while let Some(end) = bytes[parsed.length..].iter().position(|b| *b == b'\n') {
        let line = &bytes[parsed.length..parsed.length + end];
        take(path, &mut parsed, line)?;
        parsed.length += end + 1;
    }
    let tail = &bytes[parsed.length..];
    if tail.is_empty() {
        return Ok(parsed);
    }
    let line = parsed.entries.len() + 1;
    if take(path, &mut parsed, tail).is_ok() {
        parsed.length = bytes.len();
        parsed.tail = Tail::Unterminated;
    } else if holds_whole_line(tail) {
        // A crash cuts a line; it does not write a whole one and then something else.
        return Err(tampered(path, line, "ends in something that is no newline"));
    } else {
        parsed.tail = Tail::Torn;
    }
    Ok(parsed)
}

/// Whether the tail begins with a complete entry: then it was not cut, it was changed.
fn holds_whole_line(tail: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(tail).into_iter::<serde_json::Value>();
    matches!(values.next(), Some(Ok(value)) if value.is_object())
}

fn take(path: &Path, parsed: &mut Parsed, line: &[u8]) -> Result<(), JournalError> {
    let number = parsed.entries.len() + 1;
    let read: Line = serde_json::from_slice(line)
        .map_err(|error| tampered(path, number, &format!("cannot be read: {error}")))?;
    // Compared byte by byte: also a change that parses to the same value is a change.
    let written = render(&read.entry)
        .map_err(|error| tampered(path, number, &format!("cannot be checked: {error}")))?;
    if written != line {
        return Err(tampered(path, number, "does not match its digest"));
    }
    if read.entry.sequence != parsed.entries.len() as u64 {
        let why = format!("says it is entry {}", read.entry.sequence);
        return Err(tampered(path, number, &why));
    }
    if read.entry.previous != parsed.last {
        return Err(tampered(path, number, "does not follow the line before it"));
    }
    parsed.last = keccak256(line);
    parsed.entries.push(read.entry);
    Ok(())
}

/// The line of an entry, without its newline.
fn render(entry: &JournalEntry) -> serde_json::Result<Vec<u8>> {
    let digest = cutover_types::json::digest(entry)?;
    let line = Line {
        entry: entry.clone(),
        digest,
    };
    serde_json::to_vec(&cutover_types::json::canonical(&line)?)
}

fn read_bounded(path: &Path, mut file: &File) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| io_error(path, "read it", source))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(JournalError::TooLong {
            path: path.into(),
            bytes: bytes.len() as u64,
        });
    }
    Ok(bytes)
}

/// Makes the directory entry of a new file as durable as the file.
/// Opening a pipe waits for whoever writes to it.
fn refuse_unless_plain(path: &Path) -> Result<(), JournalError> {
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        let source = io::Error::other("it is not a regular file");
        return Err(io_error(path, "open it", source));
    }
    Ok(())
}

fn sync_parent(path: &Path) -> Result<(), JournalError> {
    if cfg!(unix) {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(parent)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| io_error(path, "sync its directory", source))?;
    }
    Ok(())
}

fn io_error(path: &Path, doing: &'static str, source: io::Error) -> JournalError {
    JournalError::Io {
        path: path.into(),
        doing,
        source,
    }
}

fn tampered(path: &Path, line: usize, why: &str) -> JournalError {
    JournalError::Tampered {
        path: path.into(),
        line,
        why: why.into(),
    }
}

#[cfg(test)]
mod tests;

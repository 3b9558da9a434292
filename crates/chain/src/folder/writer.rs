//! Writes a recording beside its place, and moves it there when it is complete.

use super::{FolderError, RecordingFolder, files};
use alloy_primitives::{B256, Bytes, keccak256};
use cutover_types::{
    Format, RecordedBlock, Recording,
    file::{Envelope, Inputs},
    json,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Says which plan a partial recording belongs to.
const PLAN: &str = "plan";

/// Writes a recording: into `<path>.partial` until it is complete. A run that was interrupted is taken
/// up again by the same plan.
#[derive(Debug)]
pub struct RecordingWriter {
    path: PathBuf,
    partial: PathBuf,
    overwrite: bool,
    /// Per block written: the digest of its file, and the codes it needs.
    written: Mutex<BTreeMap<u64, (B256, BTreeSet<B256>)>>,
}

impl RecordingWriter {
    /// Begins a recording at `path`, or takes up the one that was begun with the same `plan`. With
    /// `overwrite`, a recording that is already there is replaced at the end.
    ///
    /// # Errors
    /// When something other than a recording is in the way, or the folder cannot be made.
    pub fn create(path: &Path, plan: B256, overwrite: bool) -> Result<Self, FolderError> {
        refuse_strangers(path)?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let plan = plan.to_string();
        let found = fs::read_to_string(partial.join(PLAN)).ok();
        if partial.exists() && found.as_deref() != Some(&plan) {
            // Only what a writer left is removed.
            if found.is_none() && !is_empty(&partial) {
                return Err(FolderError::Exists {
                    path: partial,
                    detail: "it is no partial recording, so it is left alone; move it away".into(),
                });
            }
            io_error("remove", &partial, fs::remove_dir_all(&partial))?;
        }
        io_error("create", &partial, fs::create_dir_all(&partial))?;
        files::write(&partial, PLAN, plan.as_bytes())?;
        Ok(Self {
            path: path.into(),
            partial,
            overwrite,
            written: Mutex::default(),
        })
    }

    /// The block an interrupted run left, complete and with its codes; it need not be put again.
    pub fn resume_block(&self, number: u64) -> Option<RecordedBlock> {
        let name = files::block_name(number);
        let bytes = files::read(&self.partial, &name, files::FILE_LIMIT).ok()?;
        let file = self.partial.join(&name);
        let mut block = files::unpack(&file, &bytes, files::BLOCK_LIMIT).ok()?;
        if block.header.number != number || block.header.hash_slow() != block.hash {
            return None;
        }
        let mut codes = BTreeSet::new();
        for account in block.state.accounts.values().filter(|one| one.has_code()) {
            let hash = account.code_hash;
            let name = files::code_name(hash);
            if let Ok(code) = files::read(&self.partial, &name, files::FILE_LIMIT)
                && keccak256(&code) == hash
            {
                codes.insert(hash);
                block.state.codes.insert(hash, Bytes::from(code));
            }
        }
        self.note(number, keccak256(&bytes), codes);
        Some(block)
    }

    /// Writes a block, and the codes in `block.state.codes`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn put_block(&self, block: &RecordedBlock) -> Result<(), FolderError> {
        let number = block.header.number;
        let mut codes = BTreeSet::new();
        // Codes first: a block file that is there has its codes beside it.
        for code in block.state.codes.values().filter(|code| !code.is_empty()) {
            let hash = keccak256(code);
            let name = files::code_name(hash);
            let there = fs::metadata(self.partial.join(&name));
            if there.is_ok_and(|about| about.len() == code.len() as u64) {
                codes.insert(hash);
                continue;
            }
            files::write(&self.partial, &name, code)?;
            codes.insert(hash);
        }
        let name = files::block_name(number);
        let bytes = io_error("write", &self.partial.join(&name), files::pack(block))?;
        files::write(&self.partial, &name, &bytes)?;
        self.note(number, keccak256(&bytes), codes);
        Ok(())
    }

    /// Completes the manifest (`files`, `counts.codes`, `digest`) and moves the recording to its place.
    ///
    /// # Errors
    /// When a block of the manifest was never written, another recording is in the way, or a file
    /// cannot be written.
    pub fn finish(self, manifest: Recording) -> Result<Recording, FolderError> {
        self.finish_with(manifest, Inputs::default())
    }

    /// As [`Self::finish`], and says what the recording was made from.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_with(
        self,
        mut manifest: Recording,
        inputs: Inputs,
    ) -> Result<Recording, FolderError> {
        manifest.files = self.files(&manifest)?;
        manifest.counts.codes = manifest
            .files
            .keys()
            .filter(|name| files::code_hash(name).is_some())
            .count() as u64;
        let unfit = |error: serde_json::Error| FolderError::Malformed {
            file: self.path.join(Recording::FILE),
            detail: error.to_string(),
        };
        manifest.digest = manifest.compute_digest().map_err(unfit)?;
        let envelope = Envelope {
            format: Recording::FORMAT.into(),
            version: Recording::VERSION,
            tool_version: env!("CARGO_PKG_VERSION").into(),
            inputs,
            content: manifest,
        };
        let text = json::to_text(&envelope).map_err(unfit)?;
        files::write(&self.partial, Recording::FILE, text.as_bytes())?;
        self.sweep(&envelope.content)?;
        self.take_place(envelope.content.digest)?;
        // Kept until here: a recording that finds its place taken can still be taken up.
        let _ = fs::remove_file(self.path.join(PLAN));
        Ok(envelope.content)
    }

    fn note(&self, number: u64, digest: B256, codes: BTreeSet<B256>) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(number, (digest, codes));
    }

    fn files(&self, manifest: &Recording) -> Result<BTreeMap<String, B256>, FolderError> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut listed = BTreeMap::new();
        for entry in &manifest.blocks {
            let number = entry.number;
            let (digest, codes) = written
                .get(&number)
                .ok_or(FolderError::Unwritten { number })?;
            listed.insert(files::block_name(number), *digest);
            listed.extend(codes.iter().map(|hash| (files::code_name(*hash), *hash)));
        }
        Ok(listed)
    }

    /// Removes what the manifest does not list: blocks of an earlier attempt.
    fn sweep(&self, manifest: &Recording) -> Result<(), FolderError> {
        for folder in ["blocks", "codes"] {
            let Ok(entries) = fs::read_dir(self.partial.join(folder)) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if !manifest.files.contains_key(&name) {
                    io_error("remove", &entry.path(), fs::remove_file(entry.path()))?;
                }
            }
        }
        Ok(())
    }

    fn take_place(&self, digest: B256) -> Result<(), FolderError> {
        if !self.path.exists() || is_empty(&self.path) {
            // A rename takes the place of an empty folder.
            return io_error(
                "rename",
                &self.partial,
                fs::rename(&self.partial, &self.path),
            );
        }
        let there = RecordingFolder::open(&self.path);
        if there.is_ok_and(|there| there.manifest().digest == digest) {
            return io_error("remove", &self.partial, fs::remove_dir_all(&self.partial));
        }
        if !self.overwrite {
            return Err(FolderError::Exists {
                path: self.path.clone(),
                detail: format!(
                    "it is another recording; the new one is complete in {}",
                    self.partial.display()
                ),
            });
        }
        refuse_strangers(&self.path)?;
        let mut old = self.path.as_os_str().to_owned();
        old.push(".old");
        let old = PathBuf::from(old);
        if old.exists() {
            refuse_strangers(&old)?;
            io_error("remove", &old, fs::remove_dir_all(&old))?;
        }
        io_error("rename", &self.path, fs::rename(&self.path, &old))?;
        io_error(
            "rename",
            &self.partial,
            fs::rename(&self.partial, &self.path),
        )?;
        io_error("remove", &old, fs::remove_dir_all(&old))
    }
}

/// Only a recording, or nothing, may be replaced by a recording.
fn refuse_strangers(path: &Path) -> Result<(), FolderError> {
    if !path.exists() || is_empty(path) || path.join(Recording::FILE).is_file() {
        return Ok(());
    }
    Err(FolderError::Exists {
        path: path.into(),
        detail: "it is no recording, so it is left alone; choose another folder".into(),
    })
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn io_error<T>(what: &'static str, file: &Path, result: io::Result<T>) -> Result<T, FolderError> {
    result.map_err(|source| FolderError::Io {
        what,
        file: file.into(),
        source,
    })
}

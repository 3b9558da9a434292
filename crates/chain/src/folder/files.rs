//! The files of a recording: names that stay inside it, sizes that are bounded.

use super::FolderError;
use alloy_primitives::{B256, Keccak256};
use cutover_types::RecordedBlock;
use flate2::{Compression, GzBuilder, read::GzDecoder};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

pub(super) const MANIFEST_LIMIT: u64 = 256 << 20;
pub(super) const FILE_LIMIT: u64 = 1 << 30;
pub(super) const BLOCK_LIMIT: u64 = 1 << 30;

pub(super) fn block_name(number: u64) -> String {
    format!("blocks/{number}.json.gz")
}

pub(super) fn code_name(hash: B256) -> String {
    format!("codes/{hash}.bin")
}

/// The hash in a code's file name.
pub(super) fn code_hash(name: &str) -> Option<B256> {
    name.strip_prefix("codes/")?
        .strip_suffix(".bin")?
        .parse()
        .ok()
}

/// Whether the name is a plain relative path of at most one folder: nothing that leaves the recording.
pub(super) fn is_safe(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    parts.len() <= 2
        && parts.iter().all(|part| {
            (1..=128).contains(&part.len())
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        })
}

fn open(folder: &Path, name: &str, limit: u64) -> Result<File, FolderError> {
    let file = folder.join(name);
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::NotFound {
            FolderError::Missing { file: file.clone() }
        } else {
            FolderError::Io {
                what: "read",
                file: file.clone(),
                source,
            }
        }
    };
    // A recording from elsewhere must not make anyone read what it links to.
    let about = fs::symlink_metadata(&file).map_err(failed)?;
    if !about.is_file() {
        return Err(FolderError::Malformed {
            file: file.clone(),
            detail: "it is no regular file".into(),
        });
    }
    if about.len() > limit {
        return Err(FolderError::TooLarge { file, limit });
    }
    File::open(&file).map_err(failed)
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read(folder: &Path, name: &str, limit: u64) -> Result<Vec<u8>, FolderError> {
    let opened = open(folder, name, limit)?;
    let mut bytes = Vec::new();
    opened
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| FolderError::Io {
            what: "read",
            file: folder.join(name),
            source,
        })?;
    Ok(bytes)
}

/// Keccak-256 of a file, without holding it in memory.
pub(super) fn digest(folder: &Path, name: &str, limit: u64) -> Result<B256, FolderError> {
    let mut opened = open(folder, name, limit)?;
    let mut hasher = Keccak256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = opened.read(&mut buffer).map_err(|source| FolderError::Io {
            what: "read",
            file: folder.join(name),
            source,
        })?;
        if read == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&buffer[..read]);
    }
}

/// A block as its file: the same block gives the same bytes.
pub(super) fn pack(block: &RecordedBlock) -> io::Result<Vec<u8>> {
    let mut packed = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::new(6));
    packed.write_all(&serde_json::to_vec(block)?)?;
    packed.finish()
}

/// A block from its file's bytes.
pub(super) fn unpack(file: &Path, bytes: &[u8], limit: u64) -> Result<RecordedBlock, FolderError> {
    let malformed = |detail: String| FolderError::Malformed {
        file: file.into(),
        detail: crate::rpc::shown(&detail),
    };
    let mut json = Vec::new();
    GzDecoder::new(bytes)
        .take(limit + 1)
        .read_to_end(&mut json)
        .map_err(|error| malformed(error.to_string()))?;
    if json.len() as u64 > limit {
        return Err(FolderError::TooLarge {
            file: file.into(),
            limit,
        });
    }
    serde_json::from_slice(&json).map_err(|error| malformed(error.to_string()))
}

/// Writes a file so that it is either whole or not there.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
    let file = folder.join(name);
    let failed = |source| FolderError::Io {
        what: "write",
        file: file.clone(),
        source,
    };
    let parent = file.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(failed)?;
    let mut draft = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
    draft.write_all(bytes).map_err(failed)?;
    draft.as_file().sync_data().map_err(failed)?;
    share(draft.as_file()).map_err(failed)?;
    draft.persist(&file).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Temporary files are private; a recording is made to be shared.
#[cfg(unix)]
fn share(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_file: &File) -> io::Result<()> {
    Ok(())
}

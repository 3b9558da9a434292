//! Reading files that may be anything.

use crate::ArtifactError;
use serde_json::Value;
use std::{fs::File, io::Read, path::Path};

/// Build infos of large projects are tens of megabytes.
const MAX_JSON: u64 = 512 << 20;
/// No source and no code file is this large.
pub(crate) const MAX_SOURCE: u64 = 16 << 20;

pub(crate) fn json(path: &Path, expected: &'static str) -> Result<Value, ArtifactError> {
    let bytes = bytes(path, MAX_JSON)?;
    // The parser itself refuses nesting that would exhaust the stack.
    serde_json::from_slice(&bytes).map_err(|error| ArtifactError::Malformed {
        path: path.to_owned(),
        expected,
        detail: error.to_string(),
    })
}

pub(crate) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let read = |source| ArtifactError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(read)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    if bytes.len() as u64 > limit {
        return Err(ArtifactError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

//! Reading files that may be anything.

use crate::ArtifactError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fs::File, io::Read, path::Path};

/// Build infos of large projects are tens of megabytes.
const MAX_JSON: u64 = 512 << 20;
/// No source and no code file is this large.
pub(crate) const MAX_SOURCE: u64 = 16 << 20;

pub(crate) fn json(path: &Path, expected: &'static str) -> Result<Value, ArtifactError> {
    parsed(path, expected)
}

/// What a JSON file holds, as far as it is wanted.
pub(crate) fn parsed<T: DeserializeOwned>(
    path: &Path,
    expected: &'static str,
) -> Result<T, ArtifactError> {
    let bytes = bytes(path, MAX_JSON)?;
    // The parser itself refuses nesting that would exhaust the stack.
    serde_json::from_slice(single(&bytes)).map_err(|error| ArtifactError::Malformed {
        path: path.to_owned(),
        expected,
        detail: error.to_string(),
    })
}

/// Whether a file begins with two braces.
pub(crate) fn is_doubled(path: &Path) -> bool {
    let mut start = [0; 64];
    let read = File::open(path).and_then(|mut file| file.read(&mut start));
    let doubled = |start| unmarked(start).trim_ascii_start().starts_with(b"{{");
    read.is_ok_and(|length| doubled(&start[..length]))
}

/// What some editors put in front of a text to say that it is UTF-8.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// Etherscan puts a second pair of braces around a standard-JSON input.
fn single(bytes: &[u8]) -> &[u8] {
    let bytes = unmarked(bytes);
    let text = bytes.trim_ascii();
    match (text.strip_prefix(b"{{"), text.strip_suffix(b"}}")) {
        (Some(_), Some(_)) if text.len() >= 4 => &text[1..text.len() - 1],
        _ => bytes,
    }
}

pub(crate) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let read = |source| ArtifactError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read)?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    // As large as the file says it is, and a byte more to see its end.
    let room = usize::try_from(size.min(limit) + 1).unwrap_or_default();
    let mut bytes = Vec::with_capacity(room);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > limit {
        return Err(ArtifactError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

//! Code ends with a hash of its metadata, and the metadata lists hashes of the sources.

use crate::Code;
use alloy_primitives::{B256, keccak256};
use memchr::memmem;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Metadata that is longer goes into IPFS in parts, whose hash is another.
const MAX_WHOLE: usize = 256 << 10;
const DIGEST: usize = 32;
/// The key `ipfs`, and the head of a hash of 32 bytes.
const IPFS: &[u8] = b"\x64ipfs\x58\x22\x12\x20";

/// What shows that a contract's code, its metadata and what is said of it are not of one build.
/// `written` is the metadata as the compiler wrote it, `read` what it says.
pub(super) fn contradiction(code: &Code, written: Option<&str>, read: &Value) -> Option<String> {
    let target = read["settings"]["compilationTarget"].as_object();
    if let (Some(contract), Some((unit, name))) = (
        code.contract.as_deref(),
        target.and_then(|all| all.iter().next()),
    ) && name
        .as_str()
        .is_some_and(|name| contract != format!("{unit}:{name}"))
    {
        return Some("its metadata is that of another contract".to_owned());
    }
    let said = read["compiler"]["version"].as_str().map(release);
    let named = code.compiler.as_deref().map(release);
    if let (Some(said), Some(named)) = (said, named)
        && said != named
    {
        return Some(format!(
            "it names solc {named}, and its metadata solc {said}"
        ));
    }
    let runtime = code.runtime.as_ref().or(code.template.as_ref())?;
    if let (Some(built), Some(named)) = (cutover_types::code::compiler(runtime), named)
        && built != named
    {
        return Some(format!("it names solc {named}, and its code solc {built}"));
    }
    let at = runtime.len() - cutover_types::code::without_metadata(runtime).len();
    let end = &runtime[runtime.len() - at..];
    let hash = memmem::find(end, IPFS).and_then(|at| end.get(at + IPFS.len()..)?.get(..DIGEST))?;
    if written.is_some_and(|text| text.len() <= MAX_WHOLE && ipfs(text.as_bytes()) != hash) {
        return Some("its code was built with other metadata".to_owned());
    }
    let creation = code.creation.as_ref()?;
    memmem::find(creation, hash)
        .is_none()
        .then(|| "its creation code does not create its runtime code".to_owned())
}

/// The source that is not the one its metadata lists, of those at hand.
pub(super) fn other_source<'a>(
    read: &Value,
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<&'a str> {
    let listed = &read["sources"];
    let other = |(unit, text): &(&str, &str)| {
        let hash = listed[unit]["keccak256"].as_str();
        let hash = hash.and_then(|hash| hash.parse::<B256>().ok());
        hash.is_some_and(|hash| keccak256(text) != hash)
    };
    let mut texts = texts.into_iter();
    texts.find(other).map(|(unit, _)| unit)
}

/// `0.8.28` of `0.8.28+commit.7893614a`.
fn release(version: &str) -> &str {
    let end = version.find(['+', '-', ' ']).unwrap_or(version.len());
    version[..end].trim_start_matches('v')
}

/// The SHA-256 under which IPFS has a file: that of the file as the one block of a UnixFS node.
fn ipfs(content: &[u8]) -> [u8; DIGEST] {
    let length = varint(content.len());
    let mut file = vec![0x08, 0x02, 0x12];
    file.extend(&length);
    let size = file.len() + content.len() + 1 + length.len();
    let mut hash = Sha256::new();
    hash.update([0x0a]);
    hash.update(varint(size));
    hash.update(file);
    hash.update(content);
    hash.update([0x18]);
    hash.update(length);
    hash.finalize().into()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ipfs add` of the same bytes answers QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o.
    #[test]
    fn a_file_has_the_hash_that_ipfs_gives_it() {
        let digest = ipfs(b"hello world\n");
        let expected = "46d44814b9c5af141c3aaab7c05dc5e844ead5f91f12858b021eba45768b4c0e";
        assert_eq!(alloy_primitives::hex::encode(digest), expected);
        assert_eq!(varint(300), [0xac, 0x02]);
    }

    #[test]
    fn versions_are_compared_by_release() {
        for version in ["0.8.28", "v0.8.28+commit.7893614a", "0.8.28-nightly"] {
            assert_eq!(release(version), "0.8.28");
        }
    }
}

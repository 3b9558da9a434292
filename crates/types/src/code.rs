//! Whether two runtime codes are builds of one source.
//!
//! The compiler leaves immutables zero and appends metadata (a hash of sources and settings). What
//! runs on a chain has its immutables filled in, and another machine's build may carry other metadata.

use alloy_primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

/// What a build's runtime code is recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Keccak-256 of the runtime code with immutables zeroed.
    pub code_hash: B256,
    /// The same without the metadata at its end.
    #[serde(default)]
    pub bare_hash: B256,
    /// Byte ranges of the runtime code that hold immutables, as `[start, end)`.
    #[serde(default)]
    pub immutables: Vec<(usize, usize)>,
}

/// How much of a code is a build's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Every byte, immutables aside.
    Exact,
    /// Every byte but immutables and metadata.
    MetadataAside,
    /// It is another code.
    None,
}

impl Fingerprint {
    /// Of a build's runtime code; ranges outside of it are left out.
    pub fn of(code: &[u8], immutables: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let inside = |range: &(usize, usize)| code.get(range.0..range.1).is_some();
        let immutables: Vec<_> = immutables.into_iter().filter(inside).collect();
        let masked = masked(code, &immutables).unwrap_or_default();
        Self {
            code_hash: keccak256(&masked),
            bare_hash: keccak256(without_metadata(&masked)),
            immutables,
        }
    }

    /// Whether `live`, a code from a chain, is this build.
    pub fn compare(&self, live: &[u8]) -> Match {
        match masked(live, &self.immutables) {
            Some(live) if keccak256(&live) == self.code_hash => Match::Exact,
            Some(live) if keccak256(without_metadata(&live)) == self.bare_hash => {
                Match::MetadataAside
            }
            _ => Match::None,
        }
    }
}

/// `code` with the given ranges zeroed; `None` when a range lies outside.
fn masked(code: &[u8], immutables: &[(usize, usize)]) -> Option<Vec<u8>> {
    let mut code = code.to_vec();
    for (start, end) in immutables {
        code.get_mut(*start..*end)?.fill(0);
    }
    Some(code)
}

/// The compiler that solc's metadata names, `0.8.28`.
pub fn compiler(code: &[u8]) -> Option<String> {
    let metadata = code.get(without_metadata(code).len()..)?;
    let key = b"\x64solc\x43";
    let at = metadata
        .windows(key.len())
        .position(|window| window == key)?;
    match metadata.get(at + key.len()..)? {
        [major, minor, patch, ..] => Some(format!("{major}.{minor}.{patch}")),
        _ => None,
    }
}

/// `code` without solc's metadata: a CBOR map at the end, its length in the last two bytes.
pub fn without_metadata(code: &[u8]) -> &[u8] {
    let Some((rest, length)) = code.split_last_chunk::<2>() else {
        return code;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    let Some(start) = rest.len().checked_sub(length) else {
        return code;
    };
    // A map of one to five entries whose first key is a short text (`ipfs`, `solc`, `bzzr0`…).
    match &rest[start..] {
        [0xa1..=0xa5, 0x64..=0x6c, ..] => &code[..start],
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PUSH1 x`, then metadata `{"solc": 0x0008xx}` of ten bytes.
    fn build(immutable: u8, patch: u8) -> Vec<u8> {
        let mut code = vec![0x60, immutable, 0x55];
        code.extend([0xa1, 0x64, b's', b'o', b'l', b'c', 0x43, 0, 8, patch, 0, 10]);
        code
    }

    #[test]
    fn immutables_and_metadata_may_differ_and_nothing_else() {
        let ours = Fingerprint::of(&build(0, 28), [(1, 2)]);
        assert_eq!(ours.compare(&build(7, 28)), Match::Exact);
        assert_eq!(ours.compare(&build(7, 29)), Match::MetadataAside);
        let mut other = build(7, 28);
        other[2] = 0x54;
        assert_eq!(ours.compare(&other), Match::None);
        assert_eq!(ours.compare(&[]), Match::None);
        assert_eq!(compiler(&other).as_deref(), Some("0.8.28"));
        assert_eq!(compiler(&other[..6]), None);
        assert_eq!(compiler(&other).as_deref(), Some("0.8.28"));
        assert_eq!(compiler(&other[..6]), None);
    }

    #[test]
    fn code_that_only_ends_like_metadata_keeps_its_end() {
        for code in [
            &[][..],
            &[0][..],
            &[0, 0][..],
            &[0x60, 0xff, 0xff],
            &[0xa1, 0x00, 0, 2],
        ] {
            assert_eq!(without_metadata(code), code);
        }
    }
}

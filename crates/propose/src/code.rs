//! Whether the code that was checked is the code that was replayed.

use alloy_primitives::{B256, Bytes, keccak256};
use cutover_types::code::{Fingerprint, Match};

/// Blue's and green's runtime code as they stand on the chain.
///
/// `check` knows the compiler's output only: immutables zeroed, and this build's metadata. `replay`
/// hashes what runs. Where the two differ, the code itself connects them.
#[derive(Clone, Copy, Debug)]
pub struct Runtimes<'a> {
    /// Blue's.
    pub blue: &'a Bytes,
    /// Green's.
    pub green: &'a Bytes,
}

/// Whether a build and the hash of a code that ran are one code; metadata may differ.
pub(crate) fn is_same_code(build: &Fingerprint, ran: B256, live: Option<&Bytes>) -> bool {
    build.code_hash == ran
        || live.is_some_and(|live| keccak256(live) == ran && build.compare(live) != Match::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immutables_may_differ_and_nothing_else() {
        let compiled = [0x60, 0, 0, 0x55];
        let deployed = Bytes::from_static(&[0x60, 7, 9, 0x55]);
        let patched = Bytes::from_static(&[0x60, 7, 9, 0x56]);
        let build = Fingerprint::of(&compiled, [(1, 3)]);
        assert!(is_same_code(&build, keccak256(compiled), None));
        assert!(is_same_code(&build, keccak256(&deployed), Some(&deployed)));
        assert!(!is_same_code(&build, keccak256(&deployed), None));
        assert!(!is_same_code(&build, keccak256(&patched), Some(&patched)));
        // The code at hand must be the one that ran.
        assert!(!is_same_code(&build, keccak256(&patched), Some(&deployed)));
    }
}

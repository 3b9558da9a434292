//! Whether the code that was checked is the code that was replayed.

use alloy_primitives::{B256, Bytes, keccak256};
use std::ops::Range;

/// Green's runtime code as it stands on the chain, and where the compiler put its immutables.
///
/// `check` hashes code with immutables zeroed, because it knows the compiler's output only; `replay`
/// hashes what runs. Where they differ, this is what connects them.
#[derive(Clone, Copy, Debug)]
pub struct GreenRuntime<'a> {
    /// The runtime code.
    pub code: &'a Bytes,
    /// Byte ranges of its immutables.
    pub immutables: &'a [Range<usize>],
}

/// Keccak-256 of `code` with the given ranges zeroed. `None` when a range lies outside.
pub(crate) fn masked_hash(code: &[u8], immutables: &[Range<usize>]) -> Option<B256> {
    let mut masked = code.to_vec();
    for range in immutables {
        masked.get_mut(range.clone())?.fill(0);
    }
    Some(keccak256(masked))
}

/// Whether `checked` (immutables zeroed) and `replayed` (as it runs) are hashes of one code.
pub(crate) fn is_same_code(
    checked: B256,
    replayed: B256,
    runtime: Option<&GreenRuntime<'_>>,
) -> bool {
    checked == replayed
        || runtime.is_some_and(|green| {
            keccak256(green.code) == replayed
                && masked_hash(green.code, green.immutables) == Some(checked)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immutables_may_differ_and_nothing_else() {
        let compiled = Bytes::from_static(&[0x60, 0, 0, 0x55]);
        let deployed = Bytes::from_static(&[0x60, 7, 9, 0x55]);
        let patched = Bytes::from_static(&[0x60, 7, 9, 0x56]);
        let checked = keccak256(&compiled);
        let (immutables, outside) = (vec![1..2, 2..3], vec![1..2, 2..9]);
        for (code, ranges, expected) in [
            (&compiled, &[][..], true),
            (&deployed, &immutables[..], true),
            (&deployed, &[][..], false),
            (&deployed, &outside[..], false),
            (&patched, &immutables[..], false),
        ] {
            let runtime = GreenRuntime {
                code,
                immutables: ranges,
            };
            assert_eq!(
                is_same_code(checked, keccak256(code), Some(&runtime)),
                expected,
                "{code} {ranges:?}"
            );
        }
        assert!(!is_same_code(checked, keccak256(&deployed), None));
    }
}

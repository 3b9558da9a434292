//! Addresses as people write them.

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not 20 bytes of hex.
    #[error("an address is 0x and 40 hex digits")]
    Form,
    /// Upper and lower case are mixed, and not as EIP-55 says: a digit is wrong.
    #[error(
        "its checksum (EIP-55) is wrong, so a digit may be, too: compare it with where you have it from"
    )]
    Checksum,
}

/// Reads an address; one in mixed case must carry its EIP-55 checksum.
///
/// # Errors
/// When it is not 20 bytes of hex, or when the checksum shows a wrong digit.
pub fn parse(text: &str) -> Result<Address, AddressError> {
    let digits = text.strip_prefix("0x").ok_or(AddressError::Form)?;
    let address: Address = text.parse().map_err(|_| AddressError::Form)?;
    let has = |test: fn(&u8) -> bool| digits.as_bytes().iter().any(test);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    if mixed && address.to_checksum(None) != text {
        return Err(AddressError::Checksum);
    }
    Ok(address)
}

/// The address in a slot with `offset` bytes below it, as in a storage layout.
pub fn in_word(word: B256, offset: u8) -> Address {
    let moved = U256::from_be_bytes(word.0).wrapping_shr(8 * usize::from(offset));
    Address::from_word(moved.into())
}

/// For `deserialize_with` on an optional address in a file that people write.
///
/// # Errors
/// As [`parse`].
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse(&text).map_err(D::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn an_address_is_read_beside_other_values() {
        let facet = Address::repeat_byte(0xab);
        let alone = U256::from_be_bytes(facet.into_word().0);
        let position = U256::from(0x0102);
        for (word, offset) in [
            (alone, 0),
            (alone | position << 160, 0),
            (alone << 16 | position, 2),
            (alone << 96 | position, 12),
        ] {
            assert_eq!(in_word(word.into(), offset), facet, "{word:#x}");
        }
        assert_eq!(in_word(B256::repeat_byte(1), 255), Address::ZERO);
    }

    #[test]
    fn a_wrong_checksum_is_a_wrong_address() {
        let right = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
        for good in [
            right.to_owned(),
            right.to_lowercase(),
            format!("0x{}", right[2..].to_uppercase()),
        ] {
            assert!(parse(&good).is_ok(), "{good}");
        }
        let typo = right.replace("eB48", "eB49");
        assert_eq!(parse(&typo), Err(AddressError::Checksum));
        for bad in [
            "",
            "0x",
            "A0b8",
            "0x123",
            &right[2..],
            &format!("{right}00"),
        ] {
            assert_eq!(parse(bad), Err(AddressError::Form), "{bad}");
        }
    }
}

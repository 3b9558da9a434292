//! Addresses as people write them.

use alloy_primitives::Address;
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

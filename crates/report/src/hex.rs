//! Hashes and addresses as people compare them.

use alloy_primitives::{Address, B256, Bytes};

/// An address in full, checksummed.
pub(crate) fn address(address: Address) -> String {
    address.to_checksum(None)
}

/// Both ends of a hash: enough to find it again, not to rely on.
pub(crate) fn short(hash: B256) -> String {
    let text = hash.to_string();
    format!("{}…{}", &text[..10], &text[text.len() - 6..])
}

/// Upper-case, in groups of four: how hardware wallets show it and people compare it.
pub(crate) fn grouped(hash: B256) -> String {
    let text = alloy_primitives::hex::encode_upper(hash);
    let groups: Vec<&str> = (0..text.len())
        .step_by(4)
        .map(|at| &text[at..at + 4])
        .collect();
    groups.join(" ")
}

/// Calldata by its first bytes and its length.
pub(crate) fn data(data: &Bytes) -> String {
    if data.len() <= 36 {
        data.to_string()
    } else {
        format!("{}… ({} bytes)", data.slice(..4), data.len())
    }
}

/// A number with thin grouping.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 transaction`, `2 transactions`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_hashes_are_grouped() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ] {
            assert_eq!(count(number), shown);
        }
        let hash = B256::repeat_byte(0xab);
        assert_eq!(grouped(hash).len(), 16 * 5 - 1);
        assert!(grouped(hash).starts_with("ABAB ABAB "));
        assert_eq!(short(hash), "0xabababab…ababab");
    }
}

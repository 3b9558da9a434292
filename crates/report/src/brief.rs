//! What differs between two long values, and nothing else of them.

use crate::hex;
use alloy_primitives::{Address, B256, U256};

/// Longest form of one side.
const LIMIT: usize = 60;
/// Parts shown of one difference.
const PARTS: usize = 3;

/// `blue → green`, for values of many words only the words that differ; amounts in decimal, addresses
/// and hashes short.
pub(crate) fn brief(blue: &str, green: &str) -> String {
    let (ours, theirs) = (parts(blue), parts(green));
    if ours.len() != theirs.len() || ours == theirs {
        return format!("{} → {}", whole(blue), whole(green));
    }
    let differing: Vec<_> = ours
        .iter()
        .zip(&theirs)
        .filter(|(a, b)| a != b)
        .map(|(a, b)| format!("{} → {}", part(a), part(b)))
        .collect();
    let mut shown = differing[..differing.len().min(PARTS)].join(", ");
    if differing.len() > PARTS {
        shown.push_str(&format!(" and {} more", differing.len() - PARTS));
    }
    // A log's or a call's first word says which one it is.
    match ours.first() {
        Some(name) if ours.len() > 1 && Some(name) == theirs.first() => {
            format!("{} {shown}", part(name))
        }
        _ => shown,
    }
}

/// Words of a value: split at white space, and long hex at every 32 bytes behind a selector.
fn parts(value: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for token in value.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',')) {
        match token.strip_prefix("0x") {
            Some(digits) if digits.len() > 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                let (head, words) = digits.split_at(digits.len() % 64);
                if !head.is_empty() {
                    parts.push(format!("0x{head}"));
                }
                parts.extend(
                    words
                        .as_bytes()
                        .chunks(64)
                        .map(|word| format!("0x{}", String::from_utf8_lossy(word))),
                );
            }
            _ if token.is_empty() => {}
            _ => parts.push(token.to_owned()),
        }
    }
    parts
}

fn part(text: &str) -> String {
    if let Ok(word) = text.parse::<B256>()
        && text.len() == 66
    {
        let value = U256::from_be_bytes(word.0);
        return match value.bit_len() {
            0..=128 => value.to_string(),
            129..=160 => hex::address(Address::from_word(word)),
            _ => hex::short(word),
        };
    }
    clipped(text)
}

/// A value that is shown whole, unless it is long.
fn whole(value: &str) -> String {
    match value {
        "" => "nothing".to_owned(),
        value if value.contains(char::is_whitespace) => clipped(value),
        value => part(value),
    }
}

fn clipped(text: &str) -> String {
    if text.chars().count() <= LIMIT {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(LIMIT).collect();
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(value: u64) -> String {
        format!("0x{value:064x}")
    }

    #[test]
    fn only_the_words_that_differ_are_shown() {
        let log = |amount| {
            format!(
                "Transfer 0x5FbDB2315678afecb367f032d93F642f64180aa3 [{}, {}] {}",
                word(7),
                word(8),
                word(amount)
            )
        };
        assert_eq!(brief(&log(548), &log(547)), "Transfer 548 → 547");
        let call = |amount: u64| format!("Call 0xa9059cbb{:064x}{amount:064x} Success", 9);
        assert_eq!(brief(&call(2), &call(1)), "Call 2 → 1");
        assert_eq!(brief(&word(544), &word(543)), "544 → 543");
    }

    #[test]
    fn what_is_missing_and_what_has_another_shape_is_said() {
        assert_eq!(brief("", "Paused"), "nothing → Paused");
        assert_eq!(brief("a b", "a b c"), "a b → a b c");
        assert!(brief("", &"x y ".repeat(200)).chars().count() < 100);
    }

    #[test]
    fn many_differences_are_counted() {
        let value = |n: u64| (0..9).map(|i| word(i * n)).collect::<Vec<_>>().join(" ");
        let shown = brief(&value(1), &value(2));
        assert!(shown.ends_with("and 5 more"), "{shown}");
    }
}

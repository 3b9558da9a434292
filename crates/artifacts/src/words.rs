//! Values of constant expressions, and how Solidity's conversions change their bits.

use alloy_primitives::U256;

/// A value: a stack word as the EVM has it, or bytes of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Datum {
    Word(U256),
    Bytes(Vec<u8>),
}

/// What matters of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Unsigned and low-aligned: integers, addresses, contracts.
    Uint(usize),
    /// Signed.
    Int(usize),
    /// `bytes1` to `bytes32`: the high bytes of the word.
    Fixed(usize),
    /// A number literal, or arithmetic on such.
    Number,
    /// A string literal.
    Text,
    /// `bytes` and `string`.
    Dynamic,
}

impl Type {
    /// Reads a type as solc writes it in a tree.
    pub(crate) fn read(name: &str) -> Option<Self> {
        let digits = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
        let bits =
            |bits: usize| (bits.is_multiple_of(8) && (8..=256).contains(&bits)).then_some(bits);
        match name {
            "bool" => return Some(Self::Uint(8)),
            "address" | "address payable" => return Some(Self::Uint(160)),
            "byte" => return Some(Self::Fixed(1)),
            _ => {}
        }
        if name.starts_with("contract ") {
            return Some(Self::Uint(160));
        }
        if name.starts_with("int_const ") {
            return Some(Self::Number);
        }
        if name.starts_with("literal_string ") {
            return Some(Self::Text);
        }
        if let Some(width) = digits("uint") {
            return bits(width).map(Self::Uint);
        }
        if let Some(width) = digits("int") {
            return bits(width).map(Self::Int);
        }
        if let Some(width) = digits("bytes") {
            return (1..=32).contains(&width).then_some(Self::Fixed(width));
        }
        let head = name.split(' ').next().unwrap_or_default();
        matches!(head, "bytes" | "string").then_some(Self::Dynamic)
    }
}

/// A value of type `from` as type `to`.
pub(crate) fn convert(value: Datum, from: Type, to: Type) -> Option<Datum> {
    match (value, to) {
        (Datum::Bytes(bytes), Type::Dynamic | Type::Text) => Some(Datum::Bytes(bytes)),
        (Datum::Bytes(bytes), Type::Fixed(width)) => {
            if from == Type::Text && bytes.len() > width {
                return None;
            }
            let mut word = [0; 32];
            let kept = bytes.len().min(width);
            word[..kept].copy_from_slice(&bytes[..kept]);
            Some(Datum::Word(U256::from_be_bytes(word)))
        }
        (Datum::Bytes(_), _) | (_, Type::Dynamic | Type::Text) => None,
        (Datum::Word(word), to) => {
            // The number, low-aligned.
            let number = match from {
                Type::Fixed(width) => word >> (256 - 8 * width),
                _ => word,
            };
            Some(Datum::Word(match to {
                Type::Fixed(width) => match from {
                    // Between fixed bytes the high ones stay.
                    Type::Fixed(_) => word & !low(256 - 8 * width),
                    _ => (number & low(8 * width)) << (256 - 8 * width),
                },
                Type::Uint(bits) => number & low(bits),
                Type::Int(bits) => {
                    let kept = number & low(bits);
                    if kept.bit(bits - 1) {
                        kept | !low(bits)
                    } else {
                        kept
                    }
                }
                _ => number,
            }))
        }
    }
}

/// The lowest `bits` bits.
pub(crate) fn low(bits: usize) -> U256 {
    match bits {
        0 => U256::ZERO,
        bits if bits >= 256 => U256::MAX,
        bits => (U256::from(1) << bits) - U256::from(1),
    }
}

/// `a OP b` in a type, as checked arithmetic has it. `None` when it reverts or is not known.
pub(crate) fn operate(operator: &str, a: U256, b: U256, result: Type) -> Option<U256> {
    let wide = match operator {
        "+" => a.checked_add(b)?,
        "-" => a.checked_sub(b)?,
        "*" => a.checked_mul(b)?,
        "/" => a.checked_div(b)?,
        "%" => a.checked_rem(b)?,
        "**" => a.checked_pow(b)?,
        "&" => a & b,
        "|" => a | b,
        "^" => a ^ b,
        "<<" | ">>" => {
            let by = usize::try_from(b).ok().filter(|by| *by < 256);
            let shifted = match (by, operator) {
                (None, _) => U256::ZERO,
                (Some(by), "<<") => a << by,
                (Some(by), _) => a >> by,
            };
            return Some(match result {
                Type::Uint(bits) => shifted & low(bits),
                Type::Fixed(width) => shifted & !low(256 - 8 * width),
                // Sign and rounding of signed shifts are nobody's slot.
                Type::Int(_) => return None,
                _ => shifted,
            });
        }
        _ => return None,
    };
    match result {
        // Signed arithmetic wraps at other places.
        Type::Int(_) if !matches!(operator, "&" | "|" | "^") => None,
        Type::Uint(bits) if wide > low(bits) => None,
        _ => Some(wide),
    }
}

/// The number in `t_rational_16400_by_1`: solc has worked it out.
pub(crate) fn rational(identifier: &str) -> Option<U256> {
    let digits = identifier
        .strip_prefix("t_rational_")?
        .strip_suffix("_by_1")?;
    match digits.strip_prefix("minus_") {
        Some(digits) => Some(U256::from_str_radix(digits, 10).ok()?.wrapping_neg()),
        None => U256::from_str_radix(digits, 10).ok(),
    }
}

/// A number as written.
pub(crate) fn number(text: &str) -> Option<U256> {
    let plain = text.replace('_', "");
    match plain.strip_prefix("0x") {
        Some(digits) => U256::from_str_radix(digits, 16).ok(),
        None => U256::from_str_radix(&plain, 10).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_those_of_solidity() {
        let word = |number: u64| Datum::Word(U256::from(number));
        let high = |number: u64, by: usize| Datum::Word(U256::from(number) << by);
        let cases = [
            (
                Datum::Bytes(b"ab".to_vec()),
                Type::Text,
                Type::Fixed(32),
                Some(high(0x6162, 240)),
            ),
            (
                Datum::Bytes(b"ab".to_vec()),
                Type::Text,
                Type::Fixed(1),
                None,
            ),
            (
                Datum::Bytes(b"ab".to_vec()),
                Type::Dynamic,
                Type::Uint(256),
                None,
            ),
            (
                word(0x1234),
                Type::Number,
                Type::Fixed(2),
                Some(high(0x1234, 240)),
            ),
            (
                word(0x1234),
                Type::Uint(256),
                Type::Uint(8),
                Some(word(0x34)),
            ),
            (
                high(0x1234, 240),
                Type::Fixed(2),
                Type::Uint(16),
                Some(word(0x1234)),
            ),
            (
                high(0x1234, 240),
                Type::Fixed(2),
                Type::Fixed(1),
                Some(high(0x12, 248)),
            ),
            (
                word(0xff),
                Type::Uint(8),
                Type::Int(8),
                Some(Datum::Word(U256::MAX)),
            ),
            (word(7), Type::Uint(256), Type::Fixed(32), Some(word(7))),
        ];
        for (value, from, to, expected) in cases {
            assert_eq!(
                convert(value.clone(), from, to),
                expected,
                "{value:?} {from:?} {to:?}"
            );
        }
    }

    #[test]
    fn arithmetic_is_checked_and_bounded() {
        let (one, huge) = (U256::from(1), U256::MAX);
        let wide = Type::Uint(256);
        assert_eq!(operate("-", U256::ZERO, one, wide), None);
        assert_eq!(operate("+", huge, one, wide), None);
        assert_eq!(operate("**", U256::from(2), huge, wide), None);
        assert_eq!(operate("/", one, U256::ZERO, wide), None);
        assert_eq!(operate("<<", one, huge, wide), Some(U256::ZERO));
        assert_eq!(
            operate("<<", one, U256::from(8), Type::Uint(8)),
            Some(U256::ZERO)
        );
        assert_eq!(operate("+", U256::from(255), one, Type::Uint(8)), None);
        assert_eq!(
            operate("&", huge, U256::from(6), Type::Fixed(32)),
            Some(U256::from(6))
        );
    }

    #[test]
    fn numbers_of_any_length_are_read_or_refused() {
        assert_eq!(rational("t_rational_16400_by_1"), Some(U256::from(16400)));
        assert_eq!(rational("t_rational_minus_1_by_1"), Some(U256::MAX));
        assert_eq!(rational("t_rational_1_by_2"), None);
        assert_eq!(
            rational(&format!("t_rational_{}_by_1", "9".repeat(100_000))),
            None
        );
        assert_eq!(number("0x1_0"), Some(U256::from(16)));
        assert_eq!(number(&format!("0x{}", "f".repeat(65))), None);
        assert_eq!(number("1e18"), None);
    }

    #[test]
    fn type_names_of_solc_are_read() {
        assert_eq!(Type::read("uint256"), Some(Type::Uint(256)));
        assert_eq!(
            Type::read("int_const 1157...(70 digits omitted)...9936"),
            Some(Type::Number)
        );
        assert_eq!(Type::read("literal_string \"a b\""), Some(Type::Text));
        assert_eq!(Type::read("bytes memory"), Some(Type::Dynamic));
        assert_eq!(Type::read("bytes33"), None);
        assert_eq!(Type::read("uint7"), None);
        assert_eq!(Type::read("struct T.S storage pointer"), None);
    }
}

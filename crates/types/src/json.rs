//! The JSON that scripts rely on: checksummed addresses, exact quantities, sorted keys.

use alloy_primitives::{Address, B256, keccak256};
use serde::Serialize;
use serde_json::Value;

/// The largest integer every JSON reader holds exactly (2^53).
pub const MAX_NUMBER: u64 = 1 << 53;

/// A value in canonical form: addresses checksummed, integers above 2^53 as decimal strings, keys
/// sorted. Two equal values give the same bytes.
///
/// # Errors
/// When the value cannot be represented as JSON.
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Value> {
    Ok(tidy(serde_json::to_value(value)?))
}

/// [`canonical`] as indented text that ends in a newline.
///
/// # Errors
/// When the value cannot be represented as JSON.
pub fn to_text<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(&canonical(value)?)?;
    text.push('\n');
    Ok(text)
}

/// Keccak-256 of the canonical form.
///
/// # Errors
/// When the value cannot be represented as JSON.
pub fn digest<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<B256> {
    Ok(keccak256(serde_json::to_vec(&canonical(value)?)?))
}

fn tidy(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(checksummed(text)),
        Value::Number(number) => match number.as_u64() {
            Some(n) if n > MAX_NUMBER => Value::String(n.to_string()),
            _ => Value::Number(number),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(tidy).collect()),
        Value::Object(map) => {
            // Sorted here, because a dependency may have switched serde_json to insertion order.
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (checksummed(key), tidy(value)))
                .collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        other => other,
    }
}

fn checksummed(text: String) -> String {
    if text.len() == 42
        && text.starts_with("0x")
        && let Ok(address) = text.parse::<Address>()
    {
        return address.to_checksum(None);
    }
    text
}

/// `U256` as a decimal number up to 2^53 and a decimal string above; reads hex strings too.
pub mod quantity {
    use alloy_primitives::U256;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the quantity.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(value: &U256, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(*value) {
            Ok(number) if number <= super::MAX_NUMBER => serializer.serialize_u64(number),
            _ => serializer.serialize_str(&value.to_string()),
        }
    }

    /// Reads the quantity.
    ///
    /// # Errors
    /// When it is neither a whole number nor a decimal or 0x-hex string.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(number) => number
                .as_u64()
                .map(U256::from)
                .ok_or_else(|| D::Error::custom(format!("{number} is not a whole number"))),
            serde_json::Value::String(text) => text.parse().map_err(|_| {
                D::Error::custom(format!(
                    "{:?} is not a quantity",
                    text.chars().take(80).collect::<String>()
                ))
            }),
            _ => Err(D::Error::custom("a quantity is a number or a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_checksummed_and_keys_sorted() {
        let value = json!({"b": "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "a": 1});
        let text =
            serde_json::to_string(&canonical(&value).unwrap_or_default()).unwrap_or_default();
        assert_eq!(
            text,
            r#"{"a":1,"b":"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"}"#
        );
    }

    #[test]
    fn numbers_above_two_to_the_53_become_strings() {
        let value = canonical(&json!([
            9_007_199_254_740_992_u64,
            9_007_199_254_740_993_u64
        ]))
        .unwrap_or_default();
        assert_eq!(
            value,
            json!([9_007_199_254_740_992_u64, "9007199254740993"])
        );
    }
}

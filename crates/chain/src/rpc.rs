//! The small change of JSON-RPC: quantities, block parameters, texts.

use alloy_primitives::U256;
use cutover_types::text;
use serde_json::Value;
use url::Url;

/// How much of a node's text is shown.
const TEXT: usize = 300;

/// A quantity: `0x` and hex digits without leading zeros.
pub fn quantity(value: u64) -> Value {
    Value::String(format!("{value:#x}"))
}

/// Reads a quantity.
pub fn read_quantity(value: &Value) -> Option<U256> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    if digits.is_empty() || digits.len() > 64 {
        return None;
    }
    U256::from_str_radix(digits, 16).ok()
}

/// Reads a quantity that fits 64 bits.
pub fn read_u64(value: &Value) -> Option<u64> {
    read_quantity(value)?.try_into().ok()
}

/// A node's text, cut and harmless.
pub fn shown(message: &str) -> String {
    text::terminal(message, TEXT)
}

/// What may be shown of a node's address: scheme, host and port. The rest is often a secret.
pub fn endpoint(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    let shown = match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    };
    text::terminal(&shown, TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_strict_and_bounded() {
        let cases = [
            (json!("0x0"), Some(0)),
            (json!("0xff"), Some(255)),
            (json!("0x"), None),
            (json!("ff"), None),
            (json!("0x1ffffffffffffffff"), None),
            (json!(5), None),
            (json!(format!("0x{}", "f".repeat(65))), None),
        ];
        for (value, expected) in cases {
            assert_eq!(read_u64(&value), expected, "{value}");
        }
    }

    #[test]
    fn an_endpoint_shows_no_secrets() {
        let url = Url::parse("https://me:pass@node.example:8443/v2/key?token=abc").unwrap();
        assert_eq!(endpoint(&url), "https://node.example:8443");
    }
}

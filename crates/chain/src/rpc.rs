//! The small change of JSON-RPC: quantities, block parameters, texts.

use alloy_primitives::U256;
use cutover_types::text;
use serde_json::Value;

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

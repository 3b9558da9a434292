//! What a JSON-RPC answer says, and which error it amounts to.

use crate::{error::ChainError, rpc};
use alloy_primitives::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

/// Revert data longer than this is not kept with an error.
const DATA: usize = 64 << 10;

/// One JSON-RPC answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) id: Value,
    /// `null` is a result, too.
    #[serde(default, deserialize_with = "present")]
    pub(crate) result: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) error: Option<Refusal>,
}

/// The error of an answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) code: i64,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    data: Option<Value>,
}

impl Refusal {
    /// Whether the node wants to be asked later, not otherwise.
    pub(crate) fn asks_for_patience(&self) -> bool {
        self.code == 429
            || (matches!(self.code, -32005 | -32000 | -32029)
                && [
                    "rate limit",
                    "too many requests",
                    "per second",
                    "throughput",
                ]
                .iter()
                .any(|words| self.mentions(words)))
    }

    /// Whether another try may help.
    pub(crate) fn is_passing(&self, method: &str) -> bool {
        // Providers also use -32005 for ranges whose logs are too many: the same again would not help.
        let too_much = self.code == -32005 && method == "eth_getLogs";
        self.asks_for_patience()
            || (matches!(self.code, -32603 | -32005) && !too_much && !self.is_about_history())
    }

    /// Whether the message has these words (in lower case).
    pub(crate) fn mentions(&self, words: &str) -> bool {
        let start = self.message.char_indices().nth(2000);
        let message = start.map_or(&self.message[..], |(end, _)| &self.message[..end]);
        message.to_lowercase().contains(words)
    }

    fn is_about_history(&self) -> bool {
        self.code == 4444
            || [
                "missing trie node",
                "pruned",
                "header not found",
                "historical state",
                "state not available",
                "state is not available",
                "state not found",
                "no state available",
                "block not found",
                "unknown block",
                "block is not available",
                "archive",
                "distance to target block",
            ]
            .iter()
            .any(|words| self.mentions(words))
    }

    fn is_about_the_method(&self) -> bool {
        self.code == -32601
            || (matches!(self.code, -32600 | -32000 | -32004)
                && self.mentions("method")
                && [
                    "not found",
                    "not supported",
                    "not available",
                    "does not exist",
                ]
                .iter()
                .any(|words| self.mentions(words)))
    }

    /// The error it amounts to; `message` is this refusal's, made harmless.
    pub(crate) fn into_error(self, method: &str, params: &Value, message: String) -> ChainError {
        let method = method.to_owned();
        if self.is_about_the_method() {
            return ChainError::Unsupported { method };
        }
        if self.is_about_history() {
            return ChainError::Pruned {
                method,
                what: rpc::shown(&params.to_string()),
                message,
            };
        }
        ChainError::Rpc {
            method,
            code: self.code,
            message,
            data: self.data.as_ref().and_then(bytes),
        }
    }
}

/// Revert data stands in `data`, or in `data.data`.
fn bytes(data: &Value) -> Option<Bytes> {
    let text = match data {
        Value::String(text) => text,
        Value::Object(fields) => fields.get("data")?.as_str()?,
        _ => return None,
    };
    (text.starts_with("0x") && text.len() <= 2 * DATA + 2)
        .then(|| text.parse().ok())
        .flatten()
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(code: i64, message: &str) -> Refusal {
        Refusal {
            code,
            message: message.into(),
            data: None,
        }
    }

    #[test]
    fn only_faults_are_worth_another_try() {
        let cases = [
            (-32603, "internal error", "eth_call", true),
            (-32603, "missing trie node 0x1", "eth_call", false),
            (-32005, "limit exceeded", "eth_call", true),
            (
                -32005,
                "query returned more than 10000 results",
                "eth_getLogs",
                false,
            ),
            (-32005, "Too Many Requests", "eth_getLogs", true),
            (429, "slow down", "eth_call", true),
            (-32601, "method not found", "eth_call", false),
            (-32000, "missing trie node 0x1", "eth_call", false),
            (4444, "pruned history unavailable", "eth_call", false),
            (3, "execution reverted", "eth_call", false),
        ];
        for (code, message, method, passing) in cases {
            assert_eq!(
                refusal(code, message).is_passing(method),
                passing,
                "{code} {message}"
            );
        }
    }

    #[test]
    fn refusals_say_what_they_are() {
        let error = |code, message: &str| {
            refusal(code, message).into_error("m", &json!(["0x1"]), message.into())
        };
        assert!(matches!(
            error(-32601, "no"),
            ChainError::Unsupported { .. }
        ));
        assert!(matches!(
            error(-32000, "missing trie node"),
            ChainError::Pruned { .. }
        ));
        assert!(matches!(error(4444, "gone"), ChainError::Pruned { .. }));
        assert!(matches!(
            error(-32000, "nonce too low"),
            ChainError::Rpc { code: -32000, .. }
        ));
    }

    #[test]
    fn revert_data_is_kept() {
        let nested = Refusal {
            data: Some(json!({"data": "0x1234"})),
            ..refusal(3, "execution reverted")
        };
        let ChainError::Rpc { data, .. } = nested.into_error("eth_call", &json!([]), String::new())
        else {
            panic!("a revert is an RPC error");
        };
        assert_eq!(data, Some(Bytes::from_static(&[0x12, 0x34])));
    }

    #[test]
    fn null_is_a_result_and_absence_is_none() {
        let null: Answer = serde_json::from_str(r#"{"id":1,"result":null}"#).unwrap();
        assert_eq!(null.result.unwrap().get(), "null");
        let none: Answer = serde_json::from_str(r#"{"id":1}"#).unwrap();
        assert!(none.result.is_none());
    }
}

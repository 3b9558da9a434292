//! The facade's errors, in the words of a node.

use cutover_types::Missing;

/// A JSON-RPC error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) message: String,
}

impl Refusal {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn parse() -> Self {
        Self::new(-32700, "parse error")
    }

    pub(super) fn request(message: &str) -> Self {
        Self::new(-32600, message)
    }

    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(-32602, message)
    }

    pub(super) fn internal() -> Self {
        Self::new(-32603, "internal error")
    }

    pub(super) fn method(name: &str) -> Self {
        Self::new(
            -32601,
            format!("the method {} does not exist", crate::rpc::shown(name)),
        )
    }

    /// State nobody recorded.
    pub(super) fn missing(missing: Missing) -> Self {
        let what = match missing {
            Missing::Account { address } => format!("account {address}"),
            Missing::Slot { address, slot } => format!("slot {slot} of {address}"),
            Missing::Code { hash } => format!("code {hash}"),
            Missing::BlockHash { number } => format!("hash of block {number}"),
            other => other.to_string(),
        };
        Self::new(-32000, format!("missing trie node: {what} (not recorded)"))
    }

    /// State of a block that was not recorded at all.
    pub(super) fn state(number: u64) -> Self {
        Self::new(
            -32000,
            format!("missing trie node: state of block {number} (not recorded)"),
        )
    }

    /// A proof nobody recorded.
    pub(super) fn proof(what: &str) -> Self {
        Self::new(
            -32000,
            format!("missing trie node: proof of {what} (not recorded)"),
        )
    }

    /// A block nobody recorded.
    pub(super) fn history(what: &str) -> Self {
        Self::new(
            4444,
            format!("pruned history unavailable: {what} (not recorded)"),
        )
    }
}

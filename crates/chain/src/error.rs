//! Why the chain could not be read.

use alloy_primitives::{B256, Bytes};
use thiserror::Error;

/// Why the chain could not be read. Texts that come from a node are bounded and harmless to show; the
/// node's address is never more than scheme, host and port.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The node has no such method.
    #[error("the node does not support {method}")]
    Unsupported {
        /// The method.
        method: String,
    },
    /// The node no longer has, or never had, what was asked for.
    #[error("{method}: the node cannot give {what}: {message}")]
    Pruned {
        /// The method.
        method: String,
        /// What was asked for.
        what: String,
        /// What the node said.
        message: String,
    },
    /// The node refused the call.
    #[error("{method}: the node answered error {code}: {message}")]
    Rpc {
        /// The method.
        method: String,
        /// The JSON-RPC error code.
        code: i64,
        /// What the node said.
        message: String,
        /// The error's data, where it is bytes (of a revert).
        data: Option<Bytes>,
    },
    /// No usable answer arrived.
    #[error("{method}: no usable answer from {node} after {attempts} attempt(s): {detail}")]
    Transport {
        /// The method.
        method: String,
        /// Scheme, host and port of the node.
        node: String,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong the last time.
        detail: String,
    },
    /// The answer is not what the method gives.
    #[error("{method}: the node's answer makes no sense: {detail}")]
    Malformed {
        /// The method.
        method: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The answer contradicts itself.
    #[error("the node claims {what} is {claimed}, but it computes to {computed}")]
    Lie {
        /// Of what.
        what: String,
        /// What the node says.
        claimed: B256,
        /// What follows from the data.
        computed: B256,
    },
    /// The chain has no such block yet.
    #[error("the node has no block {number}")]
    NoSuchBlock {
        /// Block number.
        number: u64,
    },
    /// A transaction of a kind Ethereum does not have.
    #[error(
        "transaction {hash} has type {kind}, which is not an Ethereum transaction type: \
         such chains are not supported"
    )]
    UnknownTransaction {
        /// Transaction hash.
        hash: B256,
        /// The type, as the node gives it.
        kind: String,
    },
    /// Something on this machine went wrong: a port, a program, a file.
    #[error("{what}: {detail}")]
    Local {
        /// What was being done.
        what: String,
        /// What went wrong.
        detail: String,
    },
}

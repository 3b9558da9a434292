//! Why nothing could be replayed.

use alloy_primitives::{Address, B256};
use cutover_chain::{ChainError, FolderError};
use cutover_evm::EvmError;
use thiserror::Error;

/// Why nothing could be replayed. A bad candidate is a report, not an error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Neither the recording nor the caller says how the proxy is upgraded.
    #[error("the recording does not say how {proxy} is upgraded: run `cutover inspect` first")]
    NoUpgradePath {
        /// The proxy.
        proxy: Address,
    },
    /// The initializer cannot be sent.
    #[error("{proxy} has no upgrade call that carries an initializer")]
    NoInitializer {
        /// The proxy.
        proxy: Address,
    },
    /// The upgrade is something only a Safe does.
    #[error("{proxy} is upgraded by a delegate call of its owner, which a replay cannot execute")]
    DelegateCall {
        /// The proxy.
        proxy: Address,
    },
    /// The recording has no transaction to replay.
    #[error("the recording holds no transaction that reaches {proxy}")]
    NoTransactions {
        /// The proxy.
        proxy: Address,
    },
    /// The partition makes no sense.
    #[error("there is no part {part} of {parts}")]
    NoSuchPart {
        /// Which, from 1.
        part: u64,
        /// Of how many.
        parts: u64,
    },
    /// Which implementation is live cannot be told.
    #[error("could not read the implementation in slot {slot} of {holder} at block {block}: {why}")]
    NoBlue {
        /// The account.
        holder: Address,
        /// Its slot.
        slot: B256,
        /// At which block.
        block: u64,
        /// Why not.
        why: String,
    },
    /// Green's constructor does not end in code.
    #[error("green cannot be constructed at {address}: {why}")]
    NotConstructed {
        /// Where.
        address: Address,
        /// Why not.
        why: String,
    },
    /// Something else is where green goes.
    #[error("{address} already holds code with hash {found}, green's is {green}")]
    AddressTaken {
        /// Where.
        address: Address,
        /// What is there.
        found: B256,
        /// Green's code hash.
        green: B256,
    },
    /// The recording cannot be read.
    #[error("could not read the recording")]
    Folder(#[from] FolderError),
    /// A recorded block is not what it should be.
    #[error("block {block} of the recording cannot be replayed: {why}")]
    BadBlock {
        /// Number.
        block: u64,
        /// What is wrong.
        why: String,
    },
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An execution that must succeed did not.
    #[error(transparent)]
    Evm(#[from] EvmError),
    /// A worker died.
    #[error("a worker stopped: {0}")]
    Worker(String),
}

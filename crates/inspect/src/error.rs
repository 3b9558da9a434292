//! Why `inspect` could not tell.

use alloy_primitives::Address;
use cutover_chain::ChainError;
use cutover_types::Missing;
use thiserror::Error;

/// Why `inspect` could not tell. None of these says that the address is no proxy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The node refuses state that decides the answer.
    #[error("cannot tell what {proxy} is: the node does not give {}", key(.missing))]
    CannotTell {
        /// Who was asked about.
        proxy: Address,
        /// What is missing.
        missing: Missing,
        /// What the node said.
        source: ChainError,
    },
    /// Its code has a way to hand on a call that it does not know, which was not taken.
    #[error(
        "cannot tell what {proxy} is: its code can hand calls on to {what}, and did not with the call that was \
         tried: it may be paused, or choose by function"
    )]
    NotTaken {
        /// Who was asked about.
        proxy: Address,
        /// Where the calls would go.
        what: String,
    },
    /// The node could not be asked.
    #[error("cannot tell what {proxy} is: the chain could not be read")]
    Chain {
        /// Who was asked about.
        proxy: Address,
        /// What went wrong.
        source: ChainError,
    },
    /// The block cannot be executed here.
    #[error("cannot tell what {proxy} is: nothing can be executed at block {block}: {reason}")]
    Execution {
        /// Who was asked about.
        proxy: Address,
        /// At which block.
        block: u64,
        /// Why not.
        reason: String,
    },
    /// The proxy is asked about a facet it does not have.
    #[error("{facet} answers no call of {proxy}")]
    NoFacet {
        /// Who was asked about.
        proxy: Address,
        /// The facet.
        facet: Address,
    },
    /// The node's proof does not prove what the node said.
    #[error(
        "cannot tell what {proxy} is: the node contradicts itself: its proof of {what} does not lead from the \
         state root of block {block} to what it said"
    )]
    Contradicts {
        /// Who was asked about.
        proxy: Address,
        /// What is not proven.
        what: String,
        /// At which block.
        block: u64,
        /// What is wrong with the proof.
        source: ChainError,
    },
    /// A contract asks for ever more state.
    #[error("cannot tell what {proxy} is: its execution still asked for state after {rounds} rounds, last {}", key(.missing))]
    Endless {
        /// Who was asked about.
        proxy: Address,
        /// How often state was fetched.
        rounds: usize,
        /// What it asked for last.
        missing: Missing,
    },
}

/// Names a piece of state.
pub(crate) fn key(missing: &Missing) -> String {
    match missing {
        Missing::Account { address } => format!("account {address}"),
        Missing::Slot { address, slot } => format!("slot {slot} of {address}"),
        Missing::Code { hash } => format!("the code with hash {hash}"),
        Missing::BlockHash { number } => format!("the hash of block {number}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn a_refused_slot_is_named() {
        let error = InspectError::CannotTell {
            proxy: Address::repeat_byte(0xaa),
            missing: Missing::Slot {
                address: Address::repeat_byte(0xaa),
                slot: B256::with_last_byte(1),
            },
            source: ChainError::Unsupported {
                method: "eth_getStorageAt".into(),
            },
        };
        let text = error.to_string();
        assert!(
            text.contains(
                "slot 0x0000000000000000000000000000000000000000000000000000000000000001"
            ) && text.contains("0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa"),
            "{text}"
        );
    }
}

//! One transaction on one fork, as often as needed.

use super::{Anvil, AnvilOptions, NextBlock, Unsigned, outcome};
use crate::{error::ChainError, submit};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{Outcome, StateDiff};
use std::collections::BTreeMap;
use thiserror::Error;

/// Gas the upgrade may use when nothing else is said.
const UPGRADE_GAS: u64 = 30_000_000;

/// What to execute.
#[derive(Clone, Debug)]
pub struct Execution<'a> {
    /// The block it is mined in.
    pub block: NextBlock,
    /// Put in place first: green's code, an account that can pay. anvil reads an account before it
    /// changes it, so the node it forks from must know these.
    pub place: Option<&'a StateDiff>,
    /// Sent first, in the same block.
    pub upgrade: Option<&'a Upgrade>,
    /// Signed bytes.
    pub raw: &'a Bytes,
}

/// The call that installs green.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// Who sends it; may be a contract.
    pub from: Address,
    /// To which contract.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// Gas limit; 30 million when absent.
    pub gas: Option<u64>,
}

impl Upgrade {
    fn gas(&self) -> u64 {
        self.gas.unwrap_or(UPGRADE_GAS)
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Of the upgrade. Its sender paid the base fee.
    pub upgrade: Option<Outcome>,
    /// Of the transaction; its own changes only.
    pub outcome: Outcome,
    /// The block was given more gas than asked for, so that both fit: `GASLIMIT` shows it.
    pub raised_gas_limit: bool,
}

/// Why anvil does not take a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Its nonce is used.
    NonceTooLow,
    /// Its sender cannot pay.
    Funds,
    /// It pays less than the base fee.
    Fee,
    /// It has too little or too much gas.
    Gas,
    /// It is for another chain.
    Chain,
    /// It carries blobs, and recorded transactions have no sidecar.
    Blob,
    /// It cannot be decoded.
    Undecodable,
    /// Something else.
    Other,
}

/// Why an execution gave no outcome.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AnvilError {
    /// anvil does not take the transaction.
    #[error("anvil refuses transaction {hash}: {message}")]
    Refused {
        /// Which; zero for the upgrade, whose hash anvil makes.
        hash: B256,
        /// Why.
        reason: Refusal,
        /// What it said.
        message: String,
    },
    /// The block was mined without it: state could not be fetched, or it cannot be in this block for its
    /// nonce, funds or gas, which anvil finds out only then. Never a difference.
    #[error("anvil mined the block without transaction {hash}")]
    Dropped {
        /// Which.
        hash: B256,
        /// Whether it is the upgrade.
        upgrade: bool,
    },
    /// What anvil says of a transaction contradicts itself.
    #[error("anvil contradicts itself about transaction {hash}: {detail}")]
    Contradiction {
        /// Which.
        hash: B256,
        /// How.
        detail: String,
    },
    /// An earlier execution could not be undone.
    #[error("the fork could not be brought back to its first state: {detail}")]
    Spent {
        /// What failed.
        detail: String,
    },
    /// anvil could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// An anvil that goes back to where it was after every execution.
#[derive(Debug)]
pub struct Fork {
    anvil: Anvil,
    pristine: Result<U256, ChainError>,
}

impl Fork {
    /// Starts a fork, best with [`AnvilOptions::green`].
    ///
    /// # Errors
    /// When anvil does not start.
    pub async fn start(options: &AnvilOptions) -> Result<Self, ChainError> {
        let anvil = Anvil::start(options).await?;
        let pristine = anvil.snapshot().await?;
        Ok(Self {
            anvil,
            pristine: Ok(pristine),
        })
    }

    /// The anvil behind it.
    pub fn anvil(&self) -> &Anvil {
        &self.anvil
    }

    /// The anvil behind it, to be kept as it is.
    pub fn into_anvil(self) -> Anvil {
        self.anvil
    }

    /// Executes and goes back. All that was fetched is forgotten: the next execution reads the state that
    /// the node gives by then.
    ///
    /// # Errors
    /// When there is no outcome; none of these is a difference between blue and green.
    pub async fn execute(&mut self, execution: &Execution<'_>) -> Result<Executed, AnvilError> {
        let snapshot = match &self.pristine {
            Ok(snapshot) => *snapshot,
            Err(error) => {
                return Err(AnvilError::Spent {
                    detail: error.to_string(),
                });
            }
        };
        let result = execute_on(&self.anvil, execution).await;
        self.pristine = self.restore(snapshot, result.is_err()).await;
        result
    }

    async fn restore(&self, snapshot: U256, leftovers: bool) -> Result<U256, ChainError> {
        if leftovers {
            // The pool outlives going back, and would be mined with the next transaction.
            self.anvil.drop_pool().await?;
        }
        self.anvil.revert(snapshot).await?;
        self.anvil.snapshot().await
    }
}

/// Executes as the next block of this anvil and leaves it there.
///
/// # Errors
/// When there is no outcome.
pub async fn execute_on(anvil: &Anvil, execution: &Execution<'_>) -> Result<Executed, AnvilError> {
    let hash = keccak256(execution.raw);
    if let Some(changes) = execution.place {
        anvil.place(changes).await?;
    }
    let transaction = TxEnvelope::decode_2718_exact(execution.raw).ok();
    let mut block = execution.block;
    if let (Some(limit), Some(upgrade), Some(transaction)) =
        (&mut block.gas_limit, execution.upgrade, &transaction)
    {
        // A block has room for what was used before and all that this one may use.
        *limit = (*limit).max(upgrade.gas().saturating_add(transaction.gas_limit()));
    }
    anvil.set_next_block(&block).await?;
    let upgrade = match execution.upgrade {
        Some(upgrade) => Some(send_upgrade(anvil, upgrade, execution.block.base_fee).await?),
        None => None,
    };
    let is_blob = execution.raw.first() == Some(&3);
    anvil
        .send_raw(execution.raw)
        .await
        .map_err(|error| refused(hash, error, is_blob))?;
    anvil.mine().await?;
    let nonce = transaction.map(|transaction| transaction.nonce());
    // Asked about a transaction it does not have, anvil asks the node it forks from: only its own block
    // says what was mined.
    let mined = anvil.head().await?.transactions;
    if let Some(upgrade) = upgrade.filter(|upgrade| !mined.contains(upgrade)) {
        return Err(AnvilError::Dropped {
            hash: upgrade,
            upgrade: true,
        });
    }
    if !mined.contains(&hash) {
        return Err(AnvilError::Dropped {
            hash,
            upgrade: false,
        });
    }
    let outcome = read(anvil, hash, nonce, is_blob).await?;
    let upgrade = match upgrade {
        Some(upgrade) => Some(read(anvil, upgrade, None, false).await?),
        None => None,
    };
    let raised_gas_limit = block != execution.block;
    Ok(Executed {
        upgrade,
        outcome,
        raised_gas_limit,
    })
}

async fn send_upgrade(
    anvil: &Anvil,
    upgrade: &Upgrade,
    base_fee: Option<u64>,
) -> Result<B256, AnvilError> {
    let transaction = Unsigned {
        from: upgrade.from,
        to: Some(upgrade.to),
        data: upgrade.data.clone(),
        gas: Some(upgrade.gas()),
        max_fee: base_fee.map(u128::from),
        ..Unsigned::default()
    };
    let sent = anvil.send_impersonated(&transaction).await;
    sent.map_err(|error| refused(B256::ZERO, error, false))
}

/// Receipt, calls and changes of a mined transaction, as an outcome.
async fn read(
    anvil: &Anvil,
    hash: B256,
    nonce: Option<u64>,
    is_blob: bool,
) -> Result<Outcome, AnvilError> {
    let contradiction = |detail| AnvilError::Contradiction { hash, detail };
    // One by one: anvil can lock up over traces of a fork that it makes at the same time.
    let mined = anvil.mined(hash).await?;
    let mined =
        mined.ok_or_else(|| contradiction("it is in the block and has no receipt".into()))?;
    let calls = anvil.call_tree(hash).await?;
    let mut diff = anvil.diff(hash).await?;
    let sender = calls.frames.first().map(|frame| frame.from);
    if let (true, Some(sender)) = (is_blob, sender) {
        // The trace takes blobs to cost next to nothing; the block did not.
        let balance = submit::balance(&anvil.node, sender).await?;
        diff.post.entry(sender).or_default().balance = Some(balance);
    }
    let mut codes = BTreeMap::new();
    for address in outcome::unsure(&diff) {
        codes.insert(address, submit::code_at(&anvil.node, address).await?);
    }
    let would_create = sender
        .zip(nonce)
        .map(|(sender, nonce)| sender.create(nonce));
    outcome::outcome(mined, calls, &diff, &codes, would_create).map_err(contradiction)
}

fn refused(hash: B256, error: ChainError, is_blob: bool) -> AnvilError {
    let ChainError::Rpc { message, .. } = error else {
        return error.into();
    };
    let text = message.to_lowercase();
    let has = |part: &str| text.contains(part);
    let reason = if has("nonce too low") {
        Refusal::NonceTooLow
    } else if has("insufficient funds") {
        Refusal::Funds
    } else if has("base fee") || has("underpriced") || has("max priority fee") {
        Refusal::Fee
    } else if has("chain id") {
        Refusal::Chain
    } else if is_blob {
        Refusal::Blob
    } else if has("gas") {
        Refusal::Gas
    } else if has("decode") {
        Refusal::Undecodable
    } else {
        Refusal::Other
    };
    AnvilError::Refused {
        hash,
        reason,
        message,
    }
}

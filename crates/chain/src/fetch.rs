//! State read lazily from a node, at one block.

use crate::{error::ChainError, node::Node, rpc};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use cutover_types::{Account, MemoryState, Missing};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::atomic::Ordering};
use thiserror::Error;

/// Whether the node has `eth_getAccountInfo`: not asked yet, yes, no.
const UNASKED: u8 = 0;
const HAS: u8 = 1;
const LACKS: u8 = 2;

const INFO: &str = "eth_getAccountInfo";

/// Why something could not be settled.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The node refuses a key.
    #[error("{missing}, and the node cannot give it")]
    Unavailable {
        /// The first such key.
        missing: Missing,
        /// What the node said.
        source: ChainError,
    },
    /// The node could not be asked, or contradicted itself.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// State at one block, read when first needed.
#[derive(Clone, Debug)]
pub struct LazyState {
    /// What was read so far.
    pub known: MemoryState,
    node: Node,
    block: u64,
}

impl LazyState {
    /// Nothing known yet of the state after `block`.
    pub fn new(node: Node, block: u64) -> Self {
        Self::with_known(node, block, MemoryState::default())
    }

    /// Some of the state after `block` is known already.
    pub fn with_known(node: Node, block: u64, known: MemoryState) -> Self {
        Self { known, node, block }
    }

    /// The node it reads from.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The block whose state it is.
    pub fn block(&self) -> u64 {
        self.block
    }

    /// Reads these keys in one wave. Gives back the keys the node refuses, and why; what is known
    /// already is not asked again.
    ///
    /// # Errors
    /// When the node cannot be reached or contradicts itself.
    pub async fn fill(
        &mut self,
        wanted: &BTreeSet<Missing>,
    ) -> Result<Vec<(Missing, ChainError)>, ChainError> {
        self.learn_account_info(wanted).await?;
        let info = self.node.account_info().load(Ordering::Relaxed) == HAS;
        let mut calls = Vec::new();
        let mut plan = Vec::new();
        let mut refused = Vec::new();
        for missing in wanted {
            match self.questions(*missing, info) {
                Some(questions) => {
                    plan.push((*missing, questions.len()));
                    calls.extend(questions);
                }
                None => refused.push((*missing, unknown_code(*missing))),
            }
        }
        let mut answers = self.node.batch(calls).await.into_iter();
        for (missing, count) in plan {
            // All of its answers, also after a refusal: the next key's begin behind them.
            let answers: Vec<_> = answers.by_ref().take(count).collect();
            let answers: Result<Vec<Value>, ChainError> = answers.into_iter().collect();
            match answers.and_then(|answers| self.learn(missing, &answers)) {
                Ok(()) => {}
                Err(error) if is_refusal(&error) => refused.push((missing, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Runs `f` until it stops missing things. `f` says what it misses; that is read, and `f` runs again.
    ///
    /// # Errors
    /// When the node refuses a key, cannot be reached, or contradicts itself.
    pub async fn settle<T>(
        &mut self,
        mut f: impl FnMut(&MemoryState) -> Result<T, BTreeSet<Missing>>,
    ) -> Result<T, SettleError> {
        let mut asked = BTreeSet::new();
        loop {
            let wanted = match f(&self.known) {
                Ok(value) => return Ok(value),
                Err(wanted) => wanted,
            };
            let fresh: BTreeSet<Missing> = wanted.difference(&asked).copied().collect();
            if fresh.is_empty() {
                let detail = match wanted.first() {
                    Some(missing) => format!("it was read, and still: {missing}"),
                    None => "something is missing, but nobody says what".into(),
                };
                return Err(SettleError::Chain(ChainError::Local {
                    what: "reading state".into(),
                    detail,
                }));
            }
            if let Some((missing, source)) = self.fill(&fresh).await?.into_iter().next() {
                return Err(SettleError::Unavailable { missing, source });
            }
            asked.extend(fresh);
        }
    }

    /// The calls that answer a key; `None` when no account with that code is known.
    fn questions(&self, missing: Missing, info: bool) -> Option<Vec<(String, Value)>> {
        let block = rpc::quantity(self.block);
        let ask = |method: &str, params: Value| (method.to_owned(), params);
        Some(match missing {
            Missing::Account { address } if self.known.accounts.contains_key(&address) => vec![],
            Missing::Account { address } if info => vec![ask(INFO, json!([address, block]))],
            Missing::Account { address } => vec![
                ask("eth_getBalance", json!([address, block])),
                ask("eth_getTransactionCount", json!([address, block])),
                ask("eth_getCode", json!([address, block])),
            ],
            Missing::Slot { address, slot } => {
                vec![ask("eth_getStorageAt", json!([address, slot, block]))]
            }
            Missing::Code { hash } => {
                let mut accounts = self.known.accounts.iter();
                let (address, _) = accounts.find(|(_, account)| account.code_hash == hash)?;
                vec![ask("eth_getCode", json!([address, block]))]
            }
            Missing::BlockHash { number } => vec![ask(
                "eth_getBlockByNumber",
                json!([rpc::quantity(number), false]),
            )],
            _ => return None,
        })
    }

    fn learn(&mut self, missing: Missing, answers: &[Value]) -> Result<(), ChainError> {
        match (missing, answers) {
            (Missing::Account { address }, [info]) => {
                let code = bytes(INFO, &info["code"])?;
                let (balance, nonce) = (&info["balance"], &info["nonce"]);
                self.put_account(address, number(INFO, balance)?, number(INFO, nonce)?, code)
            }
            (Missing::Account { address }, [balance, nonce, code]) => {
                let balance = number("eth_getBalance", balance)?;
                let nonce = number("eth_getTransactionCount", nonce)?;
                self.put_account(address, balance, nonce, bytes("eth_getCode", code)?)
            }
            (Missing::Slot { address, slot }, [value]) => {
                let value = word("eth_getStorageAt", value)?;
                let slots = self.known.storage.entry(address).or_default();
                slots.insert(slot, value);
                Ok(())
            }
            (Missing::Code { hash }, [code]) => {
                let code = bytes("eth_getCode", code)?;
                let computed = keccak256(&code);
                if computed != hash {
                    return Err(ChainError::Lie {
                        what: "the hash of a code".into(),
                        claimed: hash,
                        computed,
                    });
                }
                self.known.codes.insert(hash, code);
                Ok(())
            }
            (Missing::BlockHash { number }, [block]) => {
                if block.is_null() {
                    return Err(ChainError::NoSuchBlock { number });
                }
                let right = rpc::read_u64(&block["number"]) == Some(number);
                let hash = serde_json::from_value(block["hash"].clone()).ok();
                let hash: B256 = hash
                    .filter(|_| right)
                    .ok_or_else(|| malformed("eth_getBlockByNumber", block))?;
                self.known.block_hashes.insert(number, hash);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn put_account(
        &mut self,
        address: Address,
        balance: U256,
        nonce: U256,
        code: Bytes,
    ) -> Result<(), ChainError> {
        let nonce = nonce.try_into().map_err(|_| ChainError::Malformed {
            method: "eth_getTransactionCount".into(),
            detail: format!("{nonce} is no nonce"),
        })?;
        let code_hash = if code.is_empty() {
            KECCAK256_EMPTY
        } else {
            keccak256(&code)
        };
        if !code.is_empty() {
            self.known.codes.insert(code_hash, code);
        }
        let account = Account {
            nonce,
            balance,
            code_hash,
        };
        self.known.accounts.insert(address, account);
        Ok(())
    }

    /// One call in place of three, where the node has it. Asked once for each node.
    async fn learn_account_info(&mut self, wanted: &BTreeSet<Missing>) -> Result<(), ChainError> {
        let has = self.node.account_info();
        let first = wanted.iter().find_map(|missing| match missing {
            Missing::Account { address } => Some(*address),
            _ => None,
        });
        let Some(address) = first.filter(|_| has.load(Ordering::Relaxed) == UNASKED) else {
            return Ok(());
        };
        let params = json!([address, rpc::quantity(self.block)]);
        let answer = self.node.call::<Value>(INFO, params).await;
        let known = match answer {
            Ok(info) => {
                let learned = self.learn(Missing::Account { address }, &[info]);
                if learned.is_ok() { HAS } else { LACKS }
            }
            // It says nothing about other accounts.
            Err(ChainError::Pruned { .. }) => return Ok(()),
            Err(ChainError::Transport { .. }) => return Ok(()),
            Err(_) => LACKS,
        };
        self.node.account_info().store(known, Ordering::Relaxed);
        Ok(())
    }
}

/// The node answered, and it is a no.
fn is_refusal(error: &ChainError) -> bool {
    matches!(
        error,
        ChainError::Pruned { .. }
            | ChainError::Unsupported { .. }
            | ChainError::Rpc { .. }
            | ChainError::NoSuchBlock { .. }
    )
}

fn unknown_code(missing: Missing) -> ChainError {
    ChainError::Local {
        what: "reading state".into(),
        detail: format!("{missing}, and no known account has it"),
    }
}

fn number(method: &str, value: &Value) -> Result<U256, ChainError> {
    rpc::read_quantity(value).ok_or_else(|| malformed(method, value))
}

/// A storage word: 32 bytes, or fewer from nodes that drop leading zeros.
fn word(method: &str, value: &Value) -> Result<U256, ChainError> {
    if value.as_str() == Some("0x") {
        return Ok(U256::ZERO);
    }
    number(method, value)
}

fn bytes(method: &str, value: &Value) -> Result<Bytes, ChainError> {
    value
        .as_str()
        .filter(|text| text.starts_with("0x"))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed(method, value))
}

fn malformed(method: &str, value: &Value) -> ChainError {
    ChainError::Malformed {
        method: method.into(),
        detail: rpc::shown(&value.to_string()),
    }
}

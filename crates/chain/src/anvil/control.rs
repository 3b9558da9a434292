//! What only a test node can do.

use super::Anvil;
use crate::{error::ChainError, rpc};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::StateDiff;
use serde_json::{Value, json};

type Done<T = ()> = Result<T, ChainError>;

/// What the next block is to be like; what is absent anvil decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextBlock {
    /// Base fee per gas.
    pub base_fee: Option<u64>,
    /// Seconds since 1970; later than the parent's.
    pub timestamp: Option<u64>,
    /// Who gets the tips.
    pub coinbase: Option<Address>,
    /// Gas limit; also of the blocks after it.
    pub gas_limit: Option<u64>,
}

/// A transaction nobody signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsigned {
    /// Sender; may be a contract.
    pub from: Address,
    /// Receiver; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Calldata, or init code.
    pub data: Bytes,
    /// Gas limit; estimated when absent.
    pub gas: Option<u64>,
    /// Most the sender pays per gas, without a tip; anvil's choice when absent.
    pub max_fee: Option<u128>,
}

impl Anvil {
    async fn tell(&self, method: &str, params: Value) -> Done {
        let _: Value = self.node.call(method, params).await?;
        Ok(())
    }

    /// Sets a balance.
    pub async fn set_balance(&self, address: Address, wei: U256) -> Done {
        self.tell("anvil_setBalance", json!([address, wei])).await
    }

    /// Sets an account's code.
    pub async fn set_code(&self, address: Address, code: &Bytes) -> Done {
        self.tell("anvil_setCode", json!([address, code])).await
    }

    /// Sets a storage slot.
    pub async fn set_storage(&self, address: Address, slot: B256, value: U256) -> Done {
        self.tell(
            "anvil_setStorageAt",
            json!([address, slot, B256::from(value)]),
        )
        .await
    }

    /// Sets a nonce.
    pub async fn set_nonce(&self, address: Address, nonce: u64) -> Done {
        self.tell("anvil_setNonce", json!([address, rpc::quantity(nonce)]))
            .await
    }

    /// Puts the `after` side of these changes in place.
    pub async fn place(&self, changes: &StateDiff) -> Done {
        let mut calls = Vec::new();
        let mut set = |method: &str, params: Value| calls.push((method.to_owned(), params));
        for (address, change) in changes {
            if let Some(balance) = &change.balance {
                set("anvil_setBalance", json!([address, balance.after]));
            }
            if let Some(nonce) = &change.nonce {
                set(
                    "anvil_setNonce",
                    json!([address, rpc::quantity(nonce.after)]),
                );
            }
            if let Some(code) = &change.code {
                set("anvil_setCode", json!([address, code.after]));
            }
            for (slot, value) in &change.storage {
                set(
                    "anvil_setStorageAt",
                    json!([address, slot, B256::from(value.after)]),
                );
            }
        }
        self.all(calls).await
    }

    /// Lets an address send unsigned.
    pub async fn impersonate(&self, address: Address) -> Done {
        self.tell("anvil_impersonateAccount", json!([address]))
            .await
    }

    /// Says what the next block is like.
    pub async fn set_next_block(&self, next: &NextBlock) -> Done {
        let mut calls = Vec::new();
        let mut set = |method: &str, params: Value| calls.push((method.to_owned(), params));
        if let Some(fee) = next.base_fee {
            set(
                "anvil_setNextBlockBaseFeePerGas",
                json!([rpc::quantity(fee)]),
            );
        }
        if let Some(timestamp) = next.timestamp {
            set(
                "evm_setNextBlockTimestamp",
                json!([rpc::quantity(timestamp)]),
            );
        }
        if let Some(coinbase) = next.coinbase {
            set("anvil_setCoinbase", json!([coinbase]));
        }
        if let Some(limit) = next.gas_limit {
            set("evm_setBlockGasLimit", json!([rpc::quantity(limit)]));
        }
        self.all(calls).await
    }

    /// Makes calls whose order does not matter: anvil works on a batch all at once.
    async fn all(&self, calls: Vec<(String, Value)>) -> Done {
        for result in self.node.batch(calls).await {
            result?;
        }
        Ok(())
    }

    /// Sends a signed transaction and says its hash.
    pub async fn send_raw(&self, raw: &Bytes) -> Done<B256> {
        let claimed: B256 = self
            .node
            .call("eth_sendRawTransaction", json!([raw]))
            .await?;
        let computed = keccak256(raw);
        if claimed != computed {
            let what = "the hash of the transaction it was sent".into();
            return Err(ChainError::Lie {
                what,
                claimed,
                computed,
            });
        }
        Ok(claimed)
    }

    /// Sends a transaction nobody signed, for an impersonated address or one of anvil's own.
    pub async fn send_impersonated(&self, transaction: &Unsigned) -> Done<B256> {
        let mut request = json!({
            "from": transaction.from,
            "value": transaction.value,
            "data": transaction.data,
        });
        if let Some(to) = transaction.to {
            request["to"] = json!(to);
        }
        if let Some(gas) = transaction.gas {
            request["gas"] = rpc::quantity(gas);
        }
        if let Some(fee) = transaction.max_fee {
            request["maxFeePerGas"] = json!(U256::from(fee));
            request["maxPriorityFeePerGas"] = json!("0x0");
        }
        self.node
            .call("eth_sendTransaction", json!([request]))
            .await
    }

    /// Mines one block with what waits in the pool.
    pub async fn mine(&self) -> Done {
        self.tell("evm_mine", json!([])).await
    }

    /// Mines blocks.
    pub async fn mine_many(&self, blocks: u64) -> Done {
        self.tell("anvil_mine", json!([rpc::quantity(blocks)]))
            .await
    }

    /// Forgets what waits in the pool; going back does not.
    pub async fn drop_pool(&self) -> Done {
        self.tell("anvil_dropAllTransactions", json!([])).await
    }

    /// Remembers this state. A snapshot serves once.
    pub async fn snapshot(&self) -> Done<U256> {
        self.node.call("evm_snapshot", json!([])).await
    }

    /// Goes back to a snapshot. A fork also forgets what it fetched.
    pub async fn revert(&self, snapshot: U256) -> Done {
        let found: bool = self.node.call("evm_revert", json!([snapshot])).await?;
        if found {
            return Ok(());
        }
        Err(ChainError::Local {
            what: "going back to a snapshot of anvil".into(),
            detail: format!("it has no snapshot {snapshot}"),
        })
    }

    /// Replaces the newest `depth` blocks by empty ones; their transactions are gone.
    pub async fn reorg(&self, depth: u64) -> Done {
        self.tell("anvil_reorg", json!([depth, []])).await
    }
}

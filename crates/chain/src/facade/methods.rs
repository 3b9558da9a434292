//! The methods the facade answers.

use super::{Served, blocks, logs, refusal::Refusal};
use crate::rpc;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use cutover_types::{Account, Missing, State, recording::Proofs};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// A tip for callers that ask: nothing is ever sent here.
const TIP: u64 = 1_000_000_000;

impl Served {
    /// Answers one call.
    pub(super) fn call(&self, method: &str, params: &[Value]) -> Result<Value, Refusal> {
        match method {
            "eth_chainId" => Ok(rpc::quantity(self.archive.chain_id())),
            "net_version" => Ok(json!(self.archive.chain_id().to_string())),
            "web3_clientVersion" => Ok(json!(concat!("cutover/", env!("CARGO_PKG_VERSION")))),
            "eth_blockNumber" => Ok(rpc::quantity(self.archive.head())),
            "eth_syncing" => Ok(json!(false)),
            "eth_accounts" => Ok(json!([])),
            "eth_gasPrice" => {
                let fee = self.head()?.1.base_fee_per_gas.unwrap_or(0);
                Ok(rpc::quantity(fee.saturating_add(TIP)))
            }
            "eth_maxPriorityFeePerGas" => Ok(rpc::quantity(TIP)),
            "eth_feeHistory" => self.fee_history(),
            "eth_getBlockByNumber" => self.block_by_number(params),
            "eth_getBlockByHash" => {
                let full = params.get(1).and_then(Value::as_bool).unwrap_or(false);
                let hash = param(params, 0)?;
                match self.archive.number_of(hash) {
                    Some(number) => self.block(number, full),
                    None => Ok(Value::Null),
                }
            }
            "eth_getBalance" => Ok(json!(self.account(params)?.balance)),
            "eth_getTransactionCount" => Ok(rpc::quantity(self.account(params)?.nonce)),
            "eth_getCode" => {
                let account = self.account(params)?;
                Ok(json!(self.code(params, 1, account.code_hash)?))
            }
            "eth_getAccountInfo" => {
                let account = self.account(params)?;
                let code = self.code(params, 1, account.code_hash)?;
                let nonce = rpc::quantity(account.nonce);
                Ok(json!({"balance": account.balance, "nonce": nonce, "code": code}))
            }
            "eth_getStorageAt" => self.storage(params),
            "eth_getProof" => self.proof(params),
            "eth_getTransactionByHash" => self.of_transaction(params, blocks::transaction),
            "eth_getTransactionReceipt" => self.of_transaction(params, blocks::receipt),
            "eth_getRawTransactionByHash" => self.of_transaction(params, |block, index| {
                Ok(json!(block.transactions.get(index)))
            }),
            "eth_getBlockReceipts" => self.block_receipts(params),
            "eth_getLogs" => self.logs(params),
            _ => Err(Refusal::method(method)),
        }
    }

    fn head(&self) -> Result<(B256, Header), Refusal> {
        let head = self.archive.head();
        self.archive
            .header(head)
            .ok_or_else(|| Refusal::history(&format!("block {head}")))
    }

    fn fee_history(&self) -> Result<Value, Refusal> {
        let (_, header) = self.head()?;
        let fee = rpc::quantity(header.base_fee_per_gas.unwrap_or(0));
        Ok(json!({
            "oldestBlock": rpc::quantity(header.number),
            "baseFeePerGas": [fee, fee],
            "gasUsedRatio": [0.5],
            "reward": [[rpc::quantity(TIP)]],
        }))
    }

    fn block_by_number(&self, params: &[Value]) -> Result<Value, Refusal> {
        let full = params.get(1).and_then(Value::as_bool).unwrap_or(false);
        let number = self.number(params.first())?;
        if number > self.archive.head() {
            return Ok(Value::Null);
        }
        self.block(number, full)
    }

    fn block(&self, number: u64, full: bool) -> Result<Value, Refusal> {
        if let Some(block) = self.archive.block(number) {
            return blocks::block(&block, full);
        }
        let Some((hash, header)) = self.archive.header(number) else {
            self.missed(Missing::BlockHash { number });
            return Err(Refusal::history(&format!("block {number}")));
        };
        blocks::header(hash, &header, Vec::new())
    }

    fn block_receipts(&self, params: &[Value]) -> Result<Value, Refusal> {
        let number = self.number(params.first())?;
        if number > self.archive.head() {
            return Ok(Value::Null);
        }
        let block = self
            .archive
            .block(number)
            .ok_or_else(|| Refusal::history(&format!("receipts of block {number}")))?;
        (0..block.transactions.len())
            .map(|index| blocks::receipt(&block, index))
            .collect()
    }

    fn of_transaction(
        &self,
        params: &[Value],
        show: impl Fn(&cutover_types::RecordedBlock, usize) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let Some((number, index)) = self.archive.find(param(params, 0)?) else {
            return Ok(Value::Null);
        };
        match self.archive.block(number) {
            Some(block) => show(&block, index),
            None => Ok(Value::Null),
        }
    }

    fn logs(&self, params: &[Value]) -> Result<Value, Refusal> {
        let filter = params
            .first()
            .filter(|filter| filter.is_object())
            .ok_or_else(|| Refusal::params("the filter is no object"))?;
        let (from, to) = match &filter["blockHash"] {
            Value::Null => (
                self.number(Some(&filter["fromBlock"]))?,
                self.number(Some(&filter["toBlock"]))?,
            ),
            hash => {
                let number = self.number(Some(hash))?;
                (number, number)
            }
        };
        logs::logs(self.archive.as_ref(), filter, from, to)
    }

    /// The account in the first parameter, at the block in the second.
    fn account(&self, params: &[Value]) -> Result<Account, Refusal> {
        let address = param(params, 0)?;
        let missing = Missing::Account { address };
        let state = self.state(params.get(1), missing)?;
        state.account(address).map_err(|missing| self.miss(missing))
    }

    fn code(&self, params: &[Value], block: usize, hash: B256) -> Result<Bytes, Refusal> {
        let state = self.state(params.get(block), Missing::Code { hash })?;
        state.code(hash).map_err(|missing| self.miss(missing))
    }

    fn storage(&self, params: &[Value]) -> Result<Value, Refusal> {
        let address = param(params, 0)?;
        let slot = slot(params.get(1))?;
        let state = self.state(params.get(2), Missing::Slot { address, slot })?;
        let value = state
            .storage(address, slot)
            .map_err(|missing| self.miss(missing))?;
        Ok(json!(B256::from(value)))
    }

    fn proof(&self, params: &[Value]) -> Result<Value, Refusal> {
        let address: Address = param(params, 0)?;
        let slots: Vec<Value> = param(params, 1)?;
        let number = self.number(params.get(2))?;
        let block = number
            .checked_add(1)
            .and_then(|next| self.archive.block(next))
            .ok_or_else(|| Refusal::state(number))?;
        let unproven = || Refusal::proof(&format!("account {address}"));
        let proofs = block.proofs.as_ref().ok_or_else(unproven)?;
        let path = proofs.accounts.get(&address).ok_or_else(unproven)?;
        let account = self.account(&[json!(address), rpc::quantity(number)])?;
        let storage = slots
            .iter()
            .map(|asked| {
                let slot = slot(Some(asked))?;
                let path = proofs
                    .slots
                    .get(&address)
                    .and_then(|slots| slots.get(&slot))
                    .ok_or_else(|| Refusal::proof(&format!("slot {slot} of {address}")))?;
                let value = block
                    .state
                    .storage(address, slot)
                    .map_err(|missing| self.miss(missing))?;
                Ok(json!({"key": asked, "value": value, "proof": nodes(proofs, path)?}))
            })
            .collect::<Result<Vec<Value>, Refusal>>()?;
        Ok(json!({
            "address": address,
            "accountProof": nodes(proofs, path)?,
            "balance": account.balance,
            "nonce": rpc::quantity(account.nonce),
            "codeHash": account.code_hash,
            "storageHash": proofs
                .storage_roots
                .get(&address)
                .copied()
                .unwrap_or(alloy_consensus::EMPTY_ROOT_HASH),
            "storageProof": storage,
        }))
    }

    fn state(&self, block: Option<&Value>, wanted: Missing) -> Result<Arc<dyn State>, Refusal> {
        let number = self.number(block)?;
        self.archive.state(number).ok_or_else(|| {
            self.missed(wanted);
            Refusal::state(number)
        })
    }

    fn miss(&self, missing: Missing) -> Refusal {
        self.missed(missing);
        Refusal::missing(missing)
    }

    /// A block parameter: number, tag, hash, or an object with either (EIP-1898).
    fn number(&self, block: Option<&Value>) -> Result<u64, Refusal> {
        let malformed = || Refusal::params("the block parameter is malformed");
        let text = match block {
            None | Some(Value::Null) => return Ok(self.archive.head()),
            Some(Value::String(text)) => text,
            Some(Value::Object(object)) => {
                let inner = object
                    .get("blockHash")
                    .or_else(|| object.get("blockNumber"));
                inner.and_then(Value::as_str).ok_or_else(malformed)?
            }
            Some(_) => return Err(malformed()),
        };
        match text {
            "latest" | "pending" | "safe" | "finalized" => Ok(self.archive.head()),
            "earliest" => Ok(0),
            hash if hash.len() == 66 => {
                let hash = hash.parse().map_err(|_| malformed())?;
                self.archive
                    .number_of(hash)
                    .ok_or_else(|| Refusal::history(&format!("block {hash}")))
            }
            number => rpc::read_u64(&json!(number)).ok_or_else(malformed),
        }
    }
}

fn nodes<'a>(proofs: &'a Proofs, path: &[u32]) -> Result<Vec<&'a Bytes>, Refusal> {
    path.iter()
        .map(|index| {
            let node = usize::try_from(*index).ok();
            node.and_then(|node| proofs.nodes.get(node))
                .ok_or_else(Refusal::internal)
        })
        .collect()
}

fn param<T: DeserializeOwned>(params: &[Value], index: usize) -> Result<T, Refusal> {
    let given = params
        .get(index)
        .ok_or_else(|| Refusal::params(format!("parameter {} is missing", index + 1)))?;
    serde_json::from_value(given.clone())
        .map_err(|_| Refusal::params(format!("parameter {} is malformed", index + 1)))
}

/// A slot: a word, or a quantity without leading zeros.
fn slot(given: Option<&Value>) -> Result<B256, Refusal> {
    given
        .and_then(rpc::read_quantity)
        .map(|slot: U256| B256::from(slot))
        .ok_or_else(|| Refusal::params("the slot is malformed"))
}

//! Blocks and receipts, whose hashes are recomputed rather than believed.

use crate::{error::ChainError, node::Node, rpc};
use alloy_consensus::{
    EthereumTxEnvelope, Header, ReceiptEnvelope, TxEip4844Variant, TxEnvelope,
    proofs::calculate_receipt_root,
};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::root::ordered_trie_root_encoded;
use serde_json::{Value, json};

/// The newest transaction type known (EIP-7702).
const NEWEST_TYPE: u64 = 4;

/// A block whose hash, transaction hashes and transactions root were recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedBlock {
    /// Block hash.
    pub hash: B256,
    /// Header; hashes to `hash`.
    pub header: Header,
    /// Signed bytes of every transaction (EIP-2718, blob transactions without sidecar).
    pub transactions: Vec<Bytes>,
    /// Their hashes.
    pub transaction_hashes: Vec<B256>,
}

impl FetchedBlock {
    /// Checks that these are the receipts of this block.
    ///
    /// # Errors
    /// When they do not hash to the header's receipts root.
    pub fn check_receipts(&self, receipts: &[ReceiptEnvelope]) -> Result<(), ChainError> {
        agree(
            || format!("the receipts root of block {}", self.header.number),
            self.header.receipts_root,
            calculate_receipt_root(receipts),
        )
    }
}

impl Node {
    /// A block with all its transactions as signed bytes.
    ///
    /// # Errors
    /// When the node cannot give it, or what it gives does not hash to what it claims.
    pub async fn block(&self, number: u64) -> Result<FetchedBlock, ChainError> {
        let mut block = self.block_json(number, true).await?;
        let transactions = block.get_mut("transactions").map(Value::take);
        let (hash, header) = header(number, block)?;
        check_header(hash, &header)?;
        let Some(Value::Array(transactions)) = transactions else {
            return Err(malformed("the block has no transactions"));
        };
        let hashes = transactions
            .iter()
            .map(|transaction| {
                serde_json::from_value(transaction["hash"].clone())
                    .map_err(|_| malformed("a transaction has no hash"))
            })
            .collect::<Result<Vec<B256>, _>>()?;
        let mut raw = Vec::with_capacity(transactions.len());
        for (transaction, hash) in transactions.into_iter().zip(&hashes) {
            raw.push(signed_bytes(transaction, *hash)?);
        }
        let transactions = self.fill_raw(raw, &hashes).await?;
        agree(
            || format!("the transactions root of block {number}"),
            header.transactions_root,
            ordered_trie_root_encoded(&transactions),
        )?;
        Ok(FetchedBlock {
            hash,
            header,
            transactions,
            transaction_hashes: hashes,
        })
    }

    /// A header, and its hash.
    ///
    /// # Errors
    /// When the node cannot give it, or it does not hash to what the node claims.
    pub async fn header(&self, number: u64) -> Result<(B256, Header), ChainError> {
        let (hash, header) = self.header_unverified(number).await?;
        check_header(hash, &header)?;
        Ok((hash, header))
    }

    /// A header, and the hash the node claims for it.
    ///
    /// # Errors
    /// When the node cannot give it.
    pub async fn header_unverified(&self, number: u64) -> Result<(B256, Header), ChainError> {
        header(number, self.block_json(number, false).await?)
    }

    /// The receipts of a block, in order. [`FetchedBlock::check_receipts`] says whether they are its own.
    ///
    /// # Errors
    /// When the node cannot give them.
    pub async fn receipts(&self, number: u64) -> Result<Vec<ReceiptEnvelope>, ChainError> {
        const METHOD: &str = "eth_getBlockReceipts";
        let all: Result<Value, _> = self.call(METHOD, json!([rpc::quantity(number)])).await;
        let mut receipts = match all {
            Ok(Value::Array(receipts)) => receipts,
            Ok(Value::Null) => return Err(ChainError::NoSuchBlock { number }),
            Ok(_) => return Err(bad(METHOD, "the receipts are no list")),
            Err(ChainError::Unsupported { .. }) => self.single_receipts(number).await?,
            Err(error) => return Err(error),
        };
        receipts.sort_by_key(|receipt| rpc::read_u64(&receipt["transactionIndex"]));
        receipts
            .into_iter()
            .map(|receipt| {
                serde_json::from_value(receipt)
                    .map_err(|error| bad(METHOD, &format!("a receipt is malformed: {error}")))
            })
            .collect()
    }

    async fn single_receipts(&self, number: u64) -> Result<Vec<Value>, ChainError> {
        const METHOD: &str = "eth_getTransactionReceipt";
        let block = self.block_json(number, false).await?;
        let Some(hashes) = block["transactions"].as_array() else {
            return Err(malformed("the block has no transactions"));
        };
        let calls = hashes
            .iter()
            .map(|hash| (METHOD.to_owned(), json!([hash])))
            .collect();
        self.batch(calls)
            .await
            .into_iter()
            .map(|receipt| match receipt {
                Ok(Value::Null) => Err(bad(METHOD, "a transaction of the block has no receipt")),
                other => other,
            })
            .collect()
    }

    async fn block_json(&self, number: u64, full: bool) -> Result<Value, ChainError> {
        let block: Value = self
            .call(METHOD, json!([rpc::quantity(number), full]))
            .await?;
        match block {
            Value::Null => Err(ChainError::NoSuchBlock { number }),
            Value::Object(_) => Ok(block),
            _ => Err(malformed("the block is no object")),
        }
    }

    /// Asks for the signed bytes that could not be rebuilt.
    async fn fill_raw(
        &self,
        raw: Vec<Option<Bytes>>,
        hashes: &[B256],
    ) -> Result<Vec<Bytes>, ChainError> {
        const METHOD: &str = "eth_getRawTransactionByHash";
        let wanted = raw
            .iter()
            .zip(hashes)
            .filter(|(raw, _)| raw.is_none())
            .map(|(_, hash)| (METHOD.to_owned(), json!([hash])))
            .collect();
        let mut answers = self.batch(wanted).await.into_iter();
        raw.into_iter()
            .zip(hashes)
            .map(|(raw, hash)| {
                let Some(raw) = raw else {
                    let answer = answers.next().unwrap_or_else(|| {
                        Err(bad(METHOD, "the node did not answer for a transaction"))
                    })?;
                    let given: Bytes = serde_json::from_value(answer)
                        .map_err(|_| bad(METHOD, "the signed bytes are no bytes"))?;
                    return without_sidecar(&given, *hash);
                };
                Ok(raw)
            })
            .collect()
    }
}

const METHOD: &str = "eth_getBlockByNumber";

fn header(number: u64, block: Value) -> Result<(B256, Header), ChainError> {
    let hash: B256 = serde_json::from_value(block["hash"].clone())
        .map_err(|_| malformed("the block has no hash"))?;
    let header: Header = serde_json::from_value(block)
        .map_err(|error| malformed(&format!("the header is malformed: {error}")))?;
    if header.number != number {
        return Err(malformed(&format!(
            "block {number} was asked for, block {} came",
            header.number
        )));
    }
    Ok((hash, header))
}

fn check_header(hash: B256, header: &Header) -> Result<(), ChainError> {
    agree(
        || format!("the hash of block {}", header.number),
        hash,
        header.hash_slow(),
    )
}

/// The signed bytes of a transaction in RPC form; `None` when they do not come out right.
fn signed_bytes(transaction: Value, hash: B256) -> Result<Option<Bytes>, ChainError> {
    let kind = &transaction["type"];
    let known = kind.is_null() || rpc::read_u64(kind).is_some_and(|kind| kind <= NEWEST_TYPE);
    if !known {
        let kind = rpc::shown(kind.as_str().unwrap_or("unreadable"));
        return Err(ChainError::UnknownTransaction { hash, kind });
    }
    let Ok(envelope) = serde_json::from_value::<TxEnvelope>(transaction) else {
        return Ok(None);
    };
    let raw: Bytes = strip(envelope).encoded_2718().into();
    Ok((keccak256(&raw) == hash).then_some(raw))
}

fn without_sidecar(given: &Bytes, hash: B256) -> Result<Bytes, ChainError> {
    let raw: Bytes = match TxEnvelope::decode_2718(&mut given.as_ref()) {
        Ok(envelope) => strip(envelope).encoded_2718().into(),
        Err(_) => given.clone(),
    };
    agree(|| "the hash of a transaction".into(), hash, keccak256(&raw))?;
    Ok(raw)
}

fn strip(envelope: TxEnvelope) -> TxEnvelope {
    match envelope {
        EthereumTxEnvelope::Eip4844(signed) => {
            let (transaction, signature, hash) = signed.into_parts();
            let bare = TxEip4844Variant::TxEip4844(transaction.tx().clone());
            EthereumTxEnvelope::Eip4844(alloy_consensus::Signed::new_unchecked(
                bare, signature, hash,
            ))
        }
        other => other,
    }
}

fn agree(what: impl FnOnce() -> String, claimed: B256, computed: B256) -> Result<(), ChainError> {
    if claimed == computed {
        return Ok(());
    }
    Err(ChainError::Lie {
        what: what(),
        claimed,
        computed,
    })
}

fn malformed(detail: &str) -> ChainError {
    bad(METHOD, detail)
}

fn bad(method: &str, detail: &str) -> ChainError {
    ChainError::Malformed {
        method: method.into(),
        detail: rpc::shown(detail),
    }
}

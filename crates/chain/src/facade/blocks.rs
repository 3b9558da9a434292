//! Recorded blocks, transactions and receipts in the form of JSON-RPC.

use super::refusal::Refusal;
use alloy_consensus::{
    EMPTY_ROOT_HASH, Header, ReceiptEnvelope, Transaction, TxEnvelope, TxReceipt, Typed2718,
    transaction::SignerRecoverable,
};
use alloy_eips::{eip2718::Decodable2718, eip4844::DATA_GAS_PER_BLOB};
use alloy_primitives::{Address, B256, Log, keccak256};
use cutover_types::RecordedBlock;
use serde_json::{Value, json};

/// A block: with its transactions whole, or with their hashes.
pub(super) fn block(block: &RecordedBlock, full: bool) -> Result<Value, Refusal> {
    let transactions = block
        .transactions
        .iter()
        .enumerate()
        .map(|(index, raw)| {
            if full {
                transaction(block, index)
            } else {
                Ok(json!(keccak256(raw)))
            }
        })
        .collect::<Result<Vec<Value>, Refusal>>()?;
    header(block.hash, &block.header, transactions)
}

/// A header as a block with these transactions.
pub(super) fn header(
    hash: B256,
    header: &Header,
    transactions: Vec<Value>,
) -> Result<Value, Refusal> {
    let mut block = serde_json::to_value(header).map_err(|_| Refusal::internal())?;
    block["hash"] = json!(hash);
    block["size"] = json!("0x0");
    block["uncles"] = json!([]);
    block["transactions"] = Value::Array(transactions);
    // Withdrawals are not part of a recording: said only where there are none.
    if header.withdrawals_root == Some(EMPTY_ROOT_HASH) {
        block["withdrawals"] = json!([]);
    }
    Ok(block)
}

/// A transaction.
pub(super) fn transaction(block: &RecordedBlock, index: usize) -> Result<Value, Refusal> {
    let envelope = decode(block, index)?;
    let mut shown = serde_json::to_value(&envelope).map_err(|_| Refusal::internal())?;
    let price = envelope.effective_gas_price(block.header.base_fee_per_gas);
    shown["from"] = json!(sender(&envelope)?);
    shown["gasPrice"] = json!(format!("{price:#x}"));
    shown["blockHash"] = json!(block.hash);
    shown["blockNumber"] = json!(format!("{:#x}", block.header.number));
    shown["transactionIndex"] = json!(format!("{index:#x}"));
    Ok(shown)
}

/// A receipt.
pub(super) fn receipt(block: &RecordedBlock, index: usize) -> Result<Value, Refusal> {
    let envelope = decode(block, index)?;
    let receipt = block.receipts.get(index).ok_or_else(Refusal::internal)?;
    let from = sender(&envelope)?;
    let before = match index.checked_sub(1).and_then(|one| block.receipts.get(one)) {
        Some(previous) => previous.cumulative_gas_used(),
        None => 0,
    };
    let used = receipt.cumulative_gas_used().saturating_sub(before);
    let price = envelope.effective_gas_price(block.header.base_fee_per_gas);
    let created = envelope
        .to()
        .is_none()
        .then(|| from.create(envelope.nonce()));
    let first = logs_before(block, index);
    let logs: Vec<Value> = receipt
        .logs()
        .iter()
        .enumerate()
        .map(|(offset, one)| log(block, index, first + offset, one))
        .collect();
    let mut shown = json!({
        "type": format!("{:#x}", envelope.ty()),
        "status": if receipt.status() { "0x1" } else { "0x0" },
        "cumulativeGasUsed": format!("{:#x}", receipt.cumulative_gas_used()),
        "logsBloom": receipt.bloom(),
        "logs": logs,
        "transactionHash": envelope.tx_hash(),
        "transactionIndex": format!("{index:#x}"),
        "blockHash": block.hash,
        "blockNumber": format!("{:#x}", block.header.number),
        "gasUsed": format!("{used:#x}"),
        "effectiveGasPrice": format!("{price:#x}"),
        "from": from,
        "to": envelope.to(),
        "contractAddress": created,
    });
    if let Some(hashes) = envelope.blob_versioned_hashes() {
        let gas = DATA_GAS_PER_BLOB.saturating_mul(hashes.len() as u64);
        shown["blobGasUsed"] = json!(format!("{gas:#x}"));
    }
    Ok(shown)
}

/// A log, with its place in the block.
pub(super) fn log(block: &RecordedBlock, index: usize, position: usize, log: &Log) -> Value {
    let hash = block.transactions.get(index).map(keccak256);
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": block.hash,
        "blockNumber": format!("{:#x}", block.header.number),
        "blockTimestamp": format!("{:#x}", block.header.timestamp),
        "transactionHash": hash,
        "transactionIndex": format!("{index:#x}"),
        "logIndex": format!("{position:#x}"),
        "removed": false,
    })
}

/// Number of logs in the block before a transaction.
fn logs_before(block: &RecordedBlock, index: usize) -> usize {
    let receipts = block.receipts.iter().take(index);
    receipts
        .map(|receipt: &ReceiptEnvelope| receipt.logs().len())
        .sum()
}

fn decode(block: &RecordedBlock, index: usize) -> Result<TxEnvelope, Refusal> {
    let raw = block
        .transactions
        .get(index)
        .ok_or_else(Refusal::internal)?;
    TxEnvelope::decode_2718(&mut raw.as_ref()).map_err(|_| Refusal::internal())
}

fn sender(envelope: &TxEnvelope) -> Result<Address, Refusal> {
    // Unchecked: blocks before Homestead hold signatures that newer rules refuse.
    envelope
        .recover_signer_unchecked()
        .map_err(|_| Refusal::internal())
}

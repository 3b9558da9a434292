//! Former implementations, from the events of the proxy or its beacon. Nodes limit how far back they
//! answer, so this is what can be had, never a reason to fail.

use crate::session::Session;
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;
use cutover_types::{
    abi::IProxy,
    inspection::{HistoryEntry, HistorySource},
};
use serde_json::{Value, json};

/// Blocks back, where a node does not search the whole chain.
const RECENT: u64 = 10_000;
/// Entries kept, the newest.
const ENTRIES: usize = 1_000;

/// The implementations `holder` was given, newest last.
pub(crate) async fn history(session: &Session, holder: Address) -> Vec<HistoryEntry> {
    let newest = session.block.number;
    for from in [0, newest.saturating_sub(RECENT)] {
        let filter = json!([{
            "address": holder,
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{newest:#x}"),
            "topics": [IProxy::Upgraded::SIGNATURE_HASH],
        }]);
        match session.logs(filter).await {
            Ok(logs) => {
                let skipped = logs.len().saturating_sub(ENTRIES);
                return logs.iter().skip(skipped).filter_map(entry).collect();
            }
            Err(error) => tracing::debug!(%error, from, "no history"),
        }
    }
    Vec::new()
}

fn entry(log: &Value) -> Option<HistoryEntry> {
    let word = match log["topics"][1].as_str() {
        Some(topic) => topic.parse().ok()?,
        // zos did not index it.
        None => log["data"].as_str()?.parse::<B256>().ok()?,
    };
    let block = log["blockNumber"].as_str()?.strip_prefix("0x")?;
    Some(HistoryEntry {
        implementation: Address::from_word(word),
        block: u64::from_str_radix(block, 16).ok()?,
        transaction: Some(log["transactionHash"].as_str()?.parse().ok()?),
        found: HistorySource::Event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_event_are_read_and_nonsense_is_passed_over() {
        let word = Address::repeat_byte(0x11).into_word();
        let hash = B256::repeat_byte(0x22);
        let indexed = json!({"topics": [B256::ZERO, word], "data": "0x", "blockNumber": "0x10", "transactionHash": hash});
        let plain = json!({"topics": [B256::ZERO], "data": word, "blockNumber": "0x10", "transactionHash": hash});
        let expected = HistoryEntry {
            implementation: Address::repeat_byte(0x11),
            block: 16,
            transaction: Some(hash),
            found: HistorySource::Event,
        };
        assert_eq!(entry(&indexed), Some(expected.clone()));
        assert_eq!(entry(&plain), Some(expected));
        assert_eq!(entry(&json!({"topics": "?"})), None);
    }
}

//! Events of one contract since it was made, from nodes that answer for the whole chain and from those
//! that answer for some blocks at a time.

use crate::session::Session;
use alloy_primitives::{Address, B256};
use cutover_chain::ChainError;
use serde_json::{Value, json};

/// Blocks asked about at once, the most first.
const SPANS: [u64; 4] = [u64::MAX, 1_000_000, 100_000, 10_000];
/// Requests at most: a node that needs more does not tell.
const REQUESTS: u64 = 256;
/// Events at most.
const EVENTS: usize = 50_000;

/// The logs of `address` with these topics up to the block that is looked at; `None` when the node does
/// not give all of them.
pub(crate) async fn logs(
    session: &Session,
    address: Address,
    topics: &Value,
) -> Option<Vec<Value>> {
    let mut found = logs_each(session, address, std::slice::from_ref(topics)).await?;
    found.pop()
}

/// [`logs`] with each of these topics, asked for at the same time.
pub(crate) async fn logs_each(
    session: &Session,
    address: Address,
    topics: &[Value],
) -> Option<Vec<Vec<Value>>> {
    let newest = session.block.number;
    for span in SPANS {
        let mut all = Vec::new();
        for topics in topics {
            all.extend(filters(address, topics, newest, span)?);
        }
        let parts = all.len() / topics.len().max(1);
        let mut found: Vec<Vec<Value>> = vec![Vec::new(); topics.len()];
        let mut refusal = None;
        for (index, answer) in session.logs_of(all).await.into_iter().enumerate() {
            match (answer, found.get_mut(index / parts.max(1))) {
                (Ok(logs), Some(found)) => found.extend(logs),
                (Ok(_), None) => {}
                (Err(error), _) => refusal = Some(error),
            }
        }
        match refusal {
            None if found.iter().all(|found| found.len() <= EVENTS) => return Some(found),
            None => return None,
            Some(error) => {
                tracing::debug!(%error, span, "the node does not give these logs");
                let never = matches!(error, ChainError::Unsupported { .. });
                let unreachable = matches!(error, ChainError::Transport { .. }) && parts > 1;
                if never || unreachable {
                    return None;
                }
            }
        }
    }
    None
}

fn filters(address: Address, topics: &Value, newest: u64, span: u64) -> Option<Vec<Value>> {
    let count = newest / span + 1;
    if count > REQUESTS {
        return None;
    }
    let filter = |index: u64| {
        let from = index.saturating_mul(span);
        let to = from.saturating_add(span - 1).min(newest);
        json!({
            "address": address,
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{to:#x}"),
            "topics": topics,
        })
    };
    Some((0..count).map(filter).collect())
}

/// A topic of a log as a word.
pub(crate) fn topic(log: &Value, index: usize) -> Option<B256> {
    log["topics"].get(index)?.as_str()?.parse().ok()
}

/// A topic of a log as an address.
pub(crate) fn topic_address(log: &Value, index: usize) -> Option<Address> {
    let word = topic(log, index)?;
    (word[..12] == [0; 12]).then(|| Address::from_word(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_asked_in_parts_that_meet_and_never_in_too_many() {
        let ask = |newest, span| filters(Address::ZERO, &json!([]), newest, span);
        let parts = ask(25_000, 10_000).unwrap();
        let ends: Vec<_> = parts
            .iter()
            .map(|f| {
                (
                    f["fromBlock"].as_str().unwrap(),
                    f["toBlock"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            ends,
            [
                ("0x0", "0x270f"),
                ("0x2710", "0x4e1f"),
                ("0x4e20", "0x61a8")
            ]
        );
        assert_eq!(ask(22_000_000, u64::MAX).unwrap().len(), 1);
        assert!(ask(22_000_000, 10_000).is_none());
    }

    #[test]
    fn a_topic_that_is_no_address_is_none() {
        let log = json!({"topics": [B256::ZERO, B256::repeat_byte(1)]});
        assert_eq!(topic_address(&log, 1), None);
        assert_eq!(topic_address(&log, 0), Some(Address::ZERO));
        assert_eq!(topic_address(&log, 2), None);
    }
}

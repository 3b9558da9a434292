//! Who might belong to a fleet, from logs: proxies that announced a beacon, and addresses a factory named.
//! Candidates only, since anyone can emit a log.

use super::Fleet;
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;
use cutover_chain::ChainError;
use cutover_types::{abi::IProxy, progress::Progress};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use thiserror::Error;

/// Candidates at most.
const MOST: usize = 1_000_000;
/// Words of one log that are looked at.
const WORDS: usize = 64;
/// Answers after which a range that was refused is tried again at twice the size.
const CALM: u32 = 16;

/// Why the candidates are not known.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The node does not give logs.
    #[error("the node does not give the logs of blocks {from} to {to}")]
    Logs {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
        /// What it said.
        source: ChainError,
    },
    /// The node gives logs that nobody asked for: what else it leaves out or makes up is not known.
    #[error("asked for the logs of blocks {from} to {to}, the node gives others: {detail}")]
    Foreign {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
        /// Which.
        detail: String,
    },
    /// There are more candidates than are looked at.
    #[error("the logs name more than {MOST} addresses")]
    TooMany,
}

/// Whoever announced that it uses `beacon`, up to the fleet's block.
///
/// # Errors
/// When the node does not give the logs.
pub async fn users_of_beacon(
    fleet: &Fleet,
    beacon: Address,
    from: u64,
    progress: &dyn Progress,
) -> Result<Vec<Address>, DiscoverError> {
    let topics = json!([IProxy::BeaconUpgraded::SIGNATURE_HASH, beacon.into_word()]);
    let filter = json!({"topics": topics});
    search(fleet, &filter, from, progress, |log, add| {
        let emitter = log["address"].as_str().and_then(|text| text.parse().ok());
        emitter.into_iter().for_each(add);
    })
    .await
}

/// Every address in the logs of `factory`, up to the fleet's block; whether they are contracts is not known.
///
/// # Errors
/// When the node does not give the logs.
pub async fn named_by_factory(
    fleet: &Fleet,
    factory: Address,
    from: u64,
    progress: &dyn Progress,
) -> Result<Vec<Address>, DiscoverError> {
    let filter = json!({"address": factory});
    let mut found = search(fleet, &filter, from, progress, |log, add| {
        named(log).into_iter().for_each(add);
    })
    .await?;
    found.retain(|address| *address != factory);
    Ok(found)
}

/// The words of a log that could be addresses.
fn named(log: &Value) -> Vec<Address> {
    let topics = log["topics"].as_array().map_or(&[][..], |all| all);
    // The first topic is the event's name.
    let topics = topics.iter().skip(1).take(3).filter_map(Value::as_str);
    let topics = topics.filter_map(|topic| topic.parse::<B256>().ok());
    let data = log["data"]
        .as_str()
        .and_then(|text| text.strip_prefix("0x"));
    let data = data.unwrap_or_default().as_bytes();
    let words = data.chunks_exact(64).take(WORDS).filter_map(|digits| {
        let digits = std::str::from_utf8(digits).ok()?;
        digits.parse::<B256>().ok()
    });
    topics
        .chain(words)
        .filter(|word| word[..12] == [0; 12] && word[12..20] != [0; 8])
        .map(Address::from_word)
        .collect()
}

async fn search(
    fleet: &Fleet,
    filter: &Value,
    from: u64,
    progress: &dyn Progress,
    read: impl Fn(&Value, &mut dyn FnMut(Address)),
) -> Result<Vec<Address>, DiscoverError> {
    let node = &fleet.snapshot.node;
    let last = fleet.block().number;
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    let mut range = Range::new(from, last);
    progress.start("searching the logs", Some(last.saturating_sub(from) + 1));
    while let Some((from, to)) = range.next() {
        let mut filter = filter.clone();
        filter["fromBlock"] = json!(format!("{from:#x}"));
        filter["toBlock"] = json!(format!("{to:#x}"));
        match node
            .call::<Vec<Value>>("eth_getLogs", json!([filter]))
            .await
        {
            Ok(logs) => {
                for log in &logs {
                    if let Some(detail) = foreign(log, &filter, (from, to)) {
                        progress.finish();
                        return Err(DiscoverError::Foreign { from, to, detail });
                    }
                    read(log, &mut |address| {
                        if seen.len() <= MOST && seen.insert(address) {
                            found.push(address);
                        }
                    });
                }
                if seen.len() > MOST {
                    progress.finish();
                    return Err(DiscoverError::TooMany);
                }
                progress.advance(to - from + 1);
                range.took();
            }
            Err(error) if is_about_size(&error) && range.smaller() => {
                tracing::debug!(%error, from, to, "fewer blocks at a time");
            }
            Err(source) => {
                progress.finish();
                return Err(DiscoverError::Logs { from, to, source });
            }
        }
    }
    progress.finish();
    Ok(found)
}

/// How a log differs from what `filter` asks for.
fn foreign(log: &Value, filter: &Value, (from, to): (u64, u64)) -> Option<String> {
    let same = |one: &Value, other: &Value| match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => false,
    };
    if !filter["address"].is_null() && !same(&log["address"], &filter["address"]) {
        return Some(format!("of {}", shown(&log["address"])));
    }
    let asked = filter["topics"].as_array().map_or(&[][..], |all| all);
    let topics = (0..asked.len()).find(|index| !same(&log["topics"][index], &asked[*index]));
    if let Some(index) = topics {
        return Some(format!("topic {index} is {}", shown(&log["topics"][index])));
    }
    let digits = log["blockNumber"]
        .as_str()
        .and_then(|text| text.strip_prefix("0x"));
    let block = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match block {
        Some(block) if (from..=to).contains(&block) => None,
        _ => Some(format!("of block {}", shown(&log["blockNumber"]))),
    }
}

/// A little of what a node says.
fn shown(value: &Value) -> String {
    let text = value.as_str().unwrap_or("nothing");
    cutover_types::text::terminal(text, 80)
}

/// Whether fewer blocks might be answered. Nodes say "too many results" in as many ways as there are nodes, so
/// any refusal that is not about something else counts.
fn is_about_size(error: &ChainError) -> bool {
    match error {
        ChainError::Rpc { .. } => true,
        ChainError::Transport { detail, .. } => ["longer than", "size", "413", "timed out"]
            .iter()
            .any(|words| detail.contains(words)),
        _ => false,
    }
}

/// Blocks still to be searched, and how many of them at a time.
struct Range {
    next: u64,
    last: u64,
    size: u64,
    calm: u32,
    done: bool,
}

impl Range {
    fn new(from: u64, last: u64) -> Self {
        Self {
            next: from,
            last,
            size: last.saturating_sub(from).saturating_add(1),
            calm: 0,
            done: from > last,
        }
    }

    fn next(&self) -> Option<(u64, u64)> {
        let end = self.next.saturating_add(self.size - 1).min(self.last);
        (!self.done).then_some((self.next, end))
    }

    fn took(&mut self) {
        let Some((_, end)) = self.next() else { return };
        self.done = end >= self.last;
        self.next = end.saturating_add(1);
        self.calm += 1;
        if self.calm >= CALM {
            (self.calm, self.size) = (0, self.size.saturating_mul(2));
        }
    }

    /// Half as many at a time; `false` when it is one already.
    fn smaller(&mut self) -> bool {
        let Some((from, to)) = self.next() else {
            return false;
        };
        self.calm = 0;
        self.size = (to - from).div_ceil(2).max(1);
        to > from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_asked_for_once_whatever_the_node_takes() {
        for most in [1, 7, 64, 10_000] {
            let (mut range, mut expected, mut asked) = (Range::new(5, 1_000), 5, 0);
            while let Some((from, to)) = range.next() {
                asked += 1;
                assert!(asked < 5_000);
                if to - from + 1 > most {
                    assert!(range.smaller());
                    continue;
                }
                assert_eq!(from, expected);
                expected = to + 1;
                range.took();
            }
            assert_eq!(expected, 1_001, "{most}");
        }
        assert_eq!(Range::new(6, 5).next(), None);
        let mut one = Range::new(u64::MAX, u64::MAX);
        assert!(!one.smaller());
        one.took();
        assert_eq!(one.next(), None);
    }

    #[test]
    fn logs_that_were_not_asked_for_are_told_from_those_that_were() {
        let (a, b) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
        let topics = [B256::repeat_byte(1), a.into_word()];
        let filter = json!({"address": a, "topics": topics});
        let log = json!({
            "address": a.to_string().to_lowercase(),
            "topics": [topics[0], topics[1], b.into_word()],
            "blockNumber": "0x5",
        });
        assert_eq!(foreign(&log, &filter, (5, 7)), None);
        for (field, lie) in [
            ("address", json!(b)),
            ("topics", json!([topics[0]])),
            ("topics", json!([topics[1], topics[0]])),
            ("blockNumber", json!("0x8")),
            ("blockNumber", json!(5)),
            ("address", Value::Null),
        ] {
            let mut log = log.clone();
            log[field] = lie;
            assert!(foreign(&log, &filter, (5, 7)).is_some(), "{log}");
        }
        assert_eq!(foreign(&log, &json!({"topics": topics}), (5, 7)), None);
    }

    #[test]
    fn addresses_stand_in_topics_and_data_and_numbers_are_none() {
        let (a, b) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
        let data = [
            a.into_word(),
            B256::with_last_byte(7),
            B256::repeat_byte(0xcc),
        ]
        .concat();
        let log = json!({
            "topics": [a.into_word(), b.into_word()],
            "data": alloy_primitives::Bytes::from(data),
        });
        assert_eq!(named(&log), [b, a]);
        assert!(named(&json!({"topics": "?", "data": "0x12"})).is_empty());
        assert!(named(&json!({"topics": [], "data": "0xé"})).is_empty());
    }
}

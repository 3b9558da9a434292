//! `eth_getLogs` over recorded blocks.

use super::{Archive, blocks, refusal::Refusal};
use alloy_primitives::{Address, B256, Log};
use cutover_types::RecordedBlock;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Blocks one query may span.
const RANGE: u64 = 10_000;

/// Which logs are wanted. An empty list admits everything.
struct Filter {
    addresses: Vec<Address>,
    topics: Vec<Vec<B256>>,
}

/// The logs of these blocks that pass the filter. Every block in the range must be recorded: passing
/// over one would look as if it had no logs.
pub(super) fn logs(
    archive: &dyn Archive,
    filter: &Value,
    from: u64,
    to: u64,
) -> Result<Value, Refusal> {
    if to.saturating_sub(from) >= RANGE {
        return Err(Refusal::params("the range has more than 10000 blocks"));
    }
    let filter = Filter::parse(filter)?;
    let mut found = Vec::new();
    for number in from..=to {
        let block = archive
            .block(number)
            .ok_or_else(|| Refusal::history(&format!("logs of block {number}")))?;
        filter.collect(&block, &mut found);
    }
    Ok(Value::Array(found))
}

impl Filter {
    fn parse(filter: &Value) -> Result<Self, Refusal> {
        let topics = match &filter["topics"] {
            Value::Null => Vec::new(),
            Value::Array(topics) if topics.len() <= 4 => topics
                .iter()
                .map(one_or_many)
                .collect::<Result<Vec<_>, _>>()?,
            _ => return Err(Refusal::params("the topics are no list of up to four")),
        };
        Ok(Self {
            addresses: one_or_many(&filter["address"])?,
            topics,
        })
    }

    fn collect(&self, block: &RecordedBlock, found: &mut Vec<Value>) {
        let mut position = 0;
        for (index, receipt) in block.receipts.iter().enumerate() {
            for log in receipt.logs() {
                if self.admits(log) {
                    found.push(blocks::log(block, index, position, log));
                }
                position += 1;
            }
        }
    }

    fn admits(&self, log: &Log) -> bool {
        let topics = log.topics();
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.len() <= topics.len()
            && self
                .topics
                .iter()
                .zip(topics)
                .all(|(wanted, topic)| wanted.is_empty() || wanted.contains(topic))
    }
}

fn one_or_many<T: DeserializeOwned>(value: &Value) -> Result<Vec<T>, Refusal> {
    let parse = |one: &Value| {
        serde_json::from_value(one.clone())
            .map_err(|_| Refusal::params("an address or a topic is malformed"))
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(many) => many.iter().map(parse).collect(),
        one => Ok(vec![parse(one)?]),
    }
}

//! What a proxy says when it is upgraded.

use super::Asked;
use crate::{controllers::logs::logs, session::Session};
use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolEvent;
use cutover_types::{
    ProxyKind,
    abi::IProxy,
    inspection::{HistoryEntry, HistorySource},
};
use serde_json::{Value, json};

/// Blocks back, where a node does not search the whole chain.
pub(super) const RECENT: u64 = 10_000;

/// Where an event names the new implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Topic(usize),
    Word(usize),
}

/// The event of a kind that has another than ERC-1967's.
fn other(kind: ProxyKind) -> Option<(&'static str, At)> {
    Some(match kind {
        ProxyKind::CompoundUnitroller
        | ProxyKind::CompoundDelegator
        | ProxyKind::CompoundGovernorDelegator => {
            ("NewImplementation(address,address)", At::Word(1))
        }
        ProxyKind::SynthetixCallProxy => ("TargetUpdated(address)", At::Word(0)),
        ProxyKind::CeloProxy => ("ImplementationSet(address)", At::Topic(1)),
        ProxyKind::GraphProxy => ("ImplementationUpdated(address,address)", At::Topic(2)),
        ProxyKind::PolygonUpgradable | ProxyKind::Eip897Owned => {
            ("ProxyUpdated(address,address)", At::Topic(1))
        }
        ProxyKind::SafeProxy => ("ChangedMasterCopy(address)", At::Word(0)),
        ProxyKind::Eip173 => ("ProxyImplementationUpdated(address,address)", At::Topic(2)),
        ProxyKind::KeepTimelock => ("UpgradeCompleted(address)", At::Word(0)),
        ProxyKind::ArbitrumDoubleLogic => ("UpgradedSecondary(address)", At::Topic(1)),
        ProxyKind::SequenceWallet => ("ImplementationUpdated(address)", At::Word(0)),
        ProxyKind::EternalStorage => ("Upgraded(uint256,address)", At::Topic(1)),
        ProxyKind::DecentralandStorage => ("Upgrade(address,bytes)", At::Topic(1)),
        ProxyKind::ChainlinkAggregator => ("AggregatorConfirmed(address,address)", At::Topic(2)),
        _ => return None,
    })
}

fn topics(kind: ProxyKind) -> Vec<B256> {
    let own = other(kind).map(|(event, _)| keccak256(event));
    // ERC-1967's event is of what only the admin reaches there.
    let both = kind != ProxyKind::ArbitrumDoubleLogic;
    let standard = both.then_some(IProxy::Upgraded::SIGNATURE_HASH);
    standard.into_iter().chain(own).collect()
}

/// Every upgrade it told of; `None` when the node does not give all of them.
pub(super) async fn all(session: &Session, asked: &Asked) -> Option<Vec<HistoryEntry>> {
    let logs = logs(session, asked.holder, &json!([topics(asked.kind)])).await?;
    Some(entries(&logs, asked))
}

/// The upgrades of the last blocks.
pub(super) async fn recent(session: &Session, asked: &Asked) -> Option<Vec<HistoryEntry>> {
    let newest = session.block.number;
    let filter = json!({
        "address": asked.holder,
        "fromBlock": format!("{:#x}", newest.saturating_sub(RECENT)),
        "toBlock": format!("{newest:#x}"),
        "topics": [topics(asked.kind)],
    });
    let logs = session.logs_of(vec![filter]).await.pop()?.ok()?;
    Some(entries(&logs, asked))
}

/// What the logs of the holder say; a node may give others that nobody asked for.
fn entries(logs: &[Value], asked: &Asked) -> Vec<HistoryEntry> {
    let of_holder = |log: &&Value| {
        let emitter = log["address"].as_str();
        emitter.and_then(|text| text.parse().ok()) == Some(asked.holder)
    };
    logs.iter()
        .filter(of_holder)
        .filter_map(|log| entry(log, asked.kind))
        .collect()
}

fn entry(log: &Value, kind: ProxyKind) -> Option<HistoryEntry> {
    let topic = |index: usize| log["topics"].get(index)?.as_str()?.parse::<B256>().ok();
    let data = log["data"].as_str().unwrap_or_default();
    let word = |index: usize| {
        let digits = data.strip_prefix("0x")?.get(index * 64..(index + 1) * 64)?;
        digits.parse::<B256>().ok()
    };
    let event = topic(0)?;
    if !topics(kind).contains(&event) {
        return None;
    }
    let word = if event == IProxy::Upgraded::SIGNATURE_HASH {
        // zos did not index it.
        topic(1).or_else(|| word(0))?
    } else {
        match other(kind)?.1 {
            At::Topic(index) => topic(index)?,
            // Later builds index what earlier ones did not.
            At::Word(0) => topic(1).or_else(|| word(0))?,
            At::Word(index) => word(index)?,
        }
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

    const HASH: B256 = B256::repeat_byte(0x22);

    fn log(event: B256, topic: Option<B256>, data: &str) -> Value {
        let topics: Vec<_> = [event].into_iter().chain(topic).collect();
        json!({"topics": topics, "data": data, "blockNumber": "0x10", "transactionHash": HASH})
    }

    #[test]
    fn only_the_holder_s_logs_of_its_kind_s_events_count() {
        let holder = Address::repeat_byte(0x33);
        let asked = |kind| Asked {
            holder,
            kind,
            slot: None,
            current: Address::ZERO,
        };
        let word = Address::repeat_byte(0x11).into_word();
        let mut theirs = log(IProxy::Upgraded::SIGNATURE_HASH, Some(word), "0x");
        assert!(entries(&[theirs.clone()], &asked(ProxyKind::Transparent)).is_empty());
        theirs["address"] = json!(holder);
        assert_eq!(
            entries(&[theirs.clone()], &asked(ProxyKind::Transparent)).len(),
            1
        );
        // That is what only the admin reaches.
        let double = asked(ProxyKind::ArbitrumDoubleLogic);
        assert!(entries(&[theirs], &double).is_empty());
    }

    #[test]
    fn every_form_of_the_event_is_read_and_nonsense_is_passed_over() {
        let word = Address::repeat_byte(0x11).into_word();
        let upgraded = IProxy::Upgraded::SIGNATURE_HASH;
        let expected = HistoryEntry {
            implementation: Address::repeat_byte(0x11),
            block: 16,
            transaction: Some(HASH),
            found: HistorySource::Event,
        };
        let plain = ProxyKind::Transparent;
        for found in [
            entry(&log(upgraded, Some(word), "0x"), plain),
            entry(&log(upgraded, None, &word.to_string()), plain),
            entry(
                &log(
                    keccak256("NewImplementation(address,address)"),
                    None,
                    &format!(
                        "{}{}",
                        B256::ZERO,
                        word.to_string().trim_start_matches("0x")
                    ),
                ),
                ProxyKind::CompoundUnitroller,
            ),
            entry(
                &log(keccak256("TargetUpdated(address)"), None, &word.to_string()),
                ProxyKind::SynthetixCallProxy,
            ),
        ] {
            assert_eq!(found, Some(expected.clone()));
        }
        assert_eq!(entry(&json!({"topics": "?"}), plain), None);
        assert_eq!(entry(&log(B256::ZERO, Some(word), "0x"), plain), None);
    }
}

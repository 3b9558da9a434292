//! What traces say: which transactions call the proxy, and which keys a block reads.

use alloy_primitives::{Address, B256, U256};
use cutover_types::Missing;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// The EVM goes 1,024 calls deep.
const DEEPEST: usize = 1_025;
/// Keys of a hint beyond this are left out: no block reads as many.
const MOST_KEYS: usize = 1 << 18;

/// One transaction of a traced block.
#[derive(Deserialize)]
pub(crate) struct Entry<'a> {
    #[serde(rename = "txHash", default)]
    pub(crate) hash: Option<B256>,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    to: Option<Address>,
    // Kept as text: nested parsing would end at the parser's depth limit, far above the EVM's.
    #[serde(borrow, default)]
    calls: Vec<&'a RawValue>,
}

/// How often a transaction calls the proxy, by its call trace.
///
/// A call counts whether or not it succeeds, and with it the whole transaction. Running the proxy's
/// code elsewhere (`DELEGATECALL`) and creating the proxy are no calls of it.
pub(crate) fn calls(trace: &RawValue, proxy: Address) -> Result<u64, String> {
    let mut found = 0;
    let mut open = vec![(trace, 0)];
    while let Some((text, depth)) = open.pop() {
        if depth > DEEPEST {
            return Err("a call trace is deeper than the EVM allows".into());
        }
        let frame: Frame<'_> = serde_json::from_str(text.get())
            .map_err(|error| format!("a call trace is malformed: {error}"))?;
        if frame.to == Some(proxy) && matches!(frame.kind.as_str(), "CALL" | "STATICCALL") {
            found += 1;
        }
        open.extend(frame.calls.into_iter().map(|call| (call, depth + 1)));
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Prestate {
    #[serde(default)]
    storage: BTreeMap<U256, serde::de::IgnoredAny>,
}

/// The keys a transaction reads, by its prestate trace; values are those in mid-block, so only the
/// keys are of use.
pub(crate) fn keys(
    trace: &RawValue,
    into: &mut BTreeSet<Missing>,
) -> Result<(), serde_json::Error> {
    let accounts: BTreeMap<Address, Prestate> = serde_json::from_str(trace.get())?;
    for (address, prestate) in accounts {
        into.insert(Missing::Account { address });
        for slot in prestate.storage.into_keys() {
            if into.len() >= MOST_KEYS {
                return Ok(());
            }
            let slot = B256::from(slot);
            into.insert(Missing::Slot { address, slot });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: Address = Address::repeat_byte(0xaa);

    fn count(json: &str) -> Result<u64, String> {
        calls(serde_json::from_str(json).unwrap(), PROXY)
    }

    #[test]
    fn calls_count_at_any_depth_and_failed_ones_too() {
        let proxy = PROXY.to_string();
        let other = Address::repeat_byte(1);
        let cases = [
            (format!(r#"{{"type":"CALL","to":"{proxy}"}}"#), 1),
            (format!(r#"{{"type":"CALL","to":"{other}"}}"#), 0),
            (format!(r#"{{"type":"DELEGATECALL","to":"{proxy}"}}"#), 0),
            (format!(r#"{{"type":"CREATE2","to":"{proxy}"}}"#), 0),
            (format!(r#"{{"type":"SELFDESTRUCT","to":"{proxy}"}}"#), 0),
            (
                format!(
                    r#"{{"type":"CREATE","to":null,"error":"execution reverted","calls":[
                        {{"type":"STATICCALL","to":"{proxy}","error":"out of gas"}},
                        {{"type":"DELEGATECALL","to":"{other}","calls":[{{"type":"CALL","to":"{proxy}"}}]}}]}}"#
                ),
                2,
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(count(&json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn deep_traces_are_read_to_the_depth_of_the_evm_and_no_further() {
        let nested = |depth: usize| {
            let inner = format!(r#"{{"type":"CALL","to":"{PROXY}"}}"#);
            (0..depth).fold(inner, |inner, _| {
                format!(r#"{{"type":"CALL","to":null,"calls":[{inner}]}}"#)
            })
        };
        assert_eq!(count(&nested(1_024)), Ok(1));
        assert!(count(&nested(1_100)).is_err());
    }

    #[test]
    fn prestate_gives_keys_of_any_spelling() {
        let json = format!(
            r#"{{"{PROXY}":{{"balance":"0x1","storage":{{"0x0":"0x1","0x{:064x}":"0x2"}}}}}}"#,
            7
        );
        let mut found = BTreeSet::new();
        keys(serde_json::from_str(&json).unwrap(), &mut found).unwrap();
        let slot = |byte| Missing::Slot {
            address: PROXY,
            slot: B256::with_last_byte(byte),
        };
        let expected = [Missing::Account { address: PROXY }, slot(0), slot(7)];
        assert_eq!(found, BTreeSet::from(expected));
    }

    #[derive(Deserialize)]
    struct Traces {
        #[serde(rename = "callTracer")]
        calls: Vec<Box<RawValue>>,
    }

    /// Of a call of the proxy, the calls it hands on with the same calldata.
    fn handed_on(frame: &serde_json::Value, proxy: Address) -> u64 {
        let mut found = 0;
        let mut open = vec![frame];
        while let Some(frame) = open.pop() {
            let inner = frame["calls"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            let to: Option<Address> =
                serde_json::from_value(frame["to"].clone()).unwrap_or_default();
            let called =
                to == Some(proxy) && matches!(frame["type"].as_str(), Some("CALL" | "STATICCALL"));
            let same = |call: &serde_json::Value| {
                call["type"] == "DELEGATECALL" && call["input"] == frame["input"]
            };
            found += u64::from(called && inner.iter().any(same));
            open.extend(inner);
        }
        found
    }

    #[test]
    fn every_proxy_of_the_real_blocks_is_found_in_the_transactions_it_is_known_to_be_in() {
        let Some(data) = std::env::var_os("CUTOVER_MAINNET_DATA").map(std::path::PathBuf::from)
        else {
            return;
        };
        let index = std::fs::read_to_string(data.join("INDEX.json")).unwrap();
        let index: serde_json::Value = serde_json::from_str(&index).unwrap();
        let (mut proxies, mut own) = (0, Vec::new());
        for block in index["blocks"].as_array().unwrap() {
            let number = &block["number"];
            let file =
                std::fs::File::open(data.join(format!("blocks/trace-{number}.json.gz"))).unwrap();
            let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
            let traces: Traces = serde_json::from_str(&text).unwrap();
            let parsed: Vec<serde_json::Value> = traces
                .calls
                .iter()
                .map(|trace| serde_json::from_str(trace.get()).unwrap())
                .collect();
            for known in block["proxies"].as_array().unwrap() {
                let proxy: Address = serde_json::from_value(known["address"].clone()).unwrap();
                let calls: Vec<u64> = traces
                    .calls
                    .iter()
                    .map(|trace| super::calls(trace, proxy).unwrap())
                    .collect();
                let sent = |trace: &serde_json::Value| {
                    serde_json::from_value::<Option<Address>>(trace["to"].clone()).unwrap()
                        == Some(proxy)
                };
                let reached = calls.iter().filter(|calls| **calls > 0).count() as u64;
                let handed: u64 = parsed.iter().map(|trace| handed_on(trace, proxy)).sum();
                let direct = parsed
                    .iter()
                    .zip(&calls)
                    .filter(|(trace, calls)| **calls > 0 && sent(trace))
                    .count() as u64;
                assert_eq!(
                    Some(reached),
                    known["transactions"].as_u64(),
                    "{number} {proxy}"
                );
                // The index counts only the calls that go on to the implementation.
                assert_eq!(Some(handed), known["calls"].as_u64(), "{number} {proxy}");
                assert!(calls.iter().sum::<u64>() >= handed);
                if Some(direct) != known["direct"].as_u64() {
                    own.push((number.as_u64().unwrap(), proxy));
                }
                proxies += 1;
            }
        }
        assert_eq!(proxies, 315);
        // Sent to a proxy that answers itself and calls itself back; the index calls that internal.
        let router = alloy_primitives::address!("fbeedcfe378866dab6abbafd8b2986f5c1768737");
        assert_eq!(own, [(19_932_148, router)]);
    }
}

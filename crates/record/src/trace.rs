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
}

//! Variables of the implementation over what the proxy itself keeps in storage.
//!
//! Proxies older than EIP-1967, and many written by hand, keep their implementation and their owner in
//! the first slots. An implementation has to leave those alone: what it writes there is the proxy's next
//! target.

use super::{Live, Outcome};
use crate::{
    Side,
    build::evm::instructions,
    layout::{
        gaps::Gaps,
        overlaps::word,
        place::{Range, shown},
    },
    rules,
};
use alloy_primitives::{B256, Bytes, U256, uint};
use cutover_types::{
    Finding, Severity, StorageItem, StorageLayout, abi::PROXY_SLOTS, code::without_metadata,
};
use std::collections::BTreeMap;

/// Slots from here on are hashes; variables do not come near them by counting.
const PLAIN: U256 = uint!(0x10000000000000000_U256);

const PUSH0: u8 = 0x5f;
const PUSH32: u8 = 0x7f;
const DUP1: u8 = 0x80;
const SWAP1: u8 = 0x90;
const SLOAD: u8 = 0x54;

/// Names green's variables that lie over slots of the proxy.
pub(super) fn inspect(
    blue: &Side<'_>,
    green: &Side<'_>,
    proxy_code: Option<&Bytes>,
    live: &Live,
    outcome: &mut Outcome,
) {
    let (Some(before), Some(after)) = (blue.layout, green.layout) else {
        return;
    };
    let gaps = Gaps::of(after, green.sources);
    for (slot, holds) in slots(live, proxy_code) {
        let of_proxy = word(slot);
        for item in &after.storage {
            let Some(range) = of(item, after).filter(|range| range.overlaps(&of_proxy)) else {
                continue;
            };
            if gaps.sign(item).is_some() {
                continue;
            }
            let message = format!(
                "`{}` ({}) lies over slot {}, where the proxy {} keeps {holds}",
                item.label,
                shown(item),
                U256::from_be_bytes(slot.0),
                live.proxy
            );
            let found = rules::STORAGE_OVERLAP.finding(&item.contract, message);
            let found = Finding {
                label: Some(item.label.clone()),
                source: item.source.clone(),
                ..found
            };
            let same = |old: &&StorageItem| {
                of(old, before) == Some(range) && head(&old.type_id) == head(&item.type_id)
            };
            match before.storage.iter().find(same) {
                None => outcome.findings.push(found),
                // A stand-in for the proxy's own variable, declared so that the others come behind it.
                Some(_) if !counts(item) => {}
                Some(_) => outcome.findings.push(Finding {
                    severity: Severity::Warning,
                    message: found.message + ", as in blue",
                    ..found
                }),
            }
        }
    }
}

/// Slots at the start of storage that the proxy's own code uses, and what it keeps there.
fn slots(live: &Live, proxy_code: Option<&Bytes>) -> BTreeMap<B256, &'static str> {
    let mut slots: BTreeMap<_, _> = proxy_code
        .map(|code| read(code))
        .unwrap_or_default()
        .into_iter()
        .map(|slot| (slot, "something that its own code reads"))
        .collect();
    slots.extend(live.target_slot.map(|slot| (slot, "its implementation")));
    // Those are looked for in every layout.
    slots.retain(|slot, _| PROXY_SLOTS.iter().all(|(known, _)| known != slot));
    slots
}

/// Slots whose number stands before an `SLOAD`, in the forms the compiler gives to a state variable.
fn read(code: &[u8]) -> Vec<B256> {
    let code: Vec<_> = instructions(without_metadata(code)).collect();
    let pushed = |at: usize| {
        let (_, opcode, data) = *code.get(at)?;
        let number = U256::try_from_be_slice(data)?;
        (PUSH0..=PUSH32).contains(&opcode).then_some(number)
    };
    let mut found = Vec::new();
    for at in 0..code.len() {
        let rest: Vec<u8> = code[at + 1..]
            .iter()
            .take(3)
            .map(|(_, op, _)| *op)
            .collect();
        let number = match rest[..] {
            [SLOAD, ..] | [DUP1, SLOAD, ..] => pushed(at),
            // The slot, then the byte in it.
            [PUSH0..=PUSH32, SWAP1, SLOAD] => pushed(at),
            _ => None,
        };
        found.extend(number.filter(|slot| *slot < PLAIN).map(B256::from));
    }
    found
}

/// The bytes a variable has of its own: a mapping and what is behind a dynamic array lie elsewhere.
fn of(item: &StorageItem, layout: &StorageLayout) -> Option<Range> {
    let info = layout.types.get(&item.type_id)?;
    (info.encoding != "mapping").then(|| Range::of(item, Some(info)))?
}

/// Whether the value is a number or a flag: nobody declares that to stand in for the proxy's variable.
fn counts(item: &StorageItem) -> bool {
    ["t_uint", "t_int", "t_bool", "t_enum"]
        .iter()
        .any(|start| item.type_id.starts_with(start))
}

/// A type's identifier without what differs between two compilations.
fn head(type_id: &str) -> &str {
    type_id.split('(').next().unwrap_or(type_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn the_slots_that_compiled_code_reads_are_found() {
        for (code, slots) in [
            ("5f5473ff", vec![0u64]),
            ("60028054", vec![2]),
            // Packed: slot 1, byte 20.
            ("600160149054", vec![1]),
            // In the data of another instruction, and a hash.
            ("6260015460ff", vec![]),
            ("6a010000000000000000000054", vec![]),
        ] {
            let slots: Vec<_> = slots
                .into_iter()
                .map(|n| B256::from(U256::from(n)))
                .collect();
            assert_eq!(read(&hex::decode(code).unwrap()), slots, "{code}");
        }
    }
}

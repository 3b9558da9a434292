//! How far the proxy's initializers have come, and what green's can still do.

use super::{
    Live, Outcome,
    reinitializers::{self, Initializer},
};
use crate::{Side, rules};
use alloy_primitives::{B256, U256};
use cutover_types::{
    Finding, Severity, StorageItem, StorageLayout, live::Initialized, storage::namespace_root,
};
use std::collections::BTreeMap;

/// OpenZeppelin's namespace from 5.0 on.
const NAMESPACE: &str = "erc7201:openzeppelin.storage.Initializable";

/// A variable that counts initializations.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counter {
    name: String,
    slot: B256,
    offset: u64,
    size: u64,
}

/// The slots that hold the versions.
pub(super) fn slots(blue: &Side<'_>, green: &Side<'_>) -> Vec<B256> {
    let sides = [blue, green].into_iter();
    sides
        .filter_map(|side| Some(counter(side.layout?)?.slot))
        .collect()
}

pub(super) fn inspect(
    blue: &Side<'_>,
    green: &Side<'_>,
    live: &Live,
    outcome: &mut Outcome,
) -> Option<Initialized> {
    let of = |side: &Side<'_>| side.layout.and_then(counter);
    let (before, after) = (of(blue), of(green));
    let shown = before.as_ref().or(after.as_ref())?;
    let version = before.as_ref().and_then(|counter| read(counter, live));
    let found = Initialized {
        variable: shown.name.clone(),
        slot: shown.slot,
        version,
        green: after.as_ref().and_then(|counter| read(counter, live)),
    };
    let Some(counter) = after else {
        return Some(found);
    };
    let initializers = reinitializers::of(green).unwrap_or_default();
    if initializers.is_empty() {
        return Some(found);
    }
    let Some(reached) = found.green else {
        let why = live.refused.get(&counter.slot).map_or("", String::as_str);
        outcome.unknown.push(format!(
            "the version in `{}` of the proxy was not read, so whether green's initializers can run is not known: {why}",
            counter.name
        ));
        return Some(found);
    };
    let contract = green.contract.unwrap_or(green.reference);
    let mut say = |severity: Severity, function: &str, message: String| {
        outcome.findings.push(Finding {
            severity,
            label: Some(function.to_owned()),
            ..rules::INITIALIZER_VERSION.finding(contract, message)
        });
    };
    judge(
        &initializers,
        reinitializers::of(blue),
        version,
        reached,
        &mut say,
    );
    Some(found)
}

/// Holds green's initializers against the version it reads.
fn judge(
    green: &BTreeMap<String, Initializer>,
    blue: Option<BTreeMap<String, Initializer>>,
    version: Option<u64>,
    reached: u64,
    say: &mut dyn FnMut(Severity, &str, String),
) {
    let first = green.iter().find(|(_, one)| one.first);
    if let (0, Some((name, _))) = (reached, first) {
        match version {
            // What was locked is open again.
            Some(before) if before > 0 => say(
                Severity::Error,
                name,
                format!(
                    "the proxy is initialized (version {before}), but green reads 0 where it keeps its own version: anyone can call `{name}` again"
                ),
            ),
            _ => say(
                Severity::Warning,
                name,
                format!("the proxy was never initialized: anyone can call `{name}` on it"),
            ),
        }
    }
    for (name, one) in green.iter().filter(|(_, one)| !one.first) {
        let Some(to) = one.version else { continue };
        let known = blue.as_ref().map(|blue| blue.get(name) == Some(one));
        match known {
            // It ran when its version was new.
            Some(true) if to <= reached => {}
            Some(true) => say(
                Severity::Warning,
                name,
                format!(
                    "`{name}` leads to version {to} and never ran: the proxy is at {reached}, and blue has it already"
                ),
            ),
            known if to <= reached => say(
                // Without blue's source it may be one that ran long ago.
                if known.is_some() {
                    Severity::Error
                } else {
                    Severity::Warning
                },
                name,
                format!(
                    "`{name}` leads to version {to}, but the proxy is at {} already: it can never run",
                    shown(reached)
                ),
            ),
            _ => {}
        }
    }
}

/// The highest version means that initializers were switched off.
fn shown(version: u64) -> String {
    match version {
        255 | u64::MAX => format!("{version} (initializers are disabled)"),
        _ => version.to_string(),
    }
}

fn counter(layout: &StorageLayout) -> Option<Counter> {
    let size = |item: &StorageItem| {
        let info = layout.types.get(&item.type_id)?;
        let size = info.number_of_bytes.parse::<u64>().ok()?;
        (1..=8).contains(&size).then_some(size)
    };
    if let Some(items) = layout.namespaces.get(NAMESPACE) {
        let item = items.iter().find(|item| item.label == "_initialized")?;
        let root = layout.namespace_roots.get(NAMESPACE).copied();
        let root = root.unwrap_or_else(|| namespace_root(NAMESPACE));
        let slot: U256 = item.slot.parse().ok()?;
        return Some(Counter {
            name: "openzeppelin.storage.Initializable._initialized".into(),
            slot: U256::from_be_bytes(root.0).wrapping_add(slot).into(),
            offset: item.offset,
            size: size(item)?,
        });
    }
    let item = layout.storage.iter().find(|item| {
        let contract = item.contract.rsplit(':').next().unwrap_or_default();
        matches!(item.label.as_str(), "_initialized" | "initialized")
            && matches!(contract, "Initializable" | "VersionedInitializable")
    })?;
    Some(Counter {
        name: item.label.clone(),
        slot: item.slot.parse::<U256>().ok()?.into(),
        offset: item.offset,
        size: size(item)?,
    })
}

fn read(counter: &Counter, live: &Live) -> Option<u64> {
    let word = live.words.get(&counter.slot)?;
    let shift = usize::try_from(counter.offset.min(31) * 8).ok()?;
    let bits = u32::try_from(counter.size * 8).ok()?;
    let low = (*word >> shift).as_limbs()[0];
    Some(low & (u64::MAX >> (64 - bits)))
}

//! Whether blue's source is what the proxy runs.

use super::{Live, Outcome};
use crate::{Side, rules};
use alloy_primitives::{Address, Bytes, keccak256};
use cutover_types::{
    code::{Match, compiler, without_metadata},
    live::{CodeMatch, LinkedLibrary, LiveCode, LiveImmutable},
};
use std::ops::Range;

/// Immutables and libraries listed at most.
const MAX_LISTED: usize = 64;

/// Compares blue's build with the code on the chain; immutables, library addresses and metadata aside.
pub(super) fn compare(blue: &Side<'_>, live: &Live, outcome: &mut Outcome) -> LiveCode {
    let mut found = LiveCode {
        address: live.address,
        code_hash: keccak256(&live.code),
        size: live.code.len() as u64,
        blue_size: blue.build().map(|code| code.len() as u64),
        matched: CodeMatch::NotCompared,
        first_difference: None,
        differing_bytes: None,
        compiler: compiler(&live.code),
        blue_compiler: blue.compiler.map(str::to_owned),
        immutables: Vec::new(),
        libraries: Vec::new(),
    };
    let Some(build) = blue.build() else {
        outcome.unknown.push(format!(
            "blue has no runtime code: whether it is what {} runs was not compared",
            live.proxy
        ));
        return found;
    };
    let contract = blue.contract.unwrap_or(blue.reference);
    found.matched = match blue.checked().build.compare(&live.code) {
        Match::Exact => CodeMatch::Exact,
        Match::MetadataAside => {
            let message = format!("the code at {} carries other metadata", live.address);
            let finding = rules::OTHER_METADATA.finding(contract, message);
            outcome.findings.push(finding);
            CodeMatch::OtherMetadata
        }
        Match::None => {
            let ours = without_metadata(build);
            let theirs = without_metadata(&live.code);
            let mut differing = (0..ours.len().max(theirs.len()))
                .filter(|at| !blue.is_masked(*at) && ours.get(*at) != theirs.get(*at));
            found.first_difference = differing.next().map(|at| at as u64);
            found.differing_bytes =
                Some(differing.count() as u64 + u64::from(found.first_difference.is_some()));
            outcome
                .findings
                .push(rules::NOT_LIVE.finding(contract, not_live(&found)));
            CodeMatch::Different
        }
    };
    if found.matched != CodeMatch::Different {
        found.immutables = immutables(blue.immutables, &live.code);
        found.libraries = libraries(blue.links, &live.code);
    }
    found
}

fn not_live(found: &LiveCode) -> String {
    let mut message = format!(
        "the proxy runs {}, whose code is not a build of this source",
        found.address
    );
    if let (Some(first), Some(count), Some(ours)) = (
        found.first_difference,
        found.differing_bytes,
        found.blue_size,
    ) {
        message.push_str(&format!(
            ": {count} of {} bytes differ, the first at {first}",
            found.size.max(ours)
        ));
        if ours != found.size {
            message.push_str(&format!(", and it has {} bytes, blue {ours}", found.size));
        }
    }
    if let (Some(theirs), Some(ours)) = (&found.compiler, &found.blue_compiler)
        && !ours.starts_with(theirs.as_str())
    {
        message.push_str(&format!("; solc {theirs} made it, blue was made by {ours}"));
    }
    message
}

/// What immutables hold, each value once.
fn immutables(ranges: &[Range<usize>], code: &Bytes) -> Vec<LiveImmutable> {
    let mut found: Vec<LiveImmutable> = Vec::new();
    for range in ranges {
        let Some(value) = code.get(range.clone()) else {
            continue;
        };
        if found.len() < MAX_LISTED && !found.iter().any(|one| one.value.as_ref() == value) {
            found.push(LiveImmutable {
                offset: range.start as u64,
                value: Bytes::copy_from_slice(value),
            });
        }
    }
    found
}

fn libraries(ranges: &[Range<usize>], code: &Bytes) -> Vec<LinkedLibrary> {
    let mut found: Vec<LinkedLibrary> = Vec::new();
    for range in ranges {
        let address = code
            .get(range.clone())
            .and_then(|bytes| Address::try_from(bytes).ok());
        if let Some(address) = address
            && found.len() < MAX_LISTED
            && !found.iter().any(|one| one.address == address)
        {
            found.push(LinkedLibrary {
                offset: range.start as u64,
                address,
            });
        }
    }
    found
}

//! Both at once: blue and green taking turns on one storage, or side by side in a fleet.

mod exchange;

use super::Fresh;
use crate::{Side, rules};
use cutover_types::{Finding, LayoutVerdict, StorageLayout, check::Direction};

/// New variables that are told one by one.
const MAX_TOLD: usize = 30;

/// Judges running both, from what each way says.
pub(crate) fn mixed(
    blue: &Side<'_>,
    green: &Side<'_>,
    forward: &Direction,
    fresh: &[Fresh],
    back: &Direction,
) -> Direction {
    let contract = green.contract.unwrap_or(green.reference);
    let mut findings = Vec::new();
    for (way, reader, writer) in [(forward, "green", "blue"), (back, "blue", "green")] {
        let blocking = way.findings.iter().filter(|found| found.blocks()).count();
        if blocking > 0 {
            let s = if blocking == 1 { "" } else { "s" };
            findings.push(rules::NOT_SHARED.finding(
                contract,
                format!("{reader} misreads what {writer} stores: {blocking} finding{s} of that direction"),
            ));
        }
    }
    let lossy = back
        .findings
        .iter()
        .filter(|found| found.rule == rules::LOSSY.id);
    findings.extend(lossy.cloned());
    findings.extend(fresh.iter().take(MAX_TOLD).map(|one| stale(contract, one)));
    if fresh.len() > MAX_TOLD {
        let more = fresh.len() - MAX_TOLD;
        findings.push(
            rules::STALE.finding(contract, format!("and {more} more that blue does not know")),
        );
    }
    if let (Some(before), Some(after)) = (blue.layout, green.layout) {
        findings.extend(namespaces(before, after));
    }
    findings.extend(exchange::enums(blue, green));
    let mut unknown = forward.unknown.clone();
    unknown.extend(
        back.unknown
            .iter()
            .filter(|why| !forward.unknown.contains(why))
            .cloned(),
    );
    Direction {
        verdict: verdict(&findings, &unknown),
        findings,
        unknown,
    }
}

/// The verdict of one direction.
pub(crate) fn verdict(findings: &[Finding], unknown: &[String]) -> LayoutVerdict {
    if findings.iter().any(Finding::blocks) {
        LayoutVerdict::Incompatible
    } else if unknown.is_empty() {
        LayoutVerdict::Compatible
    } else {
        LayoutVerdict::Inconclusive
    }
}

fn stale(contract: &str, fresh: &Fresh) -> Finding {
    let contract = if fresh.contract.is_empty() {
        contract
    } else {
        &fresh.contract
    };
    let label = &fresh.label;
    let message = if fresh.place.is_some() {
        format!("blue does not keep `{label}` up to date: it is stale after blue ran")
    } else {
        format!(
            "blue neither writes nor reliably clears `{label}`: it is stale, or zero, after blue ran"
        )
    };
    let message = match &fresh.scope {
        Some(scope) => format!("{scope}: {message}"),
        None => message,
    };
    let (slot, offset) = fresh.place.clone().unzip();
    Finding {
        label: Some(label.clone()),
        slot,
        offset,
        source: fresh.source.clone(),
        ..rules::STALE.finding(contract, message)
    }
}

/// Namespaces that only green has.
fn namespaces(blue: &StorageLayout, green: &StorageLayout) -> Vec<Finding> {
    let known = |id: &String| {
        let root = green.namespace_roots.get(id);
        blue.namespaces.contains_key(id)
            || root.is_some_and(|root| blue.namespace_roots.values().any(|other| other == root))
    };
    let new = green.namespaces.iter().filter(|(id, _)| !known(id));
    new.take(MAX_TOLD)
        .map(|(id, members)| {
            let first = members.first();
            let contract = first.map_or("", |member| member.contract.as_str());
            Finding {
                label: Some(id.clone()),
                source: first.and_then(|member| member.source.clone()),
                ..rules::STALE.finding(
                    contract,
                    format!(
                        "blue does not keep namespace `{id}` up to date: it is stale after blue ran"
                    ),
                )
            }
        })
        .collect()
}

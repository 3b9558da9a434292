//! Enums that contracts pass to each other: in a fleet some run blue and some run green.

use crate::{Side, rules};
use alloy_json_abi::{InternalType, JsonAbi, Param};
use cutover_types::{
    Finding,
    source::{Sources, kind, visit},
};
use std::collections::{BTreeMap, BTreeSet};

/// Parameters nested deeper than this are not followed.
const MAX_DEPTH: usize = 16;

/// Enums of the interface whose numbers mean different things to blue and to green.
pub(super) fn enums(blue: &Side<'_>, green: &Side<'_>) -> Vec<Finding> {
    let (Some(old), Some(new)) = (blue.sources, green.sources) else {
        return Vec::new();
    };
    let (Some(before), Some(after)) = (blue.abi, green.abi) else {
        return Vec::new();
    };
    let (old, new) = (members(old), members(new));
    let passed: BTreeSet<_> = passed(before)
        .intersection(&passed(after))
        .cloned()
        .collect();
    let contract = green.contract.unwrap_or(green.reference);
    passed
        .iter()
        .filter_map(|name| {
            let (Some(Some(was)), Some(Some(is))) = (old.get(name), new.get(name)) else {
                return None;
            };
            if was == is {
                return None;
            }
            let place = was.iter().zip(is).position(|(a, b)| a != b);
            let message = match place {
                Some(i) => format!(
                    "value {i} of `{name}` is `{}` to blue and `{}` to green",
                    was[i], is[i]
                ),
                None if is.len() > was.len() => format!(
                    "blue reverts when it is passed `{}` of `{name}`",
                    is[was.len()..].join("`, `")
                ),
                None => format!(
                    "green reverts when it is passed `{}` of `{name}`",
                    was[is.len()..].join("`, `")
                ),
            };
            Some(Finding {
                label: Some(name.clone()),
                ..rules::EXCHANGED_ENUM.finding(contract, message)
            })
        })
        .collect()
}

/// Members of every enum by its full name; `None` when two have the same name.
fn members(sources: &Sources) -> BTreeMap<String, Option<Vec<String>>> {
    let mut found: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
    for unit in sources.units.values() {
        visit(&unit.ast, &mut |tree| {
            if kind(tree) != "EnumDefinition" {
                return;
            }
            let name = tree["canonicalName"].as_str().or(tree["name"].as_str());
            let members = tree["members"].as_array().into_iter().flatten();
            let members = members
                .filter_map(|member| member["name"].as_str().map(str::to_owned))
                .collect();
            if let Some(name) = name {
                found
                    .entry(name.to_owned())
                    .and_modify(|known| *known = None)
                    .or_insert(Some(members));
            }
        });
    }
    found
}

/// Full names of the enums that functions take or give.
fn passed(abi: &JsonAbi) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for function in abi.functions() {
        let params = function.inputs.iter().chain(&function.outputs);
        for param in params {
            collect(param, 0, &mut found);
        }
    }
    found
}

fn collect(param: &Param, depth: usize, found: &mut BTreeSet<String>) {
    if let Some(InternalType::Enum { contract, ty }) = &param.internal_type {
        let ty = ty.split('[').next().unwrap_or(ty);
        found.insert(match contract {
            Some(contract) => format!("{contract}.{ty}"),
            None => ty.to_owned(),
        });
    }
    if depth < MAX_DEPTH {
        for part in &param.components {
            collect(part, depth + 1, found);
        }
    }
}

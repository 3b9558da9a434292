//! Parameters that exchange their names under one signature: callers go on handing in the values in
//! the old order, and each is taken for the other.

use super::{Contract, MAX_TEXT, Outcome, functions::declared};
use crate::rules;
use alloy_json_abi::{EventParam, JsonAbi, Param};
use alloy_primitives::Selector;
use cutover_types::text::terminal;
use std::collections::BTreeMap;

/// Parameters of one thing that callers or decoders go by.
struct Thing<'a> {
    signature: String,
    /// Of a function.
    selector: Option<Selector>,
    /// What it does with them, and what they are; in several forms where it is declared so.
    lists: Vec<(&'static str, Vec<Named<'a>>)>,
}

/// A parameter.
#[derive(Clone, PartialEq, Eq)]
struct Named<'a> {
    name: &'a str,
    type_name: String,
    parts: Vec<Self>,
}

pub(super) fn compare(blue: &Contract<'_>, green: &Contract<'_>, outcome: &mut Outcome) {
    let (Some(before), Some(after)) = (blue.side.abi, green.side.abi) else {
        return;
    };
    let old = things(before);
    for (key, thing) in things(after) {
        let Some(before) = old.get(&key) else {
            continue;
        };
        let other = |what| before.lists.iter().filter(move |(one, _)| *one == what);
        let moved = thing.lists.iter().find_map(|(what, now)| {
            let kept = other(*what).any(|(_, was)| exchanged(was, now).is_none());
            let found = other(*what).find_map(|(_, was)| exchanged(was, now));
            found.filter(|_| !kept).map(|found| (*what, found))
        });
        if let Some((what, (was, now))) = moved {
            let at = thing.selector.and_then(|one| declared(green, one));
            outcome.findings.push(green.finding(
                rules::ARGUMENTS_EXCHANGED,
                &thing.signature,
                at.as_ref(),
                format!(
                    "`{}` {what} {now} now, {was} before, under one signature: who goes by the old order takes one for the other",
                    terminal(&thing.signature, MAX_TEXT)
                ),
            ));
        }
    }
}

fn things(abi: &JsonAbi) -> BTreeMap<(&'static str, String), Thing<'_>> {
    let mut found = BTreeMap::<_, Thing<'_>>::new();
    let mut add = |kind, signature: String, selector, lists: Vec<_>| {
        let thing = Thing {
            signature: signature.clone(),
            selector,
            lists: Vec::new(),
        };
        let thing = found.entry((kind, signature)).or_insert(thing);
        thing.lists.extend(lists);
    };
    for one in abi.functions() {
        let lists = vec![
            ("takes", one.inputs.iter().map(Named::of).collect()),
            ("returns", one.outputs.iter().map(Named::of).collect()),
        ];
        add("function", one.signature(), Some(one.selector()), lists);
    }
    for one in abi.events() {
        let parameters = one.inputs.iter().map(Named::of_event).collect();
        let lists = vec![("carries", parameters)];
        add("event", one.signature(), None, lists);
    }
    for one in abi.errors() {
        let lists = vec![("carries", one.inputs.iter().map(Named::of).collect())];
        add("error", one.signature(), None, lists);
    }
    found
}

impl<'a> Named<'a> {
    fn of(parameter: &'a Param) -> Self {
        Self {
            name: &parameter.name,
            type_name: parameter.selector_type().into_owned(),
            parts: parameter.components.iter().map(Self::of).collect(),
        }
    }

    fn of_event(parameter: &'a EventParam) -> Self {
        Self {
            name: &parameter.name,
            type_name: parameter.selector_type().into_owned(),
            parts: parameter.components.iter().map(Self::of).collect(),
        }
    }
}

/// The names before and after, where they are the same in another order: of the parameters, or of the
/// members of one of them.
fn exchanged(before: &[Named<'_>], after: &[Named<'_>]) -> Option<(String, String)> {
    let sorted = |all: &[Named<'_>]| {
        let mut all: Vec<_> = all.iter().map(|one| one.name.to_owned()).collect();
        all.sort();
        all
    };
    let mut pairs = before.iter().zip(after);
    if before.len() != after.len()
        || pairs
            .clone()
            .any(|(one, other)| one.type_name != other.type_name)
    {
        return None;
    }
    let mut moved = pairs.clone().filter(|(one, other)| one.name != other.name);
    // Where the type is another one, nobody takes one for the other.
    let as_before = |name: &str, type_name: &str| {
        let mut same = before.iter().filter(|one| one.name == name);
        !name.is_empty() && same.any(|one| one.type_name == type_name)
    };
    if moved.clone().next().is_some()
        && sorted(before) == sorted(after)
        && moved.all(|(_, now)| as_before(now.name, &now.type_name))
    {
        return Some((listed(before), listed(after)));
    }
    pairs.find_map(|(one, other)| exchanged(&one.parts, &other.parts))
}

fn listed(all: &[Named<'_>]) -> String {
    let names: Vec<_> = all.iter().map(|one| one.name).collect();
    format!("`({})`", terminal(&names.join(", "), MAX_TEXT))
}

//! Events and errors: what indexers and callers decode.

use super::{Contract, MAX_TEXT, Outcome};
use crate::rules;
use alloy_json_abi::Event;
use cutover_types::text::terminal;
use std::collections::{BTreeMap, BTreeSet};

/// Custom errors named in one message.
const MAX_NAMED: usize = 12;

pub(super) fn compare(blue: &Contract<'_>, green: &Contract<'_>, outcome: &mut Outcome) {
    let (Some(before), Some(after)) = (blue.side.abi, green.side.abi) else {
        return;
    };
    let (old, new) = (forms(before.events()), forms(after.events()));
    for (signature, forms) in &old {
        let Some(first) = forms.first() else {
            continue;
        };
        let message = match new.get(signature) {
            // One event may be declared in several forms, in libraries for example.
            Some(others) if forms.iter().any(|form| others.contains(form)) => continue,
            Some(others) => {
                let now = others.first().map(Form::text).unwrap_or_default();
                let message = format!(
                    "`{}` has {now} now, {} before: decoders look for its values in the wrong place",
                    terminal(signature, MAX_TEXT),
                    first.text()
                );
                (rules::EVENT_CHANGED, message)
            }
            None => {
                let name = signature.split('(').next().unwrap_or_default();
                let renewed = new.keys().find(|other| {
                    other.split('(').next() == Some(name) && !old.contains_key(*other)
                });
                match renewed {
                    Some(other) => {
                        let message = format!(
                            "`{}` is `{}` now: its signature topic is another, filters for the old one find nothing",
                            terminal(signature, MAX_TEXT),
                            terminal(other, MAX_TEXT)
                        );
                        (rules::EVENT_CHANGED, message)
                    }
                    None => {
                        let message = format!(
                            "`{}` is gone: those who follow it see nothing any more",
                            terminal(signature, MAX_TEXT)
                        );
                        (rules::EVENT_REMOVED, message)
                    }
                }
            }
        };
        outcome
            .findings
            .push(green.finding(message.0, signature, None, message.1));
    }
    let kept: BTreeSet<_> = after.errors().map(|error| error.signature()).collect();
    let gone: BTreeSet<_> = before
        .errors()
        .map(|error| error.signature())
        .filter(|signature| !kept.contains(signature))
        .collect();
    if !gone.is_empty() {
        let mut named: Vec<_> = gone
            .iter()
            .take(MAX_NAMED)
            .map(|signature| format!("`{}`", terminal(signature, MAX_TEXT)))
            .collect();
        if gone.len() > MAX_NAMED {
            named.push(format!("{} more", gone.len() - MAX_NAMED));
        }
        outcome.findings.push(
            rules::ERROR_REMOVED.finding(green.name, format!("green has no {}", named.join(", "))),
        );
    }
}

/// What decides where a log carries the values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    anonymous: bool,
    indexed: Vec<bool>,
}

impl Form {
    fn text(&self) -> String {
        let count = self.indexed.iter().filter(|one| **one).count();
        let places: Vec<_> = (1..)
            .zip(&self.indexed)
            .filter(|(_, indexed)| **indexed)
            .map(|(place, _): (usize, _)| place.to_string())
            .collect();
        let mut text = match count {
            0 => "nothing indexed".to_owned(),
            1 => format!("parameter {} indexed", places.join("")),
            _ => format!("parameters {} indexed", places.join(", ")),
        };
        if self.anonymous {
            text.push_str(" and no signature topic");
        }
        text
    }
}

fn forms<'a>(events: impl Iterator<Item = &'a Event>) -> BTreeMap<String, BTreeSet<Form>> {
    let mut found = BTreeMap::<String, BTreeSet<Form>>::new();
    for event in events {
        let form = Form {
            anonymous: event.anonymous,
            indexed: event.inputs.iter().map(|input| input.indexed).collect(),
        };
        found.entry(event.signature()).or_default().insert(form);
    }
    found
}

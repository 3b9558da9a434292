//! What callers of the proxy see: functions, events, errors, plain ether, ERC-165, constants.
//!
//! What a caller names and a developer took out on purpose is a warning. An error is what nobody can
//! mean: another function behind a known selector, a function the proxy hides, ether that bounces.

mod constants;
mod entries;
mod erc165;
mod events;
mod exchanged;
mod functions;
mod proxy;
mod surface;

use crate::{Options, Side, rules::Rule};
use cutover_types::{
    Finding,
    source::{Index, Node, kind},
    text::terminal,
};
use std::borrow::Cow;
use surface::Surface;

/// What the interface rules say.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Findings, in the order of the rules.
    pub(crate) findings: Vec<Finding>,
    /// What was not looked at; callers are others, so this is no reason for "inconclusive".
    pub(crate) unchecked: Vec<String>,
}

/// Findings of one rule that are told one by one: artifacts may list any number.
const MAX_TOLD: usize = 40;
/// Longest signature in a message.
const MAX_TEXT: usize = 160;

/// One side as these rules see it.
struct Contract<'a> {
    name: &'a str,
    surface: Option<Surface>,
    side: &'a Side<'a>,
    index: Cow<'a, Index<'a>>,
    /// The contract and its bases, most derived first; empty without syntax trees.
    bases: Vec<Node<'a>>,
}

/// Compares what the two implementations answer to.
pub(crate) fn compare(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> Outcome {
    let mut outcome = Outcome::default();
    let (blue, green) = (Contract::of(blue), Contract::of(green));
    match (&blue.surface, &green.surface) {
        (Some(before), Some(after)) => {
            functions::compare(before, after, &green, &mut outcome);
            entries::compare(before, after, &green, &mut outcome);
            events::compare(&blue, &green, &mut outcome);
            exchanged::compare(&blue, &green, &mut outcome);
        }
        (before, after) => {
            for (surface, name) in [(before, "blue"), (after, "green")] {
                if surface.is_none() {
                    outcome.unchecked.push(format!(
                        "{name} has no ABI, and its code shows no functions: what callers see was not compared"
                    ));
                }
            }
        }
    }
    proxy::clashes(blue.surface.as_ref(), &green, options, &mut outcome);
    erc165::compare(&blue, &green, &mut outcome);
    constants::compare(&blue, &green, &mut outcome);
    bounded(&mut outcome.findings);
    outcome
}

impl<'a> Contract<'a> {
    fn of(side: &'a Side<'a>) -> Self {
        let name = side.contract.unwrap_or(side.reference);
        let index = side.index().unwrap_or_default();
        let bases = index
            .contract(name)
            .and_then(|contract| index.linearized(&contract))
            .unwrap_or_default();
        Self {
            name,
            surface: Surface::of(side),
            side,
            index,
            bases,
        }
    }

    /// A finding about `label`, declared at the node when there is one.
    fn finding(&self, rule: &Rule, label: &str, at: Option<&Node<'a>>, message: String) -> Finding {
        Finding {
            label: Some(terminal(label, MAX_TEXT)),
            source: at.and_then(|node| self.index.line(node.unit, node.tree)),
            ..rule.finding(self.name, message)
        }
    }

    /// Members of the contract and its bases, most derived first.
    fn members(&self, wanted: &str) -> impl Iterator<Item = Node<'a>> + use<'a, '_> {
        let wanted = wanted.to_owned();
        self.bases.iter().flat_map(move |base| {
            let (unit, contract) = (base.unit, base.tree["id"].as_i64());
            let wanted = wanted.clone();
            base.tree["nodes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(move |tree| kind(tree) == wanted)
                .map(move |tree| Node {
                    unit,
                    contract,
                    tree,
                })
        })
    }
}

/// Keeps [`MAX_TOLD`] findings of each rule and counts the rest.
fn bounded(findings: &mut Vec<Finding>) {
    let mut told = std::collections::BTreeMap::<String, (usize, Option<Finding>)>::new();
    findings.retain(|finding| {
        let (count, last) = told.entry(finding.rule.clone()).or_default();
        *count += 1;
        if *count > MAX_TOLD {
            // The worst of those that are not told stands for them.
            match last {
                Some(kept) if kept.severity <= finding.severity => {}
                _ => *last = Some(finding.clone()),
            }
        }
        *count <= MAX_TOLD
    });
    for (count, last) in told.into_values() {
        if let Some(last) = last {
            findings.push(Finding {
                label: None,
                source: None,
                message: format!("{} more like these", count - MAX_TOLD),
                ..last
            });
        }
    }
}

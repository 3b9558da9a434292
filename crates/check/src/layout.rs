//! Storage layout: does green read back what blue stored, as the same variables?

mod align;
mod gaps;
mod kinds;
mod namespaces;
mod overlaps;
pub(crate) mod place;
mod roots;
mod words;

use crate::{Options, Side};
use cutover_types::{Finding, StorageLayout};

/// What the layout rules say.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Findings, in the order of the slots.
    pub(crate) findings: Vec<Finding>,
    /// What could not be told, each a reason for "inconclusive".
    pub(crate) unknown: Vec<String>,
}

/// Everything the rules of this family look at.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) blue: &'a StorageLayout,
    pub(crate) green: &'a StorageLayout,
    pub(crate) blue_side: &'a Side<'a>,
    pub(crate) green_side: &'a Side<'a>,
    pub(crate) options: &'a Options,
}

/// Compares the layouts of both sides.
pub(crate) fn compare(pair: Pair<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let blue_gaps = gaps::Gaps::of(pair.blue, pair.blue_side.sources);
    let green_gaps = gaps::Gaps::of(pair.green, pair.green_side.sources);
    let kinds = kinds::Kinds::new(pair.blue, pair.green, &blue_gaps, &green_gaps);
    let frame = align::Frame {
        kinds: &kinds,
        options: pair.options,
        contract: pair.green_side.contract.unwrap_or_default(),
        scope: None,
    };
    frame.compare(&pair.blue.storage, &pair.green.storage, &mut outcome);
    namespaces::compare(pair, &kinds, &mut outcome);
    words::compare(pair, &mut outcome);
    roots::inspect(pair, &mut outcome);
    overlaps::inspect(pair, &mut outcome);
    for (side, name) in [(pair.blue_side, "blue"), (pair.green_side, "green")] {
        if side.sources.is_none() {
            outcome.unknown.push(format!(
                "{name} has no syntax tree: namespaces and annotations were not seen"
            ));
        }
    }
    for (layout, name) in [(pair.blue, "blue"), (pair.green, "green")] {
        for why in &layout.unplaced {
            outcome.unknown.push(format!("{name}: {why}"));
        }
    }
    outcome
}

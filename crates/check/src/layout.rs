//! Storage layout: is what one contract stored read back by the other, as the same variables?

mod advice;
mod align;
mod exchanged;
mod fates;
pub(crate) mod gaps;
mod kinds;
mod mixed;
mod namespaces;
pub(crate) mod overlaps;
mod pairing;
pub(crate) mod place;
mod retype;
mod roots;
mod search;
mod seeds;
mod tell;
mod trust;
mod values;
mod words;

pub(crate) use mixed::{mixed, verdict};

use crate::{Options, Side};
use cutover_types::{Finding, StorageLayout, layout::SourceLine};

/// What the layout rules say.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Findings, in the order of the slots.
    pub(crate) findings: Vec<Finding>,
    /// What could not be told, each a reason for "inconclusive".
    pub(crate) unknown: Vec<String>,
    /// What the reader has and the writer does not.
    pub(crate) fresh: Vec<Fresh>,
}

/// Storage that only the reader knows: the writer leaves it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fresh {
    /// The variable, `S.x` for a member of a struct.
    pub(crate) label: String,
    /// Declared in.
    pub(crate) contract: String,
    /// Slot and offset; a member of a struct has none of its own.
    pub(crate) place: Option<(String, u64)>,
    /// Declared at.
    pub(crate) source: Option<SourceLine>,
    /// The namespace it is in.
    pub(crate) scope: Option<String>,
}

/// Who writes and who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Green reads what blue stored: the upgrade.
    Forward,
    /// Blue reads what green stored: the rollback.
    Back,
}

impl Way {
    pub(crate) fn writer(self) -> &'static str {
        match self {
            Self::Forward => "blue",
            Self::Back => "green",
        }
    }

    pub(crate) fn reader(self) -> &'static str {
        match self {
            Self::Forward => "green",
            Self::Back => "blue",
        }
    }
}

/// Everything the rules of this family look at. On the way back the sides are exchanged: `blue` is
/// always the one that wrote.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) blue: &'a StorageLayout,
    pub(crate) green: &'a StorageLayout,
    pub(crate) blue_side: &'a Side<'a>,
    pub(crate) green_side: &'a Side<'a>,
    pub(crate) options: &'a Options,
    pub(crate) way: Way,
}

/// Compares the layouts of both sides.
pub(crate) fn compare(pair: Pair<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let roles = [
        (pair.blue_side, pair.blue, pair.way.writer()),
        (pair.green_side, pair.green, pair.way.reader()),
    ];
    let doubts = roles.iter().flat_map(|(_, layout, name)| {
        let doubts = trust::doubts(layout).into_iter();
        doubts.map(move |why| format!("{name}: the layout contradicts itself: {why}"))
    });
    outcome.unknown.extend(doubts);
    // Comparing what is no layout would only say something by accident.
    if outcome.unknown.is_empty() {
        places(pair, &mut outcome);
    }
    for (side, layout, name) in roles {
        if !side.shows_namespaces() {
            outcome.unknown.push(format!(
                "{name} has no syntax tree: namespaces and annotations were not seen"
            ));
        }
        if let Some(what) = not_runnable(side, roles.map(|(side, ..)| side)) {
            outcome
                .unknown
                .push(format!("{name} is {what}: no proxy runs it"));
        }
        for why in side.doubts {
            outcome.unknown.push(format!("{name}: {why}"));
        }
        for why in &layout.unplaced {
            outcome.unknown.push(format!("{name}: {why}"));
        }
    }
    outcome
}

/// What a contract is, when it cannot be an implementation. Two abstract contracts are compared for
/// what those that inherit them keep.
fn not_runnable(side: &Side<'_>, both: [&Side<'_>; 2]) -> Option<&'static str> {
    let (kind, is_abstract) = declared(side)?;
    match kind.as_str() {
        "interface" => Some("an interface"),
        "library" => Some("a library"),
        _ if !is_abstract => None,
        _ => {
            let mut declared = both.into_iter().map(declared);
            let alike = declared.all(|one| one.is_none_or(|(_, is_abstract)| is_abstract));
            (!alike).then_some("an abstract contract")
        }
    }
}

/// What kind of contract a side declares, and whether it is abstract.
fn declared(side: &Side<'_>) -> Option<(String, bool)> {
    let index = side.index()?;
    let contract = index.contract(side.contract?)?;
    let kind = contract.tree["contractKind"].as_str().unwrap_or_default();
    Some((kind.to_owned(), contract.tree["abstract"] == true))
}

fn places(pair: Pair<'_>, outcome: &mut Outcome) {
    let blue_gaps = gaps::Gaps::of(pair.blue, pair.blue_side.sources);
    let green_gaps = gaps::Gaps::of(pair.green, pair.green_side.sources);
    let fates = fates::Fates::of(pair.green_side);
    let kinds = kinds::Kinds::new(pair, &blue_gaps, &green_gaps, &fates);
    let frame = align::Frame {
        kinds: &kinds,
        options: pair.options,
        contract: pair.green_side.contract.unwrap_or_default(),
        scope: None,
    };
    frame.compare(&pair.blue.storage, &pair.green.storage, outcome);
    namespaces::compare(pair, &kinds, outcome);
    words::compare(pair, &blue_gaps, &green_gaps, outcome);
    exchanged::compare(pair, outcome);
    seeds::compare(pair, outcome);
    // These look at green alone.
    if pair.way == Way::Forward {
        roots::inspect(pair, outcome);
        overlaps::inspect(pair, outcome);
    }
    outcome.fresh.extend(kinds.fresh());
}

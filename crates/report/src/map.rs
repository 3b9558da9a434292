//! Blue's and green's storage side by side, slot by slot.

mod marks;
mod placed;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use crate::{Block, Style, hex};
use alloy_primitives::{B256, U256};
use cutover_types::{Finding, StorageItem, StorageLayout};
use marks::{mark, settle};
use placed::{Placed, is_gap, placed};
use std::collections::BTreeSet;

/// Rows shown of one map; what is behind them is counted.
const MAX_ROWS: usize = 400;
/// Equal rows left beside each row that differs.
const CONTEXT: usize = 2;

/// Two layouts, ready to be drawn.
#[derive(Clone, Debug)]
pub struct Map {
    blue: String,
    green: String,
    frames: Vec<Frame>,
    /// Which layouts are missing; then there is nothing to draw.
    missing: Option<&'static str>,
}

/// The contract's own storage, or a namespace's.
#[derive(Clone, Debug)]
struct Frame {
    title: Option<String>,
    rows: Vec<Row>,
    /// Rows that are not shown at all.
    left_out: usize,
}

#[derive(Clone, Debug)]
enum Row {
    /// One slot, or several that hold one variable.
    Slots {
        first: U256,
        count: U256,
        lines: Vec<Line>,
    },
    /// Equal slots that are not shown one by one.
    Folded(U256),
}

/// What both have at one byte.
#[derive(Clone, Debug)]
struct Line {
    blue: Option<Cell>,
    green: Option<Cell>,
    mark: Mark,
    /// The variable that blocks the upgrade, where this part of it looks as it was.
    suspect: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Same,
    Added,
    Gone,
    Changed,
    Wrong,
}

impl Mark {
    fn sign(self) -> char {
        match self {
            Self::Same => '=',
            Self::Added => '+',
            Self::Gone => '-',
            Self::Changed => '~',
            Self::Wrong => '!',
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Same => "same name, type and place",
            Self::Added => "new, on free bytes",
            Self::Gone => "not in green",
            Self::Changed => "differs, blocks nothing",
            Self::Wrong => "blocks the upgrade",
        }
    }

    const ALL: [Self; 5] = [
        Self::Same,
        Self::Added,
        Self::Gone,
        Self::Changed,
        Self::Wrong,
    ];
}

/// A variable, or the part of one that lies in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    label: String,
    kind: String,
    /// Bytes of the slot, from the low end.
    bytes: std::ops::Range<u64>,
    /// Whether it began in a row before.
    continued: bool,
    /// Whether it only keeps room.
    gap: bool,
}

impl Cell {
    fn shown(&self) -> String {
        if self.continued {
            format!("⋮ {}", self.label)
        } else {
            format!("{}: {}", self.label, self.kind)
        }
    }
}

impl Map {
    /// The map of two layouts; `findings` mark what blocks.
    pub fn of(
        (blue_name, blue): (&str, Option<&StorageLayout>),
        (green_name, green): (&str, Option<&StorageLayout>),
        findings: &[Finding],
    ) -> Self {
        let empty = Self {
            blue: blue_name.to_owned(),
            green: green_name.to_owned(),
            frames: Vec::new(),
            missing: None,
        };
        let missing = match (blue, green) {
            (Some(blue), Some(green)) => {
                return Self {
                    frames: frames(blue, green, findings),
                    ..empty
                };
            }
            (None, Some(_)) => "blue has no storage layout: there is nothing to compare",
            (Some(_), None) => "green has no storage layout: there is nothing to compare",
            (None, None) => "neither has a storage layout",
        };
        Self {
            missing: Some(missing),
            ..empty
        }
    }

    /// What there is instead of rows.
    fn empty(&self) -> &'static str {
        self.missing.unwrap_or("neither has a variable in storage")
    }

    /// The map as a part of a document.
    pub fn block(&self) -> Block {
        Block::Verbatim {
            title: "Storage, slot by slot".to_owned(),
            text: self.text(&Style::default()),
        }
    }
}

fn frames(blue: &StorageLayout, green: &StorageLayout, findings: &[Finding]) -> Vec<Frame> {
    let mut frames = vec![Frame::of(
        None,
        &placed(&blue.storage, blue),
        &placed(&green.storage, green),
        findings,
    )];
    let names: BTreeSet<&String> = blue
        .namespaces
        .keys()
        .chain(green.namespaces.keys())
        .collect();
    for name in names {
        let items = |layout: &'_ StorageLayout| -> Vec<StorageItem> {
            layout.namespaces.get(name).cloned().unwrap_or_default()
        };
        let (before, after) = (items(blue), items(green));
        let root = |layout: &StorageLayout| layout.namespace_roots.get(name).copied();
        let mut frame = Frame::of(
            Some(title(name, root(blue), root(green))),
            &placed(&before, blue),
            &placed(&after, green),
            findings,
        );
        let mut about = findings.iter().filter(|f| f.label.as_ref() == Some(name));
        if about.any(Finding::blocks) {
            frame.block();
        }
        frames.push(frame);
    }
    frames.retain(|frame| !frame.rows.is_empty());
    frames
}

fn title(name: &str, blue: Option<B256>, green: Option<B256>) -> String {
    let short = hex::short;
    match (blue, green) {
        (Some(from), Some(to)) if from != to => {
            let (from, to) = (short(from), short(to));
            format!("namespace {name}, at {from} in blue and at {to} in green")
        }
        (Some(root), _) | (None, Some(root)) => format!("namespace {name}, at {}", short(root)),
        (None, None) => format!("namespace {name}"),
    }
}

impl Frame {
    fn of(
        title: Option<String>,
        blue: &[Placed<'_>],
        green: &[Placed<'_>],
        findings: &[Finding],
    ) -> Self {
        let mut rows = Vec::new();
        let edges: BTreeSet<U256> = blue
            .iter()
            .chain(green)
            .flat_map(|placed| [placed.first, placed.end])
            .collect();
        let edges: Vec<_> = edges.into_iter().collect();
        let (mut before, mut after) = (Window::new(blue), Window::new(green));
        for pair in edges.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            let (ours, theirs) = (before.at(first), after.at(first));
            if ours.is_empty() && theirs.is_empty() {
                continue;
            }
            rows.push(Row::Slots {
                first,
                count: end - first,
                lines: lines(first, &ours, &theirs, findings),
            });
        }
        settle(&mut rows);
        let mut rows = folded(rows);
        let left_out = rows.len().saturating_sub(MAX_ROWS);
        rows.truncate(MAX_ROWS);
        Self {
            title,
            rows,
            left_out,
        }
    }
}

impl Frame {
    /// Nothing here is read back: the namespace itself is gone or elsewhere.
    fn block(&mut self) {
        for row in &mut self.rows {
            if let Row::Slots { lines, .. } = row {
                for line in lines {
                    line.mark = Mark::Wrong;
                }
            }
        }
    }
}

/// The items over a slot, for slots that are asked for in order.
struct Window<'a, 'b> {
    rest: &'b [Placed<'a>],
    open: Vec<&'b Placed<'a>>,
}

impl<'a, 'b> Window<'a, 'b> {
    fn new(items: &'b [Placed<'a>]) -> Self {
        Self {
            rest: items,
            open: Vec::new(),
        }
    }

    fn at(&mut self, slot: U256) -> Vec<&'b Placed<'a>> {
        self.open.retain(|placed| placed.end > slot);
        while let [next, rest @ ..] = self.rest
            && next.first <= slot
        {
            self.open.push(next);
            self.rest = rest;
        }
        self.open.clone()
    }
}

fn lines(
    slot: U256,
    blue: &[&Placed<'_>],
    green: &[&Placed<'_>],
    findings: &[Finding],
) -> Vec<Line> {
    let starts: BTreeSet<u64> = blue
        .iter()
        .chain(green)
        .map(|placed| cell(placed, slot).bytes.start)
        .collect();
    let mut all = Vec::new();
    for start in starts {
        let ours: Vec<_> = begin(blue, slot, start).collect();
        let theirs: Vec<_> = begin(green, slot, start).collect();
        // Overlapping items of one side are the layout's own mistake; each keeps its line.
        for index in 0..ours.len().max(theirs.len()) {
            let (old, new) = (ours.get(index), theirs.get(index));
            let (mark, suspect) = mark(old.copied(), new.copied(), blue, slot, findings);
            all.push(Line {
                blue: old.map(|placed| cell(placed, slot)),
                green: new.map(|placed| cell(placed, slot)),
                mark,
                suspect,
            });
        }
    }
    all
}

fn begin<'x, 'a>(
    side: &'x [&'x Placed<'a>],
    slot: U256,
    start: u64,
) -> impl Iterator<Item = &'x Placed<'a>> {
    side.iter()
        .copied()
        .filter(move |placed| cell(placed, slot).bytes.start == start)
}

fn cell(placed: &Placed<'_>, slot: U256) -> Cell {
    let continued = placed.first < slot;
    Cell {
        label: placed.label.clone(),
        kind: placed.kind.to_owned(),
        bytes: if continued {
            0..32
        } else {
            placed.bytes.clone()
        },
        continued,
        gap: is_gap(placed.item),
    }
}

/// Long runs of equal rows as one.
fn folded(rows: Vec<Row>) -> Vec<Row> {
    let differs: Vec<bool> = rows
        .iter()
        .map(|row| match row {
            Row::Slots { lines, .. } => lines.iter().any(|line| line.mark != Mark::Same),
            Row::Folded(_) => false,
        })
        .collect();
    let near = |index: usize| {
        let from = index.saturating_sub(CONTEXT);
        let to = (index + CONTEXT + 1).min(differs.len());
        differs[from..to].contains(&true)
    };
    let all_short = rows.len() <= 24;
    let mut out: Vec<Row> = Vec::new();
    let mut hidden: Vec<Row> = Vec::new();
    let flush = |hidden: &mut Vec<Row>, out: &mut Vec<Row>| {
        if hidden.len() < 3 {
            out.append(hidden);
            return;
        }
        let slots = hidden.drain(..).fold(U256::ZERO, |sum, row| match row {
            Row::Slots { count, .. } | Row::Folded(count) => sum.saturating_add(count),
        });
        out.push(Row::Folded(slots));
    };
    for (index, row) in rows.into_iter().enumerate() {
        if all_short || near(index) {
            flush(&mut hidden, &mut out);
            out.push(row);
        } else {
            hidden.push(row);
        }
    }
    flush(&mut hidden, &mut out);
    out
}

/// `7`, `8–51`, or a hash by its ends.
fn slots(first: U256, count: U256) -> String {
    let number = |slot: U256| {
        if slot < U256::from(1_000_000_000_u64) {
            slot.to_string()
        } else {
            let hex = format!("{slot:#x}");
            format!("{}…{}", &hex[..6], &hex[hex.len().saturating_sub(4)..])
        }
    };
    if count <= U256::ONE {
        number(first)
    } else {
        format!(
            "{}–{}",
            number(first),
            number(first.saturating_add(count - U256::ONE))
        )
    }
}

//! Blue against green.

use crate::{Document, Line, Report, Tone, brief::brief, document::Block, hex, inspection::words};
use alloy_primitives::{B256, FixedBytes};
use cutover_types::{
    Assumption, ReplayReport, Status, TransactionVerdict,
    recording::Reach,
    replay::{DifferenceKind, GasTotals, RollbackRun, SelectorReport, Summary, TransactionReport},
};
use std::collections::BTreeSet;

/// Sorts of transactions shown, one of each in full; the JSON has all of them.
const SHOWN: usize = 12;
/// Differences shown of one transaction.
const DIFFERENCES: usize = 8;

impl Report for ReplayReport {
    fn document(&self) -> Document {
        let mut document = Document::new("Replay");
        document.blocks.push(verdict(self));
        let code = |at: &cutover_types::inspection::CodeAt| {
            Line::default()
                .code(hex::address(at.address))
                .and(Tone::Dim, format!("  code {}", hex::short(at.code_hash)))
        };
        let upgrade = Line::of(
            status_tone(self.upgrade.status),
            status(self.upgrade.status),
        )
        .text(" from ")
        .code(hex::address(self.upgrade.from))
        .text(format!(", {} gas", hex::count(self.upgrade.gas)));
        document.facts(vec![
            ("proxy", Line::default().code(hex::address(self.proxy))),
            ("blue", code(&self.blue)),
            ("green", code(&self.green)),
            (
                "blocks",
                format!(
                    "{} to {} on chain {}",
                    hex::count(self.window.from),
                    hex::count(self.window.to),
                    self.chain_id
                )
                .into(),
            ),
            ("upgrade", upgrade),
        ]);
        if let Some(cut) = &self.cut {
            document.section("The cut", words(&cut.words()));
        }
        takes(&mut document, self);
        document.heading("Summary");
        document.blocks.push(summary(&self.summary));
        let rows: Vec<_> = self.selectors.iter().map(selector).collect();
        if !rows.is_empty() {
            document.heading("By function");
            document.table(&["function", "#txs", "verdicts", "#gas"], rows);
        }
        differing(&mut document, self);
        document.heading("Rollback");
        document.paragraph(rollback(&self.rollback));
        document.section("Does not come back", words(&self.rollback.lossy));
        let taken = self.assumptions.iter().map(assumption);
        document.section("Taken for granted", taken.collect());
        document
    }
}

/// What leaves the proxy by the upgrade itself, expected or not.
pub(crate) fn takes(document: &mut Document, report: &ReplayReport) {
    let taken = report.upgrade.outflows.iter();
    let taken = taken.map(|flow| Line::of(Tone::Bad, flow.words()));
    document.section("The upgrade itself takes from the proxy", taken.collect());
}

pub(crate) fn verdict(report: &ReplayReport) -> Block {
    let sum = &report.summary;
    let taken = report.upgrade.unexpected();
    let transactions = hex::plural(sum.transactions, "transaction");
    let (tone, line) = if sum.changed + sum.regressed > 0 {
        let line = Line::of(Tone::Bad, "replay diverged").text(format!(
            " — {} regressed, {} changed, of {transactions}",
            hex::count(sum.regressed),
            hex::count(sum.changed)
        ));
        (Tone::Bad, line)
    } else if !taken.is_empty() {
        let line = Line::of(Tone::Bad, "the upgrade itself takes from the proxy")
            .text(format!(" — {}", taken.join("; ")));
        (Tone::Bad, line)
    } else if sum.transactions == 0 {
        let line = Line::of(Tone::Warn, "nothing was replayed").text(" — no transactions");
        (Tone::Warn, line)
    } else if sum.inconclusive > 0 {
        let line = Line::of(Tone::Warn, "replay inconclusive").text(format!(
            " — could not tell for {} of {transactions}",
            hex::count(sum.inconclusive)
        ));
        let line = match sum.ran_green {
            0 => line.text("; green's code ran in none that was compared"),
            _ => line,
        };
        (Tone::Warn, line)
    } else if sum.ran_green == 0 {
        let line = Line::of(Tone::Warn, "replay inconclusive")
            .text(format!(" — green's code ran in none of {transactions}"));
        (Tone::Warn, line)
    } else {
        let line =
            Line::of(Tone::Good, "green does what blue does").text(format!(" — {transactions}"));
        let line = match sum.ran_green == sum.transactions {
            true => line,
            false => line.text(format!(
                ", of which {} ran green's code",
                hex::count(sum.ran_green)
            )),
        };
        (Tone::Good, line)
    };
    Block::Verdict(tone, line)
}

fn tone(verdict: TransactionVerdict) -> Tone {
    match verdict {
        TransactionVerdict::Identical | TransactionVerdict::GasOnly => Tone::Good,
        TransactionVerdict::Expected => Tone::Plain,
        TransactionVerdict::Changed | TransactionVerdict::Regressed => Tone::Bad,
        TransactionVerdict::Repaired | TransactionVerdict::Inconclusive => Tone::Warn,
    }
}

fn word(verdict: TransactionVerdict) -> String {
    verdict.name().replace('_', " ")
}

pub(crate) fn summary(sum: &Summary) -> Block {
    let count = |verdict| match verdict {
        TransactionVerdict::Identical => sum.identical,
        TransactionVerdict::GasOnly => sum.gas_only,
        TransactionVerdict::Expected => sum.expected,
        TransactionVerdict::Changed => sum.changed,
        TransactionVerdict::Regressed => sum.regressed,
        TransactionVerdict::Repaired => sum.repaired,
        TransactionVerdict::Inconclusive => sum.inconclusive,
    };
    let mut rows: Vec<Vec<Line>> = TransactionVerdict::ALL
        .into_iter()
        .map(|verdict| {
            let number = count(verdict);
            let tone = if number == 0 {
                Tone::Dim
            } else {
                tone(verdict)
            };
            vec![
                Line::of(tone, word(verdict)),
                Line::of(tone, hex::count(number)),
            ]
        })
        .collect();
    rows.push(vec![
        Line::of(Tone::Strong, "transactions"),
        Line::of(Tone::Strong, hex::count(sum.transactions)),
    ]);
    rows.push(vec![
        "control held".into(),
        hex::count(sum.control_held).into(),
    ]);
    rows.push(vec!["ran green".into(), hex::count(sum.ran_green).into()]);
    rows.push(vec!["gas".into(), gas(sum.gas).into()]);
    Block::Table {
        columns: vec!["verdict".into(), "#".into()],
        rows,
    }
}

/// The change in gas, in tenths of a percent, without floating point.
fn gas(totals: GasTotals) -> String {
    if totals.blue == 0 {
        return hex::count(totals.green);
    }
    let (blue, green) = (i128::from(totals.blue), i128::from(totals.green));
    let tenths = (green - blue) * 1000 / blue;
    let sign = if tenths < 0 { '-' } else { '+' };
    let size = tenths.unsigned_abs();
    format!("{sign}{}.{}%", size / 10, size % 10)
}

/// The signature where green's ABI has it.
fn name(report: &SelectorReport) -> String {
    match &report.signature {
        Some(signature) => signature.clone(),
        None => report.selector.to_string(),
    }
}

fn selector(report: &SelectorReport) -> Vec<Line> {
    let mut verdicts = Line::default();
    for (index, (verdict, number)) in report.verdicts.iter().filter(|(_, n)| **n > 0).enumerate() {
        if index > 0 {
            verdicts = verdicts.text(", ");
        }
        verdicts = verdicts.and(
            tone(*verdict),
            format!("{} {}", hex::count(*number), word(*verdict)),
        );
    }
    vec![
        Line::default().code(name(report)),
        hex::count(report.transactions).into(),
        verdicts,
        gas(report.gas).into(),
    ]
}

fn differing(document: &mut Document, report: &ReplayReport) {
    let quiet = [TransactionVerdict::Identical, TransactionVerdict::GasOnly];
    let mut loud: Vec<_> = report
        .transactions
        .iter()
        .filter(|t| !quiet.contains(&t.verdict))
        .collect();
    if loud.is_empty() {
        return;
    }
    // Worst first; chain order within.
    let rank = |verdict| match verdict {
        TransactionVerdict::Regressed => 0,
        TransactionVerdict::Changed => 1,
        TransactionVerdict::Inconclusive => 2,
        TransactionVerdict::Repaired => 3,
        _ => 4,
    };
    loud.sort_by_key(|transaction| rank(transaction.verdict));
    document.heading("Transactions that are not identical");
    let mut sorts: Vec<(Sort<'_>, &TransactionReport, u64)> = Vec::new();
    for transaction in loud {
        let sort = sort(transaction);
        match sorts.iter_mut().find(|(known, ..)| *known == sort) {
            Some((_, _, more)) => *more += 1,
            None => sorts.push((sort, transaction, 0)),
        }
    }
    let hidden: u64 = sorts.iter().skip(SHOWN).map(|(.., more)| more + 1).sum();
    for (_, transaction, more) in sorts.iter().take(SHOWN) {
        let function = report
            .selectors
            .iter()
            .find(|one| Some(one.selector) == transaction.selector);
        document.blocks.push(shown(transaction, function, *more));
    }
    if hidden > 0 {
        let more = hex::count(hidden);
        document.paragraph(Line::of(
            Tone::Dim,
            format!("and {more} more of other sorts: --json lists all of them"),
        ));
    }
}

/// What makes two transactions differ in the same way.
type Sort<'a> = (
    TransactionVerdict,
    Option<FixedBytes<4>>,
    Option<&'a str>,
    BTreeSet<DifferenceKind>,
);

fn sort(transaction: &TransactionReport) -> Sort<'_> {
    let green = transaction.green.as_ref();
    let reason = transaction.why.as_deref();
    (
        transaction.verdict,
        transaction.selector,
        reason.or_else(|| green.and_then(|side| side.reason.as_deref())),
        transaction.differences.iter().map(|d| d.what).collect(),
    )
}

/// One transaction in full, and how many more are of its sort.
fn shown(
    transaction: &TransactionReport,
    function: Option<&SelectorReport>,
    like_it: u64,
) -> Block {
    let reach = match transaction.reach {
        Reach::Direct => "direct",
        Reach::Internal => "internal",
    };
    let mut notes = Vec::new();
    if let Some(why) = &transaction.why {
        notes.push(("why".to_owned(), why.clone()));
    }
    for difference in transaction.differences.iter().take(DIFFERENCES) {
        let what = match serde_json::to_value(difference.what) {
            Ok(serde_json::Value::String(name)) => name.replace('_', " "),
            _ => "difference".into(),
        };
        let changed = brief(&difference.blue, &difference.green);
        let place = place(&difference.place);
        notes.push(if place.starts_with(&what) {
            (place, changed)
        } else {
            (what, format!("{place}: {changed}"))
        });
    }
    if transaction.differences.len() > DIFFERENCES {
        let more = transaction.differences.len() - DIFFERENCES;
        notes.push(("more".into(), hex::plural(more as u64, "difference")));
    }
    if like_it > 0 {
        let others = hex::plural(like_it, "more transaction");
        notes.push((
            "like it".into(),
            format!("{others}: --json lists all of them"),
        ));
    }
    let function = function
        .map(name)
        .or_else(|| Some(transaction.selector?.to_string()));
    let function = function.map(|name| format!(", {name}"));
    Block::Finding {
        tone: tone(transaction.verdict),
        head: word(transaction.verdict),
        message: transaction.hash.to_string(),
        place: Some(format!(
            "block {}, index {}, {reach}{}",
            hex::count(transaction.block),
            transaction.index,
            function.unwrap_or_default()
        )),
        spans: Vec::new(),
        notes,
    }
}

/// A place with its slots and hashes short.
fn place(text: &str) -> String {
    let short = |word: &str| match word.parse::<B256>() {
        Ok(hash) if word.len() == 66 => hex::short(hash),
        _ => word.to_owned(),
    };
    text.split(' ').map(short).collect::<Vec<_>>().join(" ")
}

pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Success => "succeeded",
        Status::Revert => "reverted",
        Status::Halt => "halted",
    }
}

fn status_tone(status: Status) -> Tone {
    if status.is_success() {
        Tone::Good
    } else {
        Tone::Bad
    }
}

pub(crate) fn rollback(run: &RollbackRun) -> Line {
    let line = match (run.rehearsed, run.status) {
        (true, Some(back)) => {
            let line = Line::of(status_tone(back), format!("the way back {}", status(back)));
            match run.forward_again_status {
                Some(again) => line
                    .text("; going forward again ")
                    .and(status_tone(again), status(again)),
                None => line.text("; going forward again was not tried"),
            }
        }
        _ => Line::of(Tone::Warn, "not rehearsed"),
    };
    match &run.why {
        Some(why) => line.text(format!(": {why}")),
        None => line,
    }
}

pub(crate) fn assumption(assumption: &Assumption) -> Line {
    match assumption {
        Assumption::Funded { address } => Line::default()
            .code(hex::address(*address))
            .text(" has funds and no code"),
        Assumption::Empty { address } => Line::default()
            .code(hex::address(*address))
            .text(" was empty before green was put there"),
        Assumption::CodePlaced { address } => Line::default()
            .code(hex::address(*address))
            .text(": green's code was placed as given, its constructor did not run"),
    }
}

//! What `check` found, the way a compiler says it.

use crate::{Document, Line, Report, Style, Tone, document::Block, hex};
use cutover_types::{
    CheckReport, Finding, LayoutVerdict, SafetyVerdict, Severity, Verdict,
    check::{CheckedCode, Damage, Direction},
};

/// Stored values shown of one finding.
pub(crate) const MAX_DAMAGE: usize = 8;

impl Report for CheckReport {
    fn document(&self) -> Document {
        let mut document = Document::new("Check");
        let (mut open, waived): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|f| f.waived.is_none());
        // Stable: within one severity the report's own order stays.
        open.sort_by_key(|finding| finding.severity);
        document.blocks.extend(open.into_iter().map(finding));
        let waived = waived.into_iter().filter_map(accepted);
        document.section("Waived", waived.collect());
        let mut facts = vec![
            ("blue", code(&self.blue)),
            ("green", code(&self.green)),
            ("layout", layout(self.layout_verdict)),
            ("safety", safety(self.safety_verdict)),
        ];
        let directions = [("way back", &self.rollback), ("both at once", &self.mixed)];
        for (name, answer) in directions {
            facts.extend(answer.as_ref().map(|answer| (name, direction(answer))));
        }
        document.facts(facts);
        for (name, answer) in [
            ("On the way back", &self.rollback),
            ("With both at once", &self.mixed),
        ] {
            let found = answer.iter().flat_map(said);
            document.section(name, found.collect());
        }
        if let Some(live) = &self.live {
            crate::live::section(&mut document, live);
        }
        let not_checked = self.not_checked.iter().map(|what| what.as_str().into());
        document.section("Not checked", not_checked.collect());
        document.blocks.push(verdict(self));
        document.paragraph(Line::of(Tone::Dim, consequence(self.verdict)));
        document
    }
}

/// What the exit code says.
fn consequence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => {
            "exit 0: nothing found here speaks against the upgrade; replay shows what it does"
        }
        Verdict::Blocked => "exit 10: do not upgrade before every error is repaired or waived",
        Verdict::Inconclusive => {
            "exit 14: what is listed as not checked could hide anything; it is not a pass"
        }
    }
}

/// The layout rules the other way, in a line.
fn direction(answer: &Direction) -> Line {
    let count = answer.findings.len() as u64;
    let line = layout(answer.verdict);
    if count == 0 {
        line
    } else {
        line.text(format!(", {} below", hex::plural(count, "finding")))
    }
}

fn said(answer: &Direction) -> impl Iterator<Item = Line> {
    let found = answer.findings.iter().map(|finding| {
        let (tone, word) = word(finding.severity);
        Line::of(tone, format!("{word}[{}]", finding.rule)).text(format!(": {}", finding.message))
    });
    let unknown = answer.unknown.iter();
    found.chain(unknown.map(|why| Line::of(Tone::Warn, "could not tell").text(format!(": {why}"))))
}

/// A waived finding, folded.
pub(crate) fn accepted(finding: &Finding) -> Option<Line> {
    let waiver = finding.waived.as_ref()?;
    let until = match &waiver.expires {
        Some(date) => format!(" until {date}"),
        None => String::new(),
    };
    let (_, word) = word(finding.severity);
    let line = Line::of(Tone::Dim, format!("{word}[{}]", finding.rule));
    Some(line.text(format!(
        ": {} — waived by {}{until}: {}",
        finding.message, waiver.by, waiver.reason
    )))
}

pub(crate) fn verdict(report: &CheckReport) -> Block {
    let (tone, word) = match report.verdict {
        Verdict::Pass => (Tone::Good, "pass"),
        Verdict::Blocked => (Tone::Bad, "blocked"),
        Verdict::Inconclusive => (
            Tone::Warn,
            "inconclusive: could not tell, which is never pass",
        ),
    };
    let count = |severity| {
        let live = report.findings.iter().filter(|f| f.waived.is_none());
        live.filter(|f| f.severity == severity).count() as u64
    };
    let waived = report
        .findings
        .iter()
        .filter(|f| f.waived.is_some())
        .count() as u64;
    let mut counts: Vec<String> = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
        (count(Severity::Note), "note"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, noun)| hex::plural(number, noun))
    .collect();
    if waived > 0 {
        counts.push(format!("{waived} waived"));
    }
    if counts.is_empty() {
        counts.push("nothing found".into());
    }
    let line = Line::of(tone, format!("check {word}")).text(format!(" — {}", counts.join(", ")));
    Block::Verdict(tone, line)
}

fn code(code: &CheckedCode) -> Line {
    let name = if code.contract.is_empty() {
        &code.reference
    } else {
        &code.contract
    };
    Line::from(format!("{name}  ")).and(Tone::Dim, hex::short(code.build.code_hash))
}

fn layout(verdict: LayoutVerdict) -> Line {
    match verdict {
        LayoutVerdict::Compatible => Line::of(Tone::Good, "compatible"),
        LayoutVerdict::Incompatible => Line::of(Tone::Bad, "incompatible"),
        LayoutVerdict::Inconclusive => Line::of(Tone::Warn, "inconclusive"),
    }
}

fn safety(verdict: SafetyVerdict) -> Line {
    match verdict {
        SafetyVerdict::Safe => Line::of(Tone::Good, "safe"),
        SafetyVerdict::Unsafe => Line::of(Tone::Bad, "unsafe"),
        SafetyVerdict::Inconclusive => Line::of(Tone::Warn, "inconclusive"),
    }
}

fn word(severity: Severity) -> (Tone, &'static str) {
    match severity {
        Severity::Error => (Tone::Bad, "error"),
        Severity::Warning => (Tone::Warn, "warning"),
        Severity::Note => (Tone::Dim, "note"),
    }
}

fn finding(finding: &Finding) -> Block {
    let (tone, word) = word(finding.severity);
    let mut notes = Vec::new();
    if let Some(label) = finding.label.as_ref().filter(|_| finding.spans.is_empty()) {
        let mut what = format!("{label} in {}", finding.contract);
        if let Some(slot) = &finding.slot {
            what.push_str(&format!(", slot {slot}"));
        }
        if let Some(offset) = finding.offset.filter(|offset| *offset > 0) {
            what.push_str(&format!(", byte {offset}"));
        }
        notes.push(("what".to_owned(), what));
    }
    for damage in finding.damage.iter().take(MAX_DAMAGE) {
        notes.push(("live".into(), lost(damage)));
    }
    if let Some(more) = finding.damage.len().checked_sub(MAX_DAMAGE + 1) {
        let more = hex::plural(more as u64 + 1, "more value");
        notes.push(("live".into(), format!("and {more}")));
    }
    if !finding.help.is_empty() {
        notes.push(("help".into(), finding.help.clone()));
    }
    let mut spans = finding.spans.clone();
    let mut place = finding.source.as_ref().map(|s| (s.file.as_str(), s.line));
    if spans.iter().all(|span| span.text.is_empty()) {
        // Without a line of source the places are all there is to show.
        spans.clear();
        let first = finding.spans.first();
        place = first.map(|span| (span.file.as_str(), span.line)).or(place);
        let seen = finding.spans.iter().filter(|span| !span.note.is_empty());
        let seen = seen.map(|span| {
            let note = format!("{}, at {}:{}", span.note, span.file, span.line);
            ("note".to_owned(), note)
        });
        notes.splice(..0, seen);
    }
    Block::Finding {
        tone,
        head: format!("{word}[{}]", finding.rule),
        message: finding.message.clone(),
        place: place.map(|(file, line)| format!("{file}:{line}")),
        spans,
        notes,
    }
}

/// One finding as text.
pub(crate) fn drawn(found: &Finding, style: Style) -> String {
    let mut document = Document::default();
    document.blocks.push(finding(found));
    document.text(&style)
}

/// What a stored value turns into.
pub(crate) fn lost(damage: &Damage) -> String {
    format!(
        "`{}` reads {} instead of {}, at slot {}",
        damage.variable,
        damage.green,
        damage.blue,
        hex::short(damage.slot)
    )
}

//! What `check` found, the way a compiler says it.

use crate::{Document, Line, Report, Tone, document::Block, hex};
use cutover_types::{
    CheckReport, Finding, LayoutVerdict, SafetyVerdict, Severity, Verdict, check::CheckedCode,
};

impl Report for CheckReport {
    fn document(&self) -> Document {
        let mut document = Document::new("Check");
        let (mut sorted, mut waived): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|f| f.waived.is_none());
        // Stable: within one severity the report's own order stays.
        sorted.sort_by_key(|finding| finding.severity);
        sorted.append(&mut waived);
        for found in sorted {
            document.blocks.push(finding(found));
        }
        document.facts(vec![
            ("blue", code(&self.blue)),
            ("green", code(&self.green)),
            ("layout", layout(self.layout_verdict)),
            ("safety", safety(self.safety_verdict)),
        ]);
        let not_checked = self.not_checked.iter().map(|what| what.as_str().into());
        document.section("Not checked", not_checked.collect());
        document.blocks.push(verdict(self));
        document
    }
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

fn finding(finding: &Finding) -> Block {
    let (tone, word) = match finding.severity {
        Severity::Error => (Tone::Bad, "error"),
        Severity::Warning => (Tone::Warn, "warning"),
        Severity::Note => (Tone::Dim, "note"),
    };
    let (tone, word) = match &finding.waived {
        Some(_) => (Tone::Dim, format!("waived {word}")),
        None => (tone, word.to_owned()),
    };
    let mut notes = Vec::new();
    if let Some(label) = &finding.label {
        let mut what = format!("{label} in {}", finding.contract);
        if let Some(slot) = &finding.slot {
            what.push_str(&format!(", slot {slot}"));
        }
        if let Some(offset) = finding.offset.filter(|offset| *offset > 0) {
            what.push_str(&format!(", byte {offset}"));
        }
        notes.push(("what".to_owned(), what));
    }
    if !finding.help.is_empty() {
        notes.push(("help".into(), finding.help.clone()));
    }
    if let Some(waiver) = &finding.waived {
        notes.push((
            "waived".into(),
            format!("{}, by {}", waiver.reason, waiver.by),
        ));
    }
    let place = finding.source.as_ref();
    Block::Finding {
        tone,
        head: format!("{word}[{}]", finding.rule),
        message: finding.message.clone(),
        place: place.map(|source| format!("{}:{}", source.file, source.line)),
        notes,
    }
}

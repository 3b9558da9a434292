//! Forward, back and forward again with a candidate.

use crate::{Document, Line, Tone, hex, inspection::words};
use cutover_types::inspection::{CandidateFacts, RoundTrip, SentCall};

/// Characters of calldata that are shown.
const DATA: usize = 1_000;
/// Slots that are shown in words.
const SHOWN: usize = 16;

pub(crate) fn show(candidate: &CandidateFacts, document: &mut Document) {
    document.heading("Forward, back and forward again");
    let (tone, word, meaning) = match candidate.verdict {
        RoundTrip::Yes => (Tone::Good, "yes", ": executed and seen, nothing stays"),
        RoundTrip::No => (Tone::Bad, "no", ": executed and refused"),
        RoundTrip::Lossy => (
            Tone::Warn,
            "lossy",
            ": the way back is open, but does not undo everything",
        ),
        RoundTrip::Unknown => (Tone::Warn, "unknown", ""),
    };
    let name = Line::default().code(candidate.reference.clone());
    let place = Line::default().code(hex::address(candidate.address));
    let mut facts = vec![
        ("candidate", name),
        ("address", place),
        ("verdict", Line::of(tone, word).text(meaning)),
    ];
    for (name, sent) in [
        ("forward", &candidate.forward),
        ("back", &candidate.back),
        ("again", &candidate.forward_again),
    ] {
        facts.extend(sent.iter().map(|sent| (name, call(sent))));
    }
    document.facts(facts);
    if !candidate.why.is_empty() {
        document.list(words(&candidate.why));
    }
    if candidate.left.is_empty() {
        return;
    }
    document.heading("What the way back leaves");
    let rows = candidate.left.iter().take(SHOWN).map(|left| {
        vec![
            Line::default().code(hex::address(left.account)),
            match &left.name {
                Some(name) => Line::from(name.clone()),
                None => Line::of(Tone::Dim, left.slot.to_string()),
            },
            Line::of(Tone::Dim, trimmed(left.before.into())),
            Line::from(trimmed(left.after.into())),
        ]
    });
    document.table(&["account", "slot", "before", "after"], rows.collect());
}

fn trimmed(value: alloy_primitives::U256) -> String {
    format!("{value:#x}")
}

fn call(sent: &SentCall) -> Line {
    let line = Line::default()
        .code(hex::address(sent.from))
        .text(" → ")
        .code(hex::address(sent.call.to))
        .text(" ")
        .and(
            Tone::Dim,
            cutover_types::text::terminal(&sent.call.data.to_string(), DATA),
        );
    match sent.wait_seconds {
        0 => line,
        seconds => line.text(format!("  after {} s", hex::count(seconds))),
    }
}

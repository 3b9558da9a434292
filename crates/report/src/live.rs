//! What the live proxy runs and stores, under a check's findings.

use crate::{Document, Line, Tone, hex};
use cutover_types::live::{CodeMatch, Initialized, LiveCode, LiveContract, LiveValue};

/// Values shown; the rest is in the JSON.
const MAX_VALUES: usize = 40;
/// Slots, immutables and libraries shown of each.
const MAX_LISTED: usize = 8;
/// Characters of a value.
const MAX_VALUE: usize = 44;

/// Adds what the chain shows.
pub(crate) fn section(document: &mut Document, live: &LiveContract) {
    document.heading("On the chain");
    let block = format!("{} ", live.block.number);
    let mut facts = vec![
        ("proxy", proxy(live)),
        (
            "at block",
            Line::from(block).and(Tone::Dim, hex::short(live.block.hash)),
        ),
        ("runs", code(&live.code)),
    ];
    if let Some(beacon) = live.beacon {
        facts.push(("by beacon", Line::default().code(beacon.to_string())));
    }
    if let Some(initialized) = &live.initialized {
        facts.push(("initialized", version(initialized)));
    }
    if let Some(recording) = &live.recording {
        let line = format!(
            "{} executed: {} seen, {} written",
            hex::plural(recording.transactions, "transaction"),
            match recording.entries {
                1 => "1 entry".to_owned(),
                n => format!("{n} entries"),
            },
            hex::plural(recording.written, "slot"),
        );
        facts.push(("recording", Line::from(line)));
    }
    document.facts(facts);
    let listed = live.code.immutables.iter().take(MAX_LISTED).map(|one| {
        Line::from(format!("immutable at byte {}: ", one.offset)).code(one.value.to_string())
    });
    let libraries = live.code.libraries.iter().take(MAX_LISTED).map(|one| {
        Line::from(format!("library at byte {}: ", one.offset)).code(one.address.to_string())
    });
    document.section("In its code", listed.chain(libraries).collect());
    values(document, live);
    let unexplained = live.unexplained.iter().take(MAX_LISTED).map(|one| {
        let line = Line::default().code(one.slot.to_string());
        let line = line
            .text(" by ")
            .and(Tone::Dim, hex::short(one.transaction));
        if one.in_green {
            line.text(", green's code names it")
        } else {
            line
        }
    });
    document.section("Written, but no variable's", unexplained.collect());
    let not_read = live.not_read.iter().map(|what| what.as_str().into());
    document.section("Not read", not_read.collect());
}

fn values(document: &mut Document, live: &LiveContract) {
    let rows: Vec<Vec<Line>> = live.values.iter().take(MAX_VALUES).map(row).collect();
    let more = live.values.len().saturating_sub(MAX_VALUES) as u64 + live.omitted;
    document.table(&["variable", "blue reads", "green reads"], rows);
    if more > 0 {
        let text = format!("and {}", hex::plural(more, "more value"));
        document.paragraph(Line::of(Tone::Dim, text));
    }
}

fn row(value: &LiveValue) -> Vec<Line> {
    let tone = if value.changed {
        Tone::Bad
    } else {
        Tone::Plain
    };
    let clipped = |text: &str| cutover_types::text::terminal(text, MAX_VALUE);
    let shown = |text: &Option<String>, not_read: &Option<String>, tone| match (text, not_read) {
        (Some(text), _) => Line::of(tone, clipped(text)),
        (None, Some(why)) => Line::of(Tone::Warn, format!("not read: {}", clipped(why))),
        (None, None) => Line::of(tone, "–"),
    };
    let mut green = shown(&value.green, &value.green_not_read, tone);
    if let Some(name) = &value.green_variable {
        green = green.and(Tone::Dim, format!(" as {name}"));
    }
    vec![
        Line::from(value.variable.as_str()),
        shown(&value.blue, &value.blue_not_read, Tone::Plain),
        green,
    ]
}

fn proxy(live: &LiveContract) -> Line {
    let line = Line::default().code(live.proxy.to_string());
    match live.kind {
        Some(kind) => line
            .text(" ")
            .and(Tone::Dim, format!("({})", crate::inspection::kind(kind))),
        None => line,
    }
}

fn code(code: &LiveCode) -> Line {
    let line = Line::default().code(code.address.to_string()).text(" ");
    let line = match code.matched {
        CodeMatch::Exact => line.and(Tone::Good, "which is blue's build"),
        CodeMatch::OtherMetadata => {
            line.and(Tone::Good, "which is blue's build, with other metadata")
        }
        CodeMatch::Different => line.and(Tone::Bad, "which is not blue's build"),
        CodeMatch::NotCompared => line.and(Tone::Warn, "which was not compared with blue"),
    };
    match &code.compiler {
        Some(compiler) => line.and(Tone::Dim, format!(", solc {compiler}")),
        None => line,
    }
}

fn version(initialized: &Initialized) -> Line {
    let shown = |version: Option<u64>| version.map_or("not read".to_owned(), |v| v.to_string());
    let line = Line::from(shown(initialized.version));
    let line = line.and(Tone::Dim, format!(" in {}", initialized.variable));
    match initialized.green {
        Some(green) if initialized.version.is_some_and(|version| version != green) => {
            line.and(Tone::Bad, format!(", green reads {green}"))
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn a_value_that_was_not_read_is_no_value_that_is_not_there() {
        let value = LiveValue {
            variable: "owner".into(),
            type_label: "address".into(),
            slot: B256::ZERO,
            offset: 0,
            blue: Some("7".into()),
            blue_not_read: None,
            green: None,
            green_not_read: Some("the node does not have this state".into()),
            green_variable: None,
            changed: false,
        };
        let shown = |value: &LiveValue| {
            let mut document = Document::default();
            document.table(&["variable", "blue reads", "green reads"], vec![row(value)]);
            document.text(&crate::Style::default())
        };
        assert!(shown(&value).contains("not read: the node does not have this state"));
        let gone = LiveValue {
            green_not_read: None,
            ..value
        };
        assert!(shown(&gone).contains('–'));
    }
}

//! What there is on this machine, and what is missing.

use crate::{Document, Line, Tone};
use serde::{Deserialize, Serialize};

/// Something Cutover uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What was found: version and place; `None` when nothing was.
    pub found: Option<String>,
    /// What it is needed for.
    pub needed_for: String,
    /// How to get it.
    pub help: Option<String>,
    /// Whether nothing works without it.
    pub required: bool,
}

/// What `doctor` found.
pub fn doctor(items: &[Item]) -> Document {
    let mut document = Document::new("Doctor");
    let rows = items.iter().map(|item| {
        let (mark, found) = match &item.found {
            Some(found) => (Line::of(Tone::Good, "✓"), Line::from(found.as_str())),
            None if item.required => (Line::of(Tone::Bad, "✗"), Line::of(Tone::Bad, "missing")),
            None => (Line::of(Tone::Warn, "!"), Line::of(Tone::Warn, "missing")),
        };
        vec![mark, item.name.as_str().into(), found]
    });
    document.table(&["", "what", "found"], rows.collect());
    let missing: Vec<&Item> = items.iter().filter(|item| item.found.is_none()).collect();
    let lines = missing.iter().map(|item| {
        let line = Line::of(Tone::Strong, item.name.clone())
            .text(format!(" is needed for {}", item.needed_for));
        match &item.help {
            Some(help) => line.text(format!(": {help}")),
            None => line,
        }
    });
    document.section("Missing", lines.collect());
    if missing.iter().any(|item| item.required) {
        document.verdict(Tone::Bad, "something that is always needed is missing");
    } else if missing.is_empty() {
        document.verdict(Tone::Good, "everything is there");
    } else {
        document.verdict(Tone::Warn, "works, with the limits above");
    }
    document
}

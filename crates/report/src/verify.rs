//! What `record verify` checked: read as JSON, because the report belongs to another crate.

use crate::{Document, Line, Tone, hex};
use serde_json::Value;

/// `{verified, checks: {name: {checked, failed, absent}}, failures: []}`.
pub fn verify(report: &Value) -> Document {
    let mut document = Document::new("Verification");
    if report["verified"] == true {
        document.verdict(Tone::Good, "the recording is what it says");
    } else {
        document.verdict(
            Tone::Bad,
            "the recording is not what it says, or cannot show it",
        );
    }
    let checks = report["checks"].as_object();
    let rows = checks.into_iter().flatten().map(|(name, check)| {
        let number = |field: &str| check[field].as_u64().unwrap_or_default();
        let failed = number("failed");
        let tone = if failed > 0 { Tone::Bad } else { Tone::Plain };
        vec![
            name.as_str().into(),
            hex::count(number("checked")).into(),
            Line::of(tone, hex::count(failed)),
            hex::count(number("absent")).into(),
        ]
    });
    document.table(&["check", "#checked", "#failed", "#absent"], rows.collect());
    let failures = report["failures"].as_array().into_iter().flatten();
    let lines = failures.map(|failure| match failure {
        Value::String(text) => text.as_str().into(),
        other => Line::from(other.to_string()),
    });
    document.section("Failures", lines.collect());
    document
}

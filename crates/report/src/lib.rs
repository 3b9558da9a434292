//! Typed reports as text, Markdown and HTML.
//!
//! Each report becomes a [`Document`] once; the document is then shown in any of the three forms.
//! Everything in a document is untrusted text: the forms escape it, each in its own way, so that no
//! report has to remember to.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod brief;
mod candidate;
mod check;
#[cfg(test)]
mod check_tests;
mod ci;
#[cfg(test)]
mod ci_tests;
mod deployment;
mod doctor;
mod document;
mod fleet;
mod hex;
mod html;
mod inspection;
mod junit;
mod live;
mod map;
mod markdown;
mod page;
mod power;
mod proposal;
mod recording;
mod replay;
mod rollout;
mod sarif;
mod snippet;
mod terminal;
mod verify;

pub use ci::{Ci, RuleText};
pub use doctor::{Item, doctor};
pub use document::{Block, Document, Line, Span, Tone, Tree};
pub use fleet::fleet_line;
pub use junit::junit;
pub use map::Map;
pub use page::{signers_document, signers_page};
pub use power::{mermaid, svg as controllers_svg};
pub use sarif::sarif;
pub use terminal::Style;
pub use verify::verify;

use cutover_types::{CheckReport, Inspection, Recording, ReplayReport, deployment::Deployment};
use serde::Serialize;

/// A report that can be shown.
pub trait Report {
    /// What it says, in its order of importance.
    fn document(&self) -> Document;
}

/// An inspection as text.
pub fn inspection(report: &Inspection, style: &Style) -> String {
    report.document().text(style)
}

/// A recording's manifest as text.
pub fn recording(report: &Recording, style: &Style) -> String {
    report.document().text(style)
}

/// What `record verify` found as text.
pub fn verification<T: Serialize>(report: &T, style: &Style) -> String {
    verify(&serde_json::to_value(report).unwrap_or_default()).text(style)
}

/// A check as text.
pub fn check(report: &CheckReport, style: &Style) -> String {
    report.document().text(style)
}

/// A deployment as text.
pub fn deployment(report: &Deployment, style: &Style) -> String {
    report.document().text(style)
}

/// A replay as text.
pub fn replay(report: &ReplayReport, style: &Style) -> String {
    report.document().text(style)
}

#[cfg(test)]
mod tests;

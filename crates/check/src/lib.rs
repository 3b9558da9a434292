//! Storage-layout and upgrade-safety rules: values in, a report out.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod input;

pub use input::{Kind, Options, Side, WaiverRule};

use cutover_types::check::CheckReport;

/// Compares blue and green and looks for unsafe constructs in green.
pub fn check(blue: &Side<'_>, green: &Side<'_>, options: &Options) -> CheckReport {
    let _ = options;
    CheckReport {
        verdict: cutover_types::Verdict::Inconclusive,
        layout_verdict: cutover_types::LayoutVerdict::Inconclusive,
        safety_verdict: cutover_types::SafetyVerdict::Inconclusive,
        blue: blue.checked(),
        green: green.checked(),
        findings: Vec::new(),
        layouts: cutover_types::check::Layouts::default(),
        not_checked: Vec::new(),
    }
}

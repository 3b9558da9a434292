//! What CI systems need beside the report: the rules, and where files are in the repository.

use cutover_types::{
    CheckReport, Finding,
    check::{Category, Role, Severity},
};

/// A rule, whether it found something or not.
#[derive(Clone, Debug)]
pub struct RuleText<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its family.
    pub category: Category,
    /// How bad a finding is.
    pub severity: Severity,
    /// What it finds.
    pub summary: &'a str,
    /// What to do.
    pub help: &'a str,
    /// Its whole description, Markdown.
    pub markdown: String,
    /// Where that can be read.
    pub page: String,
    /// Why it was not applied, if it was not.
    pub skipped: Option<String>,
}

/// The context of a check for machines.
pub struct Ci<'a> {
    /// Every rule.
    pub rules: Vec<RuleText<'a>>,
    /// Version of the tool.
    pub version: &'a str,
    /// The exit code the command ends with.
    pub exit: u8,
    /// The path from the repository's root of a source unit.
    pub locate: &'a dyn Fn(Role, &str) -> String,
}

impl std::fmt::Debug for Ci<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ci").field("rules", &self.rules).finish()
    }
}

/// A name for a family, as it is written in JSON.
pub(crate) fn family(category: Category) -> &'static str {
    match category {
        Category::Layout => "layout",
        Category::Safety => "safety",
        Category::Interface => "interface",
        Category::Chain => "chain",
    }
}

/// Findings with the worst first, else in the report's order.
pub(crate) fn worst_first(report: &CheckReport) -> Vec<&Finding> {
    let mut sorted: Vec<_> = report.findings.iter().collect();
    sorted.sort_by_key(|finding| (finding.waived.is_some(), finding.severity));
    sorted
}

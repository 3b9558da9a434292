//! What `check` finds in blue and green.

use crate::{
    code::Fingerprint,
    file::Format,
    layout::{SourceLine, StorageItem},
    live::LiveContract,
};
use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

/// Which family a rule belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Storage layout.
    Layout,
    /// Upgrade safety of the new contract alone.
    Safety,
    /// Functions, events, ERC-165.
    Interface,
    /// What the live chain shows.
    Chain,
}

/// How bad it is. Only errors block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Blocks the upgrade.
    Error,
    /// Worth a look.
    Warning,
    /// Harmless, said for completeness.
    Note,
}

/// A finding that someone accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Who accepted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The last day it counts, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Rule id, kebab-case: `insert`, `delete`, `rename`, `typechange`…
    pub rule: String,
    /// Its family.
    pub category: Category,
    /// How bad.
    pub severity: Severity,
    /// The contract it is about.
    pub contract: String,
    /// The variable or function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Slot, decimal, as in the layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Byte offset in the slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceLine>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The declarations it is about, the one that is wrong first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// What the proxy's own storage shows of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<Damage>,
    /// Set when someone accepted it; then it does not block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waiver>,
}

impl Finding {
    /// Whether it stops the upgrade.
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Error && self.waived.is_none()
    }
}

/// Which of the two contracts a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The live one.
    Blue,
    /// The candidate.
    Green,
}

/// A piece of source that a finding points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Whose source.
    pub role: Role,
    /// Source unit name.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// First column, from 1, in characters.
    pub column: u64,
    /// Length on that line, in characters.
    pub length: u64,
    /// The line's text, bounded; empty when the source is not at hand.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What to see there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A stored value that green reads differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// The variable, with its keys: `balances[0x…]`.
    pub variable: String,
    /// Where it is stored.
    pub slot: B256,
    /// What blue reads there now.
    pub blue: String,
    /// What green would read in its place.
    pub green: String,
}

/// The layout rules applied the other way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direction {
    /// The answer.
    pub verdict: LayoutVerdict,
    /// What was found; never blocks the way forward.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What could not be told, and why.
    #[serde(default)]
    pub unknown: Vec<String>,
}

/// The answer of `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing blocks.
    Pass,
    /// Something blocks.
    Blocked,
    /// Could not tell, which is never "pass".
    Inconclusive,
}

/// The answer of the layout rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayoutVerdict {
    /// Everything blue stored is read back as the same variable.
    Compatible,
    /// Something is not.
    Incompatible,
    /// A layout is missing or cannot be trusted.
    Inconclusive,
}

/// The answer of the safety rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SafetyVerdict {
    /// No rule fired.
    Safe,
    /// A rule fired.
    Unsafe,
    /// The source or AST is missing.
    Inconclusive,
}

/// A contract as `check` was given it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedCode {
    /// The reference the user gave.
    pub reference: String,
    /// Fully qualified name, where one is known.
    pub contract: String,
    /// What its runtime code is recognised by.
    #[serde(flatten)]
    pub build: Fingerprint,
}

/// Both layouts side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layouts {
    /// The live one.
    pub blue: Vec<StorageItem>,
    /// The candidate's.
    pub green: Vec<StorageItem>,
}

/// The report of `cutover check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The answer.
    pub verdict: Verdict,
    /// Of the layout rules.
    pub layout_verdict: LayoutVerdict,
    /// Of the safety rules.
    pub safety_verdict: SafetyVerdict,
    /// The live one.
    pub blue: CheckedCode,
    /// The candidate.
    pub green: CheckedCode,
    /// What was found, layout first, by slot.
    pub findings: Vec<Finding>,
    /// Whether blue can read what green wrote, which a rollback needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Direction>,
    /// Whether both can run at once on the same storage, or talk to each other in a fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed: Option<Direction>,
    /// What the live proxy shows, when it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveContract>,
    /// Both layouts.
    pub layouts: Layouts,
    /// What was not looked at, and why.
    #[serde(default)]
    pub not_checked: Vec<String>,
}

impl Format for CheckReport {
    const FORMAT: &'static str = "cutover/check";
    const VERSION: u32 = 1;
    const FILE: &'static str = "check.json";
}

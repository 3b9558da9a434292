//! What `replay` says: transaction by transaction, blue against green.

use crate::{
    diamond::Cut,
    execution::{Assumption, Status},
    file::Format,
    inspection::CodeAt,
    outflow::Outflow,
    recording::{Reach, Window},
    upgrade::StepCall,
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionVerdict {
    /// Nothing differs.
    Identical,
    /// Only gas differs.
    GasOnly,
    /// It differs as a rule in `cutover.toml` says it should.
    Expected,
    /// It differs.
    Changed,
    /// It succeeded on blue and fails on green.
    Regressed,
    /// It failed on blue and succeeds on green.
    Repaired,
    /// Could not tell.
    Inconclusive,
}

impl TransactionVerdict {
    /// Every verdict, in report order.
    pub const ALL: [Self; 7] = [
        Self::Identical,
        Self::GasOnly,
        Self::Expected,
        Self::Changed,
        Self::Regressed,
        Self::Repaired,
        Self::Inconclusive,
    ];

    /// The word used in JSON and text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::GasOnly => "gas_only",
            Self::Expected => "expected",
            Self::Changed => "changed",
            Self::Regressed => "regressed",
            Self::Repaired => "repaired",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum DifferenceKind {
    Status,
    RevertReason,
    Output,
    Log,
    Storage,
    Balance,
    Nonce,
    Code,
    Call,
    Gas,
    /// The two engines disagree.
    Engine,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What.
    pub what: DifferenceKind,
    /// Where: an address, a variable, `log 2`…
    #[serde(rename = "where")]
    pub place: String,
    /// On blue.
    pub blue: String,
    /// On green.
    pub green: String,
}

/// One side of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// How it ended.
    pub status: Status,
    /// Gas used.
    pub gas: u64,
    /// Return or revert data.
    pub output: Bytes,
    /// Decoded revert reason, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the proxy ran this side's implementation.
    #[serde(default)]
    pub ran: bool,
}

/// One replayed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionReport {
    /// Transaction hash.
    pub hash: B256,
    /// Block number.
    pub block: u64,
    /// Position in the block.
    pub index: u64,
    /// How it gets to the proxy.
    pub reach: Reach,
    /// First four bytes of what it calls on the proxy, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<FixedBytes<4>>,
    /// How it ended.
    pub verdict: TransactionVerdict,
    /// The reason, for `inconclusive` and `expected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether blue reproduced the receipt.
    pub control_held: bool,
    /// On blue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue: Option<Side>,
    /// On green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<Side>,
    /// What differs.
    pub differences: Vec<Difference>,
}

impl TransactionReport {
    /// Whether it says something about green.
    fn compares_green(&self) -> bool {
        let ran = self.green.as_ref().is_some_and(|green| green.ran);
        ran && self.verdict != TransactionVerdict::Inconclusive
    }
}

/// Gas on both sides, over the transactions whose control held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GasTotals {
    /// On blue.
    pub blue: u64,
    /// On green.
    pub green: u64,
}

impl GasTotals {
    /// Adds a transaction. Gas counts where both sides ran and the control held: a total of one side
    /// says nothing.
    pub fn add(&mut self, transaction: &TransactionReport) {
        if let (true, Some(blue), Some(green)) = (
            transaction.control_held,
            &transaction.blue,
            &transaction.green,
        ) {
            self.blue = self.blue.saturating_add(blue.gas);
            self.green = self.green.saturating_add(green.gas);
        }
    }
}

/// Totals; the verdicts add up to `transactions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "one count per verdict")]
pub struct Summary {
    pub transactions: u64,
    pub control_held: u64,
    /// Compared transactions in which the proxy ran green: no other says anything about it.
    #[serde(default)]
    pub ran_green: u64,
    pub identical: u64,
    pub gas_only: u64,
    pub expected: u64,
    pub changed: u64,
    pub regressed: u64,
    pub repaired: u64,
    pub inconclusive: u64,
    pub gas: GasTotals,
}

impl Summary {
    /// Counts every transaction once.
    pub fn of(transactions: &[TransactionReport]) -> Self {
        let mut summary = Self::default();
        for transaction in transactions {
            summary.transactions += 1;
            summary.control_held += u64::from(transaction.control_held);
            summary.ran_green += u64::from(transaction.compares_green());
            *match transaction.verdict {
                TransactionVerdict::Identical => &mut summary.identical,
                TransactionVerdict::GasOnly => &mut summary.gas_only,
                TransactionVerdict::Expected => &mut summary.expected,
                TransactionVerdict::Changed => &mut summary.changed,
                TransactionVerdict::Regressed => &mut summary.regressed,
                TransactionVerdict::Repaired => &mut summary.repaired,
                TransactionVerdict::Inconclusive => &mut summary.inconclusive,
            } += 1;
            summary.gas.add(transaction);
        }
        summary
    }
}

/// Totals of one function of the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectorReport {
    /// Selector.
    pub selector: FixedBytes<4>,
    /// Signature, where an ABI is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Transactions.
    pub transactions: u64,
    /// Count per verdict.
    pub verdicts: BTreeMap<TransactionVerdict, u64>,
    /// Gas.
    pub gas: GasTotals,
}

/// The upgrade as it was executed on the fork.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeRun {
    /// Sender.
    pub from: Address,
    /// Target.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// The calls that follow, for proxies that need several; `status` and `gas` are the last one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<StepCall>,
    /// What it ran on the proxy; empty for nothing.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub initializer: Bytes,
    /// How it ended.
    pub status: Status,
    /// Gas used.
    pub gas: u64,
    /// What it takes from the proxy, at the recorded transaction where that was most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outflows: Vec<Outflow>,
    /// Why it did not work, or could not be executed at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl UpgradeRun {
    /// What it takes and nobody says that it should, in words.
    pub fn unexpected(&self) -> Vec<String> {
        let unexpected = self.outflows.iter().filter(|flow| flow.expected.is_none());
        unexpected.map(Outflow::words).collect()
    }
}

fn is_nothing(data: &Bytes) -> bool {
    data.is_empty()
}

/// The way back, executed on the state green left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRun {
    /// Whether it was executed.
    pub rehearsed: bool,
    /// How the way back ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Calldata back.
    #[serde(default)]
    pub back: Bytes,
    /// Calldata forward again.
    #[serde(default)]
    pub forward_again: Bytes,
    /// The calls after `back`, for proxies that need several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back_then: Vec<StepCall>,
    /// The calls after `forward_again`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_again_then: Vec<StepCall>,
    /// Whether going forward again worked too.
    pub forward_again_status: Option<Status>,
    /// What does not come back: slots green wrote that blue never does.
    pub lossy: Vec<String>,
    /// Why it was not rehearsed, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Which engine executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// A fork in anvil.
    Anvil,
    /// revm in process.
    Revm,
    /// Both, compared.
    Both,
}

/// How state carries from one transaction to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each on the exact state it had, green overlaid.
    Isolated,
    /// Green's own writes carried forward, a blue twin as control.
    Sequential,
}

/// The report of `cutover replay`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// Engine.
    pub engine: EngineName,
    /// Mode.
    pub mode: Mode,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The proxy.
    pub proxy: Address,
    /// The blocks recorded.
    pub window: Window,
    /// The implementation at the first recorded block.
    pub blue: CodeAt,
    /// The candidate.
    pub green: CodeAt,
    /// The upgrade as executed.
    pub upgrade: UpgradeRun,
    /// What the upgrade does to a diamond's functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Totals.
    pub summary: Summary,
    /// Totals by function.
    pub selectors: Vec<SelectorReport>,
    /// Every transaction, in chain order.
    pub transactions: Vec<TransactionReport>,
    /// The way back.
    pub rollback: RollbackRun,
    /// `[k, n]` when only the k-th of n parts of the transactions was replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<(u64, u64)>,
    /// What was taken for granted.
    pub assumptions: Vec<Assumption>,
}

impl Format for ReplayReport {
    const FORMAT: &'static str = "cutover/replay";
    const VERSION: u32 = 1;
    const FILE: &'static str = "replay.json";
}

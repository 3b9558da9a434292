//! Why nothing is proposed.

use alloy_primitives::{Address, B256, Bytes};
use cutover_types::{Verdict, diamond::PlanError, execution::Status, text};
use std::fmt;
use thiserror::Error;

/// Every reason at once, so that one run shows all there is to repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposeError {
    /// The reasons, never empty.
    pub refusals: Vec<Refusal>,
}

impl fmt::Display for ProposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing is proposed: ")?;
        for (index, refusal) in self.refusals.iter().enumerate() {
            if index > 0 {
                write!(f, "; ")?;
            }
            write!(f, "{refusal}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ProposeError {}

/// Something that must be different before anything is proposed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// `inspect` found no proxy.
    #[error("{address} is not a proxy")]
    NotAProxy {
        /// Who was inspected.
        address: Address,
    },
    /// `inspect` found nobody who can upgrade.
    #[error("no call is known that upgrades proxy {proxy}: {}", text::terminal(.why, 600))]
    NoUpgrade {
        /// The proxy.
        proxy: Address,
        /// What inspect says.
        why: String,
    },
    /// A Safe cannot make the calls of the upgrade in one transaction.
    #[error(
        "the upgrade takes several calls, which safe {safe} cannot make in one transaction: {why}"
    )]
    CannotBatch {
        /// The Safe.
        safe: Address,
        /// Why not.
        why: &'static str,
    },
    /// The diamond is not the one the cut was planned for.
    #[error("the cut that was replayed is not one of diamond {proxy} as it was inspected")]
    OtherCut {
        /// The diamond.
        proxy: Address,
    },
    /// The cut cannot be sent along the path that was inspected.
    #[error(transparent)]
    Cut(PlanError),
    /// The upgrade path was derived, not executed.
    #[error("the upgrade path of proxy {proxy} was not proven: {}", text::terminal(.why, 200))]
    PathNotProven {
        /// The proxy.
        proxy: Address,
        /// Why.
        why: String,
    },
    /// `check` did not pass.
    #[error("the check is {}, not pass ({errors} blocking)", verdict_word(.verdict))]
    CheckNotPassed {
        /// What it says.
        verdict: Verdict,
        /// Findings that block.
        errors: usize,
    },
    /// Green does not do what blue does.
    #[error("the replay found {changed} changed and {regressed} regressed transactions")]
    ReplayDiverged {
        /// Changed.
        changed: u64,
        /// Regressed.
        regressed: u64,
    },
    /// Only a part was replayed.
    #[error("only part {part} of {parts} of the transactions was replayed")]
    OnlyAPart {
        /// Which.
        part: u64,
        /// Of how many.
        parts: u64,
    },
    /// Too many transactions say nothing.
    #[error(
        "{inconclusive} of {transactions} replayed transactions are inconclusive, {allowed} are allowed"
    )]
    ReplayInconclusive {
        /// Inconclusive.
        inconclusive: u64,
        /// Of all.
        transactions: u64,
        /// Allowed.
        allowed: u64,
    },
    /// A replay of nothing is no evidence.
    #[error("the replay compared no transaction")]
    NothingReplayed,
    /// Nothing that was compared says anything about green.
    #[error("green's code ran in none of the {transactions} replayed transactions")]
    GreenNeverRan {
        /// Replayed.
        transactions: u64,
    },
    /// The totals of the replay contradict each other.
    #[error(
        "the replay's summary does not add up: it counts {transactions} transactions, its list of {listed} says something else"
    )]
    SummaryBroken {
        /// Transactions in the list.
        listed: u64,
        /// Transactions in the summary.
        transactions: u64,
    },
    /// The upgrade itself failed on the fork.
    #[error("the upgrade transaction ended as {} on the fork{}", status_word(.status), because(.why))]
    UpgradeFailed {
        /// How.
        status: Status,
        /// Why, where the replay says so.
        why: Option<String>,
    },
    /// It moves more than the pointer.
    #[error(
        "the upgrade itself takes from the proxy: {}; a rule under [[expected]] with `what = \"balance\"` and `where = \"upgrade …\"` accepts that", text::terminal(.taken, 600)
    )]
    UpgradeTakes {
        /// What.
        taken: String,
    },
    /// The way back was not executed.
    #[error("the rollback was not rehearsed: {}", text::terminal(.why, 200))]
    RollbackNotRehearsed {
        /// Why.
        why: String,
    },
    /// The way back failed.
    #[error("the rehearsed rollback failed: {}", text::terminal(.why, 200))]
    RollbackFailed {
        /// Why.
        why: String,
    },
    /// Going forward again after the way back failed.
    #[error("going forward again after the rollback failed or was not tried")]
    ForwardAgainFailed,
    /// The candidate that was replayed is not the one that was checked.
    #[error(
        "the code that was replayed at {address} ({replayed}) is not the code that was checked ({checked})"
    )]
    GreenDiffers {
        /// Green.
        address: Address,
        /// Hash in `replay.json`.
        replayed: B256,
        /// Hash in `check.json`, immutables zeroed.
        checked: B256,
    },
    /// The layout that was compared is not that of the code that runs.
    #[error(
        "the blue that was checked ({}) is not the code that runs at {address}, so its layout says nothing about what is stored", text::terminal(.reference, 120)
    )]
    BlueDiffers {
        /// What was checked, as the user named it.
        reference: String,
        /// Blue.
        address: Address,
    },
    /// The reports are about different things.
    #[error("replay and inspect disagree on {what}: {replay} and {inspect}")]
    ReportsDisagree {
        /// On what.
        what: &'static str,
        /// Replay's.
        replay: String,
        /// Inspect's.
        inspect: String,
    },
    /// Green is blue.
    #[error("green {address} is what the proxy runs already")]
    AlreadyGreen {
        /// Both.
        address: Address,
    },
    /// The kind has no call that carries initializer data.
    #[error("this kind of proxy cannot carry an initializer call of {length} bytes")]
    NoInitializer {
        /// Its length.
        length: usize,
    },
    /// What would be proposed is not what was executed.
    #[error("the {call} call that would be proposed ({}) is not the one the replay executed ({})", short(.proposed), short(.executed))]
    NotWhatWasExecuted {
        /// `forward`, `back` or `forward_again`.
        call: &'static str,
        /// Calldata to propose.
        proposed: Bytes,
        /// Calldata executed.
        executed: Bytes,
    },
    /// Neither an account nor a Safe.
    #[error("the proxy obeys {address}, a {}, which cutover cannot drive: only accounts and safes", text::terminal(.kind, 40))]
    CannotDrive {
        /// Who the proxy obeys.
        address: Address,
        /// What it is.
        kind: String,
    },
    /// A Safe needs its nonce and version.
    #[error("safe {address} controls the proxy, but its nonce and version were not given")]
    SafeFactsMissing {
        /// The Safe.
        address: Address,
    },
    /// Facts about another Safe.
    #[error("the facts given are of safe {given}, the proxy obeys {expected}")]
    WrongSafe {
        /// Given.
        given: Address,
        /// Expected.
        expected: Address,
    },
    /// Hashes of this version are not known.
    #[error("safe {address} says version {}, whose hashes are not known", text::terminal(.version, 40))]
    SafeVersion {
        /// The Safe.
        address: Address,
        /// What it says.
        version: String,
    },
    /// The Safe computes another domain.
    #[error("safe {address} answers domain separator {found}, its version gives {computed}")]
    SafeDomain {
        /// The Safe.
        address: Address,
        /// What it answers.
        found: B256,
        /// What was computed.
        computed: B256,
    },
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Blocked => "blocked",
        Verdict::Inconclusive => "inconclusive",
    }
}

fn status_word(status: &Status) -> &'static str {
    match status {
        Status::Success => "success",
        Status::Revert => "revert",
        Status::Halt => "halt",
    }
}

fn because(why: &Option<String>) -> String {
    why.as_ref()
        .map(|why| format!(": {}", text::terminal(why, 200)))
        .unwrap_or_default()
}

fn short(data: &Bytes) -> String {
    let head = data.slice(..data.len().min(8));
    format!("{head}…, {} bytes", data.len())
}

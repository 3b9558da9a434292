//! Why nothing was sent.

use alloy_primitives::{Address, B256, U256};
use cutover_chain::{
    ChainError,
    fees::{FeeError, GasError},
};
use cutover_types::text;
use thiserror::Error;

/// Why nothing was sent.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PreflightError {
    /// Someone moved the proxy since.
    #[error("proxy {proxy} runs {found}, not {expected}")]
    NotAsExpected {
        /// The proxy.
        proxy: Address,
        /// What it should run.
        expected: Address,
        /// What it runs.
        found: Address,
    },
    /// There is nothing at an implementation's address.
    #[error("there is no code at {address}, expected code with hash {expected}")]
    NoCode {
        /// Where.
        address: Address,
        /// Expected.
        expected: B256,
    },
    /// The code is not the code that was checked and replayed.
    #[error("the code at {address} has hash {found}, not {expected} as checked")]
    CodeDiffers {
        /// Where.
        address: Address,
        /// Expected.
        expected: B256,
        /// Found.
        found: B256,
    },
    /// The node is on another chain.
    #[error("the node is on chain {found}, the proposal is for chain {expected}")]
    WrongChain {
        /// Expected.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// The node claims a well-known chain id, but has another first block.
    #[error("the node says chain {chain_id}, but its genesis block is {found}, not {expected}")]
    ChainIdLie {
        /// What it says.
        chain_id: u64,
        /// Genesis of that chain.
        expected: B256,
        /// Genesis of the node.
        found: B256,
    },
    /// A report changed since the proposal was made.
    #[error("the {report} changed since the proposal was made: {found}, proposed on {expected}")]
    Stale {
        /// Which.
        report: &'static str,
        /// Digest in the proposal.
        expected: B256,
        /// Digest now.
        found: B256,
    },
    /// The proposal is not what was executed.
    #[error(
        "the proposal's {field} is {}, {source_of} {}: make it again with `cutover propose`",
        shown(.proposed, .expected),
        shown(.expected, .proposed)
    )]
    NotExecuted {
        /// Which field.
        field: String,
        /// What the proposal says.
        proposed: String,
        /// Who says otherwise.
        source_of: &'static str,
        /// What was executed, or follows from the inspection.
        expected: String,
    },
    /// The journal's pointer is not what was executed.
    #[error(
        "the rollback pointer's {field} is {}, replay.json has {}: the journal is not of this upgrade",
        shown(.found, .expected),
        shown(.expected, .found)
    )]
    OtherPointer {
        /// Which field.
        field: &'static str,
        /// What the pointer says.
        found: String,
        /// What was executed.
        expected: String,
    },
    /// The way back ends somewhere else.
    #[error("executed here, the way back leaves proxy {proxy} with {found}, not {expected}")]
    LeadsElsewhere {
        /// The proxy.
        proxy: Address,
        /// What it should run.
        expected: Address,
        /// What it would run.
        found: Address,
    },
    /// The proposal does not list what always has to hold.
    #[error("the proposal's preconditions do not list the {name}")]
    PreconditionMissing {
        /// Which.
        name: &'static str,
    },
    /// The proposal is good for longer than any that is made.
    #[error(
        "the proposal's expires is block {expires}, later than block {latest} and the {most} blocks a proposal may last"
    )]
    ExpiresTooLate {
        /// Last block it says it is good for.
        expires: u64,
        /// Newest block.
        latest: u64,
        /// How long one may last.
        most: u64,
    },
    /// A report says no.
    #[error("the {report} does not allow it: {why}")]
    Failing {
        /// Which.
        report: &'static str,
        /// What it says.
        why: String,
    },
    /// The proposal is too old.
    #[error("the proposal expired at block {expires}, the chain is at {latest}")]
    Expired {
        /// Last block it is good for.
        expires: u64,
        /// Newest block.
        latest: u64,
    },
    /// The proxy obeys someone else.
    #[error("the signer is {signer}, the proxy obeys {authority}")]
    NotTheAuthority {
        /// Who would sign.
        signer: Address,
        /// Who must act.
        authority: Address,
    },
    /// A contract must act, and the way through it was not given.
    #[error("the proxy obeys {authority}, a {}: have it execute the call", text::terminal(.kind, 40))]
    ThroughContract {
        /// Who must act.
        authority: Address,
        /// What it is.
        kind: String,
    },
    /// The contract would execute something else.
    #[error("what {authority} would execute does not carry the proposal's call")]
    NotCarried {
        /// Who must act.
        authority: Address,
    },
    /// The way back was not proven.
    #[error("the rollback was not rehearsed: {}", text::terminal(.why, 200))]
    RollbackNotRehearsed {
        /// Why.
        why: String,
    },
    /// The signer cannot pay.
    #[error("{signer} lacks {missing} wei: gas costs up to {needed} wei, it has {balance} wei")]
    InsufficientFunds {
        /// Who pays.
        signer: Address,
        /// What it has.
        balance: U256,
        /// What it may cost.
        needed: U256,
        /// The difference.
        missing: U256,
    },
    /// Gas is dearer than allowed.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// A transaction with the gas the node names could not be mined.
    #[error(transparent)]
    Gas(#[from] GasError),
    /// The chain has no EIP-1559 fees.
    #[error("the chain has no base fee: only chains with EIP-1559 fees are supported")]
    NoBaseFee,
    /// The call fails on today's state.
    #[error("the call would fail: {}", text::terminal(.reason, 300))]
    WouldFail {
        /// Why.
        reason: String,
    },
    /// The signer has transactions under way that the journal does not know.
    #[error(
        "{signer} has transactions under way: nonce {latest} is next, {pending} with those that wait"
    )]
    ForeignPending {
        /// Who.
        signer: Address,
        /// Next nonce by the newest block.
        latest: u64,
        /// Next nonce with waiting transactions.
        pending: u64,
    },
    /// The node would prove another nonce than it counts.
    #[error(
        "by the node {signer} sent {latest} transactions, but its proof of that account says {proven}"
    )]
    Contradicted {
        /// Who.
        signer: Address,
        /// Next nonce by the newest block.
        latest: u64,
        /// The nonce in the proof.
        proven: u64,
    },
    /// The transaction that waits is not the next of its sender.
    #[error(
        "the next nonce of {signer} is {latest}, that of the transaction in the journal {nonce}"
    )]
    NotNext {
        /// Who.
        signer: Address,
        /// Next nonce by the newest block.
        latest: u64,
        /// The nonce of the transaction that waits.
        nonce: u64,
    },
    /// Only its sender can replace a transaction.
    #[error("transaction {hash} is by {from}, the signer is {signer}")]
    OtherSender {
        /// The transaction that waits.
        hash: B256,
        /// Who signed it.
        from: Address,
        /// Who would sign.
        signer: Address,
    },
    /// The journal holds another call than the one to send.
    #[error("transaction {hash} in the journal makes another call than the one to send now")]
    OtherCall {
        /// The transaction that waits.
        hash: B256,
    },
    /// The node did not answer.
    #[error("could not read {what}")]
    Unreadable {
        /// What.
        what: &'static str,
        /// Why.
        source: ChainError,
    },
}

impl PreflightError {
    /// Whether it could not be told, rather than that it must not be.
    pub fn is_inconclusive(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Contradicted { .. })
    }
}

/// Characters of a value that are shown.
const SHOWN: usize = 160;
/// Characters shown before the first that differs.
const BEFORE: usize = 16;

/// A value, shortened to its beginning and what differs from another.
fn shown(value: &str, other: &str) -> String {
    // All that is compared is ASCII, but a kind comes from a file.
    if value.len() <= SHOWN || !value.is_ascii() {
        return text::terminal(value, SHOWN);
    }
    let same = value.bytes().zip(other.bytes()).take_while(|(a, b)| a == b);
    let from = same.count().saturating_sub(BEFORE).min(value.len() - 1);
    let end = value.len().min(from + SHOWN / 2);
    let (head, part) = (&value[..10.min(from)], &value[from..end]);
    let gap = if from > 10 { "…" } else { "" };
    let rest = if end < value.len() { "…" } else { "" };
    let length = value.len();
    text::terminal(
        &format!("{head}{gap}{part}{rest} ({length} characters)"),
        SHOWN,
    )
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn long_values_show_what_differs() {
        let long = |end: &str| format!("0x3659cfe6{}{end}", "0".repeat(2_000));
        let (one, other) = (long("aa"), long("bb"));
        let text = shown(&one, &other);
        assert!(
            text.starts_with("0x3659cfe6…") && text.contains("0aa (2012"),
            "{text}"
        );
        assert!(shown(&other, &one).contains("0bb"));
        assert!(shown(&one, "").chars().count() < 200);
        assert_eq!(shown("", &one), "");
        assert_eq!(shown("safe\u{1b}", "account"), "safe\\u{1b}");
    }
}

//! The control: a block executed again, held against its receipts.

use crate::gather::Body;
use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::Address;
use cutover_evm::{BlockRun, Environment, EvmError, SignedTransaction, Touched, matches_receipt};
use cutover_types::{CallFrame, CallKind, Missing, State};
use std::collections::BTreeSet;

/// What executing the transactions of a block again showed.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// What was read of the parent's state.
    pub(crate) touched: Touched,
    /// The first transaction that did not come out as its receipt says, and why. What comes after it
    /// ran on another state than it had.
    pub(crate) broken: Option<(usize, String)>,
    /// For each transaction that ran, how often it called the proxy.
    pub(crate) calls: Vec<u64>,
    /// Keys without which it could not go on, and which nobody refused yet.
    pub(crate) missing: BTreeSet<Missing>,
}

impl Control {
    /// Whether the transaction at this position ran on the state it had, and came out as it did.
    pub(crate) fn holds(&self, index: usize) -> bool {
        self.broken.as_ref().is_none_or(|(first, _)| index < *first)
    }

    /// Why it does not hold for a transaction at this position.
    pub(crate) fn why(&self, index: usize) -> Option<String> {
        let (first, why) = self.broken.as_ref()?;
        match index.cmp(first) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(format!(
                "its execution does not reproduce its receipt: {why}"
            )),
            std::cmp::Ordering::Greater => Some(format!(
                "the state before it is not known: the execution of transaction {first} of the block does not reproduce its receipt: {why}"
            )),
        }
    }
}

/// Executes `transactions`, the first ones of a block, on the state of its parent. A transaction that
/// needs a refused key is left out; one that misses another key ends the run.
pub(crate) fn run(
    state: &dyn State,
    environment: &Environment,
    transactions: &[SignedTransaction],
    receipts: &[ReceiptEnvelope],
    proxy: Address,
    refused: &BTreeSet<Missing>,
) -> Control {
    let mut control = Control::default();
    let mut run = BlockRun::new(state, environment.clone());
    if let Err(error) = run.begin() {
        control.broken = Some((0, error.to_string()));
        return control;
    }
    let mut cumulative = 0;
    for (index, (tx, receipt)) in transactions.iter().zip(receipts).enumerate() {
        let ran = run.next(tx);
        let mut calls = 0;
        let failed = match ran {
            Ok(outcome) => {
                calls = outcome
                    .calls
                    .iter()
                    .filter(|call| is_call(call, proxy))
                    .count() as u64;
                matches_receipt(&outcome, receipt, cumulative)
                    .err()
                    .map(|mismatch| mismatch.to_string())
            }
            Err(EvmError::Missing(keys)) => {
                let new: BTreeSet<Missing> = keys.difference(refused).copied().collect();
                if !new.is_empty() {
                    control.missing = new;
                    break;
                }
                Some(EvmError::Missing(keys).to_string())
            }
            Err(other) => Some(other.to_string()),
        };
        control.calls.push(calls);
        if let Some(why) = failed {
            control.broken.get_or_insert((index, why));
        }
        cumulative = receipt.cumulative_gas_used();
    }
    control.touched = run.touched().clone();
    control
}

/// As in a call trace: see [`crate::trace::calls`].
fn is_call(call: &CallFrame, proxy: Address) -> bool {
    call.to == proxy && matches!(call.kind, CallKind::Call | CallKind::StaticCall)
}

/// Executes a recorded block up to its last target, from what is recorded alone.
pub(crate) fn replay(
    chain_id: u64,
    state: &dyn State,
    body: &Body,
    last: u64,
    proxy: Address,
) -> Control {
    let environment = match Environment::of(chain_id, &body.header) {
        Ok(environment) => environment,
        Err(error) => {
            return Control {
                broken: Some((0, error.to_string())),
                ..Control::default()
            };
        }
    };
    let count = usize::try_from(last)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let transactions = body.transactions.get(..count).unwrap_or(&body.transactions);
    // Without a node every key that is not there is a refused one.
    let mut refused = BTreeSet::new();
    loop {
        let control = run(
            state,
            &environment,
            transactions,
            &body.receipts,
            proxy,
            &refused,
        );
        if control.missing.is_empty() {
            return control;
        }
        refused.extend(control.missing);
    }
}

//! The exact state before each recorded transaction, and the control on it.

use crate::{
    base::{Base, MAX_WAVES},
    error::ReplayError,
    fees::Fees,
};
use alloy_consensus::{ReceiptEnvelope, Transaction as _};
use cutover_evm::{
    BlockRun, Changes, Environment, EvmError, SignedTransaction, matches_receipt, wanted_by_block,
};
use cutover_types::{Missing, Outcome, RecordedBlock, State, Target};
use std::{collections::BTreeSet, sync::Arc};

/// A transaction with the state it ran on.
pub(crate) struct Exact {
    pub(crate) target: Target,
    pub(crate) transaction: SignedTransaction,
    /// What the block changed before it.
    pub(crate) prefix: Changes,
    pub(crate) fees: Fees,
    /// Blue in process, which reproduced the receipt; or why it did not.
    pub(crate) control: Result<Outcome, String>,
}

impl Exact {
    /// The state before it.
    pub(crate) fn view(&self, base: &Base) -> Arc<dyn State> {
        Arc::new(self.prefix.over(base.known()))
    }
}

/// A block's targets, each with its exact state.
pub(crate) struct Prepared {
    pub(crate) environment: Environment,
    pub(crate) targets: Vec<Exact>,
    /// Transactions executed to get here.
    pub(crate) executed: u64,
}

/// Executes a block up to its last wanted target, fetching what is missing where there is a node.
pub(crate) async fn prepare(
    chain_id: u64,
    block: &Arc<RecordedBlock>,
    wanted: &[Target],
    base: &mut Base,
) -> Result<Prepared, ReplayError> {
    let mut waves = 0;
    let mut last = BTreeSet::new();
    loop {
        let (prepared, missing) = attempt(chain_id, block, wanted, base)?;
        if missing.is_empty() || !base.grows() || missing == last || waves == MAX_WAVES {
            return Ok(prepared);
        }
        let mut all = missing.clone();
        all.extend(speculate(chain_id, block, wanted, base));
        if base.fill(&all).await.is_err() {
            return Ok(prepared);
        }
        waves += 1;
        last = missing;
    }
}

/// Everything the block will want up to its last wanted target.
fn speculate(
    chain_id: u64,
    block: &RecordedBlock,
    wanted: &[Target],
    base: &Base,
) -> BTreeSet<Missing> {
    let Ok(environment) = Environment::of(chain_id, &block.header) else {
        return BTreeSet::new();
    };
    let last = wanted.iter().map(|target| target.index).max().unwrap_or(0);
    let transactions: Vec<SignedTransaction> = block
        .transactions
        .iter()
        .take(
            usize::try_from(last)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
        )
        .filter_map(|raw| SignedTransaction::decode(raw).ok())
        .collect();
    wanted_by_block(&*base.known(), &environment, &transactions)
}

/// One try: what could be prepared, and what stopped it.
fn attempt(
    chain_id: u64,
    block: &RecordedBlock,
    wanted: &[Target],
    base: &Base,
) -> Result<(Prepared, BTreeSet<Missing>), ReplayError> {
    let bad = |why: String| ReplayError::BadBlock {
        block: block.header.number,
        why,
    };
    let environment = Environment::of(chain_id, &block.header)?;
    let known = base.known();
    let mut run = BlockRun::new(&*known, environment.clone());
    let mut missing = BTreeSet::new();
    let mut stopped: Option<String> = None;
    if let Err(error) = run.begin() {
        missing.extend(error.missing().into_iter().flatten().copied());
        stopped = Some(error.to_string());
    }
    let mut targets = Vec::with_capacity(wanted.len());
    let mut executed = 0;
    let mut next = 0;
    for target in wanted {
        let index = usize::try_from(target.index).unwrap_or(usize::MAX);
        let raw = block
            .transactions
            .get(index)
            .ok_or_else(|| bad(format!("it has no transaction {index}")))?;
        let transaction = SignedTransaction::decode(raw)?;
        if transaction.hash != target.hash {
            return Err(bad(format!(
                "transaction {index} is {}, not {}",
                transaction.hash, target.hash
            )));
        }
        while stopped.is_none() && next < index {
            stopped = pass(&mut run, block, next, &mut missing)
                .err()
                .map(|why| format!("transaction {next} before it in the block: {why}"));
            next += 1;
            executed += 1;
        }
        let prefix = match stopped {
            None => run.changes(),
            Some(_) => Changes::default(),
        };
        let control = match &stopped {
            Some(why) => Err(why.clone()),
            None => {
                next = index + 1;
                executed += 1;
                let result = step(&mut run, block, index, &mut missing);
                if let Err(why) = &result {
                    stopped = Some(format!("transaction {index} before it in the block: {why}"));
                }
                result
            }
        };
        let base_fee = environment.base_fee;
        let price = transaction.envelope.effective_gas_price(Some(base_fee));
        let fees = Fees {
            sender: transaction.sender,
            beneficiary: environment.beneficiary,
            price,
            tip: price.saturating_sub(u128::from(base_fee)),
        };
        targets.push(Exact {
            target: target.clone(),
            transaction,
            prefix,
            fees,
            control,
        });
    }
    let prepared = Prepared {
        environment,
        targets,
        executed,
    };
    Ok((prepared, missing))
}

/// Runs transaction `index`, which is wanted, and holds it against its receipt.
fn step(
    run: &mut BlockRun<'_>,
    block: &RecordedBlock,
    index: usize,
    missing: &mut BTreeSet<Missing>,
) -> Result<Outcome, String> {
    let transaction = transaction(block, index)?;
    let outcome = run
        .next(&transaction)
        .map_err(|error| note(&error, missing))?;
    agrees(&outcome, block, index)?;
    Ok(outcome)
}

/// Runs transaction `index` only for what it leaves.
fn pass(
    run: &mut BlockRun<'_>,
    block: &RecordedBlock,
    index: usize,
    missing: &mut BTreeSet<Missing>,
) -> Result<(), String> {
    let transaction = transaction(block, index)?;
    let summary = run
        .next_quiet(&transaction)
        .map_err(|error| note(&error, missing))?;
    let (receipt, previous) = receipts(block, index)?;
    summary
        .matches_receipt(receipt, previous)
        .map_err(|mismatch| format!("blue does not reproduce the receipt: {mismatch}"))
}

fn transaction(block: &RecordedBlock, index: usize) -> Result<SignedTransaction, String> {
    let raw = block
        .transactions
        .get(index)
        .ok_or("it is not in the recording")?;
    SignedTransaction::decode(raw).map_err(|error| error.to_string())
}

fn note(error: &EvmError, missing: &mut BTreeSet<Missing>) -> String {
    missing.extend(error.missing().into_iter().flatten().copied());
    error.to_string()
}

/// Whether an outcome is what the receipt of transaction `index` says.
pub(crate) fn agrees(outcome: &Outcome, block: &RecordedBlock, index: usize) -> Result<(), String> {
    let (receipt, previous) = receipts(block, index)?;
    matches_receipt(outcome, receipt, previous)
        .map_err(|mismatch| format!("blue does not reproduce the receipt: {mismatch}"))
}

/// The receipt of a transaction, and the gas the block had used before it.
fn receipts(block: &RecordedBlock, index: usize) -> Result<(&ReceiptEnvelope, u64), String> {
    let receipt = block
        .receipts
        .get(index)
        .ok_or("its receipt is not in the recording")?;
    let previous = match index.checked_sub(1) {
        None => 0,
        Some(before) => block
            .receipts
            .get(before)
            .map(|receipt| receipt.cumulative_gas_used())
            .ok_or("the receipt before it is not in the recording")?,
    };
    Ok((receipt, previous))
}

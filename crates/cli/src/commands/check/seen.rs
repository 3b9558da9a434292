//! What recorded transactions did to the proxy's storage: executed again, from the recording alone.

use alloy_primitives::{Address, U256, keccak256};
use cutover_chain::RecordingFolder;
use cutover_check::Seen;
use cutover_evm::{BlockRun, Environment, EvmError, SignedTransaction};
use cutover_types::{
    RecordedBlock,
    abi::{IMPLEMENTATION_SLOT, ZOS_IMPLEMENTATION_SLOT},
    progress::Progress,
};
use std::collections::BTreeSet;

/// Blocks that could not be used, said one by one.
const MAX_NOTES: usize = 8;

/// Executes the recording. Blocks in which the proxy ran something else than `implementation` are left out:
/// their writes are not blue's.
pub(super) fn seen(
    folder: &RecordingFolder,
    implementation: Address,
    progress: &dyn Progress,
) -> Seen {
    let manifest = folder.manifest();
    let mut seen = Seen {
        digest: manifest.digest,
        ..Seen::default()
    };
    let mut left_out = Vec::new();
    for entry in &manifest.blocks {
        let told = match folder.block(entry.number) {
            Ok(block) => run(
                &block,
                manifest.chain_id,
                manifest.proxy,
                implementation,
                &mut seen,
            ),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = told {
            left_out.push(format!("block {} of the recording: {why}", entry.number));
        }
        progress.advance(1);
    }
    let more = left_out.len().saturating_sub(MAX_NOTES);
    left_out.truncate(MAX_NOTES);
    seen.notes = left_out;
    if more > 0 {
        seen.notes
            .push(format!("and {more} more blocks of the recording"));
    }
    seen
}

/// Executes one block up to its last target.
fn run(
    block: &RecordedBlock,
    chain_id: u64,
    proxy: Address,
    implementation: Address,
    seen: &mut Seen,
) -> Result<(), String> {
    let slots = block.state.storage.get(&proxy);
    for pointer in [IMPLEMENTATION_SLOT, ZOS_IMPLEMENTATION_SLOT] {
        let ran = slots
            .and_then(|slots| slots.get(&pointer))
            .copied()
            .unwrap_or_default();
        if !ran.is_zero() && ran != U256::from_be_bytes(implementation.into_word().0) {
            let ran = Address::from_word(ran.into());
            return Err(format!(
                "the proxy ran {ran} then, so nothing was learned from it"
            ));
        }
    }
    let targets: BTreeSet<u64> = block.targets.iter().map(|target| target.index).collect();
    let Some(last) = targets.last() else {
        return Ok(());
    };
    let environment =
        Environment::of(chain_id, &block.header).map_err(|error| error.to_string())?;
    let mut run = BlockRun::new(&block.state, environment);
    run.begin().map_err(|error| error.to_string())?;
    seen.touched
        .extend(slots.into_iter().flat_map(|slots| slots.keys().copied()));
    let mut before = 0;
    for (index, (raw, receipt)) in (0..=*last).zip(block.transactions.iter().zip(&block.receipts)) {
        let failed = |why: String| format!("transaction {index} was not executed: {why}");
        let transaction =
            SignedTransaction::decode(raw).map_err(|error| failed(error.to_string()))?;
        let error = |error: EvmError| failed(error.to_string());
        let (summary, stored) = if targets.contains(&index) {
            let stored = run.next_stored(&transaction, proxy).map_err(error)?;
            (stored.summary, Some((stored.written, stored.preimages)))
        } else {
            (run.next_quiet(&transaction).map_err(error)?, None)
        };
        summary
            .matches_receipt(receipt, before)
            .map_err(|mismatch| failed(format!("it does not reproduce its receipt: {mismatch}")))?;
        if let Some((written, preimages)) = stored {
            seen.transactions += 1;
            seen.preimages.absorb(preimages);
            for slot in written {
                seen.written.entry(slot).or_insert(keccak256(raw));
            }
        }
        before = receipt.cumulative_gas_used();
    }
    Ok(())
}

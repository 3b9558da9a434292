//! Totals by function.

use alloy_json_abi::JsonAbi;
use alloy_primitives::FixedBytes;
use cutover_types::replay::{GasTotals, SelectorReport, TransactionReport};
use std::collections::BTreeMap;

/// Totals of each function of the proxy.
pub(crate) fn selectors(
    transactions: &[TransactionReport],
    abi: Option<&JsonAbi>,
) -> Vec<SelectorReport> {
    let mut found: BTreeMap<FixedBytes<4>, SelectorReport> = BTreeMap::new();
    for transaction in transactions {
        let Some(selector) = transaction.selector else {
            continue;
        };
        let report = found.entry(selector).or_insert_with(|| SelectorReport {
            selector,
            signature: abi
                .and_then(|abi| abi.function_by_selector(selector))
                .map(|function| function.signature()),
            transactions: 0,
            verdicts: BTreeMap::new(),
            gas: GasTotals::default(),
        });
        report.transactions += 1;
        *report.verdicts.entry(transaction.verdict).or_default() += 1;
        report.gas.add(transaction);
    }
    found.into_values().collect()
}

//! Totals.

use alloy_json_abi::JsonAbi;
use alloy_primitives::FixedBytes;
use cutover_types::{
    TransactionVerdict,
    replay::{GasTotals, SelectorReport, Summary, TransactionReport},
};
use std::collections::BTreeMap;

/// Counts every transaction once.
pub(crate) fn summary(transactions: &[TransactionReport]) -> Summary {
    let mut summary = Summary::default();
    for transaction in transactions {
        summary.transactions += 1;
        summary.control_held += u64::from(transaction.control_held);
        *match transaction.verdict {
            TransactionVerdict::Identical => &mut summary.identical,
            TransactionVerdict::GasOnly => &mut summary.gas_only,
            TransactionVerdict::Expected => &mut summary.expected,
            TransactionVerdict::Changed => &mut summary.changed,
            TransactionVerdict::Regressed => &mut summary.regressed,
            TransactionVerdict::Repaired => &mut summary.repaired,
            TransactionVerdict::Inconclusive => &mut summary.inconclusive,
        } += 1;
        add(&mut summary.gas, transaction);
    }
    summary
}

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
        add(&mut report.gas, transaction);
    }
    found.into_values().collect()
}

/// Gas counts where both sides ran and the control held: a total of one side says nothing.
fn add(gas: &mut GasTotals, transaction: &TransactionReport) {
    if let (true, Some(blue), Some(green)) = (
        transaction.control_held,
        &transaction.blue,
        &transaction.green,
    ) {
        gas.blue += blue.gas;
        gas.green += green.gas;
    }
}

//! The control: an execution against the receipt the chain recorded.

use crate::block::Summary;
use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::Log;
use cutover_types::{Outcome, Status};
use thiserror::Error;

/// How an execution differs from the recorded receipt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// Success against failure.
    #[error("status {computed}, the receipt says {recorded}")]
    Status {
        /// Receipt status recorded.
        recorded: bool,
        /// Receipt status computed.
        computed: bool,
    },
    /// Gas.
    #[error("used {computed} gas, the receipt says {recorded}")]
    Gas {
        /// Gas recorded.
        recorded: u64,
        /// Gas computed.
        computed: u64,
    },
    /// The number of logs.
    #[error("{computed} logs, the receipt has {recorded}")]
    LogCount {
        /// Logs recorded.
        recorded: usize,
        /// Logs computed.
        computed: usize,
    },
    /// Address, topics or data of a log.
    #[error("log {index} differs from the receipt's")]
    Log {
        /// Position among the transaction's logs.
        index: usize,
    },
    /// The receipts of the block do not fit together.
    #[error("the receipt's cumulative gas {cumulative} is below the {previous} before it")]
    Cumulative {
        /// Of this receipt.
        cumulative: u64,
        /// Of the receipt before it.
        previous: u64,
    },
}

/// Whether an outcome is what the receipt records: status, gas, and logs with their data.
///
/// `previous_cumulative` is the cumulative gas of the receipt before it in the block, 0 for the
/// first.
///
/// # Errors
/// The first difference.
pub fn matches_receipt(
    outcome: &Outcome,
    receipt: &ReceiptEnvelope,
    previous_cumulative: u64,
) -> Result<(), Mismatch> {
    compare(
        outcome.status,
        outcome.gas_used,
        &outcome.logs,
        receipt,
        previous_cumulative,
    )
}

impl Summary {
    /// As [`matches_receipt`].
    ///
    /// # Errors
    /// The first difference.
    pub fn matches_receipt(
        &self,
        receipt: &ReceiptEnvelope,
        previous_cumulative: u64,
    ) -> Result<(), Mismatch> {
        compare(
            self.status,
            self.gas_used,
            &self.logs,
            receipt,
            previous_cumulative,
        )
    }
}

fn compare(
    status: Status,
    gas_used: u64,
    logs: &[Log],
    receipt: &ReceiptEnvelope,
    previous: u64,
) -> Result<(), Mismatch> {
    if receipt.status() != status.is_success() {
        return Err(Mismatch::Status {
            recorded: receipt.status(),
            computed: status.is_success(),
        });
    }
    let cumulative = receipt.cumulative_gas_used();
    let recorded = cumulative
        .checked_sub(previous)
        .ok_or(Mismatch::Cumulative {
            cumulative,
            previous,
        })?;
    if recorded != gas_used {
        return Err(Mismatch::Gas {
            recorded,
            computed: gas_used,
        });
    }
    if receipt.logs().len() != logs.len() {
        return Err(Mismatch::LogCount {
            recorded: receipt.logs().len(),
            computed: logs.len(),
        });
    }
    match logs.iter().zip(receipt.logs()).position(|(a, b)| a != b) {
        Some(index) => Err(Mismatch::Log { index }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Receipt;
    use alloy_primitives::{Address, Bytes};

    fn log(byte: u8) -> Log {
        Log::new_unchecked(Address::ZERO, Vec::new(), Bytes::copy_from_slice(&[byte]))
    }

    fn receipt(status: bool, cumulative: u64, logs: Vec<Log>) -> ReceiptEnvelope {
        ReceiptEnvelope::Eip1559(
            Receipt {
                status: status.into(),
                cumulative_gas_used: cumulative,
                logs,
            }
            .with_bloom(),
        )
    }

    #[test]
    fn every_part_of_the_receipt_counts() {
        let summary = Summary {
            status: Status::Success,
            gas_used: 100,
            logs: vec![log(1)],
        };
        let cases = [
            (receipt(true, 150, vec![log(1)]), Ok(())),
            (
                receipt(false, 150, vec![log(1)]),
                Err(Mismatch::Status {
                    recorded: false,
                    computed: true,
                }),
            ),
            (
                receipt(true, 151, vec![log(1)]),
                Err(Mismatch::Gas {
                    recorded: 101,
                    computed: 100,
                }),
            ),
            (
                receipt(true, 150, Vec::new()),
                Err(Mismatch::LogCount {
                    recorded: 0,
                    computed: 1,
                }),
            ),
            (
                receipt(true, 150, vec![log(2)]),
                Err(Mismatch::Log { index: 0 }),
            ),
            (
                receipt(true, 49, vec![log(1)]),
                Err(Mismatch::Cumulative {
                    cumulative: 49,
                    previous: 50,
                }),
            ),
        ];
        for (receipt, expected) in cases {
            assert_eq!(summary.matches_receipt(&receipt, 50), expected);
        }
    }
}

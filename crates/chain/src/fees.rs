//! What a transaction pays per gas, and how much gas it names at least.

use thiserror::Error;

const GWEI: u128 = 1_000_000_000;
/// A tip up to this is never questioned: there are chains that demand 30 gwei.
const USUAL_TIP: u128 = 50 * GWEI;
/// Most per gas, tip included.
const USUAL_FEE: u128 = 1_000 * GWEI;

/// Why a transaction is not signed at the price the node names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FeeError {
    /// Gas is dearer than allowed.
    #[error("the base fee is {base_fee} wei, more than the {allowed} wei allowed")]
    TooExpensive {
        /// Now.
        base_fee: u128,
        /// Allowed.
        allowed: u128,
    },
    /// The node names a price that is not usual, and the user did not allow it.
    #[error(
        "by the node the {what} is {asked} wei per gas, more than {usual} wei: `--max-fee` sets what you would pay"
    )]
    TooDear {
        /// The tip or the whole fee.
        what: &'static str,
        /// What the node names.
        asked: u128,
        /// What is accepted unasked.
        usual: u128,
    },
    /// Taking the place of a transaction that waits costs more than allowed.
    #[error(
        "the transaction that waits is only replaced for a {what} of {needed} wei per gas, more than {allowed} wei: `--max-fee` sets what you would pay"
    )]
    DearReplacement {
        /// The tip or the whole fee.
        what: &'static str,
        /// An eighth more than the one that waits pays.
        needed: u128,
        /// Allowed, or accepted unasked.
        allowed: u128,
    },
}

/// What gas costs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Base fee of the next block.
    pub base_fee: u128,
    /// Tip per gas.
    pub tip: u128,
    /// Most to pay per gas, tip included.
    pub max_fee: u128,
}

impl Fees {
    /// Twice the base fee, and the tip: serves for six full blocks in a row.
    pub fn of(base_fee: u128, tip: u128) -> Self {
        Self {
            base_fee,
            tip,
            max_fee: base_fee.saturating_mul(2).saturating_add(tip),
        }
    }

    /// Highest tip and fee per gas: what the user says, else what only a mistaken or lying node exceeds.
    fn bounds(&self, allowed: Option<u128>) -> [(&'static str, u128); 2] {
        let tip = USUAL_TIP.max(self.base_fee.saturating_mul(2));
        [
            ("tip", allowed.unwrap_or(tip)),
            ("fee", allowed.unwrap_or(USUAL_FEE)),
        ]
    }

    /// These, at most `allowed` per gas.
    ///
    /// # Errors
    /// When the price is not usual and nothing is allowed, or the base fee alone is more.
    pub fn within(mut self, allowed: Option<u128>) -> Result<Self, FeeError> {
        if let Some(allowed) = allowed {
            self.max_fee = self.max_fee.min(allowed);
            self.tip = self.tip.min(self.max_fee);
        }
        let asked = [self.tip, self.max_fee];
        for ((what, usual), asked) in self.bounds(allowed).into_iter().zip(asked) {
            if asked > usual {
                return Err(FeeError::TooDear { what, asked, usual });
            }
        }
        if self.max_fee < self.base_fee {
            return Err(FeeError::TooExpensive {
                base_fee: self.base_fee,
                allowed: self.max_fee,
            });
        }
        Ok(self)
    }

    /// These, and enough to take the place of a transaction that waits: nodes want a tenth or an eighth more
    /// of both.
    ///
    /// # Errors
    /// When that is more than `allowed`, or than is usual.
    pub fn instead_of(mut self, waits: &Self, allowed: Option<u128>) -> Result<Self, FeeError> {
        self.tip = self.tip.max(an_eighth_more(waits.tip));
        self.max_fee = self.max_fee.max(an_eighth_more(waits.max_fee));
        let needs = [self.tip, self.max_fee];
        for ((what, allowed), needed) in self.bounds(allowed).into_iter().zip(needs) {
            if needed > allowed {
                return Err(FeeError::DearReplacement {
                    what,
                    needed,
                    allowed,
                });
            }
        }
        Ok(self)
    }
}

fn an_eighth_more(fee: u128) -> u128 {
    fee.saturating_add(fee.div_ceil(8).max(1))
}

/// Why a transaction with the gas the node names cannot be mined.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GasError {
    /// It costs more before anything runs.
    #[error(
        "by the node the call needs {gas} gas, but no transaction with its data takes less than {least}"
    )]
    TooLittle {
        /// What the node names.
        gas: u64,
        /// What a transaction with this data costs before anything runs.
        least: u64,
    },
    /// No block has room for it.
    #[error("by the node the call needs {gas} gas, more than the {limit} of a block")]
    TooMuch {
        /// What the node names.
        gas: u64,
        /// What a block holds.
        limit: u64,
    },
}

/// The gas limit of a transaction with this calldata that needs `gas` now: a quarter more, because the state
/// may move, but never more than one transaction may have (EIP-7825) or a block holds, and never less than the
/// data costs (EIP-7623).
///
/// # Errors
/// When no such transaction could be mined.
pub fn gas_limit(data: &[u8], gas: u64, block: u64) -> Result<u64, GasError> {
    const START: u64 = 21_000;
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    let tokens = zeros + 4 * (data.len() as u64 - zeros);
    let least = START + 4 * tokens;
    if gas < least {
        return Err(GasError::TooLittle { gas, least });
    }
    if gas > block {
        return Err(GasError::TooMuch { gas, limit: block });
    }
    let most = most_gas(block).max(gas);
    let wide = gas.saturating_add(gas / 4).min(most);
    Ok(wide.max(START + 10 * tokens))
}

/// Gas one transaction may have in a block that holds `block`.
pub fn most_gas(block: u64) -> u64 {
    block.min(1 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_bounded_by_the_user_or_by_what_is_usual() {
        let cases = [
            (10 * GWEI, 2 * GWEI, None, Ok((2, 22))),
            (10 * GWEI, 2 * GWEI, Some(15 * GWEI), Ok((2, 15))),
            (10 * GWEI, 2 * GWEI, Some(9 * GWEI), Err("the base fee is")),
            (GWEI, 51 * GWEI, None, Err("the tip is 51000000000")),
            (40 * GWEI, 80 * GWEI, None, Ok((80, 160))),
            (500 * GWEI, GWEI, None, Err("the fee is 1001000000000")),
            (500 * GWEI, GWEI, Some(2_000 * GWEI), Ok((1, 1_001))),
        ];
        for (base, tip, allowed, expected) in cases {
            match (Fees::of(base, tip).within(allowed), expected) {
                (Ok(fees), Ok((tip, max))) => {
                    assert_eq!((fees.tip, fees.max_fee), (tip * GWEI, max * GWEI));
                }
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                other => panic!("{base} {tip} {allowed:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_replacement_pays_an_eighth_more_or_what_is_usual_now() {
        let now = Fees::of(10 * GWEI, 2 * GWEI);
        let waits = |tip, max_fee| Fees {
            base_fee: 0,
            tip,
            max_fee,
        };
        let paid = |waits, allowed| {
            let fees: Result<Fees, _> = now.instead_of(&waits, allowed);
            fees.map(|fees| (fees.tip, fees.max_fee))
        };
        assert_eq!(paid(waits(GWEI, 8 * GWEI), None), Ok((2 * GWEI, 22 * GWEI)));
        assert_eq!(
            paid(waits(2 * GWEI, 22 * GWEI), None),
            Ok((2_250_000_000, 24_750_000_000))
        );
        assert_eq!(paid(waits(0, 0), None), Ok((2 * GWEI, 22 * GWEI)));
        assert_eq!(an_eighth_more(0), 1);
        let error = paid(waits(2 * GWEI, 22 * GWEI), Some(24 * GWEI)).unwrap_err();
        assert!(
            error.to_string().contains("a fee of 24750000000"),
            "{error}"
        );
        let error = paid(waits(50 * GWEI, 60 * GWEI), None).unwrap_err();
        assert!(
            error.to_string().contains("a tip of 56250000000"),
            "{error}"
        );
    }

    #[test]
    fn gas_that_no_block_takes_is_refused() {
        let data = [[0; 4], [1; 4]].concat();
        let cases = [
            (1, 30_000_000, Err("less than 21080")),
            (21_079, 30_000_000, Err("less than 21080")),
            (21_080, 30_000_000, Ok(26_350)),
            (40_000, 30_000_000, Ok(50_000)),
            (40_000, 45_000, Ok(45_000)),
            (45_001, 45_000, Err("more than the 45000")),
            (16_000_000, 60_000_000, Ok(1 << 24)),
            (20_000_000, 60_000_000, Ok(20_000_000)),
        ];
        for (gas, block, expected) in cases {
            match (gas_limit(&data, gas, block), expected) {
                (found, Ok(limit)) => assert_eq!(found, Ok(limit)),
                (found, Err(text)) => {
                    let error = found.unwrap_err().to_string();
                    assert!(error.contains(text), "{error}");
                }
            }
        }
        // Data that costs more than what runs: the floor of EIP-7623.
        let long = vec![1; 10_000];
        assert_eq!(gas_limit(&long, 181_100, 30_000_000), Ok(421_000));
    }
}

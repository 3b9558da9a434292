//! What a transaction moves only to pay for itself.
//!
//! Green uses other amounts of gas than blue, so the sender and the block's beneficiary end with
//! other balances. That is already said by the gas difference, so it is taken out of the balances.

use alloy_primitives::{Address, U256};
use cutover_types::Outcome;

/// Who pays what to whom for gas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fees {
    /// Who pays.
    pub(crate) sender: Address,
    /// Who gets the tip.
    pub(crate) beneficiary: Address,
    /// Wei per gas the sender pays.
    pub(crate) price: u128,
    /// Wei per gas the beneficiary gets.
    pub(crate) tip: u128,
}

impl Fees {
    /// How much the balance of `address` moved, gas aside; negative amounts wrap around.
    pub(crate) fn moved(&self, outcome: &Outcome, address: Address) -> U256 {
        let gas = U256::from(outcome.gas_used);
        let mut moved = outcome
            .diff
            .get(&address)
            .and_then(|account| account.balance.as_ref())
            .map_or(U256::ZERO, |change| {
                change.after.wrapping_sub(change.before)
            });
        if address == self.sender {
            moved = moved.wrapping_add(gas.wrapping_mul(U256::from(self.price)));
        }
        if address == self.beneficiary {
            moved = moved.wrapping_sub(gas.wrapping_mul(U256::from(self.tip)));
        }
        moved
    }
}

/// A wrapped amount with its sign.
pub(crate) fn signed(amount: U256) -> String {
    if amount.bit(255) {
        format!("-{}", amount.wrapping_neg())
    } else {
        format!("+{amount}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_types::{AccountDiff, Change, Status};

    #[test]
    fn gas_paid_is_no_movement() {
        let (sender, beneficiary) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let fees = Fees {
            sender,
            beneficiary,
            price: 10,
            tip: 3,
        };
        let balance = |before: u64, after: u64| AccountDiff {
            balance: Some(Change {
                before: U256::from(before),
                after: U256::from(after),
            }),
            ..AccountDiff::default()
        };
        let outcome = Outcome {
            status: Status::Success,
            halt: None,
            gas_used: 7,
            output: Default::default(),
            created: None,
            logs: Vec::new(),
            diff: [(sender, balance(100, 25)), (beneficiary, balance(0, 21))].into(),
            calls: Vec::new(),
            environment: Default::default(),
        };
        assert_eq!(signed(fees.moved(&outcome, sender)), "-5");
        assert_eq!(signed(fees.moved(&outcome, beneficiary)), "+0");
        assert_eq!(signed(fees.moved(&outcome, Address::ZERO)), "+0");
    }
}

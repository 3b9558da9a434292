//! What a transaction may cost when the user sets no bound.

use super::{PreflightError, Ready};

const GWEI: u128 = 1_000_000_000;
/// A tip up to this is never questioned: there are chains that demand 30 gwei.
const USUAL_TIP: u128 = 50 * GWEI;
/// Most per gas, tip included.
const USUAL_FEE: u128 = 1_000 * GWEI;

/// Refuses a price that only a mistaken or lying node names.
pub(super) fn judge(base_fee: u128, ready: &Ready, refusals: &mut Vec<PreflightError>) {
    let tip = USUAL_TIP.max(base_fee.saturating_mul(2));
    for (what, asked, usual) in [
        ("tip", ready.priority_fee, tip),
        ("fee", ready.max_fee, USUAL_FEE),
    ] {
        if asked > usual {
            refusals.push(PreflightError::TooDear { what, asked, usual });
        }
    }
}

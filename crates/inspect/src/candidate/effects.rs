//! What the upgrade does besides writing slots, which the way back does not undo.

use super::way::Way;
use alloy_primitives::Address;
use cutover_types::{Outflow, StateDiff, outflows};
use std::collections::BTreeSet;

/// Effects that are listed at most.
const SHOWN: usize = 8;

/// Value that left the proxy, and accounts that the senders do not explain: poorer, created, changed.
pub(crate) fn besides_slots(
    proxy: Address,
    forward: &Way,
    back: &Way,
    changes: &StateDiff,
) -> Vec<String> {
    let calls = forward.calls.iter().chain(&back.calls);
    let senders: BTreeSet<Address> = calls.map(|call| call.from).collect();
    let logs = forward.outcomes.iter().flat_map(|outcome| &outcome.logs);
    let taken = outflows(proxy, &forward.changes, logs, &forward.outcomes);
    let mut found: Vec<String> = taken
        .iter()
        .map(Outflow::words)
        .map(|taken| format!("the upgrade takes {taken} from the proxy"))
        .collect();
    for (address, account) in changes {
        let code = account.code.as_ref();
        let poorer = account
            .balance
            .as_ref()
            .is_some_and(|balance| balance.after < balance.before);
        if account.created {
            found.push(format!(
                "contract {address}, which the upgrade creates, stays"
            ));
        } else if account.destroyed || code.is_some_and(|code| code.after != code.before) {
            found.push(format!("the code of {address} stays changed"));
        } else if poorer && *address != proxy && !senders.contains(address) {
            found.push(format!("{address} stays poorer"));
        }
    }
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    if more > 0 {
        found.push(format!("and {more} more effects stay"));
    }
    found
}

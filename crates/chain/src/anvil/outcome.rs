//! From what anvil says of a transaction to the outcome every engine gives.

use super::trace::{Calls, Diff, Mined, Side, status};
use alloy_primitives::{Address, Bytes, U256};
use cutover_types::{
    Outcome, StateDiff,
    execution::{AccountDiff, CallKind, Change, Status},
    text,
};
use std::collections::{BTreeMap, BTreeSet};

/// Delegations of EIP-7702 begin so.
const DELEGATION: &[u8] = &[0xef, 0x01, 0x00];

/// Accounts of which the diff cannot say whether their code is gone or stayed: what is unchanged is left
/// out, and so is what is empty. Only a delegation can be taken off an account.
pub(super) fn unsure(diff: &Diff) -> Vec<Address> {
    let delegates = |side: &Side| {
        side.code
            .as_ref()
            .is_some_and(|code| code.starts_with(DELEGATION))
    };
    let silent = |address: &Address| {
        diff.post
            .get(address)
            .is_some_and(|side| side.code.is_none())
    };
    diff.pre
        .iter()
        .filter(|(address, side)| delegates(side) && silent(address))
        .map(|(address, _)| *address)
        .collect()
}

/// Puts an outcome together; the error says what contradicts itself.
pub(super) fn outcome(
    mined: Mined,
    mut calls: Calls,
    diff: &Diff,
    codes: &BTreeMap<Address, Bytes>,
    would_create: Option<Address>,
) -> Result<Outcome, String> {
    let ended = status(calls.error.as_deref());
    if mined.success != ended.is_success() {
        return Err(format!(
            "the receipt says {}, the trace {}",
            if mined.success { "success" } else { "failure" },
            calls.error.as_deref().unwrap_or("success")
        ));
    }
    let created_accounts = created(&calls);
    let Some(top) = calls.frames.first_mut() else {
        return Err("the trace has no call".into());
    };
    let creates = matches!(top.kind, CallKind::Create | CallKind::Create2);
    if let (Status::Revert | Status::Halt, true, Some(address)) = (ended, creates, would_create) {
        top.to = address;
    }
    let output = if ended == Status::Halt {
        Bytes::new()
    } else {
        top.output.clone()
    };
    Ok(Outcome {
        status: ended,
        halt: calls
            .error
            .as_deref()
            .filter(|_| ended == Status::Halt)
            .map(halt_name),
        gas_used: mined.gas_used,
        output,
        created: mined.created.filter(|_| mined.success && creates),
        logs: mined.logs,
        diff: changes(diff, &created_accounts, codes),
        calls: calls.frames,
        environment: BTreeSet::new(),
    })
}

/// Contracts that were created and whose creation was not undone.
fn created(calls: &Calls) -> BTreeSet<Address> {
    let mut created = BTreeSet::new();
    // Below a call that failed, everything is undone.
    let mut failed_at = None;
    for frame in &calls.frames {
        if failed_at.is_some_and(|depth| frame.depth > depth) {
            continue;
        }
        failed_at = (!frame.status.is_success()).then_some(frame.depth);
        if frame.status.is_success() && matches!(frame.kind, CallKind::Create | CallKind::Create2) {
            created.insert(frame.to);
        }
    }
    created
}

/// Makes changes of both sides: only real ones, with zeros where a side is silent.
fn changes(
    diff: &Diff,
    created: &BTreeSet<Address>,
    codes: &BTreeMap<Address, Bytes>,
) -> StateDiff {
    let nothing = Side::default();
    let mut all = StateDiff::new();
    for address in diff.pre.keys().chain(diff.post.keys()) {
        if all.contains_key(address) {
            continue;
        }
        let destroyed = !diff.post.contains_key(address);
        let pre = diff.pre.get(address).unwrap_or(&nothing);
        let post = diff.post.get(address).unwrap_or(&nothing);
        // What `post` is silent about did not change, unless the account is gone.
        let balance = pre.balance.unwrap_or_default();
        let nonce = pre.nonce.unwrap_or_default();
        let code = pre.code.clone().unwrap_or_default();
        let account = if destroyed {
            AccountDiff {
                balance: change(balance, U256::ZERO),
                nonce: change(nonce, 0),
                code: change(code, Bytes::new()),
                destroyed: true,
                ..AccountDiff::default()
            }
        } else {
            let code_after = post
                .code
                .as_ref()
                .or_else(|| codes.get(address))
                .unwrap_or(&code)
                .clone();
            AccountDiff {
                balance: change(balance, post.balance.unwrap_or(balance)),
                nonce: change(nonce, post.nonce.unwrap_or(nonce)),
                code: change(code, code_after),
                storage: slots(pre, post),
                created: created.contains(address),
                destroyed: false,
            }
        };
        if !account.is_empty() {
            all.insert(*address, account);
        }
    }
    all
}

fn slots(pre: &Side, post: &Side) -> BTreeMap<alloy_primitives::B256, Change<U256>> {
    let value = |side: &Side, slot| side.storage.get(slot).copied().unwrap_or_default();
    pre.storage
        .keys()
        .chain(post.storage.keys())
        .filter_map(|slot| Some((*slot, change(value(pre, slot), value(post, slot))?)))
        .collect()
}

fn change<T: PartialEq>(before: T, after: T) -> Option<Change<T>> {
    (before != after).then_some(Change { before, after })
}

/// revm's name of the halt behind a text in geth's style.
fn halt_name(error: &str) -> String {
    let names = [
        ("out of gas", "OutOfGas"),
        ("insufficient balance for transfer", "OutOfFunds"),
        ("max code size exceeded", "CreateContractSizeLimit"),
        ("max initcode size exceeded", "CreateInitCodeSizeLimit"),
        ("invalid opcode: INVALID", "InvalidFEOpcode"),
        ("invalid opcode", "OpcodeNotFound"),
        ("stack underflow", "StackUnderflow"),
        ("out of stack", "StackOverflow"),
        ("stack overflow", "StackOverflow"),
        ("write protection", "StateChangeDuringStaticCall"),
        ("return data out of bounds", "OutOfOffset"),
        (
            "invalid code: must not begin with 0xef",
            "CreateContractStartingWithEF",
        ),
        ("contract address collision", "CreateCollision"),
        ("nonce uint64 overflow", "NonceOverflow"),
        ("max call depth exceeded", "CallTooDeep"),
        ("invalid jump destination", "InvalidJump"),
        ("precompiled failed", "PrecompileError"),
    ];
    let lower = error.to_lowercase();
    names
        .iter()
        .find(|(text, _)| lower.starts_with(&text.to_lowercase()))
        .map_or_else(|| text::terminal(error, 80), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: Address = Address::repeat_byte(0xaa);

    fn diff(value: serde_json::Value) -> Diff {
        serde_json::from_value(value).unwrap()
    }

    fn word(last: u8) -> String {
        alloy_primitives::B256::with_last_byte(last).to_string()
    }

    #[test]
    fn a_silent_side_means_zero_for_slots_and_unchanged_for_the_account() {
        let diff = diff(json!({
            "pre": {A.to_string(): {"balance": "0x7", "nonce": 3, "code": "0x60", "storage": {word(1): word(5), word(2): word(6)}}},
            "post": {A.to_string(): {"storage": {word(2): word(9), word(3): word(1)}}},
        }));
        let all = changes(&diff, &BTreeSet::new(), &BTreeMap::new());
        let account = &all[&A];
        assert!(account.balance.is_none() && account.nonce.is_none() && account.code.is_none());
        let slots: Vec<_> = account
            .storage
            .values()
            .map(|change| (change.before.to::<u64>(), change.after.to::<u64>()))
            .collect();
        assert_eq!(slots, [(5, 0), (6, 9), (0, 1)]);
        assert!(!account.created && !account.destroyed);
    }

    #[test]
    fn an_account_missing_before_was_created_and_one_missing_after_is_destroyed() {
        let born = diff(
            json!({"pre": {}, "post": {A.to_string(): {"balance": "0x0", "nonce": 1, "code": "0x60"}}}),
        );
        let all = changes(&born, &BTreeSet::from([A]), &BTreeMap::new());
        assert!(all[&A].created);
        assert_eq!(all[&A].nonce, change(0, 1));
        assert_eq!(all[&A].balance, None);
        let dead = diff(
            json!({"pre": {A.to_string(): {"balance": "0x5", "nonce": 1, "code": "0x60"}}, "post": {}}),
        );
        let all = changes(&dead, &BTreeSet::new(), &BTreeMap::new());
        assert!(all[&A].destroyed);
        assert_eq!(all[&A].balance, change(U256::from(5), U256::ZERO));
        assert_eq!(all[&A].code, change(Bytes::from(vec![0x60]), Bytes::new()));
    }

    #[test]
    fn a_delegation_that_is_not_mentioned_after_is_asked_for() {
        let silent = diff(json!({
            "pre": {A.to_string(): {"balance": "0x5", "code": "0xef0100aa"}},
            "post": {A.to_string(): {"balance": "0x4"}},
        }));
        assert_eq!(unsure(&silent), [A]);
        let codes = BTreeMap::from([(A, Bytes::new())]);
        let all = changes(&silent, &BTreeSet::new(), &codes);
        assert_eq!(all[&A].code.as_ref().unwrap().after, Bytes::new());
    }

    #[test]
    fn halts_are_named_as_revm_names_them() {
        let cases = [
            ("out of gas: out of memory", "OutOfGas"),
            ("invalid opcode: INVALID", "InvalidFEOpcode"),
            ("invalid opcode", "OpcodeNotFound"),
            ("Out of stack", "StackOverflow"),
            ("FutureHalt", "FutureHalt"),
        ];
        for (text, name) in cases {
            assert_eq!(halt_name(text), name);
        }
    }
}

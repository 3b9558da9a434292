//! Blue against green, one transaction: values in, differences out.

use crate::{
    fees::{Fees, signed},
    names::{names, words},
};
use alloy_dyn_abi::{DynSolValue, ErrorExt as _};
use alloy_json_abi::JsonAbi;
use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use cutover_types::{
    AccountDiff, CallFrame, CallKind, Outcome, State, StorageLayout,
    execution::Status,
    replay::{Difference, DifferenceKind},
    text,
};
use std::collections::BTreeSet;

/// Differences listed for one transaction.
const MAX_DIFFERENCES: usize = 100;
/// Characters of one side of a difference.
const MAX_TEXT: usize = 600;

/// What the comparison needs to know besides the two outcomes.
pub(crate) struct Context<'a> {
    pub(crate) proxy: Address,
    pub(crate) blue: Address,
    pub(crate) green: Address,
    /// The account and slot that hold the implementation.
    pub(crate) pointer: (Address, B256),
    pub(crate) fees: Fees,
    pub(crate) abi: Option<&'a JsonAbi>,
    pub(crate) layout: Option<&'a StorageLayout>,
    pub(crate) blue_layout: Option<&'a StorageLayout>,
    /// The state each side ran on.
    pub(crate) views: [&'a dyn State; 2],
}

/// Why a call failed, as far as its data tells.
pub(crate) fn reason(outcome: &Outcome, abi: Option<&JsonAbi>) -> Option<String> {
    match outcome.status {
        Status::Success => None,
        Status::Halt => outcome.halt.clone(),
        Status::Revert => custom_error(&outcome.output, abi)
            .or_else(|| cutover_evm::decode_revert(&outcome.output)),
    }
}

fn custom_error(output: &Bytes, abi: Option<&JsonAbi>) -> Option<String> {
    let selector = output.get(..4)?;
    let error = abi?
        .errors()
        .find(|error| error.selector().as_slice() == selector)?;
    let values = error.decode_error(output).ok()?.body;
    let values: Vec<String> = values.iter().map(value).collect();
    Some(text::terminal(
        &format!("{}({})", error.name, values.join(", ")),
        MAX_TEXT,
    ))
}

fn value(value: &DynSolValue) -> String {
    match value {
        DynSolValue::Address(address) => address.to_string(),
        DynSolValue::Uint(number, _) => number.to_string(),
        DynSolValue::Int(number, _) => number.to_string(),
        DynSolValue::Bool(truth) => truth.to_string(),
        DynSolValue::String(words) => format!("{words:?}"),
        DynSolValue::FixedBytes(word, size) => {
            format!("0x{}", alloy_primitives::hex::encode(&word[..*size]))
        }
        DynSolValue::Bytes(bytes) => short(bytes),
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) => {
            let items: Vec<String> = items.iter().take(16).map(self::value).collect();
            format!("[{}]", items.join(", "))
        }
        DynSolValue::Tuple(items) => {
            let items: Vec<String> = items.iter().take(16).map(self::value).collect();
            format!("({})", items.join(", "))
        }
        _ => "…".to_owned(),
    }
}

/// Bytes as a person reads them: long ones by length and hash.
fn short(bytes: &[u8]) -> String {
    if bytes.len() <= 256 {
        format!("0x{}", alloy_primitives::hex::encode(bytes))
    } else {
        format!(
            "0x{}… ({} bytes, keccak256 {})",
            alloy_primitives::hex::encode(&bytes[..64]),
            bytes.len(),
            keccak256(bytes)
        )
    }
}

struct Found(Vec<Difference>);

impl Found {
    fn push(
        &mut self,
        what: DifferenceKind,
        place: impl Into<String>,
        blue: String,
        green: String,
    ) {
        if self.0.len() < MAX_DIFFERENCES {
            self.0.push(Difference {
                what,
                place: place.into(),
                blue: text::terminal(&blue, MAX_TEXT),
                green: text::terminal(&green, MAX_TEXT),
            });
        }
    }
}

/// Everything that differs, in the order people ask: outcome, logs, state, calls, gas.
pub(crate) fn differences(
    blue: &Outcome,
    green: &Outcome,
    context: &Context<'_>,
) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    outcomes(blue, green, context, &mut found);
    // When one side fails everything it would have done is missing: the status says it all.
    if blue.status.is_success() == green.status.is_success() {
        logs(&blue.logs, &green.logs, context, &mut found);
        state(blue, green, context, &mut found);
        calls(blue, green, context, &mut found);
    }
    if blue.gas_used != green.gas_used {
        // Gas has its place even where the list is cut short.
        found.0.truncate(MAX_DIFFERENCES - 1);
        found.push(
            DifferenceKind::Gas,
            "gas",
            blue.gas_used.to_string(),
            green.gas_used.to_string(),
        );
    }
    found.0
}

fn outcomes(blue: &Outcome, green: &Outcome, context: &Context<'_>, found: &mut Found) {
    let word = |status: Status| match status {
        Status::Success => "success",
        Status::Revert => "revert",
        Status::Halt => "halt",
    };
    if blue.status != green.status {
        found.push(
            DifferenceKind::Status,
            "transaction",
            word(blue.status).into(),
            word(green.status).into(),
        );
    }
    let (b, g) = (reason(blue, context.abi), reason(green, context.abi));
    if b != g {
        found.push(
            DifferenceKind::RevertReason,
            "transaction",
            b.unwrap_or_default(),
            g.unwrap_or_default(),
        );
    } else if blue.status == green.status && blue.output != green.output {
        found.push(
            DifferenceKind::Output,
            "transaction",
            short(&blue.output),
            short(&green.output),
        );
    }
    if blue.created != green.created {
        let show = |address: Option<Address>| address.map_or_else(String::new, |a| a.to_string());
        found.push(
            DifferenceKind::Code,
            "created contract",
            show(blue.created),
            show(green.created),
        );
    }
}

fn logs(blue: &[Log], green: &[Log], context: &Context<'_>, found: &mut Found) {
    for index in 0..blue.len().max(green.len()) {
        let (b, g) = (blue.get(index), green.get(index));
        if b != g {
            let show = |entry: Option<&Log>| {
                entry.map_or_else(|| "no such log".to_owned(), |entry| log(entry, context.abi))
            };
            found.push(
                DifferenceKind::Log,
                format!("log {index}"),
                show(b),
                show(g),
            );
        }
    }
}

fn log(entry: &Log, abi: Option<&JsonAbi>) -> String {
    let topics = entry.data.topics();
    let name = topics.first().and_then(|topic| {
        abi?.events()
            .find(|event| event.selector() == *topic)
            .map(|event| event.name.clone())
    });
    let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
    format!(
        "{}{} [{}] {}",
        name.map(|name| format!("{name} ")).unwrap_or_default(),
        entry.address,
        topics.join(", "),
        short(&entry.data.data)
    )
}

fn state(blue: &Outcome, green: &Outcome, context: &Context<'_>, found: &mut Found) {
    let mut addresses: BTreeSet<Address> = blue.diff.keys().copied().collect();
    addresses.extend(green.diff.keys().copied());
    // The fees move balances that stay put on the other side.
    addresses.extend([context.fees.sender, context.fees.beneficiary]);
    // The proxy first: it is what people look for.
    let order = std::iter::once(context.proxy)
        .filter(|proxy| addresses.contains(proxy))
        .chain(addresses.iter().copied().filter(|a| *a != context.proxy));
    let empty = AccountDiff::default();
    for address in order {
        let b = blue.diff.get(&address).unwrap_or(&empty);
        let g = green.diff.get(&address).unwrap_or(&empty);
        storage(address, b, g, context, found, || {
            words([blue, green], context.proxy, context.fees.sender)
        });
        let (moved_b, moved_g) = (
            context.fees.moved(blue, address),
            context.fees.moved(green, address),
        );
        if moved_b != moved_g {
            found.push(
                DifferenceKind::Balance,
                address.to_string(),
                signed(moved_b),
                signed(moved_g),
            );
        }
        let steps = |side: &AccountDiff| {
            side.nonce
                .as_ref()
                .map_or(0, |change| change.after.wrapping_sub(change.before))
        };
        if steps(b) != steps(g) {
            found.push(
                DifferenceKind::Nonce,
                address.to_string(),
                format!("+{}", steps(b)),
                format!("+{}", steps(g)),
            );
        }
        let code = |side: &AccountDiff| side.code.as_ref().map(|change| change.after.clone());
        if code(b) != code(g) || b.destroyed != g.destroyed {
            let show = |side: &AccountDiff| match (side.destroyed, code(side)) {
                (true, _) => "destroyed".to_owned(),
                (false, None) => "unchanged".to_owned(),
                (false, Some(code)) => short(&code),
            };
            found.push(DifferenceKind::Code, address.to_string(), show(b), show(g));
        }
    }
}

fn storage(
    address: Address,
    blue: &AccountDiff,
    green: &AccountDiff,
    context: &Context<'_>,
    found: &mut Found,
    words: impl FnOnce() -> Vec<B256>,
) {
    let mut slots: BTreeSet<B256> = blue.storage.keys().copied().collect();
    slots.extend(green.storage.keys().copied());
    let left = |side: &AccountDiff, view: &dyn State, slot: B256| match side.storage.get(&slot) {
        Some(change) => Some(change.after),
        None => view.storage(address, slot).ok(),
    };
    let differing: Vec<_> = slots
        .into_iter()
        .filter(|slot| (address, *slot) != context.pointer)
        .map(|slot| {
            let b = left(blue, context.views[0], slot);
            (slot, b, left(green, context.views[1], slot))
        })
        .filter(|(_, b, g)| b.is_none() || b != g)
        .take(MAX_DIFFERENCES)
        .collect();
    let named = context.layout.or(context.blue_layout);
    let named = named.filter(|_| address == context.proxy && !differing.is_empty());
    let named = named.map(|layout| {
        let slots = differing.iter().map(|(slot, ..)| *slot).collect();
        (layout, names(layout, slots, words))
    });
    let show = |value: Option<U256>| {
        value.map_or_else(
            || "unknown".to_owned(),
            |value| B256::from(value).to_string(),
        )
    };
    for (slot, b, g) in differing {
        let mut told = false;
        if let (Some((layout, names)), Some(b), Some(g)) = (&named, b, g) {
            for one in names.get(&slot).into_iter().flatten() {
                let (b, g) = (one.value(layout, b), one.value(layout, g));
                if b != g {
                    told = true;
                    found.push(DifferenceKind::Storage, one.label.as_str(), b, g);
                }
            }
        }
        if !told {
            let place = format!("slot {slot} of {address}");
            found.push(DifferenceKind::Storage, place, show(b), show(g));
        }
    }
}

/// What the proxy asks of others, besides its implementation and the precompiled contracts.
fn outgoing(outcome: &Outcome, proxy: Address, implementation: Address) -> Vec<&CallFrame> {
    let forwards =
        |frame: &CallFrame| frame.kind == CallKind::DelegateCall && frame.to == implementation;
    outcome
        .calls
        .iter()
        .filter(|frame| frame.from == proxy && frame.depth > 0)
        .filter(|frame| !forwards(frame) && !is_precompile(frame.to))
        .collect()
}

fn is_precompile(address: Address) -> bool {
    let number = U256::from_be_slice(address.as_slice());
    !number.is_zero() && (number <= U256::from(0x11) || number == U256::from(0x100))
}

fn calls(blue: &Outcome, green: &Outcome, context: &Context<'_>, found: &mut Found) {
    let b = outgoing(blue, context.proxy, context.blue);
    let g = outgoing(green, context.proxy, context.green);
    // Some proxies forward by a call; what the implementations then answer is compared elsewhere.
    let to = |b: &CallFrame, g: &CallFrame| {
        b.to == g.to || (b.to, g.to) == (context.blue, context.green)
    };
    let same = |b: &CallFrame, g: &CallFrame| {
        to(b, g) && (b.kind, b.value, &b.input, b.status) == (g.kind, g.value, &g.input, g.status)
    };
    for index in 0..b.len().max(g.len()) {
        let (b, g) = (b.get(index), g.get(index));
        if let (Some(b), Some(g)) = (b, g)
            && same(b, g)
        {
            continue;
        }
        let show = |frame: Option<&&CallFrame>| {
            frame.map_or_else(
                || "no such call".to_owned(),
                |frame| {
                    format!(
                        "{:?} {} value {} {} {:?}",
                        frame.kind,
                        frame.to,
                        frame.value,
                        short(&frame.input),
                        frame.status
                    )
                },
            )
        };
        found.push(
            DifferenceKind::Call,
            format!("call {index} of the proxy"),
            show(b),
            show(g),
        );
    }
}

#[cfg(test)]
mod tests;

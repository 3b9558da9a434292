//! Where a call that no contract knows is forwarded to, and where that address came from.

use crate::{
    code,
    error::InspectError,
    session::{Played, Script, Session, request, stranger, unforeseen},
    watch::Read,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{
    CallFrame, CallKind, Missing,
    abi::{IMPLEMENTATION_SLOT, ZOS_IMPLEMENTATION_SLOT},
    inspection::Location,
};

/// A contract's own functions that are tried at most.
const FUNCTIONS: usize = 64;

/// A proxy's forwarding.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    /// Whose code answers.
    pub(crate) target: Address,
    /// Where the proxy has the address from.
    pub(crate) location: Location,
    /// How it forwards; `None` when it forwards no unknown call of a stranger.
    pub(crate) kind: Option<CallKind>,
    /// The question that `location` answered, when it is a call.
    pub(crate) question: Option<Bytes>,
    /// Whether nothing but the code decided the target: no slot was read and nobody was asked.
    pub(crate) fixed: bool,
    /// Where the target's own code sends the call on, in the same storage: it is a proxy too.
    pub(crate) next: Option<Box<Forward>>,
    /// What the node refused that the target's code went on to read: whether there is a `next` is not
    /// known then.
    pub(crate) unread: Option<Missing>,
}

/// Proxies behind each other that are followed.
const LAYERS: u32 = 4;

/// Calldata that no function of any contract claims: a selector nobody chose and one word.
pub(crate) fn unknown_call(proxy: Address) -> Bytes {
    let word = unforeseen("unknown call", proxy);
    let mut data = word[..4].to_vec();
    data.extend(keccak256(word));
    data.into()
}

/// Sends `proxy` a call no contract knows and sees where it goes. `None`: nowhere.
///
/// # Errors
/// When the node refuses something that decides it.
pub(crate) async fn forward(
    session: &mut Session,
    proxy: Address,
) -> Result<Option<Forward>, InspectError> {
    let data = unknown_call(proxy);
    let played = session.call(stranger(), proxy, data.clone()).await?;
    let frame = played
        .outcomes
        .first()
        .and_then(|outcome| forwarding(&outcome.calls, proxy, &data));
    if let Some(guess) = undecided(&played, frame.map(|(_, frame)| frame.to)) {
        return Err(session.cannot_tell(guess));
    }
    let Some((at, _)) = frame else {
        return Ok(None);
    };
    let calls = played.outcomes[0].calls.clone();
    layers(session, proxy, &calls, at, &played.reads).await
}

/// The forwarding at `calls[at]` and those that follow it in the same storage.
async fn layers(
    session: &mut Session,
    proxy: Address,
    calls: &[CallFrame],
    at: usize,
    reads: &[Read],
) -> Result<Option<Forward>, InspectError> {
    let mut chain = Vec::new();
    let (mut before, mut at, mut code_of) = (0, Some(at), proxy);
    while let Some(index) = at {
        let frame = &calls[index];
        let asked = &calls[before..index];
        let code = session.code(code_of).await?.unwrap_or_default();
        // A proxy of itself was loaded before anything was read.
        let seen = match frame.to == proxy {
            true => reads,
            false => before_account(reads, frame.to),
        };
        let (location, question) = origin(proxy, frame, seen, asked, &code);
        let fixed = asked.iter().all(|other| other.depth < frame.depth)
            && !seen.iter().any(|read| match read {
                Read::Slot(whose, ..) => *whose == proxy,
                Read::Guessed(_) => true,
                Read::Account(_) => false,
            });
        chain.push(Forward {
            target: frame.to,
            location,
            kind: Some(frame.kind),
            question,
            fixed,
            next: None,
            unread: None,
        });
        at = (frame.depth < LAYERS && is_delegate(frame.kind))
            .then(|| onward(calls, index, proxy))
            .flatten();
        before = index + 1;
        code_of = frame.to;
    }
    let unread = reads.iter().find_map(|read| match read {
        Read::Guessed(missing) => Some(*missing),
        _ => None,
    });
    let inwards = |next: Option<Forward>, outer| {
        Some(Forward {
            next: next.map(Box::new),
            unread,
            ..outer
        })
    };
    Ok(chain.into_iter().rev().fold(None, inwards))
}

fn is_delegate(kind: CallKind) -> bool {
    matches!(kind, CallKind::DelegateCall | CallKind::CallCode)
}

/// The call inside `calls[index]` that hands its calldata on to other code in the same storage.
fn onward(calls: &[CallFrame], index: usize, proxy: Address) -> Option<usize> {
    let outer = &calls[index];
    let inside = calls.iter().enumerate().skip(index + 1);
    inside
        .take_while(|(_, frame)| frame.depth > outer.depth)
        .find(|(_, frame)| {
            frame.depth == outer.depth + 1
                && is_delegate(frame.kind)
                && frame.from == proxy
                && frame.to != outer.to
                && frame.input.starts_with(&outer.input)
        })
        .map(|(at, _)| at)
}

/// What was read before `target` was loaded.
pub(crate) fn before_account(reads: &[Read], target: Address) -> &[Read] {
    let loaded = reads
        .iter()
        .position(|read| *read == Read::Account(target))
        .unwrap_or(reads.len());
    &reads[..loaded]
}

/// Where `proxy` delegates some of its own functions to, when it forwards nothing it does not know: the
/// target of most of them.
///
/// # Errors
/// When it forwards none that could be executed, and the node refuses what others read first.
pub(crate) async fn forward_some(
    session: &mut Session,
    proxy: Address,
    code: &[u8],
) -> Result<Option<Forward>, InspectError> {
    if !code::has_delegatecall(code) {
        return Ok(None);
    }
    let calls: Vec<Bytes> = code::selectors(code)
        .into_iter()
        .take(FUNCTIONS)
        .map(|selector| {
            // Ones are valid for most types.
            let one = U256::from(1).to_be_bytes::<32>();
            [selector.as_slice(), &one, &one, &one, &one]
                .concat()
                .into()
        })
        .collect();
    let scripts: Vec<_> = calls
        .iter()
        .map(|data| Script {
            steps: vec![request(stranger(), proxy, data.clone())],
            ..Script::default()
        })
        .collect();
    let played = session.play_all(&scripts).await?;
    let mut found: Vec<(Address, usize, usize)> = Vec::new();
    let mut unread = None;
    for (index, (played, data)) in played.iter().zip(&calls).enumerate() {
        let outcome = played.outcomes.first();
        let frame = outcome.and_then(|outcome| forwarding(&outcome.calls, proxy, data));
        let frame = frame.filter(|(_, frame)| frame.kind == CallKind::DelegateCall);
        match frame {
            Some((_, frame)) if undecided(played, Some(frame.to)).is_none() => {
                match found.iter_mut().find(|(target, ..)| *target == frame.to) {
                    Some((_, _, times)) => *times += 1,
                    None => found.push((frame.to, index, 1)),
                }
            }
            _ => unread = unread.or(undecided(played, None)),
        }
    }
    let Some((_, index, _)) = found.into_iter().max_by_key(|(_, _, times)| *times) else {
        return match unread {
            Some(missing) => Err(session.cannot_tell(missing)),
            None => Ok(None),
        };
    };
    let frames = played[index].outcomes[0].calls.clone();
    let Some((at, _)) = forwarding(&frames, proxy, &calls[index]) else {
        return Ok(None);
    };
    let forward = layers(session, proxy, &frames, at, &played[index].reads).await?;
    Ok(forward.map(|forward| Forward {
        kind: None,
        ..forward
    }))
}

/// The call at depth 1 that carries the calldata on; delegate calls before others.
pub(crate) fn forwarding<'a>(
    calls: &'a [CallFrame],
    proxy: Address,
    data: &[u8],
) -> Option<(usize, &'a CallFrame)> {
    let carries = |frame: &CallFrame| {
        frame.depth == 1 && frame.from == proxy && frame.input.starts_with(data)
    };
    let find = |kinds: &[CallKind]| {
        calls
            .iter()
            .enumerate()
            .find(|(_, frame)| kinds.contains(&frame.kind) && carries(frame))
    };
    find(&[CallKind::DelegateCall, CallKind::CallCode]).or_else(|| {
        // Old compilers copy memory by calling the identity precompile.
        find(&[CallKind::Call]).filter(|(_, frame)| frame.to[..18] != [0; 18])
    })
}

/// The first guess that the forwarding could depend on: any before its target was loaded.
fn undecided(played: &Played, target: Option<Address>) -> Option<Missing> {
    let before = match target {
        Some(target) => before_account(&played.reads, target),
        None => &played.reads,
    };
    before.iter().find_map(|read| match read {
        Read::Guessed(missing) => Some(*missing),
        _ => None,
    })
}

fn origin(
    proxy: Address,
    forwarded: &CallFrame,
    reads: &[Read],
    calls: &[CallFrame],
    code: &[u8],
) -> (Location, Option<Bytes>) {
    let target = forwarded.to;
    if let Some(place) = place(reads, proxy, target) {
        return (place, None);
    }
    if target.is_zero() {
        // Not initialized: any empty slot holds zero, so only the standard ones count.
        let standard = [IMPLEMENTATION_SLOT, ZOS_IMPLEMENTATION_SLOT]
            .into_iter()
            .find(|slot| reads.contains(&Read::Slot(proxy, *slot, U256::ZERO)));
        if let Some(slot) = standard {
            return (Location::Slot(slot), None);
        }
    }
    let answered = calls.iter().rev().find(|frame| {
        frame.depth == forwarded.depth
            && matches!(frame.kind, CallKind::StaticCall | CallKind::Call)
            && frame.output.get(..32) == Some(target.into_word().as_slice())
    });
    match answered {
        Some(frame) => (Location::Call(frame.to), Some(frame.input.clone())),
        None if code::has_address(code, target) => (Location::Code, None),
        // Computed from what it read; the proxy's code is the closest there is to a place.
        None => (Location::Code, None),
    }
}

/// The first slot of `holder` that was read and holds `address`: whole, else packed with other values.
pub(crate) fn slot_holding(reads: &[Read], holder: Address, address: Address) -> Option<B256> {
    place(reads, holder, address)?.slot()
}

/// Where in the slots of `holder` that were read `address` stands: alone, else with other values.
pub(crate) fn place(reads: &[Read], holder: Address, address: Address) -> Option<Location> {
    if address.is_zero() {
        return None;
    }
    let slots = || {
        reads.iter().filter_map(|read| match read {
            Read::Slot(whose, slot, value) if *whose == holder => Some((*slot, *value)),
            _ => None,
        })
    };
    let whole = U256::from_be_bytes(address.into_word().0);
    if let Some((slot, _)) = slots().find(|(_, value)| *value == whole) {
        return Some(Location::Slot(slot));
    }
    let mask = U256::MAX >> 96_u32;
    slots().find_map(|(slot, value)| {
        let offset =
            (0..=12).find(|offset| (value >> (8 * usize::from(*offset))) & mask == whole)?;
        Some(Location::Packed { slot, offset })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_types::Status;

    const PROXY: Address = Address::repeat_byte(0xaa);
    const TARGET: Address = Address::repeat_byte(0xbb);

    fn frame(kind: CallKind, depth: u32, to: Address, input: &[u8]) -> CallFrame {
        CallFrame {
            depth,
            kind,
            from: PROXY,
            to,
            value: U256::ZERO,
            input: Bytes::copy_from_slice(input),
            output: Bytes::new(),
            status: Status::Success,
        }
    }

    #[test]
    fn only_the_calldata_carried_on_at_depth_one_is_forwarding() {
        let data = [1, 2, 3, 4, 5];
        let cases = [
            (frame(CallKind::DelegateCall, 1, TARGET, &data), true),
            (frame(CallKind::Call, 1, TARGET, &data), true),
            // Arguments appended to the calldata.
            (
                frame(CallKind::DelegateCall, 1, TARGET, &[1, 2, 3, 4, 5, 9]),
                true,
            ),
            (frame(CallKind::DelegateCall, 2, TARGET, &data), false),
            (
                frame(CallKind::DelegateCall, 1, TARGET, &[9, 2, 3, 4, 5]),
                false,
            ),
            (frame(CallKind::StaticCall, 1, TARGET, &data), false),
            (
                frame(CallKind::Call, 1, Address::with_last_byte(4), &data),
                false,
            ),
        ];
        for (frame, found) in cases {
            assert_eq!(
                forwarding(std::slice::from_ref(&frame), PROXY, &data).is_some(),
                found,
                "{frame:?}"
            );
        }
    }

    #[test]
    fn packed_slots_are_found_after_whole_ones() {
        let packed = U256::from_be_bytes(TARGET.into_word().0) << 8_u32;
        let whole = U256::from_be_bytes(TARGET.into_word().0);
        let slot = B256::with_last_byte;
        let mut reads = vec![Read::Slot(PROXY, slot(6), packed)];
        let shared = Location::Packed {
            slot: slot(6),
            offset: 1,
        };
        assert_eq!(place(&reads, PROXY, TARGET), Some(shared));
        assert_eq!(slot_holding(&reads, PROXY, TARGET), Some(slot(6)));
        reads.push(Read::Slot(PROXY, slot(7), whole));
        assert_eq!(slot_holding(&reads, PROXY, TARGET), Some(slot(7)));
        assert_eq!(slot_holding(&reads, TARGET, TARGET), None);
    }

    #[test]
    fn a_constant_is_in_the_code_whatever_else_was_read() {
        let forwarded = frame(CallKind::DelegateCall, 1, TARGET, &[1]);
        let mut code = vec![0x73];
        code.extend(TARGET);
        let other = U256::from_be_bytes(Address::repeat_byte(0xcc).into_word().0);
        let reads = [Read::Slot(PROXY, B256::ZERO, other)];
        let (location, question) = origin(PROXY, &forwarded, &reads, &[], &code);
        assert_eq!((location, question), (Location::Code, None));
    }

    #[test]
    fn the_same_calldata_in_the_same_storage_goes_onward() {
        let data = [1, 2, 3, 4, 5];
        let next = Address::repeat_byte(0xdd);
        let outer = frame(CallKind::DelegateCall, 1, TARGET, &data);
        let cases = [
            (frame(CallKind::DelegateCall, 2, next, &data), true),
            (frame(CallKind::DelegateCall, 3, next, &data), false),
            (frame(CallKind::Call, 2, next, &data), false),
            (frame(CallKind::DelegateCall, 2, next, &[9]), false),
            // Itself again: no other code.
            (frame(CallKind::DelegateCall, 2, TARGET, &data), false),
        ];
        for (inner, found) in cases {
            let calls = [outer.clone(), inner];
            assert_eq!(onward(&calls, 0, PROXY).is_some(), found, "{calls:?}");
        }
        let calls = [
            outer.clone(),
            frame(CallKind::DelegateCall, 1, next, &data),
            frame(CallKind::DelegateCall, 2, next, &data),
        ];
        assert_eq!(onward(&calls, 0, PROXY), None);
    }

    #[test]
    fn unknown_calls_differ_by_proxy_and_repeat() {
        assert_eq!(unknown_call(PROXY), unknown_call(PROXY));
        assert_ne!(unknown_call(PROXY), unknown_call(TARGET));
        assert_eq!(unknown_call(PROXY).len(), 36);
    }
}

use super::*;
use cutover_types::{Change, MemoryState};

const PROXY: Address = Address::repeat_byte(0xaa);
const BLUE: Address = Address::repeat_byte(0xb1);
const GREEN: Address = Address::repeat_byte(0x61);
const SENDER: Address = Address::repeat_byte(0x55);
const POINTER: B256 = B256::repeat_byte(0x36);

fn outcome() -> Outcome {
    Outcome {
        status: Status::Success,
        halt: None,
        gas_used: 50_000,
        output: Bytes::new(),
        created: None,
        logs: Vec::new(),
        diff: Default::default(),
        calls: Vec::new(),
        environment: Default::default(),
    }
}

fn frame(kind: CallKind, from: Address, to: Address) -> CallFrame {
    CallFrame {
        depth: 1,
        kind,
        from,
        to,
        value: U256::ZERO,
        input: Bytes::new(),
        output: Bytes::new(),
        status: Status::Success,
    }
}

fn write(outcome: &mut Outcome, address: Address, slot: B256, before: u64, after: u64) {
    let change = Change {
        before: U256::from(before),
        after: U256::from(after),
    };
    outcome
        .diff
        .entry(address)
        .or_default()
        .storage
        .insert(slot, change);
}

fn kinds(blue: &Outcome, green: &Outcome) -> Vec<DifferenceKind> {
    let mut known = MemoryState::default();
    known
        .storage
        .entry(PROXY)
        .or_default()
        .insert(B256::ZERO, U256::from(1));
    let context = Context {
        proxy: PROXY,
        blue: BLUE,
        green: GREEN,
        pointer: (PROXY, POINTER),
        fees: Fees {
            sender: SENDER,
            beneficiary: Address::repeat_byte(0xcb),
            price: 3,
            tip: 1,
        },
        abi: None,
        layout: None,
        blue_layout: None,
        views: [&known, &known],
    };
    let mut blue = blue.clone();
    let mut green = green.clone();
    // Both pay for their gas.
    for side in [&mut blue, &mut green] {
        let gas = side.gas_used;
        let pay = |before: u64, after: u64| {
            Some(Change {
                before: U256::from(before),
                after: U256::from(after),
            })
        };
        side.diff.entry(SENDER).or_default().balance = pay(1_000_000, 1_000_000 - 3 * gas);
        side.diff
            .entry(Address::repeat_byte(0xcb))
            .or_default()
            .balance = pay(0, gas);
    }
    differences(&blue, &green, &context)
        .into_iter()
        .map(|difference| difference.what)
        .collect()
}

#[test]
fn equal_outcomes_have_no_difference() {
    assert_eq!(kinds(&outcome(), &outcome()), []);
}

#[test]
fn gas_is_one_difference_and_its_fees_are_none() {
    let green = Outcome {
        gas_used: 51_000,
        ..outcome()
    };
    assert_eq!(kinds(&outcome(), &green), [DifferenceKind::Gas]);
}

#[test]
fn the_implementation_and_its_slot_are_no_difference() {
    let (mut blue, mut green) = (outcome(), outcome());
    blue.calls.push(frame(CallKind::DelegateCall, PROXY, BLUE));
    green
        .calls
        .push(frame(CallKind::DelegateCall, PROXY, GREEN));
    write(&mut green, PROXY, POINTER, 1, 2);
    assert_eq!(kinds(&blue, &green), []);
}

#[test]
fn calls_of_the_proxy_are_compared_but_not_those_of_others_or_precompiles() {
    let other = Address::repeat_byte(7);
    let mut green = outcome();
    green.calls.push(frame(
        CallKind::StaticCall,
        PROXY,
        Address::with_last_byte(1),
    ));
    green.calls.push(frame(CallKind::Call, other, PROXY));
    assert_eq!(kinds(&outcome(), &green), []);
    green.calls.push(frame(CallKind::Call, PROXY, other));
    assert_eq!(kinds(&outcome(), &green), [DifferenceKind::Call]);
}

#[test]
fn a_proxy_that_forwards_by_a_call_asks_green_what_it_asked_blue() {
    let (mut blue, mut green) = (outcome(), outcome());
    blue.calls.push(frame(CallKind::StaticCall, PROXY, BLUE));
    green.calls.push(frame(CallKind::StaticCall, PROXY, GREEN));
    assert_eq!(kinds(&blue, &green), []);
    green.calls[0].input = Bytes::from_static(&[1]);
    assert_eq!(kinds(&blue, &green), [DifferenceKind::Call]);
}

#[test]
fn a_slot_written_on_one_side_differs_unless_the_other_has_that_value() {
    let mut green = outcome();
    write(&mut green, PROXY, B256::ZERO, 5, 1);
    assert_eq!(kinds(&outcome(), &green), []);
    write(&mut green, PROXY, B256::ZERO, 1, 5);
    assert_eq!(kinds(&outcome(), &green), [DifferenceKind::Storage]);
    // Nobody knows what blue has in this one.
    let mut green = outcome();
    write(&mut green, PROXY, B256::repeat_byte(8), 1, 5);
    assert_eq!(kinds(&outcome(), &green), [DifferenceKind::Storage]);
}

#[test]
fn a_failure_is_said_once_not_with_all_that_did_not_happen() {
    let (mut blue, mut green) = (outcome(), outcome());
    write(&mut blue, PROXY, B256::ZERO, 1, 2);
    green.status = Status::Revert;
    green.output = Bytes::from(alloy_primitives::hex!(
        "08c379a0000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000026e6f000000000000000000000000000000000000000000000000000000000000"
    ));
    assert_eq!(
        kinds(&blue, &green),
        [DifferenceKind::Status, DifferenceKind::RevertReason]
    );
}

#[test]
fn custom_errors_are_decoded_with_the_abi() {
    let abi = JsonAbi::parse(["error Frozen(address who, uint256 until)"]).unwrap();
    let error = abi.errors().next().unwrap();
    let mut output = error.selector().to_vec();
    output.extend(SENDER.into_word());
    output.extend(B256::with_last_byte(9));
    let failed = Outcome {
        status: Status::Revert,
        output: output.into(),
        ..outcome()
    };
    assert_eq!(
        reason(&failed, Some(&abi)),
        Some(format!("Frozen({SENDER}, 9)"))
    );
}

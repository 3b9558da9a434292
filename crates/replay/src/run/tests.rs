//! Replays: a small made-up chain here, real blocks in the modules.

mod anvil;
mod mainnet;
mod real;
mod small;

use super::*;
use crate::{GreenCode, Options};

use alloy_primitives::{Address, Bytes, hex};
use cutover_types::{
    Assumption, ReplayReport, TransactionVerdict,
    execution::Status,
    progress::Silent,
    replay::{DifferenceKind, EngineName, Mode},
};
use mainnet::{Tape, USDC, USDC_NEW, code};

/// Every block of the data set that USDC traffic is in.
const ALL: [u64; 22] = [
    13217637, 15537394, 15538827, 16146267, 16257471, 17666333, 18426253, 18884864, 18988207,
    19426586, 19426587, 19923400, 19929064, 19932148, 19933122, 19933597, 21230867, 22615247,
    24341035, 24628607, 24628608, 24647140,
];

fn green(code: Bytes) -> Green {
    let code = GreenCode::Runtime(code);
    Green {
        address: code.default_address(),
        code,
        initializer: Bytes::new(),
        abi: None,
        layout: None,
        blue_layout: None,
    }
}

async fn go(tape: &Tape, green: &Green, options: &Options) -> ReplayReport {
    let load = |number: u64| Ok(tape.blocks[&number].clone());
    let replayed = replay(&tape.recording, &load, green, options, &Silent)
        .await
        .unwrap();
    eprintln!(
        "{:?} {:?}: {} executed in {:?}",
        options.engine, options.mode, replayed.speed.executed, replayed.speed.took
    );
    replayed.report
}

fn usdc_new() -> Bytes {
    code(&mainnet::block(18988207, USDC), USDC_NEW)
}

fn show(report: &ReplayReport) {
    eprintln!("{:?} {:?}", report.summary, report.rollback);
    for transaction in &report.transactions {
        eprintln!(
            "{} {} {:?} {:?} {:?}",
            transaction.block,
            transaction.index,
            transaction.verdict,
            transaction.why,
            transaction.differences
        );
    }
}

/// Whether anvil is there.
fn anvil() -> bool {
    let found = cutover_chain::find_program("CUTOVER_ANVIL", "anvil").is_some();
    if !found {
        eprintln!("skipped: there is no anvil");
    }
    found
}

fn quiet(_: u64, _: &mut cutover_types::MemoryState) {}

/// What green leaves in slot 0 by each transaction.
fn counts(report: &ReplayReport) -> Vec<u64> {
    let left = |transaction: &cutover_types::replay::TransactionReport| {
        let storage = transaction
            .differences
            .iter()
            .find(|difference| difference.what == DifferenceKind::Storage)?;
        let word: alloy_primitives::U256 = storage.green.parse().ok()?;
        Some(word.to::<u64>())
    };
    report.transactions.iter().filter_map(left).collect()
}

#[tokio::test]
async fn isolated_starts_anew_and_sequential_carries_on() {
    let tape = small::tape(&[2, 1], quiet);
    // Blue leaves 1, 2, 3.
    for (mode, expected) in [(Mode::Isolated, [2, 3, 4]), (Mode::Sequential, [2, 4, 6])] {
        let options = Options {
            mode,
            ..Options::default()
        };
        let report = go(&tape, &green(small::counter(2)), &options).await;
        assert_eq!(report.summary.changed, 3);
        assert_eq!(counts(&report), expected, "{mode:?}");
        assert!(report.rollback.status.unwrap().is_success());
        assert_eq!(report.rollback.lossy.len(), 1, "{:?}", report.rollback);
    }
}

#[tokio::test]
async fn traffic_that_never_reaches_green_is_no_evidence() {
    // Four bytes of calldata go to the address in slot 0xfe, the rest to the implementation.
    let proxy = hex!("365f5f375f5f365f6004361460ff03545af43d5f5f3e601c573d5ffd5b3d5ff3");
    let other = Address::repeat_byte(0xcc);
    let cases = [
        (small::BLUE, TransactionVerdict::Changed),
        (other, TransactionVerdict::Identical),
    ];
    for (answers, verdict) in cases {
        let tape = small::tape(&[2], |_, state| {
            for (address, code) in [
                (small::PROXY, Bytes::from(proxy)),
                (other, small::counter(1)),
            ] {
                let code_hash = alloy_primitives::keccak256(&code);
                state.codes.insert(code_hash, code);
                state.accounts.entry(address).or_default().code_hash = code_hash;
            }
            let slots = state.storage.get_mut(&small::PROXY).unwrap();
            let slot = alloy_primitives::B256::with_last_byte(0xfe);
            slots.insert(slot, answers.into_word().into());
        });
        let report = go(&tape, &green(small::counter(2)), &Options::default()).await;
        assert!(report.upgrade.status.is_success());
        assert_eq!(report.summary.ran_green, 0, "{answers}");
        for transaction in &report.transactions {
            assert_eq!(transaction.verdict, verdict, "{transaction:?}");
            let why = transaction.why.as_deref().unwrap_or_default();
            let said = why.starts_with("blue's code ran in it, green's did not");
            assert_eq!(said, verdict == TransactionVerdict::Changed, "{why}");
        }
    }
    let report = go(
        &small::tape(&[2], quiet),
        &green(small::counter(1)),
        &Options::default(),
    )
    .await;
    assert_eq!(report.summary.ran_green, 2);
}

#[tokio::test]
async fn what_the_upgrade_itself_takes_from_the_proxy_is_told() {
    let thief: Address = Address::left_padding_from(&[0xbe, 0xef]);
    // As the counter, but its upgradeTo sends the balance away.
    let mut blue = small::counter(1).to_vec();
    blue.pop();
    blue.extend(hex!("5f5f5f5f4761beef5af100"));
    let code_hash = alloy_primitives::keccak256(&blue);
    let tape = small::tape(&[1], |_, state| {
        state.codes.insert(code_hash, blue.clone().into());
        let account = state.accounts.get_mut(&small::BLUE).unwrap();
        account.code_hash = code_hash;
        let account = state.accounts.get_mut(&small::PROXY).unwrap();
        account.balance = alloy_primitives::U256::from(5);
        state.accounts.insert(thief, Default::default());
    });
    let rule = |place: Option<&str>| crate::ExpectedRule {
        selector: None,
        what: Some(DifferenceKind::Balance),
        place: place.map(str::to_owned),
        reason: "it moves".into(),
    };
    for (place, accepted) in [(None, false), (Some("upgrade ether"), true)] {
        let options = Options {
            expected: vec![rule(place)],
            ..Options::default()
        };
        let report = go(&tape, &green(small::counter(1)), &options).await;
        let [flow] = &report.upgrade.outflows[..] else {
            panic!("{:?}", report.upgrade)
        };
        assert_eq!(flow.amount, alloy_primitives::U256::from(5));
        assert_eq!(flow.to, [thief].into());
        assert_eq!(flow.expected.is_some(), accepted);
        assert_eq!(report.upgrade.unexpected().is_empty(), accepted);
        let lossy = &report.rollback.lossy;
        assert!(lossy.iter().any(|line| line.contains("took")), "{lossy:?}");
    }
}

#[tokio::test]
async fn a_carried_slot_that_others_change_is_inconclusive() {
    let tape = small::tape(&[1, 1], |number, state| {
        if number == 101 {
            let slots = state.storage.get_mut(&small::PROXY).unwrap();
            slots.insert(Default::default(), alloy_primitives::U256::from(50));
        }
    });
    let options = Options {
        mode: Mode::Sequential,
        ..Options::default()
    };
    let report = go(&tape, &green(small::counter(2)), &options).await;
    assert_eq!(
        report.transactions[1].verdict,
        TransactionVerdict::Inconclusive
    );
    let why = report.transactions[1].why.as_ref().unwrap();
    assert!(why.contains("changed outside the recording"), "{why}");
}

#[tokio::test]
async fn a_green_that_cannot_be_left_is_found_out() {
    let tape = small::tape(&[1], quiet);
    let report = go(&tape, &green(small::one_way()), &Options::default()).await;
    assert!(report.upgrade.status.is_success());
    assert!(report.rollback.rehearsed);
    assert_eq!(report.rollback.status, Some(Status::Revert));
    let why = report.rollback.why.unwrap();
    assert!(why.starts_with("the call back succeeds, but slot"), "{why}");
}

#[tokio::test]
async fn an_upgrade_that_does_not_install_green_is_inconclusive() {
    let tape = small::tape(&[2], quiet);
    let mut path = small::path();
    path.verb = cutover_types::Verb::AdminUpgrade;
    let options = Options {
        upgrade: Some(path),
        ..Options::default()
    };
    let report = go(&tape, &green(small::counter(2)), &options).await;
    assert_eq!(report.summary.control_held, 2);
    assert_eq!(report.summary.inconclusive, 2);
    assert!(report.upgrade.why.is_some());
    assert!(!report.rollback.rehearsed);
}

#[tokio::test]
async fn a_constructor_runs_at_greens_address() {
    let tape = small::tape(&[1], quiet);
    // Returns its own address as code.
    let code = GreenCode::Creation(hex!("305f5260205ff3").into());
    let candidate = Green {
        address: code.default_address(),
        code,
        ..green(Bytes::new())
    };
    let report = go(&tape, &candidate, &Options::default()).await;
    assert_eq!(
        report.green.code_hash,
        alloy_primitives::keccak256(candidate.address.into_word())
    );
    assert_eq!(report.summary.changed, 1);
    assert!(
        !report
            .assumptions
            .iter()
            .any(|assumption| matches!(assumption, Assumption::CodePlaced { .. }))
    );
}

#[tokio::test]
async fn an_expected_change_is_no_divergence() {
    let tape = small::tape(&[2], quiet);
    let rule = crate::ExpectedRule {
        selector: Some([0x12, 0x34, 0x56, 0x78].into()),
        what: Some(DifferenceKind::Storage),
        place: Some("slot 0x0000*".into()),
        reason: "it counts in twos".into(),
    };
    let options = Options {
        expected: vec![rule],
        ..Options::default()
    };
    let report = go(&tape, &green(small::counter(2)), &options).await;
    assert_eq!(report.summary.expected, 2);
    assert_eq!(
        report.transactions[0].why.as_deref(),
        Some("it counts in twos")
    );
}

#[tokio::test]
async fn a_receipt_that_blue_does_not_reproduce_stops_its_block() {
    let mut tape = small::tape(&[2, 1], quiet);
    let block = std::sync::Arc::make_mut(tape.blocks.get_mut(&100).unwrap());
    if let alloy_consensus::ReceiptEnvelope::Legacy(receipt) = &mut block.receipts[0] {
        receipt.receipt.cumulative_gas_used += 1;
    }
    let report = go(&tape, &green(small::counter(1)), &Options::default()).await;
    assert_eq!(report.summary.control_held, 1);
    assert_eq!(report.summary.inconclusive, 2);
    assert_eq!(report.summary.identical, 1);
    let why = report.transactions[0].why.as_ref().unwrap();
    assert!(why.contains("the receipt says"), "{why}");
}

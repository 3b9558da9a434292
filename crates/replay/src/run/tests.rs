#[path = "mainnet.rs"]
mod mainnet;
#[path = "small.rs"]
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
use mainnet::{Tape, USDC, USDC_NEW, USDC_OLD, code, data};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_real_upgrade_of_usdc_differs_in_gas_only() {
    if data().is_none() {
        return;
    }
    let tape = Tape::usdc(&[18426253]);
    for mode in [Mode::Isolated, Mode::Sequential] {
        let options = Options {
            mode,
            ..Options::default()
        };
        let report = go(&tape, &green(usdc_new()), &options).await;
        show(&report);
        let summary = report.summary;
        assert_eq!(
            (summary.transactions, summary.control_held, summary.gas_only),
            (6, 6, 6)
        );
        assert_eq!(report.blue.address, USDC_OLD);
        assert!(report.upgrade.status.is_success());
        assert!(report.rollback.rehearsed);
        assert!(report.rollback.status.unwrap().is_success());
        assert!(report.rollback.forward_again_status.unwrap().is_success());
        assert_eq!(report.rollback.lossy, Vec::<String>::new());
        assert!(
            report
                .assumptions
                .iter()
                .any(|assumption| matches!(assumption, Assumption::Funded { .. }))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_green_reads_is_inconclusive_by_name() {
    if data().is_none() {
        return;
    }
    let tape = Tape::usdc(&[16146267]);
    let report = go(&tape, &green(usdc_new()), &Options::default()).await;
    show(&report);
    let summary = report.summary;
    assert_eq!((summary.transactions, summary.control_held), (25, 25));
    assert_eq!(summary.gas_only + summary.inconclusive, 25);
    for transaction in &report.transactions {
        if transaction.verdict == TransactionVerdict::Inconclusive {
            assert!(transaction.why.as_ref().unwrap().contains("slot 0x"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blues_own_code_is_identical_unless_blue_is_reached_otherwise() {
    if data().is_none() {
        return;
    }
    for (part, implementation) in [(&ALL[..8], USDC_OLD), (&ALL[8..], USDC_NEW)] {
        let tape = Tape::usdc(part);
        let own = code(tape.blocks.values().next().unwrap(), implementation);
        for mode in [Mode::Isolated, Mode::Sequential] {
            let options = Options {
                mode,
                jobs: 2,
                ..Options::default()
            };
            let report = go(&tape, &green(own.clone()), &options).await;
            assert_eq!(report.summary.control_held, report.summary.transactions);
            for transaction in &report.transactions {
                let named = transaction
                    .why
                    .as_ref()
                    .is_some_and(|why| why.contains("2,500 gas"));
                let identical = transaction.verdict == TransactionVerdict::Identical;
                assert!(identical || named, "{transaction:#?}");
            }
        }
    }
}

/// Fails `transfer(address,uint256)` and leaves the rest to `target`.
fn refusing_transfers(target: Address) -> Bytes {
    let mut code = hex!("5f3560e01c63a9059cbb14603b57").to_vec();
    code.extend(hex!("365f5f375f5f365f73"));
    code.extend(target);
    code.extend(hex!("5af43d5f5f3e6037573d5ffd5b3d5ff35b5f5ffd"));
    code.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_refuses_transfers_regresses() {
    if data().is_none() {
        return;
    }
    let tape = Tape::usdc(&[18426253]);
    let report = go(
        &tape,
        &green(refusing_transfers(USDC_OLD)),
        &Options::default(),
    )
    .await;
    show(&report);
    assert_eq!(report.summary.control_held, 6);
    for transaction in &report.transactions {
        let transfer = transaction.selector == Some([0xa9, 0x05, 0x9c, 0xbb].into());
        let regressed = transaction.verdict == TransactionVerdict::Regressed;
        assert!(!transfer || regressed, "{transaction:?}");
    }
    assert!(report.summary.regressed > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_inputs_give_the_same_bytes() {
    if data().is_none() {
        return;
    }
    let tape = Tape::usdc(&[16257471, 18426253, 18884864]);
    let candidate = green(usdc_new());
    let mut reports = Vec::new();
    for jobs in [1, 3] {
        let options = Options {
            jobs,
            ..Options::default()
        };
        let report = go(&tape, &candidate, &options).await;
        reports.push(serde_json::to_string(&report).unwrap());
    }
    assert_eq!(reports[0], reports[1]);
    let mut parts = Vec::new();
    for part in 1..=4 {
        let options = Options {
            partition: Some((part, 4)),
            engine: EngineName::Revm,
            ..Options::default()
        };
        parts.extend(go(&tape, &candidate, &options).await.transactions);
    }
    let whole: ReplayReport = serde_json::from_str(&reports[0]).unwrap();
    assert_eq!(parts, whole.transactions);
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

fn live(number: u64) -> Address {
    if number < 18_988_207 {
        USDC_OLD
    } else {
        USDC_NEW
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transaction_of_a_block_is_held_against_its_receipt() {
    if data().is_none() {
        return;
    }
    // 46 failures; blobs and BLOCKHASH; Prague; EIP-7702.
    for number in [15537394, 19923400, 22615247, 24647140] {
        let tape = Tape::everything(number);
        let own = code(&tape.blocks[&number], live(number));
        let report = go(&tape, &green(own), &Options::default()).await;
        let summary = report.summary;
        assert_eq!(summary.control_held, summary.transactions, "{number}");
        assert_eq!(summary.inconclusive, 0, "{number}");
        assert_eq!(summary.regressed + summary.repaired, 0, "{number}");
        if anvil() {
            on_anvil_too(&tape, &report).await;
        }
    }
}

/// On anvil the same comes out, or a reason that is true.
async fn on_anvil_too(tape: &Tape, revm: &ReplayReport) {
    let number = revm.window.from;
    let own = code(&tape.blocks[&number], live(number));
    let options = Options {
        engine: EngineName::Anvil,
        ..Options::default()
    };
    let forked = go(tape, &green(own), &options).await;
    for (revm, forked) in revm.transactions.iter().zip(&forked.transactions) {
        if forked.verdict == TransactionVerdict::Inconclusive {
            let why = forked.why.as_ref().unwrap();
            eprintln!("{number} {}: {why}", forked.index);
            assert!(why.contains("the transaction "), "{number}: {why}");
        } else {
            assert_eq!(
                (forked.verdict, &forked.differences),
                (revm.verdict, &revm.differences)
            );
        }
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

#[tokio::test(flavor = "multi_thread")]
async fn anvil_and_revm_agree_on_the_real_upgrade() {
    if data().is_none() || !anvil() {
        return;
    }
    let tape = Tape::usdc(&[18426253]);
    for engine in [EngineName::Anvil, EngineName::Both] {
        for mode in [Mode::Isolated, Mode::Sequential] {
            let options = Options {
                engine,
                mode,
                ..Options::default()
            };
            let report = go(&tape, &green(usdc_new()), &options).await;
            show(&report);
            let summary = report.summary;
            assert_eq!((summary.control_held, summary.gas_only), (6, 6));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anvil_and_revm_agree_on_every_block_but_for_known_limits() {
    if data().is_none() || !anvil() {
        return;
    }
    let candidate = green(usdc_new());
    for numbers in [&ALL[..8], &ALL[8..]] {
        let tape = Tape::usdc(numbers);
        let mut reports = Vec::new();
        for engine in [EngineName::Revm, EngineName::Both, EngineName::Anvil] {
            let options = Options {
                engine,
                jobs: 2,
                ..Options::default()
            };
            reports.push(go(&tape, &candidate, &options).await);
        }
        for (revm, others) in reports[0]
            .transactions
            .iter()
            .zip(reports[1].transactions.iter().zip(&reports[2].transactions))
        {
            for other in [others.0, others.1] {
                if (other.verdict, &other.differences) != (revm.verdict, &revm.differences) {
                    assert!(std::ptr::eq(other, others.1), "revm has the last word");
                    eprintln!(
                        "{} {}: revm {:?}, {:?} {:?} {:#?}",
                        revm.block,
                        revm.index,
                        revm.verdict,
                        other.verdict,
                        other.why,
                        other.differences
                    );
                    assert_eq!(other.verdict, TransactionVerdict::Inconclusive);
                    assert!(other.why.as_ref().unwrap().contains("the transaction "));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_green_reads_comes_from_the_node() {
    let tape = small::tape(&[1], quiet);
    // Reads slot 5 of the proxy, then counts as blue does.
    let mut code = hex!("60055450").to_vec();
    code.extend(hex!("5f546001015f5500"));
    let candidate = green(code.into());
    let alone = go(&tape, &candidate, &Options::default()).await;
    assert_eq!(alone.summary.inconclusive, 1);
    let why = alone.transactions[0].why.as_ref().unwrap();
    assert!(why.starts_with("green: slot 0x"), "{why}");

    let block = &tape.blocks[&100];
    let mut full = block.state.clone();
    let slots = full.storage.get_mut(&small::PROXY).unwrap();
    slots.insert(
        alloy_primitives::B256::with_last_byte(5),
        alloy_primitives::U256::from(7),
    );
    for address in [candidate.address, small::OWNER] {
        full.accounts.insert(address, Default::default());
    }
    let archive = Arc::new(cutover_chain::ViewArchive::new(31_337, None, &block.header));
    archive.set_view(Arc::new(full));
    let facade = cutover_chain::Facade::start(archive, 0).await.unwrap();
    let options = Options {
        node: Some(cutover_chain::Node::new(
            facade.url(),
            cutover_chain::Policy::default(),
        )),
        ..Options::default()
    };
    let report = go(&tape, &candidate, &options).await;
    assert_eq!(report.summary.gas_only, 1, "{report:#?}");
    // The node knows both accounts, so only the code is taken for granted.
    assert_eq!(
        report.assumptions,
        [Assumption::CodePlaced {
            address: candidate.address
        }]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_green_runs_on_after_the_traffic() {
    if !anvil() {
        return;
    }
    let tape = small::tape(&[1, 2], quiet);
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("recording");
    let writer = cutover_chain::RecordingWriter::create(&path, Default::default(), false).unwrap();
    for block in tape.blocks.values() {
        writer.put_block(block).unwrap();
    }
    writer.finish(tape.recording.clone()).unwrap();
    let folder = RecordingFolder::open(&path).unwrap();
    let candidate = green(small::counter(2));
    let options = Options::default();
    let replayed = run(&folder, &candidate, &options, &Silent).await.unwrap();
    assert_eq!(replayed.report.summary.changed, 3);

    let last = &tape.blocks[&101];
    let mut served = last.state.clone();
    for address in crate::fresh_accounts(&candidate, &options, &folder) {
        served.accounts.insert(address, Default::default());
    }
    let archive = Arc::new(cutover_chain::ViewArchive::new(31_337, None, &last.header));
    archive.set_view(Arc::new(served));
    let facade = cutover_chain::Facade::start(archive, 0).await.unwrap();
    let kept = crate::keep_green(&folder, facade.url(), &candidate, &options)
        .await
        .unwrap();
    let node = cutover_chain::Node::new(kept.url, cutover_chain::Policy::default());
    let count: Result<alloy_primitives::U256, _> = node
        .call(
            "eth_getStorageAt",
            serde_json::json!([small::PROXY, "0x0", "latest"]),
        )
        .await;
    std::process::Command::new("kill")
        .arg(kept.pid.to_string())
        .status()
        .unwrap();
    // Blue left 1 before this block; green counts two transactions in twos.
    assert_eq!(count.unwrap(), alloy_primitives::U256::from(5));
}

//! Real blocks, replayed in process.

use super::{mainnet::*, *};

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

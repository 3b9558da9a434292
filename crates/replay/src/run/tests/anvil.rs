//! Real blocks on anvil beside the engine in process.

use super::{mainnet::*, *};

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

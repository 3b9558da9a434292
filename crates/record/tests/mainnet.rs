//! Recordings of real blocks: what is found, what is kept, and what verifying them finds.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr
)]

mod support;

use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::{B256, U256};
use cutover_chain::{RecordingFolder, RecordingWriter};
use cutover_record::{Plan, collect, verify};
use cutover_types::{
    RecordedBlock, Recording, Window,
    progress::{Progress, Silent},
    recording::Discovery,
};
use serde_json::Value;
use std::{path::Path, time::Instant};
use support::{Served, USDC, data, index};

const NO_TRACES: [&str; 6] = [
    "--disable",
    "debug_traceBlockByNumber",
    "--disable",
    "debug_traceBlockByHash",
    "--disable",
    "debug_traceTransaction",
];

fn plan(number: u64) -> Plan {
    let window = Window {
        from: number,
        to: number,
    };
    Plan::new(USDC, window)
}

async fn record(served: &Served, plan: &Plan, into: &Path) -> Recording {
    let node = served.node();
    let started = Instant::now();
    let recording = collect(&node, plan, into, &Silent).await.unwrap();
    eprintln!(
        "{:?} in {:.1?}: {:?}, {:?}",
        plan.window,
        started.elapsed(),
        recording.counts,
        node.stats()
    );
    recording
}

#[tokio::test]
async fn usdc_is_recorded_in_full_from_every_block() {
    let Some(data) = data() else { return };
    let served = Served::start(&data, &[]);
    let folder = tempfile::tempdir().unwrap();
    let (mut direct, mut all) = (0, 0);
    for block in index(&data).blocks {
        let path = folder.path().join(block.number.to_string());
        let recording = record(&served, &plan(block.number), &path).await;
        assert_eq!(recording.incomplete, [], "{}", block.number);
        assert_eq!(recording.discovery, Discovery::Traces);
        let counts = recording.counts;
        direct += counts.direct;
        all += counts.transactions;
        let indexed = block.proxies.iter().find(|proxy| proxy.address == USDC);
        let expected = indexed.map_or((0, 0), |proxy| (proxy.direct, proxy.transactions));
        assert_eq!(
            (counts.direct, counts.transactions),
            expected,
            "{}",
            block.number
        );
        if block.proofs {
            assert_eq!(counts.proven_accounts, counts.accounts, "{}", block.number);
            eprintln!("{} of {} slots proven", counts.proven_slots, counts.slots);
        } else {
            assert_eq!((counts.proven_accounts, counts.proven_slots), (0, 0));
        }
        let report = verify(&RecordingFolder::open(&path).unwrap(), &[]);
        assert!(report.verified, "{}: {:?}", block.number, report.failures);
    }
    assert_eq!((direct, all), (124, 235));
}

#[tokio::test]
async fn without_traces_the_same_is_kept_where_the_proxy_shows() {
    let Some(data) = data() else { return };
    let traced = Served::start(&data, &[]);
    let untraced = Served::start(&data, &NO_TRACES);
    let folder = tempfile::tempdir().unwrap();
    for number in [18_426_253, 19_426_587, 24_628_607] {
        let with = record(
            &traced,
            &plan(number),
            &folder.path().join(format!("{number}")),
        )
        .await;
        let without = record(
            &untraced,
            &plan(number),
            &folder.path().join(format!("{number}-")),
        )
        .await;
        assert_eq!(without.discovery, Discovery::Logs);
        assert_eq!(
            without.may_have_missed.len(),
            1,
            "{:?}",
            without.may_have_missed
        );
        assert_eq!(with.files, without.files, "{number}");
        assert_eq!(with.blocks, without.blocks, "{number}");
    }

    let singly = Served::start(&data, &NO_TRACES[..4]);
    let with = record(&traced, &plan(19_933_597), &folder.path().join("with")).await;
    let one_by_one = record(&singly, &plan(19_933_597), &folder.path().join("singly")).await;
    assert_eq!(with, one_by_one);
}

#[tokio::test]
async fn a_poor_provider_changes_nothing() {
    let Some(data) = data() else { return };
    let good = Served::start(&data, &[]);
    let poor = Served::start(
        &data,
        &[
            "--fault-rate",
            "0.02",
            "--rate-limit",
            "50",
            "--latency-ms",
            "20",
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    for number in [19_426_587, 22_615_247] {
        let one = record(
            &good,
            &plan(number),
            &folder.path().join(format!("{number}")),
        )
        .await;
        let other = record(
            &poor,
            &plan(number),
            &folder.path().join(format!("{number}-")),
        )
        .await;
        assert_eq!(one, other);
    }
}

#[tokio::test]
async fn a_distant_node_is_asked_in_few_round_trips() {
    let Some(data) = data() else { return };
    let served = Served::start(&data, &["--latency-ms", "100", "--preload"]);
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    record(&served, &plan(24_628_607), &folder.path().join("far")).await;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{seconds:.1} s at 100 ms a round trip");
    assert!(seconds < 20.0);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_said() {
    let Some(data) = data() else { return };
    let served = Served::start(&data, &[]);
    let folder = tempfile::tempdir().unwrap();
    let node = served.node();
    let refusal = async |plan: &Plan| {
        let error = collect(&node, plan, &folder.path().join("refused"), &Silent)
            .await
            .unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    };
    let window = |from, to| Plan::new(USDC, Window { from, to });

    let gap = refusal(&window(24_628_607, 24_628_610)).await;
    assert!(
        gap.contains("block 24628609 of the window") && gap.contains("pruned history"),
        "{gap}"
    );
    let late = refusal(&window(24_647_140, 24_647_141)).await;
    assert!(late.contains("no block 24647141"), "{late}");
    let turned = refusal(&window(5, 4)).await;
    assert!(turned.contains("no window"), "{turned}");

    let mut only = window(24_628_607, 24_628_608);
    only.only = vec![B256::repeat_byte(7)];
    assert!(refusal(&only).await.contains("no mined transaction 0x0707"));
    only.window.to = 24_628_607;
    // A transaction of the block after the window.
    let later = node.block(24_628_608).await.unwrap().transaction_hashes[0];
    only.only = vec![later];
    assert!(
        refusal(&only)
            .await
            .contains("outside blocks 24628607 to 24628607")
    );
}

#[tokio::test]
async fn named_transactions_and_the_first_few_are_recorded_alone() {
    let Some(data) = data() else { return };
    let served = Served::start(&data, &[]);
    let folder = tempfile::tempdir().unwrap();
    let all = Window {
        from: 24_628_607,
        to: 24_628_608,
    };
    let whole = record(&served, &Plan::new(USDC, all), &folder.path().join("all")).await;
    assert_eq!(whole.counts.transactions, 47);
    let targets: Vec<_> = whole
        .blocks
        .iter()
        .flat_map(|block| &block.targets)
        .collect();

    let mut plan = Plan::new(USDC, all);
    plan.max_transactions = Some(20);
    let first = record(&served, &plan, &folder.path().join("first")).await;
    let kept: Vec<_> = first
        .blocks
        .iter()
        .flat_map(|block| &block.targets)
        .collect();
    assert_eq!(kept, targets[..20]);
    assert!(first.may_have_missed[0].contains("stopped at 20 transaction(s), in block 24628608"));

    let mut plan = Plan::new(USDC, all);
    plan.only = vec![targets[3].hash, targets[30].hash];
    let named = record(&served, &plan, &folder.path().join("named")).await;
    let kept: Vec<_> = named
        .blocks
        .iter()
        .flat_map(|block| &block.targets)
        .collect();
    assert_eq!(kept, [targets[3], targets[30]]);
    for name in ["first", "named"] {
        let report = verify(
            &RecordingFolder::open(&folder.path().join(name)).unwrap(),
            &[],
        );
        assert!(report.verified, "{:?}", report.failures);
    }

    // A trusted hash vouches for the block before it, and for no other.
    let recording = RecordingFolder::open(&folder.path().join("all")).unwrap();
    assert!(verify(&recording, &[whole.blocks[1].hash]).verified);
    assert!(!verify(&recording, &[whole.blocks[0].hash]).verified);
    assert!(!verify(&recording, &[B256::repeat_byte(1)]).verified);
}

/// Notices when the first block is done.
#[derive(Default)]
struct Notice(tokio::sync::Notify);

impl Progress for Notice {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {
        self.0.notify_one();
    }
    fn warn(&self, _: &str) {}
    fn finish(&self) {}
}

#[tokio::test]
async fn an_interrupted_recording_goes_on_and_comes_out_the_same() {
    let Some(data) = data() else { return };
    let served = Served::start(&data, &["--latency-ms", "20"]);
    let folder = tempfile::tempdir().unwrap();
    let window = Window {
        from: 24_628_607,
        to: 24_628_608,
    };
    let plan = Plan::new(USDC, window);
    let straight = record(&served, &plan, &folder.path().join("straight")).await;

    let path = folder.path().join("interrupted");
    let first = Notice::default();
    let node = served.node();
    tokio::select! {
        recording = collect(&node, &plan, &path, &first) => { recording.unwrap(); }
        () = first.0.notified() => {}
    }
    assert!(!path.exists(), "it was interrupted");
    let resumed = record(&served, &plan, &path).await;
    assert_eq!(resumed, straight);
}

/// Rewrites a recorded block, its digest and the manifest's.
fn forge(from: &Path, into: &Path, change: impl FnOnce(&mut RecordedBlock)) {
    let folder = RecordingFolder::open(from).unwrap();
    let manifest = folder.manifest().clone();
    let mut block = RecordedBlock::clone(&folder.block(manifest.blocks[0].number).unwrap());
    change(&mut block);
    let writer = RecordingWriter::create(into, B256::ZERO, true).unwrap();
    writer.put_block(&block).unwrap();
    writer.finish(manifest).unwrap();
}

#[tokio::test]
async fn forged_recordings_fail_though_their_digests_fit() {
    let Some(data) = data() else { return };
    let served = Served::start(&data, &[]);
    let folder = tempfile::tempdir().unwrap();
    let honest = folder.path().join("honest");
    record(&served, &plan(22_615_247), &honest).await;
    let forged = folder.path().join("forged");
    let proxy_slot = |block: &RecordedBlock| {
        let slots = &block.state.storage[&USDC];
        *slots.iter().find(|(_, value)| !value.is_zero()).unwrap().0
    };
    type Forgery = (&'static str, Box<dyn Fn(&mut RecordedBlock)>);
    let cases: Vec<Forgery> = vec![
        (
            "slot-proof",
            Box::new(move |block| {
                let slot = proxy_slot(block);
                *block
                    .state
                    .storage
                    .get_mut(&USDC)
                    .unwrap()
                    .get_mut(&slot)
                    .unwrap() += U256::from(1);
            }),
        ),
        (
            "account-proof",
            Box::new(|block| {
                block.state.accounts.get_mut(&USDC).unwrap().balance += U256::from(1);
            }),
        ),
        (
            "receipts-root",
            Box::new(|block| {
                if let ReceiptEnvelope::Eip1559(receipt) = &mut block.receipts[0] {
                    receipt.receipt.cumulative_gas_used += 1;
                } else {
                    block.receipts.swap(0, 1);
                }
            }),
        ),
        (
            "transactions-root",
            Box::new(|block| {
                let last = block.transactions.len() - 1;
                block.transactions[last] = block.transactions[0].clone();
            }),
        ),
        // Without its proofs a forged value still has to give the recorded receipts.
        (
            "execution",
            Box::new(move |block| {
                block.proofs = None;
                let code = block.state.accounts[&USDC].code_hash;
                for slots in block.state.storage.values_mut() {
                    for value in slots.values_mut() {
                        *value = U256::ZERO;
                    }
                }
                assert!(block.state.codes.contains_key(&code));
            }),
        ),
        (
            "execution",
            Box::new(move |block| {
                block.proofs = None;
                block.state.storage.remove(&USDC);
            }),
        ),
        (
            "header-hash",
            Box::new(|block| {
                let parent = block.parent.as_mut().unwrap();
                parent.state_root = B256::repeat_byte(1);
            }),
        ),
    ];
    for (check, change) in cases {
        forge(&honest, &forged, change);
        let report = verify(&RecordingFolder::open(&forged).unwrap(), &[]);
        assert!(!report.verified, "{check}");
        assert!(
            report.checks[check].failed > 0,
            "{check}: {:?}",
            report.failures
        );
    }

    // Without recomputed digests not even one byte passes.
    let file = honest.join("blocks/22615247.json.gz");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(RecordingFolder::open(&honest).is_err());
}

/// Serves one block with lies in it.
fn lying(
    data: &Path,
    number: u64,
    kind: &str,
    lie: impl FnOnce(&mut Value),
) -> (Served, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["block", "trace"] {
        let name = format!("{file}-{number}.json.gz");
        std::fs::copy(data.join("blocks").join(&name), folder.path().join(&name)).unwrap();
    }
    let path = folder.path().join(format!("{kind}-{number}.json.gz"));
    let mut value: Value = {
        let file = flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap());
        serde_json::from_reader(std::io::BufReader::new(file)).unwrap()
    };
    lie(&mut value);
    std::fs::remove_file(&path).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    serde_json::to_writer(&mut packed, &value).unwrap();
    packed.finish().unwrap();
    let served = Served::start(data, &[&folder.path().to_string_lossy()]);
    (served, folder)
}

async fn caught(served: &Served, number: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("lie");
    let error = collect(&served.node(), &plan(number), &into, &Silent)
        .await
        .unwrap_err();
    assert!(!into.exists());
    let source = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}

/// The first slot of USDC that is not zero, to be changed.
fn a_slot(file: &mut Value) -> &mut Value {
    let slots = file["preState"]["0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"]["storage"]
        .as_object_mut()
        .unwrap();
    let named = "0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3";
    slots.get_mut(named).unwrap()
}

#[tokio::test]
async fn a_lying_node_is_caught() {
    let Some(data) = data() else { return };
    const PROVEN: u64 = 22_615_247;
    const UNPROVEN: u64 = 19_933_122;

    let (served, _files) = lying(&data, PROVEN, "block", |file| {
        file["receipts"][0]["cumulativeGasUsed"] = "0x1".into();
    });
    let error = caught(&served, PROVEN).await;
    assert!(
        error.contains("the receipts root of block 22615247"),
        "{error}"
    );

    let (served, _files) = lying(&data, PROVEN, "block", |file| {
        file["block"]["gasUsed"] = "0x1".into();
    });
    let error = caught(&served, PROVEN).await;
    assert!(error.contains("the hash of block 22615247"), "{error}");

    let (served, _files) = lying(&data, PROVEN, "block", |file| {
        let mut swapped = file["block"]["transactions"].as_array().unwrap().clone();
        swapped.swap(0, 1);
        file["block"]["transactions"] = swapped.into();
    });
    let error = caught(&served, PROVEN).await;
    assert!(
        error.contains("the transactions root of block 22615247"),
        "{error}"
    );

    let (served, _files) = lying(&data, PROVEN, "block", |file| {
        *a_slot(file) = "0x1234".into();
    });
    let error = caught(&served, PROVEN).await;
    assert!(
        error.contains("proof of slot 0x7050c9e0f4ca769c69bd3a8ef740bc37"),
        "{error}"
    );

    // Where there are no proofs, the receipts still do not come out.
    let (served, _files) = lying(&data, UNPROVEN, "block", |file| {
        *a_slot(file) = "0x1234".into();
    });
    let folder = tempfile::tempdir().unwrap();
    let recording = record(&served, &plan(UNPROVEN), &folder.path().join("lie")).await;
    assert_eq!(recording.incomplete.len(), 1);
    assert!(
        recording.incomplete[0]
            .why
            .contains("does not reproduce its receipt"),
        "{recording:?}"
    );
    // A recording that owns up to it is a true one.
    let report = verify(
        &RecordingFolder::open(&folder.path().join("lie")).unwrap(),
        &[],
    );
    assert!(report.verified, "{:?}", report.failures);
    assert!(report.checks["execution"].absent > 0);
}

#[tokio::test]
async fn a_trace_that_leaves_calls_out_is_made_good_by_execution() {
    let Some(data) = data() else { return };
    let (served, _files) = lying(&data, 24_628_607, "trace", |file| {
        for trace in file["callTracer"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .take(20)
        {
            trace.as_object_mut().unwrap().remove("calls");
        }
    });
    let honest = Served::start(&data, &[]);
    let folder = tempfile::tempdir().unwrap();
    let one = record(&honest, &plan(24_628_607), &folder.path().join("one")).await;
    let other = record(&served, &plan(24_628_607), &folder.path().join("other")).await;
    assert_eq!(one, other);
}

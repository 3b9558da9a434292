//! Recordings of real blocks: what is found, what is kept, and what verifying them finds.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr
)]

mod support;

use cutover_chain::RecordingFolder;
use cutover_record::{Plan, collect, verify};
use cutover_types::{Recording, Window, progress::Silent, recording::Discovery};
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

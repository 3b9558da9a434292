//! Every transaction of real blocks comes out as its receipt and its trace say.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr
)]

mod support;

use cutover_evm::{BlockRun, Environment, matches_receipt};
use std::time::{Duration, Instant};

#[test]
fn every_transaction_matches_its_receipt() {
    let Some(data) = support::data() else { return };
    let (mut count, mut gas) = (0, 0);
    let (mut quiet_time, mut full_time) = (Duration::ZERO, Duration::ZERO);
    for number in support::numbers(&data) {
        let block = support::block(&data, number);
        let environment = Environment::of(1, &block.header).unwrap();

        let started = Instant::now();
        let mut run = BlockRun::new(&block.state, environment.clone());
        run.begin().unwrap();
        let mut cumulative = 0;
        for (index, (tx, receipt)) in block.transactions.iter().zip(&block.receipts).enumerate() {
            let summary = run
                .next_quiet(tx)
                .unwrap_or_else(|error| panic!("{number}/{index}: {error}"));
            if let Err(mismatch) = summary.matches_receipt(receipt, cumulative) {
                panic!("{number}/{index} {}: {mismatch}", tx.hash);
            }
            cumulative = receipt.cumulative_gas_used();
        }
        quiet_time += started.elapsed();
        let quiet_diff = run.diff().clone();

        let started = Instant::now();
        let mut run = BlockRun::new(&block.state, environment);
        run.begin().unwrap();
        let mut previous = 0;
        for (index, (tx, receipt)) in block.transactions.iter().zip(&block.receipts).enumerate() {
            let outcome = run.next(tx).unwrap();
            if let Err(mismatch) = matches_receipt(&outcome, receipt, previous) {
                panic!("{number}/{index} {}: {mismatch}", tx.hash);
            }
            previous = receipt.cumulative_gas_used();
        }
        full_time += started.elapsed();
        assert_eq!(run.diff(), &quiet_diff, "{number}");

        assert_eq!(cumulative, block.header.gas_used, "{number}");
        count += block.transactions.len();
        gas += cumulative;
    }
    let speed = |time: Duration| {
        let seconds = time.as_secs_f64();
        format!(
            "{:.0} tx/s, {:.0} Mgas/s",
            f64::from(u32::try_from(count).unwrap()) / seconds,
            gas as f64 / 1e6 / seconds
        )
    };
    eprintln!("{count} transactions match their receipts");
    eprintln!("quiet: {}; full: {}", speed(quiet_time), speed(full_time));
}

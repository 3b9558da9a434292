//! Every transaction of real blocks comes out as its receipt and its trace say.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr
)]

mod support;

use cutover_evm::{BlockRun, Environment, execute, matches_receipt, wanted_by_block};
use cutover_types::{MemoryState, Missing, State};
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

/// Blocks of each age: London, Shanghai, the first of Cancun, Osaka with EIP-7702.
const SAMPLE: [u64; 5] = [13_217_637, 18_426_253, 19_426_587, 24_341_035, 24_647_140];

#[test]
fn a_transaction_alone_on_the_view_before_it_does_what_it_did_in_its_block() {
    let Some(data) = support::data() else { return };
    let mut time = Duration::ZERO;
    let mut count = 0;
    for number in SAMPLE {
        let block = support::block(&data, number);
        let environment = Environment::of(1, &block.header).unwrap();
        let mut run = BlockRun::new(&block.state, environment.clone());
        run.begin().unwrap();
        let views: Vec<_> = block
            .transactions
            .iter()
            .map(|tx| (run.view(), run.next(tx).unwrap()))
            .collect();
        let started = Instant::now();
        for ((view, outcome), tx) in views.iter().zip(&block.transactions) {
            assert_eq!(&execute(view, &environment, tx).unwrap(), outcome);
            count += 1;
        }
        time += started.elapsed();
    }
    let speed = f64::from(count) / time.as_secs_f64();
    eprintln!("alone on its view: {speed:.0} tx/s");
}

#[test]
fn a_block_is_fetched_in_few_waves_and_what_it_touched_is_all_it_needs() {
    let Some(data) = support::data() else { return };
    for number in SAMPLE {
        let block = support::block(&data, number);
        let environment = Environment::of(1, &block.header).unwrap();
        let mut known = MemoryState::default();
        let mut waves = 0;
        let started = Instant::now();
        loop {
            let keys = wanted_by_block(&known, &environment, &block.transactions);
            if keys.is_empty() {
                break;
            }
            waves += 1;
            for key in keys {
                fetch(&block.state, key, &mut known);
            }
        }
        let mut run = BlockRun::new(&known, environment.clone());
        run.begin().unwrap();
        let first: Vec<_> = block
            .transactions
            .iter()
            .map(|tx| run.next_quiet(tx).unwrap())
            .collect();
        let touched = run.touched().extract(&known).unwrap();
        eprintln!(
            "block {number}: {waves} waves in {:.1?}, {} of {} accounts and {} of {} slots fetched were read",
            started.elapsed(),
            touched.accounts.len(),
            known.accounts.len(),
            touched.slots(),
            known.slots()
        );
        assert!(waves <= 40, "{number} took {waves} waves");
        let mut again = BlockRun::new(&touched, environment);
        again.begin().unwrap();
        for (tx, summary) in block.transactions.iter().zip(first) {
            assert_eq!(again.next_quiet(tx).unwrap(), summary);
        }
    }
}

/// Asks the file as if it were a node; what it does not know, a guess asked for in vain.
fn fetch(state: &dyn State, key: Missing, known: &mut MemoryState) {
    match key {
        Missing::Account { address } => {
            let account = state.account(address).unwrap_or_default();
            // A node is asked for the code with the account.
            let code = state.code(account.code_hash).unwrap();
            known.codes.insert(account.code_hash, code);
            known.accounts.insert(address, account);
        }
        Missing::Slot { address, slot } => {
            let value = state.storage(address, slot).unwrap_or_default();
            known
                .storage
                .entry(address)
                .or_default()
                .insert(slot, value);
        }
        Missing::Code { hash } => {
            known.codes.insert(hash, state.code(hash).unwrap());
        }
        Missing::BlockHash { number } => {
            let hash = state.block_hash(number).unwrap_or_default();
            known.block_hashes.insert(number, hash);
        }
        _ => unreachable!(),
    }
}

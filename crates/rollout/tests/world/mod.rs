//! A chain of its own with a proxy on it, and everything a run needs.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    unused_imports,
    reason = "each test file uses its part"
)]

mod asked;
mod chain;
mod ground;
mod stop;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, U256};
use cutover_chain::{Node, Policy};
use cutover_rollout::Journal;
use cutover_types::rollout::Event;
use std::{path::Path, time::Duration};

pub use asked::Asked;
pub use chain::{Anvil, forwarder_code};
pub use ground::Ground;
pub use stop::{StopAfter, StopAt};

pub const PROXY: Address = Address::repeat_byte(0xa1);
pub const BLUE: Address = Address::repeat_byte(0xb1);
pub const GREEN: Address = Address::repeat_byte(0xb2);
pub const CHAIN: u64 = 31_337;

pub fn node(url: &str) -> Node {
    Node::new(url.parse().unwrap(), Policy::default())
}

pub fn owner() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap()
}

/// The names of the journal's events, in order.
pub fn events(path: &Path) -> Vec<&'static str> {
    let journal = Journal::read(path).unwrap();
    let names = journal.entries().iter().map(|entry| match &entry.event {
        Event::Pointer { .. } => "pointer",
        Event::Signed { .. } => "signed",
        Event::Broadcast { .. } => "broadcast",
        Event::Included { success: true, .. } => "included",
        Event::Included { .. } => "failed",
        Event::Reorged { .. } => "reorged",
        Event::Finalized { .. } => "finalized",
        Event::Abandoned { .. } => "abandoned",
        _ => "unknown",
    });
    names.collect()
}

/// Waits until the journal has so many events of a name.
pub async fn wait_for(path: &Path, name: &str, count: usize) {
    for _ in 0..1500 {
        let seen = events(path).into_iter().filter(|event| *event == name);
        if seen.count() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {name} in {:?}", events(path));
}

pub fn wei(amount: u64) -> U256 {
    U256::from(amount)
}

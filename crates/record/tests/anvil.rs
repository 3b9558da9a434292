//! A local anvil as the node: every way a transaction can reach a proxy, recorded with proofs.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr
)]

use alloy_primitives::{Address, B256, Bytes, U256, address, hex};
use cutover_chain::{
    RecordingFolder,
    anvil::{Anvil, AnvilOptions},
    find_program,
};
use cutover_record::{Plan, Request, collect, verify};
use cutover_types::{
    Reach, Window,
    abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT},
    progress::Silent,
    recording::Discovery,
};
use serde_json::json;

const SENDER: Address = address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
const PROXY: Address = Address::repeat_byte(0xaa);
const IMPLEMENTATION: Address = Address::repeat_byte(0xbb);
const CALLER: Address = Address::repeat_byte(0xcc);
const OTHER: Address = Address::repeat_byte(0xee);

/// Hands every call on to the implementation in the ERC-1967 slot.
fn proxy() -> Bytes {
    let head = hex!("363d3d373d3d3d363d7f");
    let tail = hex!("545af43d82803e903d91603857fd5bf3");
    [&head[..], IMPLEMENTATION_SLOT.as_slice(), &tail]
        .concat()
        .into()
}

/// Counts its calls in slot 0. Then: no calldata, silence; one byte, a log; two, a revert.
const COUNTER: [u8; 28] = hex!("5f546001015f553615601657600236146018575f5fa05b005b5f5ffd");

/// Calls the proxy with its own calldata, and goes on whatever comes of it.
fn caller() -> Bytes {
    [
        &hex!("365f5f375f5f365f5f73")[..],
        PROXY.as_slice(),
        &hex!("5af100"),
    ]
    .concat()
    .into()
}

async fn world() -> Option<Anvil> {
    let options = AnvilOptions {
        accounts: 1,
        no_mining: true,
        ..AnvilOptions::default()
    };
    if find_program("CUTOVER_ANVIL", "anvil").is_none() {
        eprintln!("skipped: there is no anvil (run scripts/setup)");
        return None;
    }
    let anvil = Anvil::start(&options).await.unwrap();
    for (address, code) in [
        (PROXY, proxy()),
        (IMPLEMENTATION, COUNTER.into()),
        (CALLER, caller()),
    ] {
        anvil.set_code(address, &code).await.unwrap();
    }
    let word = U256::from_be_slice(IMPLEMENTATION.as_slice());
    anvil
        .set_storage(PROXY, IMPLEMENTATION_SLOT, word)
        .await
        .unwrap();
    anvil.mine().await.unwrap();
    Some(anvil)
}

/// Sends these from a real key, in order, and mines them in one block.
async fn block(anvil: &Anvil, calls: &[(Address, &[u8])]) -> u64 {
    for (to, data) in calls {
        let data = Bytes::copy_from_slice(data);
        let transaction = json!({"from": SENDER, "to": to, "data": data, "gas": "0x186a0"});
        let _: B256 = anvil
            .node()
            .call("eth_sendTransaction", json!([transaction]))
            .await
            .unwrap();
    }
    anvil.mine().await.unwrap();
    anvil.node().latest().await.unwrap()
}

fn plan(from: u64, to: u64) -> Plan {
    let upgrade = Request::call(OTHER, PROXY, vec![7]);
    Plan {
        also: vec![upgrade],
        ..Plan::new(PROXY, Window { from, to })
    }
}

fn reaches(recording: &cutover_types::Recording) -> Vec<(u64, u64, Reach)> {
    let targets = |block: &cutover_types::recording::BlockEntry| {
        let number = block.number;
        block
            .targets
            .iter()
            .map(move |target| (number, target.index, target.reach))
            .collect::<Vec<_>>()
    };
    recording.blocks.iter().flat_map(targets).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_the_proxy_is_recorded_with_proofs() {
    let Some(anvil) = world().await else { return };
    let one = block(
        &anvil,
        &[
            (OTHER, &[]),
            (PROXY, &[1]),
            (CALLER, &[2, 2]),
            (PROXY, &[2, 2]),
            (CALLER, &[]),
            (OTHER, &[]),
        ],
    )
    .await;
    block(&anvil, &[(OTHER, &[1])]).await;
    let three = block(&anvil, &[(CALLER, &[])]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let recording = collect(anvil.node(), &plan(one, three), &path, &Silent)
        .await
        .unwrap();
    assert_eq!(recording.discovery, Discovery::Traces);
    let expected = [
        (one, 1, Reach::Direct),
        (one, 2, Reach::Internal),
        (one, 3, Reach::Direct),
        (one, 4, Reach::Internal),
        (three, 0, Reach::Internal),
    ];
    assert_eq!(reaches(&recording), expected);
    assert_eq!(recording.incomplete, []);
    eprintln!("{:?}", recording.counts);
    assert_eq!(recording.counts.proven_accounts, recording.counts.accounts);
    assert_eq!(recording.counts.proven_slots, recording.counts.slots);

    let folder = RecordingFolder::open(&path).unwrap();
    let state = &folder.block(three).unwrap().state;
    let slot = |slot| state.storage[&PROXY].get(&slot);
    // One of the four calls of the first block failed as a whole, one within.
    assert_eq!(slot(B256::ZERO), Some(&U256::from(2)));
    assert!(slot(ADMIN_SLOT).is_some(), "what says which proxy it is");
    assert!(
        state.accounts.contains_key(&OTHER),
        "what the upgrade reads"
    );
    let report = verify(&folder, &[]);
    assert!(report.verified, "{:?}", report.failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_recordings_of_one_window_are_the_same_bytes() {
    let Some(anvil) = world().await else { return };
    let first = block(&anvil, &[(PROXY, &[1])]).await;
    let mut last = first;
    for _ in 0..20 {
        last = block(&anvil, &[(CALLER, &[1]), (PROXY, &[1]), (OTHER, &[])]).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut recordings = Vec::new();
    for concurrency in [1, 3, 40] {
        let plan = Plan {
            concurrency,
            ..plan(first, last)
        };
        let path = folder.path().join(concurrency.to_string());
        recordings.push(collect(anvil.node(), &plan, &path, &Silent).await.unwrap());
    }
    assert_eq!(recordings[0].counts.transactions, 41);
    assert!(recordings.windows(2).all(|pair| pair[0] == pair[1]));
}

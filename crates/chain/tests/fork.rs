//! A real anvil forks from the facade.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_chain::{Archive, ChainError, Facade, Node, Policy, ViewArchive};
use cutover_types::{Account, MemoryState, Missing};
use serde_json::{Value, json};
use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use url::Url;

const NUMBER: u64 = 24_000_000;
const CONTRACT: Address = Address::repeat_byte(0xc0);
/// Returns slot 0.
const CODE: &[u8] = &[0x5f, 0x54, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];

fn header() -> Header {
    Header {
        number: NUMBER,
        parent_hash: B256::repeat_byte(0xbb),
        timestamp: 1_765_000_000,
        gas_limit: 45_000_000,
        base_fee_per_gas: Some(1_000_000_000),
        withdrawals_root: Some(alloy_consensus::EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

fn view(value: u64) -> Arc<MemoryState> {
    let mut state = MemoryState::default();
    let account = Account {
        nonce: 1,
        balance: U256::from(5),
        code_hash: keccak256(CODE),
    };
    state.accounts.insert(CONTRACT, account);
    state.accounts.insert(Address::ZERO, Account::default());
    state
        .codes
        .insert(keccak256(CODE), Bytes::from_static(CODE));
    let slots = state.storage.entry(CONTRACT).or_default();
    slots.insert(B256::ZERO, U256::from(value));
    state.block_hashes.insert(NUMBER - 7, B256::repeat_byte(7));
    Arc::new(state)
}

/// anvil, stopped when dropped; its caches go to a folder of its own.
struct Anvil {
    child: Child,
    node: Node,
    _home: tempfile::TempDir,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn fork(url: &Url) -> Option<Anvil> {
    let Some(program) = std::env::var_os("CUTOVER_ANVIL") else {
        eprintln!("skipped: CUTOVER_ANVIL is not set");
        return None;
    };
    let home = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let child = Command::new(program)
        .env("HOME", home.path())
        .args(["--fork-url", url.as_str(), "--fork-block-number"])
        .arg((NUMBER - 1).to_string())
        .args(["--accounts", "0", "--no-storage-caching", "--retries", "0"])
        .args(["--port", &port.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let own = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let anvil = Anvil {
        child,
        node: Node::new(own, Policy::once()),
        _home: home,
    };
    let started = Instant::now();
    while anvil.node.latest().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(anvil)
}

#[tokio::test(flavor = "multi_thread")]
async fn anvil_forks_from_a_view_without_the_parents_header() {
    let archive = Arc::new(ViewArchive::new(1, None, &header()));
    archive.set_view(view(42));
    let facade = Facade::start(archive.clone(), 0).await.unwrap();
    let Some(anvil) = fork(&facade.url()).await else {
        return;
    };
    let node = &anvil.node;
    assert_eq!(node.chain_id().await.unwrap(), 1);
    assert_eq!(node.latest().await.unwrap(), NUMBER - 1);
    let slot: U256 = node
        .call("eth_getStorageAt", json!([CONTRACT, "0x0", "latest"]))
        .await
        .unwrap();
    assert_eq!(slot, U256::from(42));
    let request = json!({"to": CONTRACT, "data": "0x"});
    let answer: Bytes = node
        .call("eth_call", json!([request, "latest"]))
        .await
        .unwrap();
    assert_eq!(U256::from_be_slice(&answer), U256::from(42));

    // What is not there is an error on the fork, and a miss here.
    facade.clear_misses();
    let unknown = Address::repeat_byte(0xde);
    let refused: Result<Value, ChainError> = node
        .call("eth_getStorageAt", json!([CONTRACT, "0x5", "latest"]))
        .await;
    assert!(refused.is_err(), "{refused:?}");
    let refused: Result<Value, ChainError> = node
        .call("eth_getBalance", json!([unknown, "latest"]))
        .await;
    assert!(refused.is_err(), "{refused:?}");
    let misses = facade.misses();
    let slot = Missing::Slot {
        address: CONTRACT,
        slot: B256::with_last_byte(5),
    };
    assert!(misses.contains(&slot), "{misses:?}");
    assert!(misses.contains(&Missing::Account { address: unknown }));

    // The next fork sees the next view.
    archive.set_view(view(43));
    let Some(second) = fork(&facade.url()).await else {
        return;
    };
    let slot: U256 = second
        .node
        .call("eth_getStorageAt", json!([CONTRACT, "0x0", "latest"]))
        .await
        .unwrap();
    assert_eq!(slot, U256::from(43));
}

#[tokio::test]
async fn the_parent_and_known_ancestors_have_the_hashes_they_are_known_by() {
    let archive = Arc::new(ViewArchive::new(1, None, &header()));
    archive.set_view(view(1));
    assert_eq!(archive.head(), NUMBER - 1);
    let facade = Facade::start(archive, 0).await.unwrap();
    let node = Node::new(facade.url(), Policy::once());
    let (hash, parent) = node.header_unverified(NUMBER - 1).await.unwrap();
    assert_eq!(hash, B256::repeat_byte(0xbb));
    assert_eq!(parent.base_fee_per_gas, header().base_fee_per_gas);
    assert_eq!(parent.timestamp, header().timestamp - 12);
    let (ancestor, _) = node.header_unverified(NUMBER - 7).await.unwrap();
    assert_eq!(ancestor, B256::repeat_byte(7));
    assert!(matches!(
        node.header_unverified(NUMBER - 8).await,
        Err(ChainError::Pruned { .. })
    ));
    assert!(matches!(
        node.header_unverified(NUMBER).await,
        Err(ChainError::NoSuchBlock { .. })
    ));
    let by_hash: Value = node
        .call("eth_getBlockByHash", json!([hash, false]))
        .await
        .unwrap();
    assert_eq!(by_hash["number"], json!(format!("{:#x}", NUMBER - 1)));
    let misses = facade.misses();
    assert_eq!(misses, [Missing::BlockHash { number: NUMBER - 8 }]);
}

#[tokio::test]
async fn malformed_requests_get_errors_not_silence() {
    let archive = Arc::new(ViewArchive::new(1, None, &header()));
    let facade = Facade::start(archive, 0).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let cases = [
        ("nonsense", -32700),
        ("[]", -32600),
        (r#"{"id":1}"#, -32600),
        (r#"{"id":1,"method":"eth_sign"}"#, -32601),
        (r#"{"id":1,"method":"eth_getBalance","params":{}}"#, -32602),
        (
            r#"{"id":1,"method":"eth_getBalance","params":["0x1"]}"#,
            -32602,
        ),
        (
            r#"{"id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000001","0xffffffffffffffffff"]}"#,
            -32602,
        ),
        (
            r#"{"id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000001","latest"]}"#,
            -32000,
        ),
    ];
    for (body, code) in cases {
        let sent = client.post(facade.url()).body(body).send();
        let answer: Value = sent.await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"]["code"], json!(code), "{body}: {answer}");
    }
    let url = facade.url();
    drop(facade);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(client.post(url).body("{}").send().await.is_err());
}

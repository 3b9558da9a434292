//! Real mainnet blocks, from a node that fails and limits.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

use alloy_primitives::{B256, U256, keccak256};
use cutover_chain::{
    Facade, LazyState, Node, Policy, RecordingArchive, RecordingFolder, RecordingWriter,
    SettleError,
};
use cutover_types::{
    Missing, Reach, RecordedBlock, Recording, State, Target, Window,
    recording::{BlockEntry, Counts, Discovery},
};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use url::Url;

/// Every type of transaction is among these, and signatures from before EIP-155.
const BLOCKS: [u64; 5] = [15_538_827, 19_426_587, 22_615_247, 24_341_035, 24_647_140];
const USDC: &str = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";

/// The stand-in node, stopped when dropped.
struct Stand {
    child: Child,
    url: Url,
    _dir: tempfile::TempDir,
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stand(options: &[&str]) -> Option<Stand> {
    let Some(data) = std::env::var_os("CUTOVER_MAINNET_DATA").map(PathBuf::from) else {
        eprintln!("skipped: CUTOVER_MAINNET_DATA is not set");
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    let port_file = dir.path().join("port");
    let child = Command::new("python3")
        .arg(data.join("mainnet-node"))
        .args(["--port", "0", "--port-file"])
        .arg(&port_file)
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stand = Stand {
        child,
        url: Url::parse("http://127.0.0.1").unwrap(),
        _dir: dir,
    };
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(&port_file).unwrap_or_default();
        if let Ok(port) = text.trim().parse() {
            stand.url.set_port(Some(port)).unwrap();
            return Some(stand);
        }
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn every_root_comes_out_from_a_poor_provider() {
    let Some(stand) = stand(&["--fault-rate", "0.05", "--rate-limit", "200"]) else {
        return;
    };
    let node = Node::new(stand.url.clone(), Policy::default());
    let mut kinds = BTreeSet::new();
    for number in BLOCKS {
        let block = node.block(number).await.unwrap();
        let receipts = node.receipts(number).await.unwrap();
        block.check_receipts(&receipts).unwrap();
        for (raw, hash) in block.transactions.iter().zip(&block.transaction_hashes) {
            assert_eq!(keccak256(raw), *hash);
            kinds.insert(raw[0].min(0xc0));
        }
    }
    assert_eq!(kinds, BTreeSet::from([1, 2, 3, 4, 0xc0]));
}

#[tokio::test]
async fn receipts_come_one_by_one_where_they_must() {
    let Some(stand) = stand(&["--disable", "eth_getBlockReceipts"]) else {
        return;
    };
    let node = Node::new(stand.url.clone(), Policy::default());
    let block = node.block(BLOCKS[1]).await.unwrap();
    let receipts = node.receipts(BLOCKS[1]).await.unwrap();
    block.check_receipts(&receipts).unwrap();
}

#[tokio::test]
async fn state_is_the_same_however_it_is_fetched() {
    let usdc = USDC.parse().unwrap();
    let slot = B256::with_last_byte(1);
    let wanted: BTreeSet<Missing> = [
        Missing::Account { address: usdc },
        Missing::Slot {
            address: usdc,
            slot,
        },
    ]
    .into();
    let mut states = Vec::new();
    for options in [
        &["--fault-rate", "0.2", "--seed", "3"][..],
        &["--disable", "eth_getAccountInfo", "--max-batch", "2"],
    ] {
        let Some(stand) = stand(options) else { return };
        let node = Node::new(stand.url.clone(), Policy::default());
        let mut state = LazyState::new(node, BLOCKS[4] - 1);
        assert_eq!(state.fill(&wanted).await.unwrap().len(), 0);
        let account = state.known.account(usdc).unwrap();
        assert!(!state.known.code(account.code_hash).unwrap().is_empty());
        states.push(state.known);
    }
    assert_eq!(states[0], states[1]);
}

#[tokio::test]
async fn what_the_node_refuses_is_unavailable_not_zero() {
    let Some(stand) = stand(&[]) else { return };
    let node = Node::new(stand.url.clone(), Policy::default());
    let mut state = LazyState::new(node, BLOCKS[4] - 1);
    let usdc = USDC.parse().unwrap();
    let slot = B256::repeat_byte(0x77);
    let settled = state
        .settle(|known| {
            let wanted = |missing| BTreeSet::from([missing]);
            known.account(usdc).map_err(wanted)?;
            known.storage(usdc, slot).map_err(wanted)
        })
        .await;
    assert!(matches!(
        settled,
        Err(SettleError::Unavailable {
            missing: Missing::Slot { .. },
            ..
        })
    ));
    assert!(state.known.accounts.contains_key(&usdc));
}

/// A block fetched, written as a recording, served again: the copy gives what the original gave.
#[tokio::test]
async fn a_served_recording_is_as_good_as_the_node() {
    let Some(stand) = stand(&[]) else { return };
    let node = Node::new(stand.url.clone(), Policy::default());
    let usdc = USDC.parse().unwrap();
    let number = BLOCKS[4];
    let fetched = node.block(number).await.unwrap();
    let receipts = node.receipts(number).await.unwrap();
    let mut state = LazyState::new(node.clone(), number - 1);
    let slot = B256::with_last_byte(1);
    let wanted = [
        Missing::Account { address: usdc },
        Missing::Slot {
            address: usdc,
            slot,
        },
    ];
    state.fill(&wanted.into()).await.unwrap();
    let targets = vec![Target {
        hash: fetched.transaction_hashes[0],
        index: 0,
        reach: Reach::Internal,
    }];
    let block = RecordedBlock {
        header: fetched.header.clone(),
        hash: fetched.hash,
        parent: None,
        transactions: fetched.transactions.clone(),
        receipts: receipts.clone(),
        targets: targets.clone(),
        state: state.known,
        proofs: None,
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("recording");
    let writer = RecordingWriter::create(&path, B256::ZERO, false).unwrap();
    writer.put_block(&block).unwrap();
    let manifest = Recording {
        chain_id: 1,
        proxy: usdc,
        window: Window {
            from: number,
            to: number,
        },
        discovery: Discovery::Traces,
        may_have_missed: vec![],
        blocks: vec![BlockEntry {
            number,
            hash: fetched.hash,
            targets,
        }],
        upgrade: None,
        incomplete: vec![],
        counts: Counts::default(),
        files: Default::default(),
        digest: B256::ZERO,
    };
    writer.finish(manifest).unwrap();
    let folder = Arc::new(RecordingFolder::open(&path).unwrap());
    assert_eq!(*folder.block(number).unwrap(), block);

    let facade = Facade::start(Arc::new(RecordingArchive::new(folder)), 0)
        .await
        .unwrap();
    let copy = Node::new(facade.url(), Policy::once());
    assert_eq!(copy.block(number).await.unwrap(), fetched);
    assert_eq!(copy.receipts(number).await.unwrap(), receipts);
    let (parent, _) = copy.header_unverified(number - 1).await.unwrap();
    assert_eq!(parent, fetched.header.parent_hash);
    // Field by field what the original answers, where it answers the same fields.
    for (method, fields) in [
        ("eth_getTransactionReceipt", &RECEIPT[..]),
        ("eth_getTransactionByHash", &TRANSACTION[..]),
    ] {
        for hash in &fetched.transaction_hashes {
            let ask = |node: Node| async move {
                let params = serde_json::json!([hash]);
                node.call::<serde_json::Value>(method, params)
                    .await
                    .unwrap()
            };
            let (mine, real) = (ask(copy.clone()).await, ask(node.clone()).await);
            for field in fields {
                assert_eq!(mine[field], real[field], "{method} {hash} {field}");
            }
        }
    }
    let mut served = LazyState::new(copy, number - 1);
    served.fill(&wanted.into()).await.unwrap();
    assert_eq!(served.known, block.state);
    assert!(facade.misses().is_empty());
    let unknown = Missing::Slot {
        address: usdc,
        slot: B256::from(U256::from(99)),
    };
    assert_eq!(served.fill(&[unknown].into()).await.unwrap().len(), 1);
    assert_eq!(facade.misses(), vec![unknown]);
}

const RECEIPT: [&str; 13] = [
    "type",
    "status",
    "cumulativeGasUsed",
    "gasUsed",
    "effectiveGasPrice",
    "from",
    "to",
    "contractAddress",
    "transactionIndex",
    "blockHash",
    "blockNumber",
    "logsBloom",
    "blobGasUsed",
];
const TRANSACTION: [&str; 10] = [
    "type",
    "hash",
    "from",
    "to",
    "nonce",
    "value",
    "input",
    "gas",
    "gasPrice",
    "blockHash",
];

//! A stand-in archive node with real blocks.

use alloy_primitives::Address;
use cutover_chain::{Node, Policy};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub const USDC: Address = alloy_primitives::address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");

/// Where the blocks are, if they are here.
pub fn data() -> Option<PathBuf> {
    let found = std::env::var_os("CUTOVER_MAINNET_DATA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: CUTOVER_MAINNET_DATA is not set");
    }
    found
}

#[derive(Deserialize)]
pub struct Index {
    pub blocks: Vec<IndexedBlock>,
}

#[derive(Deserialize)]
pub struct IndexedBlock {
    pub number: u64,
    pub proofs: bool,
    pub proxies: Vec<IndexedProxy>,
}

#[derive(Deserialize)]
pub struct IndexedProxy {
    pub address: Address,
    pub direct: u64,
    pub transactions: u64,
}

pub fn index(data: &Path) -> Index {
    serde_json::from_str(&std::fs::read_to_string(data.join("INDEX.json")).unwrap()).unwrap()
}

/// A process that ends with the test.
pub struct Served {
    child: Child,
    _folder: tempfile::TempDir,
    pub port: u16,
}

impl Served {
    pub fn start(data: &Path, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("port");
        let child = Command::new("python3")
            .arg(data.join("mainnet-node"))
            .args(["--port", "0", "--port-file"])
            .arg(&file)
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let port = loop {
            if let Ok(text) = std::fs::read_to_string(&file) {
                break text.trim().parse().unwrap();
            }
            assert!(started.elapsed() < Duration::from_secs(60), "no node");
            std::thread::sleep(Duration::from_millis(20));
        };
        Self {
            child,
            _folder: folder,
            port,
        }
    }

    pub fn node(&self) -> Node {
        let url = format!("http://127.0.0.1:{}", self.port).parse().unwrap();
        Node::new(url, Policy::default())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

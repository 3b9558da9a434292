//! A chain of its own with a proxy on it.

use super::{BLUE, GREEN, PROXY, node, owner};

use alloy_primitives::{Address, B256, Bytes, U64};
use cutover_chain::Node;
use cutover_types::abi::IMPLEMENTATION_SLOT;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// An anvil of its own; gone when dropped.
pub struct Anvil {
    child: Child,
    _home: tempfile::TempDir,
    pub url: String,
    pub node: Node,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CUTOVER_ANVIL") {
        return Some(path.into());
    }
    let on_path = std::env::var_os("PATH").and_then(|paths| {
        let mut candidates = std::env::split_paths(&paths).map(|folder| folder.join("anvil"));
        candidates.find(|path| path.is_file())
    });
    on_path.or_else(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
        let tools = root.join(".tools/node_modules/@foundry-rs");
        let mut packages = std::fs::read_dir(tools).ok()?.flatten();
        packages.find_map(|package| {
            let path = package.path().join("bin/anvil");
            path.is_file().then_some(path)
        })
    })
}

impl Anvil {
    /// `None`, and a line that says so, where there is no anvil.
    pub fn start(extra: &[&str]) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: no anvil (CUTOVER_ANVIL, PATH or scripts/setup)");
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .args(["--port", "0"])
            .args(extra)
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                line.unwrap()
                    .strip_prefix("Listening on ")
                    .map(String::from)
            })
            .unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{address}");
        let node = node(&url);
        Some(Self {
            child,
            _home: home,
            url,
            node,
        })
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        self.node.call(method, params).await.unwrap()
    }

    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")]))
            .await;
    }

    /// Runs `work` while blocks keep coming.
    pub async fn while_mining<T>(&self, work: impl Future<Output = T>) -> T {
        let mining = async {
            loop {
                tokio::time::sleep(Duration::from_millis(30)).await;
                self.mine(16).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = mining => unreachable!("mining never ends"),
        }
    }

    pub async fn nonce(&self, address: Address) -> u64 {
        let nonce: U64 = self
            .node
            .call("eth_getTransactionCount", json!([address, "latest"]))
            .await
            .unwrap();
        nonce.to()
    }

    pub async fn implementation(&self) -> Address {
        let slot = json!([PROXY, IMPLEMENTATION_SLOT, "latest"]);
        let word: B256 = self.node.call("eth_getStorageAt", slot).await.unwrap();
        Address::from_word(word)
    }

    pub async fn set_code(&self, address: Address, code: &[u8]) {
        let params = json!([address, Bytes::copy_from_slice(code)]);
        self.rpc("anvil_setCode", params).await;
    }

    /// Puts the proxy, blue, green and the owner's money on the chain.
    pub async fn build(&self) {
        self.build_owned_by(owner().address()).await;
    }

    /// The same with a proxy that obeys someone else.
    pub async fn build_owned_by(&self, authority: Address) {
        self.set_code(PROXY, &proxy_code(authority)).await;
        self.set_code(BLUE, &[0x00, 0xb1]).await;
        self.set_code(GREEN, &[0x00, 0xb2]).await;
        self.set_implementation(BLUE).await;
        let wealth = json!([owner().address(), "0xde0b6b3a7640000"]);
        self.rpc("anvil_setBalance", wealth).await;
        self.mine(1).await;
    }

    /// The same with a proxy that is upgraded by two calls.
    pub async fn build_two_step(&self) {
        self.build().await;
        self.set_code(PROXY, &two_step_code(owner().address()))
            .await;
    }

    /// Makes the proxy refuse an upgrade to what it runs, as an initializer does that runs once.
    pub async fn only_once(&self) {
        self.set_code(PROXY, &once_code(owner().address())).await;
    }

    pub async fn set_implementation(&self, implementation: Address) {
        let params = json!([PROXY, IMPLEMENTATION_SLOT, implementation.into_word()]);
        self.rpc("anvil_setStorageAt", params).await;
    }
}

/// `upgradeTo(address)` by the owner writes the implementation slot; everything else stops.
fn proxy_code(authority: Address) -> Vec<u8> {
    let mut code = vec![
        0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x63, 0x36, 0x59, 0xcf, 0xe6, 0x14,
    ];
    code.extend([0x60, 0x0f, 0x57, 0x00, 0x5b, 0x33, 0x73]);
    code.extend(authority);
    code.extend([0x14, 0x60, 0x2d, 0x57, 0x5f, 0x5f, 0xfd]);
    assert_eq!(code.len(), 0x2d, "the jump leads to what follows");
    code.extend([0x5b, 0x60, 0x04, 0x35, 0x7f]);
    code.extend(IMPLEMENTATION_SLOT);
    code.extend([0x55, 0x00]);
    code
}

/// The same, and refuses the implementation it has.
fn once_code(authority: Address) -> Vec<u8> {
    let mut code = proxy_code(authority);
    code.truncate(0x2d);
    code.extend([0x5b, 0x60, 0x04, 0x35, 0x80, 0x7f]);
    code.extend(IMPLEMENTATION_SLOT);
    code.extend([0x54, 0x18, 0x60, 0x5b, 0x57, 0x5f, 0x5f, 0xfd]);
    assert_eq!(code.len(), 0x5b, "the jump leads to what follows");
    code.extend([0x5b, 0x7f]);
    code.extend(IMPLEMENTATION_SLOT);
    code.extend([0x55, 0x00]);
    code
}

/// Takes an implementation by any call of the owner, and installs it by `upgradeTo` with the same one.
fn two_step_code(authority: Address) -> Vec<u8> {
    let mut code = vec![0x33, 0x73];
    code.extend(authority);
    code.extend([0x14, 0x60, 0x1d, 0x57, 0x5f, 0x5f, 0xfd]);
    assert_eq!(code.len(), 0x1d, "the jump leads to what follows");
    code.extend([
        0x5b, 0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x63, 0x36, 0x59, 0xcf, 0xe6, 0x14, 0x60, 0x33, 0x57,
    ]);
    code.extend([0x60, 0x04, 0x35, 0x60, 0x01, 0x55, 0x00]);
    code.resize(0x33, 0x00);
    code.extend([
        0x5b, 0x60, 0x04, 0x35, 0x60, 0x01, 0x54, 0x14, 0x60, 0x41, 0x57, 0x5f, 0x5f, 0xfd,
    ]);
    assert_eq!(code.len(), 0x41, "the jump leads to what follows");
    code.extend([0x5b, 0x60, 0x04, 0x35, 0x7f]);
    code.extend(IMPLEMENTATION_SLOT);
    code.extend([0x55, 0x00]);
    code
}

/// Sends its calldata on to the proxy and fails if that fails: a contract that controls it.
pub fn forwarder_code() -> Vec<u8> {
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x5f, 0x73];
    code.extend(PROXY);
    code.extend([0x5a, 0xf1, 0x60, 0x26, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x00]);
    assert_eq!(code[0x26], 0x5b, "the jump leads to the end");
    code
}

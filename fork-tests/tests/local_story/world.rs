//! A local chain with the demo's vault behind OpenZeppelin's transparent proxy, and some traffic.

use crate::support::{Ran, cutover, root, run};
use alloy_primitives::{Address, B256, Bytes, U64, U256, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use cutover_artifacts::{LoadOptions, Need, Reference};
use cutover_chain::{
    Node,
    anvil::{Anvil, AnvilOptions},
};
use cutover_types::abi::{ADMIN_SLOT, IMPLEMENTATION_SLOT};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

sol! {
    function initialize(address asset, address owner, uint16 feeBps) external;
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
    function deposit(uint256 assets) external returns (uint256);
    function withdraw(uint256 shares) external returns (uint256);
    function transfer(address to, uint256 shares) external returns (bool);
    function depositFor(address vault, address to, uint256 assets) external;
    function upgradeAndCall(address proxy, address implementation, bytes data) external payable;
}

/// The phrase every anvil's accounts come from. It guards nothing.
const MNEMONIC: &str = "test test test test test test test test test test test junk";

pub(crate) const BLUE: &str = "src/demo/Vault.sol:Vault";
pub(crate) const GREEN: &str = "src/demo/VaultV2.sol:VaultV2";

pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) folder: tempfile::TempDir,
    /// Who may upgrade.
    pub(crate) owner: Address,
    /// Who uses the proxy.
    pub(crate) user: Address,
    pub(crate) proxy: Address,
    pub(crate) blue: Address,
    pub(crate) accounts: Vec<Address>,
    window: (u64, u64),
    /// Seconds between the blocks that are made while the command runs, beyond what the clock says.
    pub(crate) hurry: u64,
}

pub(crate) async fn chain(extra: &[&str]) -> Anvil {
    let mut all = vec!["--slots-in-an-epoch".to_owned(), "1".to_owned()];
    all.extend(extra.iter().map(|&argument| argument.to_owned()));
    let options = AnvilOptions {
        accounts: 4,
        extra: all,
        ..AnvilOptions::default()
    };
    Anvil::start(&options)
        .await
        .expect("anvil: run scripts/setup, or name it in CUTOVER_ANVIL")
}

pub(crate) fn contracts() -> PathBuf {
    root().join("contracts")
}

/// Creation code of what a reference names; each is compiled once for all stories.
fn creation(reference: &Reference, arguments: &[u8]) -> Bytes {
    static COMPILED: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Default::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let code = compiled.entry(reference.to_string()).or_insert_with(|| {
        let options = LoadOptions {
            root: contracts(),
            solc: None,
            need: Need::BYTECODE,
        };
        let code = cutover_artifacts::load(reference, &options).unwrap();
        code.creation.unwrap()
    });
    [code.as_ref(), arguments].concat().into()
}

/// Creation code of a contract in the project at `root`.
pub(crate) fn built(root: &Path, reference: &str) -> Bytes {
    let options = LoadOptions {
        root: root.to_owned(),
        solc: None,
        need: Need::BYTECODE,
    };
    let reference = Reference::parse(reference).unwrap();
    let code = cutover_artifacts::load(&reference, &options).unwrap();
    code.creation.unwrap()
}

/// A project with these sources, compiled as the project's own contracts are.
pub(crate) fn project(folder: &Path, sources: &[(&str, String)]) -> PathBuf {
    let project = folder.join("project");
    std::fs::create_dir_all(project.join("src")).unwrap();
    let tools = root().join(".tools").display().to_string();
    let settings = std::fs::read_to_string(contracts().join("foundry.toml")).unwrap();
    let settings = settings.replace("../.tools", &tools);
    std::fs::write(project.join("foundry.toml"), settings).unwrap();
    for (name, source) in sources {
        std::fs::write(project.join(format!("src/{name}.sol")), source).unwrap();
    }
    project
}

fn source(reference: &str) -> Bytes {
    creation(&Reference::parse(reference).unwrap(), &[])
}

impl World {
    /// A chain on which the story puts a proxy; `owner` is anvil's first account when not given.
    pub(crate) async fn bare(owner: Option<Address>) -> Self {
        let anvil = chain(&[]).await;
        let accounts: Vec<Address> = anvil.node().call("eth_accounts", json!([])).await.unwrap();
        Self {
            anvil,
            folder: tempfile::tempdir().unwrap(),
            owner: owner.unwrap_or(accounts[0]),
            user: accounts[2],
            proxy: Address::ZERO,
            blue: Address::ZERO,
            accounts,
            window: (0, 0),
            hurry: 0,
        }
    }

    /// Version 1 and a dozen transactions; `owner` is anvil's first account when not given.
    pub(crate) async fn build(owner: Option<Address>) -> Self {
        let mut world = Self::bare(owner).await;
        let owner = world.owner;
        let asset = world.create(source("src/demo/Asset.sol:Asset")).await;
        let router = world.create(source("src/demo/Router.sol:Router")).await;
        world.blue = world.create(source(BLUE)).await;
        let initialize = Bytes::from(
            initializeCall {
                asset,
                owner,
                feeBps: 30,
            }
            .abi_encode(),
        );
        let package = ".tools/node_modules/@openzeppelin/contracts/build/contracts";
        let artifact = root()
            .join(package)
            .join("TransparentUpgradeableProxy.json");
        let arguments = (world.blue, owner, initialize).abi_encode_params();
        let proxy = creation(&Reference::Artifact(artifact), &arguments);
        world.proxy = world.create(proxy).await;
        world.traffic(asset, router).await;
        world
    }

    /// What the story is about: the user's calls of `proxy`.
    pub(crate) async fn use_it(&mut self, calls: impl IntoIterator<Item = Vec<u8>>) {
        self.window.0 = self.head().await + 1;
        for call in calls {
            self.send_data(self.user, self.proxy, &call).await;
        }
        self.window.1 = self.head().await;
    }

    async fn traffic(&mut self, asset: Address, router: Address) {
        let (proxy, amount) = (self.proxy, U256::from(1_000_000));
        let (first, second) = (self.accounts[2], self.accounts[3]);
        for user in [first, second] {
            self.send(user, asset, mintCall { to: user, amount }).await;
            for spender in [proxy, router] {
                self.send(user, asset, approveCall { spender, amount })
                    .await;
            }
        }
        self.window.0 = self.head().await + 1;
        let number = U256::from::<u64>;
        for round in 1..=3 {
            let assets = number(round * 10_000);
            self.send(first, proxy, depositCall { assets }).await;
            let through = depositForCall {
                vault: proxy,
                to: second,
                assets,
            };
            self.send(second, router, through).await;
            let (to, shares) = (second, number(round * 7));
            self.send(first, proxy, transferCall { to, shares }).await;
            self.send(first, proxy, withdrawCall { shares }).await;
        }
        // Fails: nobody holds that much.
        let shares = number(1 << 50);
        self.send(second, proxy, withdrawCall { shares }).await;
        self.window.1 = self.head().await;
    }

    pub(crate) fn node(&self) -> &Node {
        self.anvil.node()
    }

    pub(crate) async fn head(&self) -> u64 {
        let head: U64 = self
            .node()
            .call("eth_blockNumber", json!([]))
            .await
            .unwrap();
        head.to()
    }

    async fn receipt(&self, transaction: Value) -> Value {
        let hash: Value = self
            .node()
            .call("eth_sendTransaction", json!([transaction]))
            .await
            .unwrap();
        for _ in 0..500 {
            let receipt: Value = self
                .node()
                .call("eth_getTransactionReceipt", json!([hash]))
                .await
                .unwrap();
            if !receipt.is_null() {
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{hash} is not mined");
    }

    pub(crate) async fn create(&self, code: Bytes) -> Address {
        self.create_from(self.accounts[1], code).await
    }

    pub(crate) async fn create_from(&self, creator: Address, code: Bytes) -> Address {
        let receipt = self
            .receipt(json!({"from": creator, "data": code, "gas": "0x989680"}))
            .await;
        receipt["contractAddress"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub(crate) async fn send(&self, from: Address, to: Address, call: impl SolCall) {
        self.send_data(from, to, &call.abi_encode()).await;
    }

    pub(crate) async fn send_data(&self, from: Address, to: Address, data: &[u8]) {
        let data = hex::encode_prefixed(data);
        self.receipt(json!({"from": from, "to": to, "data": data, "gas": "0x7a120"}))
            .await;
    }

    /// What a call of the proxy answers.
    pub(crate) async fn ask<C: SolCall>(&self, call: C) -> C::Return {
        let data = hex::encode_prefixed(call.abi_encode());
        let request = json!([{"to": self.proxy, "data": data}, "latest"]);
        let answer: Bytes = self.node().call("eth_call", request).await.unwrap();
        C::abi_decode_returns(&answer).unwrap()
    }

    async fn slot(&self, slot: B256) -> Address {
        let word: B256 = self
            .node()
            .call("eth_getStorageAt", json!([self.proxy, slot, "latest"]))
            .await
            .unwrap();
        Address::from_word(word)
    }

    /// What the proxy runs.
    pub(crate) async fn implementation(&self) -> Address {
        self.slot(IMPLEMENTATION_SLOT).await
    }

    /// What the proxy's storage holds.
    pub(crate) async fn storage(&self, slot: u64) -> U256 {
        self.node()
            .call(
                "eth_getStorageAt",
                json!([self.proxy, U256::from(slot), "latest"]),
            )
            .await
            .unwrap()
    }

    /// Moves the proxy to another contract, past the command.
    pub(crate) async fn upgrade_behind_our_back(&self) -> Address {
        let implementation = self
            .create(source("src/demo/VaultV2Fee.sol:VaultV2Fee"))
            .await;
        let admin = self.slot(ADMIN_SLOT).await;
        let call = upgradeAndCallCall {
            proxy: self.proxy,
            implementation,
            data: Bytes::new(),
        };
        self.send(self.owner, admin, call).await;
        assert_eq!(self.implementation().await, implementation);
        implementation
    }

    /// How many transactions the owner has sent.
    pub(crate) async fn nonce(&self) -> u64 {
        let nonce: U64 = self
            .node()
            .call("eth_getTransactionCount", json!([self.owner, "latest"]))
            .await
            .unwrap();
        nonce.to()
    }

    pub(crate) async fn mine(&self) {
        if self.hurry > 0 {
            let seconds = json!([self.hurry]);
            let _: Value = self.node().call("evm_increaseTime", seconds).await.unwrap();
        }
        let _: Value = self.node().call("evm_mine", json!([])).await.unwrap();
    }

    /// A file of the run folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("cutover-run").join(name)
    }

    /// The command on this chain.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cutover(self.folder.path());
        command
            .args(arguments)
            .args(["--json", "-q"])
            .env("ETH_RPC_URL", self.anvil.url().as_str())
            .env("STORY_MNEMONIC", MNEMONIC);
        command
    }

    /// The command, while the chain goes on making blocks.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let mut running = tokio::task::spawn_blocking(move || run(&mut command));
        loop {
            tokio::select! {
                ran = &mut running => return ran.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(100)) => self.mine().await,
            }
        }
    }

    /// `inspect` and `record`.
    pub(crate) async fn record(&self) -> Value {
        let proxy = self.proxy.to_string();
        self.run(&["inspect", &proxy]).await.ended(0);
        self.record_only().await
    }

    /// `record`, of what was inspected.
    pub(crate) async fn record_only(&self) -> Value {
        let proxy = self.proxy.to_string();
        let (from, to) = (self.window.0.to_string(), self.window.1.to_string());
        let window = ["--from-block", &from, "--to-block", &to];
        let ran = self.run(&[&["record", &proxy], &window[..]].concat()).await;
        ran.ended(0).json()
    }

    /// `check` against what runs.
    pub(crate) async fn check(&self, green: &str, green_root: &str) -> Ran {
        let proxy = self.proxy.to_string();
        let blue_root = contracts().display().to_string();
        let sides = ["check", "--blue", BLUE, "--green", green];
        let roots = ["--blue-root", &blue_root, "--green-root", green_root];
        let context = ["--kind", "transparent", "--live", &proxy];
        self.run(&[&sides[..], &roots, &context].concat()).await
    }

    /// Every step up to the proposal, for version 2; gives green's address.
    pub(crate) async fn propose(&self) -> Address {
        let root = contracts().display().to_string();
        self.record().await;
        self.check(GREEN, &root).await.ended(0);
        let deployed = self
            .run(&[
                "deploy",
                "--green",
                GREEN,
                "--root",
                &root,
                "--mnemonic-env",
                "STORY_MNEMONIC",
                "--mnemonic-index",
                "1",
            ])
            .await
            .ended(0)
            .json();
        self.run(&["replay", "--engine", "revm", "--root", &root])
            .await
            .ended(0);
        self.run(&["propose"]).await.ended(0);
        deployed["address"].as_str().unwrap().parse().unwrap()
    }
}

//! A local chain with a UUPS vault behind a proxy and some traffic, for the steps of an upgrade.

use super::{Ran, Running, anvil, cutover, root, run};
use alloy_primitives::{Address, Bytes, U256, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use cutover_artifacts::{LoadOptions, Need, Reference};
use cutover_chain::{ChainError, Node, Policy};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

sol! {
    function initialize(address asset, address owner, uint16 feeBps) external;
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
    function upgradeToAndCall(address implementation, bytes data) external payable;
    function deposit(uint256 assets) external returns (uint256);
}

pub const MNEMONIC: &str = "test test test test test test test test test test test junk";
pub const BLUE: &str = "src/demo/VaultUups.sol:VaultUups";
pub const GREEN: &str = "src/demo/VaultUups.sol:VaultUupsV2";

/// The chain, and a folder to work in.
pub struct Stage {
    pub chain: Running,
    pub folder: tempfile::TempDir,
    pub proxy: Address,
    /// Who may upgrade.
    pub owner: Address,
    /// Who uses it.
    pub user: Address,
    /// The first and the last block with traffic.
    pub first: u64,
    pub last: u64,
}

/// Asks a node.
#[track_caller]
pub fn ask(url: &str, method: &str, params: Value) -> Value {
    try_ask(url, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// Asks a node, which may refuse.
pub fn try_ask(url: &str, method: &str, params: Value) -> Result<Value, ChainError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let node = Node::new(url.parse().unwrap(), Policy::default());
    runtime.block_on(node.call(method, params))
}

fn creation(reference: Reference, arguments: &[u8]) -> Bytes {
    let options = LoadOptions {
        root: root().join("contracts"),
        solc: None,
        need: Need::BYTECODE,
    };
    let code = cutover_artifacts::load(&reference, &options).unwrap();
    [code.creation.unwrap().as_ref(), arguments].concat().into()
}

impl Stage {
    /// Deploys version 1 and uses it.
    pub fn set() -> Self {
        let chain = anvil(&["--accounts", "3", "--slots-in-an-epoch", "1"]);
        let accounts = ask(&chain.url, "eth_accounts", json!([]));
        let account = |index: usize| accounts[index].as_str().unwrap().parse().unwrap();
        let (owner, user) = (account(0), account(1));
        let mut stage = Self {
            chain,
            folder: tempfile::tempdir().unwrap(),
            proxy: Address::ZERO,
            owner,
            user,
            first: 0,
            last: 0,
        };
        let source = |text: &str| Reference::parse(text).unwrap();
        let asset = stage.create(creation(source("src/demo/Asset.sol:Asset"), &[]));
        let logic = stage.create(creation(source(BLUE), &[]));
        let setup = initializeCall {
            asset,
            owner,
            feeBps: 30,
        };
        let arguments = (logic, Bytes::from(setup.abi_encode())).abi_encode_params();
        let package = ".tools/node_modules/@openzeppelin/contracts/build/contracts";
        let proxy = root().join(package).join("ERC1967Proxy.json");
        stage.proxy = stage.create(creation(Reference::Artifact(proxy), &arguments));
        stage.first = stage.head() + 1;
        let amount = U256::from(1_000_000);
        let (to, spender) = (user, stage.proxy);
        stage.send(asset, &mintCall { to, amount }.abi_encode());
        stage.send(asset, &approveCall { spender, amount }.abi_encode());
        for assets in [10_000, 20_000, 30_000] {
            let assets = U256::from(assets);
            stage.send(spender, &depositCall { assets }.abi_encode());
        }
        stage.last = stage.head();
        stage
    }

    fn head(&self) -> u64 {
        let head = ask(&self.chain.url, "eth_blockNumber", json!([]));
        u64::from_str_radix(&head.as_str().unwrap()[2..], 16).unwrap()
    }

    fn create(&self, code: Bytes) -> Address {
        let receipt = self.transact(json!({"from": self.owner, "data": code}));
        receipt["contractAddress"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    pub fn send(&self, to: Address, data: &[u8]) {
        self.transact(json!({"from": self.user, "to": to, "data": hex::encode_prefixed(data)}));
    }

    fn transact(&self, mut transaction: Value) -> Value {
        transaction["gas"] = json!("0x989680");
        let hash = ask(&self.chain.url, "eth_sendTransaction", json!([transaction]));
        for _ in 0..500 {
            let receipt = ask(&self.chain.url, "eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return receipt;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{hash} is not mined");
    }

    /// Moves the proxy to version 2, past the command.
    pub fn upgrade_behind_our_back(&mut self) {
        let code = creation(Reference::parse(GREEN).unwrap(), &[]);
        let call = upgradeToAndCallCall {
            implementation: self.create(code),
            data: Bytes::new(),
        };
        let data = hex::encode_prefixed(call.abi_encode());
        self.transact(json!({"from": self.owner, "to": self.proxy, "data": data}));
        self.last = self.head();
    }

    /// A deposit more.
    pub fn use_again(&mut self) {
        let assets = U256::from(5_000);
        self.send(self.proxy, &depositCall { assets }.abi_encode());
        self.last = self.head();
    }

    pub fn run_folder(&self) -> PathBuf {
        self.folder.path().join("cutover-run")
    }

    /// A folder for temporary files by which processes are known.
    pub fn scratch(&self) -> PathBuf {
        let path = self.folder.path().join("scratch");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// The command on this chain, ready to sign.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cutover(self.folder.path());
        command
            .args(arguments)
            .env("ETH_RPC_URL", &self.chain.url)
            .env("STAGE_MNEMONIC", MNEMONIC)
            .env("CUTOVER_ANVIL", program());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// `record` of everything so far.
    pub fn record(&self) {
        let proxy = self.proxy.to_string();
        let (first, last) = (self.first.to_string(), self.last.to_string());
        self.run(&[
            "record",
            &proxy,
            "--from-block",
            &first,
            "--to-block",
            &last,
        ])
        .ok();
    }

    /// Every step up to the proposal.
    pub fn propose(&self) {
        let contracts = contracts();
        self.run(&["inspect", &self.proxy.to_string()]).ok();
        self.record();
        self.run(&[
            "check", "--blue", BLUE, "--green", GREEN, "--kind", "uups", "--root", &contracts,
        ])
        .ok();
        self.run(&[
            "deploy",
            "--green",
            GREEN,
            "--root",
            &contracts,
            "--mnemonic-env",
            "STAGE_MNEMONIC",
        ])
        .ok();
        self.run(&["replay", "--engine", "revm"]).ok();
        self.run(&["propose"]).ok();
    }
}

pub fn contracts() -> String {
    root().join("contracts").display().to_string()
}

fn program() -> PathBuf {
    cutover_chain::find_program("CUTOVER_ANVIL", "anvil").unwrap()
}

/// Where a recording of this run folder is.
pub fn recording(run: &Path) -> PathBuf {
    run.join("recording")
}

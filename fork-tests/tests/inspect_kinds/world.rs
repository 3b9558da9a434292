//! A chain of one's own with real proxies on it.

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolValue;
use cutover_chain::{Node, Policy};
use cutover_inspect::inspect;
use cutover_types::{Inspection, UpgradePath, inspection::CodeAt, progress::Silent};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock},
    time::Duration,
};

/// An anvil that ends with the test, or the one that `scripts/bench` measures on, which keeps what was
/// deployed.
pub struct World {
    anvil: Option<Child>,
    pub port: u16,
    pub node: Node,
    pub accounts: Vec<Address>,
    setups: Setups,
}

impl Drop for World {
    fn drop(&mut self) {
        let Some(anvil) = &mut self.anvil else {
            return self.setups.write();
        };
        let _ = anvil.kill();
        let _ = anvil.wait();
    }
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// An anvil with more arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let (anvil, port) = match std::env::var("CUTOVER_SETUPS_PORT") {
            Ok(port) => (None, port.parse().unwrap()),
            Err(_) => {
                let mut anvil = Command::new(anvil());
                let anvil = anvil.args(["--port", "0"]).args(arguments);
                let (anvil, port) = listen(anvil, "Listening on 127.0.0.1:");
                (Some(anvil), port)
            }
        };
        let node = node(port);
        let accounts = node.call("eth_accounts", json!([])).await.unwrap();
        Self {
            anvil,
            port,
            node,
            accounts,
            setups: Setups::default(),
        }
    }

    /// Notes what a test saw at an address; only `scripts/bench` reads it.
    pub fn saw(&self, found: &Inspection) {
        let runs = found.proxy.as_ref().map(|proxy| {
            let kind = serde_json::to_value(proxy.kind).unwrap();
            let one = [proxy.implementation.address].into_iter();
            let all: Vec<_> = one.chain(proxy.facets.iter().map(|f| f.address)).collect();
            json!({"kind": kind, "implementations": all})
        });
        // What is seen of a lie is not what was deployed.
        let lies = self.setups.lies.lock().unwrap();
        if lies.iter().all(|(of, ..)| *of != found.address) {
            let mut seen = self.setups.seen.lock().unwrap();
            seen.insert(found.address, runs.unwrap_or_default());
        }
    }

    pub async fn send(&self, transaction: Value) -> Value {
        let hash: B256 = self
            .node
            .call("eth_sendTransaction", json!([transaction]))
            .await
            .unwrap();
        let mut receipt = Value::Null;
        while receipt.is_null() {
            // Mined a moment after the hash is given.
            tokio::time::sleep(Duration::from_millis(2)).await;
            receipt = self
                .node
                .call("eth_getTransactionReceipt", json!([hash]))
                .await
                .unwrap();
        }
        assert_eq!(receipt["status"], "0x1", "{transaction}");
        receipt
    }

    pub async fn deploy(&self, creation: &Bytes, arguments: &[u8]) -> Address {
        let data = Bytes::from([creation, arguments].concat());
        let receipt = self
            .send(json!({"from": self.accounts[0], "data": data, "gas": "0x989680"}))
            .await;
        receipt["contractAddress"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Sends as anyone, contracts too.
    pub async fn act(&self, from: Address, to: Address, data: &Bytes) {
        let rich = U256::from(10).pow(U256::from(20));
        let _: Value = self
            .node
            .call("anvil_setBalance", json!([from, rich]))
            .await
            .unwrap();
        let _: Value = self
            .node
            .call("anvil_impersonateAccount", json!([from]))
            .await
            .unwrap();
        self.send(json!({"from": from, "to": to, "data": data, "gas": "0x989680"}))
            .await;
    }

    /// A transparent proxy of OpenZeppelin that runs `blue` and obeys `admin`, or whom the admin it makes
    /// obeys from 5.0 on.
    pub async fn transparent(&self, package: &str, blue: Address, admin: Address) -> Address {
        let code = artifact(package, "TransparentUpgradeableProxy");
        self.deploy(&code, &params((blue, admin, Bytes::new())))
            .await
    }

    /// Upgrades along `path`, waits included, as `inspect` says it is done.
    pub async fn upgrade(&self, path: &UpgradePath, implementation: Address) {
        self.upgrade_and_call(path, implementation, &Bytes::new())
            .await;
    }

    /// [`Self::upgrade`] with initializer data.
    pub async fn upgrade_and_call(
        &self,
        path: &UpgradePath,
        implementation: Address,
        data: &Bytes,
    ) {
        let at = CodeAt {
            address: implementation,
            code_hash: keccak256(self.code(implementation).await),
        };
        for step in path.calls(&at, data).unwrap() {
            if step.wait_seconds > 0 {
                self.wait(step.wait_seconds).await;
            }
            assert_eq!(step.call.operation, 0, "{step:?}");
            self.act(step.from, step.call.to, &step.call.data).await;
        }
    }

    /// A name for the state as it is.
    pub async fn snapshot(&self) -> U256 {
        self.node.call("evm_snapshot", json!([])).await.unwrap()
    }

    /// Back to that state.
    pub async fn revert(&self, snapshot: U256) {
        let done: bool = self
            .node
            .call("evm_revert", json!([snapshot]))
            .await
            .unwrap();
        assert!(done);
    }

    /// Lets time pass.
    pub async fn wait(&self, seconds: u64) {
        let _: Value = self
            .node
            .call("evm_increaseTime", json!([seconds]))
            .await
            .unwrap();
        let _: Value = self.node.call("anvil_mine", json!([])).await.unwrap();
    }

    pub async fn code(&self, account: Address) -> Bytes {
        let code = self.node.call("eth_getCode", json!([account, "latest"]));
        code.await.unwrap()
    }

    pub async fn slot(&self, account: Address, slot: B256) -> B256 {
        let latest = json!([account, slot, "latest"]);
        self.node.call("eth_getStorageAt", latest).await.unwrap()
    }

    pub async fn set_slot(&self, account: Address, slot: B256, value: B256) {
        if self.setups.seen.lock().unwrap().contains_key(&account) {
            let before = self.slot(account, slot).await;
            self.setups
                .lies
                .lock()
                .unwrap()
                .push((account, slot, before));
        }
        let _: Value = self
            .node
            .call("anvil_setStorageAt", json!([account, slot, value]))
            .await
            .unwrap();
        let _: Value = self.node.call("anvil_mine", json!([])).await.unwrap();
    }
}

/// Constructor arguments.
pub fn params<T: SolValue>(arguments: T) -> Vec<u8>
where
    for<'a> <T::SolType as alloy_sol_types::SolType>::Token<'a>: alloy_sol_types::abi::TokenSeq<'a>,
{
    arguments.abi_encode_params()
}

/// What `inspect` says now.
pub async fn look(world: &World, proxy: Address) -> Inspection {
    let found = inspect(&world.node, proxy, None, &Silent).await.unwrap();
    world.saw(&found);
    found
}

/// What a test put on its chain.
#[derive(Default)]
struct Setups {
    /// The last that was seen of each address before its slots were overwritten.
    seen: Mutex<BTreeMap<Address, Value>>,
    /// What stood in slots that were overwritten after somebody had looked.
    lies: Mutex<Vec<(Address, B256, B256)>>,
}

impl Setups {
    /// Appends to the file of set-ups, if there is one.
    fn write(&self) {
        let Some(path) = std::env::var_os("CUTOVER_SETUPS_FILE") else {
            return;
        };
        let test = std::thread::current().name().map(str::to_owned);
        let lies = self.lies.lock().unwrap();
        let lies = lies.iter().rev();
        let lies = lies.map(|lie| json!({"overwritten": lie}).to_string());
        let seen = self.seen.lock().unwrap();
        let seen = seen.iter().map(|(address, runs)| {
            json!({"address": address, "runs": runs, "test": test}).to_string()
        });
        let lines: Vec<_> = lies.chain(seen).collect();
        let mut file = std::fs::File::options();
        let mut file = file.create(true).append(true).open(path).unwrap();
        writeln!(file, "{}", lines.join("\n")).unwrap();
    }
}

/// A node on this machine that is asked once or twice, not for minutes.
pub fn node(port: u16) -> Node {
    let policy = Policy {
        attempts: 2,
        ..Policy::default()
    };
    Node::new(format!("http://127.0.0.1:{port}").parse().unwrap(), policy)
}

/// Starts a program and waits until it says on which port it listens.
pub fn listen(command: &mut Command, says: &str) -> (Child, u16) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.split_once(says)?.1.trim().parse().ok())
        .unwrap();
    // Read on, or the program stops when the pipe is full.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (child, port)
}

pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools")
}

fn anvil() -> PathBuf {
    match std::env::var_os("CUTOVER_ANVIL") {
        Some(path) => path.into(),
        None => {
            let ours = tools().join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
            if ours.exists() { ours } else { "anvil".into() }
        }
    }
}

/// Creation code from an npm package: `oz-3.4`, `oz-4.9`, `@openzeppelin/contracts` or `zos-lib`.
pub fn artifact(package: &str, name: &str) -> Bytes {
    let root = match package {
        "zos-lib" => tools().join(package),
        _ => tools().join("node_modules").join(package),
    };
    let path = root.join(format!("build/contracts/{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup", path.display()));
    let json: Value = serde_json::from_str(&text).unwrap();
    hex::decode(json["bytecode"].as_str().unwrap())
        .unwrap()
        .into()
}

/// Creation code from a compiled artifact (truffle, Hardhat or Foundry) of a package that
/// `scripts/tools/kinds/packages.json` names.
pub fn published(package: &str, file: &str) -> Bytes {
    let path = tools().join("kinds").join(package).join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup", path.display()));
    let json: Value = serde_json::from_str(&text).unwrap();
    let code = json["bytecode"]["object"]
        .as_str()
        .or_else(|| json["bytecode"].as_str())
        .or_else(|| json["compilerOutput"]["evm"]["bytecode"]["object"].as_str())
        .unwrap();
    hex::decode(code).unwrap().into()
}

/// Creation code of `contract` in published source, compiled with the solc of `solc-<version>`, or
/// 0.8.28. `folder` is where its imports are looked up.
pub fn from_source(package: &str, file: &str, contract: &str, version: &str) -> Bytes {
    let remapped = ["openzeppelin-solidity/=../openzeppelin-solidity/"];
    let source = tools().join("kinds").join(package).join(file);
    let content = std::fs::read_to_string(source).unwrap();
    from_text((package, file), &content, contract, version, &remapped)
}

/// The same of `content`, as if it stood in a file of the package.
pub fn from_text(
    (package, file): (&str, &str),
    content: &str,
    contract: &str,
    version: &str,
    remapped: &[&str],
) -> Bytes {
    let folder = tools().join("kinds").join(package);
    let input = json!({
        "language": "Solidity",
        "sources": {file: {"content": content}},
        "settings": {
            "optimizer": {"enabled": true, "runs": 200},
            "remappings": remapped,
            "outputSelection": {file: {contract: ["evm.bytecode.object"]}},
        },
    });
    let mut solc = Command::new("node");
    solc.arg("--stack-size=4000")
        .arg(tools().join("../scripts/tools/solc.js"))
        .arg(tools().join("node_modules/solc"));
    if version != "0.8.28" {
        solc.arg("--soljson")
            .arg(tools().join(format!("kinds/solc-{version}/soljson.js")));
    }
    let output = standard_json(solc.arg("--standard-json").current_dir(&folder), &input);
    let code = output["contracts"][file][contract]["evm"]["bytecode"]["object"].as_str();
    let code = code.unwrap_or_else(|| panic!("{}", output["errors"]));
    hex::decode(code).unwrap().into()
}

/// What several files of contracts import.
pub const OWNER: (&str, &str) = ("Owner.sol", include_str!("Owner.sol"));

/// The contracts of the tests themselves.
const SOURCES: &[(&str, &str)] = &[
    ("Fleet.sol", include_str!("Fleet.sol")),
    ("Kinds.sol", include_str!("Kinds.sol")),
    ("Owned.sol", include_str!("Owned.sol")),
    OWNER,
    ("Routed.sol", include_str!("Routed.sol")),
];

/// Creation code of a contract in one of [`SOURCES`].
pub fn compiled(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    OUTPUT.get_or_init(|| compile(SOURCES))[name].clone()
}

/// Creation code of every contract in these sources, compiled with solc 0.8.28.
pub fn compile(files: &[(&str, &str)]) -> BTreeMap<String, Bytes> {
    compile_in("node_modules", files)
}

/// [`compile`] with imports looked up in another of the tools' folders.
pub fn compile_in(folder: &str, files: &[(&str, &str)]) -> BTreeMap<String, Bytes> {
    let sources: BTreeMap<_, _> = files
        .iter()
        .map(|(name, content)| (*name, json!({"content": content})))
        .collect();
    let input = json!({
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "optimizer": {"enabled": true, "runs": 200},
            "outputSelection": {"*": {"*": ["evm.bytecode.object"]}},
        },
    });
    let mut solc = Command::new(tools().join("solc/solc-0.8.28"));
    solc.arg("--standard-json")
        .current_dir(tools().join(folder));
    let output = standard_json(&mut solc, &input);
    let ours = |(file, _): &(&str, _)| {
        let contracts = output["contracts"][*file].as_object();
        contracts.unwrap_or_else(|| panic!("{}", output["errors"]))
    };
    files
        .iter()
        .flat_map(ours)
        .map(|(name, contract)| {
            let code = contract["evm"]["bytecode"]["object"].as_str().unwrap();
            (name.clone(), hex::decode(code).unwrap().into())
        })
        .collect()
}

fn standard_json(solc: &mut Command, input: &Value) -> Value {
    let mut solc = solc
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run scripts/setup");
    let mut stdin = solc.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = solc.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

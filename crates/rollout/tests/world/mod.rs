//! A chain of its own with a proxy on it, and everything a run needs.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "each test file uses its part"
)]

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use cutover_chain::{Node, Policy};
use cutover_rollout::{
    Checkpoints, Current, Executed, Finality, Journal, Options, Rollout, RolloutError,
    Uninterrupted,
};
use cutover_types::{
    Argument, Call, CheckReport, Inspection, LayoutVerdict, Proposal, ProxyKind, ReplayReport,
    SafetyVerdict, Status, StepCall, UpgradePath, UpgradeStep, Verb, Verdict, Window,
    abi::IMPLEMENTATION_SLOT,
    check::{CheckedCode, Layouts},
    code::Fingerprint,
    inspection::{BlockId, CodeAt, Controller, Location, Presses, ProxyFacts, UpgradeFacts},
    progress::Silent,
    proposal::{Authority, Evidence, Precondition},
    replay::{EngineName, Mode, RollbackRun, Summary, UpgradeRun},
    rollout::{Event, Receipt},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

pub const PROXY: Address = Address::repeat_byte(0xa1);
pub const BLUE: Address = Address::repeat_byte(0xb1);
pub const GREEN: Address = Address::repeat_byte(0xb2);
pub const CHAIN: u64 = 31_337;

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

    pub async fn set_implementation(&self, implementation: Address) {
        let params = json!([PROXY, IMPLEMENTATION_SLOT, implementation.into_word()]);
        self.rpc("anvil_setStorageAt", params).await;
    }
}

pub fn node(url: &str) -> Node {
    Node::new(url.parse().unwrap(), Policy::default())
}

pub fn owner() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap()
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

fn upgrade_to(implementation: Address) -> Call {
    let mut data = vec![0x36, 0x59, 0xcf, 0xe6];
    data.extend(implementation.into_word());
    Call::new(PROXY, data)
}

fn controller(address: Address, kind: &str) -> Controller {
    Controller {
        address,
        kind: kind.into(),
        role: None,
        presses: Presses::Alone,
        threshold: None,
        delay_seconds: None,
        wait_seconds: None,
        facts: Default::default(),
        notes: vec![],
        unknown: vec![],
        repeated: false,
        members: vec![],
        proven: true,
        why: None,
    }
}

/// What `inspect` says of [`Anvil::build`].
fn inspection(blue: CodeAt) -> Inspection {
    let from = owner().address();
    let path = UpgradePath {
        proxy: PROXY,
        verb: Verb::UpgradeTo,
        verb_with_data: Some(Verb::UpgradeToAndCall),
        from,
        to: PROXY,
        holder: PROXY,
        slot: IMPLEMENTATION_SLOT,
        offset: 0,
        steps: vec![],
        steps_with_data: vec![],
        steps_back: vec![],
        steps_again: vec![],
    };
    Inspection {
        address: PROXY,
        chain_id: CHAIN,
        block: BlockId {
            number: 1,
            hash: B256::ZERO,
        },
        proxy: Some(ProxyFacts {
            kind: ProxyKind::Transparent,
            implementation: blue.clone(),
            location: Location::Slot(IMPLEMENTATION_SLOT),
            admin: None,
            beacon: None,
            facets: vec![],
            conflicts: vec![],
        }),
        upgrade: Some(UpgradeFacts {
            verb: path.name(),
            from,
            to: PROXY,
            data: upgrade_to(blue.address).data,
            proven: true,
            why: None,
            then: vec![],
            path,
        }),
        controllers: vec![controller(from, "eoa")],
        power: None,
        rollback: None,
        history: vec![],
        candidate: None,
        notes: vec![],
    }
}

/// What a run is asked to do, and the reports behind it.
#[derive(Clone)]
pub struct Asked {
    pub proposal: Proposal,
    pub check: CheckReport,
    pub replay: ReplayReport,
    pub inspection: Inspection,
    pub proxy_code: Option<B256>,
    pub digests: Evidence,
    pub options: Options,
}

impl Asked {
    /// For [`Anvil::build_two_step`], with `wait` seconds between the two calls.
    pub fn two_steps(wait: u64) -> Self {
        let mut asked = Self::new();
        let announce = |implementation: Address| {
            let mut data = vec![1, 2, 3, 4];
            data.extend(implementation.into_word());
            Call::new(PROXY, data)
        };
        let then = |call: &Call| {
            vec![StepCall {
                from: owner().address(),
                call: call.clone(),
                wait_seconds: wait,
            }]
        };
        let proposal = &mut asked.proposal;
        proposal.forward_then = then(&proposal.forward);
        proposal.back_then = then(&proposal.back);
        proposal.forward_again_then = then(&proposal.forward_again);
        proposal.forward = announce(GREEN);
        proposal.back = announce(BLUE);
        proposal.forward_again = announce(GREEN);
        let replay = &mut asked.replay;
        replay.upgrade.data = proposal.forward.data.clone();
        replay.upgrade.then = proposal.forward_then.clone();
        replay.rollback.back = proposal.back.data.clone();
        replay.rollback.back_then = proposal.back_then.clone();
        replay.rollback.forward_again = proposal.forward_again.data.clone();
        replay.rollback.forward_again_then = proposal.forward_again_then.clone();
        let step = |function, wait_seconds| UpgradeStep {
            wait_seconds,
            ..UpgradeStep::new(
                owner().address(),
                PROXY,
                function,
                vec![Argument::Implementation],
            )
        };
        let steps = vec![
            step("0x01020304(address)", 0),
            step("upgradeTo(address)", wait),
        ];
        let path = UpgradePath::of(PROXY, IMPLEMENTATION_SLOT, steps);
        asked.inspection.upgrade.as_mut().unwrap().path = path;
        asked
    }

    /// The same about another chain.
    pub fn on_chain(mut self, chain_id: u64) -> Self {
        self.proposal.chain_id = chain_id;
        self.replay.chain_id = chain_id;
        self.inspection.chain_id = chain_id;
        self.proposal.preconditions[0] = Precondition::ChainId { expected: chain_id };
        self
    }

    /// The same of a proxy that obeys someone else.
    pub fn obeying(mut self, authority: Address, kind: &str) -> Self {
        self.proposal.authority.address = authority;
        self.proposal.authority.kind = kind.into();
        self.replay.upgrade.from = authority;
        let upgrade = self.inspection.upgrade.as_mut().unwrap();
        upgrade.path = upgrade.path.clone().sent_by(authority);
        self.inspection.controllers = vec![controller(authority, kind)];
        self
    }

    pub fn new() -> Self {
        let blue = CodeAt {
            address: BLUE,
            code_hash: keccak256([0x00, 0xb1]),
        };
        let green = CodeAt {
            address: GREEN,
            code_hash: keccak256([0x00, 0xb2]),
        };
        let digests = Evidence {
            check: B256::repeat_byte(1),
            replay: B256::repeat_byte(2),
            recording: B256::repeat_byte(3),
        };
        let (forward, back) = (upgrade_to(GREEN), upgrade_to(BLUE));
        let proposal = Proposal {
            proxy: PROXY,
            chain_id: CHAIN,
            blue: blue.clone(),
            green: green.clone(),
            holder: PROXY,
            slot: IMPLEMENTATION_SLOT,
            offset: 0,
            authority: Authority {
                kind: "account".into(),
                address: owner().address(),
            },
            forward: forward.clone(),
            back: back.clone(),
            forward_again: forward.clone(),
            forward_then: Vec::new(),
            back_then: Vec::new(),
            forward_again_then: Vec::new(),
            cut: None,
            steps: vec![],
            hashes: vec![],
            executed: None,
            preconditions: vec![
                Precondition::ChainId { expected: CHAIN },
                Precondition::Implementation {
                    holder: PROXY,
                    slot: IMPLEMENTATION_SLOT,
                    offset: 0,
                    expected: BLUE,
                },
                Precondition::CodeHash {
                    address: BLUE,
                    expected: blue.code_hash,
                },
                Precondition::CodeHash {
                    address: GREEN,
                    expected: green.code_hash,
                },
            ],
            evidence: digests.clone(),
            expires: 1_000_000,
        };
        let checked = |code: &CodeAt| CheckedCode {
            reference: "code".into(),
            contract: String::new(),
            build: Fingerprint {
                code_hash: code.code_hash,
                ..Fingerprint::default()
            },
        };
        let check = CheckReport {
            verdict: Verdict::Pass,
            layout_verdict: LayoutVerdict::Compatible,
            safety_verdict: SafetyVerdict::Safe,
            blue: checked(&blue),
            green: checked(&green),
            findings: vec![],
            rollback: None,
            mixed: None,
            live: None,
            layouts: Layouts::default(),
            not_checked: vec![],
        };
        let replay = ReplayReport {
            engine: EngineName::Revm,
            mode: Mode::Isolated,
            chain_id: CHAIN,
            proxy: PROXY,
            window: Window { from: 0, to: 0 },
            blue: blue.clone(),
            green,
            upgrade: UpgradeRun {
                from: owner().address(),
                to: PROXY,
                data: forward.data.clone(),
                then: Vec::new(),
                initializer: Bytes::new(),
                status: Status::Success,
                gas: 0,
                outflows: vec![],
                why: None,
            },
            cut: None,
            summary: Summary::default(),
            selectors: vec![],
            transactions: vec![],
            rollback: RollbackRun {
                rehearsed: true,
                status: Some(Status::Success),
                back: back.data.clone(),
                forward_again: forward.data.clone(),
                back_then: Vec::new(),
                forward_again_then: Vec::new(),
                forward_again_status: Some(Status::Success),
                lossy: vec![],
                why: None,
            },
            partition: None,
            assumptions: vec![],
        };
        Self {
            proposal,
            check,
            replay,
            inspection: inspection(blue),
            proxy_code: None,
            digests,
            options: Options {
                finality: Finality::Finalized,
                poll: Duration::from_millis(20),
                patience: Some(Duration::from_secs(60)),
                max_fee: None,
                through: None,
            },
        }
    }

    pub fn executed(&self) -> Executed<'_> {
        Executed {
            replay: &self.replay,
            inspection: &self.inspection,
        }
    }

    pub async fn upgrade(&self, node: &Node, path: &Path) -> Result<Receipt, RolloutError> {
        self.upgrade_until(node, path, &Uninterrupted).await
    }

    pub async fn upgrade_until(
        &self,
        node: &Node,
        path: &Path,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Receipt, RolloutError> {
        let mut journal = Journal::open(path)?;
        let current = Current {
            digests: &self.digests,
            check: &self.check,
            executed: self.executed(),
            proxy_code: self.proxy_code,
            allow_inconclusive: 0,
        };
        let signer = owner();
        let run = Rollout {
            node,
            signer: &signer,
            journal: &mut journal,
            progress: &Silent,
            checkpoints,
            options: &self.options,
        };
        cutover_rollout::upgrade(run, &self.proposal, B256::repeat_byte(9), &current).await
    }

    pub async fn rollback_until(
        &self,
        node: &Node,
        path: &Path,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Receipt, RolloutError> {
        let mut journal = Journal::open(path)?;
        let signer = owner();
        let run = Rollout {
            node,
            signer: &signer,
            journal: &mut journal,
            progress: &Silent,
            checkpoints,
            options: &self.options,
        };
        cutover_rollout::rollback(run).await
    }

    pub async fn rollback(&self, node: &Node, path: &Path) -> Result<Receipt, RolloutError> {
        self.rollback_until(node, path, &Uninterrupted).await
    }
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

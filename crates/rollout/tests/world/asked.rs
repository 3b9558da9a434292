//! Reports and a proposal of an upgrade in which everything is in order.

use super::{BLUE, CHAIN, GREEN, PROXY, owner};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use cutover_chain::Node;
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
    rollout::{Direction, Receipt},
};
use std::{path::Path, time::Duration};

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
        from,
        ..UpgradePath::one_call(
            PROXY,
            IMPLEMENTATION_SLOT,
            Verb::UpgradeTo,
            Some(Verb::UpgradeToAndCall),
        )
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
        header_proof: None,
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
    /// Whether `replay.json` is still there at the rollback.
    pub kept: bool,
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
                replace: false,
            },
            kept: true,
        }
    }

    pub fn executed(&self) -> Executed<'_> {
        Executed {
            replay: &self.replay,
            inspection: &self.inspection,
        }
    }

    pub async fn upgrade(&self, node: &Node, path: &Path) -> Result<Receipt, RolloutError> {
        self.run(Direction::Forward, node, path, &Uninterrupted)
            .await
    }

    pub async fn rollback(&self, node: &Node, path: &Path) -> Result<Receipt, RolloutError> {
        self.run(Direction::Back, node, path, &Uninterrupted).await
    }

    pub async fn run(
        &self,
        way: Direction,
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
        if way == Direction::Back {
            return cutover_rollout::rollback(run, self.kept.then_some(&self.replay)).await;
        }
        let current = Current {
            digests: &self.digests,
            check: &self.check,
            executed: self.executed(),
            proxy_code: self.proxy_code,
            allow_inconclusive: 0,
        };
        cutover_rollout::upgrade(run, &self.proposal, B256::repeat_byte(9), &current).await
    }
}

//! Reports of an upgrade in which everything is in order.

use crate::{Options, Reports, propose};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use cutover_types::{
    CheckReport, Inspection, LayoutVerdict, ReplayReport, SafetyVerdict, Status,
    TransactionVerdict, UpgradePath, Verb, Verdict, Window,
    abi::IMPLEMENTATION_SLOT,
    check::{CheckedCode, Layouts},
    code::Fingerprint,
    inspection::{
        BlockId, CodeAt, Controller, Location, Possible, ProxyFacts, ProxyKind, RollbackFacts,
        UpgradeFacts,
    },
    recording::Reach,
    replay::{EngineName, Mode, RollbackRun, Side, Summary, TransactionReport, UpgradeRun},
};

pub(super) const PROXY: Address = Address::repeat_byte(0xa1);
pub(super) const ADMIN: Address = Address::repeat_byte(0xa2);
pub(super) const OWNER: Address = Address::repeat_byte(0xa3);
pub(super) const BLUE: Address = Address::repeat_byte(0xb1);
pub(super) const GREEN: Address = Address::repeat_byte(0xb2);

/// As many transactions of each verdict as the summary counts.
pub(super) fn listed(summary: &Summary) -> Vec<TransactionReport> {
    let one = |verdict| TransactionReport {
        hash: B256::ZERO,
        block: 1,
        index: 0,
        reach: Reach::Direct,
        selector: None,
        verdict,
        why: None,
        control_held: true,
        blue: None,
        green: Some(Side {
            status: Status::Success,
            gas: 0,
            output: Bytes::new(),
            reason: None,
            ran: true,
        }),
        differences: vec![],
    };
    [
        (TransactionVerdict::Identical, summary.identical),
        (TransactionVerdict::GasOnly, summary.gas_only),
        (TransactionVerdict::Changed, summary.changed),
        (TransactionVerdict::Regressed, summary.regressed),
        (TransactionVerdict::Inconclusive, summary.inconclusive),
    ]
    .into_iter()
    .flat_map(|(verdict, count)| std::iter::repeat_n(one(verdict), count as usize))
    .collect()
}

pub(super) struct World {
    pub(super) inspection: Inspection,
    pub(super) check: CheckReport,
    pub(super) replay: ReplayReport,
    pub(super) options: Options<'static>,
}

impl World {
    /// Everything in order.
    pub(super) fn new() -> Self {
        let path = UpgradePath {
            from: OWNER,
            to: ADMIN,
            ..UpgradePath::one_call(
                PROXY,
                IMPLEMENTATION_SLOT,
                Verb::AdminUpgrade,
                Some(Verb::AdminUpgradeAndCall),
            )
        };
        let code = |address| CodeAt {
            address,
            code_hash: keccak256(address),
        };
        let data = |to| path.call(to, &Bytes::new()).unwrap().data;
        let controller = |address, kind: &str, members| Controller {
            address,
            kind: kind.into(),
            members,
            proven: true,
            ..Controller::default()
        };
        let inspection = Inspection {
            address: PROXY,
            chain_id: 1,
            block: BlockId {
                number: 100,
                hash: B256::ZERO,
            },
            proxy: Some(ProxyFacts {
                kind: ProxyKind::Transparent,
                implementation: code(BLUE),
                location: Location::Slot(IMPLEMENTATION_SLOT),
                admin: Some(ADMIN),
                beacon: None,
                facets: Vec::new(),
                conflicts: vec![],
            }),
            upgrade: Some(UpgradeFacts {
                verb: path.verb.name().into(),
                from: OWNER,
                to: ADMIN,
                data: data(BLUE),
                proven: true,
                why: None,
                then: Vec::new(),
                path: path.clone(),
            }),
            controllers: vec![controller(
                ADMIN,
                "proxy-admin",
                vec![controller(OWNER, "eoa", vec![])],
            )],
            power: None,
            rollback: Some(RollbackFacts {
                possible: Possible::Yes,
                data: data(BLUE),
                why: None,
            }),
            history: vec![],
            header_proof: None,
            candidate: None,
            notes: vec![],
        };
        let checked = |address| CheckedCode {
            reference: "V.sol:V".into(),
            contract: "V.sol:V".into(),
            build: Fingerprint {
                code_hash: keccak256(address),
                ..Fingerprint::default()
            },
        };
        let check = CheckReport {
            verdict: Verdict::Pass,
            layout_verdict: LayoutVerdict::Compatible,
            safety_verdict: SafetyVerdict::Safe,
            blue: checked(BLUE),
            green: checked(GREEN),
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
            chain_id: 1,
            proxy: PROXY,
            window: Window { from: 1, to: 99 },
            blue: code(BLUE),
            green: code(GREEN),
            upgrade: UpgradeRun {
                from: OWNER,
                to: ADMIN,
                data: data(GREEN),
                then: Vec::new(),
                initializer: alloy_primitives::Bytes::new(),
                status: Status::Success,
                gas: 40_000,
                outflows: vec![],
                why: None,
            },
            cut: None,
            summary: Summary {
                transactions: 3,
                control_held: 3,
                ran_green: 3,
                identical: 2,
                gas_only: 1,
                ..Summary::default()
            },
            selectors: vec![],
            transactions: vec![],
            rollback: RollbackRun {
                rehearsed: true,
                status: Some(Status::Success),
                back: data(BLUE),
                forward_again: data(GREEN),
                back_then: Vec::new(),
                forward_again_then: Vec::new(),
                forward_again_status: Some(Status::Success),
                lossy: vec![],
                why: None,
            },
            partition: None,
            assumptions: vec![],
        };
        let options = Options {
            block: 120,
            expires_in_blocks: 50,
            ..Options::default()
        };
        Self {
            inspection,
            check,
            replay,
            options,
        }
    }

    pub(super) fn propose(&self) -> Result<cutover_types::Proposal, crate::ProposeError> {
        let mut replay = self.replay.clone();
        if replay.transactions.is_empty() {
            replay.transactions = listed(&replay.summary);
        }
        let reports = Reports {
            inspection: &self.inspection,
            check: &self.check,
            check_digest: B256::repeat_byte(1),
            replay: &replay,
            replay_digest: B256::repeat_byte(2),
            recording_digest: B256::repeat_byte(3),
        };
        propose(&reports, &self.options)
    }

    pub(super) fn obey(&mut self, kind: &str) {
        self.inspection.controllers[0].members[0].kind = kind.into();
    }
}

//! What is proposed, and everything that is refused, as a table.

use crate::{Options, Refusal, Reports, Runtimes, SafeFacts, propose};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{
    Argument, Call, CheckReport, Inspection, LayoutVerdict, Outflow, ReplayReport, SafetyVerdict,
    Status, TransactionVerdict, UpgradePath, UpgradeStep, Verb, Verdict, Window,
    abi::IMPLEMENTATION_SLOT,
    check::{CheckedCode, Layouts},
    code::Fingerprint,
    inspection::{
        BlockId, CodeAt, Controller, Location, Possible, ProxyFacts, ProxyKind, RollbackFacts,
        UpgradeFacts,
    },
    recording::Reach,
    replay::{EngineName, Mode, RollbackRun, Side, Summary, TransactionReport, UpgradeRun},
    upgrade::{batch, safe::Family},
};

const PROXY: Address = Address::repeat_byte(0xa1);
const ADMIN: Address = Address::repeat_byte(0xa2);
const OWNER: Address = Address::repeat_byte(0xa3);
const BLUE: Address = Address::repeat_byte(0xb1);
const GREEN: Address = Address::repeat_byte(0xb2);

/// As many transactions of each verdict as the summary counts.
fn listed(summary: &Summary) -> Vec<TransactionReport> {
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

struct World {
    inspection: Inspection,
    check: CheckReport,
    replay: ReplayReport,
    options: Options<'static>,
}

impl World {
    /// Everything in order.
    fn new() -> Self {
        let path = UpgradePath {
            proxy: PROXY,
            verb: Verb::AdminUpgrade,
            verb_with_data: Some(Verb::AdminUpgradeAndCall),
            from: OWNER,
            to: ADMIN,
            holder: PROXY,
            slot: IMPLEMENTATION_SLOT,
            steps: Vec::new(),
            steps_with_data: Vec::new(),
            steps_back: Vec::new(),
            steps_again: Vec::new(),
            offset: 0,
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

    fn propose(&self) -> Result<cutover_types::Proposal, crate::ProposeError> {
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

    fn obey(&mut self, kind: &str) {
        self.inspection.controllers[0].members[0].kind = kind.into();
    }
}

#[test]
fn an_account_is_asked_to_send_what_was_executed() {
    let world = World::new();
    let proposal = world.propose().unwrap();
    assert_eq!(proposal.forward.data, world.replay.upgrade.data);
    assert_eq!(proposal.back.data, world.replay.rollback.back);
    assert_eq!(
        (proposal.forward.to, proposal.authority.kind.as_str()),
        (ADMIN, "account")
    );
    assert_eq!((proposal.expires, proposal.preconditions.len()), (170, 4));
    assert!(proposal.hashes.is_empty());
    assert!(proposal.steps[1].starts_with(&format!("{OWNER} sends ProxyAdmin.upgrade")));
}

#[test]
fn a_safe_gets_three_hashes_on_following_nonces() {
    let mut world = World::new();
    world.obey("safe");
    let family = Family::of("1.4.1").unwrap();
    world.options.safe = Some(SafeFacts {
        address: OWNER,
        version: "1.4.1+L2".into(),
        nonce: 7,
        multi_send: None,
        domain_separator: Some(family.domain(1, OWNER)),
    });
    let proposal = world.propose().unwrap();
    let nonces: Vec<_> = proposal.hashes.iter().map(|hashes| hashes.nonce).collect();
    assert_eq!(nonces, [7, 8, 9]);
    assert_eq!(
        proposal.hashes[1],
        family.hashes(1, OWNER, &proposal.back, 8)
    );
    assert!(proposal.steps[1].contains(&proposal.hashes[0].safe_tx_hash.to_string()));
}

/// An upgrade of two calls, the second some time after the first.
fn two_calls(wait_seconds: u64) -> (World, Vec<Call>) {
    let mut world = World::new();
    world.obey("safe");
    let step =
        |function: &str| UpgradeStep::new(OWNER, PROXY, function, vec![Argument::Implementation]);
    let second = UpgradeStep {
        wait_seconds,
        ..step("accept(address)")
    };
    let path = UpgradePath::of(
        PROXY,
        IMPLEMENTATION_SLOT,
        vec![step("offer(address)"), second],
    );
    let calls = |to: &CodeAt| path.calls(to, &Bytes::new()).unwrap();
    let (there, back) = (calls(&world.replay.green), calls(&world.replay.blue));
    let upgrade = &mut world.replay.upgrade;
    (upgrade.to, upgrade.data) = (PROXY, there[0].call.data.clone());
    upgrade.then = there[1..].to_vec();
    let rollback = &mut world.replay.rollback;
    rollback.back = back[0].call.data.clone();
    rollback.back_then = back[1..].to_vec();
    rollback.forward_again = there[0].call.data.clone();
    rollback.forward_again_then = there[1..].to_vec();
    world.inspection.upgrade.as_mut().unwrap().path = path;
    let forward = there.into_iter().map(|step| step.call).collect();
    (world, forward)
}

#[test]
fn several_calls_of_a_safe_are_one_transaction() {
    let (mut world, forward) = two_calls(0);
    world.options.safe = Some(facts(OWNER, "1.4.1", None));
    let refusals = world.propose().unwrap_err().refusals;
    assert!(
        matches!(refusals[..], [Refusal::CannotBatch { why, .. }] if why.contains("MultiSendCallOnly")),
        "{refusals:?}"
    );
    let multi_send = crate::safe::multi_sends("1.5.0").remove(0);
    world.options.safe.as_mut().unwrap().multi_send = Some(multi_send.clone());
    let proposal = world.propose().unwrap();
    assert_eq!(batch::unpack(&proposal.forward), Some(forward));
    assert_eq!(
        (proposal.forward.to, proposal.forward_then.len()),
        (multi_send.address, 0)
    );
    assert_eq!(
        (proposal.hashes.len(), proposal.preconditions.len()),
        (3, 5)
    );
    assert!(
        proposal.steps[1].contains("one batch of 2 calls"),
        "{:?}",
        proposal.steps
    );

    let (mut world, _) = two_calls(60);
    let mut safe = facts(OWNER, "1.4.1", None);
    safe.multi_send = Some(multi_send);
    world.options.safe = Some(safe);
    let refusals = world.propose().unwrap_err().refusals;
    assert!(
        matches!(refusals[..], [Refusal::CannotBatch { why, .. }] if why.contains("wait")),
        "{refusals:?}"
    );
}

#[test]
fn an_initializer_runs_forward_and_never_again() {
    let mut world = World::new();
    let initializer = Bytes::from_static(&[1, 2, 3, 4]);
    let path = &world.inspection.upgrade.as_ref().unwrap().path;
    world.replay.upgrade.data = path.call(GREEN, &initializer).unwrap().data;
    world.options.initializer = initializer;
    let proposal = world.propose().unwrap();
    assert_ne!(proposal.forward.data, proposal.forward_again.data);
    assert_eq!(
        proposal.forward_again.data,
        world.replay.rollback.forward_again
    );
    assert!(proposal.steps[1].contains("ProxyAdmin.upgradeAndCall"));
}

#[test]
fn immutables_do_not_make_green_another_contract() {
    let mut world = World::new();
    let deployed: &'static Bytes = Box::leak(Box::new(Bytes::from_static(&[1, 9, 9, 4])));
    world.check.green.build = Fingerprint::of(&[1, 0, 0, 4], [(1, 3)]);
    world.replay.green.code_hash = keccak256(deployed);
    assert!(matches!(
        world.propose().unwrap_err().refusals[..],
        [Refusal::GreenDiffers { .. }]
    ));
    world.options.runtimes = Some(Runtimes {
        blue: deployed,
        green: deployed,
    });
    world.propose().unwrap();
}

#[test]
fn totals_that_hide_a_transaction_are_refused() {
    let mut world = World::new();
    world.replay.transactions = listed(&world.replay.summary);
    world.propose().unwrap();
    world.replay.transactions[0].verdict = TransactionVerdict::Changed;
    assert!(matches!(
        world.propose().unwrap_err().refusals[..],
        [Refusal::SummaryBroken { .. }]
    ));
}

#[test]
fn traffic_that_never_ran_green_is_refused() {
    let mut world = World::new();
    world.replay.transactions = listed(&world.replay.summary);
    for side in world
        .replay
        .transactions
        .iter_mut()
        .filter_map(|t| t.green.as_mut())
    {
        side.ran = false;
    }
    world.replay.summary = Summary::of(&world.replay.transactions);
    assert_eq!(
        world.propose().unwrap_err().refusals[..],
        [Refusal::GreenNeverRan { transactions: 3 }]
    );
}

#[test]
fn an_upgrade_that_takes_from_the_proxy_needs_a_reason_and_says_so() {
    let mut world = World::new();
    world.replay.upgrade.outflows = vec![Outflow {
        token: None,
        amount: U256::from(5_000_000_000_000_000_000u64),
        to: [OWNER].into(),
        expected: None,
    }];
    let refused = world.propose().unwrap_err().to_string();
    let taken = format!("the upgrade itself takes from the proxy: 5 ether to {OWNER}");
    assert!(refused.contains(&taken), "{refused}");
    world.replay.upgrade.outflows[0].expected = Some("the vault moves".into());
    let steps = world.propose().unwrap().steps;
    assert!(steps[0].contains("takes 5 ether to"), "{steps:?}");
    assert!(steps[0].contains("expected: the vault moves"), "{steps:?}");
}

#[test]
fn layout_of_another_blue_is_refused_unless_trusted() {
    let mut world = World::new();
    world.check.blue.build = Fingerprint::of(&[0x60, 0x00], []);
    assert!(matches!(
        world.propose().unwrap_err().refusals[..],
        [Refusal::BlueDiffers { .. }]
    ));
    world.options.trust_blue = true;
    world.propose().unwrap();
}

#[test]
fn every_doubt_is_refused_by_its_own_name() {
    type Spoil = fn(&mut World);
    let cases: &[(Spoil, &str)] = &[
        (
            |w| w.check.verdict = Verdict::Blocked,
            "the check is blocked, not pass (0 blocking)",
        ),
        (
            |w| w.replay.partition = Some((1, 4)),
            "only part 1 of 4 of the transactions was replayed",
        ),
        (
            |w| w.options.unrecorded = 1,
            "1 of 4 replayed transactions are inconclusive, 0 are allowed",
        ),
        (
            |w| w.check.verdict = Verdict::Inconclusive,
            "the check is inconclusive",
        ),
        (
            |w| (w.replay.summary.changed, w.replay.summary.identical) = (1, 1),
            "the replay found 1 changed and 0 regressed transactions",
        ),
        (
            |w| (w.replay.summary.regressed, w.replay.summary.identical) = (1, 1),
            "the replay found 0 changed and 1 regressed transactions",
        ),
        (
            |w| (w.replay.summary.inconclusive, w.replay.summary.identical) = (1, 1),
            "1 of 3 replayed transactions are inconclusive, 0 are allowed",
        ),
        (
            |w| w.replay.summary = Summary::default(),
            "the replay compared no transaction",
        ),
        (
            |w| w.replay.summary.transactions = 9,
            "the replay's summary does not add up",
        ),
        (
            |w| w.replay.upgrade.status = Status::Revert,
            "the upgrade transaction ended as revert on the fork",
        ),
        (
            |w| w.replay.rollback.rehearsed = false,
            "the rollback was not rehearsed",
        ),
        (
            |w| w.replay.rollback.status = Some(Status::Revert),
            "the rehearsed rollback failed",
        ),
        (
            |w| w.replay.rollback.status = None,
            "the rehearsed rollback failed",
        ),
        (
            |w| w.replay.rollback.forward_again_status = None,
            "going forward again after the rollback failed",
        ),
        (
            |w| w.replay.green.code_hash = B256::ZERO,
            "is not the code that was checked",
        ),
        (
            |w| w.replay.chain_id = 5,
            "replay and inspect disagree on the chain: 5 and 1",
        ),
        (
            |w| w.replay.proxy = BLUE,
            "replay and inspect disagree on the proxy",
        ),
        (
            |w| w.replay.blue.address = OWNER,
            "replay and inspect disagree on blue:",
        ),
        (
            |w| w.replay.blue.code_hash = B256::ZERO,
            "replay and inspect disagree on blue's code",
        ),
        (
            |w| w.replay.upgrade.from = ADMIN,
            "replay and inspect disagree on who sends the upgrade",
        ),
        (
            |w| w.replay.upgrade.to = PROXY,
            "replay and inspect disagree on who receives the upgrade",
        ),
        (
            |w| w.replay.upgrade.data = Bytes::new(),
            "the forward call that would be proposed",
        ),
        (
            |w| w.replay.rollback.back = Bytes::new(),
            "the back call that would be proposed",
        ),
        (
            |w| w.replay.rollback.forward_again = Bytes::new(),
            "the forward_again call that would be proposed",
        ),
        (|w| w.inspection.proxy = None, "is not a proxy"),
        (
            |w| w.inspection.upgrade = None,
            "no call is known that upgrades proxy",
        ),
        (
            |w| w.inspection.upgrade.as_mut().unwrap().proven = false,
            "was not proven: unknown",
        ),
        (|w| w.obey("timelock"), "a timelock, which cutover cannot"),
        (
            |w| w.inspection.controllers.clear(),
            "a contract of unknown kind, which cutover cannot drive",
        ),
        (|w| w.obey("safe"), "its nonce and version were not given"),
        (
            |w| {
                w.obey("safe");
                w.options.safe = Some(facts(ADMIN, "1.4.1", None));
            },
            "the facts given are of safe",
        ),
        (
            |w| {
                w.obey("safe");
                w.options.safe = Some(facts(OWNER, "9.9.9\u{1b}[2J", None));
            },
            r"says version 9.9.9\u{1b}[2J, whose hashes are not known",
        ),
        (
            |w| {
                w.obey("safe");
                w.options.safe = Some(facts(OWNER, "1.4.1", Some(B256::ZERO)));
            },
            "answers domain separator",
        ),
        (
            |w| {
                let upgrade = w.inspection.upgrade.as_mut().unwrap();
                upgrade.path.verb_with_data = None;
                w.options.initializer = Bytes::from_static(&[1]);
            },
            "cannot carry an initializer call of 1 bytes",
        ),
    ];
    for (spoil, expected) in cases {
        let mut world = World::new();
        spoil(&mut world);
        let error = world.propose().unwrap_err();
        let texts: Vec<_> = error.refusals.iter().map(ToString::to_string).collect();
        assert!(
            texts.iter().any(|text| text.contains(expected)),
            "{expected:?} not in {texts:#?}"
        );
    }
}

#[test]
fn every_reason_is_given_at_once() {
    let mut world = World::new();
    world.check.verdict = Verdict::Blocked;
    world.replay.rollback.rehearsed = false;
    world.obey("timelock");
    assert_eq!(world.propose().unwrap_err().refusals.len(), 3);
}

#[test]
fn green_must_not_be_blue() {
    let mut world = World::new();
    world.replay.green.address = BLUE;
    let refusals = world.propose().unwrap_err().refusals;
    assert!(refusals.contains(&Refusal::AlreadyGreen { address: BLUE }));
}

fn facts(address: Address, version: &str, domain_separator: Option<B256>) -> SafeFacts {
    SafeFacts {
        address,
        version: version.into(),
        nonce: 0,
        multi_send: None,
        domain_separator,
    }
}

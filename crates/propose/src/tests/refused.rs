//! Everything that is refused, each by its own words.

use super::{world::*, *};

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

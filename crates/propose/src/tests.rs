//! What is proposed.

mod refused;
mod world;

use crate::{Refusal, Runtimes, SafeFacts};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use cutover_types::{
    Argument, Call, Outflow, Status, TransactionVerdict, UpgradePath, UpgradeStep, Verdict,
    abi::IMPLEMENTATION_SLOT,
    code::Fingerprint,
    inspection::{CandidateFacts, CodeAt, Obeys, Power, PowerPath, RoundTrip},
    replay::Summary,
    upgrade::{batch, safe::Family},
};
use world::*;

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
fn a_proxy_that_anyone_upgrades_is_said_to_be_one() {
    let mut world = World::new();
    let said = |world: &World| -> Vec<_> {
        let steps = world.propose().unwrap().steps;
        let said = steps.into_iter().filter(|step| step.contains("anyone"));
        said.collect()
    };
    let path = |signers, proven| PowerPath {
        words: "anyone, through beacon".into(),
        signers: Some(signers),
        proven,
        ..PowerPath::default()
    };
    world.inspection.power = Some(Power {
        paths: vec![path(1, true), path(0, false)],
        ..Power::default()
    });
    assert!(said(&world).is_empty(), "{:?}", said(&world));
    let power = world.inspection.power.as_mut().unwrap();
    power.paths.push(path(0, true));
    let now =
        "know that anyone can upgrade this proxy without any key, at once: anyone, through beacon";
    assert_eq!(said(&world), [now]);

    world.inspection.power = None;
    let green = world.replay.green.clone();
    let mut candidate = CandidateFacts {
        reference: "Green.sol:Green".into(),
        address: green.address,
        code_hash: B256::ZERO,
        forward: Vec::new(),
        back: Vec::new(),
        forward_again: Vec::new(),
        verdict: RoundTrip::Yes,
        why: Vec::new(),
        left: Vec::new(),
        obeys: Some(Obeys {
            gained: vec![path(0, true)],
            ..Obeys::default()
        }),
        cut: None,
    };
    world.inspection.candidate = Some(candidate.clone());
    assert!(said(&world).is_empty(), "{:?}", said(&world));
    candidate.code_hash = green.code_hash;
    world.inspection.candidate = Some(candidate);
    let then = said(&world);
    assert!(
        then[0].starts_with("know that once it runs green, anyone can"),
        "{then:?}"
    );
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

fn facts(address: Address, version: &str, domain_separator: Option<B256>) -> SafeFacts {
    SafeFacts {
        address,
        version: version.into(),
        nonce: 0,
        multi_send: None,
        domain_separator,
    }
}

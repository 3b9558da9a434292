//! Contracts that say more than they enforce: what counts is what executing with less shows.

use super::{
    contract, controlled_by, having, holder, initializeCall, only, power, uups,
    world::{World, look, params},
};
use alloy_primitives::{U256, keccak256};
use alloy_sol_types::SolCall;
use cutover_types::inspection::{Controller, Power};

const WEEK: u64 = 604_800;

alloy_sol_types::sol! {
    interface IManager {
        function grantRole(uint64 roleId, address account, uint32 executionDelay) external;
        function renounceRole(uint64 roleId, address caller) external;
        function setTargetFunctionRole(address target, bytes4[] selectors, uint64 roleId) external;
    }
}

fn notes(seen: &Controller, text: &str) -> bool {
    seen.notes.iter().any(|note| note.contains(text))
}

fn takes(power: &Power) -> (Option<u64>, Option<u64>, bool) {
    (power.delay_seconds, power.fewest_signers, power.complete)
}

#[tokio::test]
async fn a_threshold_that_is_not_enforced_is_not_counted() {
    let world = World::start().await;
    let owners = world.accounts[1..4].to_vec();
    for (needs, counting, fewest) in [
        (3, 0, 3),
        (2, 0, 2),
        (1, 0, 1),
        (0, 0, 0),
        // It counts what is handed in.
        (3, 1, 0),
        // The same one counts three times.
        (3, 2, 1),
    ] {
        let arguments = params((owners.clone(), U256::from(needs), U256::from(counting)));
        let safe = world.deploy(&contract("SaidSafe"), &arguments).await;
        let found = controlled_by(&world, safe).await;
        let seen = holder(&found);
        let place = format!("{needs} {counting}: {seen:#?}");
        assert_eq!(
            (seen.kind.as_str(), seen.threshold),
            ("safe", Some(fewest)),
            "{place}"
        );
        assert_eq!(
            takes(power(&found)),
            (Some(0), Some(fewest), false),
            "{place}"
        );
        let anyone: Vec<_> = seen.members.iter().filter(|m| m.kind == "anyone").collect();
        assert_eq!(anyone.len(), usize::from(fewest == 0), "{place}");
        assert!(anyone.iter().all(|anyone| anyone.proven), "{place}");
        assert_eq!(
            notes(seen, "it says 3 approvals and does not enforce it"),
            fewest < 3,
            "{place}"
        );
        assert_eq!(
            seen.facts.contains_key("says threshold"),
            fewest < 3,
            "{place}"
        );
        assert_eq!(having(seen, "owner").len(), 3, "{place}");
    }
}

#[tokio::test]
async fn a_wait_that_is_not_enforced_is_not_counted() {
    let world = World::start().await;
    let boss = world.accounts[1];
    let (day, none) = (U256::from(86_400), U256::ZERO);
    let week = U256::from(WEEK);
    for (wait, as_proposed, open, seconds, keys) in [
        (week, false, false, WEEK, 1),
        (day, false, false, 86_400, 1),
        (U256::from(WEEK - 1), false, false, WEEK - 1, 1),
        // It takes the delay it is given, whatever it says.
        (day, true, false, 0, 1),
        (none, false, false, 0, 1),
        (none, false, true, 0, 0),
    ] {
        let arguments = params((boss, wait, as_proposed, open));
        let lock = world.deploy(&contract("SaidTimelock"), &arguments).await;
        let found = controlled_by(&world, lock).await;
        let seen = holder(&found);
        let place = format!("{wait} {as_proposed} {open}: {seen:#?}");
        assert_eq!(
            (seen.kind.as_str(), seen.delay_seconds),
            ("timelock", Some(seconds)),
            "{place}"
        );
        assert_eq!(
            takes(power(&found)),
            (Some(seconds), Some(keys), true),
            "{place}"
        );
        let text = format!(
            "it says {WEEK} s and does not enforce it: the upgrade was executed after {seconds} s"
        );
        assert_eq!(notes(seen, &text), seconds < WEEK, "{place}");
        let proposer = only(seen, "proposer");
        assert_eq!(
            proposer.wait_seconds.unwrap_or_default(),
            seconds,
            "{place}"
        );
        let skips = having(seen, "executor, without a proposal");
        assert_eq!(skips.is_empty(), !wait.is_zero(), "{place}");
        assert!(skips.iter().all(|skips| skips.proven), "{place}");
    }
}

#[tokio::test]
async fn compounds_form_and_access_managers_are_hurried_too() {
    let world = World::start().await;
    let a = &world.accounts;
    for (queued, open, keys) in [(true, false, 1), (false, false, 1), (false, true, 0)] {
        let arguments = params((a[1], queued, open));
        let lock = world
            .deploy(&contract("SaidCompoundTimelock"), &arguments)
            .await;
        let found = controlled_by(&world, lock).await;
        let seen = holder(&found);
        assert_eq!(
            (seen.kind.as_str(), seen.delay_seconds),
            ("timelock", Some(0)),
            "{seen:#?}"
        );
        assert!(
            notes(seen, "it says 604800 s and does not enforce it"),
            "{seen:#?}"
        );
        assert_eq!(
            takes(power(&found)),
            (Some(0), Some(keys), true),
            "{seen:#?}"
        );
    }

    let manager = world
        .deploy(&contract("SaidManager"), &params((a[1],)))
        .await;
    let blue = world
        .deploy(&contract("Managed"), &params((manager,)))
        .await;
    let proxy = uups(&world, blue, initializeCall { first: manager }.abi_encode()).await;
    let selector = keccak256("upgradeToAndCall(address,bytes)")[..4]
        .try_into()
        .unwrap();
    for data in [
        IManager::setTargetFunctionRoleCall {
            target: proxy,
            selectors: vec![selector],
            roleId: 7,
        }
        .abi_encode(),
        IManager::grantRoleCall {
            roleId: 7,
            account: a[2],
            executionDelay: 3_600,
        }
        .abi_encode(),
        IManager::renounceRoleCall {
            roleId: 0,
            caller: a[1],
        }
        .abi_encode(),
    ] {
        world.act(a[1], manager, &data.into()).await;
    }
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0];
    let member = only(seen, "member of role 7");
    assert_eq!(
        (member.proven, member.wait_seconds),
        (true, None),
        "{seen:#?}"
    );
    assert!(
        notes(seen, "it says 3600 s and does not enforce it"),
        "{seen:#?}"
    );
    assert_eq!(power(&found).delay_seconds, Some(0), "{seen:#?}");
}

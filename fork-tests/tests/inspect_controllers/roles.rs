//! Roles and access managers.

use super::{
    OZ5, all_told, by_roles, contract, initializeCall, only, power, uups,
    world::{World, artifact, look, params},
};
use alloy_primitives::{Address, keccak256};
use alloy_sol_types::SolCall;

alloy_sol_types::sol! {
    interface IRuled {
        function initialize(address admin, address upgrader) external;
        function changeDefaultAdminDelay(uint48 delay) external;
        function beginDefaultAdminTransfer(address heir) external;
    }
    interface IManager {
        function grantRole(uint64 roleId, address account, uint32 executionDelay) external;
        function renounceRole(uint64 roleId, address caller) external;
        function setRoleAdmin(uint64 roleId, uint64 admin) external;
        function setTargetFunctionRole(address target, bytes4[] selectors, uint64 roleId) external;
    }
}

#[tokio::test]
async fn roles_are_read_from_the_logs_and_asked_for_again() {
    let world = World::start().await;
    let a = &world.accounts;
    let proxy = by_roles(&world, a[1], [a[2], a[3]]).await;
    let found = look(&world, proxy).await;
    let mut seen: Vec<_> = found
        .controllers
        .iter()
        .map(|c| (c.address, c.role.clone().unwrap(), c.proven))
        .collect();
    seen.sort();
    let mut expected = vec![
        (a[1], "role admin (DEFAULT_ADMIN_ROLE)".to_owned(), true),
        (a[2], "UPGRADER_ROLE".to_owned(), true),
        (a[3], "UPGRADER_ROLE".to_owned(), true),
    ];
    expected.sort();
    assert_eq!(seen, expected);
    assert!(all_told(&found), "{found:#?}");
    assert_eq!(power(&found).paths.len(), 3);
}

#[tokio::test]
async fn an_access_manager_tells_members_from_admins_and_their_delays() {
    let world = World::start().await;
    let a = &world.accounts;
    let manager = world
        .deploy(&artifact(OZ5, "AccessManager"), &params((a[1],)))
        .await;
    let blue = world
        .deploy(&contract("Managed"), &params((manager,)))
        .await;
    let proxy = uups(&world, blue, initializeCall { first: manager }.abi_encode()).await;
    let selector = keccak256("upgradeToAndCall(address,bytes)")[..4]
        .try_into()
        .unwrap();
    let role = IManager::setTargetFunctionRoleCall {
        target: proxy,
        selectors: vec![selector],
        roleId: 7,
    };
    world.act(a[1], manager, &role.abi_encode().into()).await;
    let grant = |account, delay| IManager::grantRoleCall {
        roleId: 7,
        account,
        executionDelay: delay,
    };
    world
        .act(a[1], manager, &grant(a[2], 3_600).abi_encode().into())
        .await;
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0];
    assert_eq!(seen.kind, "access-manager", "{found:#?}");
    let member = only(seen, "member of role 7");
    assert_eq!(
        (member.address, member.wait_seconds, member.proven),
        (a[2], Some(3_600), true),
        "{member:#?}"
    );
    let admin = only(seen, "role admin (ADMIN_ROLE)");
    assert_eq!(
        (admin.address, admin.wait_seconds, admin.proven),
        (a[1], None, true),
        "{admin:#?}"
    );
    let takes = power(&found);
    assert_eq!(
        (takes.delay_seconds, all_told(&found)),
        (Some(0), true),
        "{takes:#?}"
    );
    assert_eq!(takes.bypasses.len(), 1, "{takes:#?}");

    // Nobody can do it at once when the admin is gone, and what is left is executed all the same.
    let only_member = member.address;
    let gone = IManager::renounceRoleCall {
        roleId: 0,
        caller: a[1],
    };
    let kept = world.snapshot().await;
    world.act(a[1], manager, &gone.abi_encode().into()).await;
    let late = look(&world, proxy).await;
    let upgrade = late.upgrade.as_ref().unwrap();
    assert!(!upgrade.proven, "{late:#?}");
    assert!(
        upgrade
            .why
            .as_ref()
            .unwrap()
            .contains("lets nobody upgrade at once")
    );
    let seen = &late.controllers[0];
    assert_eq!(
        (seen.members.len(), seen.members[0].address),
        (1, only_member)
    );
    assert!(seen.members[0].proven, "{seen:#?}");
    assert_eq!(power(&late).delay_seconds, Some(3_600), "{late:#?}");
    world.revert(kept).await;

    // Who waits for nothing sends it itself.
    world
        .act(a[1], manager, &grant(a[4], 0).abi_encode().into())
        .await;
    let found = look(&world, proxy).await;
    let upgrade = found.upgrade.as_ref().unwrap();
    assert!(upgrade.proven && upgrade.from == a[4], "{found:#?}");
}

#[tokio::test]
async fn who_is_about_to_be_the_default_admin_is_named_with_its_wait() {
    let world = World::start().await;
    let a = &world.accounts;
    let blue = world.deploy(&contract("Ruled"), &[]).await;
    let start = IRuled::initializeCall {
        admin: a[1],
        upgrader: a[2],
    };
    let proxy = uups(&world, blue, start.abi_encode()).await;
    let slow = IRuled::changeDefaultAdminDelayCall {
        delay: alloy_primitives::Uint::from(259_200),
    };
    world.act(a[1], proxy, &slow.abi_encode().into()).await;
    world.wait(6 * 86_400).await;
    let transfer = IRuled::beginDefaultAdminTransferCall { heir: a[3] };
    world.act(a[1], proxy, &transfer.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    let member = |who: Address| {
        let member = found.controllers.iter().find(|c| c.address == who);
        member.unwrap_or_else(|| panic!("{found:#?}"))
    };
    assert!(member(a[1]).proven && member(a[2]).proven, "{found:#?}");
    let heir = member(a[3]);
    assert_eq!(heir.role.as_deref(), Some("pending default admin"));
    assert_eq!(
        (heir.proven, heir.wait_seconds),
        (true, Some(259_201)),
        "{heir:#?}"
    );
    assert_eq!(power(&found).delay_seconds, Some(0));
}

#[tokio::test]
async fn who_gives_the_role_of_those_who_give_a_role_is_followed_to_the_end() {
    let world = World::start().await;
    let a = &world.accounts;
    let manager = world
        .deploy(&artifact(OZ5, "AccessManager"), &params((a[1],)))
        .await;
    let blue = world
        .deploy(&contract("Managed"), &params((manager,)))
        .await;
    let proxy = uups(&world, blue, initializeCall { first: manager }.abi_encode()).await;
    let selector = keccak256("upgradeToAndCall(address,bytes)")[..4]
        .try_into()
        .unwrap();
    let only_for = |role| {
        let call = IManager::setTargetFunctionRoleCall {
            target: proxy,
            selectors: vec![selector],
            roleId: role,
        };
        call.abi_encode()
    };
    let given_by = |role, admin| {
        let call = IManager::setRoleAdminCall {
            roleId: role,
            admin,
        };
        call.abi_encode()
    };
    let grant = |role, account, delay| {
        let call = IManager::grantRoleCall {
            roleId: role,
            account,
            executionDelay: delay,
        };
        call.abi_encode()
    };
    // Nobody has role 6, whose members give role 5; a[4] has role 7, whose members give role 6.
    for call in [
        only_for(5),
        grant(5, a[2], 3_600),
        given_by(5, 6),
        given_by(6, 7),
        grant(7, a[4], 0),
    ] {
        world.act(a[1], manager, &call.into()).await;
    }
    let gone = IManager::renounceRoleCall {
        roleId: 0,
        caller: a[1],
    };
    let kept = world.snapshot().await;
    world.act(a[1], manager, &gone.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    let giver = only(&found.controllers[0], "role admin (role 7)");
    assert_eq!(
        (giver.address, giver.wait_seconds, giver.proven),
        (a[4], None, true),
        "{found:#?}"
    );
    assert_eq!(power(&found).delay_seconds, Some(0), "{found:#?}");
    world.revert(kept).await;

    // The admin gives the function to its own role, whoever gives the other.
    let found = look(&world, proxy).await;
    let admin = only(&found.controllers[0], "role admin (ADMIN_ROLE)");
    assert!(admin.address == a[1] && admin.proven, "{found:#?}");

    // Everyone's function is nobody's refusal.
    world.act(a[1], manager, &only_for(u64::MAX).into()).await;
    let found = look(&world, proxy).await;
    assert_eq!(power(&found).fewest_signers, Some(0), "{found:#?}");
    let text = format!("{found:?}");
    assert!(!text.contains("lets nobody upgrade"), "{found:#?}");
}

//! Safes: owners together, modules alone, guards not at all.

use super::{
    SAFES, controlled_by, having, holder, only, owned_by, power, safe,
    world::{World, look, params, published},
};
use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolCall;
use cutover_types::inspection::Presses;

alloy_sol_types::sol! {
    function enableModule(address module) external;
    function setFallbackHandler(address handler) external;
    function upgradeTo(address next) external;
}

#[tokio::test]
async fn a_safe_takes_its_threshold_and_every_module_presses_alone() {
    let world = World::start().await;
    for (version, (number, ..)) in SAFES.iter().enumerate() {
        let owners = &world.accounts[1..4];
        let safe = safe(&world, version, owners, 2).await;
        let (proxy, _) = owned_by(&world, safe).await;
        let found = look(&world, proxy).await;
        let seen = holder(&found);
        assert_eq!((seen.kind.as_str(), seen.threshold), ("safe", Some(2)));
        assert_eq!(seen.facts["version"], *number);
        assert_eq!(found.controllers[0].kind, "proxy-admin");
        let owning = having(seen, "owner");
        assert_eq!(owning.len(), 3);
        assert!(
            owning
                .iter()
                .all(|o| o.proven && o.presses == Presses::Together && o.kind == "eoa"),
            "{seen:#?}"
        );
        let takes = power(&found);
        assert_eq!(
            (takes.fewest_signers, takes.delay_seconds, takes.complete),
            (Some(2), Some(0), true),
            "{takes:#?}"
        );

        let (module, guard) = (world.accounts[7], world.accounts[8]);
        let enable = enableModuleCall { module }.abi_encode();
        world.act(safe, safe, &enable.into()).await;
        if *number == "1.1.1" {
            let seen = look(&world, proxy).await;
            let presser = only(holder(&seen), "module");
            assert!(presser.proven && presser.address == module, "{presser:#?}");
            continue;
        }
        let slot: B256 = keccak256("guard_manager.guard.address");
        world.set_slot(safe, slot, guard.into_word()).await;
        let found = look(&world, proxy).await;
        let seen = holder(&found);
        let presser = only(seen, "module");
        assert!(presser.proven && presser.address == module, "{presser:#?}");
        assert_eq!(presser.presses, Presses::Alone);
        assert_eq!(only(seen, "guard").presses, Presses::No);
        // The guard has no code, so no owner gets through; the module does.
        assert!(having(seen, "owner").iter().all(|owner| !owner.proven));
        let takes = power(&found);
        assert_eq!(takes.fewest_signers, Some(1), "{takes:#?}");
        assert!(
            !takes.paths.iter().any(|path| path.route.contains(&guard)),
            "{takes:#?}"
        );
    }
}

#[tokio::test]
async fn nested_safes_count_keys_not_contracts() {
    let world = World::start().await;
    let a = &world.accounts;
    let left = safe(&world, 1, &a[1..4], 2).await;
    // Shares a key with the first.
    let right = safe(&world, 2, &a[3..6], 2).await;
    let top = safe(&world, 0, &[left, right], 2).await;
    let found = controlled_by(&world, top).await;
    let seen = holder(&found);
    for nested in having(seen, "owner") {
        assert_eq!(nested.kind, "safe");
        assert!(nested.proven, "{nested:#?}");
        assert!(
            nested.members.iter().all(|owner| owner.proven),
            "{nested:#?}"
        );
    }
    assert_eq!(
        power(&found).fewest_signers,
        Some(3),
        "{:#?}",
        power(&found)
    );
}

#[tokio::test]
async fn optimisms_admin_is_pressed_by_a_safe_of_safes() {
    let world = World::start().await;
    let a = &world.accounts;
    let bedrock = |name: &str| {
        let file = format!("forge-artifacts/{name}.sol/{name}.json");
        published("optimism", &file)
    };
    let foundation = safe(&world, 1, &a[1..4], 2).await;
    let council = safe(&world, 2, &a[4..8], 3).await;
    let top = safe(&world, 3, &[foundation, council], 2).await;
    let admin = world.deploy(&bedrock("ProxyAdmin"), &params((top,))).await;
    let proxy = world.deploy(&bedrock("Proxy"), &params((admin,))).await;
    let next = world.deploy(&super::contract("Box"), &[]).await;
    let install = upgradeToCall { next }.abi_encode();
    world.act(admin, proxy, &install.into()).await;
    let found = look(&world, proxy).await;
    let root = &found.controllers[0];
    assert_eq!((root.kind.as_str(), root.address), ("proxy-admin", admin));
    let seen = only(root, "owner");
    assert_eq!((seen.kind.as_str(), seen.threshold), ("safe", Some(2)));
    for nested in having(seen, "owner") {
        assert!(nested.proven && nested.kind == "safe", "{nested:#?}");
        let keys = having(nested, "owner");
        assert!(keys.iter().all(|key| key.proven), "{nested:#?}");
    }
    let takes = power(&found);
    assert_eq!(
        (takes.fewest_signers, takes.delay_seconds, takes.complete),
        (Some(2 + 3), Some(0), true),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn a_safe_that_passes_calls_on_to_what_obeys_it_takes_no_key() {
    let world = World::start().await;
    let a = &world.accounts;
    let council = safe(&world, 1, &a[1..4], 3).await;
    let (proxy, admin) = owned_by(&world, council).await;
    let before = look(&world, proxy).await;
    assert_eq!(power(&before).fewest_signers, Some(3), "{before:#?}");
    let handler = setFallbackHandlerCall { handler: admin };
    world
        .act(council, council, &handler.abi_encode().into())
        .await;
    let found = look(&world, proxy).await;
    let seen = only(holder(&found), "caller, through the fallback handler");
    assert_eq!((seen.kind.as_str(), seen.proven), ("anyone", true));
    assert_eq!(power(&found).fewest_signers, Some(0), "{found:#?}");
}

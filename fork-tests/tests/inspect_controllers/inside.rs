//! What an implementation's other functions do to who upgrades it.

use super::{
    OZ4, artifact, contract, only, owned_by, params, power, uups,
    world::{World, compile, look},
};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::Inspection;

alloy_sol_types::sol! {
    function transferOwnership(address next) external;
    function initialize(address upgrader, address admin) external;
}

fn code(name: &str) -> Bytes {
    compile(&[("Inside.sol", include_str!("Inside.sol"))])[name].clone()
}

/// A UUPS proxy with this implementation, whose owner is the second account.
async fn owned(world: &World, name: &str) -> (Address, Inspection) {
    let blue = world.deploy(&code(name), &[]).await;
    let next = world.accounts[1];
    let proxy = uups(world, blue, transferOwnershipCall { next }.abi_encode()).await;
    let found = look(world, proxy).await;
    let owner = found.controllers.iter().find(|c| c.address == next);
    assert!(owner.is_some_and(|owner| owner.proven), "{found:#?}");
    (proxy, found)
}

#[tokio::test]
async fn functions_of_the_implementation_may_change_who_upgrades() {
    let world = World::start().await;
    let (_, found) = owned(&world, "Plain").await;
    let takes = power(&found);
    assert_eq!(
        (takes.fewest_signers, takes.complete),
        (Some(1), true),
        "{takes:#?}"
    );

    let (_, found) = owned(&world, "Taken").await;
    let anyone = found.controllers.iter().find(|c| c.kind == "anyone");
    let anyone = anyone.unwrap_or_else(|| panic!("{found:#?}"));
    let role = Some("caller of setOwner(address)");
    assert_eq!((anyone.role.as_deref(), anyone.proven), (role, true));
    assert_eq!(power(&found).fewest_signers, Some(0), "{found:#?}");

    let (_, found) = owned(&world, "Second").await;
    let takes = power(&found);
    assert_eq!((takes.fewest_signers, takes.complete), (Some(1), false));
    assert!(
        takes
            .unknown
            .iter()
            .any(|why| why.contains("further functions")),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn an_implementation_that_runs_other_code_may_upgrade_its_proxy() {
    let world = World::start().await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let blue = world.deploy(&code("Runner"), &[]).await;
    let proxy = world.transparent(OZ4, blue, admin).await;
    let found = look(&world, proxy).await;
    let takes = power(&found);
    assert!(only(&found.controllers[0], "owner").proven, "{found:#?}");
    assert!(!takes.complete, "{takes:#?}");
    assert!(
        takes
            .unknown
            .iter()
            .any(|why| why.contains("delegates calls")),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn a_proxys_other_functions_are_tried_by_a_stranger() {
    let world = World::start().await;
    let owner = world.accounts[1];
    let blue = world.deploy(&contract("Box"), &[]).await;
    let (_, admin) = owned_by(&world, owner).await;
    for (name, function) in [
        ("Sibling", "caller of upgradeToAndCall(address,bytes)"),
        ("Handed", "caller of 0x8f283970"),
    ] {
        for keeper in [owner, admin] {
            let proxy = world.deploy(&code(name), &params((blue, keeper))).await;
            let found = look(&world, proxy).await;
            let all = found.controllers.iter();
            let all = all.flat_map(|one| std::iter::once(one).chain(&one.members));
            let anyone: Vec<_> = all.filter(|one| one.kind == "anyone").collect();
            let [anyone] = anyone[..] else {
                panic!("{name} of {keeper}: {found:#?}");
            };
            assert_eq!(
                (anyone.role.as_deref(), anyone.proven),
                (Some(function), true)
            );
            assert_eq!(power(&found).fewest_signers, Some(0), "{found:#?}");
        }
        let takes = power(
            &look(
                &world,
                world
                    .deploy(&code("Transparent"), &params((blue, owner)))
                    .await,
            )
            .await,
        )
        .clone();
        assert_eq!(
            (takes.fewest_signers, takes.complete),
            (Some(1), true),
            "{takes:#?}"
        );
    }
}

#[tokio::test]
async fn whoever_gives_the_role_that_gives_the_role_can_upgrade() {
    let world = World::start().await;
    let (upgrader, admin) = (world.accounts[1], world.accounts[2]);
    let blue = world.deploy(&code("Chained"), &[]).await;
    let start = initializeCall { upgrader, admin }.abi_encode();
    let proxy = uups(&world, blue, start).await;
    let found = look(&world, proxy).await;
    let seen = found.controllers.iter();
    let seen: Vec<_> = seen
        .map(|one| (one.address, one.role.as_deref().unwrap(), one.proven))
        .collect();
    assert_eq!(
        seen,
        [
            (upgrader, "UPGRADER_ROLE", true),
            (admin, "role admin (DEFAULT_ADMIN_ROLE)", true)
        ]
    );
}

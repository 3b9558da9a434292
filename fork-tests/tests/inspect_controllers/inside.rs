//! What an implementation's other functions do to who upgrades it.

use super::{
    OZ4, artifact, only, power, uups,
    world::{World, compile, look},
};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::Inspection;

alloy_sol_types::sol! {
    function transferOwnership(address next) external;
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
    let role = Some("caller of 0x13af4035");
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

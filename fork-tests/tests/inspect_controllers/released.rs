//! What code does that no release has: its figures are only the most it takes.

use super::{
    OZ4, contract, controlled_by, holder, owned_by, power, safe, setupCall,
    world::{World, artifact, look, params, published},
};
use alloy_primitives::{Address, Bytes, U256, address};
use alloy_sol_types::SolCall;
use cutover_types::Inspection;

const SPARE: Address = address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc");

/// The figures are complete, or not for this reason.
#[track_caller]
fn told(found: &Inspection, why: Option<&str>) {
    let takes = power(found);
    match why {
        None => assert!(takes.complete, "{takes:#?}"),
        Some(why) => {
            assert!(!takes.complete, "{takes:#?}");
            let said = takes.unknown.join("\n");
            assert!(said.contains(why), "{said}");
        }
    }
}

#[tokio::test]
async fn a_timelock_that_does_more_than_its_releases_is_not_believed() {
    let world = World::start().await;
    let a = &world.accounts;
    for (name, why) in [
        ("SpareTimelock", "further functions (0x"),
        ("HurriedTimelock", "who signed the transaction"),
        ("LooseTimelock", "called with no function it has"),
    ] {
        let arguments = params((vec![a[1]], vec![a[2]], a[6]));
        let lock = world.deploy(&contract(name), &arguments).await;
        let found = controlled_by(&world, lock).await;
        assert_eq!(holder(&found).kind, "timelock", "{found:#?}");
        told(&found, Some(why));
    }

    let boxed = world.deploy(&contract("Box"), &[]).await;
    let admin = world
        .deploy(&contract("SignedAdmin"), &params((a[6],)))
        .await;
    let proxy = world.transparent(OZ4, boxed, admin).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.controllers[0].kind, "proxy-admin");
    told(&found, Some("further functions (0x"));
}

#[tokio::test]
async fn a_functions_name_says_nothing_of_what_it_does() {
    let world = World::start().await;
    let a = &world.accounts;
    let nobody = Address::ZERO;
    let boxed = world.deploy(&contract("Box"), &[]).await;
    for (name, key, why, open) in [
        (
            "TakenAdmin",
            nobody,
            "its transferOwnership(address) changes state for a stranger",
            true,
        ),
        (
            "HeirAdmin",
            a[7],
            "its renounceOwnership() leaves it to",
            false,
        ),
        (
            "KeysAdmin",
            a[7],
            "its upgradeAndCall(address,address,bytes) looks at slot",
            false,
        ),
        ("HashedAdmin", nobody, "it hashes", false),
        (
            "NamedAdmin",
            a[7],
            "its getProxyAdmin(address) looks at slot",
            false,
        ),
        (
            "NamedAdmin",
            nobody,
            "its getProxyAdmin(address) changes state for a stranger",
            false,
        ),
    ] {
        let admin = world.deploy(&contract(name), &params((a[1], key))).await;
        let proxy = world.transparent(OZ4, boxed, admin).await;
        let found = look(&world, proxy).await;
        assert_eq!(found.controllers[0].kind, "proxy-admin", "{found:#?}");
        told(&found, Some(why));
        let fewest = Some(u64::from(!open));
        assert_eq!(power(&found).fewest_signers, fewest, "{name}: {found:#?}");
    }
    let beacon = world
        .deploy(&contract("SignedBeacon"), &params((boxed, a[1])))
        .await;
    let code = artifact("@openzeppelin/contracts", "BeaconProxy");
    let proxy = world.deploy(&code, &params((beacon, Bytes::new()))).await;
    let why = "its transferOwnership(address) asks 0x0000000000000000000000000000000000000001";
    told(&look(&world, proxy).await, Some(why));

    let arguments = params((vec![a[1]], vec![a[2]], nobody));
    let lock = world.deploy(&contract("GivingTimelock"), &arguments).await;
    let why = "its grantRole(bytes32,address) changes state for a stranger";
    told(&controlled_by(&world, lock).await, Some(why));
}

#[tokio::test]
async fn every_release_is_plain() {
    let world = World::start().await;
    let a = &world.accounts;
    for package in ["oz-3.4", "oz-4.9", "@openzeppelin/contracts"] {
        let arguments = params((U256::from(9), vec![a[1]], vec![a[2]], a[0]));
        let code = artifact(package, "TimelockController");
        let lock = world.deploy(&code, &arguments).await;
        told(&controlled_by(&world, lock).await, None);
    }
    let council = safe(&world, 1, &a[1..4], 2).await;
    let boxed = world.deploy(&contract("Box"), &[]).await;
    for package in ["oz-3.4", "oz-4.9"] {
        let admin = world.deploy(&artifact(package, "ProxyAdmin"), &[]).await;
        let proxy = world.transparent(package, boxed, admin).await;
        told(&look(&world, proxy).await, None);
    }
    let code = artifact("@openzeppelin/contracts", "TransparentUpgradeableProxy");
    let proxy = world
        .deploy(&code, &params((boxed, council, Bytes::new())))
        .await;
    told(&look(&world, proxy).await, None);
    let code = artifact("@openzeppelin/contracts", "UpgradeableBeacon");
    let beacon = world.deploy(&code, &params((boxed, council))).await;
    let code = artifact("@openzeppelin/contracts", "BeaconProxy");
    let proxy = world.deploy(&code, &params((beacon, Bytes::new()))).await;
    told(&look(&world, proxy).await, None);
}

#[tokio::test]
async fn a_second_key_in_the_proxys_own_code_stands_beside_its_admin() {
    let world = World::start().await;
    let council = safe(&world, 1, &world.accounts[1..4], 3).await;
    let boxed = world.deploy(&contract("Box"), &[]).await;
    for (name, hidden) in [("KeyedProxy", false), ("HiddenProxy", true)] {
        let (_, admin) = owned_by(&world, council).await;
        let proxy = world.deploy(&contract(name), &params((boxed, admin))).await;
        let found = look(&world, proxy).await;
        assert_eq!(found.controllers[0].address, admin, "{found:#?}");
        let key = found.controllers.iter().find(|c| c.address == SPARE);
        let key = key.unwrap_or_else(|| panic!("{found:#?}"));
        assert!(key.proven && key.role.as_deref() == Some("in its code"));
        assert_eq!(power(&found).fewest_signers, Some(1), "{found:#?}");
        told(
            &found,
            hidden.then_some("the proxy itself has further functions"),
        );
    }
}

#[tokio::test]
async fn a_safes_look_alike_names_who_changes_its_code() {
    let world = World::start().await;
    let a = &world.accounts;
    let arguments = params((a[1..4].to_vec(), U256::from(3), U256::ZERO));
    let alike = world.deploy(&contract("SaidSafe"), &arguments).await;
    let found = controlled_by(&world, alike).await;
    told(&found, Some("no Safe's release known here"));

    // A Safe's own code, in a proxy that somebody else upgrades.
    let file = "build/artifacts/contracts/Safe.sol/Safe.json";
    let singleton = world.deploy(&published("safe-1.4.1", file), &[]).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let behind = world.transparent(OZ4, singleton, admin).await;
    let start = setupCall {
        owners: a[1..4].to_vec(),
        threshold: U256::from(3),
        to: Address::ZERO,
        data: Bytes::new(),
        fallbackHandler: Address::ZERO,
        paymentToken: Address::ZERO,
        payment: U256::ZERO,
        paymentReceiver: Address::ZERO,
    };
    let start = start.abi_encode();
    world.act(a[1], behind, &start.into()).await;
    let found = controlled_by(&world, behind).await;
    let seen = holder(&found);
    assert_eq!(seen.kind, "safe", "{seen:#?}");
    let upgrader = seen.members.iter().find(|m| m.address == admin);
    let upgrader = upgrader.unwrap_or_else(|| panic!("{seen:#?}"));
    assert!(upgrader.proven, "{upgrader:#?}");
    assert_eq!(power(&found).fewest_signers, Some(1), "{found:#?}");
}

//! Minimal proxies of every form, and what stands behind them.

use super::{OZ5, boxes, hex, holds_what_it_says, look, params};
use crate::world::{World, artifact, compiled};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolValue;
use cutover_types::{
    ProxyKind, Verb,
    inspection::{Location, Possible},
};

/// Puts `runtime` on the chain, through a constructor that copies it.
pub async fn install(world: &World, runtime: &[u8]) -> Address {
    let mut creation = vec![0x61];
    creation.extend(u16::try_from(runtime.len()).unwrap().to_be_bytes());
    creation.extend(hex("80600a3d393df3").iter());
    creation.extend(runtime);
    world.deploy(&creation.into(), &[]).await
}

fn form(before: &str, target: Address, after: &str, tail: &[u8]) -> Vec<u8> {
    [&hex(before), target.as_slice(), &hex(after), tail].concat()
}

const MINIMAL: (&str, &str) = ("0x363d3d373d3d3d363d73", "0x5af43d82803e903d91602b57fd5bf3");

/// A minimal proxy of `target`.
pub async fn minimal(world: &World, target: Address) -> Address {
    install(world, &form(MINIMAL.0, target, MINIMAL.1, &[])).await
}

#[tokio::test]
async fn clones_of_every_form_are_named_and_nobody_can_upgrade_them() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let token = (U256::from(7), U256::from(31337), blue, U256::from(9)).abi_encode_params();
    let bound = world.deploy(&compiled("TokenBound"), &[]).await;
    let metadata = [&[1, 2, 3][..], &U256::from(3).to_be_bytes::<32>()].concat();
    let minimal = |target, tail: &[u8]| form(MINIMAL.0, target, MINIMAL.1, tail);
    let old = "0x366000600037611000600036600073";
    let appended = [1, 2, 3, 0, 5];
    let cases = [
        (ProxyKind::Eip1167, blue, minimal(blue, &[])),
        (ProxyKind::CloneWithArgs, blue, minimal(blue, &[1, 2, 3])),
        // As long as a token-bound account's, but nothing answers for the token.
        (ProxyKind::CloneWithArgs, blue, minimal(blue, &token)),
        (ProxyKind::Erc6551, bound, minimal(bound, &token)),
        (
            ProxyKind::Clone0age,
            blue,
            form(
                "0x3d3d3d3d363d3d37363d73",
                blue,
                "0x5af43d3d93803e602a57fd5bf3",
                &[],
            ),
        ),
        (
            ProxyKind::ClonePush0,
            blue,
            form(
                "0x5f5f365f5f37365f73",
                blue,
                "0x5af43d5f5f3e6029573d5ffd5b3d5ff3",
                &[],
            ),
        ),
        (
            ProxyKind::CloneVyper,
            blue,
            form(old, blue, "0x5af41558576110006000f3", &[]),
        ),
        (
            ProxyKind::CloneVyper,
            blue,
            form(old, blue, "0x5af4602c57600080fd5b6110006000f3", &[]),
        ),
        (
            ProxyKind::CloneVyper,
            blue,
            form(
                "0x36600080376020600036600073",
                blue,
                "0x6102c65a03f41515602d57fe5b60206000f3",
                &[],
            ),
        ),
        (
            ProxyKind::Erc3448,
            blue,
            form(
                "0x363d3d373d3d3d3d60368038038091363936013d73",
                blue,
                "0x5af43d3d93803e603457fd5bf3",
                &metadata,
            ),
        ),
        (
            ProxyKind::CloneCwia,
            blue,
            form(
                "0x3d3d3d3d363d3d376100056037363936610005013d73",
                blue,
                "0x5af43d3d93803e603557fd5bf3",
                &appended,
            ),
        ),
        (
            ProxyKind::CloneCwia,
            blue,
            form(
                "0x36602c57343d527f9e4ac34f21c619cefc926c8bd93b54bf5a39c7ab2127a895af1cc0691d7e3dff\
                 593da1005b363d3d373d3d3d3d610005806062363936013d73",
                blue,
                "0x5af43d3d93803e606057fd5bf3",
                &appended,
            ),
        ),
    ];
    for (kind, target, code) in cases {
        let clone = install(&world, &code).await;
        assert_fixed(&world, clone, kind, target).await;
    }
}

pub async fn assert_fixed(world: &World, proxy: Address, kind: ProxyKind, target: Address) {
    let found = look(world, proxy).await;
    let facts = found.proxy.as_ref().unwrap();
    assert_eq!(facts.kind, kind, "{found:#?}");
    assert_eq!(facts.implementation.address, target);
    assert_eq!(facts.location, Location::Code);
    assert!(found.upgrade.is_none() && found.controllers.is_empty());
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("cannot change"));
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("cannot change"))
    );
}

#[tokio::test]
async fn the_target_of_a_clone_may_be_a_proxy_itself() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    // The beacon stands in the code of the target, so every clone of it follows the beacon.
    let beacon = world
        .deploy(&artifact(OZ5, "UpgradeableBeacon"), &params((blue, owner)))
        .await;
    let behind = world
        .deploy(
            &artifact(OZ5, "BeaconProxy"),
            &params((beacon, Bytes::new())),
        )
        .await;
    let clone = install(&world, &form(MINIMAL.0, behind, MINIMAL.1, &[])).await;
    let found = holds_what_it_says(&world, clone, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Eip1167);
    assert_eq!(facts.implementation.address, blue);
    assert_eq!(facts.beacon, Some(beacon));
    assert_eq!(found.upgrade.unwrap().path.verb, Verb::BeaconUpgradeTo);
    let said = found
        .notes
        .iter()
        .find(|note| note.contains("proxy itself"));
    assert!(said.unwrap().contains(&behind.to_string()));

    // A clone of a clone stays what it is.
    let inner = install(&world, &form(MINIMAL.0, blue, MINIMAL.1, &[])).await;
    let outer = install(&world, &form(MINIMAL.0, inner, MINIMAL.1, &[])).await;
    assert_fixed(&world, outer, ProxyKind::Eip1167, blue).await;
}

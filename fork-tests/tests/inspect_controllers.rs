//! Everyone who can press the button, on a real chain with the published contracts: what the tree claims
//! to be proven, what it takes, and what goes around a timelock.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

#[path = "inspect_controllers/accounts.rs"]
mod accounts;
#[path = "inspect_controllers/aragon.rs"]
mod aragon;
#[path = "inspect_kinds/facade.rs"]
mod facade;
#[path = "inspect_controllers/forgetful.rs"]
mod forgetful;
#[path = "inspect_controllers/governors.rs"]
mod governors;
#[path = "inspect_controllers/history.rs"]
mod history;
#[path = "inspect_controllers/inside.rs"]
mod inside;
#[path = "inspect_controllers/osx.rs"]
mod osx;
#[path = "inspect_controllers/owners.rs"]
mod owners;
#[path = "inspect_controllers/released.rs"]
mod released;
#[path = "inspect_controllers/roles.rs"]
mod roles;
#[path = "inspect_controllers/safes.rs"]
mod safes;
#[path = "inspect_controllers/said.rs"]
mod said;
#[path = "inspect_controllers/timelocks.rs"]
mod timelocks;
#[path = "inspect_kinds/world.rs"]
mod world;

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use cutover_types::{
    Inspection,
    inspection::{Controller, Power},
};
use std::{collections::BTreeMap, sync::OnceLock};
use world::{World, artifact, compile, from_text, look, params, published};

const OZ4: &str = "oz-4.9";
const OZ5: &str = "@openzeppelin/contracts";
const NOBODY: Address = Address::ZERO;

alloy_sol_types::sol! {
    function setup(address[] owners, uint256 threshold, address to, bytes data, address fallbackHandler, address paymentToken, uint256 payment, address paymentReceiver) external;
    function transferOwnership(address next) external;
    function grantRole(bytes32 role, address account) external;
    function initialize(address first) external;
    interface IRoles { function initialize(address admin, address first, address second) external; }
}

fn contract(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let source = include_str!("inspect_controllers/Controllers.sol");
    OUTPUT.get_or_init(|| compile(&[("Controllers.sol", source)]))[name].clone()
}

/// A transparent proxy of 4.x whose ProxyAdmin `owner` owns.
async fn owned_by(world: &World, owner: Address) -> (Address, Address) {
    let blue = world.deploy(&contract("Box"), &[]).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let proxy = world.transparent(OZ4, blue, admin).await;
    let hand_over = transferOwnershipCall { next: owner }.abi_encode();
    world.act(world.accounts[0], admin, &hand_over.into()).await;
    (proxy, admin)
}

/// What is said of a proxy whose ProxyAdmin `owner` owns.
async fn controlled_by(world: &World, owner: Address) -> Inspection {
    let (proxy, _) = owned_by(world, owner).await;
    look(world, proxy).await
}

/// Who stands behind the ProxyAdmin.
fn holder(found: &Inspection) -> &Controller {
    &found.controllers[0].members[0]
}

async fn uups(world: &World, blue: Address, data: Vec<u8>) -> Address {
    world
        .deploy(
            &artifact(OZ4, "ERC1967Proxy"),
            &params((blue, Bytes::from(data))),
        )
        .await
}

/// A UUPS proxy that two holders of a role upgrade, which `admin` gives.
async fn by_roles(world: &World, admin: Address, [first, second]: [Address; 2]) -> Address {
    let blue = world.deploy(&contract("Roles"), &[]).await;
    let start = IRoles::initializeCall {
        admin,
        first,
        second,
    };
    uups(world, blue, start.abi_encode()).await
}

/// Versions with the places of their singleton and their proxy.
const SAFES: [(&str, &str, &str); 4] = [
    (
        "1.3.0",
        "artifacts/contracts/GnosisSafe.sol/GnosisSafe.json",
        "artifacts/contracts/proxies/GnosisSafeProxy.sol/GnosisSafeProxy.json",
    ),
    (
        "1.4.1",
        "artifacts/contracts/Safe.sol/Safe.json",
        "artifacts/contracts/proxies/SafeProxy.sol/SafeProxy.json",
    ),
    (
        "1.5.0",
        "artifacts/contracts/Safe.sol/Safe.json",
        "artifacts/contracts/proxies/SafeProxy.sol/SafeProxy.json",
    ),
    ("1.1.1", "contracts/GnosisSafe.json", "contracts/Proxy.json"),
];

async fn safe(world: &World, version: usize, owners: &[Address], threshold: u64) -> Address {
    let (version, singleton, proxy) = SAFES[version];
    let package = format!("safe-{version}");
    let file = |file: &str| published(&package, &format!("build/{file}"));
    let singleton = world.deploy(&file(singleton), &[]).await;
    let safe = world.deploy(&file(proxy), &params((singleton,))).await;
    let start = setupCall {
        owners: owners.to_vec(),
        threshold: U256::from(threshold),
        to: NOBODY,
        data: Bytes::new(),
        fallbackHandler: NOBODY,
        paymentToken: NOBODY,
        payment: U256::ZERO,
        paymentReceiver: NOBODY,
    };
    world.act(owners[0], safe, &start.abi_encode().into()).await;
    safe
}

/// The members of `above` in one role.
fn having<'a>(above: &'a Controller, role: &str) -> Vec<&'a Controller> {
    let is = |member: &&Controller| member.role.as_deref() == Some(role);
    above.members.iter().filter(is).collect()
}

fn only<'a>(above: &'a Controller, role: &str) -> &'a Controller {
    let found = having(above, role);
    assert_eq!(found.len(), 1, "{role}: {above:#?}");
    found[0]
}

fn power(found: &Inspection) -> &Power {
    found.power.as_ref().unwrap()
}

/// Whether all is told but what functions do that no release has.
fn all_told(found: &Inspection) -> bool {
    let further = ["only tried by a stranger", "not held against the releases"];
    let mut unknown = power(found).unknown.iter();
    unknown.all(|why| further.iter().any(|words| why.contains(words)))
}

async fn timelock(
    world: &World,
    package: &str,
    wait: u64,
    roles: [Vec<Address>; 2],
    admin: Address,
) -> Address {
    let [proposers, executors] = roles;
    let arguments = params((U256::from(wait), proposers, executors, admin));
    world
        .deploy(&artifact(package, "TimelockController"), &arguments)
        .await
}

//! Everyone who can press the button, on a real chain with the published contracts: what the tree claims
//! to be proven, what it takes, and what goes around a timelock.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

#[path = "inspect_kinds/pruned.rs"]
mod pruned;
#[path = "inspect_kinds/world.rs"]
mod world;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use cutover_inspect::inspect;
use cutover_types::{
    Inspection,
    abi::IMPLEMENTATION_SLOT,
    inspection::{Controller, HistorySource, Power, Presses},
    progress::Silent,
};
use std::{collections::BTreeMap, sync::OnceLock};
use world::{World, artifact, compile, published};

const OZ4: &str = "oz-4.9";
const OZ5: &str = "@openzeppelin/contracts";
const NOBODY: Address = Address::ZERO;

alloy_sol_types::sol! {
    function setup(address[] owners, uint256 threshold, address to, bytes data, address fallbackHandler, address paymentToken, uint256 payment, address paymentReceiver) external;
    function enableModule(address module) external;
    function setGuard(address guard) external;
    function transferOwnership(address next) external;
    function setOwner(address next) external;
    function grantRole(bytes32 role, address account) external;
    function initialize(address first) external;

    interface IKernel {
        function initialize(address acl, address creator) external;
        function acl() external view returns (address);
        function setApp(bytes32 namespace, bytes32 appId, address app) external;
        function createPermission(address entity, address app, bytes32 role, address manager) external;
    }
    interface IAgent { function initialize() external; }
    interface IRolesProxy { function initialize(address admin, address first, address second) external; }
    interface IGuarded { function initialize(address first, address guard) external; }
    interface IWarded { function rely(address who) external; function deny(address who) external; }
    interface IExecutor { function initialize(address admin, address[] executors) external; }
    interface IManager {
        function grantRole(uint64 roleId, address account, uint32 executionDelay) external;
        function setTargetFunctionRole(address target, bytes4[] selectors, uint64 roleId) external;
    }
}

fn contract(name: &str) -> Bytes {
    static OUTPUT: OnceLock<BTreeMap<String, Bytes>> = OnceLock::new();
    let source = include_str!("inspect_controllers/Controllers.sol");
    OUTPUT.get_or_init(|| compile(&[("Controllers.sol", source)]))[name].clone()
}

fn params<T: SolValue>(arguments: T) -> Vec<u8>
where
    for<'a> <T::SolType as alloy_sol_types::SolType>::Token<'a>: alloy_sol_types::abi::TokenSeq<'a>,
{
    arguments.abi_encode_params()
}

async fn look(world: &World, proxy: Address) -> Inspection {
    inspect(&world.node, proxy, None, &Silent).await.unwrap()
}

/// A transparent proxy of 4.x whose ProxyAdmin `owner` owns.
async fn owned_by(world: &World, owner: Address) -> (Address, Address) {
    let blue = world.deploy(&contract("Box"), &[]).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let proxy = world
        .deploy(
            &artifact(OZ4, "TransparentUpgradeableProxy"),
            &params((blue, admin, Bytes::new())),
        )
        .await;
    let hand_over = transferOwnershipCall { next: owner }.abi_encode();
    world.act(world.accounts[0], admin, &hand_over.into()).await;
    (proxy, admin)
}

async fn uups(world: &World, blue: Address, data: Vec<u8>) -> Address {
    world
        .deploy(
            &artifact(OZ4, "ERC1967Proxy"),
            &params((blue, Bytes::from(data))),
        )
        .await
}

const SAFES: [(&str, &str, &str); 3] = [
    (
        "1.3.0",
        "GnosisSafe.sol/GnosisSafe.json",
        "proxies/GnosisSafeProxy.sol/GnosisSafeProxy.json",
    ),
    (
        "1.4.1",
        "Safe.sol/Safe.json",
        "proxies/SafeProxy.sol/SafeProxy.json",
    ),
    (
        "1.5.0",
        "Safe.sol/Safe.json",
        "proxies/SafeProxy.sol/SafeProxy.json",
    ),
];

async fn safe(world: &World, version: usize, owners: &[Address], threshold: u64) -> Address {
    let (version, singleton, proxy) = SAFES[version];
    let package = format!("safe-{version}");
    let file = |file: &str| published(&package, &format!("build/artifacts/contracts/{file}"));
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

#[tokio::test]
async fn a_safe_takes_its_threshold_and_every_module_presses_alone() {
    let world = World::start().await;
    for (version, (number, ..)) in SAFES.iter().enumerate() {
        let owners = &world.accounts[1..4];
        let safe = safe(&world, version, owners, 2).await;
        let (proxy, _) = owned_by(&world, safe).await;
        let found = look(&world, proxy).await;
        let seen = &found.controllers[0].members[0];
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
        let slot: B256 = keccak256("guard_manager.guard.address");
        world.set_slot(safe, slot, guard.into_word()).await;
        let found = look(&world, proxy).await;
        let seen = &found.controllers[0].members[0];
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
    let (proxy, _) = owned_by(&world, top).await;
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0].members[0];
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

#[tokio::test]
async fn a_timelock_names_its_roles_and_what_goes_around_it() {
    let world = World::start().await;
    let a = &world.accounts;
    for package in [OZ4, OZ5] {
        let council = safe(&world, 1, &a[1..4], 2).await;
        let lock = timelock(
            &world,
            package,
            172_800,
            [vec![council], vec![NOBODY]],
            a[6],
        )
        .await;
        let (proxy, _) = owned_by(&world, lock).await;
        let found = look(&world, proxy).await;
        let seen = &found.controllers[0].members[0];
        assert_eq!(
            (seen.kind.as_str(), seen.delay_seconds),
            ("timelock", Some(172_800))
        );
        let proposer = only(seen, "proposer");
        assert!(proposer.proven && proposer.kind == "safe", "{seen:#?}");
        assert!(
            proposer.members.iter().all(|owner| owner.proven),
            "{seen:#?}"
        );
        assert_eq!(only(seen, "executor").kind, "anyone");
        assert_eq!(only(seen, "canceller").presses, Presses::No);
        let admin = only(seen, "role admin");
        assert!(admin.proven && admin.address == a[6], "{admin:#?}");
        let takes = power(&found);
        assert_eq!(
            (takes.delay_seconds, takes.fewest_signers, takes.complete),
            (Some(172_800), Some(1), true),
            "{takes:#?}"
        );
        assert!(takes.bypasses.is_empty(), "{takes:#?}");
    }
    // An executor above: the council goes around the timelock.
    let lock = timelock(&world, OZ5, 86_400, [vec![a[1]], vec![a[2]]], NOBODY).await;
    let council = safe(&world, 1, &a[3..6], 3).await;
    let code = published(
        "upgrade-executor",
        "build/contracts/src/UpgradeExecutor.sol/UpgradeExecutor.json",
    );
    let logic = world.deploy(&code, &[]).await;
    let its_admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let executor = world
        .deploy(
            &artifact(OZ4, "TransparentUpgradeableProxy"),
            &params((logic, its_admin, Bytes::new())),
        )
        .await;
    let start = IExecutor::initializeCall {
        admin: executor,
        executors: vec![lock, council],
    };
    world.act(a[0], executor, &start.abi_encode().into()).await;
    let (proxy, _) = owned_by(&world, executor).await;
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0].members[0];
    assert_eq!(seen.kind, "upgrade-executor", "{seen:#?}");
    let executors = having(seen, "EXECUTOR_ROLE");
    assert_eq!(executors.len(), 2);
    assert!(executors.iter().all(|member| member.proven), "{seen:#?}");
    let locked = executors
        .iter()
        .find(|member| member.kind == "timelock")
        .unwrap();
    assert!(
        only(locked, "proposer").proven && only(locked, "executor").proven,
        "{locked:#?}"
    );
    // Whoever changes the executor's code can make it do anything.
    let upgrader = seen
        .members
        .iter()
        .find(|member| member.kind == "proxy-admin")
        .unwrap();
    assert!(
        upgrader
            .role
            .as_deref()
            .unwrap()
            .contains("upgrades its code")
    );
    assert!(
        upgrader.proven && upgrader.members[0].address == a[0],
        "{upgrader:#?}"
    );
    let takes = power(&found);
    assert_eq!(
        (takes.delay_seconds, takes.fewest_signers),
        (Some(0), Some(1)),
        "{takes:#?}"
    );
    let slow = takes
        .paths
        .iter()
        .find(|path| path.delay_seconds == 86_400)
        .unwrap();
    assert_eq!(
        (slow.signers, slow.proven, slow.skips.len()),
        (Some(2), true, 0),
        "{takes:#?}"
    );
    assert_eq!(takes.bypasses.len(), 2, "{takes:#?}");
    assert!(
        takes
            .bypasses
            .iter()
            .all(|words| words.contains(&lock.to_string())),
        "{takes:#?}"
    );
    assert!(
        takes
            .bypasses
            .iter()
            .any(|words| words.contains("3 of 3 owners of safe")),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn compounds_timelock_waits_for_its_admin_and_for_who_may_become_it() {
    let world = World::start().await;
    let a = &world.accounts;
    let lock = world
        .deploy(
            &contract("CompoundTimelock"),
            &params((a[1], a[2], U256::from(172_800))),
        )
        .await;
    let (proxy, _) = owned_by(&world, lock).await;
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0].members[0];
    assert_eq!(
        (seen.kind.as_str(), seen.delay_seconds),
        ("timelock", Some(172_800))
    );
    for role in ["admin", "pending admin"] {
        let member = only(seen, role);
        assert!(member.proven, "{member:#?}");
        assert_eq!(member.wait_seconds, Some(172_800));
    }
    assert_eq!(power(&found).delay_seconds, Some(172_800));
}

#[tokio::test]
async fn roles_are_read_from_the_logs_and_asked_for_again() {
    let world = World::start().await;
    let a = &world.accounts;
    let blue = world.deploy(&contract("Roles"), &[]).await;
    let start = IRolesProxy::initializeCall {
        admin: a[1],
        first: a[2],
        second: a[3],
    };
    let proxy = uups(&world, blue, start.abi_encode()).await;
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
    assert!(power(&found).complete);
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
        (takes.delay_seconds, takes.complete),
        (Some(0), true),
        "{takes:#?}"
    );
    assert_eq!(takes.bypasses.len(), 1, "{takes:#?}");

    // Who waits for nothing sends it itself.
    world
        .act(a[1], manager, &grant(a[4], 0).abi_encode().into())
        .await;
    let found = look(&world, proxy).await;
    let upgrade = found.upgrade.as_ref().unwrap();
    assert!(upgrade.proven && upgrade.from == a[4], "{found:#?}");
}

#[tokio::test]
async fn a_governor_needs_votes_and_its_timelock_waits() {
    let world = World::start().await;
    let a = &world.accounts;
    let token = world.deploy(&contract("Token"), &params((a[1],))).await;
    let lock = timelock(&world, OZ5, 86_400, [vec![], vec![NOBODY]], a[0]).await;
    let governor = world
        .deploy(&contract("Votes"), &params((token, lock)))
        .await;
    for role in ["PROPOSER_ROLE", "CANCELLER_ROLE"] {
        let grant = grantRoleCall {
            role: keccak256(role),
            account: governor,
        };
        world.act(a[0], lock, &grant.abi_encode().into()).await;
    }
    let (proxy, _) = owned_by(&world, lock).await;
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0].members[0];
    let proposer = only(seen, "proposer");
    assert_eq!(
        (proposer.kind.as_str(), proposer.delay_seconds),
        ("governor", Some(691_200))
    );
    assert!(proposer.proven, "{proposer:#?}");
    assert_eq!(proposer.facts["quorum"], "40");
    let voters = only(proposer, "votes");
    assert_eq!(
        (voters.kind.as_str(), voters.address, voters.proven),
        ("token", token, false)
    );
    let takes = power(&found);
    let vote = takes
        .paths
        .iter()
        .find(|path| path.route.contains(&token))
        .unwrap();
    assert_eq!(
        (vote.delay_seconds, vote.signers),
        (777_600, None),
        "{takes:#?}"
    );
    assert!(
        !takes.complete && takes.unknown.iter().any(|why| why.contains("holders")),
        "{takes:#?}"
    );
    // The deployer kept the role admin: 86400 s instead of the vote.
    assert_eq!(
        (takes.delay_seconds, takes.fewest_signers),
        (Some(86_400), Some(1))
    );
    assert!(
        takes
            .bypasses
            .iter()
            .any(|words| words.contains("role admin")),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn wards_owners_authorities_and_heirs_are_told_apart() {
    let world = World::start().await;
    let a = &world.accounts;
    let blue = world.deploy(&contract("Warded"), &[]).await;
    let proxy = uups(&world, blue, initializeCall { first: a[1] }.abi_encode()).await;
    for data in [
        IWarded::relyCall { who: a[2] }.abi_encode(),
        IWarded::relyCall { who: a[3] }.abi_encode(),
        IWarded::denyCall { who: a[3] }.abi_encode(),
    ] {
        world.act(a[1], proxy, &data.into()).await;
    }
    let found = look(&world, proxy).await;
    let mut wards: Vec<_> = found.controllers.iter().map(|c| c.address).collect();
    wards.sort();
    let mut expected = vec![a[1], a[2]];
    expected.sort();
    assert_eq!(wards, expected, "{found:#?}");
    assert!(
        found
            .controllers
            .iter()
            .all(|c| c.proven && c.role.as_deref() == Some("ward"))
    );

    let guard = world.deploy(&contract("Guard"), &params((a[5],))).await;
    let blue = world.deploy(&contract("Guarded"), &[]).await;
    let start = IGuarded::initializeCall { first: a[4], guard };
    let proxy = uups(&world, blue, start.abi_encode()).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.controllers[0].address, a[4]);
    assert_eq!(found.controllers[0].role.as_deref(), Some("owner"));
    let authority = found
        .controllers
        .iter()
        .find(|c| c.address == guard)
        .unwrap();
    assert_eq!(authority.role.as_deref(), Some("authority"), "{found:#?}");
    assert!(!authority.proven && !power(&found).complete, "{found:#?}");

    let admin = world
        .deploy(&contract("Admin2Step"), &params((a[6],)))
        .await;
    let blue = world.deploy(&contract("Box"), &[]).await;
    let proxy = world
        .deploy(
            &artifact(OZ4, "TransparentUpgradeableProxy"),
            &params((blue, admin, Bytes::new())),
        )
        .await;
    let heir = transferOwnershipCall { next: a[7] }.abi_encode();
    world.act(a[6], admin, &heir.into()).await;
    let found = look(&world, proxy).await;
    let root = &found.controllers[0];
    assert_eq!(root.kind, "proxy-admin");
    assert!(
        only(root, "owner").proven && only(root, "pending owner").proven,
        "{root:#?}"
    );
    assert_eq!(only(root, "pending owner").address, a[7]);
}

#[tokio::test]
async fn circles_liars_and_nobody_end_the_tree() {
    let world = World::start().await;
    let (one, two) = (
        world.deploy(&contract("Owned"), &[]).await,
        world.deploy(&contract("Owned"), &[]).await,
    );
    for (contract, next) in [(one, two), (two, one)] {
        let data = setOwnerCall { next }.abi_encode();
        world.act(world.accounts[0], contract, &data.into()).await;
    }
    let (proxy, _) = owned_by(&world, one).await;
    let found = look(&world, proxy).await;
    let first = &found.controllers[0].members[0];
    assert!(first.proven && first.kind == "ownable", "{first:#?}");
    let back = &first.members[0].members[0];
    assert!(
        back.repeated && back.address == one && back.members.is_empty(),
        "{first:#?}"
    );
    let takes = power(&found);
    assert_eq!(takes.fewest_signers, None, "{takes:#?}");
    assert!(!takes.complete, "{takes:#?}");

    let liar = world.deploy(&contract("Liar"), &[]).await;
    let (proxy, _) = owned_by(&world, liar).await;
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0].members[0];
    assert_eq!(
        (seen.kind.as_str(), seen.delay_seconds),
        ("contract", None),
        "{seen:#?}"
    );
    assert!(!power(&found).complete);

    let (proxy, _) = owned_by(&world, Address::with_last_byte(1)).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.controllers[0].members[0].kind, "renounced");
    assert_eq!(power(&found).fewest_signers, None);
}

#[tokio::test]
async fn former_implementations_are_found_in_the_slot_where_no_event_tells() {
    let world = World::start().await;
    let blue = world.deploy(&contract("Box"), &[]).await;
    let green = world.deploy(&contract("Box"), &[]).await;
    let admin = world.deploy(&artifact("oz-3.4", "ProxyAdmin"), &[]).await;
    // The constructor of 3.x says nothing.
    let proxy = world
        .deploy(
            &artifact("oz-3.4", "TransparentUpgradeableProxy"),
            &params((blue, admin, Bytes::new())),
        )
        .await;
    let made: u64 = look(&world, proxy).await.block.number;
    for _ in 0..20 {
        let _: serde_json::Value = world
            .node
            .call("anvil_mine", serde_json::json!([]))
            .await
            .unwrap();
    }
    // And this neither.
    world
        .set_slot(proxy, IMPLEMENTATION_SLOT, green.into_word())
        .await;
    let found = look(&world, proxy).await;
    let seen: Vec<_> = found
        .history
        .iter()
        .map(|entry| {
            (
                entry.implementation,
                entry.block,
                entry.transaction,
                entry.found,
            )
        })
        .collect();
    assert_eq!(
        seen[0],
        (blue, made, None, HistorySource::Search),
        "{found:#?}"
    );
    assert_eq!((seen[1].0, seen.len()), (green, 2), "{found:#?}");
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("not from events")),
        "{:?}",
        found.notes
    );
}

#[tokio::test]
async fn a_node_without_logs_leaves_the_members_open_and_says_so() {
    let world = World::start().await;
    let a = &world.accounts;
    let lock = timelock(&world, OZ5, 86_400, [vec![a[1]], vec![NOBODY]], NOBODY).await;
    let (proxy, _) = owned_by(&world, lock).await;
    let port = pruned::refusing(world.port, &["eth_getLogs"], vec![String::new()]);
    let found = inspect(&world::node(port), proxy, None, &Silent)
        .await
        .unwrap();
    let seen = &found.controllers[0].members[0];
    assert!(
        seen.proven && seen.delay_seconds == Some(86_400),
        "{seen:#?}"
    );
    assert!(having(seen, "proposer").is_empty(), "{seen:#?}");
    let takes = power(&found);
    assert!(
        !takes.complete && takes.fewest_signers.is_none(),
        "{takes:#?}"
    );
    assert!(
        takes
            .unknown
            .iter()
            .any(|why| why.contains("the members of PROPOSER_ROLE are not known")),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn aragons_agent_acts_for_those_its_list_names() {
    let world = World::start().await;
    let a = &world.accounts;
    let code = |name: &str| published("aragon", &format!("build/contracts/{name}.json"));
    let base = world.deploy(&code("Kernel"), &params((true,))).await;
    let list = world.deploy(&code("ACL"), &[]).await;
    let kernel = world.deploy(&code("KernelProxy"), &params((base,))).await;
    let start = IKernel::initializeCall {
        acl: list,
        creator: a[0],
    };
    world.act(a[0], kernel, &start.abi_encode().into()).await;
    let question = serde_json::json!([{"to": kernel, "data": Bytes::from(IKernel::aclCall {}.abi_encode())}, "latest"]);
    let acl: Bytes = world.node.call("eth_call", question).await.unwrap();
    let acl = Address::from_slice(&acl[12..32]);
    let agent_code = published("aragon-agent", "build/contracts/Agent.json");
    let agent_base = world.deploy(&agent_code, &[]).await;
    let id = keccak256("agent");
    let permit = |entity, app, role: &str| IKernel::createPermissionCall {
        entity,
        app,
        role: keccak256(role),
        manager: a[1],
    };
    let manage = permit(a[0], kernel, "APP_MANAGER_ROLE");
    world.act(a[0], acl, &manage.abi_encode().into()).await;
    let install = IKernel::setAppCall {
        namespace: keccak256("base"),
        appId: id,
        app: agent_base,
    };
    world.act(a[0], kernel, &install.abi_encode().into()).await;
    let agent = world
        .deploy(
            &code("AppProxyUpgradeable"),
            &params((
                kernel,
                id,
                Bytes::from(IAgent::initializeCall {}.abi_encode()),
            )),
        )
        .await;
    let execute = permit(a[2], agent, "EXECUTE_ROLE");
    world.act(a[0], acl, &execute.abi_encode().into()).await;
    let (proxy, _) = owned_by(&world, agent).await;
    let found = look(&world, proxy).await;
    let seen = &found.controllers[0].members[0];
    assert_eq!(seen.kind, "aragon-agent", "{seen:#?}");
    let executor = only(seen, "EXECUTE_ROLE");
    assert!(executor.proven && executor.address == a[2], "{seen:#?}");
    let manager = only(seen, "permission manager (EXECUTE_ROLE)");
    assert!(manager.proven && manager.address == a[1], "{seen:#?}");
    // Whoever sets the kernel's apps gives the Agent other code.
    let upgrader = seen
        .members
        .iter()
        .find(|m| m.role.as_deref().is_some_and(|r| r.starts_with("upgrades")));
    assert_eq!(upgrader.unwrap().kind, "aragon-kernel", "{seen:#?}");
}

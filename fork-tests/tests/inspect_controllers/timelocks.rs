//! Timelocks, and what goes around them.

use super::{
    NOBODY, OZ4, OZ5, contract, controlled_by, facade, having, holder, only, owned_by, power, safe,
    timelock,
    world::{World, artifact, look, node, params, published},
};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use cutover_inspect::inspect;
use cutover_types::{inspection::Presses, progress::Silent};

alloy_sol_types::sol! {
    interface IExecutor { function initialize(address admin, address[] executors) external; }
    interface IQueue {
        function schedule(address target, uint256 value, bytes data, bytes32 predecessor, bytes32 salt, uint256 delay) external;
        function cancel(bytes32 id) external;
        function queueTransaction(address target, uint256 value, string signature, bytes data, uint256 eta) external;
    }
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
        let found = controlled_by(&world, lock).await;
        let seen = holder(&found);
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
    let executor = world.transparent(OZ4, logic, its_admin).await;
    let start = IExecutor::initializeCall {
        admin: executor,
        executors: vec![lock, council],
    };
    world.act(a[0], executor, &start.abi_encode().into()).await;
    let found = controlled_by(&world, executor).await;
    let seen = holder(&found);
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
    let found = controlled_by(&world, lock).await;
    let seen = holder(&found);
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
async fn a_node_without_logs_leaves_the_members_open_and_says_so() {
    let world = World::start().await;
    let a = &world.accounts;
    let lock = timelock(&world, OZ5, 86_400, [vec![a[1]], vec![NOBODY]], NOBODY).await;
    let (proxy, _) = owned_by(&world, lock).await;
    let port = facade::refusing(world.port, &["eth_getLogs"], vec![String::new()]);
    let found = inspect(&node(port), proxy, None, &Silent).await.unwrap();
    let seen = holder(&found);
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
async fn what_was_announced_and_is_not_executed_is_named() {
    let world = World::start().await;
    let a = &world.accounts;
    let waits = |found: &cutover_types::Inspection| {
        let unknown = &power(found).unknown;
        let why = unknown.iter().find(|why| why.contains("wait in"));
        why.map(|why| why.split(' ').next().unwrap().to_owned())
    };
    let lock = timelock(&world, OZ5, 3_600, [vec![a[1]], vec![a[2]]], a[3]).await;
    let (proxy, _) = owned_by(&world, lock).await;
    assert_eq!(waits(&look(&world, proxy).await), None);
    let schedule = IQueue::scheduleCall {
        target: lock,
        value: U256::ZERO,
        data: Bytes::new(),
        predecessor: B256::ZERO,
        salt: B256::ZERO,
        delay: U256::from(3_600),
    };
    world.act(a[1], lock, &schedule.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    assert_eq!(waits(&found).as_deref(), Some("1"), "{found:#?}");
    let id =
        keccak256((lock, U256::ZERO, Bytes::new(), B256::ZERO, B256::ZERO).abi_encode_params());
    let cancel = IQueue::cancelCall { id };
    world.act(a[1], lock, &cancel.abi_encode().into()).await;
    assert_eq!(waits(&look(&world, proxy).await), None);

    let uniswap = published("uniswap-governance", "build/Timelock.json");
    let lock = world
        .deploy(&uniswap, &params((a[1], U256::from(172_800))))
        .await;
    let (proxy, _) = owned_by(&world, lock).await;
    let queue = IQueue::queueTransactionCall {
        target: lock,
        value: U256::ZERO,
        signature: String::new(),
        data: Bytes::new(),
        eta: U256::from(u32::MAX),
    };
    world.act(a[1], lock, &queue.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    assert_eq!(waits(&found).as_deref(), Some("1"), "{found:#?}");
}

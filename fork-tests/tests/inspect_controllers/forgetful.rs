//! Nodes that answer for logs and leave some out: that these name nobody never means that there is nobody.

use super::{
    OZ5, all_told, by_roles, contract, facade, owned_by, power, timelock, uups,
    world::{World, artifact, look, node, params},
};
use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolCall;
use cutover_inspect::inspect;
use cutover_types::{Inspection, progress::Silent};
use serde_json::{Value, json};

alloy_sol_types::sol! {
    function initialize(address first) external;
    function setTargetFunctionRole(address target, bytes4[] selectors, uint64 roleId) external;
    function grantRole(bytes32 role, address account) external;
    function renounceRole(bytes32 role, address account) external;
}

/// How a node is forgetful: what it leaves of the logs.
type Leaves = fn(Vec<Value>) -> Vec<Value>;

/// What is said of `proxy` through a node that leaves out some of the logs.
async fn through(world: &World, proxy: Address, leaves: Leaves) -> Inspection {
    let port = facade::before(world.port, move |call, upstream| {
        let mut answer = upstream(call);
        if call["method"] == "eth_getLogs"
            && let Value::Array(logs) = answer["result"].take()
        {
            answer["result"] = json!(leaves(logs));
        }
        answer
    });
    inspect(&node(port), proxy, None, &Silent).await.unwrap()
}

const NONE: Leaves = |_| Vec::new();
const FIRST: Leaves = |logs| logs.into_iter().take(1).collect();
const NEWEST: Leaves = |logs| logs.into_iter().rev().take(1).collect();

#[tokio::test]
async fn roles_of_a_timelock_whose_logs_are_missing_are_not_nobodys() {
    let world = World::start().await;
    let a = &world.accounts;
    let roles = [vec![a[1], a[5]], vec![a[2]]];
    let lock = timelock(&world, OZ5, 172_800, roles, a[6]).await;
    let grant = grantRoleCall {
        role: keccak256("PROPOSER_ROLE"),
        account: a[7],
    };
    world.act(a[6], lock, &grant.abi_encode().into()).await;
    let (proxy, _) = owned_by(&world, lock).await;
    let whole = look(&world, proxy).await;
    assert!(power(&whole).complete, "{whole:#?}");
    for leaves in [NONE, FIRST, NEWEST] {
        let found = through(&world, proxy, leaves).await;
        let takes = power(&found);
        assert!(!takes.complete, "{takes:#?}");
        let said = takes.unknown.join("\n");
        assert!(said.contains("does not give all logs"), "{said}");
    }

    // Nobody proposes any more, and the logs say so: still only logs.
    let proposer = keccak256("PROPOSER_ROLE");
    let gone = [a[1], a[5], a[7]].map(|who| (who, proposer));
    for (who, role) in gone.into_iter().chain([(a[6], B256::ZERO)]) {
        let renounce = renounceRoleCall { role, account: who };
        world.act(who, lock, &renounce.abi_encode().into()).await;
    }
    let found = look(&world, proxy).await;
    let takes = power(&found);
    assert!(takes.paths.is_empty() && !takes.complete, "{takes:#?}");
    assert!(takes.unknown[0].contains("no proposer"), "{takes:#?}");
}

#[tokio::test]
async fn holders_that_no_log_names_show_that_logs_are_missing() {
    let world = World::start().await;
    let a = &world.accounts;
    let proxy = by_roles(&world, a[1], [a[2], a[3]]).await;
    let grant = grantRoleCall {
        role: keccak256("UPGRADER_ROLE"),
        account: a[4],
    };
    world.act(a[1], proxy, &grant.abi_encode().into()).await;
    for leaves in [NONE, FIRST, NEWEST] {
        let found = through(&world, proxy, leaves).await;
        assert!(!all_told(&found), "{found:#?}");
    }

    let manager = world
        .deploy(&artifact(OZ5, "AccessManager"), &params((a[1],)))
        .await;
    let blue = world
        .deploy(&contract("Managed"), &params((manager,)))
        .await;
    let proxy = uups(&world, blue, initializeCall { first: manager }.abi_encode()).await;
    let allow = setTargetFunctionRoleCall {
        target: proxy,
        selectors: vec![[0x4f, 0x1e, 0xf2, 0x86].into()],
        roleId: 7,
    };
    world.act(a[1], manager, &allow.abi_encode().into()).await;
    assert!(all_told(&look(&world, proxy).await));
    let found = through(&world, proxy, NONE).await;
    assert!(!all_told(&found), "{found:#?}");
}

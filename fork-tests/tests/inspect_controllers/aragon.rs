//! Aragon's Agent and who votes for it.

use super::{
    controlled_by, having, holder, only, power,
    world::{World, params, published},
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;

alloy_sol_types::sol! {
    interface IKernel {
        function initialize(address acl, address creator) external;
        function acl() external view returns (address);
        function setApp(bytes32 namespace, bytes32 appId, address app) external;
        function createPermission(address entity, address app, bytes32 role, address manager) external;
        function grantPermission(address entity, address app, bytes32 role) external;
    }
    interface IAgent { function initialize() external; }
    interface IVoting {
        function initialize(address token, uint64 support, uint64 quorum, uint64 time) external;
    }
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
    let found = controlled_by(&world, agent).await;
    let seen = holder(&found);
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

    // Those who hold the token vote for it.
    let apps = |name: &str| published("aragon-voting", &format!("build/contracts/{name}.json"));
    let arguments = params((
        Address::ZERO,
        Address::ZERO,
        U256::ZERO,
        "Vote".to_owned(),
        U256::from(18),
        "V".to_owned(),
        true,
    ));
    let token = world.deploy(&apps("MiniMeToken"), &arguments).await;
    let voting_base = world.deploy(&apps("Voting"), &[]).await;
    let id = keccak256("voting");
    let install = IKernel::setAppCall {
        namespace: keccak256("base"),
        appId: id,
        app: voting_base,
    };
    world.act(a[0], kernel, &install.abi_encode().into()).await;
    let start = IVoting::initializeCall {
        token,
        support: 500_000_000_000_000_000,
        quorum: 100_000_000_000_000_000,
        time: 259_200,
    };
    let arguments = params((kernel, id, Bytes::from(start.abi_encode())));
    let voting = world.deploy(&code("AppProxyUpgradeable"), &arguments).await;
    let grant = IKernel::grantPermissionCall {
        entity: voting,
        app: agent,
        role: keccak256("EXECUTE_ROLE"),
    };
    world.act(a[1], acl, &grant.abi_encode().into()).await;
    let found = controlled_by(&world, agent).await;
    let executors = having(holder(&found), "EXECUTE_ROLE");
    let seen = executors.iter().find(|member| member.address == voting);
    let seen = seen.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(seen.kind, "aragon-voting", "{seen:#?}");
    assert!(seen.proven, "{seen:#?}");
    assert_eq!(seen.facts["vote seconds"], "259200");
    let voters = only(seen, "votes");
    assert_eq!((voters.address, voters.proven), (token, false), "{seen:#?}");
    assert!(!power(&found).complete);
}

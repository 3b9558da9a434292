//! Governors: holders of a token vote, and the timelock waits.

use super::{
    NOBODY, OZ5, contract, controlled_by, grantRoleCall, holder, only, power, timelock,
    world::{World, params, published},
};
use alloy_primitives::{U256, keccak256};
use alloy_sol_types::SolCall;

alloy_sol_types::sol! {
    function setPendingAdmin(address next) external;
    function acceptAdmin() external;
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
    let found = controlled_by(&world, lock).await;
    let seen = holder(&found);
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
async fn compounds_governor_is_the_admin_of_its_timelock() {
    let world = World::start().await;
    let a = &world.accounts;
    let uniswap = |name: &str| published("uniswap-governance", &format!("build/{name}.json"));
    let never = U256::from(u64::MAX);
    let token = world
        .deploy(&uniswap("Uni"), &params((a[1], a[1], never)))
        .await;
    let delay = U256::from(172_800);
    let lock = world
        .deploy(&uniswap("Timelock"), &params((a[0], delay)))
        .await;
    let governor = world
        .deploy(&uniswap("GovernorAlpha"), &params((lock, token)))
        .await;
    let next = setPendingAdminCall { next: governor }.abi_encode();
    world.act(lock, lock, &next.into()).await;
    let accept = acceptAdminCall {}.abi_encode();
    world.act(governor, lock, &accept.into()).await;
    let found = controlled_by(&world, lock).await;
    let seen = holder(&found);
    assert_eq!(
        (seen.kind.as_str(), seen.delay_seconds),
        ("timelock", Some(172_800))
    );
    let admin = only(seen, "admin");
    assert_eq!((admin.kind.as_str(), admin.address), ("governor", governor));
    assert!(admin.proven, "{admin:#?}");
    let voters = only(admin, "votes");
    assert_eq!((voters.address, voters.proven), (token, false));
    let takes = power(&found);
    assert_eq!(
        (takes.delay_seconds, takes.fewest_signers, takes.complete),
        (Some(172_800), None, false),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn governor_bravo_votes_and_who_may_change_its_code_need_not() {
    let world = World::start().await;
    let a = &world.accounts;
    let venus = |name: &str| {
        let (folder, file) = name.split_once('/').unwrap();
        let file = format!("artifacts/contracts/{folder}/{file}");
        published("venus-governance", &file)
    };
    let delay = U256::from(172_800);
    let lock = world
        .deploy(
            &venus("Governance/Timelock.sol/Timelock.json"),
            &params((a[0], delay)),
        )
        .await;
    let votes = world.deploy(&contract("Token"), &params((a[1],))).await;
    let logic = world
        .deploy(
            &venus("legacy/GovernorBravoDelegateV1.sol/GovernorBravoDelegateV1.json"),
            &params(()),
        )
        .await;
    let threshold = U256::from(150_000) * U256::from(10).pow(U256::from(18));
    let numbers = (U256::from(28_800), U256::from(1), threshold);
    let arguments = (
        lock, votes, a[3], logic, numbers.0, numbers.1, numbers.2, a[2],
    );
    let governor = world
        .deploy(
            &venus("legacy/GovenorBravoV1.sol/GovernorBravoDelegatorV1.json"),
            &params(arguments),
        )
        .await;
    let next = setPendingAdminCall { next: governor }.abi_encode();
    world.act(lock, lock, &next.into()).await;
    let accept = acceptAdminCall {}.abi_encode();
    world.act(governor, lock, &accept.into()).await;
    let found = controlled_by(&world, lock).await;
    let seen = only(holder(&found), "admin");
    assert_eq!((seen.kind.as_str(), seen.address), ("governor", governor));
    assert!(seen.proven, "{seen:#?}");
    assert_eq!(seen.facts["voting period"], "28800 blocks");
    let voters = only(seen, "votes");
    assert_eq!((voters.address, voters.proven), (votes, false));
    let admin = only(seen, "upgrades its code, admin");
    assert_eq!((admin.address, admin.proven), (a[3], true), "{seen:#?}");
    let takes = power(&found);
    let path = takes.paths.iter().find(|path| path.route[0] == a[3]);
    let path = path.unwrap();
    assert_eq!(
        (path.signers, path.delay_seconds, path.proven),
        (Some(1), 172_800, true),
        "{takes:#?}"
    );
    assert_eq!(takes.fewest_signers, Some(1));
    assert!(!takes.complete, "{takes:#?}");
}

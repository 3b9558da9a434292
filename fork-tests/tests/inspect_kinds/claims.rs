//! What is believed only when executing shows it, and what is no proxy whatever it holds.

use super::*;

#[tokio::test]
async fn the_controller_tree_names_multisigs_and_timelocks() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let owners = world.accounts[1..4].to_vec();
    let safe = world
        .deploy(&compiled("Multisig"), &params((owners.clone(),)))
        .await;
    let nobody = Vec::<Address>::new();
    let timelock = world
        .deploy(
            &artifact(OZ4, "TimelockController"),
            &params((U256::from(3600), nobody.clone(), nobody, safe)),
        )
        .await;
    for (owner, kind) in [(safe, "multisig"), (timelock, "timelock")] {
        let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
        let proxy = world.transparent(OZ4, blue, admin).await;
        let hand_over = transferOwnershipCall { next: owner }.abi_encode();
        world.act(world.accounts[0], admin, &hand_over.into()).await;
        let found = look(&world, proxy).await;
        let upgrade = found.upgrade.unwrap();
        assert!(upgrade.proven);
        assert_eq!((upgrade.from, upgrade.to), (owner, admin));
        let owner = &found.controllers[0].members[0];
        assert_eq!(owner.kind, kind);
        assert!(owner.proven);
        if kind == "multisig" {
            assert_eq!(owner.threshold, Some(2));
            let members: Vec<_> = owner.members.iter().map(|m| m.address).collect();
            assert_eq!(members, owners);
            assert!(owner.members.iter().all(|m| m.kind == "eoa" && !m.proven));
        } else {
            assert_eq!(owner.delay_seconds, Some(3600));
        }
    }
}

#[tokio::test]
async fn an_implementation_that_accepts_everything_proves_nothing() {
    let world = World::start().await;
    let yes = world.deploy(&compiled("Yes"), &[]).await;
    // Not transparent, not UUPS: the upgrade call would reach the implementation and "succeed".
    let proxy = world
        .deploy(&artifact(OZ4, "ERC1967Proxy"), &params((yes, Bytes::new())))
        .await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Unknown);
    assert_eq!(facts.implementation.address, yes);
    assert!(found.upgrade.is_none());
}

#[tokio::test]
async fn contracts_and_accounts_that_forward_nothing_are_no_proxies() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let registry = world.deploy(&compiled("Registry"), &params((blue,))).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let implementation = world.deploy(&compiled("Owned5"), &[]).await;
    let nobody = Address::repeat_byte(0x42);
    for account in [
        blue,
        registry,
        admin,
        implementation,
        world.accounts[1],
        nobody,
    ] {
        let found = look(&world, account).await;
        assert!(
            found.proxy.is_none() && found.upgrade.is_none(),
            "{found:#?}"
        );
        assert!(!found.notes.is_empty());
    }
}

#[tokio::test]
async fn the_requests_for_recording_are_the_upgrade_calls() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let admin = world.deploy(&artifact(OZ4, "ProxyAdmin"), &[]).await;
    let proxy = world.transparent(OZ4, blue, admin).await;
    let found = look(&world, proxy).await;
    let path = found.upgrade.unwrap().path;
    let runs = found.proxy.unwrap().implementation;
    assert_eq!(runs.address, blue);
    let requests = cutover_inspect::upgrade_requests(&path, &runs);
    let selectors: Vec<_> = requests
        .iter()
        .map(|request| request.data[..4].to_vec())
        .collect();
    assert_eq!(
        selectors,
        [
            IProxyAdmin::upgradeCall::SELECTOR.to_vec(),
            IProxyAdmin::upgradeAndCallCall::SELECTOR.to_vec()
        ]
    );
    assert!(
        requests
            .iter()
            .all(|r| r.from == world.accounts[0] && r.to == Some(admin))
    );
}

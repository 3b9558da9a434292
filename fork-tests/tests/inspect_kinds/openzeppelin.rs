//! OpenZeppelin's own proxies, of every version that has another ABI.

use super::*;

#[tokio::test]
async fn transparent_proxies_of_3_and_4_are_upgraded_through_their_proxy_admin() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    for package in [OZ3, OZ4] {
        let admin = world.deploy(&artifact(package, "ProxyAdmin"), &[]).await;
        let proxy = world.transparent(package, blue, admin).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        let owner = world.accounts[0];
        assert_found(
            &found,
            &through_admin(ProxyKind::Transparent, Verb::AdminUpgrade, owner, admin),
        );
        assert_eq!(found.controllers[0].kind, "proxy-admin");
        assert_eq!(found.controllers[0].members[0].kind, "eoa");
        assert!(found.controllers[0].members[0].proven);
        let history = look(&world, proxy).await.history;
        let ran: Vec<_> = history.iter().map(|entry| entry.implementation).collect();
        // The constructor of 3.x says nothing.
        let constructed = if package == OZ3 { 0 } else { 1 };
        assert_eq!(
            ran,
            [[blue].as_slice(), &[green, blue]].concat()[1 - constructed..]
        );
    }
}

#[tokio::test]
async fn a_transparent_proxy_with_a_bare_admin_is_upgraded_by_it() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let admin = world.accounts[3];
    for package in [OZ3, OZ4] {
        let proxy = world.transparent(package, blue, admin).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &Expected {
                kind: ProxyKind::Transparent,
                verb: Verb::UpgradeTo,
                with_data: Some(Verb::UpgradeToAndCall),
                from: admin,
                to: proxy,
            },
        );
        assert_eq!(found.controllers[0].kind, "eoa");
    }
}

#[tokio::test]
async fn a_transparent_proxy_of_5_obeys_the_admin_in_its_code_whatever_the_slot_says() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[2];
    let proxy = world.transparent(OZ5, blue, owner).await;
    let admin = proxy.create(1);
    let expected = through_admin(
        ProxyKind::TransparentV5,
        Verb::AdminUpgradeAndCall,
        owner,
        admin,
    );
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(&found, &expected);
    assert!(found.proxy.unwrap().conflicts.is_empty());

    let liar = world.accounts[5];
    world.set_slot(proxy, ADMIN_SLOT, liar.into_word()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_found(&found, &expected);
    let facts = found.proxy.unwrap();
    assert_eq!(facts.admin, Some(admin));
    assert!(facts.conflicts[0].contains(&liar.to_string()), "{facts:#?}");
}

#[tokio::test]
async fn a_proxy_admin_of_5_over_a_proxy_of_4_is_not_proven_and_says_why() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let owner = world.accounts[0];
    let admin = world
        .deploy(&artifact(OZ5, "ProxyAdmin"), &params((owner,)))
        .await;
    let proxy = world.transparent(OZ4, blue, admin).await;
    let found = look(&world, proxy).await;
    let verb = Verb::AdminUpgradeAndCall;
    assert_found(
        &found,
        &through_admin(ProxyKind::Transparent, verb, owner, admin),
    );
    let upgrade = found.upgrade.unwrap();
    assert!(!upgrade.proven);
    assert!(upgrade.why.unwrap().contains("reverts"));
    assert_eq!(found.rollback.unwrap().possible, Possible::Unknown);
}

#[tokio::test]
async fn zos_proxies_are_upgraded_by_their_admin_or_its_proxy_admin() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let creator = world.accounts[0];
    let proxy = world
        .deploy(
            &artifact("zos-lib", "AdminUpgradeabilityProxy"),
            &params((blue,)),
        )
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let mut expected = Expected {
        kind: ProxyKind::ZosAdmin,
        verb: Verb::UpgradeTo,
        with_data: Some(Verb::UpgradeToAndCall),
        from: creator,
        to: proxy,
    };
    assert_found(&found, &expected);
    assert_eq!(found.proxy.unwrap().admin, Some(creator));

    let admin = world.deploy(&artifact(OZ3, "ProxyAdmin"), &[]).await;
    let change = changeAdminCall { next: admin }.abi_encode();
    world.act(creator, proxy, &change.into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    expected = through_admin(ProxyKind::ZosAdmin, Verb::AdminUpgrade, creator, admin);
    assert_found(&found, &expected);
}

#[tokio::test]
async fn uups_proxies_are_upgraded_by_whom_the_implementation_obeys() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let cases = [
        ("Owned4", ProxyKind::UupsV45, Verb::UpgradeTo),
        ("Owned5", ProxyKind::UupsV5, Verb::UpgradeToAndCall),
        ("Roles4", ProxyKind::UupsV45, Verb::UpgradeTo),
        ("Roles5", ProxyKind::UupsV5, Verb::UpgradeToAndCall),
        ("Hidden5", ProxyKind::UupsV5, Verb::UpgradeToAndCall),
    ];
    for (name, kind, verb) in cases {
        let (proxy, green) = uups(&world, name, boss).await;
        let found = holds_what_it_says(&world, proxy, green).await;
        let with_data = Some(Verb::UpgradeToAndCall);
        let expected = Expected {
            kind,
            verb,
            with_data,
            from: boss,
            to: proxy,
        };
        assert_found(&found, &expected);
    }
}

#[tokio::test]
async fn a_shut_way_back_and_a_frozen_implementation_are_said() {
    let world = World::start().await;
    let boss = world.accounts[4];
    let (proxy, _) = uups(&world, "OneWay5", boss).await;
    let found = look(&world, proxy).await;
    assert!(found.upgrade.unwrap().proven);
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("only once"));

    let (proxy, _) = uups(&world, "Frozen5", boss).await;
    let found = look(&world, proxy).await;
    let upgrade = found.upgrade.unwrap();
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::UupsV5);
    assert!(!upgrade.proven);
    assert!(upgrade.why.unwrap().contains("frozen"));
}

#[tokio::test]
async fn beacon_proxies_are_upgraded_at_their_beacon() {
    let world = World::start().await;
    let (blue, green) = boxes(&world).await;
    let owner = world.accounts[0];
    for package in [OZ3, OZ4, OZ5] {
        let arguments = match package {
            OZ5 => params((blue, owner)),
            _ => params((blue,)),
        };
        let beacon = world
            .deploy(&artifact(package, "UpgradeableBeacon"), &arguments)
            .await;
        let proxy = world
            .deploy(
                &artifact(package, "BeaconProxy"),
                &params((beacon, Bytes::new())),
            )
            .await;
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &Expected {
                kind: ProxyKind::BeaconProxy,
                verb: Verb::BeaconUpgradeTo,
                with_data: None,
                from: owner,
                to: beacon,
            },
        );
        assert_eq!(found.upgrade.as_ref().unwrap().path.holder, beacon);
        assert_eq!(found.controllers[0].kind, "beacon");
        let facts = found.proxy.unwrap();
        assert_eq!(facts.beacon, Some(beacon));
        assert_eq!(facts.location, Location::Call(beacon));

        if package == OZ5 {
            let liar = Address::repeat_byte(0x77);
            world.set_slot(proxy, BEACON_SLOT, liar.into_word()).await;
            let facts = look(&world, proxy).await.proxy.unwrap();
            assert_eq!(facts.beacon, Some(beacon));
            assert!(facts.conflicts[0].contains(&liar.to_string()));
        }
    }
}

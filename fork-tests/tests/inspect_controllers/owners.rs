//! Owners, wards, authorities, and those who lead nowhere.

use super::{
    OZ4, OZ5, all_told, contract, controlled_by, holder, initializeCall, only, owned_by, power,
    safe, transferOwnershipCall, uups,
    world::{World, artifact, look, params},
};
use alloy_primitives::{Address, Bytes, address};
use alloy_sol_types::SolCall;

alloy_sol_types::sol! {
    function setOwner(address next) external;
    interface IGuarded { function initialize(address first, address guard) external; }
    interface IWarded { function rely(address who) external; function deny(address who) external; }
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
    let proxy = world.transparent(OZ4, blue, admin).await;
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
    let found = controlled_by(&world, one).await;
    let first = holder(&found);
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
    let found = controlled_by(&world, liar).await;
    let seen = holder(&found);
    assert_eq!(
        (seen.kind.as_str(), seen.delay_seconds),
        ("contract", None),
        "{seen:#?}"
    );
    assert!(!power(&found).complete);

    let found = controlled_by(&world, Address::with_last_byte(1)).await;
    assert_eq!(found.controllers[0].members[0].kind, "renounced");
    assert_eq!(power(&found).fewest_signers, None);
}

#[tokio::test]
async fn a_second_key_that_stands_in_the_code_is_found() {
    let world = World::start().await;
    let a = &world.accounts;
    let spare = address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc");
    let council = safe(&world, 1, &a[1..4], 3).await;
    let blue = world.deploy(&contract("Spare"), &[]).await;
    let start = initializeCall { first: council };
    let proxy = uups(&world, blue, start.abi_encode()).await;
    let found = look(&world, proxy).await;
    let key = found.controllers.iter().find(|c| c.address == spare);
    let key = key.unwrap_or_else(|| panic!("{found:#?}"));
    assert!(key.proven && key.role.as_deref() == Some("in its code"));
    let takes = power(&found);
    assert_eq!(
        (takes.fewest_signers, all_told(&found)),
        (Some(1), true),
        "{takes:#?}"
    );
    assert_eq!(takes.paths.len(), 2, "{takes:#?}");

    let (blue, admin) = (
        world.deploy(&contract("Box"), &[]).await,
        world
            .deploy(&contract("SpareAdmin"), &params((council, spare)))
            .await,
    );
    let proxy = world.transparent(OZ4, blue, admin).await;
    let found = look(&world, proxy).await;
    let root = &found.controllers[0];
    assert_eq!(root.kind, "proxy-admin", "{root:#?}");
    assert!(
        only(root, "owner").proven && only(root, "in its code").proven,
        "{root:#?}"
    );
    assert_eq!(only(root, "in its code").address, spare);
    assert_eq!(power(&found).fewest_signers, Some(1), "{root:#?}");
}

#[tokio::test]
async fn whoever_is_let_through_is_a_path_of_no_key_beside_the_owner() {
    let world = World::start().await;
    let owner = world.accounts[1];
    let boxed = world.deploy(&contract("Box"), &[]).await;
    let start = || initializeCall { first: owner }.abi_encode();
    let skipping = world.deploy(&contract("Skipping"), &[]).await;
    let silent = world.deploy(&contract("Silent"), &[]).await;
    let beacon = world
        .deploy(&contract("OpenBeacon"), &params((boxed, owner)))
        .await;
    let beacon_proxy = artifact(OZ5, "BeaconProxy");
    let admin = world
        .deploy(&contract("OpenAdmin"), &params((owner,)))
        .await;
    let (_, closed) = owned_by(&world, owner).await;
    let ossifiable = contract("OpenOssifiable");
    for (name, proxy, gate, open) in [
        ("UUPS", uups(&world, skipping, start()).await, None, true),
        ("silent", uups(&world, silent, start()).await, None, false),
        (
            "beacon",
            world
                .deploy(&beacon_proxy, &params((beacon, Bytes::new())))
                .await,
            Some(beacon),
            true,
        ),
        (
            "ProxyAdmin",
            world.transparent(OZ4, boxed, admin).await,
            Some(admin),
            true,
        ),
        (
            "the proxy itself",
            world
                .deploy(&contract("OpenProxy"), &params((boxed, closed)))
                .await,
            None,
            true,
        ),
        (
            "a function of its own",
            world.deploy(&ossifiable, &params((boxed, owner))).await,
            None,
            true,
        ),
    ] {
        let found = look(&world, proxy).await;
        let place = format!("{name}: {found:#?}");
        let beside = found.controllers.iter();
        let behind = found.controllers.iter().flat_map(|c| &c.members);
        let seen: Vec<_> = match gate {
            Some(gate) => {
                assert_eq!(found.controllers[0].address, gate, "{place}");
                behind.collect()
            }
            None => beside.collect(),
        };
        let anyone: Vec<_> = seen.iter().filter(|c| c.kind == "anyone").collect();
        assert_eq!(anyone.len(), usize::from(open), "{place}");
        assert!(anyone.iter().all(|anyone| anyone.proven), "{place}");
        let takes = power(&found);
        assert_eq!(
            (takes.fewest_signers, takes.delay_seconds, all_told(&found)),
            // What else its other functions let through is not told.
            (Some(u64::from(!open)), Some(0), gate.is_none()),
            "{place}"
        );
        let by_owner = takes.paths.iter().find(|path| path.signers == Some(1));
        let by_owner = by_owner.unwrap_or_else(|| panic!("{place}"));
        assert!(by_owner.proven && by_owner.route[0] == owner, "{place}");
        let upgrade = found.upgrade.as_ref().unwrap();
        assert!(upgrade.proven && upgrade.path.from == owner, "{place}");
    }
}

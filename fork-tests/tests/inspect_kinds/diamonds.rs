//! Diamonds: with and without a loupe, and cuts with their inverse.

use super::{compiled, holds_what_it_says, look, params, world::*};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{
    Argument, Inspection, ProxyKind, UpgradePath, UpgradeStep,
    diamond::{self, Routes, Selector},
    inspection::Possible,
};
use std::collections::BTreeSet;

alloy_sol_types::sol! {
    struct Cut { address facet; uint8 action; bytes4[] selectors; }
    struct Initialization { address at; bytes data; }
    function diamondCut(Cut[] cut, address init, bytes data) external;
    function facetAddress(bytes4) external;
    function facetAddresses() external;
    function facetFunctionSelectors(address) external;
    function facets() external;
    function owner() external;
    function transferOwnership(address next) external;
    function value() external;
    function store(uint256) external;
    function added() external;
    interface Venus {
        function diamondCut(Cut[] cut) external;
    }
}

fn facet(name: &str) -> Bytes {
    published("hardhat-deploy", &format!("extendedArtifacts/{name}.json"))
}

fn add(facet: Address, selectors: &[[u8; 4]]) -> Cut {
    Cut {
        facet,
        action: 0,
        selectors: selectors.iter().map(|selector| selector.into()).collect(),
    }
}

fn boxed(at: Address) -> Cut {
    add(at, &[valueCall::SELECTOR, storeCall::SELECTOR])
}

async fn cutter(world: &World) -> Cut {
    let at = world.deploy(&facet("DiamondCutFacet"), &[]).await;
    add(at, &[diamondCutCall::SELECTOR])
}

async fn loupe(world: &World) -> Cut {
    let at = world.deploy(&facet("DiamondLoupeFacet"), &[]).await;
    let selectors = [
        facetAddressCall::SELECTOR,
        facetAddressesCall::SELECTOR,
        facetFunctionSelectorsCall::SELECTOR,
        facetsCall::SELECTOR,
    ];
    add(at, &selectors)
}

async fn ownership(world: &World) -> Cut {
    let at = world.deploy(&facet("OwnershipFacet"), &[]).await;
    add(at, &[ownerCall::SELECTOR, transferOwnershipCall::SELECTOR])
}

async fn diamond(world: &World, owner: Address, cuts: Vec<Cut>) -> Address {
    let arguments = params((owner, cuts, Vec::<Initialization>::new()));
    world.deploy(&facet("Diamond"), &arguments).await
}

/// The calldata that replaces what a `Box` facet answers.
fn replaced(by: Address) -> Vec<Cut> {
    let mut cut = boxed(by);
    cut.action = 1;
    cut.selectors.sort();
    vec![cut]
}

fn standard(by: Address) -> Bytes {
    let call = diamondCutCall {
        cut: replaced(by),
        init: Address::ZERO,
        data: Bytes::new(),
    };
    call.abi_encode().into()
}

fn routes(found: &Inspection) -> Routes {
    let facets = &found.proxy.as_ref().unwrap().facets;
    let each = |facet: &diamond::Facet| {
        let address = facet.address;
        let selectors = facet.selectors.clone();
        selectors
            .into_iter()
            .map(move |selector| (selector, address))
    };
    facets.iter().flat_map(each).collect()
}

async fn boxes(world: &World) -> (Address, Address) {
    (
        world.deploy(&compiled("Box"), &[]).await,
        world.deploy(&compiled("Box2"), &[]).await,
    )
}

#[tokio::test]
async fn a_diamond_with_a_loupe_swaps_one_facet() {
    let world = World::start().await;
    let owner = world.accounts[3];
    let (blue, green) = boxes(&world).await;
    let cuts = vec![
        cutter(&world).await,
        loupe(&world).await,
        ownership(&world).await,
        boxed(blue),
    ];
    let proxy = diamond(&world, owner, cuts).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.as_ref().unwrap();
    assert_eq!(facts.kind, ProxyKind::Diamond);
    assert_eq!(facts.implementation.address, blue);
    assert_eq!(facts.admin, Some(owner));
    assert_eq!(facts.facets.len(), 4);
    assert!(facts.conflicts.is_empty(), "{facts:?}");
    let upgrade = found.upgrade.as_ref().unwrap();
    assert_eq!((upgrade.from, upgrade.to), (owner, proxy));
    assert_eq!(upgrade.data, standard(blue));

    // A facet with other functions: the cut and its inverse, on the chain.
    let other = world.deploy(&compiled("OtherBox"), &[]).await;
    let before = routes(&found);
    let wanted = BTreeSet::from([valueCall::SELECTOR, addedCall::SELECTOR].map(Selector::from));
    let there = diamond::replace(&before, blue, other, &wanted);
    let back = diamond::inverse(&before, &there.cuts);
    for (cuts, expected) in [
        (&there.cuts, diamond::apply(&before, &there.cuts).unwrap()),
        (&back, before.clone()),
    ] {
        let arguments = vec![
            Argument::Pattern(diamond::pattern(cuts, other)),
            Argument::Value(Address::ZERO.to_string()),
            Argument::Value("0x".into()),
        ];
        let function = "diamondCut((address,uint8,bytes4[])[],address,bytes)";
        let step = UpgradeStep::new(owner, proxy, function, arguments);
        let path = UpgradePath::of(proxy, B256::ZERO, vec![step]);
        world.upgrade(&path, other).await;
        assert_eq!(routes(&look(&world, proxy).await), expected);
    }

    let nobody = transferOwnershipCall {
        next: Address::ZERO,
    };
    world.act(owner, proxy, &nobody.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    assert!(found.upgrade.is_none());
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("owner is the zero address"));
}

#[tokio::test]
async fn a_diamond_without_a_loupe_is_read_from_its_storage() {
    let world = World::start().await;
    let owner = world.accounts[3];
    let (blue, green) = boxes(&world).await;
    let cuts = vec![cutter(&world).await, boxed(blue)];
    let proxy = diamond(&world, owner, cuts).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.as_ref().unwrap();
    assert_eq!(facts.kind, ProxyKind::Diamond);
    assert_eq!(facts.implementation.address, blue);
    assert_eq!(facts.facets.len(), 2);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (owner, proxy));
    assert!(found.notes.iter().any(|note| note.contains("no loupe")));

    let mut last = add(Address::ZERO, &[diamondCutCall::SELECTOR]);
    last.action = 2;
    let remove = diamondCutCall {
        cut: vec![last],
        init: Address::ZERO,
        data: Bytes::new(),
    };
    world.act(owner, proxy, &remove.abi_encode().into()).await;
    let found = look(&world, proxy).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Diamond);
    assert!(found.upgrade.is_none());
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("no diamondCut"));
}

#[tokio::test]
async fn a_diamond_of_solidstate_is_cut_by_who_has_the_role() {
    let world = World::start().await;
    let boss = world.accounts[7];
    let (blue, green) = boxes(&world).await;
    let arguments = params((boss, vec![boxed(blue)]));
    let proxy = world
        .deploy(&compiled("SolidStateDiamond"), &arguments)
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Diamond);
    assert_eq!(facts.implementation.address, blue);
    let upgrade = found.upgrade.unwrap();
    assert_eq!(upgrade.from, boss);
    assert_eq!(upgrade.data, standard(blue));
}

#[tokio::test]
async fn venus_diamond_takes_cuts_without_an_initializer() {
    let world = World::start().await;
    let admin = world.accounts[2];
    let (blue, green) = boxes(&world).await;
    let file = "artifacts/contracts/Comptroller/Diamond/Diamond.sol/Diamond.json";
    let proxy = world.deploy(&published("venus", file), &[]).await;
    // It lives behind a Unitroller, which keeps its admin; here it stands alone.
    world.set_slot(proxy, B256::ZERO, admin.into_word()).await;
    let first = Venus::diamondCutCall {
        cut: vec![boxed(blue)],
    };
    world.act(admin, proxy, &first.abi_encode().into()).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Diamond);
    let upgrade = found.upgrade.unwrap();
    assert_eq!(upgrade.from, admin);
    let cut = Venus::diamondCutCall {
        cut: replaced(blue),
    };
    assert_eq!(upgrade.data, Bytes::from(cut.abi_encode()));
}

#[tokio::test]
async fn zksyncs_diamond_has_no_way_back() {
    let world = World::start().await;
    let (blue, _) = boxes(&world).await;
    let proxy = world
        .deploy(&compiled("ZkSyncDiamond"), &params((vec![boxed(blue)],)))
        .await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::DiamondZkSync);
    assert_eq!(facts.implementation.address, blue);
    assert!(found.upgrade.is_none());
    let rollback = found.rollback.unwrap();
    assert_eq!(rollback.possible, Possible::No);
    assert!(rollback.why.unwrap().contains("only rises"));
}

#[tokio::test]
async fn every_selector_a_loupe_names_is_tried_and_some_that_it_does_not() {
    let world = World::start().await;
    let (said, hidden) = boxes(&world).await;
    let proxy = world
        .deploy(&compiled("SaidDiamond"), &params((said, hidden)))
        .await;
    let found = look(&world, proxy).await;
    let facts = found.proxy.as_ref().unwrap();
    assert_eq!(facts.implementation.address, said, "{found:#?}");
    let says = |what: &str| facts.conflicts.iter().filter(|c| c.contains(what)).count();
    let store = Selector::from(storeCall::SELECTOR);
    let lie = format!("{said} is said to answer {store}, which goes to {hidden}");
    assert_eq!(says(&lie), 1, "{facts:#?}");
    let untold = format!("{hidden} answers 0xa9059cbb, which its table does not name");
    assert_eq!(says(&untold), 1, "{facts:#?}");
    assert_eq!(facts.conflicts.len(), 2, "{facts:#?}");
    let counts: Vec<_> = facts
        .facets
        .iter()
        .map(|f| (f.address, f.selectors.len()))
        .collect();
    assert_eq!(counts, [(said, 1), (hidden, 2)], "{facts:#?}");
}

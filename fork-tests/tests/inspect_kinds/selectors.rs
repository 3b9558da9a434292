//! Proxies with one implementation for each selector that are no diamonds, versions and feeds.

use super::{compiled, holds_what_it_says, look, params, world::*};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use cutover_types::{ProxyKind, inspection::Location};

alloy_sol_types::sol! {
    struct Features { address registry; address ownable; }
    function initializeZeroEx(address owner, address zeroEx, Features features) external returns (address);
    function extend(bytes4 selector, address implementation) external;
    function rollback(bytes4 selector, address implementation) external;
    function updateContract(address delegate, string signatures, string message) external;
    function setImplementation(bytes4 selector, address implementation) external;
    function registerVersion(bytes32 version, address implementation) external;
    function setDefaultVersion(bytes32 version) external;
    function proposeAggregator(address aggregator) external;
    function value() external;
    function store(uint256) external;
}

const BOX: [[u8; 4]; 2] = [valueCall::SELECTOR, storeCall::SELECTOR];

async fn boxes(world: &World) -> (Address, Address) {
    (
        world.deploy(&compiled("Box"), &[]).await,
        world.deploy(&compiled("Box2"), &[]).await,
    )
}

fn zeroex(name: &str) -> Bytes {
    published("zeroex", &format!("lib/generated-artifacts/{name}.json"))
}

#[tokio::test]
async fn zeroex_goes_back_by_its_own_history() {
    let world = World::start().await;
    let (boss, owner) = (world.accounts[0], world.accounts[5]);
    let (blue, green) = boxes(&world).await;
    let migration = world
        .deploy(&zeroex("InitialMigration"), &params((boss,)))
        .await;
    let proxy = world.deploy(&zeroex("ZeroEx"), &params((migration,))).await;
    let start = initializeZeroExCall {
        owner,
        zeroEx: proxy,
        features: Features {
            registry: world
                .deploy(&zeroex("SimpleFunctionRegistryFeature"), &[])
                .await,
            ownable: world.deploy(&zeroex("OwnableFeature"), &[]).await,
        },
    };
    world.act(boss, migration, &start.abi_encode().into()).await;
    for selector in BOX {
        let extend = extendCall {
            selector: selector.into(),
            implementation: blue,
        };
        world.act(owner, proxy, &extend.abi_encode().into()).await;
    }
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::ZeroEx);
    assert_eq!(facts.implementation.address, blue);
    assert_eq!(facts.admin, Some(owner));
    assert_eq!(facts.facets.len(), 3);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (owner, proxy));
    assert_eq!(upgrade.then.len(), 1);
    let mut selectors = BOX;
    selectors.sort();
    let extend = extendCall {
        selector: selectors[0].into(),
        implementation: blue,
    };
    assert_eq!(upgrade.data, Bytes::from(extend.abi_encode()));
    let back = rollbackCall {
        selector: selectors[0].into(),
        implementation: blue,
    };
    assert_eq!(found.rollback.unwrap().data, Bytes::from(back.abi_encode()));
}

#[tokio::test]
async fn erc1538_names_functions_by_their_signatures() {
    let world = World::start().await;
    let boss = world.accounts[0];
    let (blue, green) = boxes(&world).await;
    let proxy = world.deploy(&compiled("Erc1538"), &[]).await;
    let first = updateContractCall {
        delegate: blue,
        signatures: "value()store(uint256)".into(),
        message: String::new(),
    };
    let first = Bytes::from(first.abi_encode());
    world.act(boss, proxy, &first).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Erc1538);
    assert_eq!(facts.implementation.address, blue);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, proxy));
    assert_eq!(upgrade.data, first);
}

#[tokio::test]
async fn a_dictionary_moves_its_proxies() {
    let world = World::start().await;
    let boss = world.accounts[0];
    let (blue, green) = boxes(&world).await;
    let dictionary = world.deploy(&compiled("Dictionary"), &[]).await;
    for selector in BOX {
        let set = setImplementationCall {
            selector: selector.into(),
            implementation: blue,
        };
        world.act(boss, dictionary, &set.abi_encode().into()).await;
    }
    let proxy = world
        .deploy(&compiled("DictionaryProxy"), &params((dictionary,)))
        .await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::Erc7546);
    assert_eq!(facts.implementation.address, blue);
    assert_eq!(facts.location, Location::Call(dictionary));
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, dictionary));
    assert_eq!(upgrade.then.len(), 1);
}

#[tokio::test]
async fn versions_are_registered_and_made_the_default() {
    let world = World::start().await;
    let boss = world.accounts[0];
    let (blue, green) = boxes(&world).await;
    let proxy = world.deploy(&compiled("VersionedProxy"), &[]).await;
    let version = B256::right_padding_from(b"1.0.0");
    let register = registerVersionCall {
        version,
        implementation: blue,
    };
    world.act(boss, proxy, &register.abi_encode().into()).await;
    let default = Bytes::from(setDefaultVersionCall { version }.abi_encode());
    world.act(boss, proxy, &default).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::Erc7936);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, proxy));
    assert_eq!(upgrade.verb, "registerVersion, setDefaultVersion");
    assert_eq!(found.rollback.unwrap().data, default);
}

#[tokio::test]
async fn chainlinks_proxy_takes_two_steps_and_a_reader_of_feeds_is_none() {
    let world = World::start().await;
    let boss = world.accounts[0];
    let blue = world.deploy(&compiled("Feed"), &[]).await;
    let green = world.deploy(&compiled("Feed"), &[]).await;
    let file = "src/v0.6/AggregatorProxy.sol";
    let code = from_source("chainlink", file, "AggregatorProxy", "0.6.6");
    let proxy = world.deploy(&code, &params((blue,))).await;
    let found = holds_what_it_says(&world, proxy, green).await;
    let facts = found.proxy.unwrap();
    assert_eq!(facts.kind, ProxyKind::ChainlinkAggregator);
    assert_eq!(facts.implementation.address, blue);
    let upgrade = found.upgrade.unwrap();
    assert_eq!((upgrade.from, upgrade.to), (boss, proxy));
    assert_eq!(upgrade.verb, "proposeAggregator, confirmAggregator");
    let propose = proposeAggregatorCall { aggregator: blue };
    assert_eq!(upgrade.data, Bytes::from(propose.abi_encode()));
    let says = |what: &str| found.notes.iter().any(|note| note.contains(what));
    assert!(says("the state is the target's"), "{:?}", found.notes);

    let reader = world
        .deploy(&compiled("FeedReader"), &params((blue,)))
        .await;
    assert!(look(&world, reader).await.proxy.is_none());
}

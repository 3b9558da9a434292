//! Aragon OSx: DAOs, and the plugins whose permissions they keep.

use super::{
    all_told, controlled_by, from_text, holder, only, power, uups,
    world::{World, look},
};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolCall;

alloy_sol_types::sol! {
    interface IDao {
        function initialize(bytes metadata, address owner, address forwarder, string uri) external;
        function grant(address place, address who, bytes32 id) external;
        function grantWithCondition(address place, address who, bytes32 id, address condition) external;
    }
    interface IPlugin {
        function initialize(address dao) external;
    }
}

const PLUGIN: &str = r#"
import {PluginUUPSUpgradeable} from "@aragon/osx-commons-contracts/src/plugin/PluginUUPSUpgradeable.sol";
import {IDAO} from "@aragon/osx-commons-contracts/src/dao/IDAO.sol";
import {DAO} from "./core/dao/DAO.sol";
contract Plugin is PluginUUPSUpgradeable {
    function initialize(IDAO dao) external initializer { __PluginUUPSUpgradeable_init(dao); }
}
contract Organisation is DAO {}
contract Condition {
    function isGranted(address, address, bytes32, bytes calldata) external pure returns (bool) { return false; }
    function supportsInterface(bytes4) external pure returns (bool) { return true; }
}
"#;

fn code(name: &str) -> Bytes {
    let remapped = [
        "@aragon/osx-commons-contracts/=../aragon-osx-commons/",
        "@openzeppelin/contracts/=../../node_modules/oz-4.9/",
        "@openzeppelin/contracts-upgradeable/=../oz-upgradeable-4.9/",
    ];
    from_text(
        ("aragon-osx", "Test.sol"),
        PLUGIN,
        name,
        "0.8.28",
        &remapped,
    )
}

fn permission(name: &str) -> B256 {
    keccak256(format!("{name}_PERMISSION"))
}

fn grant(place: Address, who: Address, name: &str) -> Bytes {
    let id = permission(name);
    IDao::grantCall { place, who, id }.abi_encode().into()
}

/// A DAO at its proxy, of which the first account is root.
async fn dao(world: &World) -> Address {
    let blue = world.deploy(&code("Organisation"), &[]).await;
    let start = IDao::initializeCall {
        metadata: Bytes::new(),
        owner: world.accounts[0],
        forwarder: Address::ZERO,
        uri: String::new(),
    };
    uups(world, blue, start.abi_encode()).await
}

#[tokio::test]
async fn a_dao_acts_for_those_who_may_execute() {
    let world = World::start().await;
    let a = &world.accounts;
    let dao = dao(&world).await;
    world.act(a[0], dao, &grant(dao, a[1], "EXECUTE")).await;
    world.act(a[0], dao, &grant(dao, dao, "UPGRADE_DAO")).await;
    let found = controlled_by(&world, dao).await;
    let seen = holder(&found);
    assert_eq!(seen.kind, "aragon-dao", "{seen:#?}");
    let executor = only(seen, "EXECUTE_PERMISSION");
    assert!(executor.proven && executor.address == a[1], "{seen:#?}");
    let root = only(seen, "ROOT_PERMISSION (EXECUTE_PERMISSION)");
    assert!(root.proven && root.address == a[0], "{seen:#?}");
    let takes = power(&found);
    assert_eq!(takes.fewest_signers, Some(1), "{takes:#?}");
    assert!(all_told(&found), "{takes:#?}");

    let found = look(&world, dao).await;
    let path = &found.upgrade.as_ref().unwrap();
    assert!(path.proven, "{found:#?}");
    let [itself, root] = found.controllers.as_slice() else {
        panic!("{found:#?}");
    };
    assert_eq!((itself.address, itself.kind.as_str()), (dao, "aragon-dao"));
    assert!(only(itself, "EXECUTE_PERMISSION").proven, "{found:#?}");
    let expected = Some("ROOT_PERMISSION (UPGRADE_DAO_PERMISSION)");
    assert_eq!((root.address, root.role.as_deref()), (a[0], expected));
    assert!(root.proven, "{found:#?}");
    assert!(all_told(&found), "{found:#?}");

    // Whoever a condition lets through is not known from here.
    let condition = world.deploy(&code("Condition"), &[]).await;
    let conditional = IDao::grantWithConditionCall {
        place: dao,
        who: a[4],
        id: permission("EXECUTE"),
        condition,
    };
    world.act(a[0], dao, &conditional.abi_encode().into()).await;
    let found = look(&world, dao).await;
    let takes = power(&found);
    assert!(!takes.complete, "{takes:#?}");
    let why = format!(
        "{} has EXECUTE_PERMISSION is for the condition {condition}",
        a[4]
    );
    assert!(
        takes.unknown.iter().any(|words| words.contains(&why)),
        "{takes:#?}"
    );
}

#[tokio::test]
async fn a_plugin_obeys_whom_its_dao_permits() {
    let world = World::start().await;
    let a = &world.accounts;
    let dao = dao(&world).await;
    let blue = world.deploy(&code("Plugin"), &[]).await;
    let start = IPlugin::initializeCall { dao }.abi_encode();
    let plugin = uups(&world, blue, start).await;
    world
        .act(a[0], dao, &grant(plugin, a[2], "UPGRADE_PLUGIN"))
        .await;
    world
        .act(a[0], dao, &grant(a[5], a[3], "UPGRADE_PLUGIN"))
        .await;
    world.act(a[0], dao, &grant(dao, dao, "ROOT")).await;
    world.act(a[0], dao, &grant(dao, a[1], "EXECUTE")).await;
    let found = look(&world, plugin).await;
    assert!(found.upgrade.as_ref().unwrap().proven, "{found:#?}");
    let listed = found.controllers.iter();
    let listed: Vec<_> = listed
        .map(|c| (c.address, c.role.as_deref().unwrap(), c.proven))
        .collect();
    let root = "ROOT_PERMISSION (UPGRADE_PLUGIN_PERMISSION)";
    assert_eq!(
        listed,
        [
            (a[2], "UPGRADE_PLUGIN_PERMISSION", true),
            (dao, root, true),
            (a[0], root, true)
        ]
    );
    let executor = only(&found.controllers[1], "EXECUTE_PERMISSION");
    assert!(executor.proven && executor.address == a[1], "{found:#?}");
    let takes = power(&found);
    assert_eq!((takes.fewest_signers, all_told(&found)), (Some(1), true));
}

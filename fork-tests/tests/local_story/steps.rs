//! Upgrades of several calls, there and back by the command.

use super::{
    SIGNED, address_of, events,
    kinds::from_source,
    published,
    world::{World, built, project},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::{Value, json};

sol! {
    function enter(uint256 amount) external;
    function latestAnswer() external view returns (int256);
    function aggregator() external view returns (address);
    function _setPendingImplementation(address implementation) external returns (uint256);
    function _become(address unitroller) external;
    function acceptProxy(address implementation, address proxy) external;
}

/// What a Unitroller runs: its own four variables first, as in Compound.
pub(crate) const BRAIN: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IUnitroller {
    function admin() external view returns (address);
    function _acceptImplementation() external returns (uint256);
}

contract NAME {
    address public admin;
    address public pendingAdmin;
    address public comptrollerImplementation;
    address public pendingComptrollerImplementation;
    mapping(address => uint256) public entered;
    MORE

    function enter(uint256 amount) external {
        entered[msg.sender] += amount;
    }

    function _become(IUnitroller unitroller) external {
        require(msg.sender == unitroller.admin(), \"only the admin\");
        require(unitroller._acceptImplementation() == 0, \"not accepted\");
    }
}
";

/// What one of The Graph's proxies runs: it accepts being installed.
const ACCEPTS: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IGraphProxy {
    function admin() external returns (address);
    function acceptUpgrade() external;
}

contract NAME {
    mapping(address => uint256) public entered;
    MORE

    function enter(uint256 amount) external {
        entered[msg.sender] += amount;
    }

    function acceptProxy(IGraphProxy proxy) external {
        require(msg.sender == proxy.admin(), \"only the admin\");
        proxy.acceptUpgrade();
    }
}
";

const PLAIN: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

contract NAME {
    mapping(address => uint256) public entered;
    MORE

    function enter(uint256 amount) external {
        entered[msg.sender] += amount;
    }
}
";

const FEED: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

contract NAME {
    MORE

    function latestAnswer() external pure returns (int256) {
        return 42;
    }
}
";

/// A project with two versions of a contract, the second with a variable more.
pub(crate) struct Versions {
    _folder: tempfile::TempDir,
    root: String,
}

const BLUE: &str = "src/Blue.sol:Blue";
const GREEN: &str = "src/Green.sol:Green";

impl Versions {
    pub(crate) fn of(source: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let version = |name, more| (name, source.replace("NAME", name).replace("MORE", more));
        let sources = [
            version("Blue", ""),
            version("Green", "uint256 public limit;"),
        ];
        let root = project(folder.path(), &sources).display().to_string();
        Self {
            _folder: folder,
            root,
        }
    }

    pub(crate) async fn blue(&self, world: &World) -> Address {
        world.create(built(self.root.as_ref(), BLUE)).await
    }
}

/// Three calls of the proxy.
pub(crate) async fn entered(world: &mut World) {
    let amounts = [1, 2, 3].map(U256::from);
    world
        .use_it(amounts.map(|amount| enterCall { amount }.abi_encode()))
        .await;
}

/// Every step up to the proposal; gives green's address.
async fn proposed(world: &World, versions: &Versions, kind: &str) -> Address {
    let green = prepared(world, versions, kind).await;
    let proposal = world.run(&["propose"]).await.ended(0).json();
    assert_eq!(proposal["forward_then"].as_array().unwrap().len(), 1);
    green
}

/// Every step before the proposal; gives green's address.
pub(crate) async fn prepared(world: &World, versions: &Versions, kind: &str) -> Address {
    let root = versions.root.as_str();
    let proxy = world.proxy.to_string();
    let inspection = world.run(&["inspect", &proxy]).await.ended(0).json();
    assert_eq!(inspection["proxy"]["kind"], kind);
    assert_eq!(inspection["upgrade"]["proven"], true, "{inspection}");
    assert_eq!(world.record_only().await["transactions"], 3);
    let check = ["check", "--blue", BLUE, "--green", GREEN, "--root", root];
    world.run(&check).await.ended(0);
    let deploy = ["deploy", "--green", GREEN, "--root", root];
    let key = ["--mnemonic-env", "STORY_MNEMONIC"];
    let deployed = world.run(&[&deploy[..], &key].concat()).await.ended(0);
    let replay = ["replay", "--engine", "both", "--root", root];
    let replay = world.run(&replay).await.ended(0).json();
    assert_eq!(replay["summary"]["control_held"], 3);
    assert_eq!(replay["rollback"]["status"], "success", "{replay}");
    assert_eq!(replay["upgrade"]["then"].as_array().unwrap().len(), 1);
    address_of(&deployed.json()["address"])
}

/// There and back, each of the four calls sent once; `runs` says what the proxy runs.
async fn there_and_back(world: &World, green: Address, runs: impl AsyncFn() -> Address) {
    let nonce = world.nonce().await;
    for (way, expected, sent) in [("upgrade", green, 2), ("rollback", world.blue, 4)] {
        let ran = world.run(&[&[way], &SIGNED[..]].concat()).await;
        assert_eq!(ran.ended(0).json()["final"], true);
        assert_eq!(runs().await, expected, "{way}");
        assert_eq!(world.nonce().await, nonce + sent, "{way}");
    }
    assert_eq!(more(world), [1, 0, 1, 0]);
}

/// How many calls had to follow each that was signed.
fn more(world: &World) -> Vec<u64> {
    let journal = events(&world.file("journal.jsonl"));
    journal
        .iter()
        .filter(|event| event["event"] == "signed")
        .map(|event| event["more"].as_u64().unwrap_or_default())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unitroller_takes_what_becomes_it() {
    let versions = Versions::of(BRAIN);
    let mut world = World::bare(None).await;
    let owner = world.owner;
    world.blue = versions.blue(&world).await;
    let file = "artifacts/contracts/Comptroller/Unitroller.sol/Unitroller.json";
    world.proxy = world
        .create_from(owner, published("venus", file, &[]))
        .await;
    let offer = _setPendingImplementationCall {
        implementation: world.blue,
    };
    world.send(owner, world.proxy, offer).await;
    let become_it = _becomeCall {
        unitroller: world.proxy,
    };
    world.send(owner, world.blue, become_it).await;
    entered(&mut world).await;
    let green = proposed(&world, &versions, "compound-unitroller").await;
    let runs = async || Address::from_word(world.storage(2).await.into());
    there_and_back(&world, green, runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graphs_proxy_takes_what_accepts() {
    let versions = Versions::of(ACCEPTS);
    let mut world = World::bare(None).await;
    let governor = world.owner;
    let graph = |name: &str, arguments: &[u8]| {
        let file = format!("artifacts/contracts/upgrades/{name}.sol/{name}.json");
        published("graph", &file, arguments)
    };
    world.blue = versions.blue(&world).await;
    let admin = world
        .create_from(governor, graph("GraphProxyAdmin", &[]))
        .await;
    let arguments = (world.blue, admin).abi_encode_params();
    world.proxy = world.create(graph("GraphProxy", &arguments)).await;
    let accept = acceptProxyCall {
        implementation: world.blue,
        proxy: world.proxy,
    };
    world.send(governor, admin, accept).await;
    entered(&mut world).await;
    let green = proposed(&world, &versions, "graph-proxy").await;
    there_and_back(&world, green, async || world.implementation().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chainlinks_proxy_takes_what_is_proposed_and_confirmed() {
    let versions = Versions::of(FEED);
    let mut world = World::bare(None).await;
    world.blue = versions.blue(&world).await;
    let file = "src/v0.6/AggregatorProxy.sol";
    let code = from_source("chainlink", file, "AggregatorProxy", "0.6.6");
    let arguments = (world.blue,).abi_encode_params();
    let code = Bytes::from([code.as_ref(), &arguments].concat());
    world.proxy = world.create_from(world.owner, code).await;
    let asked = [(); 3].map(|()| latestAnswerCall {}.abi_encode());
    world.use_it(asked).await;
    let green = proposed(&world, &versions, "chainlink-aggregator").await;
    there_and_back(&world, green, async || world.ask(aggregatorCall {}).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_proxy_waits_its_day_by_the_chains_clock() {
    let versions = Versions::of(PLAIN);
    let mut world = World::bare(None).await;
    world.blue = versions.blue(&world).await;
    let arguments = (world.blue, Bytes::new()).abi_encode_params();
    let file = "artifacts/KeepRandomBeaconService.json";
    let code = published("keep", file, &arguments);
    world.proxy = world.create_from(world.owner, code).await;
    entered(&mut world).await;
    let green = proposed(&world, &versions, "keep-timelock").await;

    // The first call is sent, and the second is not while the day has not passed.
    let nonce = world.nonce().await;
    let soon = [&["upgrade"], &SIGNED[..], &["--patience", "3"]].concat();
    let ran = world.run(&soon).await;
    ran.refused(
        14,
        &[
            "takes the next call of this upgrade in",
            "run the same command again",
        ],
    );
    assert_eq!(world.nonce().await, nonce + 1);
    assert_eq!(world.implementation().await, world.blue);
    world.hurry = 10_000;
    let ran = world.run(&[&["upgrade"], &SIGNED[..]].concat()).await;
    ran.ended(0);
    assert_eq!(world.implementation().await, green);
    assert_eq!(world.nonce().await, nonce + 2);
    let ran = world.run(&[&["rollback"], &SIGNED[..]].concat()).await;
    ran.ended(0);
    assert_eq!(world.implementation().await, world.blue);
    assert_eq!(world.nonce().await, nonce + 4);
    assert_eq!(more(&world), [1, 0, 1, 0]);
    let mut times = Vec::new();
    let journal = events(&world.file("journal.jsonl"));
    for included in journal.iter().filter(|event| event["event"] == "included") {
        let number = format!("{:#x}", included["block"].as_u64().unwrap());
        let block = json!([number, false]);
        let block: Value = world
            .node()
            .call("eth_getBlockByNumber", block)
            .await
            .unwrap();
        let time = block["timestamp"]
            .as_str()
            .unwrap()
            .trim_start_matches("0x");
        times.push(u64::from_str_radix(time, 16).unwrap());
    }
    assert!(
        times[1] - times[0] >= 86_400 && times[3] - times[2] >= 86_400,
        "{times:?}"
    );
}

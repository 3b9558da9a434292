//! One facet of hardhat-deploy's diamond goes there and back by the command.

use super::{
    SIGNED, address_of, events, published,
    world::{World, built, project},
};
use alloy_primitives::{Address, Bytes, FixedBytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

sol! {
    struct Cut { address facet; uint8 action; bytes4[] selectors; }
    struct Facet { address facet; bytes4[] selectors; }
    struct Initialization { address at; bytes data; }
    function diamondCut(Cut[] cut, address init, bytes data) external;
    function facets() external view returns (Facet[]);
    function facetAddress(bytes4) external;
    function facetAddresses() external;
    function facetFunctionSelectors(address) external;
    function owner() external;
    function transferOwnership(address next) external;
    function store(uint256 amount) external;
    function value() external view returns (uint256);
    function old() external view returns (uint256);
    function added() external view returns (uint256);
    function one() external;
    function two() external;
    function three() external;
    function four() external;
}

const COUNTER: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A facet.
contract NAME {
    uint256 public value;

    function store(uint256 amount) external {
        value += amount;
    }
    MORE
}
";
/// It has more functions than the facet the story is about.
const OTHER: &str = "// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

contract Other {
    function one() external {}
    function two() external {}
    function three() external {}
    function four() external {}
}
";

type Table = BTreeMap<FixedBytes<4>, Address>;

/// Who answers what, as the loupe says.
async fn table(world: &World) -> Table {
    let each = |facet: Facet| {
        let selectors = facet.selectors.into_iter();
        selectors.map(move |selector| (selector, facet.facet))
    };
    world
        .ask(facetsCall {})
        .await
        .into_iter()
        .flat_map(each)
        .collect()
}

async fn diamond(root: &Path) -> World {
    let mut world = World::bare(None).await;
    let facet = |name: &str| {
        let file = format!("extendedArtifacts/{name}.json");
        published("hardhat-deploy", &file, &[])
    };
    world.blue = world.create(built(root, "src/Counter.sol:Counter")).await;
    let mut cuts = Vec::new();
    for (code, selectors) in [
        (facet("DiamondCutFacet"), vec![diamondCutCall::SELECTOR]),
        (
            facet("DiamondLoupeFacet"),
            vec![
                facetAddressCall::SELECTOR,
                facetAddressesCall::SELECTOR,
                facetFunctionSelectorsCall::SELECTOR,
                facetsCall::SELECTOR,
            ],
        ),
        (
            facet("OwnershipFacet"),
            vec![ownerCall::SELECTOR, transferOwnershipCall::SELECTOR],
        ),
        (
            built(root, "src/Other.sol:Other"),
            vec![
                oneCall::SELECTOR,
                twoCall::SELECTOR,
                threeCall::SELECTOR,
                fourCall::SELECTOR,
            ],
        ),
    ] {
        cuts.push((world.create(code).await, selectors));
    }
    let counter = vec![storeCall::SELECTOR, valueCall::SELECTOR, oldCall::SELECTOR];
    cuts.push((world.blue, counter));
    let cuts: Vec<_> = cuts
        .into_iter()
        .map(|(facet, selectors)| Cut {
            facet,
            action: 0,
            selectors: selectors.into_iter().map(FixedBytes).collect(),
        })
        .collect();
    let arguments = (world.owner, cuts, Vec::<Initialization>::new()).abi_encode_params();
    let code = published(
        "hardhat-deploy",
        "extendedArtifacts/Diamond.json",
        &arguments,
    );
    world.proxy = world.create(code).await;
    let amounts = [1, 2, 3].map(U256::from);
    world
        .use_it(amounts.map(|amount| storeCall { amount }.abi_encode()))
        .await;
    world
}

fn words(value: &Value) -> String {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facet_with_other_functions_goes_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let source = |name, more| (name, COUNTER.replace("NAME", name).replace("MORE", more));
    let sources = [
        source(
            "Counter",
            "function old() external pure returns (uint256) { return 1; }",
        ),
        source(
            "CounterV2",
            "function added() external pure returns (uint256) { return 2; }",
        ),
        source(
            "Clash",
            "function owner() external pure returns (address) { return address(1); }",
        ),
        ("Other", OTHER.to_owned()),
    ];
    let root = project(folder.path(), &sources);
    let world = diamond(&root).await;
    let root = root.display().to_string();
    let at = ["--root", root.as_str()];
    let proxy = world.proxy.to_string();
    let before = table(&world).await;
    let (blue, green) = ("src/Counter.sol:Counter", "src/CounterV2.sol:CounterV2");

    // The facet is named by what it runs; without a name it is the one with most functions.
    let most = world.run(&["inspect", &proxy]).await.ended(0).json();
    let runs = |report: &Value| address_of(&report["proxy"]["implementation"]["address"]);
    assert_ne!(runs(&most), world.blue);
    let facet = [&["inspect", &proxy, "--facet", blue], &at[..]].concat();
    let inspection = world.run(&facet).await.ended(0).json();
    assert_eq!(inspection["proxy"]["kind"], "diamond-2535");
    assert_eq!(runs(&inspection), world.blue);
    let nobody = [&["inspect", &proxy, "--facet", green], &at[..]].concat();
    world
        .run(&nobody)
        .await
        .refused(2, &["no facet of", "runs"]);

    // What becomes of a function that green does not have is not decided in silence.
    let look = [&facet[..], &["--candidate", green]].concat();
    let lost = world.run(&look).await.ended(12).json();
    let why = words(&lost["candidate"]["why"]);
    assert!(why.contains("does not have what facet"), "{why}");
    let look = [&look[..], &["--lost", "remove"]].concat();
    let found = world.run(&look).await.ended(0).json();
    assert_eq!(found["candidate"]["verdict"], "yes", "{found}");
    let does = words(&found["candidate"]["why"]);
    for part in [
        "adds added()",
        "replaces value(), store(uint256)",
        "removes 0x",
    ] {
        assert!(does.contains(part), "{does}");
    }
    let clash = [
        &facet[..],
        &["--candidate", "src/Clash.sol:Clash", "--lost", "remove"],
    ]
    .concat();
    let clash = world.run(&clash).await.ended(12).json();
    let why = words(&clash["candidate"]["why"]);
    assert!(
        why.contains("green clashes with other facets: owner() of 0x"),
        "{why}"
    );

    world.run(&facet).await.ended(0);
    assert_eq!(world.record_only().await["transactions"], 3);
    let sides = ["check", "--blue", blue, "--green", green];
    world.run(&[&sides[..], &at].concat()).await.ended(0);
    let key = ["--mnemonic-env", "STORY_MNEMONIC"];
    let deploy = [&["deploy", "--green", green], &at[..], &key].concat();
    let green = address_of(&world.run(&deploy).await.ended(0).json()["address"]);
    let replay = ["replay", "--engine", "both"];
    let clash = [&replay[..], &["--green", "src/Clash.sol:Clash"], &at].concat();
    let ran = world.run(&clash).await;
    ran.refused(
        12,
        &[
            "green clashes with other facets: owner() of 0x",
            "--leave-out",
        ],
    );
    world
        .run(&replay)
        .await
        .refused(12, &["does not have what facet", "--lost keep"]);
    let replay = [&replay[..], &["--lost", "remove"]].concat();
    let replay = world.run(&replay).await.ended(0).json();
    assert_eq!(replay["summary"]["control_held"], 3);
    assert_eq!(replay["upgrade"]["status"], "success");
    assert_eq!(replay["rollback"]["status"], "success", "{replay}");
    let proposal = world.run(&["propose"]).await.ended(0).json();
    assert!(
        words(&proposal["steps"]).contains("the cut removes 0x"),
        "{proposal}"
    );

    let upgrade = [&["upgrade"], &SIGNED[..]].concat();
    assert_eq!(world.run(&upgrade).await.ended(0).json()["final"], true);
    let after = table(&world).await;
    let mut expected = before.clone();
    expected.remove(&FixedBytes(oldCall::SELECTOR));
    for selector in [
        valueCall::SELECTOR,
        storeCall::SELECTOR,
        addedCall::SELECTOR,
    ] {
        expected.insert(selector.into(), green);
    }
    assert_eq!(after, expected);
    assert_eq!(world.ask(addedCall {}).await, U256::from(2));
    // The way back is in the journal: the inverse cut.
    let journal = events(&world.file("journal.jsonl"));
    let back: Bytes = journal[0]["pointer"]["back"]["data"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let back = diamondCutCall::abi_decode(&back).unwrap();
    let actions: Vec<_> = back.cut.iter().map(|cut| cut.action).collect();
    assert_eq!(
        actions,
        [0, 1, 2],
        "adds old(), replaces two, removes added()"
    );

    let rollback = [&["rollback"], &SIGNED[..]].concat();
    assert_eq!(world.run(&rollback).await.ended(0).json()["final"], true);
    assert_eq!(table(&world).await, before);
    assert_eq!(world.ask(valueCall {}).await, U256::from(6));
    // And there again by the command.
    world.run(&upgrade).await.ended(0);
    assert_eq!(table(&world).await, expected);
}

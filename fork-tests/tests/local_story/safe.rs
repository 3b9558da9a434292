//! A Safe whose owners upgrade a Unitroller: two calls, signed as one.

use super::{
    address_of,
    kinds::published as artifact,
    published,
    steps::{BRAIN, Versions, entered, prepared},
    world::World,
};
use alloy_primitives::{Address, B256, Bytes, U256, address};
use alloy_sol_types::{SolValue, sol};
use serde_json::{Value, json};

sol! {
    function setup(address[] owners, uint256 threshold, address to, bytes data, address handler, address token, uint256 payment, address receiver) external;
    function _setPendingImplementation(address implementation) external returns (uint256);
    function _become(address unitroller) external;
    function _setPendingAdmin(address next) external returns (uint256);
    function _acceptAdmin() external returns (uint256);
    function approveHash(bytes32 hash) external;
    function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) external returns (bool);
}

/// Where MultiSendCallOnly of 1.4.1 is on most chains.
const MULTI_SEND: Address = address!("9641d764fc13c8B624c04430C7356C1C7C8102e2");

fn released(file: &str, arguments: &[u8]) -> Bytes {
    let file = format!("build/artifacts/contracts/{file}.json");
    published("safe-1.4.1", &file, arguments)
}

/// A Unitroller that obeys a Safe of three owners, two of whom must agree.
async fn governed(world: &mut World, versions: &Versions) -> (Address, Vec<Address>) {
    let owner = world.owner;
    let owners = world.accounts[1..4].to_vec();
    world.blue = versions.blue(world).await;
    let file = "artifacts/contracts/Comptroller/Unitroller.sol/Unitroller.json";
    world.proxy = world
        .create_from(owner, published("venus", file, &[]))
        .await;
    let (proxy, implementation) = (world.proxy, world.blue);
    let offer = _setPendingImplementationCall { implementation };
    world.send(owner, proxy, offer).await;
    let take = _becomeCall { unitroller: proxy };
    world.send(owner, implementation, take).await;
    let singleton = world.create(released("Safe.sol/Safe", &[])).await;
    let arguments = (singleton,).abi_encode_params();
    let safe = world
        .create(released("proxies/SafeProxy.sol/SafeProxy", &arguments))
        .await;
    let start = setupCall {
        owners: owners.clone(),
        threshold: U256::from(2),
        to: Address::ZERO,
        data: Bytes::new(),
        handler: Address::ZERO,
        token: Address::ZERO,
        payment: U256::ZERO,
        receiver: Address::ZERO,
    };
    world.send(owner, safe, start).await;
    world
        .send(owner, proxy, _setPendingAdminCall { next: safe })
        .await;
    let ether = U256::from(10).pow(U256::from(18));
    world.anvil.set_balance(safe, ether).await.unwrap();
    let _: Value = world
        .node()
        .call("anvil_impersonateAccount", json!([safe]))
        .await
        .unwrap();
    world.send(safe, proxy, _acceptAdminCall {}).await;
    (safe, owners)
}

/// Two owners approve what the proposal names, and one of them sends it.
async fn signed(world: &World, safe: Address, owners: &[Address], call: &Value, hashes: &Value) {
    let hash: B256 = hashes["safe_tx_hash"].as_str().unwrap().parse().unwrap();
    let mut signers = owners[..2].to_vec();
    signers.sort();
    let mut signatures = Vec::new();
    for owner in &signers {
        world.send(*owner, safe, approveHashCall { hash }).await;
        signatures.extend(owner.into_word());
        signatures.extend([0; 32]);
        signatures.push(1);
    }
    let execute = execTransactionCall {
        to: address_of(&call["to"]),
        value: U256::ZERO,
        data: call["data"].as_str().unwrap().parse().unwrap(),
        operation: u8::try_from(call["operation"].as_u64().unwrap()).unwrap(),
        safeTxGas: U256::ZERO,
        baseGas: U256::ZERO,
        gasPrice: U256::ZERO,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        signatures: signatures.into(),
    };
    world.send(signers[0], safe, execute).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owners_sign_two_calls_as_one() {
    let versions = Versions::of(BRAIN);
    let mut world = World::bare(None).await;
    let (safe, owners) = governed(&mut world, &versions).await;
    entered(&mut world).await;
    let green = prepared(&world, &versions, "compound-unitroller").await;

    let ran = world.run(&["propose"]).await;
    ran.refused(12, &["several calls", "no MultiSendCallOnly"]);
    let file = "build/artifacts/contracts/libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json";
    let made = world.create(artifact("safe-1.4.1", file)).await;
    let code: Bytes = world
        .node()
        .call("eth_getCode", json!([made, "latest"]))
        .await
        .unwrap();
    let _: Value = world
        .node()
        .call("anvil_setCode", json!([MULTI_SEND, code]))
        .await
        .unwrap();
    let proposal = world.run(&["propose"]).await.ended(0).json();
    assert_eq!(proposal["authority"]["type"], "safe");
    assert_eq!(address_of(&proposal["forward"]["to"]), MULTI_SEND);
    assert_eq!(proposal["forward"]["operation"], 1);
    assert_eq!(proposal.get("forward_then"), None);
    let executed = proposal["executed"].as_str().unwrap();
    assert!(executed.contains("2 of the Safe's 3 owners"), "{executed}");
    let page = std::fs::read_to_string(world.file("proposal.html")).unwrap();
    assert!(page.contains("multiSend") && page.contains("in the batch"));

    // Its owners send it, not a key of this machine.
    let upgrade = ["upgrade", "--mnemonic-env", "STORY_MNEMONIC"];
    world.run(&upgrade).await.refused(12, &["its owners sign"]);
    let slot_of_implementation = 2;
    for (index, (way, runs)) in [
        ("forward", green),
        ("back", world.blue),
        ("forward_again", green),
    ]
    .into_iter()
    .enumerate()
    {
        let hashes = &proposal["hashes"][index];
        signed(&world, safe, &owners, &proposal[way], hashes).await;
        let found = world.storage(slot_of_implementation).await;
        assert_eq!(Address::from_word(found.into()), runs, "{way}");
    }
}

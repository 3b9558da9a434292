//! Safes of four releases: the first changes its singleton by a call of itself, the others need a
//! migration contract.

use super::{compiled, look, params, world::*};
use alloy_primitives::{Address, B256, Bytes, U256, address};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind,
    inspection::{Location, Possible},
};

alloy_sol_types::sol! {
    function setup(address[] owners, uint256 threshold, address to, bytes data, address handler, address token, uint256 payment, address receiver) external;
    function changeMasterCopy(address singleton) external;
    function approveHash(bytes32 hash) external;
    function migrateSingleton() external;
    function migrateL2Singleton() external;
    function getTransactionHash(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, uint256 nonce) external view returns (bytes32);
    function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) external returns (bool);
}

fn release(version: &str) -> (Bytes, Bytes) {
    let package = format!("safe-{version}");
    let contracts = "build/artifacts/contracts";
    let (singleton, proxy) = match version {
        "1.1.1" => (
            "build/contracts/GnosisSafe.json".to_owned(),
            "build/contracts/Proxy.json".to_owned(),
        ),
        "1.3.0" => (
            format!("{contracts}/GnosisSafe.sol/GnosisSafe.json"),
            format!("{contracts}/proxies/GnosisSafeProxy.sol/GnosisSafeProxy.json"),
        ),
        _ => (
            format!("{contracts}/Safe.sol/Safe.json"),
            format!("{contracts}/proxies/SafeProxy.sol/SafeProxy.json"),
        ),
    };
    (published(&package, &singleton), published(&package, &proxy))
}

/// A Safe of three owners, two of whom must agree, and its singleton.
async fn safe(world: &World, version: &str) -> (Address, Address) {
    let (singleton, proxy) = release(version);
    let singleton = world.deploy(&singleton, &[]).await;
    let safe = world.deploy(&proxy, &params((singleton,))).await;
    let setup = setupCall {
        owners: world.accounts[1..4].to_vec(),
        threshold: U256::from(2),
        to: Address::ZERO,
        data: Bytes::new(),
        handler: Address::ZERO,
        token: Address::ZERO,
        payment: U256::ZERO,
        receiver: Address::ZERO,
    };
    world
        .act(world.accounts[0], safe, &setup.abi_encode().into())
        .await;
    (safe, singleton)
}

#[tokio::test]
async fn an_old_safe_changes_its_singleton_itself() {
    let world = World::start().await;
    let (safe, blue) = safe(&world, "1.1.1").await;
    let green = world.deploy(&release("1.1.1").0, &[]).await;
    let found = look(&world, safe).await;
    let facts = found.proxy.as_ref().unwrap();
    assert_eq!(facts.kind, ProxyKind::SafeProxy, "{found:#?}");
    assert_eq!(facts.location, Location::Slot(B256::ZERO));
    let upgrade = found.upgrade.as_ref().unwrap();
    assert!(upgrade.proven, "{found:#?}");
    assert_eq!((upgrade.from, upgrade.to), (safe, safe));
    let change = changeMasterCopyCall { singleton: blue };
    assert_eq!(upgrade.data, Bytes::from(change.abi_encode()));
    assert_eq!(found.rollback.as_ref().unwrap().possible, Possible::Yes);
    assert_eq!(found.controllers[0].kind, "safe");
    assert_eq!(found.controllers[0].threshold, Some(2));
    for singleton in [green, blue] {
        world.upgrade(&upgrade.path, singleton).await;
        let after = look(&world, safe).await.proxy.unwrap();
        assert_eq!(after.implementation.address, singleton);
    }
}

const MIGRATION: &str = "build/artifacts/contracts/libraries/SafeMigration.sol/SafeMigration.json";

/// The owners migrate `safe` by a delegate call of the published contract.
async fn migrate(world: &World, safe: Address, singleton: Address, nonce: u64) {
    let handler = world.deploy(&compiled("Box"), &[]).await;
    let migration = world
        .deploy(
            &published("safe-1.5.0", MIGRATION),
            &params((singleton, singleton, handler)),
        )
        .await;
    let data = Bytes::from(migrateSingletonCall {}.abi_encode());
    delegate(world, safe, (migration, data), nonce).await;
}

/// The owners have `safe` make a delegate call.
async fn delegate(world: &World, safe: Address, (migration, data): (Address, Bytes), nonce: u64) {
    let zero = U256::ZERO;
    let question = getTransactionHashCall {
        to: migration,
        value: zero,
        data: data.clone(),
        operation: 1,
        safeTxGas: zero,
        baseGas: zero,
        gasPrice: zero,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        nonce: U256::from(nonce),
    };
    let question = Bytes::from(question.abi_encode());
    let hash: B256 = world
        .node
        .call(
            "eth_call",
            serde_json::json!([{"to": safe, "data": question}, "latest"]),
        )
        .await
        .unwrap();
    let mut owners = world.accounts[1..3].to_vec();
    owners.sort();
    let mut signatures = Vec::new();
    for owner in owners {
        let approve = approveHashCall { hash }.abi_encode();
        world.act(owner, safe, &approve.into()).await;
        signatures.extend(owner.into_word());
        signatures.extend([0; 32]);
        signatures.push(1);
    }
    let execute = execTransactionCall {
        to: migration,
        value: zero,
        data,
        operation: 1,
        safeTxGas: zero,
        baseGas: zero,
        gasPrice: zero,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        signatures: signatures.into(),
    };
    world
        .act(world.accounts[0], safe, &execute.abi_encode().into())
        .await;
}

#[tokio::test]
async fn newer_safes_need_a_migration_contract_and_say_which() {
    let world = World::start().await;
    for version in ["1.3.0", "1.4.1", "1.5.0"] {
        let (safe, blue) = safe(&world, version).await;
        let found = look(&world, safe).await;
        let facts = found.proxy.as_ref().unwrap();
        assert_eq!(facts.kind, ProxyKind::SafeProxy, "{found:#?}");
        assert_eq!(facts.implementation.address, blue);
        assert!(found.upgrade.is_none());
        let why = found.rollback.as_ref().unwrap().why.clone().unwrap();
        assert!(
            why.contains(version) && why.contains("SafeMigration"),
            "{why}"
        );
        assert!(why.contains(&blue.to_string()), "{why}");
        let says = |what: &str| found.notes.iter().any(|note| note.contains(what));
        assert!(!says("no release"), "{:?}", found.notes);
        assert!(
            says("executed: with the approvals of 2 of its 3 owners it moved"),
            "{:?}",
            found.notes
        );
        let green = world.deploy(&release("1.4.1").0, &[]).await;
        for (nonce, singleton) in [(0, green), (1, blue)] {
            migrate(&world, safe, singleton, nonce).await;
            assert_eq!(runs(&world, safe).await, singleton);
        }
    }
}

async fn runs(world: &World, safe: Address) -> Address {
    let params = serde_json::json!([safe, "0x0", "latest"]);
    let first: B256 = world.node.call("eth_getStorageAt", params).await.unwrap();
    Address::from_word(first)
}

/// The deployer that Safe's releases go through: salt and init code.
const FACTORY: Address = address!("914d7Fec6aaC8cd542e72Bca78B30650d45643d7");
const FACTORY_CODE: &str = "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";
const HANDLER: Address = address!("3EfCBb83A4A7AfcB4F68D501E2c2203a38be77f4");
const SAFE: Address = address!("Ff51A5898e281Db6DfC7855790607438dF2ca44b");
const SAFE_L2: Address = address!("Edd160fEBBD92E350D4D398fb636302fccd67C7e");
const RELEASED: Address = address!("6439e7ABD8Bb915A5263094784C5CF561c4172AC");

/// Puts the singletons and the migration contract of 1.5.0 where they are on every chain.
async fn release_1_5_0(world: &World) {
    for (at, code) in [(FACTORY, FACTORY_CODE), (HANDLER, "0x00")] {
        let params = serde_json::json!([at, code]);
        let _: serde_json::Value = world.node.call("anvil_setCode", params).await.unwrap();
    }
    let contracts = "build/artifacts/contracts";
    for (file, arguments) in [
        (format!("{contracts}/Safe.sol/Safe.json"), vec![]),
        (format!("{contracts}/SafeL2.sol/SafeL2.json"), vec![]),
        (MIGRATION.to_owned(), params((SAFE, SAFE_L2, HANDLER))),
    ] {
        let code = published("safe-1.5.0", &file);
        let data = [&[0; 32][..], &code, &arguments].concat();
        world.act(world.accounts[0], FACTORY, &data.into()).await;
    }
}

#[tokio::test]
async fn the_released_migration_is_executed_there_and_back() {
    let world = World::start().await;
    release_1_5_0(&world).await;
    let (old, singleton) = safe(&world, "1.4.1").await;
    let there = format!("migrateSingleton() (0xf6682ab0) on SafeMigration 1.5.0 at {RELEASED}");
    let back = format!("migrateL2Singleton() (0x07f464a4) on SafeMigration 1.5.0 at {RELEASED}");
    let says = |notes: &[String], parts: &[&str]| {
        let told = |note: &String| parts.iter().all(|part| note.contains(part));
        assert!(notes.iter().any(told), "{parts:?} in {notes:#?}");
    };
    let found = look(&world, old).await;
    let executed = "executed: with the approvals of 2 of its 3 owners";
    let none = format!("no released contract here leads back to {singleton}");
    let lands = format!("leads to singleton {SAFE}");
    says(&found.notes, &[executed, &there, &lands, &none]);
    let call = |data: Vec<u8>| (RELEASED, Bytes::from(data));
    let l2 = call(migrateL2SingletonCall {}.abi_encode());
    delegate(&world, old, l2.clone(), 0).await;
    assert_eq!(runs(&world, old).await, SAFE_L2);

    let found = look(&world, old).await;
    says(
        &found.notes,
        &[executed, &there, &format!("the way back is {back}")],
    );
    let plain = call(migrateSingletonCall {}.abi_encode());
    for (nonce, hop, target) in [(1, plain, SAFE), (2, l2, SAFE_L2)] {
        delegate(&world, old, hop, nonce).await;
        assert_eq!(runs(&world, old).await, target);
    }
}

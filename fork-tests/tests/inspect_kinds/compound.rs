//! Compound's proxies and those of its forks.

use super::{
    Expected, assert_found, holds_what_it_says, look, params,
    world::{World, compiled, published},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use cutover_types::{
    ProxyKind, Verb,
    inspection::{Location, Possible},
};

alloy_sol_types::sol! {
    function _setPendingImplementation(address implementation) external;
    function _setPendingAdmin(address admin) external;
    function _become(address proxy) external;
    function _setImplementation(address implementation, bool allowResign, bytes data) external;

    interface IGovernor {
        function _setImplementation(address implementation) external;
    }
}

fn expected(kind: ProxyKind, with_data: bool, from: Address, to: Address) -> Expected {
    Expected {
        kind,
        verb: Verb::Steps,
        with_data: with_data.then_some(Verb::Steps),
        from,
        to,
    }
}

async fn install(world: &World, proxy: Address, implementation: Address) {
    let admin = world.accounts[0];
    let propose = _setPendingImplementationCall { implementation };
    world.act(admin, proxy, &propose.abi_encode().into()).await;
    let accept = _becomeCall { proxy };
    world
        .act(admin, implementation, &accept.abi_encode().into())
        .await;
}

#[tokio::test]
async fn a_unitroller_is_offered_an_implementation_which_then_becomes_it() {
    let world = World::start().await;
    let admin = world.accounts[0];
    let blue = world.deploy(&compiled("Comptroller"), &[]).await;
    let green = world.deploy(&compiled("Comptroller"), &[]).await;
    let file = "artifacts/contracts/Comptroller/Unitroller.sol/Unitroller.json";
    let unitroller = world.deploy(&published("venus", file), &[]).await;
    install(&world, unitroller, blue).await;
    // A fork that renamed the getters and moved the slots.
    let vault = world
        .deploy(&compiled("VaultProxy"), &params((blue,)))
        .await;
    for (proxy, slot) in [(unitroller, 2_u64), (vault, 7)] {
        let found = holds_what_it_says(&world, proxy, green).await;
        assert_found(
            &found,
            &expected(ProxyKind::CompoundUnitroller, false, admin, proxy),
        );
        assert_eq!(
            found.proxy.as_ref().unwrap().location,
            Location::Slot(U256::from(slot).into())
        );
        let upgrade = found.upgrade.unwrap();
        let propose = _setPendingImplementationCall {
            implementation: blue,
        };
        assert_eq!(upgrade.data, propose.abi_encode());
        let accept = &upgrade.then[0].call;
        assert_eq!(accept.to, blue);
        assert_eq!(accept.data, _becomeCall { proxy }.abi_encode());
        assert!(!found.notes.iter().any(|note| note.contains("proposed")));

        let propose = _setPendingImplementationCall {
            implementation: green,
        };
        world.act(admin, proxy, &propose.abi_encode().into()).await;
        let notes = look(&world, proxy).await.notes;
        let said = format!("{green} is proposed");
        assert!(notes.iter().any(|note| note.contains(&said)), "{notes:?}");
    }
    let next = world.accounts[8];
    let offer = _setPendingAdminCall { admin: next };
    world
        .act(admin, unitroller, &offer.abi_encode().into())
        .await;
    let notes = look(&world, unitroller).await.notes;
    let said = format!("{next} is its pending admin");
    assert!(notes.iter().any(|note| note.contains(&said)), "{notes:?}");
}

#[tokio::test]
async fn a_unitroller_whose_implementation_cannot_become_it_again_says_so() {
    let world = World::start().await;
    let stuck = world.deploy(&compiled("Stuck"), &[]).await;
    let vault = world
        .deploy(&compiled("VaultProxy"), &params((stuck,)))
        .await;
    let found = look(&world, vault).await;
    assert_eq!(found.proxy.unwrap().kind, ProxyKind::CompoundUnitroller);
    assert!(!found.upgrade.unwrap().proven);
    assert_ne!(found.rollback.unwrap().possible, Possible::Yes);
    let said = "no _become(address)";
    assert!(found.notes.iter().any(|note| note.contains(said)));
}

#[tokio::test]
async fn delegators_of_markets_and_governors_are_upgraded_by_their_admin() {
    let world = World::start().await;
    let admin = world.accounts[4];
    let nobody = Address::repeat_byte(0x11);
    let blue = world.deploy(&compiled("Delegate"), &[]).await;
    let green = world.deploy(&compiled("Delegate"), &[]).await;
    let file = "artifacts/contracts/Tokens/VTokens/VBep20Delegator.sol/VBep20Delegator.json";
    let market = world
        .deploy(
            &published("venus", file),
            &params((
                nobody,
                nobody,
                nobody,
                U256::from(1),
                "Venus".to_owned(),
                "v".to_owned(),
                U256::from(8),
                admin,
                blue,
                Bytes::new(),
            )),
        )
        .await;
    let found = holds_what_it_says(&world, market, green).await;
    assert_found(
        &found,
        &expected(ProxyKind::CompoundDelegator, true, admin, market),
    );
    let call = _setImplementationCall {
        implementation: blue,
        allowResign: true,
        data: Bytes::new(),
    };
    assert_eq!(found.upgrade.unwrap().data, call.abi_encode());

    let file =
        "artifacts/contracts/Governance/GovernorBravoDelegator.sol/GovernorBravoDelegator.json";
    let governor = world
        .deploy(
            &published("venus-governance", file),
            &params((
                nobody,
                nobody,
                admin,
                blue,
                U256::from(1),
                U256::from(1),
                U256::from(1),
                nobody,
            )),
        )
        .await;
    let found = holds_what_it_says(&world, governor, green).await;
    assert_found(
        &found,
        &expected(ProxyKind::CompoundGovernorDelegator, false, admin, governor),
    );
    let call = IGovernor::_setImplementationCall {
        implementation: blue,
    };
    assert_eq!(found.upgrade.unwrap().data, call.abi_encode());
}

//! Who controls a controller: the tree behind the account a proxy obeys.

use crate::{code::delegation, error::InspectError, session::Session};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use cutover_types::{
    abi::{IBeacon, IProxy, IProxyAdmin},
    inspection::Controller,
};
use std::{collections::BTreeSet, future::Future, pin::Pin};

/// How deep the tree goes.
const DEPTH: usize = 5;
/// Accounts in one tree.
const NODES: usize = 128;

alloy_sol_types::sol! {
    interface IController {
        function getOwners() external view returns (address[]);
        function getThreshold() external view returns (uint256);
        function getMinDelay() external view returns (uint256);
        function delay() external view returns (uint256);
        function admin() external view returns (address);
    }
}

/// What the tree is built for.
pub(crate) struct Tree<'a> {
    pub(crate) proxy: Address,
    /// Accounts from which a simulated upgrade succeeded, and the contracts it went through.
    pub(crate) proven: &'a BTreeSet<Address>,
    pub(crate) seen: BTreeSet<Address>,
}

type Branch<'a> = Pin<Box<dyn Future<Output = Result<Controller, InspectError>> + 'a>>;

impl Tree<'_> {
    /// The controller at `address` with everyone behind it.
    pub(crate) fn grow<'a>(
        &'a mut self,
        session: &'a mut Session,
        address: Address,
        depth: usize,
    ) -> Branch<'a> {
        Box::pin(async move {
            let mut controller = Controller {
                address,
                kind: "contract".into(),
                proven: self.proven.contains(&address),
                ..Controller::default()
            };
            if self.seen.len() >= NODES || depth >= DEPTH {
                controller.kind = "not followed".into();
                return Ok(controller);
            }
            if !self.seen.insert(address) {
                controller.kind = "seen above".into();
                return Ok(controller);
            }
            let members = self.classify(session, &mut controller).await?;
            for member in members {
                let branch = self.grow(session, member, depth + 1).await?;
                controller.members.push(branch);
            }
            Ok(controller)
        })
    }

    /// Names the controller and returns who stands behind it.
    async fn classify(
        &self,
        session: &mut Session,
        controller: &mut Controller,
    ) -> Result<Vec<Address>, InspectError> {
        let address = controller.address;
        if address[..18] == [0; 18] || address == Address::from_word(dead()) {
            controller.kind = "renounced".into();
            return Ok(Vec::new());
        }
        let Some(code) = session.code(address).await? else {
            controller.kind = "unknown".into();
            return Ok(Vec::new());
        };
        if code.is_empty() {
            controller.kind = "eoa".into();
            return Ok(Vec::new());
        }
        if delegation(&code).is_some() {
            controller.kind = "eip7702".into();
            return Ok(Vec::new());
        }
        let questions = [
            IController::getOwnersCall {}.abi_encode(),
            IController::getThresholdCall {}.abi_encode(),
            IController::getMinDelayCall {}.abi_encode(),
            IController::delayCall {}.abi_encode(),
            IController::adminCall {}.abi_encode(),
            IProxy::ownerCall {}.abi_encode(),
            IProxy::UPGRADE_INTERFACE_VERSIONCall {}.abi_encode(),
            IProxyAdmin::getProxyAdminCall { proxy: self.proxy }.abi_encode(),
            IBeacon::implementationCall {}.abi_encode(),
        ];
        let answers = session.ask(questions.map(|data| (address, data))).await?;
        let [
            owners,
            threshold,
            min_delay,
            delay,
            admin,
            owner,
            version,
            administers,
            beacon,
        ] = answers.as_slice()
        else {
            return Ok(Vec::new());
        };
        if let (Some(owners), Some(threshold)) = (
            owners.returns::<IController::getOwnersCall>(),
            threshold.word().filter(|threshold| !threshold.is_zero()),
        ) {
            controller.kind = "safe".into();
            controller.threshold = seconds(threshold);
            return Ok(owners.into_iter().take(NODES).collect());
        }
        if let Some(wait) = min_delay.word() {
            controller.kind = "timelock".into();
            controller.delay_seconds = seconds(wait);
            return Ok(Vec::new());
        }
        if let (Some(wait), Some(admin)) = (delay.word(), admin.address()) {
            controller.kind = "timelock".into();
            controller.delay_seconds = seconds(wait);
            return Ok(vec![admin]);
        }
        let Some(owned_by) = owner.word().map(|word| Address::from_word(word.into())) else {
            return Ok(Vec::new());
        };
        let newest = version
            .returns::<IProxy::UPGRADE_INTERFACE_VERSIONCall>()
            .as_deref()
            == Some("5.0.0");
        controller.kind = if newest || administers.address() == Some(address) {
            "proxy-admin"
        } else if beacon.address().is_some() {
            "beacon"
        } else {
            "ownable"
        }
        .into();
        Ok(vec![owned_by])
    }
}

fn dead() -> alloy_primitives::B256 {
    U256::from(0xdead).into()
}

fn seconds(value: U256) -> Option<u64> {
    u64::try_from(value).ok()
}

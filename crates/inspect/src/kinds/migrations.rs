//! The SafeMigration contracts of Safe's releases. Each moves a Safe to the singletons that stand in its own
//! code, so that the way back takes another one.

use crate::{
    error::InspectError,
    session::{Played, Session},
};
use alloy_primitives::{Address, B256, address, b256, hex, keccak256};
use alloy_sol_types::SolCall;
use cutover_types::Missing;

/// By release: where the deterministic deployer puts it, and the hash of its code there.
const RELEASED: [(&str, Address, B256); 2] = [
    (
        "1.4.1",
        address!("526643F69b81B008F46d95CD5ced5eC0edFFDaC6"),
        b256!("c00d7921460cd5a05393e7772e634bd7d212f356356aa3a77f0120a9b8e25e99"),
    ),
    (
        "1.5.0",
        address!("6439e7ABD8Bb915A5263094784C5CF561c4172AC"),
        b256!("52d7472fa02c3a574544f9b5a4ed4c7777e4e3315217e368926b51e1cc6014ea"),
    ),
];

alloy_sol_types::sol! {
    interface ISafeMigration {
        function SAFE_SINGLETON() external view returns (address);
        function SAFE_L2_SINGLETON() external view returns (address);
        function migrateSingleton() external;
        function migrateL2Singleton() external;
    }
}

/// A delegate call that moves a Safe.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    /// Whose code runs in the Safe.
    pub(super) contract: Address,
    /// What it is called with.
    pub(super) data: Vec<u8>,
    /// The singleton it installs.
    pub(super) target: Address,
    /// What it is called.
    pub(super) name: String,
}

impl Hop {
    /// `migrateSingleton()` of a contract that is made for `target`.
    pub(super) fn new(contract: Address, target: Address) -> Self {
        Self {
            contract,
            data: ISafeMigration::migrateSingletonCall {}.abi_encode(),
            target,
            name: ISafeMigration::migrateSingletonCall::SIGNATURE.into(),
        }
    }
}

/// The hops of every released contract that is on this chain.
pub(super) async fn released(session: &mut Session) -> Result<Vec<Hop>, InspectError> {
    let accounts = RELEASED.map(|(_, address, _)| Missing::Account { address });
    session.prefetch(accounts).await?;
    let mut hops = Vec::new();
    for (release, contract, hash) in RELEASED {
        let code = session.code(contract).await?;
        if code.is_none_or(|code| keccak256(&code) != hash) {
            continue;
        }
        let questions = [
            ISafeMigration::SAFE_SINGLETONCall {}.abi_encode(),
            ISafeMigration::SAFE_L2_SINGLETONCall {}.abi_encode(),
        ];
        let answers = session.ask(questions.map(|data| (contract, data))).await?;
        let calls = [
            (
                ISafeMigration::migrateSingletonCall::SIGNATURE,
                ISafeMigration::migrateSingletonCall {}.abi_encode(),
            ),
            (
                ISafeMigration::migrateL2SingletonCall::SIGNATURE,
                ISafeMigration::migrateL2SingletonCall {}.abi_encode(),
            ),
        ];
        for ((function, data), target) in calls.into_iter().zip(answers) {
            let Some(target) = Played::address(&target) else {
                continue;
            };
            let selector = hex::encode_prefixed(&data);
            hops.push(Hop {
                contract,
                name: format!("{function} ({selector}) on SafeMigration {release} at {contract}"),
                data,
                target,
            });
        }
    }
    let targets = hops.iter().map(|hop| Missing::Account {
        address: hop.target,
    });
    session.prefetch(targets.collect::<Vec<_>>()).await?;
    Ok(hops)
}

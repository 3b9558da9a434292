//! Beacon proxies: the implementation is what the beacon answers, and one upgrade of the beacon moves
//! every proxy of it.

use super::{Kind, Recognized, Subject, admin};
use crate::{authority, code, error::InspectError, session::Session, trace::slot_holding};
use alloy_primitives::{Address, B256, hex};
use alloy_sol_types::SolCall;
use async_trait::async_trait;
use cutover_types::{
    Argument, ProxyKind, UpgradePath, UpgradeStep, Verb,
    abi::{BEACON_SLOT, IBeacon, IProxy},
    inspection::Location,
};

alloy_sol_types::sol! {
    function childImplementation() external view returns (address);
}

/// Constants of a beacon's code that are asked whether they are its controller.
const CANDIDATES: usize = 16;

/// What the proxy asks the beacon, which also says how the beacon is upgraded.
enum Form {
    /// `implementation()`: OpenZeppelin's and Solady's.
    Standard,
    /// `childImplementation()`: NFTX's.
    Child,
    /// Nothing at all: Nomad's.
    Nomad,
    /// Something else, asked of the contract in ERC-1967's beacon slot.
    Other,
}

pub(super) struct Beacon;

#[async_trait(?Send)]
impl Kind for Beacon {
    async fn recognize(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Option<Recognized>, InspectError> {
        let Location::Call(beacon) = subject.forward.location else {
            return Ok(None);
        };
        let asked = subject.forward.question.clone().unwrap_or_default();
        let in_slot = admin::address_in(session, subject.proxy, BEACON_SLOT).await?;
        let form = if asked[..] == IBeacon::implementationCall::SELECTOR {
            Form::Standard
        } else if asked[..] == childImplementationCall::SELECTOR {
            Form::Child
        } else if asked.is_empty() && code::has_address(&subject.code, beacon) {
            Form::Nomad
        } else if in_slot == Ok(Some(beacon)) {
            Form::Other
        } else {
            return Ok(None);
        };
        let mut found = Recognized::new(match form {
            Form::Nomad => ProxyKind::NomadUpgradeBeacon,
            Form::Standard | Form::Child | Form::Other => ProxyKind::BeaconProxy,
        });
        found.beacon = Some(beacon);
        // 5.x asks the beacon in its code and writes the slot for show.
        if let Ok(Some(claimed)) = in_slot
            && claimed != beacon
        {
            found.conflicts.push(format!(
                "the beacon slot says {claimed}, but the proxy asks {beacon}"
            ));
        }
        let implementation = subject.forward.target;
        let answers = session.ask([(beacon, asked.to_vec())]).await?;
        let slot = answers
            .first()
            .and_then(|played| slot_holding(&played.reads, beacon, implementation));
        let Some(slot) = slot else {
            found.notes.push(format!(
                "where the beacon {beacon} keeps the implementation is not known"
            ));
            return Ok(Some(found));
        };
        if let Form::Other = form {
            found.notes.push(format!(
                "it asks its beacon by {}, not by implementation()",
                hex::encode_prefixed(asked.get(..4).unwrap_or_default())
            ));
        }
        let path = match form {
            Form::Standard | Form::Other => UpgradePath {
                to: beacon,
                holder: beacon,
                ..UpgradePath::one_call(subject.proxy, slot, Verb::BeaconUpgradeTo, None)
            },
            Form::Child => {
                let function = "upgradeChildTo(address)";
                let arguments = vec![Argument::Implementation];
                let step = UpgradeStep::new(Address::ZERO, beacon, function, arguments);
                UpgradePath {
                    holder: beacon,
                    ..UpgradePath::of(subject.proxy, slot, vec![step])
                }
            }
            Form::Nomad => {
                by_controllers(session, subject.proxy, beacon, slot, &mut found).await?;
                return Ok(Some(found));
            }
        };
        authority::paths(session, path, implementation, &mut found).await?;
        Ok(Some(found))
    }
}

/// Nomad's beacon obeys a controller in its code: every constant there that has an owner is a candidate.
async fn by_controllers(
    session: &mut Session,
    proxy: Address,
    beacon: Address,
    slot: B256,
    found: &mut Recognized,
) -> Result<(), InspectError> {
    let code = session.code(beacon).await?.unwrap_or_default();
    let candidates: Vec<_> = code::addresses(&code)
        .into_iter()
        .take(CANDIDATES)
        .collect();
    let owner = IProxy::ownerCall {}.abi_encode();
    let questions = candidates
        .iter()
        .map(|candidate| (*candidate, owner.clone()));
    let owners = session.ask(questions).await?;
    for (controller, owner) in candidates.iter().zip(&owners) {
        let Some(owner) = owner.address() else {
            continue;
        };
        let arguments = vec![
            Argument::Value(beacon.to_string()),
            Argument::Implementation,
        ];
        let step = UpgradeStep::new(owner, *controller, "upgrade(address,address)", arguments);
        found.admin = Some(*controller);
        found.paths.push(UpgradePath {
            holder: beacon,
            ..UpgradePath::of(proxy, slot, vec![step])
        });
    }
    if found.paths.is_empty() {
        found.notes.push(format!(
            "which controller the beacon {beacon} obeys is not known"
        ));
    }
    Ok(())
}

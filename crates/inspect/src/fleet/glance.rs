//! One of many: its kind, what it runs, and whom it obeys.

use crate::{
    error::{InspectError, key},
    inspect::{proofs, report, subject},
    kinds::{self, Recognized},
    session::Session,
    snapshot::Snapshot,
};
use alloy_primitives::{Address, keccak256};
use cutover_types::{
    Inspection, Missing, ProxyKind,
    fleet::{FleetAnswer, FleetMember, Upgrader},
    inspection::{CodeAt, Location, PowerPath},
    progress::Silent,
};

/// What was found of one address.
pub(super) struct Look {
    address: Address,
    pub(super) told: Result<Told, InspectError>,
}

pub(super) enum Told {
    /// It is no proxy: why.
    No(String),
    Glance(Box<Glance>),
    Whole(Box<Inspection>),
}

pub(super) struct Glance {
    kind: ProxyKind,
    implementation: CodeAt,
    location: Location,
    controller: Option<Address>,
    proven: bool,
    closed: bool,
    admin: Option<Address>,
    beacon: Option<Address>,
    conflicts: Vec<String>,
}

pub(super) async fn look(mut session: Session, address: Address, prove: bool) -> Look {
    let told = match prove {
        true => report(&mut session, address, &Silent)
            .await
            .map(|inspection| Told::Whole(Box::new(inspection))),
        false => glance(session, address).await,
    };
    Look { address, told }
}

async fn glance(mut session: Session, address: Address) -> Result<Told, InspectError> {
    let subject = match subject(&mut session, address).await? {
        Ok(subject) => subject,
        Err(why) => return Ok(Told::No(why)),
    };
    let recognized = kinds::recognize(&mut session, &subject).await?;
    let forward = recognized.runs.as_ref().unwrap_or(&subject.forward);
    let (target, location) = (forward.target, forward.location.clone());
    let (controller, proven) = seat(&mut session, address, &recognized, target).await?;
    let code = session.code(target).await?;
    Ok(Told::Glance(Box::new(Glance {
        kind: recognized.kind,
        implementation: CodeAt {
            address: target,
            code_hash: code.map(keccak256).unwrap_or_default(),
        },
        location,
        controller,
        proven,
        // An empty seat is only tried with `prove`.
        closed: recognized.shut.is_some() && recognized.vacant.is_none(),
        admin: recognized.admin,
        beacon: recognized.beacon,
        conflicts: recognized.conflicts,
    })))
}

/// Whom it obeys. Where several might be the one, the upgrade is executed from each.
async fn seat(
    session: &mut Session,
    proxy: Address,
    recognized: &Recognized,
    implementation: Address,
) -> Result<(Option<Address>, bool), InspectError> {
    if let Some(known) = recognized.beacon.or(recognized.admin) {
        return Ok((Some(known), false));
    }
    let seat = |from: Address, to: Address| Some(if to == proxy { from } else { to });
    Ok(match recognized.paths.as_slice() {
        [] => (None, false),
        [only] => (seat(only.from, only.to), false),
        _ => {
            let proofs = proofs(session, recognized, implementation).await?;
            match proofs.iter().find(|(_, proof)| proof.proven) {
                Some((path, _)) => (seat(path.from, path.to), true),
                None => (None, false),
            }
        }
    })
}

impl Look {
    pub(super) fn into_member(self, snapshot: &Snapshot) -> FleetMember {
        let mut member = FleetMember {
            address: self.address,
            chain_id: snapshot.chain_id,
            block: snapshot.block,
            answer: FleetAnswer::Proxy,
            kind: None,
            implementation: None,
            location: None,
            controller: None,
            proven: false,
            upgrader: None,
            admin: None,
            beacon: None,
            conflicts: Vec::new(),
            why: None,
            group: None,
            inspection: None,
        };
        match self.told {
            Err(error) => {
                member.answer = FleetAnswer::CouldNotTell;
                let (why, group) = untold(&error, self.address);
                (member.why, member.group) = (Some(why), Some(group));
            }
            Ok(Told::No(why)) => {
                member.answer = FleetAnswer::NotAProxy;
                member.group = Some(why.clone());
                member.why = Some(why);
            }
            Ok(Told::Glance(seen)) => {
                member.kind = Some(seen.kind);
                member.implementation = Some(seen.implementation);
                member.location = Some(seen.location);
                member.controller = seen.controller;
                member.proven = seen.proven;
                member.upgrader = seen.closed.then_some(Upgrader::Nobody);
                member.admin = seen.admin;
                member.beacon = seen.beacon;
                member.conflicts = seen.conflicts;
            }
            Ok(Told::Whole(inspection)) => whole(&mut member, inspection),
        }
        member
    }
}

fn whole(member: &mut FleetMember, inspection: Box<Inspection>) {
    if let Some(proxy) = &inspection.proxy {
        member.kind = Some(proxy.kind);
        member.implementation = Some(proxy.implementation.clone());
        member.location = Some(proxy.location.clone());
        member.admin = proxy.admin;
        member.beacon = proxy.beacon;
        member.conflicts = proxy.conflicts.clone();
        let root = inspection.controllers.first();
        member.controller = root.map(|root| root.address);
        member.proven = inspection.upgrade.as_ref().is_some_and(|u| u.proven);
        member.upgrader = match &inspection.power {
            None => Some(Upgrader::Nobody),
            Some(power) => {
                let open = |path: &PowerPath| path.proven && path.signers == Some(0);
                power.paths.iter().any(open).then_some(Upgrader::Anyone)
            }
        };
    } else {
        member.answer = FleetAnswer::NotAProxy;
        let why = inspection.notes.first().cloned();
        (member.why, member.group) = (why.clone(), why);
    }
    member.inspection = Some(inspection);
}

/// What could not be read, and the same in words that many addresses share.
fn untold(error: &InspectError, address: Address) -> (String, String) {
    match error {
        InspectError::CannotTell { missing, .. } => {
            let group = match missing {
                Missing::Slot { address: of, slot } if *of == address => {
                    format!("slot {slot} of the address itself")
                }
                Missing::Account { address: of } if *of == address => "the account itself".into(),
                other => key(other),
            };
            let why = format!("the node does not give {}", key(missing));
            (why, format!("the node does not give {group}"))
        }
        InspectError::Chain { source, .. } => {
            let why = format!("the chain could not be read: {source}");
            (why, "the chain could not be read".into())
        }
        InspectError::NotTaken { .. } => (
            error.to_string(),
            "its code can hand calls on, and did not with the call that was tried".into(),
        ),
        other => (
            other.to_string(),
            "its execution could not be followed".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use cutover_chain::ChainError;

    #[test]
    fn what_is_missing_of_each_address_itself_is_one_group() {
        let of = |address, missing| InspectError::CannotTell {
            proxy: address,
            missing,
            source: ChainError::NoSuchBlock { number: 1 },
        };
        let (one, two) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let slot = |address| Missing::Slot {
            address,
            slot: B256::ZERO,
        };
        let first = untold(&of(one, slot(one)), one);
        let second = untold(&of(two, slot(two)), two);
        assert_eq!(first.1, second.1);
        assert_ne!(first.0, second.0);
        assert!(first.0.contains(&one.to_string()), "{}", first.0);
        assert_ne!(untold(&of(one, slot(two)), one).1, first.1);
    }
}

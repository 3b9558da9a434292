//! Aragon OSx: a DAO says who has which permission where, and acts for those who may execute.

use super::{
    answers::Answers,
    deed::Step,
    found::{Found, Member},
    grants::{Events, grants},
    logs::{logs, topic_address},
    roles::{doubted, named},
    through::Through,
    timelock::nobody,
};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, Bytes, U256, b256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEvent, SolValue};
use serde_json::json;
use std::collections::BTreeSet;

/// Whoever, or wherever, in a permission.
const ANY: Address = Address::new([0xff; 20]);
/// A permission without a condition.
const ALLOWED: Address = Address::with_last_byte(2);
/// Accounts that are asked about.
const HOLDERS: usize = 96;
/// `ROOT_PERMISSION`: gives and takes all permissions.
const ROOT: B256 = b256!("815fe80e4b37c8582a3b773d1d7071f983eacfd56b5965db654f3087c25ada33");

alloy_sol_types::sol! {
    interface IDao {
        event Granted(bytes32 indexed permissionId, address indexed here, address place, address indexed who, address condition);
        event Revoked(bytes32 indexed permissionId, address indexed here, address place, address indexed who);
        error Unauthorized(address place, address who, bytes32 permissionId);
        error DaoUnauthorized(address dao, address place, address who, bytes32 permissionId);
        function isGranted(address place, address who, bytes32 permissionId, bytes data) external view returns (bool);
        function grant(address place, address who, bytes32 permissionId) external;
    }
}

/// What someone must be permitted by a DAO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(crate) dao: Address,
    /// The contract it is about.
    pub(crate) place: Address,
    pub(crate) id: B256,
}

/// The permission that `refuser` names as it refuses someone.
pub(crate) fn asked_for(refuser: Address, revert: &[u8]) -> Option<Permission> {
    if let Ok(error) = IDao::DaoUnauthorized::abi_decode_validate(revert) {
        return Some(Permission {
            dao: error.dao,
            place: error.place,
            id: error.permissionId,
        });
    }
    let error = IDao::Unauthorized::abi_decode_validate(revert).ok()?;
    Some(Permission {
        dao: refuser,
        place: error.place,
        id: error.permissionId,
    })
}

/// Who was ever given `permission`, or gave one.
pub(crate) async fn given(session: &Session, permission: Permission) -> Vec<Address> {
    let told = grants(session, permission.dao, EVENTS, permission.id).await;
    let told = told.unwrap_or_default();
    told.given.into_iter().filter(|who| *who != ANY).collect()
}

const EVENTS: Events = Events {
    granted: IDao::Granted::SIGNATURE_HASH,
    revoked: IDao::Revoked::SIGNATURE_HASH,
    account: 3,
    giver: 2,
};

/// The DAO at `address`; `None` when it is none.
pub(super) async fn look(
    session: &mut Session,
    address: Address,
    answers: &Answers,
    known: &[Address],
) -> Result<Option<Found>, InspectError> {
    let execute = keccak256("EXECUTE_PERMISSION");
    let says = |name, id: B256| answers.word(name) == Some(U256::from_be_bytes(id.0));
    if !says("EXECUTE_PERMISSION_ID", execute) || !says("ROOT_PERMISSION_ID", ROOT) {
        return Ok(None);
    }
    let mut found = Found::new("aragon-dao");
    let permission = Permission {
        dao: address,
        place: address,
        id: execute,
    };
    permitted(session, permission, &Through::Dao, known, &mut found).await?;
    Ok(Some(found))
}

/// Adds everyone who has `permission`, and who gives it.
pub(super) async fn permitted(
    session: &mut Session,
    permission: Permission,
    through: &Through,
    known: &[Address],
    found: &mut Found,
) -> Result<(), InspectError> {
    let Permission { dao, place, id } = permission;
    let before = found.members.len();
    for who in holders(session, permission, known, found).await? {
        if who == ANY {
            found.add(Member::alone(Address::ZERO, named(id), through.clone()).anyone());
        } else {
            found.add(Member::alone(who, named(id), through.clone()));
        }
    }
    let root = Permission {
        place: dao,
        id: ROOT,
        ..permission
    };
    for who in holders(session, root, known, found).await? {
        let listed = found.members.iter().any(|member| member.address == who);
        // What the DAO grants itself, those who make it act can do anyway.
        if listed || (who == dao && place == dao) {
            continue;
        }
        let grant = IDao::grantCall {
            place,
            who,
            permissionId: id,
        };
        let first = vec![Step::new(who, dao, grant.abi_encode())];
        let through = Through::First(first, Box::new(through.clone()));
        let role = format!("{} ({})", named(ROOT), named(id));
        found.add(Member::alone(who, role, through));
    }
    if found.members.len() == before {
        found.unknown.push(nobody(&named(id), place));
    }
    Ok(())
}

/// Who the DAO says has `permission`, and in `found` why there may be more.
async fn holders(
    session: &mut Session,
    permission: Permission,
    known: &[Address],
    found: &mut Found,
) -> Result<Vec<Address>, InspectError> {
    let Permission { dao, place, id } = permission;
    let told = grants(session, dao, EVENTS, id).await;
    if told.is_none() {
        found.unknown.push(format!(
            "who has {} is not known: the node does not give the logs of {dao}",
            named(id)
        ));
    }
    let told = told.unwrap_or_default();
    let mut asked: BTreeSet<Address> = known.iter().copied().chain([ANY, dao]).collect();
    asked.extend(told.given.iter().chain(&told.givers));
    if asked.len() > HOLDERS {
        let name = named(id);
        found
            .unknown
            .push(format!("not everyone who was given {name} was looked at"));
    }
    let asked: Vec<_> = asked.into_iter().take(HOLDERS).collect();
    let questions = asked.iter().map(|who| {
        let question = IDao::isGrantedCall {
            place,
            who: *who,
            permissionId: id,
            data: Bytes::new(),
        };
        (dao, question.abi_encode())
    });
    let answers = session.ask(questions).await?;
    let has = asked.iter().zip(&answers);
    let holders: Vec<_> = has
        .filter(|(_, played)| played.word() == Some(U256::ONE))
        .map(|(who, _)| *who)
        .collect();
    found
        .unknown
        .extend(doubted(dao, &named(id), &told, &holders));
    for (who, condition) in conditions(session, permission).await {
        if !holders.contains(&who) {
            found.unknown.push(format!(
                "whether {who} has {} is for the condition {condition} to say",
                named(id)
            ));
        }
    }
    Ok(holders)
}

/// Who was given `permission` under a condition, and which; it may have been taken away again.
async fn conditions(session: &Session, permission: Permission) -> Vec<(Address, Address)> {
    let topics = json!([IDao::Granted::SIGNATURE_HASH, permission.id]);
    let found = logs(session, permission.dao, &topics).await;
    let mut given = BTreeSet::new();
    for log in found.unwrap_or_default() {
        let data = log["data"].as_str().and_then(|data| data.parse().ok());
        let data: Bytes = data.unwrap_or_default();
        let Ok((place, condition)) = <(Address, Address)>::abi_decode(&data) else {
            continue;
        };
        let here = place == permission.place || place == ANY;
        if let Some(who) = topic_address(&log, 3).filter(|_| here && condition != ALLOWED) {
            given.insert((who, condition));
        }
    }
    given.into_iter().take(HOLDERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_dao_the_place_and_the_permission() {
        let [dao, place, who] = [1, 2, 3].map(Address::repeat_byte);
        let id = keccak256("UPGRADE_PLUGIN_PERMISSION");
        let permission = Permission { dao, place, id };
        let plugins = IDao::DaoUnauthorized {
            dao,
            place,
            who,
            permissionId: id,
        };
        let own = IDao::Unauthorized {
            place,
            who,
            permissionId: id,
        };
        assert_eq!(asked_for(place, &plugins.abi_encode()), Some(permission));
        assert_eq!(asked_for(dao, &own.abi_encode()), Some(permission));
        assert_eq!(asked_for(dao, &own.abi_encode()[..60]), None);
        assert_eq!(asked_for(dao, &[]), None);
        assert_eq!(ROOT, keccak256("ROOT_PERMISSION"));
    }
}

//! Who has a role: from the contract's own list where it keeps one, else from its events, each asked for
//! again with `hasRole`.

use super::grants::{Events, Grants, grants};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use std::collections::BTreeSet;

/// Holders of one role that are listed.
const HOLDERS: usize = 48;

alloy_sol_types::sol! {
    interface IRoles {
        event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);
        event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender);
        function hasRole(bytes32 role, address account) external view returns (bool);
        function getRoleAdmin(bytes32 role) external view returns (bytes32);
        function getRoleMemberCount(bytes32 role) external view returns (uint256);
        function getRoleMember(bytes32 role, uint256 index) external view returns (address);
        function grantRole(bytes32 role, address account) external;
    }
}

/// Who has a role, and whether that is everyone.
#[derive(Clone, Debug, Default)]
pub(super) struct Holders {
    pub(super) accounts: Vec<Address>,
    /// Why there may be more.
    pub(super) incomplete: Option<String>,
    /// Whether they are known from logs alone: that these name nobody does not say that there is nobody.
    pub(super) from_logs: bool,
}

/// The accounts that have `role` at `contract`; `known` ones are asked about in any case.
pub(super) async fn holders(
    session: &mut Session,
    contract: Address,
    role: B256,
    known: &[Address],
) -> Result<Holders, InspectError> {
    let mut candidates: BTreeSet<Address> = known.iter().copied().collect();
    let mut incomplete = None;
    let mut told = None;
    let count = IRoles::getRoleMemberCountCall { role }.abi_encode();
    let count = session.ask([(contract, count)]).await?;
    let count = count.first().and_then(|played| played.word());
    if let Some(count) = count.and_then(|count| usize::try_from(count).ok()) {
        let listed = (0..count.min(HOLDERS)).map(|index| IRoles::getRoleMemberCall {
            role,
            index: U256::from(index),
        });
        let answers = session
            .ask(listed.map(|call| (contract, call.abi_encode())))
            .await?;
        // Zero is somebody: whoever, in an open role.
        let members = answers.iter().filter_map(|played| played.word());
        candidates.extend(members.map(|word| Address::from_word(word.into())));
        if count > HOLDERS {
            incomplete = Some(format!(
                "only {HOLDERS} of {count} holders of the role were looked at"
            ));
        }
    } else {
        let events = Events {
            granted: IRoles::RoleGranted::SIGNATURE_HASH,
            revoked: IRoles::RoleRevoked::SIGNATURE_HASH,
            account: 2,
            giver: 3,
        };
        let found = grants(session, contract, events, role).await;
        if found.is_none() {
            incomplete = Some(format!(
                "the members of {} are not known: the node does not give the logs of {contract}",
                named(role)
            ));
        }
        let found = found.unwrap_or_default();
        candidates.extend(found.given.iter().chain(&found.givers));
        told = Some(found);
    }
    let (accounts, cut) = confirmed(session, contract, role, candidates).await?;
    let from_logs = told.is_some();
    let doubt = told.and_then(|told| doubted(contract, &named(role), &told, &accounts));
    Ok(Holders {
        accounts,
        incomplete: incomplete.or(cut).or(doubt),
        from_logs,
    })
}

/// Why logs that tell `told` of a role are not all, where `holders` have it.
pub(super) fn doubted(
    contract: Address,
    role: &str,
    told: &Grants,
    holders: &[Address],
) -> Option<String> {
    let unnamed = holders.iter().find(|holder| !told.given.contains(*holder));
    match (told.doubt, unnamed) {
        (Some(why), _) => Some(format!(
            "the node does not give all logs of {contract}: {why}; others may have {role}"
        )),
        (None, Some(holder)) => Some(format!(
            "{holder} has {role} of {contract}, and no log that the node gives says so: others may have it, too"
        )),
        (None, None) => None,
    }
}

async fn confirmed(
    session: &mut Session,
    contract: Address,
    role: B256,
    candidates: BTreeSet<Address>,
) -> Result<(Vec<Address>, Option<String>), InspectError> {
    // Granted and taken away often: still a question each, so not without end.
    let asked: Vec<_> = candidates.iter().copied().take(HOLDERS * 8).collect();
    let questions = asked.iter().map(|account| {
        let account = *account;
        (contract, IRoles::hasRoleCall { role, account }.abi_encode())
    });
    let answers = session.ask(questions).await?;
    let has = asked.iter().zip(&answers);
    let mut holders: Vec<_> = has
        .filter(|(_, played)| played.word() == Some(U256::ONE))
        .map(|(account, _)| *account)
        .collect();
    let more = holders.len() > HOLDERS || candidates.len() > asked.len();
    holders.truncate(HOLDERS);
    let cut = more.then(|| format!("not every holder of {} was looked at", named(role)));
    Ok((holders, cut))
}

/// The role that gives `role`.
pub(super) async fn admin_of(
    session: &mut Session,
    contract: Address,
    role: B256,
) -> Result<Option<B256>, InspectError> {
    let question = IRoles::getRoleAdminCall { role }.abi_encode();
    let answers = session.ask([(contract, question)]).await?;
    Ok(answers
        .first()
        .and_then(|played| played.word())
        .map(B256::from))
}

/// A role's name, where it is one of those everybody uses.
pub(super) fn named(role: B256) -> String {
    if role.is_zero() {
        return "DEFAULT_ADMIN_ROLE".into();
    }
    const NAMES: [&str; 18] = [
        "PROPOSER_ROLE",
        "EXECUTOR_ROLE",
        "CANCELLER_ROLE",
        "TIMELOCK_ADMIN_ROLE",
        "UPGRADER_ROLE",
        "UPGRADE_ROLE",
        "UPGRADER",
        "ADMIN_ROLE",
        "OWNER_ROLE",
        "GOVERNOR_ROLE",
        "MANAGER_ROLE",
        "APP_MANAGER_ROLE",
        "EXECUTE_ROLE",
        "RUN_SCRIPT_ROLE",
        "ROOT_PERMISSION",
        "EXECUTE_PERMISSION",
        "UPGRADE_DAO_PERMISSION",
        "UPGRADE_PLUGIN_PERMISSION",
    ];
    match NAMES.iter().find(|name| keccak256(name) == role) {
        Some(name) => (*name).to_owned(),
        None => format!("role {role}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_roles_have_names_and_others_their_hash() {
        assert_eq!(named(B256::ZERO), "DEFAULT_ADMIN_ROLE");
        assert_eq!(named(keccak256("PROPOSER_ROLE")), "PROPOSER_ROLE");
        assert!(named(B256::repeat_byte(7)).contains("0x0707"));
    }
}

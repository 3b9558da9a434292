//! OpenZeppelin's AccessManager: who may call this function of that contract, and after which delay.

use super::{
    answers::{Answers, IAnswers},
    deed::Step,
    found::{Found, Member},
    grants::{Events, grants},
    roles::doubted,
    through::{IManager, Through},
    timelock::nobody,
};
use crate::{
    error::InspectError,
    session::{Session, stranger},
};
use alloy_primitives::{Address, B256, FixedBytes, U256};
use alloy_sol_types::{SolCall, SolEvent};
use cutover_types::Call;
use std::collections::BTreeSet;

/// Members of one role that are listed.
const MEMBERS: usize = 48;
const PUBLIC: u64 = u64::MAX;
const ADMIN: u64 = 0;

alloy_sol_types::sol! {
    interface IAccess {
        event RoleGranted(uint64 indexed roleId, address indexed account, uint32 delay, uint48 since, bool newMember);
        event RoleRevoked(uint64 indexed roleId, address indexed account);
        function hasRole(uint64 roleId, address account) external view returns (bool isMember, uint32 executionDelay);
        function getTargetFunctionRole(address target, bytes4 selector) external view returns (uint64);
        function getTargetAdminDelay(address target) external view returns (uint32);
        function isTargetClosed(address target) external view returns (bool);
        function getRoleAdmin(uint64 roleId) external view returns (uint64);
        function getRoleGuardian(uint64 roleId) external view returns (uint64);
        function getRoleGrantDelay(uint64 roleId) external view returns (uint32);
        function grantRole(uint64 roleId, address account, uint32 executionDelay) external;
    }
}

/// Whether these are the answers of an AccessManager.
pub(super) fn is_manager(answers: &Answers) -> bool {
    answers.word("PUBLIC_ROLE") == Some(U256::from(PUBLIC))
        && answers.word("ADMIN_ROLE") == Some(U256::from(ADMIN))
}

/// The AccessManager that `contract` asks; `None` when it asks none.
pub(crate) async fn of(
    session: &mut Session,
    contract: Address,
) -> Result<Option<Address>, InspectError> {
    let question = IAnswers::authorityCall {}.abi_encode();
    let answers = session.ask([(contract, question)]).await?;
    let Some(manager) = answers.first().and_then(|played| played.address()) else {
        return Ok(None);
    };
    let questions = [
        IAnswers::PUBLIC_ROLECall {}.abi_encode(),
        IAnswers::ADMIN_ROLECall {}.abi_encode(),
    ];
    let answers = session.ask(questions.map(|data| (manager, data))).await?;
    let word = |index: usize| answers.get(index).and_then(|played| played.word());
    let is = word(0) == Some(U256::from(PUBLIC)) && word(1) == Some(U256::from(ADMIN));
    Ok(is.then_some(manager))
}

/// Those whom `manager` lets make `call` at once.
pub(crate) async fn direct_callers(
    session: &mut Session,
    manager: Address,
    call: &Call,
) -> Result<Vec<Address>, InspectError> {
    let step = Step::new(Address::ZERO, call.to, call.data.clone());
    let found = look(session, manager, Some(&step), &[]).await?;
    let now = found.members.iter().filter(|member| {
        let given = matches!(member.through.first(), Some(Through::Manager { delay: 0 }));
        given && member.leaf.is_none()
    });
    Ok(now.map(|member| member.address).collect())
}

/// The AccessManager at `manager`, as to the call `step`.
pub(super) async fn look(
    session: &mut Session,
    manager: Address,
    step: Option<&Step>,
    known: &[Address],
) -> Result<Found, InspectError> {
    let mut found = Found::new("access-manager");
    let (target, selector) = match step {
        Some(step) => (step.to, step.selector()),
        None => {
            admins(session, manager, &mut found, ADMIN, None, known).await?;
            return Ok(found);
        }
    };
    let selector = FixedBytes::from(selector);
    let questions = [
        IAccess::getTargetFunctionRoleCall { target, selector }.abi_encode(),
        IAccess::isTargetClosedCall { target }.abi_encode(),
        IAccess::getTargetAdminDelayCall { target }.abi_encode(),
    ];
    let answers = session.ask(questions.map(|data| (manager, data))).await?;
    let word = |index: usize| answers.get(index).and_then(|played| played.word());
    let Some(role) = word(0).and_then(|word| u64::try_from(word).ok()) else {
        found
            .unknown
            .push(format!("which role {manager} asks for is not known"));
        return Ok(found);
    };
    let admin_delay = word(2)
        .and_then(|word| u64::try_from(word).ok())
        .unwrap_or_default();
    found.fact(
        "role",
        if role == ADMIN {
            "ADMIN_ROLE".into()
        } else {
            role.to_string()
        },
    );
    found.fact("target admin delay seconds", admin_delay);
    if word(1) == Some(U256::ONE) {
        found.notes.push(format!(
            "{target} is closed: only an admin of the manager opens it"
        ));
    }
    if role == PUBLIC {
        let anyone = Member::alone(Address::ZERO, "PUBLIC_ROLE", Through::Manager { delay: 0 });
        found.add(anyone.anyone());
        return Ok(found);
    }
    for (account, delay) in members(session, manager, role, known, &mut found).await? {
        let member = Member::alone(
            account,
            format!("member of role {role}"),
            Through::Manager { delay },
        );
        found.add(member.after((delay > 0).then_some(delay)));
    }
    let questions = [
        IAccess::getRoleAdminCall { roleId: role }.abi_encode(),
        IAccess::getRoleGrantDelayCall { roleId: role }.abi_encode(),
        IAccess::getRoleGuardianCall { roleId: role }.abi_encode(),
    ];
    let answers = session.ask(questions.map(|data| (manager, data))).await?;
    let word = |index: usize| {
        let word = answers.get(index).and_then(|played| played.word())?;
        u64::try_from(word).ok()
    };
    let granted_after = word(1).unwrap_or_default();
    if let Some(guardian) = word(2).filter(|guardian| *guardian != ADMIN) {
        found.fact("guardian role", format!("{guardian}: cancels"));
    }
    let gives = Gives {
        role,
        after: granted_after,
        // Or the function is given to a role the admin has.
        or_after: admin_delay,
    };
    for admin in BTreeSet::from([word(0).unwrap_or(ADMIN), ADMIN]) {
        if admin != role {
            admins(session, manager, &mut found, admin, Some(&gives), known).await?;
        }
    }
    if let Some(admin) = word(0).filter(|admin| ![ADMIN, role].contains(admin)) {
        let question = IAccess::getRoleAdminCall { roleId: admin }.abi_encode();
        let answers = session.ask([(manager, question)]).await?;
        let above = answers.first().and_then(|played| played.word());
        if above != Some(U256::from(ADMIN)) {
            found.unknown.push(format!(
                "who gives role {admin} of {manager}, which gives role {role}, was not followed"
            ));
        }
    }
    if found.members.is_empty() {
        let role = format!("member of role {role} or of its admins");
        found.unknown.push(nobody(&role, manager));
    }
    Ok(found)
}

/// What an admin can give itself.
struct Gives {
    role: u64,
    after: u64,
    or_after: u64,
}

async fn admins(
    session: &mut Session,
    manager: Address,
    found: &mut Found,
    admin: u64,
    gives: Option<&Gives>,
    known: &[Address],
) -> Result<(), InspectError> {
    let name = if admin == ADMIN {
        "ADMIN_ROLE".to_owned()
    } else {
        format!("role {admin}")
    };
    for (account, delay) in members(session, manager, admin, known, found).await? {
        if found.members.iter().any(|member| member.address == account) {
            continue;
        }
        let role = format!("role admin ({name})");
        let Some(gives) = gives else {
            found.add(Member::alone(
                account,
                role,
                Through::Claimed("which call it would allow is not known"),
            ));
            continue;
        };
        let data = IAccess::grantRoleCall {
            roleId: gives.role,
            account,
            executionDelay: 0,
        };
        let data = data.abi_encode();
        let mut first = Vec::new();
        if delay > 0 {
            let schedule = IManager::scheduleCall {
                target: manager,
                data: data.clone().into(),
                when: Default::default(),
            };
            first.push(Step::new(account, manager, schedule.abi_encode()));
        }
        first.push(Step::new(account, manager, data).after(delay));
        // The role counts some time after it is given.
        first.push(Step::new(account, stranger(), Vec::new()).after(gives.after));
        let then = Box::new(Through::Manager { delay: 0 });
        let least = match admin {
            ADMIN => gives.after.min(gives.or_after),
            _ => gives.after,
        };
        let wait = delay.saturating_add(least);
        let member = Member::alone(account, role, Through::First(first, then));
        found.add(member.after((wait > 0).then_some(wait)));
    }
    Ok(())
}

/// Who has the role now, with the delay each has.
async fn members(
    session: &mut Session,
    manager: Address,
    role: u64,
    known: &[Address],
    found: &mut Found,
) -> Result<Vec<(Address, u64)>, InspectError> {
    let mut candidates: BTreeSet<Address> = known.iter().copied().collect();
    let events = Events {
        granted: IAccess::RoleGranted::SIGNATURE_HASH,
        revoked: IAccess::RoleRevoked::SIGNATURE_HASH,
        account: 2,
        giver: 3,
    };
    let told = grants(session, manager, events, B256::from(U256::from(role))).await;
    match &told {
        Some(told) => candidates.extend(&told.given),
        None => found.unknown.push(format!(
            "the members of role {role} are not known: the node does not give the logs of {manager}"
        )),
    }
    let asked: Vec<_> = candidates.iter().copied().take(MEMBERS * 8).collect();
    let questions = asked.iter().map(|account| {
        let call = IAccess::hasRoleCall {
            roleId: role,
            account: *account,
        };
        (manager, call.abi_encode())
    });
    let answers = session.ask(questions).await?;
    let mut members = Vec::new();
    for (account, played) in asked.iter().zip(&answers) {
        if let Some(answer) = played.returns::<IAccess::hasRoleCall>()
            && answer.isMember
        {
            members.push((*account, u64::from(answer.executionDelay)));
        }
    }
    if members.len() > MEMBERS || candidates.len() > asked.len() {
        found.unknown.push(format!(
            "not every member of role {role} of {manager} was looked at"
        ));
        members.truncate(MEMBERS);
    }
    if let Some(told) = told {
        let holders: Vec<_> = members.iter().map(|(account, _)| *account).collect();
        let doubt = doubted(manager, &format!("role {role}"), &told, &holders);
        found.unknown.extend(doubt);
    }
    Ok(members)
}

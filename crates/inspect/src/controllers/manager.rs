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
use cutover_types::{Call, inspection::Presses};
use std::collections::BTreeSet;

/// Members of one role that are listed.
const MEMBERS: usize = 48;
const PUBLIC: u64 = u64::MAX;
const ADMIN: u64 = 0;
/// Roles over roles that are followed.
const ADMINS: usize = 8;

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
        function setTargetFunctionRole(address target, bytes4[] selectors, uint64 roleId) external;
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

/// Those whom `manager` lets make `call` at once; `None`: everyone.
pub(crate) async fn direct_callers(
    session: &mut Session,
    manager: Address,
    call: &Call,
) -> Result<Option<Vec<Address>>, InspectError> {
    let step = Step::new(Address::ZERO, call.to, call.data.clone());
    let found = look(session, manager, Some(&step), &[]).await?;
    if found.members.iter().any(|member| member.leaf.is_some()) {
        return Ok(None);
    }
    let now = found.members.iter().filter(|member| {
        let given = matches!(member.through.first(), Some(Through::Manager { delay: 0 }));
        given && member.leaf.is_none()
    });
    Ok(Some(now.map(|member| member.address).collect()))
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
    let guardian = IAccess::getRoleGuardianCall { roleId: role };
    let guardian = number(session, manager, guardian.abi_encode()).await?;
    if let Some(guardian) = guardian.filter(|guardian| *guardian != ADMIN) {
        found.fact("guardian role", format!("{guardian}: cancels"));
    }
    let opens = Opens {
        target,
        selector,
        delay: admin_delay,
    };
    let mut chain = Vec::new();
    let mut last = role;
    // Whoever gives a role is given it by another, and so on.
    loop {
        let after = IAccess::getRoleGrantDelayCall { roleId: last };
        let after = number(session, manager, after.abi_encode()).await?;
        chain.push((last, after.unwrap_or_default()));
        let admin = IAccess::getRoleAdminCall { roleId: last };
        let admin = number(session, manager, admin.abi_encode()).await?;
        let admin = admin.unwrap_or(ADMIN);
        if chain.iter().any(|(role, _)| *role == admin) {
            break;
        }
        if chain.len() > ADMINS {
            found.unknown.push(format!(
                "who gives role {admin} of {manager}, which gives role {last}, was not followed"
            ));
            break;
        }
        let gives = Gives {
            chain: &chain,
            opens: (admin == ADMIN).then_some(&opens),
        };
        admins(session, manager, &mut found, admin, Some(&gives), known).await?;
        last = admin;
    }
    if chain.iter().all(|(role, _)| *role != ADMIN) {
        let gives = Gives {
            chain: &[],
            opens: Some(&opens),
        };
        admins(session, manager, &mut found, ADMIN, Some(&gives), known).await?;
    }
    if found.members.is_empty() {
        let role = format!("member of role {role} or of its admins");
        found.unknown.push(nobody(&role, manager));
    }
    Ok(found)
}

/// What an admin can give itself.
struct Gives<'a> {
    /// The role that is needed, the one whose members give it, and so on, each with the seconds after which it
    /// counts; none where it gives none of them.
    chain: &'a [(u64, u64)],
    /// What it may call once the function is given to its own role.
    opens: Option<&'a Opens>,
}

/// The function that is upgraded by.
struct Opens {
    target: Address,
    selector: FixedBytes<4>,
    /// Seconds before whoever administers the target changes that.
    delay: u64,
}

impl Gives<'_> {
    /// The ways of `account`, whose calls of the manager wait `delay`, with the seconds each takes.
    fn ways(&self, manager: Address, account: Address, delay: u64) -> Vec<(u64, Through)> {
        let mut ways = Vec::new();
        let does = |data: Vec<u8>, delay: u64| {
            let mut steps = Vec::new();
            if delay > 0 {
                let schedule = IManager::scheduleCall {
                    target: manager,
                    data: data.clone().into(),
                    when: Default::default(),
                };
                steps.push(Step::new(account, manager, schedule.abi_encode()));
            }
            steps.push(Step::new(account, manager, data).after(delay));
            steps
        };
        if !self.chain.is_empty() {
            let (mut first, mut wait) = (Vec::new(), delay);
            for (index, (role, after)) in self.chain.iter().rev().enumerate() {
                let grant = IAccess::grantRoleCall {
                    roleId: *role,
                    account,
                    executionDelay: 0,
                };
                let own = if index == 0 { delay } else { 0 };
                first.extend(does(grant.abi_encode(), own));
                // The role counts some time after it is given.
                first.push(Step::new(account, stranger(), Vec::new()).after(*after));
                wait = wait.saturating_add(*after);
            }
            let then = Box::new(Through::Manager { delay: 0 });
            ways.push((wait, Through::First(first, then)));
        }
        if let Some(opens) = self.opens {
            let give = IAccess::setTargetFunctionRoleCall {
                target: opens.target,
                selectors: vec![opens.selector],
                roleId: ADMIN,
            };
            let own = delay.max(opens.delay);
            let then = Box::new(Through::Manager { delay });
            let first = does(give.abi_encode(), own);
            ways.push((own.saturating_add(delay), Through::First(first, then)));
        }
        ways.sort_by_key(|(wait, _)| *wait);
        ways
    }
}

async fn number(
    session: &mut Session,
    manager: Address,
    question: Vec<u8>,
) -> Result<Option<u64>, InspectError> {
    let answers = session.ask([(manager, question)]).await?;
    let word = answers.first().and_then(|played| played.word());
    Ok(word.and_then(|word| u64::try_from(word).ok()))
}

async fn admins(
    session: &mut Session,
    manager: Address,
    found: &mut Found,
    admin: u64,
    gives: Option<&Gives<'_>>,
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
        let ways = gives.ways(manager, account, delay);
        let Some(wait) = ways.first().map(|(wait, _)| *wait) else {
            continue;
        };
        let mut member = Member::claimed(account, role, "it gives nobody the role");
        member.presses = Presses::Alone;
        member.through = ways.into_iter().map(|(_, through)| through).collect();
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

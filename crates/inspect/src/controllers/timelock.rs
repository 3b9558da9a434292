//! Timelocks: OpenZeppelin's with its roles, and Compound's with its admin.

use super::{
    answers::Answers,
    deed::Step,
    default_admin,
    found::{Found, Member, Shows, seconds},
    roles::{self, Holders, IRoles},
    through::Through,
};
use crate::{
    error::InspectError,
    session::{Session, stranger},
};
use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolCall;
use cutover_types::inspection::Presses;

alloy_sol_types::sol! {
    interface IAccept {
        function acceptAdmin() external;
    }
}

/// Roles over roles that are followed.
const ADMINS: usize = 8;

/// The timelock at `timelock`; `None` when it is none.
pub(super) async fn look(
    session: &mut Session,
    timelock: Address,
    answers: &Answers,
    known: &[Address],
) -> Result<Option<Found>, InspectError> {
    if let Some(delay) = answers.word("getMinDelay") {
        let mut found = Found::new("timelock");
        found.delay = seconds(delay);
        if answers.word("hasRole").is_some() {
            controller(session, timelock, &mut found, known).await?;
        } else {
            found
                .unknown
                .push(format!("who may use the timelock {timelock} is not known"));
        }
        return Ok(Some(found));
    }
    if let (Some(delay), Some(admin), Some(grace)) = (
        answers.word("delay"),
        answers.account("admin"),
        answers.word("GRACE_PERIOD"),
    ) {
        let mut found = Found::new("timelock");
        found.delay = seconds(delay);
        found.fact("grace seconds", grace);
        let through = match found.delay {
            Some(delay) => Through::Compound {
                delay,
                now: session.timestamp(),
            },
            None => Through::Claimed("its delay is absurd"),
        };
        found.add(Member::alone(admin, "admin", through.clone()).after(found.delay));
        if let Some(heir) = answers.address("pendingAdmin") {
            let accept = Step::new(heir, timelock, IAccept::acceptAdminCall {}.abi_encode());
            let through = Through::First(vec![accept], Box::new(through.clone()));
            found.add(Member::alone(heir, "pending admin", through).after(found.delay));
        }
        let skips = Through::Unannounced(Box::new(through.clone()));
        let skips = Member::alone(Address::ZERO, "caller, without queueing", skips);
        found.add(skips.anyone().shows(Shows::NoWait));
        let mut anyone = Member::alone(Address::ZERO, "caller", through).anyone();
        anyone.only_if_proven = true;
        found.add(anyone.after(found.delay));
        return Ok(Some(found));
    }
    Ok(None)
}

async fn controller(
    session: &mut Session,
    timelock: Address,
    found: &mut Found,
    known: &[Address],
) -> Result<(), InspectError> {
    let role = |name: &str| keccak256(name);
    let (proposer, executor) = (role("PROPOSER_ROLE"), role("EXECUTOR_ROLE"));
    let canceller = role("CANCELLER_ROLE");
    let admin = roles::admin_of(session, timelock, proposer)
        .await?
        .unwrap_or_default();
    let mut ask = known.to_vec();
    ask.push(Address::ZERO);
    let proposers = roles::holders(session, timelock, proposer, &ask).await?;
    let proposers = needed(found, proposers, "proposer", timelock);
    ask.extend(&proposers);
    let executors = roles::holders(session, timelock, executor, &ask).await?;
    let executors = needed(found, executors, "executor", timelock);
    let cancellers = told(
        found,
        roles::holders(session, timelock, canceller, &ask).await?,
    );
    // It gives its roles itself since it was made: the logs have to say so.
    ask.push(timelock);
    let admins = told(found, roles::holders(session, timelock, admin, &ask).await?);

    let open = executors.contains(&Address::ZERO);
    let runs = if open {
        Some(stranger())
    } else {
        executors.first().copied()
    };
    let through = |proposer: Option<Address>, executor: Option<Address>| match (
        proposer,
        executor,
        found.delay,
    ) {
        (Some(proposer), Some(executor), Some(delay)) => Through::Timelock {
            proposer,
            executor,
            delay,
        },
        _ => Through::Claimed("nobody was found who does the other half"),
    };
    let mut members = Vec::new();
    for account in &proposers {
        let member = Member::alone(*account, "proposer", through(Some(*account), runs));
        members.push(member.presses(Presses::Starts).after(found.delay));
    }
    for account in &executors {
        // Whoever, where the zero address has the role.
        let member = if account.is_zero() {
            Member::alone(
                *account,
                "executor",
                Through::Claimed("an executor only finishes what a proposer started"),
            )
            .anyone()
        } else {
            Member::alone(
                *account,
                "executor",
                through(proposers.first().copied(), Some(*account)),
            )
        };
        members.push(member.presses(Presses::Finishes));
    }
    let outsider = Some(stranger());
    let mut anyone = Member::alone(
        Address::ZERO,
        "proposer",
        through(outsider, runs.or(outsider)),
    );
    anyone.only_if_proven = true;
    if runs.is_some() {
        anyone.presses = Presses::Starts;
    }
    members.push(anyone.anyone().after(found.delay));
    let skips = |account: Address, who: Option<Address>| {
        let through = Through::Unannounced(Box::new(through(who, who)));
        let member = Member::alone(account, "executor, without a proposal", through);
        member.shows(Shows::NoWait)
    };
    members.push(skips(Address::ZERO, outsider).anyone());
    for account in executors.iter().filter(|account| !account.is_zero()) {
        members.push(skips(*account, Some(*account)));
    }
    for account in cancellers {
        members.push(Member::powerless(account, "canceller"));
    }
    for account in admins {
        if account == timelock {
            continue;
        }
        let grants = [proposer, executor].map(|role| {
            let call = IRoles::grantRoleCall { role, account };
            Step::new(account, timelock, call.abi_encode())
        });
        let then = Box::new(through(Some(account), Some(account)));
        let member = Member::alone(account, "role admin", Through::First(grants.to_vec(), then));
        members.push(member.after(found.delay));
    }
    if found.delay == Some(0) {
        found
            .notes
            .push("its delay is zero: it enforces no wait".into());
    }
    if open {
        found.notes.push("anyone executes what is due".into());
    }
    for member in members {
        found.add(member);
    }
    Ok(())
}

/// The accounts; what is missing of them is said.
pub(super) fn told(found: &mut Found, holders: Holders) -> Vec<Address> {
    found.unknown.extend(holders.incomplete);
    holders.accounts
}

/// [`told`] of a role without which nothing happens: logs that name nobody leave that open.
fn needed(found: &mut Found, holders: Holders, what: &str, contract: Address) -> Vec<Address> {
    if holders.accounts.is_empty() && holders.from_logs {
        found.unknown.push(nobody(what, contract));
    }
    told(found, holders)
}

/// What is said where logs name nobody.
pub(super) fn nobody(what: &str, contract: Address) -> String {
    format!("no {what} of {contract} was found in its logs: that there is none is not known")
}

/// Those with a role that lets them make `contract` act, and those who give it: each grants it to itself
/// first.
pub(super) async fn role_members(
    session: &mut Session,
    contract: Address,
    role: B256,
    through: &Through,
    known: &[Address],
    found: &mut Found,
) -> Result<(), InspectError> {
    let name = roles::named(role);
    let before = found.members.len();
    let holders = roles::holders(session, contract, role, known).await?;
    let from_logs = holders.from_logs;
    for account in told(found, holders) {
        if account != contract {
            found.add(Member::alone(account, name.clone(), through.clone()));
        }
    }
    // Whoever gives a role is given it by another, and so on.
    let mut chain = vec![role];
    let mut somebody = found.members.len() > before;
    while let Some(last) = chain.last() {
        let admin = roles::admin_of(session, contract, *last).await?;
        let Some(admin) = admin.filter(|admin| !chain.contains(admin)) else {
            break;
        };
        if chain.len() > ADMINS {
            found.unknown.push(format!(
                "who gives {} of {contract} was not followed any further",
                roles::named(admin)
            ));
            break;
        }
        let givers = told(
            found,
            roles::holders(session, contract, admin, known).await?,
        );
        somebody |= givers.iter().any(|who| *who != contract);
        for account in givers {
            if account == contract || found.members.iter().any(|m| m.address == account) {
                continue;
            }
            let grants = chain.iter().rev().map(|role| {
                let role = *role;
                let grant = IRoles::grantRoleCall { role, account };
                Step::new(account, contract, grant.abi_encode())
            });
            let through = Through::First(grants.collect(), Box::new(through.clone()));
            let role = format!("role admin ({})", roles::named(admin));
            found.add(Member::alone(account, role, through));
        }
        if admin.is_zero()
            && chain.len() == 1
            && let Some(heir) = default_admin::heir(session, contract, role, through).await?
        {
            found.add(heir);
        }
        chain.push(admin);
    }
    if from_logs && !somebody {
        found.unknown.push(nobody(&name, contract));
    }
    Ok(())
}

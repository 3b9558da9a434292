//! Aragon: the kernel's ACL says who has which role of which app; an Agent acts for those it lets, and
//! Voting for those who hold its token.

use super::{
    answers::Answers,
    deed::Step,
    found::{Found, Member},
    logs::{logs, topic_address},
    roles::named,
    through::Through,
    timelock::nobody,
};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use serde_json::json;
use std::collections::BTreeSet;

/// Whoever, as an entity of the ACL.
const ANY: Address = Address::new([0xff; 20]);
/// Entities that are looked at.
const ENTITIES: usize = 128;

alloy_sol_types::sol! {
    interface IAcl {
        event SetPermission(address indexed entity, address indexed app, bytes32 indexed role, bool allowed);
        function hasPermission(address who, address app, bytes32 role) external view returns (bool);
        function getPermissionManager(address app, bytes32 role) external view returns (address);
        function grantPermission(address entity, address app, bytes32 role) external;
    }
}

/// The kernel, Agent or Voting at `address`; `None` when it is none of them.
pub(super) async fn look(
    session: &mut Session,
    address: Address,
    answers: &Answers,
    known: &[Address],
) -> Result<Option<Found>, InspectError> {
    if let Some(acl) = answers.address("acl") {
        let mut found = Found::new("aragon-kernel");
        found.fact("acl", acl);
        let role = keccak256("APP_MANAGER_ROLE");
        entitled(
            session,
            acl,
            address,
            role,
            &Through::Sends,
            known,
            &mut found,
        )
        .await?;
        return Ok(Some(found));
    }
    if let Some(found) = voting(answers) {
        return Ok(Some(found));
    }
    let execute = keccak256("EXECUTE_ROLE");
    let is_agent = answers.word("EXECUTE_ROLE") == Some(U256::from_be_bytes(execute.0))
        && answers.word("RUN_SCRIPT_ROLE")
            == Some(U256::from_be_bytes(keccak256("RUN_SCRIPT_ROLE").0));
    let Some(kernel) = answers.address("kernel").filter(|_| is_agent) else {
        return Ok(None);
    };
    let mut found = Found::new("aragon-agent");
    found.fact("kernel", kernel);
    let own = Answers::of(session, kernel, kernel).await?;
    let Some(acl) = own.address("acl") else {
        found
            .unknown
            .push(format!("the ACL of {kernel} is not known"));
        return Ok(Some(found));
    };
    entitled(
        session,
        acl,
        address,
        execute,
        &Through::Agent,
        known,
        &mut found,
    )
    .await?;
    let script = Through::Claimed("a script is not executed here");
    let run = keccak256("RUN_SCRIPT_ROLE");
    entitled(session, acl, address, run, &script, known, &mut found).await?;
    Ok(Some(found))
}

/// Voting, by what only it answers.
fn voting(answers: &Answers) -> Option<Found> {
    let time = answers.word("voteTime")?;
    let support = answers.word("supportRequiredPct")?;
    let (kernel, token) = (answers.address("kernel")?, answers.address("token")?);
    let mut found = Found::new("aragon-voting");
    found.fact("kernel", kernel);
    found.fact("vote seconds", time);
    found.fact("support required", format!("{support} of 10^18"));
    found.notes.push(
        "a vote that nobody can turn any more is executed at once: its time is no delay".into(),
    );
    let why = Through::Claimed("a vote is not executed here");
    let mut voters = Member::alone(token, "votes", why);
    voters.leaf = Some("token");
    found.add(voters);
    Some(found)
}

/// Everyone who has `role` of `app`, and who gives it.
async fn entitled(
    session: &mut Session,
    acl: Address,
    app: Address,
    role: B256,
    through: &Through,
    known: &[Address],
    found: &mut Found,
) -> Result<(), InspectError> {
    let name = named(role);
    let mut candidates: BTreeSet<Address> = known.iter().copied().chain([ANY]).collect();
    let mut named_by_logs = None;
    let topics = json!([
        IAcl::SetPermission::SIGNATURE_HASH,
        null,
        app.into_word(),
        role
    ]);
    match logs(session, acl, &topics).await {
        Some(logs) => {
            let named: BTreeSet<_> = logs
                .iter()
                .filter_map(|log| topic_address(log, 1))
                .collect();
            candidates.extend(&named);
            named_by_logs = Some(named);
        }
        None => found.unknown.push(format!(
            "who has {name} of {app} is not known: the node does not give the logs of {acl}"
        )),
    }
    if candidates.len() > ENTITIES {
        found.unknown.push(format!(
            "not everyone who was given {name} of {app} was looked at"
        ));
    }
    let asked: Vec<_> = candidates.into_iter().take(ENTITIES).collect();
    let has = |who: &Address| {
        IAcl::hasPermissionCall {
            who: *who,
            app,
            role,
        }
        .abi_encode()
    };
    let mut questions: Vec<_> = asked.iter().map(|who| (acl, has(who))).collect();
    let manager = IAcl::getPermissionManagerCall { app, role };
    questions.push((acl, manager.abi_encode()));
    let answers = session.ask(questions).await?;
    let yes = |index: usize| answers.get(index).and_then(|played| played.word()) == Some(U256::ONE);
    if asked.iter().position(|who| *who == ANY).is_some_and(yes) {
        found.add(Member::alone(Address::ZERO, name, through.clone()).anyone());
        return Ok(());
    }
    for (index, who) in asked.iter().enumerate() {
        if *who != ANY && yes(index) {
            if named_by_logs
                .as_ref()
                .is_some_and(|named| !named.contains(who))
            {
                found.unknown.push(format!(
                    "{who} has {name} of {app}, and no log that the node gives says so: others may have it, too"
                ));
            }
            found.add(Member::alone(*who, name.clone(), through.clone()));
        }
    }
    let manager = answers.last().and_then(|played| played.address());
    // One is nobody: the role is burned.
    let somebody = manager.filter(|manager| *manager != Address::with_last_byte(1));
    if let Some(manager) = somebody
        && !found.members.iter().any(|member| member.address == manager)
    {
        let grant = IAcl::grantPermissionCall {
            entity: manager,
            app,
            role,
        };
        let first = vec![Step::new(manager, acl, grant.abi_encode())];
        let through = Through::First(first, Box::new(through.clone()));
        found.add(Member::alone(
            manager,
            format!("permission manager ({name})"),
            through,
        ));
    }
    if found.members.is_empty() {
        found.unknown.push(nobody(&name, app));
    }
    Ok(())
}

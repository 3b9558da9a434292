//! Governors: the holders of a token vote, then the governor acts, mostly through its timelock.

use super::{
    answers::{Answers, IAnswers},
    found::{Found, Member, seconds},
    through::Through,
};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use cutover_types::text;

/// The governor at `governor`; `None` when it is none.
pub(super) async fn look(
    session: &mut Session,
    governor: Address,
    answers: &Answers,
) -> Result<Option<Found>, InspectError> {
    let (Some(delay), Some(period)) = (answers.word("votingDelay"), answers.word("votingPeriod"))
    else {
        return Ok(None);
    };
    let bravo = answers.word("quorumVotes");
    let counts = answers.returns::<IAnswers::COUNTING_MODECall>("COUNTING_MODE");
    if bravo.is_none() && counts.is_none() {
        return Ok(None);
    }
    let mut found = Found::new("governor");
    let mode = answers.returns::<IAnswers::CLOCK_MODECall>("CLOCK_MODE");
    let in_seconds = mode
        .as_deref()
        .is_some_and(|mode| mode.starts_with("mode=timestamp"));
    let unit = if in_seconds { "seconds" } else { "blocks" };
    found.fact("voting delay", format!("{delay} {unit}"));
    found.fact("voting period", format!("{period} {unit}"));
    if let Some(threshold) = answers.word("proposalThreshold") {
        found.fact("proposal threshold", threshold);
    }
    match bravo {
        Some(votes) => found.fact("quorum", votes),
        None => {
            if let Some(quorum) = quorum(session, governor, answers).await? {
                found.fact("quorum", quorum);
            }
        }
    }
    let wait = delay.saturating_add(period);
    if in_seconds {
        found.unknown.push(format!(
            "that {governor} waits for a vote is what it says, and was not executed"
        ));
        found.delay = seconds(wait);
    } else {
        found.notes.push(format!(
            "a vote takes at least {wait} blocks, which is not counted as seconds"
        ));
    }
    if let Some(timelock) = answers.address("timelock") {
        found.fact("timelock", timelock);
    }
    if let Some(mode) = mode {
        found.fact("clock", text::terminal(&mode, 60));
    }
    let why = Through::Claimed("a vote is not executed here");
    let tokens = ["token", "comp", "uni", "xvsVault"];
    match tokens.iter().find_map(|getter| answers.address(getter)) {
        Some(token) => {
            let mut voters = Member::alone(token, "votes", why).after(found.delay);
            voters.leaf = Some("token");
            found.add(voters);
        }
        None => found
            .unknown
            .push(format!("whose votes {governor} counts is not known")),
    }
    // Compound's first governor: its guardian can make somebody else the timelock's admin.
    if let Some(guardian) = answers.address("guardian").filter(|_| bravo.is_some()) {
        let why = "whether it can still take the timelock over is not executed here";
        found.add(Member::claimed(guardian, "guardian", why));
    }
    Ok(Some(found))
}

/// The votes it takes, as of the newest past moment of its clock.
async fn quorum(
    session: &mut Session,
    governor: Address,
    answers: &Answers,
) -> Result<Option<U256>, InspectError> {
    let now = match answers.word("clock") {
        Some(clock) => clock,
        None => U256::from(session.block.number),
    };
    let question = IAnswers::quorumCall {
        timepoint: now.saturating_sub(U256::ONE),
    };
    let answers = session.ask([(governor, question.abi_encode())]).await?;
    Ok(answers.first().and_then(|played| played.word()))
}

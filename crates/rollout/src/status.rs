//! Where the proxy stands, and where record and chain disagree.

use crate::{
    Journal, RolloutError,
    attempts::{Attempt, Attempts},
    error::Reading as _,
    reads::{self, At},
    run,
};
use alloy_primitives::B256;
use cutover_chain::Node;
use cutover_types::{
    Proposal,
    inspection::CodeAt,
    rollout::{Colour, Direction, Progression, RollbackPointer, Standing},
};

/// Reads the chain and holds it against the journal; the proposal serves where the journal has no
/// pointer yet.
///
/// # Errors
/// When neither journal nor proposal says which proxy, or the chain cannot be read.
pub async fn status(
    node: &Node,
    journal: &Journal,
    proposal: Option<&Proposal>,
) -> Result<Standing, RolloutError> {
    let attempts = Attempts::of(journal.entries());
    let pointer = match (&attempts.pointer, proposal) {
        (Some(pointer), _) => pointer.clone(),
        (None, Some(proposal)) => run::pointer(proposal),
        (None, None) => return Err(RolloutError::NoPointer),
    };
    let mut disagreements = journal.notes().to_vec();
    let chain_id = node.chain_id().await.reading("the chain id")?;
    if chain_id != pointer.chain_id {
        disagreements.push(format!(
            "the node is on chain {chain_id}, the record is about chain {}",
            pointer.chain_id
        ));
    }
    if let Some(proposal) = proposal
        && run::pointer(proposal) != pointer
    {
        disagreements.push("the journal's pointer is not the proposal's".into());
    }
    let head = reads::head(node).await.reading("the newest block")?;
    let found = reads::implementation(
        node,
        pointer.holder,
        (pointer.slot, pointer.offset),
        At::Latest,
    )
    .await
    .reading("the implementation slot")?;
    let code_hash = reads::code_hash(node, found).await.reading("its code")?;
    let colour = colour(&pointer, found);
    // Not every chain has finality; status still says the rest.
    let finalized = reads::finalized(node).await.unwrap_or_default();
    for attempt in &attempts.all {
        disagreements.extend(compare(node, attempt).await?);
    }
    for (name, code) in [("blue", &pointer.blue), ("green", &pointer.green)] {
        let hash = reads::code_hash(node, code.address)
            .await
            .reading("the code of an implementation")?;
        if hash != Some(code.code_hash) {
            disagreements.push(format!("the code of {name} at {} changed", code.address));
        }
    }
    let recorded = attempts.last_move().map(|direction| match direction {
        Direction::Forward => Colour::Green,
        Direction::Back => Colour::Blue,
    });
    let expected = recorded.unwrap_or(Colour::Blue);
    if expected != colour {
        disagreements.push(format!(
            "the record says {}, the proxy runs {found}, which is {}",
            word(expected),
            word(colour)
        ));
    }
    Ok(Standing {
        proxy: pointer.proxy,
        chain_id,
        block: head.id,
        finalized,
        implementation: CodeAt {
            address: found,
            code_hash: code_hash.unwrap_or(alloy_primitives::KECCAK256_EMPTY),
        },
        colour,
        recorded,
        blue: pointer.blue.clone(),
        green: pointer.green.clone(),
        transactions: attempts.sent(),
        next: next(&attempts, colour, disagreements.is_empty()),
        disagreements,
    })
}

fn colour(pointer: &RollbackPointer, found: alloy_primitives::Address) -> Colour {
    if found == pointer.blue.address {
        Colour::Blue
    } else if found == pointer.green.address {
        Colour::Green
    } else {
        Colour::Other
    }
}

fn word(colour: Colour) -> &'static str {
    match colour {
        Colour::Blue => "blue",
        Colour::Green => "green",
        Colour::Other => "neither blue nor green",
    }
}

/// What the chain says about a transaction that the journal does not.
async fn compare(node: &Node, attempt: &Attempt) -> Result<Option<String>, RolloutError> {
    let seen = reads::receipt(node, attempt.hash)
        .await
        .reading("the receipt")?;
    let hash: B256 = attempt.hash;
    Ok(match (attempt.state, attempt.block, seen) {
        (Progression::Abandoned, _, Some(seen)) if seen.success() => Some(format!(
            "{hash} was given up, but it is in block {}",
            seen.block().number
        )),
        (Progression::Included | Progression::Finalized, Some(block), Some(seen))
            if seen.block() != block =>
        {
            Some(format!(
                "{hash} is in block {} now, recorded in {}",
                seen.block().number,
                block.number
            ))
        }
        (Progression::Included | Progression::Finalized, Some(block), None) => Some(format!(
            "{hash} was recorded in block {}, the chain does not have it",
            block.number
        )),
        (Progression::Signed | Progression::Broadcast, _, Some(seen)) => Some(format!(
            "{hash} is in block {}, the journal does not know yet",
            seen.block().number
        )),
        _ => None,
    })
}

fn verb(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "upgrade",
        Direction::Back => "rollback",
    }
}

fn next(attempts: &Attempts, colour: Colour, agree: bool) -> String {
    let open = attempts.open();
    if let Some(attempt) = open.last() {
        let verb = verb(attempt.direction);
        if let Some(block) = attempt.block.filter(|_| !attempt.success) {
            return format!(
                "transaction {} of the {verb} failed in block {}: run {verb} again, it waits until that is final",
                attempt.hash, block.number
            );
        }
        return format!(
            "run {verb} again: it goes on following transaction {}",
            attempt.hash
        );
    }
    if agree
        && colour != Colour::Other
        && let Some((attempt, block)) = attempts.last_failed()
    {
        let verb = verb(attempt.direction);
        let what = match attempt.success {
            true => "succeeded and did nothing",
            false => "failed",
        };
        return format!(
            "transaction {} of the {verb} {what} in block {}: find out why before {verb} is run again",
            attempt.hash, block.number
        );
    }
    for direction in [Direction::Forward, Direction::Back] {
        let verb = verb(direction);
        if let Some((more, _)) = attempts.begun(direction) {
            return format!("run {verb} again: {more} more calls have to follow");
        }
    }
    match (agree, colour) {
        (_, Colour::Other) => "someone else moved the proxy: inspect it".into(),
        (false, _) => "resolve what disagrees before anything is sent".into(),
        (true, Colour::Green) => "nothing; rollback returns to blue".into(),
        (true, Colour::Blue) if attempts.last_move().is_some() => {
            "nothing; it was rolled back".into()
        }
        (true, Colour::Blue) => "nothing was sent yet".into(),
    }
}

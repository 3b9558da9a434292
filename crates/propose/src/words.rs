//! The steps of a proposal, in words.

use cutover_types::{
    Call, Proposal,
    upgrade::{Verb, batch},
};
use cutover_types::{UpgradePath, proposal::SafeHashes};

/// What to do, in order. `hashes` holds forward, back and forward again when a Safe acts.
pub(crate) fn steps(
    proposal: &Proposal,
    path: &UpgradePath,
    forward: &Call,
    hashes: &[SafeHashes],
) -> Vec<String> {
    let carries_data = forward.data != proposal.forward_again.data;
    let verb = if carries_data {
        path.verb_with_data.unwrap_or(path.verb)
    } else {
        path.verb
    };
    let verb = match verb {
        Verb::Steps => path.name(),
        verb => verb.name().to_owned(),
    };
    let mut steps = vec![format!(
        "read the proxy's slot again: {} must still run {} on chain {}",
        proposal.proxy, proposal.blue.address, proposal.chain_id
    )];
    let verb = match batch::unpack(forward) {
        Some(calls) => format!("one batch of {} calls ({verb})", calls.len()),
        None => verb,
    };
    let call = format!(
        "{} on {} with green {}{}",
        verb,
        forward.to,
        proposal.green.address,
        if carries_data {
            ", running the initializer"
        } else {
            ""
        }
    );
    match hashes {
        [first, back, ..] => {
            steps.push(format!(
                "owners of safe {} sign {} (nonce {}): {call}",
                first.safe, first.safe_tx_hash, first.nonce
            ));
            steps.push(format!(
                "owners also sign the way back, {} (nonce {}), and keep it",
                back.safe_tx_hash, back.nonce
            ));
            steps.push("anyone sends execTransaction with the signatures".into());
        }
        _ => steps.push(format!("{} sends {call}", path.from)),
    }
    if let Some(cut) = &proposal.cut {
        let does = cut.words().into_iter();
        steps.extend(does.map(|does| format!("the cut {does}")));
    }
    for (index, then) in proposal.forward_then.iter().enumerate() {
        let wait = match then.wait_seconds {
            0 => String::new(),
            seconds => format!("{seconds} seconds later, "),
        };
        steps.push(format!(
            "{wait}{} sends call {} of {} to {}",
            then.from,
            index + 2,
            proposal.forward_then.len() + 1,
            then.call.to
        ));
    }
    steps.push(format!(
        "wait until the block is final, then read the slot: it must hold {}",
        proposal.green.address
    ));
    if path.verb == Verb::BeaconUpgradeTo {
        steps.push(format!(
            "every proxy of beacon {} moves with this call, not only {}",
            path.to, proposal.proxy
        ));
    }
    steps.push(format!(
        "to return: send the back call to {}{}; it points the proxy at {} again",
        proposal.back.to,
        match proposal.back_then.len() {
            0 => String::new(),
            more => format!(" and the {more} that follow it"),
        },
        proposal.blue.address
    ));
    steps
}

//! Operations that a timelock or an access manager was told of and has not executed: whoever may executes them
//! without another wait.

use super::logs::{logs, topic};
use crate::{error::InspectError, session::Session};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolEvent};
use serde_json::json;
use std::collections::BTreeSet;

/// Operations that are asked about, the newest.
const ASKED: usize = 256;

alloy_sol_types::sol! {
    interface IQueues {
        event CallScheduled(bytes32 indexed id, uint256 indexed index, address target, uint256 value, bytes data, bytes32 predecessor, uint256 delay);
        event QueueTransaction(bytes32 indexed txHash, address indexed target, uint256 value, string signature, bytes data, uint256 eta);
        event OperationScheduled(bytes32 indexed operationId, uint32 indexed nonce, uint48 schedule, address caller, address target, bytes data);
        function isOperationPending(bytes32 id) external view returns (bool);
        function queuedTransactions(bytes32 hash) external view returns (bool);
        function getSchedule(bytes32 id) external view returns (uint48);
    }
}

/// Which operations of `queue` wait, in words; `None` where none does, or it is none of these kinds. That the node
/// gives no logs is said where its members are looked for.
pub(super) async fn pending(
    session: &mut Session,
    queue: Address,
    kind: &str,
) -> Result<Option<String>, InspectError> {
    let events = match kind {
        "timelock" => vec![
            IQueues::CallScheduled::SIGNATURE_HASH,
            IQueues::QueueTransaction::SIGNATURE_HASH,
        ],
        "access-manager" => vec![IQueues::OperationScheduled::SIGNATURE_HASH],
        _ => return Ok(None),
    };
    let told = logs(session, queue, &json!([events])).await;
    let told = told.unwrap_or_default();
    let mut seen = BTreeSet::new();
    let newest = told.iter().rev();
    let announced: Vec<(B256, B256)> = newest
        .filter_map(|log| Some((topic(log, 0)?, topic(log, 1)?)))
        .filter(|operation| seen.insert(*operation))
        .collect();
    let asked = announced.iter().take(ASKED);
    let questions = asked.map(|(event, id)| {
        let id = *id;
        let question = match *event {
            IQueues::CallScheduled::SIGNATURE_HASH => {
                IQueues::isOperationPendingCall { id }.abi_encode()
            }
            IQueues::QueueTransaction::SIGNATURE_HASH => {
                IQueues::queuedTransactionsCall { hash: id }.abi_encode()
            }
            _ => IQueues::getScheduleCall { id }.abi_encode(),
        };
        (queue, question)
    });
    let answers = session.ask(questions).await?;
    let waits = |word: Option<U256>| word.is_none_or(|word| !word.is_zero());
    let waiting = answers.iter().filter(|played| waits(played.word())).count();
    let more = announced.len().saturating_sub(ASKED);
    Ok((waiting + more > 0).then(|| {
        let older = match more {
            0 => String::new(),
            more => format!(", and {more} older ones were not asked about"),
        };
        format!(
            "{waiting} operations wait in {queue} to be executed{older}: what they do was not looked at, \
             and whoever executes them does not wait again"
        )
    }))
}

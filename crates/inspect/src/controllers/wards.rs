//! Maker's wards: everyone who was relied on and still is.

use super::{
    logs::{logs, topic_address},
    timelock::nobody,
};
use crate::{
    error::InspectError,
    session::{Session, stranger},
};
use alloy_primitives::{Address, B256, U256, hex, keccak256};
use alloy_sol_types::SolCall;
use serde_json::json;
use std::collections::BTreeSet;

/// Wards that are looked at.
const WARDS: usize = 128;

alloy_sol_types::sol! {
    interface IWards {
        function wards(address who) external view returns (uint256);
    }
}

/// Who is a ward, and why there may be more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wards {
    pub(crate) accounts: Vec<Address>,
    pub(crate) incomplete: Option<String>,
}

/// The wards of `contract`; `None` when it keeps none.
pub(crate) async fn of(
    session: &mut Session,
    contract: Address,
) -> Result<Option<Wards>, InspectError> {
    let ask = |who: Address| (contract, IWards::wardsCall { who }.abi_encode());
    let answers = session.ask([ask(stranger())]).await?;
    let answer = answers
        .first()
        .filter(|played| played.word() == Some(U256::ZERO));
    if answer
        .and_then(|played| played.answer())
        .map(|answer| answer.len())
        != Some(32)
    {
        return Ok(None);
    }
    // The old form is an anonymous event with the selector of `rely(address)` for a topic.
    let mut note = [0; 32];
    note[..4].copy_from_slice(&hex!("65fae35e"));
    let topics = json!([[keccak256("Rely(address)"), B256::from(note)]]);
    let mut candidates = BTreeSet::new();
    let mut incomplete = None;
    match logs(session, contract, &topics).await {
        Some(logs) => {
            for log in &logs {
                candidates.extend(topic_address(log, 1));
                candidates.extend(topic_address(log, 2));
            }
        }
        None => {
            incomplete = Some(format!(
                "the wards of {contract} are not known: the node does not give its logs"
            ));
        }
    }
    let asked: Vec<_> = candidates.iter().copied().take(WARDS).collect();
    if candidates.len() > WARDS {
        incomplete = Some(format!(
            "only {WARDS} of those {contract} ever relied on were looked at"
        ));
    }
    let answers = session.ask(asked.iter().map(|who| ask(*who))).await?;
    let has = asked.iter().zip(&answers);
    let accounts: Vec<_> = has
        .filter(|(_, played)| played.word() == Some(U256::ONE))
        .map(|(who, _)| *who)
        .collect();
    // Whoever makes it is its first ward, and older ones do not say so.
    if accounts.is_empty() {
        incomplete.get_or_insert_with(|| nobody("ward", contract));
    }
    Ok(Some(Wards {
        accounts,
        incomplete,
    }))
}

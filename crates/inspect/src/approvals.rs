//! A Safe's transactions, executed as its owners would: approved on chain by as many as it asks for, then
//! sent by one of them. Guards and modules have their say.

use crate::{
    error::{InspectError, key},
    kinds::safe::ISafe,
    prove::written,
    session::{Moment, Played, Script, Session, request},
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;
use cutover_chain::Node;
use cutover_evm::Request;
use cutover_types::{Call, Missing, UpgradePath, address, upgrade};

/// Owners whose approval is executed at most.
const OWNERS: usize = 64;

/// One transaction of the Safe.
#[derive(Clone, Copy, Debug)]
pub struct Approved<'a> {
    /// What it does.
    pub call: &'a Call,
    /// What its owners approve.
    pub hash: B256,
    /// What the proxy runs after it.
    pub runs: Address,
}

/// What executing them one after the other showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// Each did what it should: in words.
    Done(String),
    /// One did not: why.
    Refused(String),
    /// They could not be executed: why.
    Unknown(String),
}

/// Executes `transactions` of `safe` in this order on the newest state; `path` says where the
/// implementation is kept.
///
/// # Errors
/// When the node could not be asked.
pub async fn agree(
    node: &Node,
    safe: Address,
    path: &UpgradePath,
    transactions: &[Approved<'_>],
) -> Result<Agreed, InspectError> {
    let mut session = Session::open(node, safe, Moment::After(None)).await?;
    let questions = [
        ISafe::getOwnersCall {}.abi_encode(),
        ISafe::getThresholdCall {}.abi_encode(),
    ];
    let answers = session.ask(questions.map(|data| (safe, data))).await?;
    let owners = answers
        .first()
        .and_then(Played::returns::<ISafe::getOwnersCall>);
    let threshold = answers.get(1).and_then(Played::word);
    let threshold = threshold.and_then(|word| usize::try_from(word).ok());
    let (Some(owners), Some(threshold)) = (owners, threshold) else {
        return Ok(Agreed::Unknown(format!(
            "who owns the Safe {safe} is not known"
        )));
    };
    if threshold == 0 || threshold > owners.len().min(OWNERS) {
        let why = format!("the Safe {safe} asks for {threshold} approvals");
        return Ok(Agreed::Unknown(why));
    }
    let mut signers = owners[..threshold].to_vec();
    signers.sort_unstable();
    let mut script = Script::default();
    let mut ends = Vec::new();
    for transaction in transactions {
        let approved = (transaction.call, transaction.hash);
        script
            .steps
            .extend(steps(safe, approved, &signers, signers[0]));
        ends.push((script.steps.len() - 1, transaction.runs));
    }
    let played = session.play(&script).await?;
    let payer = |missing: &Missing| match missing {
        Missing::Account { address } => signers.contains(address),
        _ => false,
    };
    if let Some(missing) = played.guesses().find(|missing| !payer(missing)) {
        let why = format!("the node does not give {}", key(&missing));
        return Ok(Agreed::Unknown(why));
    }
    for (number, (end, runs)) in (1..).zip(ends) {
        let Some(outcome) = played.outcomes.get(end) else {
            let why = played.refused.as_deref().unwrap_or("it was not executed");
            return Ok(Agreed::Unknown(why.into()));
        };
        if !outcome.status.is_success() {
            let why = cutover_evm::decode_revert(&outcome.output)
                .or_else(|| outcome.halt.clone())
                .unwrap_or_else(|| "without a reason".into());
            return Ok(Agreed::Refused(format!(
                "transaction {number} of the Safe {safe} reverts although {threshold} of its owners approve: {why}"
            )));
        }
        let found = written(outcome, path).map(|word| address::in_word(word.into(), path.offset));
        if found != Some(runs) {
            return Ok(Agreed::Refused(format!(
                "transaction {number} of the Safe {safe} succeeds, but the proxy does not run {runs} after it"
            )));
        }
    }
    Ok(Agreed::Done(format!(
        "executed locally, one after the other, with the approvals of {threshold} of the Safe's {} owners: \
         each does what it should",
        owners.len()
    )))
}

/// The approvals of `signers`, then the transaction they approve, sent by `sender`.
pub(crate) fn steps(
    safe: Address,
    (call, hash): (&Call, B256),
    signers: &[Address],
    sender: Address,
) -> Vec<Request> {
    let send = |from: Address, call: Call| request(from, call.to, call.data);
    let approve = upgrade::safe::approve(safe, hash);
    let mut steps: Vec<_> = signers
        .iter()
        .map(|owner| send(*owner, approve.clone()))
        .collect();
    let signatures = upgrade::safe::approvals(signers);
    let execute = upgrade::safe::execute(safe, call, &signatures);
    steps.push(send(sender, execute));
    steps
}

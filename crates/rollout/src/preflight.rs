//! What must hold before anything is sent. Everything is looked at, so that every refusal is shown.

use crate::{
    reads::{self, At},
    run::Options,
};
use alloy_primitives::{Address, B256, Bytes, U256, b256};
use alloy_sol_types::SolError;
use cutover_chain::{ChainError, Node};
use cutover_types::{
    Call, CheckReport, Proposal, ReplayReport, Verdict,
    abi::ISolidity,
    execution::Status,
    inspection::CodeAt,
    proposal::{Evidence, Precondition},
    rollout::{Direction, RollbackPointer},
    text,
};
use thiserror::Error;

/// Why nothing was sent.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PreflightError {
    /// Someone moved the proxy since.
    #[error("proxy {proxy} runs {found}, not {expected}")]
    NotAsExpected {
        /// The proxy.
        proxy: Address,
        /// What it should run.
        expected: Address,
        /// What it runs.
        found: Address,
    },
    /// There is nothing at an implementation's address.
    #[error("there is no code at {address}, expected code with hash {expected}")]
    NoCode {
        /// Where.
        address: Address,
        /// Expected.
        expected: B256,
    },
    /// The code is not the code that was checked and replayed.
    #[error("the code at {address} has hash {found}, not {expected} as checked")]
    CodeDiffers {
        /// Where.
        address: Address,
        /// Expected.
        expected: B256,
        /// Found.
        found: B256,
    },
    /// The node is on another chain.
    #[error("the node is on chain {found}, the proposal is for chain {expected}")]
    WrongChain {
        /// Expected.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// The node claims a well-known chain id, but has another first block.
    #[error("the node says chain {chain_id}, but its genesis block is {found}, not {expected}")]
    ChainIdLie {
        /// What it says.
        chain_id: u64,
        /// Genesis of that chain.
        expected: B256,
        /// Genesis of the node.
        found: B256,
    },
    /// A report changed since the proposal was made.
    #[error("the {report} changed since the proposal was made: {found}, proposed on {expected}")]
    Stale {
        /// Which.
        report: &'static str,
        /// Digest in the proposal.
        expected: B256,
        /// Digest now.
        found: B256,
    },
    /// A report says no.
    #[error("the {report} does not allow it: {why}")]
    Failing {
        /// Which.
        report: &'static str,
        /// What it says.
        why: String,
    },
    /// The proposal is too old.
    #[error("the proposal expired at block {expires}, the chain is at {latest}")]
    Expired {
        /// Last block it is good for.
        expires: u64,
        /// Newest block.
        latest: u64,
    },
    /// The proxy obeys someone else.
    #[error("the signer is {signer}, the proxy obeys {authority}")]
    NotTheAuthority {
        /// Who would sign.
        signer: Address,
        /// Who must act.
        authority: Address,
    },
    /// A contract must act, and the way through it was not given.
    #[error("the proxy obeys {authority}, a {}: have it execute the call", text::terminal(.kind, 40))]
    ThroughContract {
        /// Who must act.
        authority: Address,
        /// What it is.
        kind: String,
    },
    /// The way back was not proven.
    #[error("the rollback was not rehearsed: {}", text::terminal(.why, 200))]
    RollbackNotRehearsed {
        /// Why.
        why: String,
    },
    /// The signer cannot pay.
    #[error("{signer} lacks {missing} wei: gas costs up to {needed} wei, it has {balance} wei")]
    InsufficientFunds {
        /// Who pays.
        signer: Address,
        /// What it has.
        balance: U256,
        /// What it may cost.
        needed: U256,
        /// The difference.
        missing: U256,
    },
    /// Gas is dearer than allowed.
    #[error("the base fee is {base_fee} wei, more than the {allowed} wei allowed")]
    TooExpensive {
        /// Now.
        base_fee: u128,
        /// Allowed.
        allowed: u128,
    },
    /// The chain has no EIP-1559 fees.
    #[error("the chain has no base fee: only chains with EIP-1559 fees are supported")]
    NoBaseFee,
    /// The call fails on today's state.
    #[error("the call would fail: {}", text::terminal(.reason, 300))]
    WouldFail {
        /// Why.
        reason: String,
    },
    /// The signer has transactions under way that the journal does not know.
    #[error(
        "{signer} has transactions under way: nonce {latest} is next, {pending} with those that wait"
    )]
    ForeignPending {
        /// Who.
        signer: Address,
        /// Next nonce by the newest block.
        latest: u64,
        /// Next nonce with waiting transactions.
        pending: u64,
    },
    /// The node did not answer.
    #[error("could not read {what}")]
    Unreadable {
        /// What.
        what: &'static str,
        /// Why.
        source: ChainError,
    },
}

impl PreflightError {
    /// Whether it could not be told, rather than that it must not be.
    pub fn is_inconclusive(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

/// The reports as they are now, to be held against the proposal.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// Digests of the reports and the recording, computed now.
    pub digests: &'a Evidence,
    /// `check.json`.
    pub check: &'a CheckReport,
    /// `replay.json`.
    pub replay: &'a ReplayReport,
    /// Inconclusive transactions that are accepted.
    pub allow_inconclusive: u64,
}

/// One way, with everything needed to go it.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) direction: Direction,
    pub(crate) proxy: Address,
    pub(crate) chain_id: u64,
    pub(crate) holder: Address,
    pub(crate) slot: B256,
    pub(crate) authority: Address,
    pub(crate) kind: Option<String>,
    pub(crate) leave: CodeAt,
    pub(crate) arrive: CodeAt,
    pub(crate) call: Call,
}

impl Move {
    /// `again`: the proxy ran green before, so the initializer must not run.
    pub(crate) fn forward(proposal: &Proposal, again: bool) -> Self {
        Self {
            direction: Direction::Forward,
            proxy: proposal.proxy,
            chain_id: proposal.chain_id,
            holder: proposal.holder,
            slot: proposal.slot,
            authority: proposal.authority.address,
            kind: Some(proposal.authority.kind.clone()),
            leave: proposal.blue.clone(),
            arrive: proposal.green.clone(),
            call: if again {
                proposal.forward_again.clone()
            } else {
                proposal.forward.clone()
            },
        }
    }

    pub(crate) fn back(pointer: &RollbackPointer) -> Self {
        Self {
            direction: Direction::Back,
            proxy: pointer.proxy,
            chain_id: pointer.chain_id,
            holder: pointer.holder,
            slot: pointer.slot,
            authority: pointer.from,
            kind: None,
            leave: pointer.green.clone(),
            arrive: pointer.blue.clone(),
            call: pointer.back.clone(),
        }
    }
}

/// What a transaction is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    pub(crate) max_fee: u128,
    pub(crate) priority_fee: u128,
}

/// Looks at everything an upgrade needs and gives every refusal; none means it may be sent.
pub async fn preflight_upgrade(
    node: &Node,
    proposal: &Proposal,
    current: &Current<'_>,
    signer: Address,
    options: &Options,
) -> Vec<PreflightError> {
    let going = Move::forward(proposal, false);
    let mut refusals = Vec::new();
    judge_reports(proposal, current, &mut refusals);
    judge_expiry(node, proposal, &mut refusals).await;
    judge_preconditions(node, proposal, &mut refusals).await;
    judge_chain(node, &going, signer, options, &mut refusals).await;
    refusals
}

/// Looks at everything a rollback needs and gives every refusal; none means it may be sent.
pub async fn preflight_rollback(
    node: &Node,
    pointer: &RollbackPointer,
    signer: Address,
    options: &Options,
) -> Vec<PreflightError> {
    let mut refusals = Vec::new();
    judge_chain(node, &Move::back(pointer), signer, options, &mut refusals).await;
    refusals
}

/// What the proposal and the reports say by themselves.
pub(crate) fn judge_reports(
    proposal: &Proposal,
    current: &Current<'_>,
    refusals: &mut Vec<PreflightError>,
) {
    let (then, now) = (&proposal.evidence, current.digests);
    for (report, expected, found) in [
        ("check", then.check, now.check),
        ("replay", then.replay, now.replay),
        ("recording", then.recording, now.recording),
    ] {
        if expected != found {
            refusals.push(PreflightError::Stale {
                report,
                expected,
                found,
            });
        }
    }
    let mut failing = |report, why: String| {
        refusals.push(PreflightError::Failing { report, why });
    };
    let blocking = current.check.findings.iter().filter(|f| f.blocks()).count();
    if current.check.verdict != Verdict::Pass || blocking > 0 {
        failing("check", format!("{blocking} findings block"));
    }
    let replay = current.replay;
    let sum = &replay.summary;
    if sum.changed > 0 || sum.regressed > 0 {
        failing(
            "replay",
            format!("{} changed, {} regressed", sum.changed, sum.regressed),
        );
    }
    if sum.inconclusive > current.allow_inconclusive {
        failing("replay", format!("{} inconclusive", sum.inconclusive));
    }
    if (replay.proxy, replay.chain_id) != (proposal.proxy, proposal.chain_id)
        || replay.green != proposal.green
        || replay.blue != proposal.blue
    {
        failing("replay", "it is about other contracts".into());
    }
    let rollback = &replay.rollback;
    if !rollback.rehearsed || rollback.status != Some(Status::Success) {
        let why = rollback.why.clone();
        refusals.push(PreflightError::RollbackNotRehearsed {
            why: why.unwrap_or_else(|| "the replay does not say it succeeded".into()),
        });
    }
}

pub(crate) async fn judge_expiry(
    node: &Node,
    proposal: &Proposal,
    refusals: &mut Vec<PreflightError>,
) {
    match reads::head(node).await {
        Ok(head) if head.id.number > proposal.expires => refusals.push(PreflightError::Expired {
            expires: proposal.expires,
            latest: head.id.number,
        }),
        Ok(_) => {}
        Err(source) => refusals.push(unreadable("the newest block", source)),
    }
}

/// Preconditions the proposal lists beyond those that always hold.
pub(crate) async fn judge_preconditions(
    node: &Node,
    proposal: &Proposal,
    refusals: &mut Vec<PreflightError>,
) {
    let always = [proposal.blue.address, proposal.green.address];
    for precondition in &proposal.preconditions {
        match precondition {
            Precondition::ChainId { expected } if *expected != proposal.chain_id => {
                refusals.push(PreflightError::WrongChain {
                    expected: *expected,
                    found: proposal.chain_id,
                });
            }
            Precondition::Implementation {
                holder,
                slot,
                expected,
            } if (*holder, *slot) != (proposal.holder, proposal.slot)
                || *expected != proposal.blue.address =>
            {
                judge_slot(node, *holder, *slot, *holder, *expected, refusals).await;
            }
            Precondition::CodeHash { address, expected } if !always.contains(address) => {
                judge_code(node, *address, *expected, refusals).await;
            }
            _ => {}
        }
    }
}

/// Everything the chain must say; gives what a transaction is made of.
pub(crate) async fn judge_chain(
    node: &Node,
    going: &Move,
    signer: Address,
    options: &Options,
    refusals: &mut Vec<PreflightError>,
) -> Ready {
    judge_chain_id(node, going.chain_id, refusals).await;
    judge_place(node, going, refusals).await;
    let call = judge_signer(going, signer, options, refusals);
    let mut ready = Ready::default();
    match (
        reads::nonce(node, signer, At::Latest).await,
        reads::nonce(node, signer, At::Pending).await,
    ) {
        (Ok(latest), Ok(pending)) if pending > latest => {
            refusals.push(PreflightError::ForeignPending {
                signer,
                latest,
                pending,
            });
        }
        (Ok(latest), Ok(_)) => ready.nonce = latest,
        (Err(source), _) | (_, Err(source)) => {
            refusals.push(unreadable("the signer's nonce", source));
        }
    }
    judge_cost(node, call, signer, options, &mut ready, refusals).await;
    ready
}

/// Whether the proxy still stands where it should be left, and both codes are what was agreed.
pub(crate) async fn judge_place(node: &Node, going: &Move, refusals: &mut Vec<PreflightError>) {
    let (slot, leave) = (going.slot, going.leave.address);
    judge_slot(node, going.holder, slot, going.proxy, leave, refusals).await;
    for code in [&going.leave, &going.arrive] {
        judge_code(node, code.address, code.code_hash, refusals).await;
    }
}

/// First blocks of chains whose id a node may only claim if it has them.
const GENESIS: [(u64, B256); 4] = [
    (
        1,
        b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"),
    ),
    (
        11_155_111,
        b256!("25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9"),
    ),
    (
        17_000,
        b256!("b5f7f912443c940f21fd611f12828d75b534364ed9e95ca4e307729a4661bde4"),
    ),
    (
        560_048,
        b256!("bbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1561c971b"),
    ),
];

pub(crate) async fn judge_chain_id(node: &Node, expected: u64, refusals: &mut Vec<PreflightError>) {
    match node.chain_id().await {
        Ok(found) if found != expected => {
            refusals.push(PreflightError::WrongChain { expected, found });
        }
        Ok(_) => {}
        Err(source) => return refusals.push(unreadable("the chain id", source)),
    }
    // The signature binds the chain id, but a test chain that claims to be mainnet would make the
    // user believe that mainnet moved. A node without its first block cannot be asked.
    let known = GENESIS.iter().find(|(id, _)| *id == expected);
    if let Some((chain_id, genesis)) = known
        && let Ok(Some(found)) = reads::hash_at(node, 0).await
        && found != *genesis
    {
        refusals.push(PreflightError::ChainIdLie {
            chain_id: *chain_id,
            expected: *genesis,
            found,
        });
    }
}

async fn judge_slot(
    node: &Node,
    holder: Address,
    slot: B256,
    proxy: Address,
    expected: Address,
    refusals: &mut Vec<PreflightError>,
) {
    match reads::implementation(node, holder, slot, At::Latest).await {
        Ok(found) if found != expected => refusals.push(PreflightError::NotAsExpected {
            proxy,
            expected,
            found,
        }),
        Ok(_) => {}
        Err(source) => refusals.push(unreadable("the implementation slot", source)),
    }
}

pub(crate) async fn judge_code(
    node: &Node,
    address: Address,
    expected: B256,
    refusals: &mut Vec<PreflightError>,
) {
    match reads::code_hash(node, address).await {
        Ok(None) => refusals.push(PreflightError::NoCode { address, expected }),
        Ok(Some(found)) if found != expected => refusals.push(PreflightError::CodeDiffers {
            address,
            expected,
            found,
        }),
        Ok(Some(_)) => {}
        Err(source) => refusals.push(unreadable("the code of an implementation", source)),
    }
}

/// Who may send, and which call that is.
fn judge_signer<'a>(
    going: &'a Move,
    signer: Address,
    options: &'a Options,
    refusals: &mut Vec<PreflightError>,
) -> &'a Call {
    let authority = going.authority;
    match (&options.through, going.kind.as_deref()) {
        // The contract itself decides who may send: the simulation asks it.
        (Some(outer), _) if outer.to == authority => return outer,
        (Some(outer), _) => refusals.push(PreflightError::NotTheAuthority {
            signer: outer.to,
            authority,
        }),
        (None, Some(kind)) if kind != "account" => {
            refusals.push(PreflightError::ThroughContract {
                authority,
                kind: kind.to_owned(),
            });
        }
        (None, _) if signer != authority => {
            refusals.push(PreflightError::NotTheAuthority { signer, authority });
        }
        (None, _) => {}
    }
    if going.call.operation != 0 {
        refusals.push(PreflightError::WouldFail {
            reason: "an account cannot send a delegate call".into(),
        });
    }
    &going.call
}

/// What it costs, whether the signer has it, and whether the call succeeds now.
async fn judge_cost(
    node: &Node,
    call: &Call,
    signer: Address,
    options: &Options,
    ready: &mut Ready,
    refusals: &mut Vec<PreflightError>,
) {
    let head = match reads::head(node).await {
        Ok(head) => head,
        Err(source) => return refusals.push(unreadable("the newest block", source)),
    };
    let Some(base_fee) = head.base_fee else {
        return refusals.push(PreflightError::NoBaseFee);
    };
    ready.priority_fee = reads::priority_fee(node).await;
    // Twice the base fee lasts through six full blocks.
    let usual = base_fee
        .saturating_mul(2)
        .saturating_add(ready.priority_fee);
    ready.max_fee = options.max_fee.unwrap_or(usual).min(usual);
    ready.priority_fee = ready.priority_fee.min(ready.max_fee);
    if ready.max_fee < base_fee {
        refusals.push(PreflightError::TooExpensive {
            base_fee,
            allowed: ready.max_fee,
        });
    }
    match reads::estimate(node, signer, call).await {
        Ok(gas) => {
            // A quarter more, because the state may move; never more than one transaction may have
            // (EIP-7825) or a block holds.
            let most = head.gas_limit.clamp(gas, gas.max(1 << 24));
            ready.gas = gas.saturating_add(gas / 4).min(most);
        }
        Err(ChainError::Rpc { message, data, .. }) => {
            // Funds are judged below with their own message.
            if !message.to_lowercase().contains("insufficient funds") {
                let reason = revert_reason(data.as_ref()).unwrap_or(message);
                refusals.push(PreflightError::WouldFail { reason });
            }
            ready.gas = 100_000;
        }
        Err(source) => return refusals.push(unreadable("the gas the call needs", source)),
    }
    let gas = U256::from(ready.gas).saturating_mul(U256::from(ready.max_fee));
    let needed = gas.saturating_add(call.value);
    match reads::balance(node, signer).await {
        Ok(balance) if balance < needed => refusals.push(PreflightError::InsufficientFunds {
            signer,
            balance,
            needed,
            missing: needed - balance,
        }),
        Ok(_) => {}
        Err(source) => refusals.push(unreadable("the signer's balance", source)),
    }
}

fn revert_reason(data: Option<&Bytes>) -> Option<String> {
    let data = data.filter(|data| !data.is_empty())?;
    if let Ok(error) = ISolidity::Error::abi_decode(data) {
        return Some(error.message);
    }
    let head = data.slice(..data.len().min(4));
    Some(format!("custom error {head} ({} bytes)", data.len()))
}

fn unreadable(what: &'static str, source: ChainError) -> PreflightError {
    PreflightError::Unreadable { what, source }
}

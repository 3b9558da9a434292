//! What the chain must say before anything is sent.

use super::{Move, PreflightError, Ready};
use crate::{
    attempts::Attempt,
    reads::{self, At},
    run::Options,
    send,
};
use alloy_primitives::{Address, B256, U256, b256};
use cutover_chain::{
    ChainError, Node,
    fees::{self, Fees},
    submit,
};
use cutover_types::{Call, Proposal, proposal::Precondition, revert};
use std::time::Duration;

/// Preconditions the proposal lists beyond those that always hold.
pub(crate) async fn judge_preconditions(
    node: &Node,
    proposal: &Proposal,
    refusals: &mut Vec<PreflightError>,
) {
    let always = [&proposal.blue, &proposal.green].map(|code| (code.address, code.code_hash));
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
                offset,
                expected,
            } if (*holder, *slot, *offset) != (proposal.holder, proposal.slot, proposal.offset)
                || *expected != proposal.blue.address =>
            {
                judge_slot(
                    node,
                    *holder,
                    (*slot, *offset),
                    *holder,
                    *expected,
                    refusals,
                )
                .await;
            }
            Precondition::CodeHash { address, expected }
                if !always.contains(&(*address, *expected)) =>
            {
                judge_code(node, *address, *expected, refusals).await;
            }
            _ => {}
        }
    }
}

/// Everything the chain must say; gives what a transaction is made of. It takes the place of `waits`, if that
/// is given.
pub(crate) async fn judge_chain(
    node: &Node,
    going: &Move,
    signer: Address,
    options: &Options,
    waits: Option<&Attempt>,
    refusals: &mut Vec<PreflightError>,
) -> Ready {
    judge_chain_id(node, going.chain_id, refusals).await;
    judge_place(node, going, refusals).await;
    let call = judge_signer(going, signer, options, refusals);
    let mut ready = Ready {
        nonce: judge_nonce(node, (signer, options.poll), waits, refusals).await,
        ..Ready::default()
    };
    let paid = waits.and_then(|waits| judge_replaced(call, signer, waits, refusals));
    judge_cost(node, call, (signer, paid), options, &mut ready, refusals).await;
    ready
}

/// How often a nonce is looked at that the node's proof contradicts.
const LOOKS: u32 = 4;

/// The nonce to sign: the next one, or that of the transaction that waits.
async fn judge_nonce(
    node: &Node,
    (signer, poll): (Address, Duration),
    waits: Option<&Attempt>,
    refusals: &mut Vec<PreflightError>,
) -> u64 {
    let mut looks = 0;
    let (latest, proven) = loop {
        let latest = match reads::nonce(node, signer, At::Latest).await {
            Ok(latest) => latest,
            Err(source) => {
                refusals.push(unreadable("the signer's nonce", source));
                return 0;
            }
        };
        // Two machines behind one address may be a block apart.
        let proven = submit::proof_nonce(node, signer).await;
        let other = proven.filter(|proven| *proven != latest);
        looks += 1;
        if other.is_none() || looks == LOOKS {
            break (latest, other);
        }
        tokio::time::sleep(poll).await;
    };
    let nonce = waits.map_or(latest, |waits| waits.nonce);
    if nonce != latest {
        refusals.push(PreflightError::NotNext {
            signer,
            latest,
            nonce,
        });
    }
    // Bytes with a nonce far ahead or used before are never mined, and stand in the journal.
    if let Some(proven) = proven {
        refusals.push(PreflightError::Contradicted {
            signer,
            latest,
            proven,
        });
    }
    if waits.is_some() {
        return nonce;
    }
    match reads::nonce(node, signer, At::Pending).await {
        Ok(pending) if pending > latest => refusals.push(PreflightError::ForeignPending {
            signer,
            latest,
            pending,
        }),
        Ok(_) => {}
        Err(source) => refusals.push(unreadable("the signer's nonce", source)),
    }
    nonce
}

/// What the transaction that waits pays and may use: what takes its place needs more, and no less.
struct Outbid {
    fees: Fees,
    gas: u64,
}

/// Only the same call of the same sender takes the place of a transaction; gives what that one pays.
fn judge_replaced(
    call: &Call,
    signer: Address,
    waits: &Attempt,
    refusals: &mut Vec<PreflightError>,
) -> Option<Outbid> {
    let hash = waits.hash;
    if waits.from != signer {
        refusals.push(PreflightError::OtherSender {
            hash,
            from: waits.from,
            signer,
        });
    }
    let Some(signed) = send::read(&waits.raw) else {
        refusals.push(PreflightError::OtherCall { hash });
        return None;
    };
    if (signed.to.into_to(), signed.value, &signed.input) != (Some(call.to), call.value, &call.data)
    {
        refusals.push(PreflightError::OtherCall { hash });
    }
    let fees = Fees {
        base_fee: 0,
        tip: signed.max_priority_fee_per_gas,
        max_fee: signed.max_fee_per_gas,
    };
    Some(Outbid {
        fees,
        gas: signed.gas_limit,
    })
}

/// Whether the proxy still stands where it should be left, and both codes are what was agreed.
pub(crate) async fn judge_place(node: &Node, going: &Move, refusals: &mut Vec<PreflightError>) {
    let leave = going.leave.address;
    judge_slot(
        node,
        going.holder,
        going.place(),
        going.proxy,
        leave,
        refusals,
    )
    .await;
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
    place: (B256, u8),
    proxy: Address,
    expected: Address,
    refusals: &mut Vec<PreflightError>,
) {
    match reads::implementation(node, holder, place, At::Latest).await {
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
        (Some(outer), _) if outer.to == authority => {
            let carried = &going.call.data;
            let is_carried = !carried.is_empty()
                && outer
                    .data
                    .windows(carried.len())
                    .any(|part| part == carried);
            if !is_carried {
                refusals.push(PreflightError::NotCarried { authority });
            }
            return outer;
        }
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
    (signer, paid): (Address, Option<Outbid>),
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
    let usual = Fees::of(base_fee, reads::priority_fee(node).await);
    let fees = usual.within(options.max_fee).and_then(|fees| match &paid {
        Some(paid) => fees.instead_of(&paid.fees, options.max_fee),
        None => Ok(fees),
    });
    match fees {
        Ok(fees) => (ready.max_fee, ready.priority_fee) = (fees.max_fee, fees.tip),
        Err(error) => {
            (ready.max_fee, ready.priority_fee) = (usual.max_fee, usual.tip);
            refusals.push(PreflightError::Fee(error));
        }
    }
    match submit::estimate(node, signer, call).await {
        Ok(gas) => match fees::gas_limit(&call.data, gas, head.gas_limit) {
            Ok(limit) => {
                let before = paid.map_or(0, |paid| paid.gas);
                ready.gas = limit.max(before.min(fees::most_gas(head.gas_limit)));
            }
            Err(error) => {
                ready.gas = gas;
                refusals.push(PreflightError::Gas(error));
            }
        },
        Err(ChainError::Rpc { message, data, .. }) => {
            // Funds are judged below with their own message.
            if !message.to_lowercase().contains("insufficient funds") {
                let reason = data.and_then(|data| revert::decode(&data));
                let reason = reason.unwrap_or(message);
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

pub(super) fn unreadable(what: &'static str, source: ChainError) -> PreflightError {
    PreflightError::Unreadable { what, source }
}

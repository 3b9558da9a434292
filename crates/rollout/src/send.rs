//! Signing once, and handing the same bytes to a node as often as needed.

use crate::{RolloutError, preflight::Ready};
use alloy::network::TxSigner;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{B256, Bytes, Signature};
use cutover_chain::{ChainError, Node};
use cutover_types::Call;
use serde_json::json;

/// Who signs: a local key, a keystore or a device.
pub type Signer = dyn TxSigner<Signature> + Send + Sync;

/// A signed transaction.
#[derive(Clone, Debug)]
pub(crate) struct SignedCall {
    pub(crate) hash: B256,
    pub(crate) raw: Bytes,
}

/// Signs the call; what comes back is checked to be by the signer.
pub(crate) async fn sign(
    signer: &Signer,
    chain_id: u64,
    call: &Call,
    ready: &Ready,
) -> Result<SignedCall, RolloutError> {
    let mut transaction = TxEip1559 {
        chain_id,
        nonce: ready.nonce,
        gas_limit: ready.gas,
        max_fee_per_gas: ready.max_fee,
        max_priority_fee_per_gas: ready.priority_fee,
        to: call.to.into(),
        value: call.value,
        access_list: Default::default(),
        input: call.data.clone(),
    };
    let refuse = |detail: String| RolloutError::Signer { detail };
    let signature = signer
        .sign_transaction(&mut transaction)
        .await
        .map_err(|error| refuse(error.to_string()))?;
    let envelope = TxEnvelope::Eip1559(transaction.into_signed(signature));
    let by = envelope
        .recover_signer()
        .map_err(|error| refuse(error.to_string()))?;
    if by != signer.address() {
        return Err(refuse(format!(
            "the signature is by {by}, not by {}",
            signer.address()
        )));
    }
    Ok(SignedCall {
        hash: *envelope.tx_hash(),
        raw: envelope.encoded_2718().into(),
    })
}

/// What was signed; `None` when these bytes are none of [`sign`].
pub(crate) fn read(raw: &Bytes) -> Option<TxEip1559> {
    let envelope = TxEnvelope::decode_2718_exact(raw).ok()?;
    Some(envelope.as_eip1559()?.tx().clone())
}

/// What a node says to a signed transaction.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It has it now, or had it before, or knows that the nonce is used: watching the chain tells.
    Taken,
    /// It said something else. It may have it all the same: gateways report errors of their own for
    /// transactions that they passed on.
    Unclear(String),
}

/// Hands the bytes to a node. Doing so twice is harmless: they are one transaction.
pub(crate) async fn broadcast(node: &Node, hash: B256, raw: &Bytes) -> Answer {
    let answer: Result<B256, ChainError> = node.call("eth_sendRawTransaction", json!([raw])).await;
    match answer {
        Ok(answered) if answered == hash => Answer::Taken,
        Ok(answered) => Answer::Unclear(format!("it answered with another hash, {answered}")),
        Err(ChainError::Rpc { message, .. }) => {
            let text = message.to_lowercase();
            let known = [
                "already known",
                "already imported",
                "known transaction",
                "alreadyknown",
                "already exists",
                "nonce too low",
            ];
            if known.iter().any(|known| text.contains(known)) {
                Answer::Taken
            } else {
                Answer::Unclear(message)
            }
        }
        Err(error) => Answer::Unclear(error.to_string()),
    }
}

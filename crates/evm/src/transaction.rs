//! Signed transactions.

use crate::error::EvmError;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, B512, Bytes, Signature};
use revm::{
    context::{TxEnv, either::Either},
    context_interface::transaction::{RecoveredAuthority, RecoveredAuthorization},
    precompile::secp256k1::ecrecover,
};

/// More gas than any block of a chain with real limits holds; bounds how long a hostile
/// transaction can keep the interpreter busy.
const MOST_GAS: u64 = 1 << 32;

/// A signed transaction, decoded, its sender recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    /// Transaction hash.
    pub hash: B256,
    /// Who signed it.
    pub sender: Address,
    /// What was signed.
    pub envelope: TxEnvelope,
    /// The signed bytes (EIP-2718).
    pub raw: Bytes,
}

impl SignedTransaction {
    /// Decodes signed bytes and recovers the sender.
    ///
    /// # Errors
    /// [`EvmError::Undecodable`] when they are not exactly one transaction with a valid signature.
    pub fn decode(raw: &Bytes) -> Result<Self, EvmError> {
        let envelope =
            TxEnvelope::decode_2718_exact(raw).map_err(|error| EvmError::Undecodable {
                reason: error.to_string(),
            })?;
        let sender = recover(envelope.signature(), envelope.signature_hash()).ok_or_else(|| {
            EvmError::Undecodable {
                reason: "the signature recovers no sender".to_owned(),
            }
        })?;
        Ok(Self {
            hash: *envelope.tx_hash(),
            sender,
            envelope,
            raw: raw.clone(),
        })
    }

    /// The transaction as revm takes it.
    pub(crate) fn to_env(&self) -> Result<TxEnv, EvmError> {
        let tx = &self.envelope;
        if tx.gas_limit() > MOST_GAS {
            return Err(EvmError::Unsupported {
                what: format!("a gas limit of {}", tx.gas_limit()),
            });
        }
        Ok(TxEnv {
            tx_type: tx.tx_type() as u8,
            caller: self.sender,
            gas_limit: tx.gas_limit(),
            gas_price: tx.max_fee_per_gas(),
            kind: tx.kind(),
            value: tx.value(),
            data: tx.input().clone(),
            nonce: tx.nonce(),
            chain_id: tx.chain_id(),
            access_list: tx.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: tx.max_priority_fee_per_gas(),
            blob_hashes: tx.blob_versioned_hashes().unwrap_or_default().to_vec(),
            max_fee_per_blob_gas: tx.max_fee_per_blob_gas().unwrap_or_default(),
            authorization_list: tx
                .authorization_list()
                .unwrap_or_default()
                .iter()
                .map(|signed| {
                    // Recovered once here: revm would do it at every look.
                    let authority = signed
                        .recover_authority()
                        .map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
                    Either::Right(RecoveredAuthorization::new_unchecked(
                        signed.inner().clone(),
                        authority,
                    ))
                })
                .collect(),
        })
    }
}

/// The signer, by the C library revm links anyway: a recording holds every transaction of a block,
/// and in Rust their senders would cost more than their execution.
fn recover(signature: &Signature, hash: B256) -> Option<Address> {
    // EIP-2: of the two signatures that fit, only the one with the lower s counts.
    if signature.normalize_s().is_some() {
        return None;
    }
    let mut bytes = B512::ZERO;
    bytes[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    bytes[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    ecrecover(&bytes, u8::from(signature.v()), &hash)
        .ok()
        .map(Address::from_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256, hex, uint};

    const SECP256K1N_ORDER: alloy_primitives::U256 =
        uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256);

    // EIP-155's example.
    const RAW: [u8; 110] = hex!(
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    );

    #[test]
    fn signed_bytes_give_hash_and_sender() {
        let tx = SignedTransaction::decode(&RAW.into()).unwrap();
        assert_eq!(
            tx.sender,
            address!("0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F")
        );
        assert_eq!(
            tx.hash,
            b256!("0x33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788")
        );
    }

    #[test]
    fn a_malleated_signature_recovers_no_sender() {
        let tx = SignedTransaction::decode(&RAW.into()).unwrap();
        let low = tx.envelope.signature();
        let high = Signature::new(low.r(), SECP256K1N_ORDER - low.s(), !low.v());
        let hash = tx.envelope.signature_hash();
        assert_eq!(recover(low, hash), Some(tx.sender));
        assert_eq!(recover(&high, hash), None);
    }

    #[test]
    fn cut_or_padded_bytes_are_no_transaction() {
        for raw in [&RAW[..109], &[&RAW[..], &[0]].concat(), &[]] {
            assert!(matches!(
                SignedTransaction::decode(&raw.to_vec().into()),
                Err(EvmError::Undecodable { .. })
            ));
        }
    }
}

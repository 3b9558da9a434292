//! A Safe's transaction: its hashes by version, the approvals of its owners, and `execTransaction`.
//!
//! What a hardware wallet shows is the domain and the message hash; what the Safe checks is the hash
//! of both. All three are computed here from the ten fields of the transaction, never taken from a
//! service.

use super::Call;
use crate::proposal::SafeHashes;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};

sol! {
    /// The functions of a Safe that its owners' approvals need; the same in every version since 0.1.0.
    interface ISafe {
        function execTransaction(
            address to,
            uint256 value,
            bytes data,
            uint8 operation,
            uint256 safeTxGas,
            uint256 baseGas,
            uint256 gasPrice,
            address gasToken,
            address refundReceiver,
            bytes signatures
        ) external payable returns (bool success);
        function approveHash(bytes32 hashToApprove) external;
        function getTransactionHash(
            address to,
            uint256 value,
            bytes data,
            uint8 operation,
            uint256 safeTxGas,
            uint256 baseGas,
            uint256 gasPrice,
            address gasToken,
            address refundReceiver,
            uint256 nonce
        ) external view returns (bytes32);
    }
}

/// A version family: what its domain and its transaction type look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The domain carries the chain id (1.3.0 on); without it a signature is good on every chain.
    pub has_chain_id: bool,
    /// The field is called `dataGas` (before 1.0.0), later `baseGas`.
    pub data_gas: bool,
}

impl Family {
    /// That of every version since 1.3.0.
    pub const NEWEST: Self = Self {
        has_chain_id: true,
        data_gas: false,
    };

    /// The family of a version text. `None` for versions whose hashes were never verified.
    pub fn of(version: &str) -> Option<Self> {
        // Layer-two builds carry `+L2`; the hashes are the same.
        let plain = version.split('+').next().unwrap_or_default();
        let family = |has_chain_id, data_gas| {
            Some(Self {
                has_chain_id,
                data_gas,
            })
        };
        match plain {
            "0.1.0" => family(false, true),
            "1.0.0" | "1.1.0" | "1.1.1" | "1.2.0" => family(false, false),
            "1.3.0" | "1.4.0" | "1.4.1" | "1.5.0" => family(true, false),
            _ => None,
        }
    }

    /// The EIP-712 domain separator.
    pub fn domain(self, chain_id: u64, safe: Address) -> B256 {
        if self.has_chain_id {
            let kind = keccak256("EIP712Domain(uint256 chainId,address verifyingContract)");
            keccak256((kind, U256::from(chain_id), safe).abi_encode())
        } else {
            let kind = keccak256("EIP712Domain(address verifyingContract)");
            keccak256((kind, safe).abi_encode())
        }
    }

    /// The EIP-712 struct hash of a transaction without gas refund.
    pub fn message(self, call: &Call, nonce: U256) -> B256 {
        let gas = if self.data_gas { "dataGas" } else { "baseGas" };
        let kind = keccak256(format!(
            "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,\
             uint256 {gas},uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
        ));
        let zero = U256::ZERO;
        let fields = (
            kind,
            call.to,
            call.value,
            keccak256(&call.data),
            U256::from(call.operation),
            (zero, zero, zero, Address::ZERO, Address::ZERO),
            nonce,
        );
        keccak256(fields.abi_encode())
    }

    /// All three hashes.
    pub fn hashes(self, chain_id: u64, safe: Address, call: &Call, nonce: u64) -> SafeHashes {
        let domain = self.domain(chain_id, safe);
        let message = self.message(call, U256::from(nonce));
        SafeHashes {
            safe,
            nonce,
            domain,
            message,
            safe_tx_hash: transaction_hash(domain, message),
        }
    }
}

/// What the owners of a Safe approve or sign.
pub fn transaction_hash(domain: B256, message: B256) -> B256 {
    keccak256([&[0x19, 0x01][..], domain.as_slice(), message.as_slice()].concat())
}

/// The call anyone may send once enough owners signed. Gas refund fields are zero: with `safeTxGas`
/// zero a failing inner call fails the whole transaction from 1.3.0 on.
pub fn execute(safe: Address, call: &Call, signatures: &Bytes) -> Call {
    let data = ISafe::execTransactionCall {
        to: call.to,
        value: call.value,
        data: call.data.clone(),
        operation: call.operation,
        safeTxGas: U256::ZERO,
        baseGas: U256::ZERO,
        gasPrice: U256::ZERO,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        signatures: signatures.clone(),
    };
    Call::new(safe, data.abi_encode())
}

/// The question for the hash that the owners approve, to the Safe itself: for versions whose hashes are not
/// computed here.
pub fn ask_hash(safe: Address, call: &Call, nonce: U256) -> Call {
    let data = ISafe::getTransactionHashCall {
        to: call.to,
        value: call.value,
        data: call.data.clone(),
        operation: call.operation,
        safeTxGas: U256::ZERO,
        baseGas: U256::ZERO,
        gasPrice: U256::ZERO,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        nonce,
    };
    Call::new(safe, data.abi_encode())
}

/// The call by which an owner approves a hash on chain instead of signing it.
pub fn approve(safe: Address, safe_tx_hash: B256) -> Call {
    let data = ISafe::approveHashCall {
        hashToApprove: safe_tx_hash,
    };
    Call::new(safe, data.abi_encode())
}

/// The signatures of owners who approved the hash on chain or send the transaction themselves, in the order
/// a Safe wants: by address, ascending. It refuses an owner who stands there twice.
pub fn approvals(owners: &[Address]) -> Bytes {
    const APPROVED: u8 = 1;
    let mut owners = owners.to_vec();
    owners.sort_unstable();
    let mut signatures = Vec::new();
    for owner in owners {
        signatures.extend(owner.into_word());
        signatures.extend([0; 32]);
        signatures.push(APPROVED);
    }
    signatures.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256};

    fn family(version: &str) -> Family {
        Family::of(version).unwrap()
    }

    #[test]
    fn type_hashes_are_the_ones_in_the_deployed_code() {
        let safe = Address::ZERO;
        let old = b256!("035aff83d86937d35b32e04f0ddc6ff469290eef2f1b692d8a815c89404d4749");
        let new = b256!("47e79534a245952e8b16893a336b85a3d9ea9fa8c573f3d803afb92a79469218");
        assert_eq!(
            family("1.2.0").domain(1, safe),
            keccak256((old, safe).abi_encode())
        );
        assert_eq!(
            family("1.3.0").domain(1, safe),
            keccak256((new, U256::from(1), safe).abi_encode())
        );
        for (version, kind) in [
            (
                "0.1.0",
                b256!("14d461bc7412367e924637b363c7bf29b8f47e2f84869f4426e5633d8af47b20"),
            ),
            (
                "1.1.1",
                b256!("bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8"),
            ),
        ] {
            let zero = U256::ZERO;
            let empty = (
                kind,
                safe,
                zero,
                keccak256([]),
                zero,
                zero,
                zero,
                zero,
                safe,
                safe,
                zero,
            );
            assert_eq!(
                family(version).message(&Call::new(safe, Bytes::new()), U256::ZERO),
                keccak256(empty.abi_encode()),
                "{version}"
            );
        }
    }

    #[test]
    fn published_vectors_are_reproduced() {
        // From the README of safe-tx-hashes-util: a transfer, and the nested approval of it.
        let call = Call {
            value: U256::from(100_000_000_000_000_000_u64),
            ..Call::new(
                address!("255C3912f91eF11bFDadd405F13144a823Da8cc5"),
                Bytes::new(),
            )
        };
        let safe = address!("657ff0D4eC65D82b2bC1247b0a558bcd2f80A0f1");
        let hashes = family("1.3.0").hashes(11_155_111, safe, &call, 4);
        assert_eq!(
            (hashes.domain, hashes.message, hashes.safe_tx_hash),
            (
                b256!("611379c19940caee095cdb12bebe6a9fa9abb74cdb1fbd7377c49a1f198dc24f"),
                b256!("565bba8b51924ffa64953596d0a2dd5c2cad39649f7de0bf2c8dbc903bd03258"),
                b256!("cb8bbe7bf8f8a1f3f57658e450d07d4422356ac042d96a87ba425b19e67a78a1"),
            )
        );
        let nested = family("1.4.1+L2").hashes(
            11_155_111,
            address!("6bc56d6CE87C86CB0756c616bECFD3Cd32b09251"),
            &approve(safe, hashes.safe_tx_hash),
            4,
        );
        assert_eq!(
            (nested.domain, nested.message, nested.safe_tx_hash),
            (
                b256!("55f6c329a7834e2a4e789f5526f328fa75d14fe75b97b0001be40caf46ca92a1"),
                b256!("cd411ee5d49344391ef8d37b76e19dfacf505bbb20e856ac907acb5958ecbdf0"),
                b256!("86eb3f93f2670d119a4ecb8eeaa4dafe31a28abcafe06688d47e195a3dd7abb0"),
            )
        );
    }

    #[test]
    fn unknown_versions_have_no_family() {
        for version in ["", "1.6.0", "2.0.0", "1.3", "v1.3.0", "+L2", "1.4.1\u{0}"] {
            assert_eq!(Family::of(version), None, "{version:?}");
        }
    }

    #[test]
    fn execution_calldata_carries_the_call() {
        let (safe, to) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let call = Call::new(to, vec![1, 2, 3]);
        let sent = execute(safe, &call, &approvals(&[to]));
        let decoded = ISafe::execTransactionCall::abi_decode(&sent.data).unwrap();
        assert_eq!((sent.to, decoded.to, decoded.data), (safe, to, call.data));
        assert_eq!(&sent.data[..4], [0x6a, 0x76, 0x12, 0x02]);
    }

    #[test]
    fn approvals_are_joined_by_owner() {
        let (low, high) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let joined = approvals(&[high, low]);
        assert_eq!(joined.len(), 2 * 65);
        assert_eq!(&joined[12..32], low.as_slice());
        assert_eq!(joined[64], 1);
        assert_eq!(&joined[65 + 12..65 + 32], high.as_slice());
    }
}

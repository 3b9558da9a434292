//! A Safe's hashes and its `execTransaction`, by version.
//!
//! What a hardware wallet shows is the domain and the message hash; what the Safe checks is the hash
//! of both. All three are computed here from the ten fields of the transaction, never taken from a
//! service.

use alloy_primitives::{Address, B256, Bytes, U256, address, b256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use cutover_types::{Call, inspection::CodeAt, proposal::SafeHashes};

sol! {
    /// The two functions of a Safe that a proposal needs; the same in every version since 0.1.0.
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
    }
}

/// What must be known of a Safe to compute its hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeFacts {
    /// The Safe.
    pub address: Address,
    /// What `VERSION()` answers, such as `1.4.1` or `1.3.0+L2`; untrusted text.
    pub version: String,
    /// Its nonce now: the forward call takes it, the way back the next, forward again the one after.
    pub nonce: u64,
    /// The `MultiSendCallOnly` that is there: what several calls go through.
    pub multi_send: Option<CodeAt>,
    /// What `domainSeparator()` answers, where it was asked: compared with what is computed.
    pub domain_separator: Option<B256>,
}

/// `MultiSendCallOnly` by release: where the deterministic deployers put it, and its code.
const MULTI_SENDS: [(&str, &[Address], B256); 3] = [
    (
        "1.4.1",
        &[address!("9641d764fc13c8B624c04430C7356C1C7C8102e2")],
        b256!("ecd5bd14a08c5d2122379900b2f272bdf107a7e92423c10dd5fe3254386c9939"),
    ),
    (
        "1.5.0",
        &[address!("A83c336B20401Af773B6219BA5027174338D1836")],
        b256!("cdbdcec38d2f1c7d961b0029ff8416b7e86e9974d6f0e9c9580c7d17fcfb6663"),
    ),
    (
        "1.3.0",
        &[
            address!("40A2aCCbd92BCA938b02010E17A5b8929b49130D"),
            address!("A1dabEF33b3B82c7814B6D82A79e50F4AC44102B"),
        ],
        b256!("a9865ac2d9c7a1591619b188c4d88167b50df6cc0c5327fcbd1c8c75f7c066ad"),
    ),
];

/// Every place of a `MultiSendCallOnly` with its code hash, those of a Safe's own version first. It can
/// make no delegate calls, so its code says all of what it may do.
pub fn multi_sends(version: &str) -> Vec<CodeAt> {
    let plain = version.split('+').next().unwrap_or_default();
    let own = |release: &&(&str, &[Address], B256)| release.0 == plain;
    let others = MULTI_SENDS.iter().filter(|release| !own(release));
    let mut places = Vec::new();
    for (_, addresses, code_hash) in MULTI_SENDS.iter().filter(own).chain(others) {
        places.extend(addresses.iter().map(|&address| CodeAt {
            address,
            code_hash: *code_hash,
        }));
    }
    places
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
    pub fn message(self, call: &Call, nonce: u64) -> B256 {
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
            U256::from(nonce),
        );
        keccak256(fields.abi_encode())
    }

    /// All three hashes.
    pub fn hashes(self, chain_id: u64, safe: Address, call: &Call, nonce: u64) -> SafeHashes {
        let domain = self.domain(chain_id, safe);
        let message = self.message(call, nonce);
        let safe_tx_hash =
            keccak256([&[0x19, 0x01][..], domain.as_slice(), message.as_slice()].concat());
        SafeHashes {
            safe,
            nonce,
            domain,
            message,
            safe_tx_hash,
        }
    }
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

/// The call by which an owner approves a hash on chain instead of signing it.
pub fn approve(safe: Address, safe_tx_hash: B256) -> Call {
    let data = ISafe::approveHashCall {
        hashToApprove: safe_tx_hash,
    };
    Call::new(safe, data.abi_encode())
}

/// Joins 65-byte signatures in the order a Safe wants: by owner address, ascending, none twice.
/// `None` when an owner signed twice.
pub fn join(mut signatures: Vec<(Address, [u8; 65])>) -> Option<Bytes> {
    signatures.sort_by_key(|(owner, _)| *owner);
    if signatures.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return None;
    }
    Some(signatures.iter().flat_map(|(_, bytes)| *bytes).collect())
}

/// The signature of an owner who approved the hash on chain, or who sends the transaction itself.
pub fn approved_by(owner: Address) -> [u8; 65] {
    let mut signature = [0; 65];
    signature[12..32].copy_from_slice(owner.as_slice());
    signature[64] = 1;
    signature
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
                family(version).message(&Call::new(safe, Bytes::new()), 0),
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
        let sent = execute(safe, &call, &Bytes::from(approved_by(to)));
        let decoded = ISafe::execTransactionCall::abi_decode(&sent.data).unwrap();
        assert_eq!((sent.to, decoded.to, decoded.data), (safe, to, call.data));
        assert_eq!(&sent.data[..4], [0x6a, 0x76, 0x12, 0x02]);
    }

    #[test]
    fn signatures_are_joined_by_owner() {
        let (low, high) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let joined = join(vec![(high, approved_by(high)), (low, approved_by(low))]).unwrap();
        assert_eq!(&joined[12..32], low.as_slice());
        assert_eq!(&joined[65 + 12..65 + 32], high.as_slice());
        assert_eq!(join(vec![(low, [0; 65]), (low, [1; 65])]), None);
    }
}

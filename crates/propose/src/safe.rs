//! What a proposal must know of a Safe, and where the contract is that makes several calls one.

use alloy_primitives::{Address, B256, address, b256};
use cutover_types::inspection::CodeAt;

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

//! Calls of functions that are known by their signature.

use super::selector;
use alloy_primitives::{Address, B256, Bytes, U256};

/// A call of `name` with the first address and all further ones given, and nothing but zeros else.
pub(super) fn calldata(name: &str, first: Address, rest: Address) -> Bytes {
    let mut data = selector(name);
    let types = name.split_once('(').map_or("", |(_, types)| types);
    let types: Vec<_> = types.trim_end_matches(')').split(',').collect();
    let mut addresses = [first].into_iter().chain(std::iter::repeat(rest));
    let mut tails = 0;
    for kind in types.iter().filter(|kind| !kind.is_empty()) {
        let word = match *kind {
            "address" => addresses.next().unwrap_or_default().into_word(),
            "bool" => B256::with_last_byte(1),
            kind if kind.ends_with("[]") || kind == "bytes" || kind == "string" => {
                tails += 1;
                U256::from(32 * (types.len() + tails - 1)).into()
            }
            _ => B256::ZERO,
        };
        data.extend(word);
    }
    // Every tail is empty: its length.
    data.extend(std::iter::repeat_n(0, 32 * tails));
    data.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::SolCall;

    alloy_sol_types::sol! {
        function scheduleBatch(address[] targets, uint256[] values, bytes[] payloads, bytes32 predecessor, bytes32 salt, uint256 delay) external;
        function upgradeAndCall(address proxy, address next, bytes data) external;
        function setUpgrading(bool on) external;
        function owner() external;
    }

    #[test]
    fn arguments_are_what_the_signature_asks_for() {
        let (first, rest) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let encoded = |name| calldata(name, first, rest).to_vec();
        let batch = scheduleBatchCall {
            targets: vec![],
            values: vec![],
            payloads: vec![],
            predecessor: B256::ZERO,
            salt: B256::ZERO,
            delay: U256::ZERO,
        };
        let name = "scheduleBatch(address[],uint256[],bytes[],bytes32,bytes32,uint256)";
        assert_eq!(encoded(name), batch.abi_encode());
        let upgrade = upgradeAndCallCall {
            proxy: first,
            next: rest,
            data: Bytes::new(),
        };
        assert_eq!(
            encoded("upgradeAndCall(address,address,bytes)"),
            upgrade.abi_encode()
        );
        let on = setUpgradingCall { on: true };
        assert_eq!(encoded("setUpgrading(bool)"), on.abi_encode());
        assert_eq!(encoded("owner()"), ownerCall {}.abi_encode());
    }
}

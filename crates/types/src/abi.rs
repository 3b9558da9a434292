//! The ABIs Cutover calls: proxies, their admins and beacons (OpenZeppelin 3.x to 5.x, zos).
#![allow(
    missing_docs,
    reason = "the names and docs of these items are the contracts' own"
)]

use alloy_primitives::{B256, b256};

alloy_sol_types::sol! {
    /// Implementation, admin and beacon events of ERC-1967, and the proxies' own upgrade functions.
    interface IProxy {
        event Upgraded(address indexed implementation);
        event AdminChanged(address previousAdmin, address newAdmin);
        event BeaconUpgraded(address indexed beacon);
        function upgradeTo(address newImplementation) external;
        function upgradeToAndCall(address newImplementation, bytes data) external payable;
        function implementation() external view returns (address);
        function admin() external view returns (address);
        function proxiableUUID() external view returns (bytes32);
        function UPGRADE_INTERFACE_VERSION() external view returns (string);
        function owner() external view returns (address);
    }

    /// OpenZeppelin's ProxyAdmin: `upgrade` up to 4.x, `upgradeAndCall` in every version.
    interface IProxyAdmin {
        function upgrade(address proxy, address implementation) external;
        function upgradeAndCall(address proxy, address implementation, bytes data) external payable;
        function getProxyAdmin(address proxy) external view returns (address);
        function getProxyImplementation(address proxy) external view returns (address);
    }

    /// OpenZeppelin's UpgradeableBeacon.
    interface IBeacon {
        function implementation() external view returns (address);
        function upgradeTo(address newImplementation) external;
    }
}

/// ERC-1967 implementation slot: `keccak256("eip1967.proxy.implementation") - 1`.
pub const IMPLEMENTATION_SLOT: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// ERC-1967 admin slot: `keccak256("eip1967.proxy.admin") - 1`.
pub const ADMIN_SLOT: B256 =
    b256!("b53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");
/// ERC-1967 beacon slot: `keccak256("eip1967.proxy.beacon") - 1`.
pub const BEACON_SLOT: B256 =
    b256!("a3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50");
/// zos implementation slot: `keccak256("org.zeppelinos.proxy.implementation")`.
pub const ZOS_IMPLEMENTATION_SLOT: B256 =
    b256!("7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3");
/// zos admin slot: `keccak256("org.zeppelinos.proxy.admin")`.
pub const ZOS_ADMIN_SLOT: B256 =
    b256!("10d6a54a4754c8869d6886b5f5d7fbfa5b4522237ea5c60d11bc4e7a1ff9390b");
/// OpenZeppelin 5.x `Initializable` (ERC-7201): `_initialized` is the low 8 bytes.
pub const INITIALIZABLE_SLOT: B256 =
    b256!("f0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00");

/// Slots that proxies keep for themselves, with what they hold.
pub const PROXY_SLOTS: [(B256, &str); 7] = [
    (IMPLEMENTATION_SLOT, "the ERC-1967 implementation"),
    (ADMIN_SLOT, "the ERC-1967 admin"),
    (BEACON_SLOT, "the ERC-1967 beacon"),
    (
        b256!("4910fdfa16fed3260ed0e7147f7cc6da11a60208b5b9406d12a635614ffd9143"),
        "the rollback flag of old UUPS proxies",
    ),
    (
        b256!("c5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7"),
        "the ERC-1822 implementation",
    ),
    (ZOS_IMPLEMENTATION_SLOT, "the zos implementation"),
    (ZOS_ADMIN_SLOT, "the zos admin"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U256, keccak256};

    #[test]
    fn slots_are_the_hashes_their_standards_define() {
        let minus_one =
            |name: &str| B256::from(U256::from_be_bytes(keccak256(name).0) - U256::from(1));
        assert_eq!(
            IMPLEMENTATION_SLOT,
            minus_one("eip1967.proxy.implementation")
        );
        assert_eq!(ADMIN_SLOT, minus_one("eip1967.proxy.admin"));
        assert_eq!(BEACON_SLOT, minus_one("eip1967.proxy.beacon"));
        assert_eq!(
            ZOS_IMPLEMENTATION_SLOT,
            keccak256("org.zeppelinos.proxy.implementation")
        );
        assert_eq!(ZOS_ADMIN_SLOT, keccak256("org.zeppelinos.proxy.admin"));
        assert_eq!(PROXY_SLOTS[3].0, minus_one("eip1967.proxy.rollback"));
        assert_eq!(PROXY_SLOTS[4].0, keccak256("PROXIABLE"));
    }
}
